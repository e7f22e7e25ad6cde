//! How a container was created: what the image and the options come to, as it is kept in the store.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::options::{ContainerNetwork, CreateOptions, Ulimit};
use super::signals;
use crate::container::{Capabilities, Limits, LogLimits, check_hosts, parse_tmpfs, parse_volume};
use crate::error::{Error, ErrorKind, Result};
use crate::spec::{RunConfig, join};

/// Seconds from the stop signal to SIGKILL where nothing else is said (Docker's).
pub const STOP_TIMEOUT: u32 = 10;

/// The settings of a container. Kept as JSON: a field that is added later needs a default.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Settings {
    /// The image as it was asked for.
    pub image: String,
    /// Platform of the image.
    pub platform: String,
    /// When it was created, RFC 3339 with nanoseconds.
    pub created: String,
    /// The image's config with the options laid over it. Without what only builds heed.
    pub config: RunConfig,
    /// The host name, if one was given.
    pub hostname: Option<String>,
    /// A terminal.
    pub tty: bool,
    /// Whether standard input is open, and whether it ends with the first who attaches.
    pub stdin_open: bool,
    /// See `stdin_open`.
    pub stdin_once: bool,
    /// `source:destination[:ro]`.
    pub binds: Vec<String>,
    /// Options of temporary file systems by path.
    pub tmpfs: BTreeMap<String, String>,
    /// The network.
    pub network: ContainerNetwork,
    /// Whether the root cannot be written.
    pub read_only: bool,
    /// Capabilities.
    pub cap_add: Vec<String>,
    /// Capabilities.
    pub cap_drop: Vec<String>,
    /// All privileges.
    pub privileged: bool,
    /// An init process of ours.
    pub init: bool,
    /// Bytes of memory.
    pub memory: Option<u64>,
    /// Processes.
    pub pids: Option<u64>,
    /// Limits of processes.
    pub ulimits: Vec<Ulimit>,
    /// Bytes of `/dev/shm`.
    pub shm_size: Option<u64>,
    /// Lines for `/etc/hosts`.
    pub extra_hosts: Vec<String>,
    /// Seconds to SIGKILL.
    pub stop_timeout: Option<u32>,
    /// Whether it goes once it has ended.
    pub auto_remove: bool,
    /// Bytes of a log file.
    pub log_max_size: Option<u64>,
    /// Log files.
    pub log_max_file: Option<u32>,
}

fn invalid(message: impl Into<String>) -> Error {
    Error::new(ErrorKind::InvalidArgument, message)
}

impl Settings {
    /// Lays the options over the config of the image, and checks all that can be checked without running anything.
    pub fn new(image: &str, options: &CreateOptions, config: &RunConfig) -> Result<Settings> {
        if !options.ports.is_empty() {
            let message = format!(
                "ports cannot be published ({}): containers are on the host's network, or on none; a server in one is reached as it is",
                options.ports.join(", ")
            );
            return Err(Error::new(ErrorKind::Unsupported, message));
        }
        let (binds, anonymous): (Vec<String>, Vec<String>) =
            options.volumes.iter().cloned().partition(|volume| volume.contains(':'));
        let mut given = RunConfig {
            user: options.user.clone().unwrap_or_default(),
            env: options.environment.clone(),
            cmd: options.command.clone().filter(|words| !words.is_empty()),
            entrypoint: options.entrypoint.clone(),
            working_dir: options.working_dir.clone().unwrap_or_default(),
            labels: options.labels.clone(),
            stop_signal: options.stop_signal.clone().unwrap_or_default(),
            ..RunConfig::default()
        };
        given.volumes.extend(anonymous.into_iter().map(|path| (path, json!({}))));
        inherit(&mut given, config);
        if given.entrypoint.as_deref() == Some(&[String::new()]) {
            given.entrypoint = None;
        }
        given.entrypoint = given.entrypoint.filter(|words| !words.is_empty());
        if !given.working_dir.is_empty() {
            if !given.working_dir.starts_with('/') {
                let path = &given.working_dir;
                return Err(invalid(format!(
                    "the working directory '{path}' is invalid, it needs to be an absolute path"
                )));
            }
            given.working_dir = join("/", &given.working_dir);
        }
        for variable in &given.env {
            if variable.is_empty() || variable.starts_with('=') {
                return Err(invalid(format!("invalid environment variable: {variable}")));
            }
        }
        let settings = Settings {
            image: image.to_owned(),
            config: given,
            hostname: options.hostname.clone().filter(|name| !name.is_empty()),
            tty: options.tty,
            stdin_open: options.stdin_open,
            stdin_once: options.stdin_once,
            binds,
            tmpfs: options.tmpfs.clone(),
            network: options.network,
            read_only: options.read_only,
            cap_add: options.cap_add.clone(),
            cap_drop: options.cap_drop.clone(),
            privileged: options.privileged,
            init: options.init,
            memory: options.mem_limit.filter(|bytes| *bytes > 0),
            pids: options.pids_limit.and_then(|pids| u64::try_from(pids).ok()).filter(|pids| *pids > 0),
            ulimits: options.ulimits.clone(),
            shm_size: options.shm_size.filter(|bytes| *bytes > 0),
            extra_hosts: options.extra_hosts.clone(),
            stop_timeout: options.stop_timeout,
            auto_remove: options.auto_remove,
            log_max_size: options.log_max_size,
            log_max_file: options.log_max_file,
            ..Settings::default()
        };
        settings.check()?;
        Ok(settings)
    }

