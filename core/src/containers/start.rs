//! Starting a container: its file system, its environment, its monitor.

use std::path::{Path, PathBuf};

use super::mounts;
use super::object::Object;
use super::options::{ContainerNetwork, StartOptions};
use super::report::ExitReport;
use super::run;
use super::settings::Settings;
use super::streams::ContainerStreams;
use super::workspace::{DEFAULT_PATH, run_mode, unpacked};
use crate::config::Isolation;
use crate::container::user::{self, User};
use crate::container::{self, Attach, Connection, MonitorSpec, Network, RunSpec, Status, Window};
use crate::error::{Error, ErrorKind, Result, ResultExt};
use crate::event::Event;
use crate::fs;
use crate::layer::{self, Overlaid};
use crate::spec::variable;
use crate::store::Store;
use crate::task::Task;

/// Largest `/etc/passwd` or `/etc/group` that is read, in bytes.
const TABLE_LIMIT: u64 = 16 << 20;

/// How a container is started.
pub struct How {
    /// Whether it outlives the connection.
    pub detached: bool,
    /// The streams that the connection takes part in.
    pub attach: Attach,
    /// The terminal's size.
    pub window: Option<Window>,
    /// Whether its input ends with who started it.
    pub stdin_once: bool,
}

/// Starts a container that does not run.
pub fn start(
    store: &Store,
    container: &str,
    options: &StartOptions,
    streams: ContainerStreams<'_>,
    task: &Task,
) -> Result<ExitReport> {
    let object = Object::find(store, container)?;
    let nothing = || ExitReport { id: object.id.clone(), exit_code: None, oom_killed: false };
    match object.state()?.status {
        Status::Running if options.attach => return run::attached(&object, streams, task),
        Status::Running => return Ok(nothing()),
        Status::Paused => {
            return Err(object.conflict("cannot start a paused container, try unpause instead"));
        }
        Status::Created | Status::Exited => {}
    }
    let settings = &object.settings;
    let how = How {
        detached: true,
        attach: if options.attach { streams.attach(settings.stdin_open) } else { Attach::default() },
        window: options.tty_size.map(Window::from),
        stdin_once: settings.stdin_once,
    };
    let connection = launch(&object, &how, task)?;
    match options.attach {
        true => run::to_the_end(&object, connection, streams, task),
        false => Ok(nothing()),
    }
}

/// Starts a container and gives the connection to it. A failed start leaves it as it was.
pub fn launch(object: &Object<'_>, how: &How, task: &Task) -> Result<Connection> {
    task.check()?;
    let (store, settings) = (object.store, &object.settings);
    let ground = Ground::of(object, task)?;
    let isolation = ground.isolation;
    // Fresh each time: overlay refuses what a volatile mount has left, and nobody else may be using it.
    let run = fs::temporary_directory(&object.folder, RUN)?;
    let work = match isolation {
        Isolation::Overlay => {
            let work = run.path().join("work");
            fs::create_dir(&work)?;
            work
        }
        Isolation::Chroot => {
            // What makes way for the run is kept there, also should it be cut off.
            let work = object.folder.join("work");
            fs::create_dir_all(&work)?;
            work
        }
    };
    let cwd = if settings.config.working_dir.is_empty() { "/" } else { &settings.config.working_dir };
    let view = ground.view()?;
    let mut made = None;
    if cwd != "/" && view.find(Path::new(cwd), true)?.is_none() {
        make_directory(object, &ground, cwd, task)?;
        made = Some(ground.view()?);
    }
    let view = made.as_ref().unwrap_or(&view);
    let mounts = mounts::prepare(object, isolation, &ground.lowers, view, run.path())?;
    mounts::note_stubs(object, view, &mounts)?;
    let user = find_user(view, &settings.config.user)?;
    let spec = MonitorSpec {
        run: RunSpec {
            id: object.id.clone(),
            isolation,
            lowers: ground.lowers.clone(),
            upper: ground.upper.clone(),
            work,
            args: settings.command(),
            env: environment(settings, &object.id, &user.home),
            cwd: cwd.to_owned(),
            user,
            network: match settings.network {
                ContainerNetwork::Host => Network::Host,
                ContainerNetwork::None => Network::None,
            },
            mounts,
            insecure: false,
            limits: settings.limits()?,
            extra_hosts: container::check_hosts(&settings.extra_hosts)?,
            hostname: settings.hostname.clone(),
            capabilities: settings.capabilities()?,
            privileged: settings.privileged,
            read_only: settings.read_only,
            init: settings.init,
        },
        folder: object.folder.clone(),
        tty: settings.tty.then(|| how.window.unwrap_or_default()),
        open_stdin: settings.stdin_open,
        stdin_once: how.stdin_once,
        detached: how.detached,
        attach: how.attach,
        log: settings.log_limits(),
    };
    let connection = match container::start(&spec, task) {
        Err(error) if error.kind() == ErrorKind::NotFound && !store.has_container(&object.id)? => {
            return Err(crate::store::no_such_container(&object.id));
        }
        other => other.map_err(|error| error.with("container", object.id.as_str()))?,
    };
    let run = run.keep();
    remove_others(&object.folder, &run)?;
    task.announce(&Event::ContainerStarted { container: object.id.clone() });
    Ok(connection)
}

