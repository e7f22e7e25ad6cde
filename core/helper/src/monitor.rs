//! The process that stays beside a container: hands its streams to whoever is connected, writes its log and its state, and ends it.
//!
//! One thread and one loop around poll(2). It never waits for a client: what one does not take is kept up to a bound, and then the
//! container waits, whose output is not read meanwhile.

mod client;
mod exec;
mod log;
mod pause;
mod process;
mod requests;
mod written;

use std::io;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd};

use rustix::event::{PollFd, PollFlags, poll};
use rustix::io::Errno;
use rustix::net::{AddressFamily, SocketAddrUnix, SocketFlags, SocketType};
use rustix::process::PidfdFlags;

use crate::cgroup::Cgroup;
use crate::frames::{Answer, STDERR, STDIN, STDOUT};
use crate::message::Watch;
use crate::{Failure, Result, Step, chroot, supervisor};
use client::Client;
use log::Log;
use pause::Pause;
use process::{Process, Told};
use written::Writer;

/// Connections at once; more wait.
const CLIENTS: usize = 256;
/// The socket's name in the container's folder.
const CONTROL: &str = "control";

/// Everything of a container that runs.
struct Monitor {
    watch: Watch,
    folder: OwnedFd,
    lock: OwnedFd,
    /// The locked directory of its changes.
    upper: Option<OwnedFd>,
    /// What the first connection's process is; its end is the container's, unless that is detached.
    caller: Option<OwnedFd>,
    listener: OwnedFd,
    /// Readable when a child has ended.
    children: OwnedFd,
    cgroup: Option<Cgroup>,
    /// A descriptor of this process.
    this: OwnedFd,
    /// Process 1 first, then what was executed.
    processes: Vec<Process>,
    clients: Vec<Client>,
    log: Log,
    state: Writer,
    pause: Option<Pause>,
    next: u64,
}

/// Becomes a monitor, in a process of its own, and returns in the one that was started once that is on its way.
pub fn begin(watch: Watch, descriptors: Vec<OwnedFd>) {
    let socket = rustix::stdio::stdin();
    let Ok([folder, lock]) = <[OwnedFd; 2]>::try_from(descriptors) else { return };
    // Before the fork: only the caller's child can tell whether it still is its parent.
    let caller = match supervisor::caller(&watch.start) {
        Ok(caller) => caller,
        Err(failure) => return refuse(socket, failure),
    };
    // SAFETY: this process has one thread, so the child may do all that this one may.
    match unsafe { libc::fork() } {
        -1 => refuse(socket, Failure::system("fork")),
        0 => {
            let _ = rustix::process::setsid();
            let _ = rustix::thread::set_name(c"layerkit-watch");
            let Ok(first) = rustix::io::fcntl_dupfd_cloexec(socket, 3) else { return };
            let told = first.try_clone();
            let caller = (!watch.detached).then_some(caller);
            if let Err(failure) = let_go_of_streams().and_then(|()| run(watch, folder, lock, caller, first))
                && let Ok(socket) = told
            {
                refuse(socket.as_fd(), failure);
            }
        }
        _ => {}
    }
}

/// Says that there will be no container.
fn refuse(socket: BorrowedFd<'_>, failure: Failure) {
    let answer = Answer::Failed { errno: failure.errno, step: failure.step, code: 0 }.encode();
    // A failure is small, and nothing was sent before: the socket has room for it.
    let _ = rustix::net::send(socket, &answer, rustix::net::SendFlags::NOSIGNAL);
}

/// The standard streams become those of a process that nobody looks at.
fn let_go_of_streams() -> Result<()> {
    let flags = rustix::fs::OFlags::RDWR | rustix::fs::OFlags::CLOEXEC;
    let null = rustix::fs::open("/dev/null", flags, rustix::fs::Mode::empty()).step(|| "open /dev/null")?;
    rustix::stdio::dup2_stdin(&null)
        .and_then(|()| rustix::stdio::dup2_stdout(&null))
        .and_then(|()| rustix::stdio::dup2_stderr(&null))
        .step(|| "empty the standard streams")
}

fn run(watch: Watch, folder: OwnedFd, lock: OwnedFd, caller: Option<OwnedFd>, first: OwnedFd) -> Result<()> {
    let upper = supervisor::lock(&watch.start.upper)?;
    let cgroup = Cgroup::new(&watch.start)?;
    let mut state = Writer::new(&folder, cgroup.as_ref(), &watch.start)?;
    let listener = listen(&folder)?;
    let this = rustix::process::pidfd_open(rustix::process::getpid(), PidfdFlags::empty())
        .step(|| "open a descriptor of this process")?;
    let children = chroot::ended_children()?;
    if watch.start.chroot {
        chroot::adopt_orphans()?;
    }
    let log = Log::open(&folder, watch.log_size, watch.log_files)?;
    let main = process::start_main(&watch, &this, cgroup.as_ref())?;
    let mut client = Client::new(first, 0, watch.attach);
    client.primary = !watch.detached;
    client.starting = true;
    state.pid = main.pid.as_raw_nonzero().get() as u32;
    let mut monitor = Monitor {
        watch,
        folder,
        lock,
        upper,
        caller,
        listener,
        children,
        cgroup,
        this,
        processes: vec![main],
        clients: vec![client],
        log,
        state,
        pause: None,
        next: 1,
    };
    while monitor.processes.first().is_some_and(|main| main.code.is_none()) {
        monitor.turn()?;
    }
    monitor.end();
    Ok(())
}

