//! A connection: what it sent and what it is to get.

use std::os::fd::{AsFd, OwnedFd};

use rustix::event::{PollFd, PollFlags, poll};
use rustix::io::Errno;
use rustix::net::{RecvFlags, SendFlags};

use crate::frames::{Answer, Request, next_body};

/// Bytes that wait for a client, from which on the container's output waits, too.
const ENOUGH: usize = 256 << 10;
/// Bytes from which on nothing more is read from a client: it does not take what it asked for.
const TOO_MUCH: usize = 1 << 20;

/// A connection.
pub struct Client {
    /// Its socket, not blocking.
    pub socket: OwnedFd,
    /// The process that it is for: 0 for process 1, or what it executed.
    pub process: u64,
    /// The streams that it takes part in, as bits.
    pub streams: u32,
    /// Whether its end is the container's.
    pub primary: bool,
    /// Whether it waits for its process to be executed.
    pub starting: bool,
    /// Whether it is closed once it has got all.
    pub leave_when_told: bool,
    /// Whether input came from it.
    pub sent_input: bool,
    received: Vec<u8>,
    out: Vec<u8>,
    sent: usize,
    gone: bool,
}

impl Client {
    /// A new one.
    pub fn new(socket: OwnedFd, process: u64, streams: u32) -> Client {
        Client {
            socket,
            process,
            streams,
            primary: false,
            starting: false,
            leave_when_told: false,
            sent_input: false,
            received: Vec::new(),
            out: Vec::new(),
            sent: 0,
            gone: false,
        }
    }

    fn waiting(&self) -> usize {
        self.out.len() - self.sent
    }

    /// Whether a stream of a process must not be read because of it.
    pub fn holds_up(&self, process: u64, stream: u32) -> bool {
        self.process == process && self.streams & stream != 0 && !self.gone && self.waiting() >= ENOUGH
    }

    /// What of the socket is worth waking up for.
    pub fn waits_for(&self, input_is_stuck: bool) -> PollFlags {
        let mut flags = PollFlags::empty();
        flags.set(PollFlags::IN, !input_is_stuck && self.waiting() < TOO_MUCH);
        flags.set(PollFlags::OUT, self.waiting() > 0);
        flags
    }

    /// Says something, at once as far as that is possible.
    pub fn say(&mut self, answer: &Answer) {
        self.push(&answer.encode());
    }

    /// The same for a frame.
    pub fn push(&mut self, frame: &[u8]) {
        self.out.extend_from_slice(frame);
        self.flush();
    }

    /// Sends what waits, as far as it is taken.
    pub fn flush(&mut self) {
        while !self.gone && self.waiting() > 0 {
            let flags = SendFlags::NOSIGNAL | SendFlags::DONTWAIT;
            match rustix::net::send(&self.socket, &self.out[self.sent..], flags) {
                Ok(n) => self.sent += n,
                Err(Errno::INTR) => {}
                Err(Errno::AGAIN) => break,
                Err(_) => self.gone = true,
            }
        }
        if self.waiting() == 0 {
            self.out.clear();
            self.sent = 0;
        } else if self.sent >= ENOUGH {
            self.out.drain(..self.sent);
            self.sent = 0;
        }
    }

    /// Takes what the socket has.
    pub fn receive(&mut self) {
        let mut buffer = [0; 64 << 10];
        match rustix::net::recv(&self.socket, &mut buffer[..], RecvFlags::DONTWAIT) {
            Ok((0, _)) => self.gone = true,
            Ok((n, _)) => self.received.extend_from_slice(&buffer[..n]),
            Err(Errno::INTR | Errno::AGAIN) => {}
            Err(_) => self.gone = true,
        }
    }

    /// Its next request. One that sends what is none is left.
    pub fn next_request(&mut self) -> Option<Request> {
        match next_body(&mut self.received).map(|body| body.map(|body| Request::decode(&body))) {
            Ok(Some(Some(request))) => Some(request),
            Ok(None) => None,
            Ok(Some(None)) | Err(()) => {
                self.gone = true;
                None
            }
        }
    }

    /// Whether it has gone.
    pub fn leave(&mut self) {
        self.gone = true;
    }

    /// Whether there is nothing more to do for it.
    pub fn is_over(&self) -> bool {
        self.gone || (self.leave_when_told && self.waiting() == 0)
    }
}

/// Waits until all have taken what is theirs, or have gone.
pub fn tell_all(mut clients: Vec<Client>) {
    loop {
        clients.iter_mut().for_each(Client::flush);
        clients.retain(|client| !client.is_over());
        if clients.is_empty() {
            return;
        }
        let mut waits: Vec<PollFd<'_>> = clients
            .iter()
            .map(|client| PollFd::from_borrowed_fd(client.socket.as_fd(), PollFlags::OUT))
            .collect();
        if !matches!(poll(&mut waits, None), Ok(_) | Err(Errno::INTR)) {
            return;
        }
        let ended: Vec<bool> =
            waits.iter().map(|wait| wait.revents().intersects(PollFlags::HUP | PollFlags::ERR)).collect();
        for (client, ended) in clients.iter_mut().zip(ended) {
            client.gone |= ended;
        }
    }
}