/// What the names of directories that belong to one run begin with.
const RUN: &str = "run-";

/// Removes what earlier runs left. The one that is under way is the only one.
fn remove_others(folder: &Path, run: &Path) -> Result<()> {
    for name in fs::list(folder)? {
        if name.to_string_lossy().starts_with(RUN) && Some(name.as_os_str()) != run.file_name() {
            fs::remove_tree(&folder.join(name))?;
        }
    }
    Ok(())
}

/// What a container stands on.
#[derive(Clone)]
pub struct Ground {
    /// How it is run.
    pub isolation: Isolation,
    /// The directories of its layers, the topmost first; none for a copied root.
    pub lowers: Vec<PathBuf>,
    /// For each layer, the lowest first, a directory that has what it put into the image.
    pub unpacked: Vec<PathBuf>,
    /// What takes its changes: an upper directory, or the whole root.
    pub upper: PathBuf,
}

/// The file of a container's folder that says that the copy of its root is whole.
const COPIED: &str = "copied";

impl Ground {
    /// Unpacks what is missing. Where there is no overlay, the root is copied the first time.
    pub fn of(object: &Object<'_>, task: &Task) -> Result<Ground> {
        Ground::found(object, task, || match object.hold()? {
            Some(lock) => Ok(Some(lock)),
            None => Err(object.conflict(format!("container {} is being started", object.id))),
        })
    }

    /// The same of a container whose lock the caller has.
    pub fn of_held(object: &Object<'_>, task: &Task) -> Result<Ground> {
        Ground::found(object, task, || Ok(None))
    }

    fn found(
        object: &Object<'_>,
        task: &Task,
        hold: impl FnOnce() -> Result<Option<std::fs::File>>,
    ) -> Result<Ground> {
        let store = object.store;
        let isolation = run_mode(store)?.isolation;
        let layers = store.layers_of_container(&object.id)?;
        // The row of the container keeps what is unpacked: no lease is needed for that.
        let unpacked = match store.unpacked_all(&layers, isolation)? {
            Some(unpacked) => unpacked,
            None => unpacked(store, &layers, &store.lease(), task)?,
        };
        let upper = object.upper();
        let lowers = match isolation {
            Isolation::Overlay => unpacked.iter().rev().cloned().collect(),
            Isolation::Chroot => {
                if fs::stat(&object.folder.join(COPIED))?.is_none() {
                    let lock = hold()?;
                    copy(object, unpacked.last(), task)?;
                    drop(lock);
                }
                Vec::new()
            }
        };
        Ok(Ground { isolation, lowers, unpacked, upper })
    }