/// The socket for everybody else. The folder's path may be longer than an address: it is reached by its descriptor.
fn listen(folder: &OwnedFd) -> Result<OwnedFd> {
    match rustix::fs::unlinkat(folder, CONTROL, rustix::fs::AtFlags::empty()) {
        Ok(()) | Err(Errno::NOENT) => {}
        Err(error) => return Err(error).step(|| "remove an old control socket"),
    }
    let flags = SocketFlags::CLOEXEC | SocketFlags::NONBLOCK;
    let listener = rustix::net::socket_with(AddressFamily::UNIX, SocketType::STREAM, flags, None)
        .step(|| "create a control socket")?;
    let address = SocketAddrUnix::new(format!("/proc/self/fd/{}/{CONTROL}", folder.as_raw_fd()))
        .step(|| "address the control socket")?;
    rustix::net::bind(&listener, &address).step(|| "bind the control socket")?;
    rustix::net::listen(&listener, 64).step(|| "listen on the control socket")?;
    Ok(listener)
}

/// What a descriptor of a turn stands for.
#[derive(Clone, Copy)]
enum Source {
    Children,
    Listener,
    Caller,
    Client(usize),
    Told(usize),
    Input(usize),
    Output(usize, u32),
}

impl Monitor {
    /// Waits until there is something to do, and does it.
    fn turn(&mut self) -> Result<()> {
        let mut sources = Vec::new();
        let mut waits: Vec<PollFd<'_>> = Vec::new();
        let mut wait = |source, fd, flags| {
            sources.push(source);
            waits.push(PollFd::from_borrowed_fd(fd, flags));
        };
        wait(Source::Children, self.children.as_fd(), PollFlags::IN);
        if self.clients.len() < CLIENTS {
            wait(Source::Listener, self.listener.as_fd(), PollFlags::IN);
        }
        if let Some(caller) = &self.caller {
            wait(Source::Caller, caller.as_fd(), PollFlags::IN);
        }
        for (number, process) in self.processes.iter().enumerate() {
            if let Some(report) = &process.report {
                wait(Source::Told(number), report.as_fd(), PollFlags::IN);
            }
            if let Some(stdin) = process.stdin().filter(|_| !process.pending.is_empty()) {
                wait(Source::Input(number), stdin, PollFlags::OUT);
            }
            for stream in [STDOUT, STDERR] {
                let is_full = || self.clients.iter().any(|client| client.holds_up(process.id, stream));
                if let Some(output) = process.output(stream).filter(|_| !is_full()) {
                    wait(Source::Output(number, stream), output, PollFlags::IN);
                }
            }
        }
        for (number, client) in self.clients.iter().enumerate() {
            let is_stuck =
                self.processes.iter().any(|process| process.id == client.process && process.is_stuck());
            let flags = client.waits_for(is_stuck);
            // Of one that is waited for in no way, the end would be told again and again.
            if !flags.is_empty() || client.primary {
                wait(Source::Client(number), client.socket.as_fd(), flags);
            }
        }
        match poll(&mut waits, None) {
            Ok(_) | Err(Errno::INTR) => {}
            Err(error) => return Err(error).step(|| "wait for the container"),
        }
        let ready: Vec<(Source, PollFlags)> = sources
            .into_iter()
            .zip(waits.iter().map(|wait| wait.revents()))
            .filter(|(_, events)| !events.is_empty())
            .collect();
        for (source, events) in &ready {
            match *source {
                Source::Told(number) => self.hear(number),
                Source::Input(number) => self.processes[number].feed(),
                Source::Output(number, stream) => self.pass_output(number, stream).map_or((), drop),
                Source::Client(number) => self.serve(number, *events),
                Source::Caller => {
                    self.caller = None;
                    self.kill();
                }
                Source::Children | Source::Listener => {}
            }
        }
        // Last, because numbers change by these.
        for (source, _) in &ready {
            match source {
                Source::Listener => self.accept(),
                Source::Children => self.reap(),
                _ => {}
            }
        }
        self.leave_the_gone();
        Ok(())
    }

    fn accept(&mut self) {
        let flags = SocketFlags::CLOEXEC | SocketFlags::NONBLOCK;
        if let Ok(socket) = rustix::net::accept_with(&self.listener, flags) {
            let mut client = Client::new(socket, 0, 0);
            client.say(&Answer::Started { pid: self.state.pid });
            self.clients.push(client);
        }
    }

