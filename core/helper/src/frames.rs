//! What is said to a monitor, and what it answers: on the socket that it was started with, and on every connection to its
//! `control`. A frame is laid out like a message.
//!
//! This file is part of both programs.

use super::message::{Reader, Writer};

/// The longest frame, in bytes.
pub const LONGEST: usize = 16 << 20;
/// The most bytes of a stream in one frame.
pub const PIECE: usize = 32 << 10;

/// Bits of what a connection takes part in.
pub const STDIN: u32 = 1;
/// Standard output.
pub const STDOUT: u32 = 2;
/// Standard error.
pub const STDERR: u32 = 4;

/// What is asked of a monitor. Each but `Stdin` and `StdinEnd` is answered by `Done` or `Refused`, if an answer is asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Request {
    /// Take part in these streams.
    Attach(u32),
    /// Input.
    Stdin(Vec<u8>),
    /// No more input.
    StdinEnd,
    /// The size of the terminal.
    Resize {
        /// Rows.
        rows: u32,
        /// Columns.
        cols: u32,
        /// Whether an answer is asked for.
        answer: bool,
    },
    /// A signal to the connection's process.
    Signal {
        /// Its number.
        number: u32,
        /// Whether an answer is asked for.
        answer: bool,
    },
    /// Stop every process.
    Pause,
    /// Let them go on.
    Unpause,
    /// Execute a command, whose connection this becomes. Answered by `Started`, `Failed` or `Refused`.
    Exec(Exec),
}

/// Another command.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Exec {
    /// It and its arguments.
    pub args: Vec<Vec<u8>>,
    /// Its environment.
    pub env: Vec<Vec<u8>>,
    /// Its working directory.
    pub cwd: Vec<u8>,
    /// Its user.
    pub uid: u32,
    /// Its primary group.
    pub gid: u32,
    /// Its supplementary groups.
    pub groups: Vec<u32>,
    /// Rows and columns of its terminal, if it has one.
    pub tty: Option<(u32, u32)>,
    /// What the connection takes part in.
    pub attach: u32,
    /// Whether it has every capability.
    pub privileged: bool,
}

/// What a monitor says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Answer {
    /// The command runs.
    Started {
        /// Its process, as the host counts.
        pid: u32,
    },
    /// It could not be started.
    Failed {
        /// Error number of the system call, or 0.
        errno: i32,
        /// What was being done.
        step: String,
        /// 126 or 127 when it could not be executed, else 0.
        code: i32,
    },
    /// Output.
    Stdout(Vec<u8>),
    /// Output of standard error.
    Stderr(Vec<u8>),
    /// The connection's command has ended: the last that is said.
    Exited {
        /// Its exit code, or 128 and the number of the signal.
        code: i32,
    },
    /// What was asked is done.
    Done,
    /// It cannot be done now.
    Refused(String),
}

impl Request {
    /// The whole frame.
    pub fn encode(&self) -> Vec<u8> {
        let mut out = Writer::new();
        match self {
            Request::Attach(streams) => [0, *streams].into_iter().for_each(|number| out.number(number)),
            Request::Stdin(bytes) => {
                out.number(1);
                out.bytes(bytes);
            }
            Request::StdinEnd => out.number(2),
            Request::Resize { rows, cols, answer } => {
                [3, *rows, *cols, u32::from(*answer)].into_iter().for_each(|number| out.number(number));
            }
            Request::Signal { number, answer } => {
                [4, *number, u32::from(*answer)].into_iter().for_each(|number| out.number(number));
            }
            Request::Pause => out.number(5),
            Request::Unpause => out.number(6),
            Request::Exec(exec) => {
                out.number(7);
                exec.write(&mut out);
            }
        }
        out.finish()
    }

