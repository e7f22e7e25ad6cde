//! Bytes from one thread to another, in blocks whose buffers go round: a new one for each block would cost more than the copy
//! into it.

use std::io::{self, Read, Write};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};

use crate::error::{Error, ErrorKind, Result, ResultExt};
use crate::fs::COPY_BUFFER;

/// Blocks on their way to the other thread.
const IN_FLIGHT: usize = 4;

/// Runs `first` on this thread, feeding `second` on another. The error of `first` counts before that of `second`, which then only
/// saw its stream end early.
pub fn beside<A, B: Send>(
    first: impl FnOnce(Sender) -> Result<A>,
    second: impl FnOnce(Blocks) -> Result<B> + Send,
) -> Result<(A, B)> {
    let (blocks, taken) = sync_channel(IN_FLIGHT);
    let (returned, used) = sync_channel(IN_FLIGHT);
    let sender = Sender { blocks, used };
    let receiver = Blocks { blocks: taken, used: returned, block: Block::default(), at: 0 };
    std::thread::scope(|scope| {
        let other = std::thread::Builder::new()
            .name("layer-scan".into())
            .spawn_scoped(scope, move || second(receiver))
            .context(|| "start a thread to read a layer")?;
        let first = first(sender);
        let second = other
            .join()
            .unwrap_or_else(|_| Err(Error::new(ErrorKind::Internal, "a thread that read a layer died")));
        match (first, second) {
            (Ok(first), second) => Ok((first, second?)),
            (Err(error), Err(cause)) if error.kind() == ErrorKind::Internal => Err(cause),
            (Err(error), _) => Err(error),
        }
    })
}

/// Bytes on their way.
#[derive(Default)]
pub struct Block {
    buffer: Vec<u8>,
    length: usize,
}

impl Block {
    /// What is in it.
    pub fn bytes(&self) -> &[u8] {
        &self.buffer[..self.length]
    }

    /// Reads until it is full or the reader is at its end.
    pub fn fill(&mut self, reader: &mut impl Read) -> io::Result<()> {
        self.buffer.resize(COPY_BUFFER, 0);
        self.length = 0;
        while self.length < COPY_BUFFER {
            match reader.read(&mut self.buffer[self.length..]) {
                Ok(0) => break,
                Ok(n) => self.length += n,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }
}

/// The end that gives blocks.
pub struct Sender {
    blocks: SyncSender<Block>,
    used: Receiver<Block>,
}

impl Sender {
    /// A block to fill: one that came back, or a new one.
    pub fn block(&self) -> Block {
        self.used.try_recv().unwrap_or_default()
    }

    /// Gives a block. Fails when the other thread gave up, whose error is then told.
    pub fn send(&self, block: Block) -> Result<()> {
        self.blocks.send(block).map_err(|_| Error::new(ErrorKind::Internal, "the other thread ended"))
    }

    /// Gives everything that is left to read.
    pub fn drain(&self, reader: &mut impl Read, check: &mut dyn FnMut() -> Result<()>) -> Result<()> {
        loop {
            check()?;
            let mut block = self.block();
            block.fill(reader).context(|| "read layer")?;
            if block.length == 0 {
                return Ok(());
            }
            self.send(block)?;
        }
    }

    /// Gives a copy of these bytes, of which there are at most a block.
    pub fn copy(&self, mut bytes: &[u8]) -> Result<()> {
        let mut block = self.block();
        block.fill(&mut bytes).context(|| "copy a block")?;
        self.send(block)
    }
}

/// Bytes for the other thread, at most a block at a time.
impl Write for Sender {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let bytes = &bytes[..bytes.len().min(COPY_BUFFER)];
        self.copy(bytes).map_err(Error::into_io)?;
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// The end that takes blocks, as a stream.
pub struct Blocks {
    blocks: Receiver<Block>,
    used: SyncSender<Block>,
    block: Block,
    at: usize,
}

impl Read for Blocks {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if self.at == self.block.length {
            let Ok(next) = self.blocks.recv() else { return Ok(0) };
            // Nobody waits for it at the end.
            let _ = self.used.try_send(std::mem::replace(&mut self.block, next));
            self.at = 0;
        }
        let left = &self.block.bytes()[self.at..];
        let n = buffer.len().min(left.len());
        buffer[..n].copy_from_slice(&left[..n]);
        self.at += n;
        Ok(n)
    }
}