    /// Whether a process has been executed, or why not.
    fn hear(&mut self, number: usize) {
        let process = &mut self.processes[number];
        let told = process.hear();
        let (id, pid) = (process.id, process.pid.as_raw_nonzero().get() as u32);
        match told {
            Told::Nothing => return,
            Told::Executed if id == 0 => {
                self.state.started();
                self.state.write(&self.folder);
            }
            Told::Executed => {}
            // It is said when the process has ended.
            Told::Failed => return,
        }
        for client in self.clients.iter_mut().filter(|client| client.process == id && client.starting) {
            client.starting = false;
            client.say(&Answer::Started { pid });
        }
    }

    /// Reads a stream once and hands it to all that take part. `None` when there is no more for now.
    fn pass_output(&mut self, number: usize, stream: u32) -> Option<()> {
        let process = &mut self.processes[number];
        let bytes = process.read(stream)?;
        let id = process.id;
        if id == 0 {
            self.log.write(&self.folder, stream, &bytes);
        }
        let mut frame = None;
        for client in
            self.clients.iter_mut().filter(|client| client.process == id && client.streams & stream != 0)
        {
            let frame = frame.get_or_insert_with(|| match stream {
                STDERR => Answer::Stderr(bytes.clone()).encode(),
                _ => Answer::Stdout(bytes.clone()).encode(),
            });
            client.push(frame);
        }
        Some(())
    }

    /// Takes note of children that have ended.
    fn reap(&mut self) {
        let mut buffer = [0; 1024];
        while rustix::io::read(&self.children, &mut buffer[..]).is_ok_and(|n| n > 0) {}
        while let Some((pid, code)) = process::reap_one() {
            let ended = self
                .processes
                .iter_mut()
                .find(|process| process.code.is_none() && process.pid.as_raw_nonzero().get() == pid);
            if let Some(process) = ended {
                process.code = Some(code);
            }
        }
        // Process 1's end is the end of the loop.
        while let Some(number) = self.processes.iter().skip(1).position(|process| process.code.is_some()) {
            self.end_process(number + 1);
        }
    }

    /// What is left of an ended process's output, and its exit code, to its connection.
    fn end_process(&mut self, number: usize) {
        self.hear(number);
        for stream in [STDOUT, STDERR] {
            while self.pass_output(number, stream).is_some() {}
        }
        let process = self.processes.remove(number);
        let code = process.code.unwrap_or(chroot::KILLED);
        let answer = process.refusal.unwrap_or(Answer::Exited { code });
        for client in self.clients.iter_mut().filter(|client| client.process == process.id) {
            client.say(&answer);
            client.leave_when_told = true;
        }
    }

    /// Takes those away that have gone, or have been told all.
    fn leave_the_gone(&mut self) {
        let mut kill = false;
        let mut ended = Vec::new();
        self.clients.retain(|client| {
            if !client.is_over() {
                return true;
            }
            kill |= client.primary;
            if client.sent_input || client.streams & STDIN != 0 {
                ended.push(client.process);
            }
            false
        });
        for id in ended {
            self.end_input(id);
        }
        if kill {
            self.kill();
        }
    }

    /// Kills the container.
    fn kill(&mut self) {
        // What stands still does not die everywhere.
        if self.pause.is_some() {
            let _ = self.unpause();
        }
        self.processes[0].signal(libc::SIGKILL);
    }

    /// Process 1 has ended: so does all the rest.
    fn end(mut self) {
        if self.watch.start.chroot {
            // Where there is no process namespace, the others live on. Those that were executed are among them.
            chroot::end_all();
        }
        if let Some(pause) = self.pause.take() {
            pause.end();
        }
        self.reap();
        while self.processes.len() > 1 {
            self.end_process(1);
        }
        self.hear(0);
        for stream in [STDOUT, STDERR] {
            while self.pass_output(0, stream).is_some() {}
        }
        self.log.finish(&self.folder);
        let main = self.processes.remove(0);
        let code = main.code.unwrap_or(chroot::KILLED);
        let oom = self.cgroup.as_ref().is_some_and(Cgroup::ran_out_of_memory);
        // What of the process is left open is closed, and its groups go before that is said.
        drop(self.cgroup.take());
        let answer = match main.refusal {
            Some(refusal) => {
                self.state.failed(&refusal);
                refusal
            }
            None => {
                self.state.exited(code, oom);
                Answer::Exited { code }
            }
        };
        self.state.write(&self.folder);
        let _ = rustix::fs::unlinkat(&self.folder, CONTROL, rustix::fs::AtFlags::empty());
        drop(self.listener);
        // Who hears of the end may start it again.
        for lock in self.upper.iter().chain([&self.lock]) {
            let _ = rustix::fs::flock(lock, rustix::fs::FlockOperation::Unlock);
        }
        for client in &mut self.clients {
            if client.process == 0 {
                client.say(&answer);
            }
            client.leave_when_told = true;
        }
        client::tell_all(self.clients);
    }
}

impl Failure {
    /// A system call that just failed.
    pub fn system(step: &str) -> Failure {
        Failure { errno: io::Error::last_os_error().raw_os_error().unwrap_or(0), step: step.to_owned() }
    }
}
