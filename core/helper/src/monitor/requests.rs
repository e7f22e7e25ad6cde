//! What clients ask for.

use rustix::event::PollFlags;

use super::Monitor;
use super::process::Process;
use crate::frames::{Answer, Exec, Request, STDIN};
use crate::terminal;

impl Monitor {
    /// Does what a client's socket is ready for.
    pub fn serve(&mut self, number: usize, events: PollFlags) {
        let client = &mut self.clients[number];
        client.flush();
        if events.contains(PollFlags::IN) {
            client.receive();
        } else if events.intersects(PollFlags::HUP | PollFlags::ERR) {
            client.leave();
        }
        while let Some(request) = self.clients[number].next_request() {
            let answer = match request {
                Request::Exec(exec) => self.exec(number, exec),
                request => self.answer(number, request),
            };
            if let Some(answer) = answer {
                self.clients[number].say(&answer);
            }
        }
    }

    fn process(&mut self, number: usize) -> Option<&mut Process> {
        let id = self.clients[number].process;
        self.processes.iter_mut().find(|process| process.id == id && process.code.is_none())
    }

    fn answer(&mut self, number: usize, request: Request) -> Option<Answer> {
        let done = |result: Result<(), String>| match result {
            Ok(()) => Answer::Done,
            Err(why) => Answer::Refused(why),
        };
        let ended = || Err("the process has ended".to_owned());
        match request {
            Request::Attach(streams) => {
                self.clients[number].streams = streams;
                Some(Answer::Done)
            }
            Request::Stdin(bytes) => {
                self.clients[number].sent_input = true;
                if let Some(process) = self.process(number) {
                    process.take_input(&bytes);
                }
                None
            }
            Request::StdinEnd => {
                let id = self.clients[number].process;
                // It has sent all: its leaving ends nothing more.
                self.clients[number].sent_input = false;
                self.clients[number].streams &= !STDIN;
                self.end_input(id);
                None
            }
            Request::Resize { rows, cols, answer } => {
                let result = match self.process(number).map(|process| process.terminal()) {
                    None => ended(),
                    Some(None) => Err("there is no terminal".to_owned()),
                    Some(Some(fd)) => terminal::resize(fd, (rows, cols)).map_err(|error| error.to_string()),
                };
                answer.then(|| done(result))
            }
            Request::Signal { number: signal, answer } => {
                let signal = signal as i32;
                let is_main = self.clients[number].process == 0;
                let result = if is_main && signal == libc::SIGKILL {
                    self.kill();
                    Ok(())
                } else if self.process(number).is_some_and(|process| process.signal(signal)) {
                    Ok(())
                } else {
                    ended()
                };
                answer.then(|| done(result))
            }
            Request::Pause => Some(done(self.pause())),
            Request::Unpause => Some(done(self.unpause())),
            Request::Exec(_) => None,
        }
    }

    fn exec(&mut self, number: usize, exec: Exec) -> Option<Answer> {
        let refused = |why: &str| Some(Answer::Refused(why.to_owned()));
        if self.pause.is_some() {
            return refused("the container is paused");
        }
        let main = &self.processes[0];
        if main.report.is_some() || main.code.is_some() {
            return refused("the container does not run");
        }
        let client = &self.clients[number];
        if client.process != 0 || client.primary || exec.args.is_empty() {
            return refused("there is no command to be executed on this connection");
        }
        let streams = exec.attach;
        match self.start_exec(exec) {
            Err(failure) => Some(Answer::Failed { errno: failure.errno, step: failure.step, code: 0 }),
            Ok(process) => {
                let client = &mut self.clients[number];
                (client.process, client.streams, client.starting) = (process.id, streams, true);
                self.processes.push(process);
                None
            }
        }
    }

    /// Ends a process's input, where that is what the end of a client's means.
    pub fn end_input(&mut self, id: u64) {
        if id == 0 && !self.watch.stdin_once {
            return;
        }
        let is_shared = self.clients.iter().any(|client| client.process == id && client.streams & STDIN != 0);
        let process = self.processes.iter_mut().find(|process| process.id == id);
        if let Some(process) = process.filter(|_| !is_shared) {
            process.end_input();
        }
    }
}
