//! A command that is attached to: the terminal made raw, its size and the signals passed on, the keys that detach.

use std::io::{self, IsTerminal, Write};
use std::os::fd::{AsFd, OwnedFd};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;

use layerkit::{
    ContainerControl, ContainerStreams, Error, ExitReport, LogStream, Result, Task, TerminalSize,
};
use rustix::pipe::{PipeFlags, pipe_with};
use rustix::termios::tcgetwinsize;
use signal_hook::consts::{SIGHUP, SIGINT, SIGQUIT, SIGTERM, SIGUSR1, SIGUSR2, SIGWINCH};
use signal_hook::iterator::Signals;

use super::detach_keys::DetachKeys;
use crate::failure::{Failure, Outcome};
use crate::terminal::Silence;

/// How often a signal that means the end is passed on before the container is killed.
const PATIENCE: u32 = 3;

/// What of a command this one is connected with.
pub struct Attachment {
    /// It has a terminal, which stands for this one.
    pub tty: bool,
    /// It reads what this one reads.
    pub stdin: bool,
    /// Its standard output and error are shown.
    pub stdout: bool,
    /// Likewise.
    pub stderr: bool,
    /// Signals are passed on. Otherwise they end this command.
    pub signals: bool,
    /// What detaches, on a terminal.
    pub keys: DetachKeys,
}

/// The size of the terminal that output goes to, if it does.
pub fn size_of_terminal() -> Option<TerminalSize> {
    let size = tcgetwinsize(rustix::stdio::stdout()).ok()?;
    (size.ws_row > 0 && size.ws_col > 0).then_some(TerminalSize { rows: size.ws_row, cols: size.ws_col })
}

/// Refuses a terminal for what does not come from one.
pub fn check_terminal(tty: bool, stdin: bool) -> Outcome {
    if tty && stdin && !io::stdin().is_terminal() {
        return Err(Failure::Message("the input device is not a TTY".to_owned()));
    }
    Ok(())
}

/// Runs an operation of the library with these streams. `task` is cancelled by signals until the command runs, and by one too many after that.
pub fn attached(
    attachment: Attachment,
    task: &Task,
    started: &Arc<AtomicBool>,
    operation: impl FnOnce(ContainerStreams<'_>) -> Result<ExitReport>,
) -> Outcome<ExitReport> {
    let Attachment { tty, stdin, stdout, stderr, signals, keys } = attachment;
    let control = ContainerControl::new();
    watch_signals(task, &control, started, signals && !tty, tty)?;
    let is_terminal = tty && stdin && io::stdin().is_terminal();
    let raw =
        match is_terminal {
            true => Some(Silence::raw(rustix::stdio::stdin()).map_err(|error| {
                Failure::Message(format!("set up the terminal: {}", io::Error::from(error)))
            })?),
            false => None,
        };
    let input = match (stdin, is_terminal) {
        (false, _) => None,
        (true, false) => Some(own_stdin()?),
        (true, true) => Some(filtered(keys, control.clone())?),
    };
    let mut show = |stream: LogStream, bytes: &[u8]| {
        let written = match stream {
            LogStream::Stdout if stdout => write(&mut io::stdout().lock(), bytes),
            LogStream::Stderr if stderr => write(&mut io::stderr().lock(), bytes),
            _ => Ok(()),
        };
        written.map_err(|error| Error::io("standard output", error))
    };
    let streams = ContainerStreams { stdin: input, output: Some(&mut show), control: Some(control) };
    let report = operation(streams);
    drop(raw);
    Ok(report?)
}

fn write(to: &mut dyn Write, bytes: &[u8]) -> io::Result<()> {
    to.write_all(bytes)?;
    to.flush()
}

fn own_stdin() -> Outcome<OwnedFd> {
    io::stdin()
        .as_fd()
        .try_clone_to_owned()
        .map_err(|error| Failure::Message(format!("standard input: {error}")))
}

/// Standard input through a thread that looks for the keys. It ends with the process: a read of a terminal cannot be called off.
fn filtered(mut keys: DetachKeys, control: ContainerControl) -> Outcome<OwnedFd> {
    let failed = |error: io::Error| Failure::Message(format!("standard input: {error}"));
    let (reader, writer) = pipe_with(PipeFlags::CLOEXEC).map_err(|error| failed(error.into()))?;
    thread::spawn(move || {
        let mut buffer = [0; 4096];
        loop {
            let typed = match rustix::io::read(rustix::stdio::stdin(), &mut buffer[..]) {
                Ok(0) => return,
                Ok(n) => &buffer[..n],
                Err(rustix::io::Errno::INTR) => continue,
                Err(_) => return,
            };
            let (passed, detach) = keys.pass(typed);
            let mut rest = passed.as_slice();
            while !rest.is_empty() {
                match rustix::io::write(&writer, rest) {
                    Ok(n) => rest = &rest[n..],
                    Err(rustix::io::Errno::INTR) => {}
                    // Nobody reads any more.
                    Err(_) => return,
                }
            }
            if detach {
                return control.detach();
            }
        }
    });
    Ok(reader)
}

/// Passes signals on once the command runs, and the size of the terminal whenever it changes.
fn watch_signals(
    task: &Task,
    control: &ContainerControl,
    started: &Arc<AtomicBool>,
    pass: bool,
    tty: bool,
) -> Outcome {
    let mut watched = if tty { vec![SIGWINCH] } else { Vec::new() };
    if pass {
        watched.extend([SIGHUP, SIGINT, SIGQUIT, SIGTERM, SIGUSR1, SIGUSR2]);
    } else {
        watched.extend([SIGINT, SIGTERM]);
    }
    let mut signals = Signals::new(watched)
        .map_err(|error| Failure::Message(format!("cannot listen to signals: {error}")))?;
    let (token, control, started) = (task.token().clone(), control.clone(), Arc::clone(started));
    thread::spawn(move || {
        let mut ends = 0;
        for signal in signals.forever() {
            match signal {
                SIGWINCH => {
                    if let Some(size) = size_of_terminal() {
                        control.resize(size.rows, size.cols);
                    }
                }
                SIGINT | SIGTERM if !pass || !started.load(Ordering::SeqCst) || ends + 1 >= PATIENCE => {
                    crate::cancel::note(signal);
                    token.cancel();
                }
                signal => {
                    ends += u32::from(matches!(signal, SIGINT | SIGTERM));
                    // Fails only for what is no signal.
                    let _ = control.signal(&signal.to_string());
                }
            }
        }
    });
    Ok(())
}
