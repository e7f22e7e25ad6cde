//! Not there yet.
#![allow(missing_docs, unused_variables)]
use super::*;
use crate::archive::{Source, Target};
use crate::config::RegistryConfig;
use crate::error::{Error, ErrorKind, Result};
use crate::store::Store;
use crate::task::Task;
use serde_json::Value;
fn later<T>() -> Result<T> {
    Err(Error::new(ErrorKind::Unsupported, "containers cannot do that yet"))
}
pub fn create(
    store: &Store,
    registry: &RegistryConfig,
    image: &str,
    options: &CreateOptions,
    task: &Task,
) -> Result<CreateReport> {
    later()
}
pub fn run(
    store: &Store,
    registry: &RegistryConfig,
    image: &str,
    options: &RunOptions,
    streams: ContainerStreams<'_>,
    task: &Task,
) -> Result<ExitReport> {
    later()
}
pub fn list(store: &Store, options: &ContainerListOptions) -> Result<Vec<ContainerSummary>> {
    later()
}
pub fn get(store: &Store, container: &str) -> Result<ContainerSummary> {
    later()
}
pub fn prune(store: &Store, options: &ContainerPruneOptions, task: &Task) -> Result<ContainerPruneReport> {
    later()
}
pub fn inspect(store: &Store, container: &str) -> Result<Value> {
    later()
}
pub fn start(
    store: &Store,
    container: &str,
    options: &StartOptions,
    streams: ContainerStreams<'_>,
    task: &Task,
) -> Result<ExitReport> {
    later()
}
pub fn attach(
    store: &Store,
    container: &str,
    options: &AttachOptions,
    streams: ContainerStreams<'_>,
    task: &Task,
) -> Result<ExitReport> {
    later()
}
pub fn wait(store: &Store, container: &str, options: &WaitOptions, task: &Task) -> Result<ExitReport> {
    later()
}
pub fn stop(store: &Store, container: &str, options: &StopOptions, task: &Task) -> Result<()> {
    later()
}
pub fn restart(store: &Store, container: &str, options: &StopOptions, task: &Task) -> Result<()> {
    later()
}
pub fn kill(store: &Store, container: &str, options: &KillOptions) -> Result<()> {
    later()
}
pub fn pause(store: &Store, container: &str) -> Result<()> {
    later()
}
pub fn unpause(store: &Store, container: &str) -> Result<()> {
    later()
}
pub fn resize(store: &Store, container: &str, rows: u16, cols: u16) -> Result<()> {
    later()
}
pub fn logs(
    store: &Store,
    container: &str,
    options: &LogsOptions,
    output: &mut ContainerOutput<'_>,
    task: &Task,
) -> Result<()> {
    later()
}
pub fn exec(
    store: &Store,
    container: &str,
    options: &ExecOptions,
    streams: ContainerStreams<'_>,
    task: &Task,
) -> Result<ExitReport> {
    later()
}
pub fn top(store: &Store, container: &str) -> Result<TopReport> {
    later()
}
pub fn rename(store: &Store, container: &str, name: &str) -> Result<()> {
    later()
}
pub fn remove(store: &Store, container: &str, options: &ContainerRemoveOptions) -> Result<()> {
    later()
}
pub fn commit(store: &Store, container: &str, options: &CommitOptions, task: &Task) -> Result<String> {
    later()
}
pub fn diff(store: &Store, container: &str, task: &Task) -> Result<Vec<FileChange>> {
    later()
}
pub fn export(store: &Store, container: &str, target: Target, task: &Task) -> Result<()> {
    later()
}
pub fn stat(store: &Store, container: &str, path: &str) -> Result<PathStat> {
    later()
}
pub fn get_archive(
    store: &Store,
    container: &str,
    path: &str,
    target: Target,
    task: &Task,
) -> Result<PathStat> {
    later()
}
pub fn put_archive(
    store: &Store,
    container: &str,
    path: &str,
    source: Source,
    options: &PutArchiveOptions,
    task: &Task,
) -> Result<()> {
    later()
}