    fn check(&self) -> Result<()> {
        if self.command().is_empty() {
            return Err(invalid("No command specified"));
        }
        if let Some(name) = &self.hostname
            && (name.len() > 63 || name.bytes().any(|b| !b.is_ascii_alphanumeric() && !b"-_.".contains(&b)))
        {
            return Err(invalid(format!("invalid hostname format: {name}")));
        }
        for bind in &self.binds {
            parse_volume(bind)?;
        }
        for (path, options) in &self.tmpfs {
            parse_tmpfs(path, options)?;
        }
        for path in self.config.volumes.keys() {
            if !path.starts_with('/') || join("/", path) == "/" {
                return Err(invalid(format!("invalid volume specification: '{path}'")));
            }
        }
        if self.log_max_file == Some(0) || self.log_max_size == Some(0) {
            return Err(invalid("a log has at least one file, and a file at least one byte"));
        }
        if !self.config.stop_signal.is_empty() {
            signals::number(&self.config.stop_signal)?;
        }
        self.capabilities()?;
        self.limits()?;
        check_hosts(&self.extra_hosts).map(drop)
    }

    /// The words that are executed.
    pub fn command(&self) -> Vec<String> {
        let words = |words: &Option<Vec<String>>| words.clone().unwrap_or_default();
        [words(&self.config.entrypoint), words(&self.config.cmd)].concat()
    }

    /// What root may do.
    pub fn capabilities(&self) -> Result<Capabilities> {
        Capabilities::resolve(&self.cap_add, &self.cap_drop)
    }

    /// What it may use.
    pub fn limits(&self) -> Result<Limits> {
        let mut limits = Limits { pids: self.pids, ..Limits::default() }.memory(self.memory)?;
        if let Some(size) = self.shm_size {
            limits.shm_size = size;
        }
        for limit in &self.ulimits {
            limits = limits.rlimit(&limit.name, limit.soft, limit.hard)?;
        }
        Ok(limits)
    }

    /// How much of its output is kept.
    pub fn log_limits(&self) -> LogLimits {
        let default = LogLimits::default();
        LogLimits {
            max_size: self.log_max_size.unwrap_or(default.max_size),
            max_file: self.log_max_file.unwrap_or(default.max_file),
        }
    }

    /// The signal that stops it.
    pub fn stop_signal(&self) -> Result<i32> {
        match self.config.stop_signal.as_str() {
            "" => Ok(signals::TERM),
            signal => signals::number(signal),
        }
    }

    /// The paths of its volumes, clean.
    pub fn volumes(&self) -> Vec<String> {
        let bound: Vec<String> = self.destinations().collect();
        let mut volumes: Vec<String> = self.config.volumes.keys().map(|path| join("/", path)).collect();
        volumes.retain(|path| !bound.contains(path));
        volumes.dedup();
        volumes
    }

