//! What the library tells the helper over the control socket, and what it answers; `frames.rs` has what is said to a monitor.
//!
//! This file is part of both programs, which are always built together: there are no versions. A message is its length
//! (32 bits, native order) and its body; in a body, numbers are 32 bits but for
//! sizes, which are 64, texts and lists have their length in front.

/// The capabilities that Docker leaves to a container: CHOWN DAC_OVERRIDE FOWNER FSETID KILL SETGID SETUID SETPCAP
/// NET_BIND_SERVICE NET_RAW SYS_CHROOT MKNOD AUDIT_WRITE SETFCAP, each the bit of its number.
pub const DEFAULT_CAPABILITIES: u64 = 0xa804_25fb;

/// A container.
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
    /// What is mounted beside what every container has, in this order.
    pub mounts: Vec<Mount>,
    /// Whether it keeps all privileges of root.
    pub insecure: bool,
    /// Whether it has the host's devices.
    pub devices: bool,
    /// What root may do, each capability the bit of its number.
    pub capabilities: u64,
    /// Whether its root cannot be written.
    pub read_only: bool,
    /// Whether the helper stays as process 1.
    pub init: bool,
    /// Limits of its processes (`setrlimit`).
    pub rlimits: Vec<Rlimit>,
    /// Bytes of `/dev/shm`.
    pub shm_size: u64,
    /// Bytes of memory; 0 for no limit.
    pub memory: u64,
    /// Processes; 0 for no limit.
    pub pids: u64,
    /// Whether `upper` is the whole root, to be entered by chroot alone.
    pub chroot: bool,
}

/// A mount.
#[derive(Clone, PartialEq, Eq)]
pub struct Mount {
    /// Where, absolute; what is missing is made.
    pub target: Vec<u8>,
    /// What.
    pub source: MountSource,
    /// Whether it cannot be written.
    pub read_only: bool,
}

/// What is mounted.
#[derive(Clone, PartialEq, Eq)]
pub enum MountSource {
    /// A fresh temporary file system.
    Tmpfs(Tmpfs),
    /// A file or directory of the host.
    Bind(Vec<u8>),
    /// The same, with what is mounted below it.
    Volume(Vec<u8>),
    /// Something in an overlay of its own, mounted like the root.
    Overlay {
        /// The topmost first.
        lowers: Vec<Vec<u8>>,
        /// Takes what is written.
        upper: Vec<u8>,
        /// Overlay's work directory.
        work: Vec<u8>,
        /// What of it, relative; no link is followed.
        path: Vec<u8>,
    },
    /// A file in memory.
    File {
        /// Its content.
        content: Vec<u8>,
        /// Its permissions.
        mode: u32,
        /// Its owner.
        uid: u32,
        /// Its group.
        gid: u32,
    },
}

/// A temporary file system.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Tmpfs {
    /// Bytes; 0 for the kernel's default.
    pub size: u64,
    /// Files and directories; 0 for the kernel's default.
    pub inodes: u64,
    /// Permissions of its root.
    pub mode: u32,
    /// Owner of its root.
    pub uid: u32,
    /// Group of its root.
    pub gid: u32,
    /// Whether programs in it can be executed.
    pub exec: bool,
    /// Whether they may change the user.
    pub suid: bool,
}

/// One limit of `setrlimit`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rlimit {
    /// Its number.
    pub resource: u32,
    /// What processes have; all bits are no limit.
    pub soft: u64,
    /// What they may raise it to.
    pub hard: u64,
}

/// Contents may be secrets.
impl std::fmt::Debug for Mount {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Mount")
            .field("target", &String::from_utf8_lossy(&self.target))
            .finish_non_exhaustive()
    }
}

impl Mount {
    fn encode(&self, out: &mut Writer) {
        out.bytes(&self.target);
        out.number(u32::from(self.read_only));
        match &self.source {
            MountSource::Tmpfs(tmpfs) => {
                out.number(0);
                [tmpfs.size, tmpfs.inodes].into_iter().for_each(|size| out.size(size));
                [tmpfs.mode, tmpfs.uid, tmpfs.gid].into_iter().for_each(|number| out.number(number));
                [tmpfs.exec, tmpfs.suid].into_iter().for_each(|yes| out.number(u32::from(yes)));
            }
            MountSource::Bind(path) => {
                out.number(1);
                out.bytes(path);
            }
            MountSource::Overlay { lowers, upper, work, path } => {
                out.number(2);
                out.list(lowers);
                [upper, work, path].into_iter().for_each(|bytes| out.bytes(bytes));
            }
            MountSource::File { content, mode, uid, gid } => {
                out.number(3);
                out.bytes(content);
                [mode, uid, gid].into_iter().for_each(|number| out.number(*number));
            }
            MountSource::Volume(path) => {
                out.number(4);
                out.bytes(path);
            }
        }
    }

    fn decode(body: &mut Reader<'_>) -> Option<Mount> {
        let (target, read_only) = (body.bytes()?, body.number()? != 0);
        let source = match body.number()? {
            0 => MountSource::Tmpfs(Tmpfs {
                size: body.size()?,
                inodes: body.size()?,
                mode: body.number()?,
                uid: body.number()?,
                gid: body.number()?,
                exec: body.number()? != 0,
                suid: body.number()? != 0,
            }),
            1 => MountSource::Bind(body.bytes()?),
            2 => MountSource::Overlay {
                lowers: body.list()?,
                upper: body.bytes()?,
                work: body.bytes()?,
                path: body.bytes()?,
            },
            3 => MountSource::File {
                content: body.bytes()?,
                mode: body.number()?,
                uid: body.number()?,
                gid: body.number()?,
            },
            4 => MountSource::Volume(body.bytes()?),
            _ => return None,
        };
        Some(Mount { target, source, read_only })
    }
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

/// The first message of the library, and what comes after it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Job {
    /// Run a container as long as the caller lives and sends nothing more; a byte means "kill". The output is on descriptors 1 and 2.
    Run(Start),
    /// Run one beside the caller. Frames follow (`frames.rs`), and with the first bytes come two descriptors: the container's
    /// folder and its locked `lock`.
    Watch(Watch),
}