    /// Reads a body.
    pub fn decode(body: &[u8]) -> Option<Request> {
        let mut body = Reader(body);
        Some(match body.number()? {
            0 => Request::Attach(body.number()?),
            1 => Request::Stdin(body.bytes()?),
            2 => Request::StdinEnd,
            3 => Request::Resize { rows: body.number()?, cols: body.number()?, answer: body.number()? != 0 },
            4 => Request::Signal { number: body.number()?, answer: body.number()? != 0 },
            5 => Request::Pause,
            6 => Request::Unpause,
            7 => Request::Exec(Exec::read(&mut body)?),
            _ => return None,
        })
    }
}

impl Exec {
    fn write(&self, out: &mut Writer) {
        out.list(&self.args);
        out.list(&self.env);
        out.bytes(&self.cwd);
        [self.uid, self.gid, self.groups.len() as u32].into_iter().for_each(|number| out.number(number));
        self.groups.iter().for_each(|group| out.number(*group));
        let (rows, cols) = self.tty.unwrap_or_default();
        [u32::from(self.tty.is_some()), rows, cols, self.attach, u32::from(self.privileged)]
            .into_iter()
            .for_each(|number| out.number(number));
    }

    fn read(body: &mut Reader<'_>) -> Option<Exec> {
        let (args, env, cwd) = (body.list()?, body.list()?, body.bytes()?);
        let (uid, gid, count) = (body.number()?, body.number()?, body.number()?);
        let groups = (0..count).map(|_| body.number()).collect::<Option<_>>()?;
        let (some, rows, cols) = (body.number()?, body.number()?, body.number()?);
        let tty = (some != 0).then_some((rows, cols));
        let (attach, privileged) = (body.number()?, body.number()? != 0);
        Some(Exec { args, env, cwd, uid, gid, groups, tty, attach, privileged })
    }
}

impl Answer {
    /// The whole frame.
    pub fn encode(&self) -> Vec<u8> {
        let mut out = Writer::new();
        match self {
            Answer::Started { pid } => [0, *pid].into_iter().for_each(|number| out.number(number)),
            Answer::Failed { errno, step, code } => {
                out.number(1);
                out.number(*errno as u32);
                out.bytes(step.as_bytes());
                out.number(*code as u32);
            }
            Answer::Stdout(bytes) => {
                out.number(2);
                out.bytes(bytes);
            }
            Answer::Stderr(bytes) => {
                out.number(3);
                out.bytes(bytes);
            }
            Answer::Exited { code } => [4, *code as u32].into_iter().for_each(|number| out.number(number)),
            Answer::Done => out.number(5),
            Answer::Refused(why) => {
                out.number(6);
                out.bytes(why.as_bytes());
            }
        }
        out.finish()
    }

    /// Reads a body.
    pub fn decode(body: &[u8]) -> Option<Answer> {
        let mut body = Reader(body);
        let text = |bytes: Vec<u8>| String::from_utf8_lossy(&bytes).into_owned();
        Some(match body.number()? {
            0 => Answer::Started { pid: body.number()? },
            1 => Answer::Failed {
                errno: body.number()? as i32,
                step: text(body.bytes()?),
                code: body.number()? as i32,
            },
            2 => Answer::Stdout(body.bytes()?),
            3 => Answer::Stderr(body.bytes()?),
            4 => Answer::Exited { code: body.number()? as i32 },
            5 => Answer::Done,
            6 => Answer::Refused(text(body.bytes()?)),
            _ => return None,
        })
    }
}

/// Takes the body of the next whole frame off the front of what was received. `Err` when there is no such frame.
pub fn next_body(received: &mut Vec<u8>) -> Result<Option<Vec<u8>>, ()> {
    let Some((length, rest)) = received.split_first_chunk::<4>() else { return Ok(None) };
    let length = u32::from_ne_bytes(*length) as usize;
    if length > LONGEST {
        return Err(());
    }
    let Some(body) = rest.get(..length) else { return Ok(None) };
    let body = body.to_vec();
    received.drain(..length + 4);
    Ok(Some(body))
}
