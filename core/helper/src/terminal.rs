//! A terminal of the container's own: a pair of devpts, one side for the command and one for the monitor.

use std::io;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, FromRawFd, OwnedFd};

use rustix::fs::{CWD, Mode, OFlags, openat};

use crate::{Failure, Result, Step};

/// The type of devpts (linux/magic.h).
const DEVPTS: i64 = 0x1cd1;

/// Both sides.
pub struct Terminal {
    /// The monitor's.
    pub master: OwnedFd,
    /// The command's.
    pub slave: OwnedFd,
}

/// Opens a new pair through its device. In a container that is checked to be one: what else could be there is the command's.
pub fn open(device: &str, size: (u32, u32)) -> Result<Terminal> {
    let flags = OFlags::RDWR | OFlags::NOCTTY | OFlags::CLOEXEC | OFlags::NONBLOCK;
    let master = openat(CWD, device, flags, Mode::empty()).step(|| format!("open {device}"))?;
    if device.starts_with("/dev/pts/") {
        let kind = rustix::fs::fstatfs(&master).step(|| format!("look at {device}"))?.f_type;
        if kind != DEVPTS {
            return Err(Failure::new(format!("{device} is no device for terminals")));
        }
    }
    let unlocked: libc::c_int = 0;
    // SAFETY: TIOCSPTLCK reads a number, which lives until the call returns.
    check(unsafe { libc::ioctl(master.as_raw_fd(), libc::TIOCSPTLCK as _, &unlocked) }, "unlock a terminal")?;
    let slave = other_side(master.as_fd())?;
    let terminal = Terminal { master, slave };
    resize(terminal.master.as_fd(), size).step(|| "set the size of a terminal")?;
    Ok(terminal)
}

/// Opens a command's side, by the monitor's.
pub fn other_side(master: BorrowedFd<'_>) -> Result<OwnedFd> {
    let flags = libc::O_RDWR | libc::O_NOCTTY | libc::O_CLOEXEC;
    // SAFETY: TIOCGPTPEER takes flags and gives a descriptor that nobody else owns.
    let slave = unsafe { libc::ioctl(master.as_raw_fd(), libc::TIOCGPTPEER as _, flags) };
    check(slave, "open the other side of a terminal")?;
    // SAFETY: as above.
    Ok(unsafe { OwnedFd::from_raw_fd(slave) })
}

fn check(result: libc::c_int, step: &str) -> Result<()> {
    if result < 0 { Err(io::Error::last_os_error()).step(|| step.to_owned()) } else { Ok(()) }
}

/// Sets rows and columns; what runs in the foreground gets SIGWINCH.
pub fn resize(terminal: BorrowedFd<'_>, (rows, cols): (u32, u32)) -> io::Result<()> {
    let number = |value: u32| u16::try_from(value).unwrap_or(u16::MAX);
    let size = libc::winsize { ws_row: number(rows), ws_col: number(cols), ws_xpixel: 0, ws_ypixel: 0 };
    // SAFETY: TIOCSWINSZ reads a `winsize`, which lives until the call returns.
    match unsafe { libc::ioctl(terminal.as_raw_fd(), libc::TIOCSWINSZ as _, &size) } {
        0 => Ok(()),
        _ => Err(io::Error::last_os_error()),
    }
}

impl Terminal {
    /// The path of the command's side.
    pub fn name(&self) -> Result<String> {
        let mut number: libc::c_uint = 0;
        // SAFETY: TIOCGPTN writes a number, which lives until the call returns.
        let done = unsafe { libc::ioctl(self.master.as_raw_fd(), libc::TIOCGPTN as _, &mut number) };
        check(done, "ask for the number of a terminal")?;
        Ok(format!("/dev/pts/{number}"))
    }

    /// Makes it the terminal of this session.
    pub fn make_own(&self) -> Result<()> {
        // SAFETY: TIOCSCTTY takes a number.
        check(unsafe { libc::ioctl(self.slave.as_raw_fd(), libc::TIOCSCTTY as _, 0) }, "take a terminal")
    }
}
