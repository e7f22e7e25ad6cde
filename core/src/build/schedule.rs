//! Which stages are built when: those that depend on each other one after the other, the others side by side.

use std::os::fd::AsFd;
use std::sync::Arc;
use std::sync::mpsc;

use rustix::event::{EventfdFlags, PollFd, PollFlags, eventfd, poll};
use rustix::io::Errno;

use super::Build;
use super::plan::Plan;
use super::stage::Stage;
use crate::error::{Error, ErrorKind, Result, ResultExt};
use crate::task::{CancelToken, Task};

/// Bytes of a stage's stack: trees are walked to their depth, which archives choose.
const STACK: usize = 64 << 20;

/// A task for stages that are built side by side: a failure of one ends the others, but not what else the caller's token
/// cancels. `None` where one is built after the other.
pub fn scoped(plan: &Plan, jobs: Option<u32>, task: &Task) -> Result<Option<Task>> {
    let needed = plan.stages.iter().filter(|stage| stage.needed).count();
    if workers(jobs) == 1 || needed == 1 {
        return Ok(None);
    }
    let outer = task.clone();
    Ok(Some(Task::with_token(CancelToken::new()?).on_event(move |event| outer.emit(event))))
}

fn workers(jobs: Option<u32>) -> usize {
    match jobs {
        Some(jobs) => jobs.max(1) as usize,
        None => std::thread::available_parallelism().map_or(1, usize::from),
    }
}

impl Build<'_> {
    /// Builds the stages that the target needs and returns the target. The first failure ends the others. `caller` is whose
    /// cancel ends all of it.
    pub(super) fn run_stages(&self, caller: &Task) -> Result<Arc<Stage>> {
        self.tell_beginning()?;
        let mut waiting: Vec<usize> =
            (0..self.plan.stages.len()).filter(|number| self.plan.stages[*number].needed).collect();
        let jobs = workers(self.options.jobs);
        if jobs == 1 || waiting.len() == 1 {
            return std::thread::scope(|scope| {
                // The stages that one needs stand before it.
                let all = move || waiting.into_iter().try_for_each(|number| self.finish_stage(number));
                let thread = std::thread::Builder::new().stack_size(STACK).spawn_scoped(scope, all);
                let thread = thread.context(|| "start a thread")?;
                thread.join().map_err(|_| Error::new(ErrorKind::Internal, "a stage panicked"))??;
                self.finished(self.plan.target)
            });
        }
        let token = self.task.token();
        let woken =
            eventfd(0, EventfdFlags::CLOEXEC | EventfdFlags::NONBLOCK).context(|| "create an eventfd")?;
        let (sender, results) = mpsc::channel();
        std::thread::scope(|scope| {
            let mut running = 0;
            let mut failed: Option<Error> = None;
            loop {
                if let (None, Err(cancelled)) = (&failed, caller.check()) {
                    failed = Some(cancelled);
                    token.cancel();
                }
                while failed.is_none() && running < jobs {
                    let ready = |number: &usize| {
                        self.plan.stages[*number]
                            .sources
                            .iter()
                            .all(|source| self.done[*source].get().is_some())
                    };
                    let Some(position) = waiting.iter().position(ready) else { break };
                    let number = waiting.remove(position);
                    let (sender, woken) = (sender.clone(), &woken);
                    let thread =
                        std::thread::Builder::new().stack_size(STACK).spawn_scoped(scope, move || {
                            let work = std::panic::AssertUnwindSafe(|| self.finish_stage(number));
                            let result = std::panic::catch_unwind(work)
                                .unwrap_or_else(|_| Err(Error::new(ErrorKind::Internal, "a stage panicked")));
                            let _ = sender.send(result);
                            // The counter is far from its end: it takes one for each stage.
                            let _ = rustix::io::write(woken, &1u64.to_ne_bytes());
                        });
                    match thread {
                        Ok(_) => running += 1,
                        Err(error) => {
                            failed = Some(Error::io("start a thread", error));
                            token.cancel();
                        }
                    }
                }
                if running == 0 {
                    break;
                }
                // A cancel is seen once: from then on only the stages are waited for.
                let watched = failed.is_none().then_some(caller.token());
                if let Err(error) = wait(&woken, watched) {
                    failed.get_or_insert(error);
                    token.cancel();
                }
                while let Ok(result) = results.try_recv() {
                    running -= 1;
                    if let Err(error) = result {
                        token.cancel();
                        failed.get_or_insert(error);
                    }
                }
            }
            match failed {
                Some(error) => Err(error),
                None => self.finished(self.plan.target),
            }
        })
    }

    fn finish_stage(&self, number: usize) -> Result<()> {
        self.task.check()?;
        let stage = self.build_stage(number)?;
        let _ = self.done[number].set(Arc::new(stage));
        Ok(())
    }
}

/// Waits for a stage to end, or for a cancel.
fn wait(woken: &impl AsFd, token: Option<&CancelToken>) -> Result<()> {
    let mut fds = vec![PollFd::new(woken, PollFlags::IN)];
    fds.extend(token.map(|token| PollFd::new(token, PollFlags::IN)));
    match poll(&mut fds, None) {
        Ok(_) | Err(Errno::INTR) => {}
        Err(error) => return Err(Error::io("wait for stages", error)),
    }
    let mut counter = [0; 8];
    let _ = rustix::io::read(woken, &mut counter);
    Ok(())
}
