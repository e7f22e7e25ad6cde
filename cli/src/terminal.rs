//! What a terminal does by itself and is not to do for a while.

use std::os::fd::BorrowedFd;

use rustix::io::Errno;
use rustix::termios::{LocalModes, OptionalActions, Termios, tcgetattr, tcgetpgrp, tcsetattr};

/// A terminal without some of its modes, until this is dropped.
pub struct Silence<'a> {
    terminal: BorrowedFd<'a>,
    before: Termios,
}

impl<'a> Silence<'a> {
    /// Takes modes away: `ECHO` shows what is typed, `ECHOCTL` shows Ctrl-C as `^C`.
    pub fn over(terminal: BorrowedFd<'a>, modes: LocalModes) -> Result<Self, Errno> {
        let before = tcgetattr(terminal)?;
        let mut silent = before.clone();
        silent.local_modes.remove(modes);
        tcsetattr(terminal, OptionalActions::Now, &silent)?;
        Ok(Silence { terminal, before })
    }

    /// Makes a terminal raw: every key is a byte, and nothing is shown or changed.
    pub fn raw(terminal: BorrowedFd<'a>) -> Result<Self, Errno> {
        let before = tcgetattr(terminal)?;
        let mut raw = before.clone();
        raw.make_raw();
        tcsetattr(terminal, OptionalActions::Now, &raw)?;
        Ok(Silence { terminal, before })
    }

    /// As [`Silence::over`], where nothing depends on it: a job in the background that touches its terminal would be stopped.
    pub fn in_foreground(terminal: BorrowedFd<'a>, modes: LocalModes) -> Option<Self> {
        if is_foreground(terminal) { Self::over(terminal, modes).ok() } else { None }
    }
}

impl Drop for Silence<'_> {
    fn drop(&mut self) {
        if is_foreground(self.terminal) {
            // Only fails when the terminal is gone.
            let _ = tcsetattr(self.terminal, OptionalActions::Now, &self.before);
        }
    }
}

/// A terminal that is not the one this process is controlled by stops nobody.
fn is_foreground(terminal: BorrowedFd<'_>) -> bool {
    tcgetpgrp(terminal).map_or(true, |group| group == rustix::process::getpgrp())
}
