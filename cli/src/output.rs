//! Writing to standard output: errors are returned, so that a reader that went away (`layerkit images | head -1`) ends the
//! command quietly.

use std::fmt::Display;
use std::io::{self, IsTerminal, Write};

/// Writes text as it is, at once.
pub fn text(text: &str) -> io::Result<()> {
    bytes(text.as_bytes())
}

/// Writes bytes as they are, at once: names of files need not be text.
pub fn bytes(bytes: &[u8]) -> io::Result<()> {
    let mut out = io::stdout().lock();
    out.write_all(bytes)?;
    out.flush()
}

/// Writes text to standard error, at once.
pub fn aside(text: &str) -> io::Result<()> {
    io::stderr().lock().write_all(text.as_bytes())
}

/// Writes a line.
pub fn line(line: impl Display) -> io::Result<()> {
    text(&format!("{line}\n"))
}

/// Writes a line to standard error. A standard error that is gone is no reason to stop.
pub fn complain(line: impl Display) {
    let _ = writeln!(io::stderr().lock(), "{line}");
}

/// Whether standard output is a terminal.
pub fn is_terminal() -> bool {
    io::stdout().is_terminal()
}
