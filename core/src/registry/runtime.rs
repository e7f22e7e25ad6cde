//! The private tokio runtime of one operation: the rest of `registry` is blocking code that waits on it.
//!
//! The operation's work runs on threads made for it, so that calling it from inside somebody else's runtime cannot panic.
//! Runtime and threads are gone when [`run`] returns. Knows nothing of HTTP.

use std::collections::VecDeque;
use std::future::Future;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use nix::sys::signal::{SigSet, Signal};
use rustix::event::{PollFd, PollFlags, poll};
use rustix::io::Errno;
use tokio::runtime::{Builder, Handle};
use tokio::sync::watch;

use crate::error::{Error, ErrorKind, Result, ResultExt};
use crate::task::{CancelToken, Task};

/// Threads that drive sockets. The bytes are hashed and written on the threads that wait for them.
const WORKERS: usize = 2;

/// What the threads of one operation wait on.
pub struct Runtime {
    handle: Handle,
    stop: watch::Sender<bool>,
    task: Task,
}

/// Runs an operation's work beside a runtime of its own.
pub fn run<T: Send>(task: &Task, work: impl FnOnce(&Runtime) -> Result<T> + Send) -> Result<T> {
    let (stop, _) = watch::channel(false);
    // A token of its own, readable once the work is done: a pipe's end could be held open by a forked child.
    let over = CancelToken::new()?;
    let done = Done(over.clone());
    std::thread::scope(|scope| {
        let own_stop = stop.clone();
        // A runtime may be neither waited on nor dropped in a thread that belongs to another one.
        let thread = std::thread::Builder::new().name("registry".into());
        let work = thread.spawn_scoped(scope, move || {
            let _done = done;
            block_broken_pipes()?;
            let runtime = Builder::new_multi_thread()
                .worker_threads(WORKERS)
                .thread_name("registry-io")
                .enable_all()
                .build()
                .context(|| "start the runtime of a registry operation")?;
            work(&Runtime { handle: runtime.handle().clone(), stop: own_stop, task: task.clone() })
        });
        let work = work.context(|| "start the thread of a registry operation")?;
        if is_cancelled_before(task, &over)? {
            stop.send_replace(true);
        }
        work.join().unwrap_or_else(|_| Err(Error::new(ErrorKind::Internal, "a registry operation panicked")))
    })
}

/// Says when it is dropped that the work is done, however it ended.
struct Done(CancelToken);

impl Drop for Done {
    fn drop(&mut self) {
        self.0.cancel();
    }
}

/// Keeps SIGPIPE from this thread and those it starts: a registry that hangs up while we write would end a process that does not
/// ignore the signal, and it is not ours to make it. The write still fails.
fn block_broken_pipes() -> Result<()> {
    let mut set = SigSet::empty();
    set.add(Signal::SIGPIPE);
    set.thread_block().map_err(|error| Error::io("block SIGPIPE", std::io::Error::from(error)))
}

/// Waits until the task is cancelled or the work is done.
fn is_cancelled_before(task: &Task, over: &CancelToken) -> Result<bool> {
    let mut waits = [PollFd::new(task.token(), PollFlags::IN), PollFd::new(over, PollFlags::IN)];
    loop {
        match poll(&mut waits, None) {
            Ok(_) => return Ok(!waits[0].revents().is_empty()),
            Err(Errno::INTR) => {}
            Err(error) => return Err(Error::io("wait for a registry operation", error)),
        }
    }
}

impl Runtime {
    /// The task of the operation.
    pub fn task(&self) -> &Task {
        &self.task
    }

    /// Where futures run that this thread does not wait for at once.
    pub fn handle(&self) -> &Handle {
        &self.handle
    }

    /// Waits for a future. `cancelled` when the task is cancelled meanwhile, or another thread of the operation failed.
    pub fn wait<F: Future>(&self, future: F) -> Result<F::Output> {
        let mut stop = self.stop.subscribe();
        self.handle.block_on(async move {
            tokio::select! {
                biased;
                _ = stop.wait_for(|stop| *stop) => Err(self.stopped()),
                output = future => Ok(output),
            }
        })
    }

