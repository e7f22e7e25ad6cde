//! Waiting for what happens in a container's folder, without looking again and again.

use std::ffi::CStr;
use std::mem::MaybeUninit;
use std::os::fd::{AsFd, OwnedFd};
use std::path::Path;
use std::time::{Duration, Instant};

use rustix::event::{PollFd, PollFlags, poll};
use rustix::fs::inotify::{self, CreateFlags, ReadFlags, WatchFlags};
use rustix::io::Errno;
use rustix::time::Timespec;

use crate::error::{Error, ErrorKind, Result, ResultExt};
use crate::task::{CancelToken, Task};

/// A folder that is watched.
pub struct Watch(OwnedFd);

/// What was seen.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Seen {
    /// The file `log` has changed, or another one has its name.
    pub log: bool,
    /// The file `state` is another one.
    pub state: bool,
    /// The folder is gone.
    pub gone: bool,
}

impl Watch {
    /// Begins to watch. `not_found` when the folder is gone.
    pub fn new(folder: &Path) -> Result<Watch> {
        let fd =
            inotify::init(CreateFlags::CLOEXEC | CreateFlags::NONBLOCK).context(|| "watch a container")?;
        let what = WatchFlags::MODIFY
            | WatchFlags::CREATE
            | WatchFlags::MOVED_TO
            | WatchFlags::DELETE_SELF
            | WatchFlags::ONLYDIR;
        inotify::add_watch(&fd, folder, what).context(|| format!("watch {}", folder.display()))?;
        Ok(Watch(fd))
    }

    /// Waits for the next things to see. `cancelled` when the task is, `timeout` at the end of the time that is given.
    pub fn next(&self, task: &Task, end: Option<Instant>) -> Result<Seen> {
        loop {
            task.check()?;
            let seen = self.read()?;
            if seen != Seen::default() {
                return Ok(seen);
            }
            if !wait(&[self.0.as_fd(), task.token().as_fd()], end)? {
                return Err(Error::new(ErrorKind::Timeout, "the container has not ended in time"));
            }
        }
    }

    fn read(&self) -> Result<Seen> {
        let mut buffer = [MaybeUninit::uninit(); 4096];
        let mut reader = inotify::Reader::new(&self.0, &mut buffer);
        let mut seen = Seen::default();
        loop {
            let event = match reader.next() {
                Ok(event) => event,
                Err(Errno::AGAIN) => return Ok(seen),
                Err(Errno::INTR) => continue,
                Err(error) => return Err(Error::io("watch a container", error)),
            };
            // Too much happened at once: anything may have.
            let all = event.events().contains(ReadFlags::QUEUE_OVERFLOW);
            let name = event.file_name().map(CStr::to_bytes);
            seen.log |= all || name == Some(b"log");
            seen.state |= all || name == Some(b"state");
            seen.gone |= event.events().intersects(ReadFlags::DELETE_SELF | ReadFlags::IGNORED);
        }
    }
}

/// Waits until one of them can be read; `false` at the end of the time that is given.
fn wait(fds: &[std::os::fd::BorrowedFd<'_>], end: Option<Instant>) -> Result<bool> {
    loop {
        let left = end.map(|end| end.saturating_duration_since(Instant::now()));
        let mut polled: Vec<PollFd<'_>> =
            fds.iter().map(|fd| PollFd::from_borrowed_fd(*fd, PollFlags::IN)).collect();
        match poll(&mut polled, left.map(timespec).as_ref()) {
            Ok(0) => return Ok(false),
            Ok(_) => return Ok(true),
            Err(Errno::INTR) => {}
            Err(error) => return Err(Error::io("wait for a container", error)),
        }
    }
}

fn timespec(duration: Duration) -> Timespec {
    Timespec {
        tv_sec: i64::try_from(duration.as_secs()).unwrap_or(i64::MAX),
        tv_nsec: duration.subsec_nanos().into(),
    }
}

/// Does something with a task that is cancelled at a time, and with the caller's. `None` when the time was over first.
pub fn until<T>(end: Instant, task: &Task, work: impl FnOnce(&Task) -> Result<T>) -> Result<Option<T>> {
    let (inner, done) = (CancelToken::new()?, CancelToken::new()?);
    std::thread::scope(|scope| {
        let timer = scope.spawn(|| {
            let early = wait(&[done.as_fd(), task.token().as_fd()], Some(end)).unwrap_or(false);
            inner.cancel();
            early
        });
        let result = work(&Task::with_token(inner.clone()));
        done.cancel();
        let early = timer.join().unwrap_or(false);
        match result {
            Err(error) if error.kind() == ErrorKind::Cancelled && !early => Ok(None),
            other => other.map(Some),
        }
    })
}

#[cfg(test)]
mod tests {
    #![allow(clippy::disallowed_methods)]

    use super::*;

    #[test]
    fn what_happens_in_a_folder_is_seen_and_a_wait_ends_in_time() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("x");
        std::fs::create_dir(&path).unwrap();
        let (watch, task) = (Watch::new(&path).unwrap(), Task::new().unwrap());
        let soon = || Some(Instant::now() + Duration::from_millis(20));
        assert_eq!(watch.next(&task, soon()).unwrap_err().kind(), ErrorKind::Timeout);
        std::fs::write(path.join("log"), "x").unwrap();
        assert!(watch.next(&task, None).unwrap().log);
        std::fs::write(path.join("other"), "x").unwrap();
        std::fs::rename(path.join("other"), path.join("state")).unwrap();
        assert!(watch.next(&task, None).unwrap().state);
        std::fs::remove_dir_all(&path).unwrap();
        assert!(watch.next(&task, None).unwrap().gone);
        task.token().cancel();
        assert_eq!(watch.next(&task, None).unwrap_err().kind(), ErrorKind::Cancelled);
    }

    #[test]
    fn work_that_takes_too_long_is_cancelled_and_its_own_end_is_its_result() {
        let task = Task::new().unwrap();
        let wait_for = |task: &Task| wait(&[task.token().as_fd()], None).and_then(|_| task.check());
        let soon = Instant::now() + Duration::from_millis(10);
        assert_eq!(until(soon, &task, wait_for).unwrap(), None);
        let late = Instant::now() + Duration::from_secs(100);
        assert_eq!(until(late, &task, |_| Ok(7)).unwrap(), Some(7));
        task.token().cancel();
        assert_eq!(until(late, &task, wait_for).unwrap_err().kind(), ErrorKind::Cancelled);
    }
}
