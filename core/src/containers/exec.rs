//! Another command in a container that runs.

use super::object::Object;
use super::options::ExecOptions;
use super::report::ExitReport;
use super::root;
use super::start::{environment, find_user};
use super::streams::ContainerStreams;
use crate::container::{Attach, End, ExecSpec, Status, Window};
use crate::error::{Error, ErrorKind, Result};
use crate::layer::Overlaid;
use crate::store::Store;
use crate::task::Task;

/// Executes a command and, unless it is detached, waits for its end.
pub fn exec(
    store: &Store,
    container: &str,
    options: &ExecOptions,
    streams: ContainerStreams<'_>,
    task: &Task,
) -> Result<ExitReport> {
    if options.command.is_empty() || options.command[0].is_empty() {
        return Err(Error::new(ErrorKind::InvalidArgument, "No exec command specified"));
    }
    let object = Object::find(store, container)?;
    let state = object.state()?;
    if state.status == Status::Paused {
        let message = format!("Container {} is paused, unpause the container before exec", object.name);
        return Err(object.conflict(message));
    }
    let Some(root) = root::running(&object, &state)? else { return Err(object.not_running()) };
    let settings = &object.settings;
    let view = Overlaid::open(&[&root.path])?;
    let user = find_user(&view, options.user.as_deref().unwrap_or(&settings.config.user))?;
    let mut env = environment(settings, &object.id, &user.home);
    for pair in &options.environment {
        let name = pair.split('=').next().unwrap_or_default();
        if name.is_empty() {
            return Err(Error::new(
                ErrorKind::InvalidArgument,
                format!("invalid environment variable: {pair}"),
            ));
        }
        env.retain(|old| old.split('=').next() != Some(name));
        if pair.contains('=') {
            env.push(pair.clone());
        }
    }
    let tty = options.tty.then(|| options.tty_size.map(Window::from).unwrap_or_default());
    if tty.is_some() && !env.iter().any(|pair| pair.starts_with("TERM=")) {
        env.push("TERM=xterm".into());
    }
    let cwd = options.working_dir.as_deref().filter(|path| !path.is_empty());
    let spec = ExecSpec {
        args: options.command.clone(),
        env,
        cwd: match cwd.unwrap_or(&settings.config.working_dir) {
            "" => "/".into(),
            path => path.into(),
        },
        user,
        tty,
        attach: if options.detach { Attach::default() } else { streams.attach(true) },
        privileged: options.privileged || settings.privileged,
    };
    drop((view, root));
    let connection = object.connect()?.exec(&spec, task).map_err(|error| match error.kind() {
        ErrorKind::Conflict => object.not_running(),
        _ => error.with("container", object.id.as_str()),
    })?;
    let nothing = ExitReport { id: object.id.clone(), exit_code: None, oom_killed: false };
    if options.detach {
        return Ok(nothing);
    }
    Ok(match streams.converse(connection, task)? {
        End::Exited(status) => ExitReport { exit_code: Some(status.code), ..nothing },
        End::Unknown | End::Detached => nothing,
    })
}
