//! The output of a RUN step: on its way to the events, and the end of it for an error.

use std::collections::VecDeque;

use super::Build;
use crate::error::Result;
use crate::event::{Event, LogStream};

/// How much of a failed command's output its error has: the last lines, and of them the last bytes.
const TAIL_LINES: usize = 20;
const TAIL_BYTES: usize = 4096;

/// Output on its way to the events, cut at line ends, and the end of it for an error.
pub struct Log<'a> {
    build: &'a Build<'a>,
    n: u32,
    tail: VecDeque<String>,
    partial: [Vec<u8>; 2],
}

impl<'a> Log<'a> {
    /// Of a step.
    pub fn new(build: &'a Build<'a>, n: u32) -> Self {
        Log { build, n, tail: VecDeque::new(), partial: [Vec::new(), Vec::new()] }
    }

    /// Takes what came, and hands on whole lines.
    pub fn write(&mut self, stream: LogStream, bytes: &[u8]) -> Result<()> {
        let partial = &mut self.partial[usize::from(stream == LogStream::Stderr)];
        partial.extend_from_slice(bytes);
        // A line that does not end (a progress bar) goes out in pieces.
        const LONGEST: usize = 64 * 1024;
        let end = match partial.iter().rposition(|byte| *byte == b'\n') {
            Some(end) => end + 1,
            None if partial.len() >= LONGEST => partial.len(),
            None => return Ok(()),
        };
        let text: Vec<u8> = partial.drain(..end).collect();
        self.emit(stream, &text)
    }

    /// Hands on what is left.
    pub fn finish(&mut self) -> Result<()> {
        for stream in [LogStream::Stdout, LogStream::Stderr] {
            let text = std::mem::take(&mut self.partial[usize::from(stream == LogStream::Stderr)]);
            if !text.is_empty() {
                self.emit(stream, &text)?;
            }
        }
        Ok(())
    }

    fn emit(&mut self, stream: LogStream, text: &[u8]) -> Result<()> {
        let text = String::from_utf8_lossy(text).into_owned();
        for line in text.lines() {
            if self.tail.len() == TAIL_LINES {
                self.tail.pop_front();
            }
            self.tail.push_back(line.to_owned());
        }
        self.build.task.emit(&Event::StepLog { n: self.n, stream, text })
    }

    /// The last lines.
    pub fn tail(&self) -> String {
        let text = self.tail.iter().map(String::as_str).collect::<Vec<_>>().join("\n");
        let start = (text.len().saturating_sub(TAIL_BYTES)..text.len())
            .find(|start| text.is_char_boundary(*start))
            .unwrap_or(text.len());
        text[start..].to_owned()
    }
}
