//! Waiting for containers, and making them stop.

use std::time::{Duration, Instant};

use super::object::Object;
use super::options::{KillOptions, StartOptions, StopOptions, WaitCondition, WaitOptions};
use super::remove;
use super::report::ExitReport;
use super::settings::STOP_TIMEOUT;
use super::signals;
use super::start;
use super::streams::ContainerStreams;
use super::watch::{Watch, until};
use crate::container::{Connection, State, Status, Window};
use crate::error::{Error, ErrorKind, Result};
use crate::store::Store;
use crate::task::Task;

/// How long SIGKILL may take (a process that waits for a disk cannot be killed).
const KILLING: Duration = Duration::from_secs(30);

fn runs(state: &State) -> bool {
    matches!(state.status, Status::Running | Status::Paused)
}

fn report(object: &Object<'_>, state: &State) -> ExitReport {
    // Docker's answer for one that was never started.
    let code = if state.status == Status::Created { Some(0) } else { state.code };
    ExitReport { id: object.id.clone(), exit_code: code, oom_killed: state.oom }
}

/// Waits for what the options say.
pub fn wait(store: &Store, container: &str, options: &WaitOptions, task: &Task) -> Result<ExitReport> {
    let object = Object::find(store, container)?;
    let end = options.timeout_ms.map(|ms| Instant::now() + Duration::from_millis(ms));
    let before = object.state()?;
    let watch = Watch::new(&object.folder)?;
    // What is known of the end of one that somebody else removes.
    let mut last = report(&object, &before);
    loop {
        let state = match object.state() {
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(last),
            other => other?,
        };
        let ended = state.status == Status::Exited && state.finished != before.finished;
        let over = match options.condition {
            WaitCondition::NotRunning => !runs(&state),
            WaitCondition::NextExit => ended,
            WaitCondition::Removed => false,
        };
        if object.settings.auto_remove && state.status == Status::Exited {
            // Nobody else may be there to do it.
            remove::after_end(&object)?;
            return Ok(report(&object, &state));
        }
        if over {
            return Ok(report(&object, &state));
        }
        if runs(&state)
            && let Some(connection) = crate::container::connect(&object.folder)?
        {
            // Its end comes by the connection also where the monitor is killed, which writes nothing then.
            let status = match end {
                None => connection.wait(task)?,
                Some(end) => until(end, task, |task| connection.wait(task))?.ok_or_else(too_long)?,
            };
            last.exit_code = status.map(|status| status.code);
        } else if watch.next(task, end)?.gone {
            return Ok(last);
        }
    }
}

fn too_long() -> Error {
    Error::new(ErrorKind::Timeout, "the container has not ended in time")
}

/// Stops a container: its signal, then SIGKILL.
pub fn stop(store: &Store, container: &str, options: &StopOptions, task: &Task) -> Result<()> {
    let object = Object::find(store, container)?;
    stop_object(&object, options.timeout, task)?;
    if object.settings.auto_remove { remove::after_end(&object) } else { Ok(()) }
}

fn stop_object(object: &Object<'_>, timeout: Option<u32>, task: &Task) -> Result<()> {
    let Some(mut connection) = crate::container::connect(&object.folder)? else { return Ok(()) };
    let signal = object.settings.stop_signal()?;
    let grace = timeout.or(object.settings.stop_timeout).unwrap_or(STOP_TIMEOUT);
    if grace == 0 {
        return kill_hard(object);
    }
    let paused = object.state()?.status == Status::Paused;
    match ended(connection.signal(signal))? {
        Some(()) if paused => drop(ended(connection.unpause())?),
        Some(()) => {}
        None => return Ok(()),
    }
    let end = Instant::now() + Duration::from_secs(grace.into());
    match until(end, task, |task| connection.wait(task)) {
        Ok(Some(_)) => Ok(()),
        Ok(None) => kill_hard(object),
        Err(error) => Err(error),
    }
}

/// What was asked of a container that has ended meanwhile is done.
fn ended<T>(result: Result<T>) -> Result<Option<T>> {
    match result {
        Ok(value) => Ok(Some(value)),
        Err(error) if error.kind() == ErrorKind::Conflict => Ok(None),
        Err(error) => Err(error),
    }
}

/// Kills a container and waits until it has ended. One that does not run is fine.
pub fn kill_hard(object: &Object<'_>) -> Result<()> {
    let Some(mut connection) = crate::container::connect(&object.folder)? else { return Ok(()) };
    let paused = object.state()?.status == Status::Paused;
    if ended(connection.signal(signals::KILL))?.is_none() {
        return Ok(());
    }
    if paused {
        // What is frozen dies when it goes on.
        ended(connection.unpause())?;
    }
    wait_killed(object, connection)
}

fn wait_killed(object: &Object<'_>, connection: Connection) -> Result<()> {
    let task = Task::new()?;
    match until(Instant::now() + KILLING, &task, |task| connection.wait(task))? {
        Some(_) => Ok(()),
        None => Err(Error::new(
            ErrorKind::Timeout,
            format!("container {} does not end although it was killed", object.id),
        )),
    }
}

/// Stops and starts.
pub fn restart(store: &Store, container: &str, options: &StopOptions, task: &Task) -> Result<()> {
    let object = Object::find(store, container)?;
    stop_object(&object, options.timeout, task)?;
    let (start, streams) = (StartOptions::default(), ContainerStreams::default());
    start::start(store, &object.id, &start, streams, task).map(drop)
}

/// Sends a signal. After SIGKILL it has ended when this returns.
pub fn kill(store: &Store, container: &str, options: &KillOptions) -> Result<()> {
    let signal = options.signal.as_deref().map_or(Ok(signals::KILL), signals::number)?;
    let object = Object::find(store, container)?;
    let state = object.state()?;
    let not_running = || {
        object.conflict(format!("Cannot kill container: {container}: Container {} is not running", object.id))
    };
    if !runs(&state) {
        return Err(not_running());
    }
    let mut connection = object.connect().map_err(|error| match error.kind() {
        ErrorKind::Conflict => not_running(),
        _ => error,
    })?;
    ended(connection.signal(signal))?.ok_or_else(not_running)?;
    if state.status == Status::Paused
        && (signal == signals::KILL || signal == object.settings.stop_signal()?)
    {
        ended(connection.unpause())?;
    }
    if signal == signals::KILL {
        wait_killed(&object, connection)?;
        if object.settings.auto_remove {
            remove::after_end(&object)?;
        }
    }
    Ok(())
}

/// Stops all that runs in it.
pub fn pause(store: &Store, container: &str) -> Result<()> {
    let object = Object::find(store, container)?;
    match object.state()?.status {
        Status::Running => object.connect()?.pause(),
        Status::Paused => Err(object.conflict(format!("Container {} is already paused", object.id))),
        Status::Created | Status::Exited => Err(object.not_running()),
    }
}

/// Lets it go on.
pub fn unpause(store: &Store, container: &str) -> Result<()> {
    let object = Object::find(store, container)?;
    match object.state()?.status {
        Status::Paused => object.connect()?.unpause(),
        _ => Err(object.conflict(format!("Container {} is not paused", object.id))),
    }
}

/// Sets the size of its terminal.
pub fn resize(store: &Store, container: &str, rows: u16, cols: u16) -> Result<()> {
    let object = Object::find(store, container)?;
    object.connect()?.resize(Window { rows, cols })
}
