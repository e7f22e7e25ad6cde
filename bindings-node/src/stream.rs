//! JavaScript's streams as the core's `Read` and `Write`. One chunk at a time: whoever is slower sets the pace.

use std::io::{self, Read, Write};
use std::sync::{Arc, Mutex, PoisonError};

use layerkit::{Error, LogStream, Result};

use crate::operation::{Answer, Call, Conversation};

/// Bytes that travel to JavaScript at once.
const CHUNK: usize = 256 * 1024;

/// A JavaScript stream that is read.
pub struct Reader {
    conversation: Conversation,
    chunk: io::Cursor<Vec<u8>>,
    ended: bool,
}

impl Reader {
    /// Reads what the conversation's other side gives.
    pub fn new(conversation: Conversation) -> Self {
        Reader { conversation, chunk: io::Cursor::default(), ended: false }
    }
}

impl Read for Reader {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        loop {
            let n = self.chunk.read(buffer)?;
            if n > 0 || self.ended || buffer.is_empty() {
                return Ok(n);
            }
            self.conversation.ask();
            match self.conversation.wait().map_err(Error::into_io)? {
                Answer::Chunk(bytes) => self.chunk = io::Cursor::new(bytes),
                _ => self.ended = true,
            }
        }
    }
}

/// A JavaScript stream that is written. Clones share it; [`Writer::finish`] sees the last bytes off.
#[derive(Clone)]
pub struct Writer(Arc<Mutex<Inner>>);

struct Inner {
    conversation: Conversation,
    chunk: Vec<u8>,
    /// Whether the other side is ready, and we have heard of it.
    ready: bool,
}

impl Writer {
    /// Writes to the conversation's other side.
    pub fn new(conversation: Conversation) -> Self {
        Writer(Arc::new(Mutex::new(Inner { conversation, chunk: Vec::new(), ready: false })))
    }

    fn with<T>(&self, body: impl FnOnce(&mut Inner) -> T) -> T {
        body(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// Hands over what is buffered and waits until the stream has taken it.
    pub fn finish(&self) -> Result<()> {
        self.with(|inner| {
            inner.hand_over()?;
            inner.wait()
        })
    }
}

impl Inner {
    fn hand_over(&mut self) -> Result<()> {
        if !self.chunk.is_empty() {
            self.wait()?;
            self.conversation.write(std::mem::take(&mut self.chunk));
            self.ready = false;
        }
        Ok(())
    }

    /// Waits until the other side can take more, which it says once.
    fn wait(&mut self) -> Result<()> {
        if !self.ready {
            self.conversation.wait()?;
            self.ready = true;
        }
        Ok(())
    }
}

impl Write for Writer {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.with(|inner| {
            inner.chunk.reserve_exact(CHUNK.saturating_sub(inner.chunk.len()));
            let n = bytes.len().min(CHUNK - inner.chunk.len());
            inner.chunk.extend_from_slice(&bytes[..n]);
            if inner.chunk.len() == CHUNK {
                inner.hand_over().map_err(Error::into_io)?;
            }
            Ok(n)
        })
    }

    /// Waits until the stream has taken all: what fails to be written must not come after it counts.
    fn flush(&mut self) -> io::Result<()> {
        self.finish().map_err(Error::into_io)
    }
}

/// What a container writes, to JavaScript's streams. Each chunk goes as it comes, once the stream has taken the one before.
pub struct Outlets {
    /// Which of `streams` is whose; none for what nobody wants.
    stdout: Option<usize>,
    stderr: Option<usize>,
    streams: Vec<Conversation>,
}

impl Outlets {
    /// Of a call's streams the first ones; both outputs may share one. Their numbers are JavaScript's.
    pub fn new(call: &mut Call, stdout: Option<u32>, stderr: Option<u32>) -> Self {
        let [stdout, stderr] = [stdout, stderr].map(|number| number.map(|number| number as usize));
        let count = stdout.max(stderr).map_or(0, |last| last + 1);
        Outlets { stdout, stderr, streams: (0..count.min(2)).map(|_| call.conversation()).collect() }
    }

    /// Hands a chunk over. Waits while the stream has not taken the last one.
    pub fn write(&self, from: LogStream, bytes: &[u8]) -> Result<()> {
        let number = match from {
            LogStream::Stdout => self.stdout,
            LogStream::Stderr => self.stderr,
        };
        if let Some(stream) = number.and_then(|number| self.streams.get(number)) {
            stream.wait()?;
            stream.write(bytes.to_vec());
        }
        Ok(())
    }
}
