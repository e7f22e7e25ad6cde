//! The facade's part about containers.

use super::Engine;
use crate::archive::{FileChange, Source, Target};
use crate::containers::{
    self, AttachOptions, CommitOptions, ContainerListOptions, ContainerOutput, ContainerPruneOptions,
    ContainerPruneReport, ContainerRemoveOptions, ContainerStreams, ContainerSummary, CreateOptions,
    CreateReport, ExecOptions, ExitReport, KillOptions, LogsOptions, PathStat, PutArchiveOptions, RunOptions,
    StartOptions, StopOptions, TopReport, WaitOptions,
};
use crate::error::Result;
use crate::task::Task;

/// Containers. One is given by its name, its ID, or an unambiguous prefix of that; one that is not there is `not_found`.
///
/// They run on their own: every container has a monitor, a small process that writes its log and its exit code, so that it outlives the
/// caller (unless it runs in the foreground), and any process with the same store can list it, follow it and stop it.
impl Engine {
    /// Creates a container of an image, which is pulled as `pull` says. Does not start it. Atomic.
    ///
    /// `conflict` for a name that is taken, `invalid_argument` for one that is none, and for options that make no sense;
    /// `unsupported` for what cannot be had here (ports, and limits where there are no control groups).
    pub fn containers_create(
        &self,
        image: &str,
        options: &CreateOptions,
        task: &Task,
    ) -> Result<CreateReport> {
        containers::create(&*self.store_for(task)?, self.registry(), image, options, task)
    }

    /// Creates a container, starts it, and unless it is detached attaches to it and waits for its end. Sends `container_created` and
    /// `container_started`, from which the ID is known before the end.
    ///
    /// An exit code other than 0 is no error: the report has it. In the foreground the container ends with the caller, however that
    /// ends: a cancelled task kills it. A command that cannot be executed is `container_failed` with `exit_code` 127 or 126, and the container stays, unless it is
    /// to be removed.
    pub fn containers_run(
        &self,
        image: &str,
        options: &RunOptions,
        streams: ContainerStreams<'_>,
        task: &Task,
    ) -> Result<ExitReport> {
        containers::run(&*self.store_for(task)?, self.registry(), image, options, streams, task)
    }

    /// The containers, newest first; only those that run, unless `all` are asked for.
    pub fn containers_list(&self, options: &ContainerListOptions) -> Result<Vec<ContainerSummary>> {
        containers::list(&*self.store()?, options)
    }

    /// One container as lists show it.
    pub fn containers_get(&self, container: &str) -> Result<ContainerSummary> {
        containers::get(&*self.store()?, container)
    }

    /// Removes the containers that do not run.
    pub fn containers_prune(
        &self,
        options: &ContainerPruneOptions,
        task: &Task,
    ) -> Result<ContainerPruneReport> {
        containers::prune(&*self.store_for(task)?, options, task)
    }

    /// A container in Docker's JSON shape (Engine API, "ContainerInspect").
    pub fn container_inspect(&self, container: &str) -> Result<serde_json::Value> {
        containers::inspect(&*self.store()?, container)
    }

    /// Starts a container that does not run; one that does is left as it is. With `attach` returns when it has ended (or was detached
    /// from), with its exit code; otherwise as soon as the command runs. Unlike with `run`, the container goes on when the caller ends.
    pub fn container_start(
        &self,
        container: &str,
        options: &StartOptions,
        streams: ContainerStreams<'_>,
        task: &Task,
    ) -> Result<ExitReport> {
        containers::start(&*self.store_for(task)?, container, options, streams, task)
    }

    /// Attaches to a container that runs, until it has ended or was detached from. `conflict` when it does not run. A cancelled task only
    /// detaches.
    pub fn container_attach(
        &self,
        container: &str,
        options: &AttachOptions,
        streams: ContainerStreams<'_>,
        task: &Task,
    ) -> Result<ExitReport> {
        containers::attach(&*self.store_for(task)?, container, options, streams, task)
    }

    /// Waits for what `condition` says and gives the exit code. `timeout` after `timeout_ms`.
    pub fn container_wait(&self, container: &str, options: &WaitOptions, task: &Task) -> Result<ExitReport> {
        containers::wait(&*self.store_for(task)?, container, options, task)
    }

    /// Sends a container its stop signal, and SIGKILL when it still runs after the grace. Idempotent. A cancelled task kills at once what is
    /// not waited for any more.
    pub fn container_stop(&self, container: &str, options: &StopOptions, task: &Task) -> Result<()> {
        containers::stop(&*self.store_for(task)?, container, options, task)
    }

