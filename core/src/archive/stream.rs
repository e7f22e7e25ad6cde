//! Streams of callers: read and written so that a wait on them ends when the task is cancelled.

use std::io::{self, Read, Write};
use std::os::fd::{AsFd, OwnedFd};

use rustix::event::{PollFd, PollFlags, poll};

use super::{Source, Target};
use crate::error::{Error, ErrorKind, Result, ResultExt};
use crate::fs::{self, AtomicFile};
use crate::task::Task;

/// Opens a source of bytes, and says how many there are if that is known.
pub fn open_source(source: Source, task: &Task) -> Result<(Box<dyn Read + Send>, u64)> {
    Ok(match source {
        Source::Path(path) => {
            let file = fs::open(&path)?;
            let metadata = file.metadata().context(|| format!("stat {}", path.display()))?;
            if metadata.is_dir() {
                return Err(Error::new(
                    ErrorKind::InvalidArgument,
                    format!("{} is a directory, not an archive", path.display()),
                ));
            }
            if metadata.is_file() {
                (Box::new(file), metadata.len())
            } else {
                (Box::new(Waiting { fd: file.into(), task: task.clone() }), 0)
            }
        }
        Source::Fd(fd) => (Box::new(Waiting { fd, task: task.clone() }), 0),
        Source::Stream(stream) => (Box::new(Checking { stream, task: task.clone() }), 0),
    })
}

/// Where a save goes.
pub enum Sink {
    /// A file that gets its name when it is whole.
    File(AtomicFile),
    /// A stream of the caller's.
    Stream(Box<dyn Write + Send>),
}

impl Sink {
    /// Opens a target for a tar.
    pub fn open(target: Target, task: &Task) -> Result<Sink> {
        Ok(match target {
            Target::Path(path) => Sink::File(AtomicFile::create(&path)?),
            Target::Fd(fd) => Sink::Stream(Box::new(Waiting { fd, task: task.clone() })),
            Target::Stream(stream) => Sink::Stream(stream),
        })
    }

    /// Ends it: gives a file its name, flushes a stream.
    pub fn commit(self) -> Result<()> {
        match self {
            Sink::File(file) => file.place(),
            Sink::Stream(mut stream) => stream.flush().context(|| "write archive"),
        }
    }
}

impl Write for Sink {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        match self {
            Sink::File(file) => file.write(bytes),
            Sink::Stream(stream) => stream.write(bytes),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// A descriptor that is waited for together with the task's token.
struct Waiting {
    fd: OwnedFd,
    task: Task,
}

impl Waiting {
    fn wait(&self, events: PollFlags) -> io::Result<()> {
        loop {
            self.task.check().map_err(Error::into_io)?;
            let mut waits = [
                PollFd::new(&self.fd, events),
                PollFd::from_borrowed_fd(self.task.token().as_fd(), PollFlags::IN),
            ];
            match poll(&mut waits, None) {
                Ok(_) if !waits[0].revents().is_empty() => return Ok(()),
                Ok(_) | Err(rustix::io::Errno::INTR) => {}
                // A descriptor that cannot be waited for is always ready.
                Err(rustix::io::Errno::PERM) => return Ok(()),
                Err(error) => return Err(error.into()),
            }
        }
    }
}

impl Read for Waiting {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        loop {
            self.wait(PollFlags::IN)?;
            match rustix::io::read(&self.fd, &mut *buffer) {
                // Somebody made it non-blocking: wait again.
                Err(rustix::io::Errno::AGAIN | rustix::io::Errno::INTR) => {}
                other => return Ok(other?),
            }
        }
    }
}

impl Write for Waiting {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        // A pipe that has room for one byte is ready, and blocks on more: at most what is atomic goes at once.
        const PIPE_BUF: usize = 4096;
        let is_file = rustix::fs::fstat(&self.fd)
            .is_ok_and(|stat| rustix::fs::FileType::from_raw_mode(stat.st_mode).is_file());
        let bytes = if is_file { bytes } else { &bytes[..bytes.len().min(PIPE_BUF)] };
        loop {
            self.wait(PollFlags::OUT)?;
            match rustix::io::write(&self.fd, bytes) {
                Err(rustix::io::Errno::AGAIN | rustix::io::Errno::INTR) => {}
                other => return Ok(other?),
            }
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// A stream that can only be asked between two reads.
struct Checking {
    stream: Box<dyn Read + Send>,
    task: Task,
}

impl Read for Checking {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.task.check().map_err(Error::into_io)?;
        self.stream.read(buffer)
    }
}

/// Reads until the task is cancelled.
pub struct Watched<'a, R> {
    /// What is read.
    pub reader: R,
    /// Whose cancel ends it.
    pub task: &'a Task,
}

impl<R: Read> Read for Watched<'_, R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.task.check().map_err(Error::into_io)?;
        self.reader.read(buffer)
    }
}