/// A container with a monitor.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Watch {
    /// The container.
    pub start: Start,
    /// Rows and columns of its terminal, if it has one.
    pub tty: Option<(u32, u32)>,
    /// Whether it has a standard input.
    pub open_stdin: bool,
    /// Whether that ends with the first one that sent to it.
    pub stdin_once: bool,
    /// Whether it goes on when the first connection closes.
    pub detached: bool,
    /// What the first connection takes part in: bits of input, output, errors.
    pub attach: u32,
    /// Bytes of a log file.
    pub log_size: u64,
    /// Log files.
    pub log_files: u32,
}

impl Job {
    /// The whole message.
    pub fn encode(&self) -> Vec<u8> {
        let mut out = Writer::new();
        match self {
            Job::Run(start) => {
                out.number(0);
                start.write(&mut out);
            }
            Job::Watch(watch) => {
                out.number(1);
                watch.start.write(&mut out);
                let (rows, cols) = watch.tty.unwrap_or_default();
                [u32::from(watch.tty.is_some()), rows, cols]
                    .into_iter()
                    .for_each(|number| out.number(number));
                for yes in [watch.open_stdin, watch.stdin_once, watch.detached] {
                    out.number(u32::from(yes));
                }
                out.number(watch.attach);
                out.size(watch.log_size);
                out.number(watch.log_files);
            }
        }
        out.finish()
    }

    /// Reads a body.
    pub fn decode(body: &[u8]) -> Option<Job> {
        let mut body = Reader(body);
        match body.number()? {
            0 => Some(Job::Run(Start::read(&mut body)?)),
            1 => Some(Job::Watch(Watch {
                start: Start::read(&mut body)?,
                tty: {
                    let (some, rows, cols) = (body.number()?, body.number()?, body.number()?);
                    (some != 0).then_some((rows, cols))
                },
                open_stdin: body.number()? != 0,
                stdin_once: body.number()? != 0,
                detached: body.number()? != 0,
                attach: body.number()?,
                log_size: body.size()?,
                log_files: body.number()?,
            })),
            _ => None,
        }
    }
}

impl Start {
    fn write(&self, out: &mut Writer) {
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
        out.number(self.mounts.len() as u32);
        self.mounts.iter().for_each(|mount| mount.encode(out));
        out.number(u32::from(self.insecure));
        out.number(u32::from(self.devices));
        out.size(self.capabilities);
        out.number(u32::from(self.read_only));
        out.number(u32::from(self.init));
        out.number(self.rlimits.len() as u32);
        for limit in &self.rlimits {
            out.number(limit.resource);
            out.size(limit.soft);
            out.size(limit.hard);
        }
        [self.shm_size, self.memory, self.pids].into_iter().for_each(|size| out.size(size));
        out.number(u32::from(self.chroot));
    }

    fn read(body: &mut Reader<'_>) -> Option<Start> {
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
            mounts: {
                let count = body.number()?;
                (0..count).map(|_| Mount::decode(body)).collect::<Option<_>>()?
            },
            insecure: body.number()? != 0,
            devices: body.number()? != 0,
            capabilities: body.size()?,
            read_only: body.number()? != 0,
            init: body.number()? != 0,
            rlimits: {
                let count = body.number()?;
                let mut limit =
                    || Some(Rlimit { resource: body.number()?, soft: body.size()?, hard: body.size()? });
                (0..count).map(|_| limit()).collect::<Option<_>>()?
            },
            shm_size: body.size()?,
            memory: body.size()?,
            pids: body.size()?,
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

/// Writes a message.
pub struct Writer(Vec<u8>);

impl Writer {
    pub fn new() -> Self {
        Writer(vec![0; 4])
    }

    pub fn number(&mut self, number: u32) {
        self.0.extend_from_slice(&number.to_ne_bytes());
    }

    pub fn size(&mut self, size: u64) {
        self.0.extend_from_slice(&size.to_ne_bytes());
    }

    pub fn bytes(&mut self, bytes: &[u8]) {
        self.number(bytes.len() as u32);
        self.0.extend_from_slice(bytes);
    }

    pub fn list(&mut self, list: &[Vec<u8>]) {
        self.number(list.len() as u32);
        list.iter().for_each(|bytes| self.bytes(bytes));
    }

    pub fn finish(mut self) -> Vec<u8> {
        let length = (self.0.len() - 4) as u32;
        self.0[..4].copy_from_slice(&length.to_ne_bytes());
        self.0
    }
}

/// Reads a body.
pub struct Reader<'a>(pub &'a [u8]);

impl Reader<'_> {
    pub fn number(&mut self) -> Option<u32> {
        let (number, rest) = self.0.split_first_chunk::<4>()?;
        self.0 = rest;
        Some(u32::from_ne_bytes(*number))
    }

    pub fn size(&mut self) -> Option<u64> {
        let (size, rest) = self.0.split_first_chunk::<8>()?;
        self.0 = rest;
        Some(u64::from_ne_bytes(*size))
    }

    pub fn bytes(&mut self) -> Option<Vec<u8>> {
        let length = self.number()? as usize;
        let (bytes, rest) = self.0.split_at_checked(length)?;
        self.0 = rest;
        Some(bytes.to_vec())
    }

    pub fn list(&mut self) -> Option<Vec<Vec<u8>>> {
        let count = self.number()?;
        (0..count).map(|_| self.bytes()).collect()
    }
}