    /// Where something else than a volume of its own is mounted.
    fn destinations(&self) -> impl Iterator<Item = String> + '_ {
        let binds = self.binds.iter().filter_map(|bind| bind.split(':').nth(1));
        binds.chain(self.tmpfs.keys().map(String::as_str)).map(|path| join("/", path))
    }

    /// The settings as the store keeps them.
    pub fn to_bytes(&self) -> Result<Vec<u8>> {
        crate::spec::to_bytes(self)
    }

    /// Reads what [`Settings::to_bytes`] wrote.
    pub fn from_bytes(id: &str, bytes: &[u8]) -> Result<Settings> {
        serde_json::from_slice(bytes).map_err(|error| {
            Error::new(ErrorKind::Internal, format!("the settings of container {id}: {error}"))
        })
    }
}

/// Fills what a config leaves open from another one, by the rules that Docker has for `run` and `commit` alike (moby 20.10, `merge` in
/// `daemon/commit.go`).
pub fn inherit(config: &mut RunConfig, from: &RunConfig) {
    if config.user.is_empty() {
        config.user = from.user.clone();
    }
    let ports = from.exposed_ports.iter().map(|(port, value)| (port.clone(), value.clone()));
    config.exposed_ports.extend(ports);
    let name = |pair: &str| pair.split_once('=').map_or_else(|| pair.to_owned(), |(name, _)| name.to_owned());
    let own: Vec<String> = config.env.iter().map(|pair| name(pair)).collect();
    config.env.extend(from.env.iter().filter(|pair| !own.contains(&name(pair))).cloned());
    for (key, value) in &from.labels {
        config.labels.entry(key.clone()).or_insert_with(|| value.clone());
    }
    if config.entrypoint.as_deref().unwrap_or_default().is_empty() {
        if config.cmd.as_deref().unwrap_or_default().is_empty() {
            config.cmd = from.cmd.clone();
        }
        if config.entrypoint.is_none() {
            config.entrypoint = from.entrypoint.clone();
        }
    }
    match (&mut config.healthcheck, &from.healthcheck) {
        (Some(own), Some(other)) => {
            let or = |own: &mut i64, other: i64| *own = if *own == 0 { other } else { *own };
            if own.test.is_empty() {
                own.test = other.test.clone();
            }
            or(&mut own.interval, other.interval);
            or(&mut own.timeout, other.timeout);
            or(&mut own.start_period, other.start_period);
            or(&mut own.start_interval, other.start_interval);
            or(&mut own.retries, other.retries);
        }
        (own @ None, other) => *own = other.clone(),
        (Some(_), None) => {}
    }
    if config.working_dir.is_empty() {
        config.working_dir = from.working_dir.clone();
    }
    for (path, value) in &from.volumes {
        config.volumes.entry(path.clone()).or_insert_with(|| value.clone());
    }
    if config.stop_signal.is_empty() {
        config.stop_signal = from.stop_signal.clone();
    }
    if config.shell.is_empty() {
        config.shell = from.shell.clone();
    }
}

/// A command on one line, as Docker shows it in lists: arguments with a blank in them are quoted, and nothing else is.
pub fn shown(words: &[String]) -> String {
    let quoted = words.iter().enumerate().map(|(n, word)| match n > 0 && word.contains(' ') {
        true => format!("'{word}'"),
        false => word.clone(),
    });
    quoted.collect::<Vec<_>>().join(" ")
}