    /// Stops a container, if it runs, and starts it.
    pub fn container_restart(&self, container: &str, options: &StopOptions, task: &Task) -> Result<()> {
        containers::restart(&*self.store_for(task)?, container, options, task)
    }

    /// Sends a container a signal. `conflict` when it does not run, `invalid_argument` for a signal that there is none of.
    pub fn container_kill(&self, container: &str, options: &KillOptions) -> Result<()> {
        containers::kill(&*self.store()?, container, options)
    }

    /// Stops everything in a container for a while. `conflict` when it does not run or is paused.
    pub fn container_pause(&self, container: &str) -> Result<()> {
        containers::pause(&*self.store()?, container)
    }

    /// Lets it go on. `conflict` when it is not paused.
    pub fn container_unpause(&self, container: &str) -> Result<()> {
        containers::unpause(&*self.store()?, container)
    }

    /// Tells the container's terminal its size. `conflict` when it does not run.
    pub fn container_resize(&self, container: &str, rows: u16, cols: u16) -> Result<()> {
        containers::resize(&*self.store()?, container, rows, cols)
    }

    /// Hands over what a container wrote, in the order in which it was written; with `follow` until it has ended.
    pub fn container_logs(
        &self,
        container: &str,
        options: &LogsOptions,
        output: &mut ContainerOutput<'_>,
        task: &Task,
    ) -> Result<()> {
        containers::logs(&*self.store_for(task)?, container, options, output, task)
    }

    /// Executes a command in a container that runs and, unless it is detached, waits for its end. A cancelled task kills the command.
    /// `conflict` when the container does not run or is paused; `container_failed` with `exit_code` 127 or 126 for a command that
    /// cannot be executed.
    pub fn container_exec(
        &self,
        container: &str,
        options: &ExecOptions,
        streams: ContainerStreams<'_>,
        task: &Task,
    ) -> Result<ExitReport> {
        containers::exec(&*self.store_for(task)?, container, options, streams, task)
    }

    /// The processes of a container that runs, in the columns of `ps -ef`.
    pub fn container_top(&self, container: &str) -> Result<TopReport> {
        containers::top(&*self.store()?, container)
    }

    /// Gives a container another name. `conflict` when it is taken.
    pub fn container_rename(&self, container: &str, name: &str) -> Result<()> {
        containers::rename(&*self.store()?, container, name)
    }

    /// Removes a container with all it wrote. `conflict` when it runs, unless that is forced.
    pub fn container_remove(&self, container: &str, options: &ContainerRemoveOptions) -> Result<()> {
        containers::remove(&*self.store()?, container, options)
    }

    /// Makes an image of a container: one more layer, and the container's config. Returns its ID. Atomic.
    ///
    /// All that runs in it stops meanwhile, unless `pause` is false. `invalid_argument` for a change that is none of those allowed.
    pub fn container_commit(&self, container: &str, options: &CommitOptions, task: &Task) -> Result<String> {
        containers::commit(&*self.store_for(task)?, container, options, task)
    }

    /// What differs between a container and its image, sorted by path.
    pub fn container_diff(&self, container: &str, task: &Task) -> Result<Vec<FileChange>> {
        containers::diff(&*self.store_for(task)?, container, task)
    }

    /// Writes the file system of a container as one tar; what is mounted in it is left out. Atomic for a path.
    pub fn container_export(&self, container: &str, target: Target, task: &Task) -> Result<()> {
        containers::export(&*self.store_for(task)?, container, target, task)
    }

    /// What stands at a path of a container. Links are followed inside it but for the last. `not_found`.
    pub fn container_stat(&self, container: &str, path: &str) -> Result<PathStat> {
        containers::stat(&*self.store()?, container, path)
    }

    /// Writes a file, or a directory with all in it, as a tar whose names begin with its own, and says what it is. `not_found`.
    pub fn container_get_archive(
        &self,
        container: &str,
        path: &str,
        target: Target,
        task: &Task,
    ) -> Result<PathStat> {
        containers::get_archive(&*self.store_for(task)?, container, path, target, task)
    }

    /// Lays a tar, plain or compressed, into a directory of a container. Nothing in it gets out of the container's root. `not_found` for a
    /// directory that is not there, `invalid_argument` for what is no directory. Not atomic.
    pub fn container_put_archive(
        &self,
        container: &str,
        path: &str,
        source: Source,
        options: &PutArchiveOptions,
        task: &Task,
    ) -> Result<()> {
        containers::put_archive(&*self.store_for(task)?, container, path, source, options, task)
    }
}
