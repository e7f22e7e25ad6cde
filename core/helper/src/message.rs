//! What the library and the helper say to each other over the control socket.
//!
//! This file is part of both programs, which are always built together: there are no versions. A message is its length
//! (32 bits, native order) and its body; in a body, numbers are 32 bits, texts and lists have their length in front.

/// What the library asks for: the only message that it sends. One byte after it means "kill".
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Start {
    /// The process that asks, whose end is the container's end.
    pub caller: u32,
    /// The host name.
    pub hostname: Vec<u8>,
    /// Directories of the layers, the topmost first.
    pub lowers: Vec<Vec<u8>>,
    /// The directory of the changes. Empty: a temporary one, to try whether containers work here.
    pub upper: Vec<u8>,
    /// Overlay's work directory.
    pub work: Vec<u8>,
    /// The command. Empty: set everything up and end with 0.
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
    /// Whether it has a network of its own, with nothing in it but a loopback interface.
    pub isolated: bool,
    /// `/etc/hosts`.
    pub hosts: Vec<u8>,
    /// `/etc/resolv.conf`.
    pub resolv_conf: Vec<u8>,
    /// Whether `upper` is the whole root, to be entered by chroot alone.
    pub chroot: bool,
}

/// What the helper answers: at most one `Failed`, then one `Exited`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Report {
    /// The container could not be set up.
    Failed {
        /// Error number of the system call, or 0.
        errno: i32,
        /// What was being done.
        step: String,
    },
    /// The command ended, and with it every process of the container.
    Exited {
        /// Its exit code, or 128 and the number of the signal.
        code: i32,
    },
}

impl Start {
    /// The whole message.
    pub fn encode(&self) -> Vec<u8> {
        let mut out = Writer::new();
        out.number(self.caller);
        out.bytes(&self.hostname);
        out.list(&self.lowers);
        out.bytes(&self.upper);
        out.bytes(&self.work);
        out.list(&self.args);
        out.list(&self.env);
        out.bytes(&self.cwd);
        out.number(self.uid);
        out.number(self.gid);
        out.number(self.groups.len() as u32);
        self.groups.iter().for_each(|group| out.number(*group));
        out.number(u32::from(self.isolated));
        out.bytes(&self.hosts);
        out.bytes(&self.resolv_conf);
        out.number(u32::from(self.chroot));
        out.finish()
    }

    /// Reads a body.
    pub fn decode(body: &[u8]) -> Option<Start> {
        let mut body = Reader(body);
        Some(Start {
            caller: body.number()?,
            hostname: body.bytes()?,
            lowers: body.list()?,
            upper: body.bytes()?,
            work: body.bytes()?,
            args: body.list()?,
            env: body.list()?,
            cwd: body.bytes()?,
            uid: body.number()?,
            gid: body.number()?,
            groups: {
                let count = body.number()?;
                (0..count).map(|_| body.number()).collect::<Option<_>>()?
            },
            isolated: body.number()? != 0,
            hosts: body.bytes()?,
            resolv_conf: body.bytes()?,
            chroot: body.number()? != 0,
        })
    }
}

impl Report {
    /// The whole message.
    pub fn encode(&self) -> Vec<u8> {
        let mut out = Writer::new();
        match self {
            Report::Failed { errno, step } => {
                out.number(0);
                out.number(*errno as u32);
                out.bytes(step.as_bytes());
            }
            Report::Exited { code } => {
                out.number(1);
                out.number(*code as u32);
            }
        }
        out.finish()
    }

    /// Reads a body.
    pub fn decode(body: &[u8]) -> Option<Report> {
        let mut body = Reader(body);
        match (body.number()?, body.number()? as i32) {
            (0, errno) => {
                Some(Report::Failed { errno, step: String::from_utf8_lossy(&body.bytes()?).into_owned() })
            }
            (1, code) => Some(Report::Exited { code }),
            _ => None,
        }
    }
}

struct Writer(Vec<u8>);

impl Writer {
    fn new() -> Self {
        Writer(vec![0; 4])
    }

    fn number(&mut self, number: u32) {
        self.0.extend_from_slice(&number.to_ne_bytes());
    }

    fn bytes(&mut self, bytes: &[u8]) {
        self.number(bytes.len() as u32);
        self.0.extend_from_slice(bytes);
    }

    fn list(&mut self, list: &[Vec<u8>]) {
        self.number(list.len() as u32);
        list.iter().for_each(|bytes| self.bytes(bytes));
    }

    fn finish(mut self) -> Vec<u8> {
        let length = (self.0.len() - 4) as u32;
        self.0[..4].copy_from_slice(&length.to_ne_bytes());
        self.0
    }
}

struct Reader<'a>(&'a [u8]);

impl Reader<'_> {
    fn number(&mut self) -> Option<u32> {
        let (number, rest) = self.0.split_first_chunk::<4>()?;
        self.0 = rest;
        Some(u32::from_ne_bytes(*number))
    }

    fn bytes(&mut self) -> Option<Vec<u8>> {
        let length = self.number()? as usize;
        let (bytes, rest) = self.0.split_at_checked(length)?;
        self.0 = rest;
        Some(bytes.to_vec())
    }

    fn list(&mut self) -> Option<Vec<Vec<u8>>> {
        let count = self.number()?;
        (0..count).map(|_| self.bytes()).collect()
    }
}