/// `{}` for each of some keys, as Docker has sets.
pub fn set<'a>(keys: impl Iterator<Item = &'a String>) -> Value {
    let map: serde_json::Map<String, Value> = keys.map(|key| (key.clone(), json!({}))).collect();
    if map.is_empty() { Value::Null } else { Value::Object(map) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn words(words: &[&str]) -> Vec<String> {
        words.iter().map(|word| (*word).to_owned()).collect()
    }

    fn image() -> RunConfig {
        RunConfig {
            entrypoint: Some(words(&["/entry"])),
            cmd: Some(words(&["a", "b"])),
            env: words(&["PATH=/bin", "A=image"]),
            labels: BTreeMap::from([("l".into(), "image".into()), ("m".into(), "image".into())]),
            working_dir: "/w".into(),
            user: "app".into(),
            stop_signal: "SIGINT".into(),
            on_build: words(&["RUN x"]),
            ..RunConfig::default()
        }
    }

    fn made(options: CreateOptions) -> Settings {
        Settings::new("i", &options, &image()).unwrap()
    }

    #[test]
    fn a_command_keeps_the_entrypoint_and_an_entrypoint_sets_the_command_aside() {
        assert_eq!(made(CreateOptions::default()).command(), ["/entry", "a", "b"]);
        let command = Some(words(&["c"]));
        assert_eq!(made(CreateOptions { command, ..Default::default() }).command(), ["/entry", "c"]);
        let entrypoint = Some(words(&["/other"]));
        assert_eq!(made(CreateOptions { entrypoint, ..Default::default() }).command(), ["/other"]);
        let (entrypoint, command) = (Some(words(&[""])), Some(words(&["c"])));
        assert_eq!(made(CreateOptions { entrypoint, command, ..Default::default() }).command(), ["c"]);
        let options = CreateOptions { entrypoint: Some(words(&[""])), ..Default::default() };
        let error = Settings::new("i", &options, &image()).unwrap_err();
        assert_eq!(error.to_string(), "No command specified");
    }

    #[test]
    fn what_is_given_beats_the_image_and_the_rest_comes_from_it() {
        let settings = made(CreateOptions {
            environment: words(&["A=given", "B=1"]),
            labels: BTreeMap::from([("l".into(), "given".into())]),
            ..Default::default()
        });
        assert_eq!(settings.config.env, ["A=given", "B=1", "PATH=/bin"]);
        assert_eq!(settings.config.labels["l"], "given");
        assert_eq!(settings.config.labels["m"], "image");
        assert_eq!((settings.config.working_dir.as_str(), settings.config.user.as_str()), ("/w", "app"));
        assert_eq!(settings.stop_signal().unwrap(), 2);
        assert!(settings.config.on_build.is_empty());
        assert_eq!(Settings::from_bytes("x", &settings.to_bytes().unwrap()).unwrap(), settings);
    }

    #[test]
    fn options_that_make_no_sense_are_refused_before_anything_is_made() {
        let kind = |options: CreateOptions| Settings::new("i", &options, &image()).unwrap_err().kind();
        let base = CreateOptions::default;
        assert_eq!(kind(CreateOptions { ports: words(&["80:80"]), ..base() }), ErrorKind::Unsupported);
        for options in [
            CreateOptions { working_dir: Some("w".into()), ..base() },
            CreateOptions { stop_signal: Some("NOPE".into()), ..base() },
            CreateOptions { cap_add: words(&["NOPE"]), ..base() },
            CreateOptions { volumes: words(&["/a:/b:xx"]), ..base() },
            CreateOptions { volumes: words(&["a"]), ..base() },
            CreateOptions { hostname: Some("a b".into()), ..base() },
            CreateOptions { environment: words(&["=x"]), ..base() },
            CreateOptions { extra_hosts: words(&["x"]), ..base() },
            CreateOptions { mem_limit: Some(1), ..base() },
            CreateOptions { log_max_file: Some(0), ..base() },
        ] {
            assert_eq!(kind(options.clone()), ErrorKind::InvalidArgument, "{options:?}");
        }
    }

    #[test]
    fn a_volume_of_its_own_gives_way_to_what_is_mounted_there() {
        let settings = made(CreateOptions {
            volumes: words(&["/data/", "/x:/bound"]),
            tmpfs: BTreeMap::from([("/tmp".into(), String::new())]),
            ..Default::default()
        });
        assert_eq!(settings.volumes(), ["/data"]);
        let mut image = image();
        image.volumes.extend(["/bound", "/tmp", "/v"].map(|path| (path.to_owned(), json!({}))));
        let options = CreateOptions { volumes: words(&["/x:/bound"]), ..Default::default() };
        assert_eq!(Settings::new("i", &options, &image).unwrap().volumes(), ["/tmp", "/v"]);
    }

    #[test]
    fn a_command_is_shown_so_that_its_words_can_be_told_apart() {
        assert_eq!(shown(&words(&["sh", "-c", "echo a; b"])), "sh -c 'echo a; b'");
        assert_eq!(shown(&words(&["/bin/bash"])), "/bin/bash");
    }
}
