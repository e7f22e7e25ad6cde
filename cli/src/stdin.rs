//! Standard input as a source of bytes; of a build, a context or a Dockerfile.

use std::io::{self, Cursor, Read};
use std::os::fd::{AsFd, OwnedFd};

use layerkit::{CancelToken, Error, ErrorKind, Source};
use rustix::event::{PollFd, PollFlags, poll};

use crate::failure::{Failure, Outcome};

/// How much of it is looked at: one block of a tar.
const BLOCK: usize = 512;

/// What came.
pub enum Input {
    /// A tar, plain or compressed.
    Context(Source),
    /// Anything else.
    Dockerfile(Source),
}

/// Standard input as a source of its own descriptor, so that a wait on it can be cancelled.
pub fn source() -> Outcome<Source> {
    Ok(Source::Fd(descriptor()?))
}

/// Looks at the first bytes of standard input, as Docker's command does.
pub fn tar_or_dockerfile(token: &CancelToken) -> Outcome<Input> {
    let mut rest = Waiting { fd: descriptor()?, token: token.clone() };
    let mut head = Vec::with_capacity(BLOCK);
    (&mut rest).take(BLOCK as u64).read_to_end(&mut head).map_err(|error| {
        match error.get_ref().and_then(|inner| inner.downcast_ref::<Error>()) {
            Some(inner) => Error::new(inner.kind(), inner.to_string()).into(),
            None => Failure::Message(format!("failed to peek context header from STDIN: {error}")),
        }
    })?;
    let is_archive = is_archive(&head);
    let source = Source::Stream(Box::new(Cursor::new(head).chain(rest)));
    Ok(if is_archive { Input::Context(source) } else { Input::Dockerfile(source) })
}

fn descriptor() -> Outcome<OwnedFd> {
    let fd = io::stdin().as_fd().try_clone_to_owned();
    fd.map_err(|error| Failure::Message(format!("standard input: {error}")))
}

/// Whether these are the first bytes of a tar, or of something compressed: gzip, bzip2, xz, zstd.
fn is_archive(head: &[u8]) -> bool {
    const COMPRESSED: [&[u8]; 4] =
        [&[0x1f, 0x8b, 0x08], b"BZh", &[0xfd, b'7', b'z', b'X', b'Z', 0], &[0x28, 0xb5, 0x2f, 0xfd]];
    COMPRESSED.iter().any(|magic| head.starts_with(magic)) || is_tar(head)
}

/// Whether the checksum of the first header is right; two empty blocks are an empty tar.
fn is_tar(head: &[u8]) -> bool {
    const CHECKSUM: std::ops::Range<usize> = 148..156;
    if head.len() < BLOCK {
        return false;
    }
    if head.iter().all(|byte| *byte == 0) {
        return true;
    }
    let text: String = head[CHECKSUM].iter().map(|byte| char::from(*byte)).collect();
    let wanted = u32::from_str_radix(text.trim_matches([' ', '\0']), 8);
    let sum = head
        .iter()
        .enumerate()
        .map(|(at, byte)| u32::from(if CHECKSUM.contains(&at) { b' ' } else { *byte }));
    wanted == Ok(sum.sum())
}

/// A descriptor that is waited for together with the token.
struct Waiting {
    fd: OwnedFd,
    token: CancelToken,
}

impl Read for Waiting {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        loop {
            if self.token.is_cancelled() {
                return Err(Error::new(ErrorKind::Cancelled, "the operation was cancelled").into_io());
            }
            let mut waits = [PollFd::new(&self.fd, PollFlags::IN), PollFd::new(&self.token, PollFlags::IN)];
            match poll(&mut waits, None) {
                Ok(_) if waits[0].revents().is_empty() => {}
                Ok(_) => return Ok(rustix::io::read(&self.fd, buffer)?),
                Err(rustix::io::Errno::INTR) => {}
                Err(error) => return Err(error.into()),
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tar_is_told_from_a_dockerfile_by_its_first_block() {
        let mut tar = tar::Builder::new(Vec::new());
        let mut header = tar::Header::new_gnu();
        header.set_size(0);
        tar.append_data(&mut header, "Dockerfile", io::empty()).unwrap();
        let tar = tar.into_inner().unwrap();
        assert!(is_archive(&tar[..BLOCK]));
        assert!(is_archive(&[0; BLOCK]), "an empty tar");
        assert!(is_archive(&[0x1f, 0x8b, 0x08, 0, 0]), "gzip");
        assert!(!is_archive(b"FROM scratch\n"));
        assert!(!is_archive(&b"FROM scratch\nRUN true\n".repeat(100)[..BLOCK]));
        assert!(!is_archive(b""));
    }
}
