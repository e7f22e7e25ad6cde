//! Sources and targets as a caller would pass them: paths, descriptors, and streams that may break.

use std::fs::File;
use std::io::{Error as IoError, Read, Write};
use std::path::PathBuf;

use layerkit::{Error, ErrorKind, Source, Target};
use serde::Deserialize;

use crate::Failure;

/// `{"path": P}`, `{"fd": P}` or `{"stream": P, "fail_after": N}`.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Place {
    path: Option<PathBuf>,
    fd: Option<PathBuf>,
    stream: Option<PathBuf>,
    fail_after: Option<u64>,
}

/// A stream of the caller's that fails once `left` bytes went through it.
struct Breaking {
    file: File,
    left: Option<u64>,
}

impl Breaking {
    /// How many of `wanted` bytes may still pass.
    fn allowed(&self, wanted: usize) -> std::io::Result<usize> {
        match self.left {
            Some(0) => Err(IoError::other(Error::new(ErrorKind::Callback, "the caller's stream failed"))),
            Some(left) => Ok(wanted.min(usize::try_from(left).unwrap_or(usize::MAX))),
            None => Ok(wanted),
        }
    }

    fn passed(&mut self, bytes: usize) {
        if let Some(left) = &mut self.left {
            *left -= bytes as u64;
        }
    }
}

impl Read for Breaking {
    fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
        let allowed = self.allowed(buffer.len())?;
        let count = self.file.read(&mut buffer[..allowed])?;
        self.passed(count);
        Ok(count)
    }
}

impl Write for Breaking {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        let allowed = self.allowed(bytes.len())?;
        let count = self.file.write(&bytes[..allowed])?;
        self.passed(count);
        Ok(count)
    }

    fn flush(&mut self) -> std::io::Result<()> {
        self.file.flush()
    }
}

fn no_place() -> Failure {
    Failure::Driver("a place has one of path, fd, stream".to_owned())
}

fn file(result: std::io::Result<File>) -> Result<File, Failure> {
    result.map_err(|error| Failure::Driver(format!("open the caller's file: {error}")))
}

impl Place {
    /// Where the operation reads.
    pub fn source(self) -> Result<Source, Failure> {
        match (self.path, self.fd, self.stream) {
            (Some(path), None, None) => Ok(Source::Path(path)),
            (None, Some(path), None) => Ok(Source::Fd(file(File::open(path))?.into())),
            (None, None, Some(path)) => Ok(Source::Stream(Box::new(Breaking {
                file: file(File::open(path))?,
                left: self.fail_after,
            }))),
            _ => Err(no_place()),
        }
    }

    /// Where the operation writes.
    pub fn target(self) -> Result<Target, Failure> {
        match (self.path, self.fd, self.stream) {
            (Some(path), None, None) => Ok(Target::Path(path)),
            (None, Some(path), None) => Ok(Target::Fd(file(File::create(path))?.into())),
            (None, None, Some(path)) => Ok(Target::Stream(Box::new(Breaking {
                file: file(File::create(path))?,
                left: self.fail_after,
            }))),
            _ => Err(no_place()),
        }
    }
}