    /// The file system of a container that does not run, or of one that does without what is mounted in it.
    pub fn view(&self) -> Result<Overlaid> {
        let all: Vec<&Path> =
            std::iter::once(&self.upper).chain(&self.lowers).map(PathBuf::as_path).collect();
        Overlaid::open(&all)
    }
}

/// Copies the root of a container that has none yet. Nobody else does so at the same time.
fn copy(object: &Object<'_>, root: Option<&PathBuf>, task: &Task) -> Result<()> {
    let (upper, done) = (object.upper(), object.folder.join(COPIED));
    if fs::stat(&done)?.is_some() {
        return Ok(());
    }
    fs::remove_tree(&upper)?;
    fs::create_dir(&upper)?;
    fs::set_mode(&upper, 0o755)?;
    if let Some(root) = root {
        layer::copy_root(root, &upper, task)?;
    }
    fs::create_new(&done).map(drop)
}

/// Makes the working directory, as Docker does where the image has none.
fn make_directory(object: &Object<'_>, ground: &Ground, path: &str, task: &Task) -> Result<()> {
    let entry = layer::Entry::new(path.trim_start_matches('/'), layer::EntryKind::Directory, 0o755);
    let now = jiff::Timestamp::now();
    let entry =
        layer::Entry { mtime: layer::Timestamp { seconds: now.as_second(), nanoseconds: 0 }, ..entry };
    let mut tar = layer::TarWriter::new(Vec::new());
    tar.append(&entry, &mut std::io::empty())?;
    let tar = tar.finish()?;
    let root = super::root::writable(object, ground)?;
    let limits = object.store.limits();
    layer::apply_at(&root.path, Path::new(""), tar.as_slice(), limits, task, &mut |_| Ok(()))
        .context(|| format!("create the working directory {path}"))
}

/// Who runs a command: looked up in the container as it is.
pub fn find_user(view: &Overlaid, user: &str) -> Result<User> {
    let passwd = view.read(Path::new("etc/passwd"), TABLE_LIMIT)?;
    let group = view.read(Path::new("etc/group"), TABLE_LIMIT)?;
    user::resolve(user, &passwd, &group)
}

/// The environment of a container: Docker's defaults, what the settings say, and a home.
pub fn environment(settings: &Settings, id: &str, home: &str) -> Vec<String> {
    let config = &settings.config;
    let is_given = |name: &str| config.env.iter().any(|pair| pair.split('=').next() == Some(name));
    let mut env = Vec::new();
    if !is_given("PATH") {
        env.push(DEFAULT_PATH.to_owned());
    }
    if !is_given("HOSTNAME") {
        let hostname = settings.hostname.clone().unwrap_or_else(|| format!("{id:.12}"));
        env.push(format!("HOSTNAME={hostname}"));
    }
    if settings.tty && !is_given("TERM") {
        env.push("TERM=xterm".to_owned());
    }
    // A name alone takes the variable out.
    env.extend(config.env.iter().filter(|pair| pair.contains('=')).cloned());
    if variable(&env, "HOME").is_none() && !is_given("HOME") {
        env.push(format!("HOME={home}"));
    }
    env
}

/// The error for a container that has no image any more, where one is needed.
pub fn no_image(object: &Object<'_>) -> Error {
    crate::store::no_such_image(&object.image.to_string()).with("container", object.id.as_str())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::spec::RunConfig;

    #[test]
    fn the_environment_has_dockers_defaults_unless_they_are_given_or_taken_out() {
        let env = |given: &[&str], tty| {
            let env = given.iter().map(|pair| (*pair).to_owned()).collect();
            let config = RunConfig { env, ..RunConfig::default() };
            environment(&Settings { config, tty, ..Settings::default() }, "0123456789abcdef", "/root")
        };
        assert_eq!(env(&["A=1"], false), [DEFAULT_PATH, "HOSTNAME=0123456789ab", "A=1", "HOME=/root"]);
        assert_eq!(
            env(&["PATH=/bin", "HOME=/h", "TERM"], true),
            ["HOSTNAME=0123456789ab", "PATH=/bin", "HOME=/h"]
        );
    }
}
