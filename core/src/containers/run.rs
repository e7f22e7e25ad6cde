//! Running a container in one go, and attaching to one.

use super::create;
use super::logs;
use super::object::Object;
use super::options::{AttachOptions, LogsOptions, RunOptions};
use super::remove;
use super::report::ExitReport;
use super::start::{How, launch};
use super::streams::{ContainerOutput, ContainerStreams};
use crate::config::RegistryConfig;
use crate::container::{Attach, Connection, End, Status, Window};
use crate::error::Result;
use crate::event::LogStream;
use crate::store::Store;
use crate::task::Task;

/// Creates, starts, and unless it is detached waits.
pub fn run(
    store: &Store,
    registry: &RegistryConfig,
    image: &str,
    options: &RunOptions,
    streams: ContainerStreams<'_>,
    task: &Task,
) -> Result<ExitReport> {
    let object = create::new(store, registry, image, &options.create, true, task)?;
    let how = How {
        detached: options.detach,
        attach: if options.detach { Attach::default() } else { streams.attach(options.create.stdin_open) },
        window: options.tty_size.map(Window::from),
        stdin_once: options.create.stdin_once || (options.create.stdin_open && !options.detach),
    };
    let connection = match launch(&object, &how, task) {
        Ok(connection) => connection,
        Err(error) => {
            if object.settings.auto_remove {
                // What is left is swept once this engine is gone; the error is what matters.
                let _ = remove::discard(&object);
            }
            return Err(error);
        }
    };
    if options.detach {
        return Ok(ExitReport { id: object.id, exit_code: None, oom_killed: false });
    }
    let end = to_the_end(&object, connection, streams, task);
    if end.is_err() {
        // It is killed since its caller has let go of it: that is waited for.
        remove::wait_for_monitor(&object)?;
        if object.settings.auto_remove {
            remove::after_end(&object)?;
        }
    }
    end
}

/// Takes part in a container's streams until its end, and removes it then if it is to be removed.
pub fn to_the_end(
    object: &Object<'_>,
    connection: Connection,
    streams: ContainerStreams<'_>,
    task: &Task,
) -> Result<ExitReport> {
    let code = match streams.converse(connection, task)? {
        End::Exited(status) => Some(status.code),
        End::Unknown => None,
        End::Detached => {
            return Ok(ExitReport { id: object.id.clone(), exit_code: None, oom_killed: false });
        }
    };
    // Who removes it first has seen its end, too.
    let oom_killed = object.state().is_ok_and(|state| state.oom);
    if object.settings.auto_remove {
        remove::after_end(object)?;
    }
    Ok(ExitReport { id: object.id.clone(), exit_code: code, oom_killed })
}

/// Attaches to a container that runs.
pub fn attach(
    store: &Store,
    container: &str,
    options: &AttachOptions,
    mut streams: ContainerStreams<'_>,
    task: &Task,
) -> Result<ExitReport> {
    let object = Object::find(store, container)?;
    match object.state()?.status {
        Status::Running => {}
        Status::Paused => {
            let message = format!("You cannot attach to a paused container, unpause it first: {}", object.id);
            return Err(object.conflict(message));
        }
        Status::Created | Status::Exited => {
            return Err(object.conflict("You cannot attach to a stopped container, start it first"));
        }
    }
    let wanted = |stream| match stream {
        LogStream::Stdout => options.stdout,
        LogStream::Stderr => options.stderr,
    };
    let Some(output) = streams.output.take() else { return attached(&object, streams, task) };
    if options.logs {
        let logs = LogsOptions { stdout: options.stdout, stderr: options.stderr, ..LogsOptions::default() };
        logs::read(&object, &logs, output, task)?;
    }
    let mut filtered = |stream: LogStream, bytes: &[u8]| match wanted(stream) {
        true => output(stream, bytes),
        false => Ok(()),
    };
    let output: &mut ContainerOutput<'_> = &mut filtered;
    attached(&object, ContainerStreams { output: Some(output), ..streams }, task)
}

/// Takes part in the streams of a container that runs.
pub fn attached(object: &Object<'_>, streams: ContainerStreams<'_>, task: &Task) -> Result<ExitReport> {
    let mut connection = object.connect()?;
    connection.attach(streams.attach(object.settings.stdin_open))?;
    to_the_end(object, connection, streams, task)
}