    /// Waits for a future, but no longer than `limit`: then `None`.
    pub fn wait_for<F: Future>(&self, limit: Duration, future: F) -> Result<Option<F::Output>> {
        self.wait(async move { tokio::time::timeout(limit, future).await.ok() })
    }

    /// Waits for some time.
    pub fn sleep(&self, time: Duration) -> Result<()> {
        self.wait(async move { tokio::time::sleep(time).await })
    }

    fn stopped(&self) -> Error {
        match self.task.check() {
            Err(cancelled) => cancelled,
            Ok(()) => Error::new(ErrorKind::Cancelled, "another part of the operation failed"),
        }
    }

    /// Does `work` for every item, on up to `threads` threads at once. The first failure stops the others and is the one
    /// that is told. Results are in the order of the items.
    pub fn each<I: Send, T: Send>(
        &self,
        threads: usize,
        items: Vec<I>,
        work: impl Fn(I) -> Result<T> + Sync,
    ) -> Result<Vec<T>> {
        let count = items.len();
        let queue = Mutex::new(items.into_iter().enumerate().collect::<VecDeque<_>>());
        let results = Mutex::new((0..count).map(|_| None).collect::<Vec<Option<T>>>());
        let failure = Mutex::new(None);
        let one = || {
            loop {
                let next = locked(&queue).pop_front();
                let Some((position, item)) = next else { return };
                match work(item) {
                    Ok(result) => locked(&results)[position] = Some(result),
                    Err(error) => {
                        locked(&failure).get_or_insert(error);
                        locked(&queue).clear();
                        self.stop.send_replace(true);
                    }
                }
            }
        };
        std::thread::scope(|scope| -> Result<()> {
            for _ in 1..threads.min(count) {
                let thread = std::thread::Builder::new().name("registry-layer".into());
                thread.spawn_scoped(scope, one).context(|| "start a thread for a layer")?;
            }
            one();
            Ok(())
        })?;
        if let Some(error) = failure.into_inner().unwrap_or_else(PoisonError::into_inner) {
            return Err(error);
        }
        let results = results.into_inner().unwrap_or_else(PoisonError::into_inner);
        results
            .into_iter()
            .collect::<Option<Vec<T>>>()
            .ok_or_else(|| Error::new(ErrorKind::Internal, "a thread of a registry operation died"))
    }
}

/// Locks what threads of one operation share. One that panicked has failed the operation already.
pub fn locked<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn work_waits_inside_another_runtime_and_leaves_no_thread() {
        let before = threads();
        let outer = Builder::new_current_thread().enable_all().build().unwrap();
        let value = outer.block_on(async {
            run(&Task::new().unwrap(), |runtime| {
                runtime.each(3, vec![1, 2, 3, 4], |n| {
                    runtime.sleep(Duration::from_millis(5))?;
                    Ok(n * 2)
                })
            })
        });
        assert_eq!(value.unwrap(), [2, 4, 6, 8]);
        drop(outer);
        assert!(threads() <= before);
    }

    /// Threads of this test's own making: others run in the same process.
    fn threads() -> usize {
        let names = std::process::Command::new("sh")
            .args(["-c", &format!("grep -l '^registry' /proc/{}/task/*/comm | wc -l", std::process::id())])
            .output()
            .unwrap();
        String::from_utf8(names.stdout).unwrap().trim().parse().unwrap()
    }

    #[test]
    fn the_first_failure_stops_the_others() {
        let started = std::time::Instant::now();
        let error = run(&Task::new().unwrap(), |runtime| {
            runtime.each(2, vec![true, false], |fails| {
                if fails {
                    return Err(Error::new(ErrorKind::NotFound, "gone"));
                }
                runtime.sleep(Duration::from_secs(60))
            })
        })
        .unwrap_err();
        assert_eq!(error.kind(), ErrorKind::NotFound);
        assert!(started.elapsed() < Duration::from_secs(30));
    }

    #[test]
    fn a_cancel_ends_a_wait_at_once() {
        let task = Task::new().unwrap();
        let token = task.token().clone();
        std::thread::spawn(move || {
            std::thread::sleep(Duration::from_millis(50));
            token.cancel();
        });
        let error = run(&task, |runtime| runtime.sleep(Duration::from_secs(60))).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Cancelled);
    }
}
