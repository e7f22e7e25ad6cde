//! `run`: a new container, its command attached to or left alone.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use layerkit::{ContainerStreams, Error, Event, ExitReport, RunOptions, Task};

use super::super::pull::Lines;
use super::super::{Context, Verb};
use super::attached::{Attachment, attached, check_terminal};
use super::create::{FLAGS, IdFile, first_size, options};
use super::detach_keys::{self, DetachKeys};
use crate::failure::{Failure, Outcome};
use crate::flags::{Arity, Syntax, Words};
use crate::output;
use crate::progress::task;

pub const RUN: Verb = Verb {
    syntax: Syntax {
        name: "run",
        usage: "[OPTIONS] IMAGE [COMMAND] [ARG...]",
        about: "Run a command in a new container",
        flags: FLAGS,
        arity: Arity::Command(1),
    },
    run,
};

fn run(context: &Context, syntax: &Syntax, words: &Words) -> Outcome {
    let detach = words.is_on("detach");
    let mut create = options(syntax, words)?;
    create.stdin_once &= !detach;
    let (stdin, stdout, stderr) = streams(syntax, words)?;
    if detach && words.last("attach").is_some() {
        return Err(Failure::Message("Conflicting options: -a and -d".to_owned()));
    }
    let tty = create.tty;
    if !detach {
        check_terminal(tty, stdin)?;
    }
    let image = words.names()?[0].clone();
    let options = RunOptions { create, detach, tty_size: first_size(words) };
    let file = IdFile::of(words)?;
    let engine = context.engine()?;
    let quiet = words.is_on("quiet");
    if detach {
        let report = engine
            .containers_run(&image, &options, ContainerStreams::default(), &pulling(&image, quiet)?)
            .map_err(Failure::Container)?;
        file.write(&report.id)?;
        return Ok(output::line(report.id)?);
    }
    let started = Arc::new(AtomicBool::new(false));
    let attachment = Attachment {
        tty,
        stdin,
        stdout,
        stderr,
        signals: proxies_signals(words),
        keys: DetachKeys::parse(&words.text("detach-keys")?.unwrap_or(detach_keys::DEFAULT.to_owned()))?,
    };
    let mut lines = PullLines::new(&image, quiet);
    let task = Task::new()?.on_event({
        let started = Arc::clone(&started);
        let lines = std::sync::Mutex::new(move |event: &Event| lines.tell(event));
        move |event| {
            match event {
                Event::ContainerCreated { container } => file.write(container).map_err(|_| {
                    Error::new(layerkit::ErrorKind::Callback, "the file of --cidfile cannot be written")
                })?,
                Event::ContainerStarted { .. } => started.store(true, Ordering::SeqCst),
                _ => {}
            }
            let mut tell = lines.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
            tell(event);
            Ok(())
        }
    });
    let outcome = attached(attachment, &task, &started, |streams| {
        engine.containers_run(&image, &options, streams, &task)
    });
    ended(outcome)
}

/// What the end of a command is to this one: its exit code, none where it was left running.
pub fn ended(outcome: Outcome<ExitReport>) -> Outcome {
    match outcome {
        Ok(ExitReport { exit_code: None | Some(0), .. }) => Ok(()),
        Ok(ExitReport { exit_code: Some(code), .. }) => {
            Err(Failure::Ended(u8::try_from(code).unwrap_or(255)))
        }
        Err(Failure::Library(error)) => Err(Failure::Container(error)),
        Err(other) => Err(other),
    }
}

/// Signals are passed on unless that is switched off.
pub fn proxies_signals(words: &Words) -> bool {
    words.last("sig-proxy").is_none() || words.is_on("sig-proxy")
}

/// Which of the streams are wanted: those of `-a`, or the outputs and, with `-i`, the input.
fn streams(syntax: &Syntax, words: &Words) -> Outcome<(bool, bool, bool)> {
    let asked = words.texts("attach")?;
    if asked.is_empty() {
        return Ok((words.is_on("interactive"), true, true));
    }
    for name in &asked {
        if !["stdin", "stdout", "stderr"].contains(&name.to_lowercase().as_str()) {
            return Err(syntax.invalid("attach", name, "valid streams are STDIN, STDOUT and STDERR"));
        }
    }
    let has = |name: &str| asked.iter().any(|asked| asked.eq_ignore_ascii_case(name));
    Ok((has("stdin"), has("stdout"), has("stderr")))
}

/// A task that tells a pull on standard error, as `run` and `create` do: what they print is the container's.
pub fn pulling(image: &str, quiet: bool) -> Outcome<Task> {
    let lines = std::sync::Mutex::new(PullLines::new(image, quiet));
    Ok(task()?.on_event(move |event| {
        lines.lock().unwrap_or_else(std::sync::PoisonError::into_inner).tell(event);
        Ok(())
    }))
}

struct PullLines {
    lines: Lines,
    image: String,
    quiet: bool,
}

impl PullLines {
    fn new(image: &str, quiet: bool) -> Self {
        PullLines { lines: Lines::default(), image: image.to_owned(), quiet }
    }

    fn tell(&mut self, event: &Event) {
        if let Event::Resolving { .. } = event {
            output::complain(format_args!("Unable to find image '{}' locally", shown(&self.image)));
        }
        if let Event::Warning { message, .. } = event {
            return output::complain(format_args!("WARNING: {message}"));
        }
        for said in self.lines.told_of(event) {
            if let Some(line) = said.plain().filter(|_| !self.quiet) {
                output::complain(line);
            }
        }
        if let Event::Pulled { name, new, .. } = event
            && !self.quiet
        {
            let what = if *new { "Downloaded newer image" } else { "Image is up to date" };
            output::complain(format_args!("Status: {what} for {name}"));
        }
    }
}

/// The name with its tag, as Docker shows it.
fn shown(image: &str) -> String {
    match image.parse::<layerkit::Reference>() {
        Ok(reference) => reference.with_default_tag().to_string(),
        Err(_) => image.to_owned(),
    }
}
