//! The only reader of the environment, and the limits and defaults that come with it.

use std::path::{Path, PathBuf};

use serde::Deserialize;

use crate::error::{Error, ErrorKind, Result};

/// What an untrusted layer or archive may at most be. Going over one is `invalid_image`, with `limit` in the message.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Limits {
    /// Entries in one layer.
    pub entries: u64,
    /// Bytes of one layer once it is decompressed.
    pub layer_size: u64,
    /// Decompressed bytes for each compressed byte, from the first 64 MiB of output on.
    pub ratio: u64,
    /// Bytes in the path of one entry.
    pub path_length: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Limits { entries: 10_000_000, layer_size: 1 << 40, ratio: 2000, path_length: 4096 }
    }
}

impl Limits {
    /// No limits: for what was written here.
    pub fn none() -> Self {
        Limits { entries: u64::MAX, layer_size: u64::MAX, ratio: u64::MAX, path_length: usize::MAX }
    }
}

/// How commands of builds are run.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Isolation {
    /// In namespaces of their own, on an overlay of the image's layers.
    Overlay,
    /// On a copy of the image's root, by chroot alone: for where there are neither namespaces nor mounts, as in most CI
    /// containers. It holds nobody who wants out.
    Chroot,
}

impl Isolation {
    /// Its name in options and reports.
    pub fn name(self) -> &'static str {
        match self {
            Isolation::Overlay => "overlay",
            Isolation::Chroot => "chroot",
        }
    }
}

/// How registries are reached. What is left out has Docker's meaning. `Debug` leaves out addresses, which may hold passwords.
#[derive(Clone, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct RegistryConfig {
    /// Hosts, `host[:port]`, that may be spoken to by plain HTTP and whose certificates are not checked. Loopback addresses
    /// need not be named.
    pub insecure: Vec<String>,
    /// URLs of mirrors of Docker Hub, in the order they are tried. Other hosts have theirs in a `hosts.toml`.
    pub mirrors: Vec<String>,
    /// Files of certificate authorities (PEM) that are trusted beside the system's.
    pub ca_files: Vec<PathBuf>,
    /// Folders with a folder for each host: Docker's `ca.crt`, `client.cert` and `client.key`, containerd's `hosts.toml`.
    /// When none is given: `/etc/docker/certs.d`, `/etc/containers/certs.d`, `/etc/containerd/certs.d`.
    pub certs_dirs: Option<Vec<PathBuf>>,
    /// The folder of Docker's `config.json`; `DOCKER_CONFIG`, or `~/.docker`, when none is given.
    pub docker_config: Option<PathBuf>,
    /// The proxy of every request, `http://…` or `socks5://…`; empty: no proxy. When none is given the environment says
    /// (`HTTPS_PROXY`, `HTTP_PROXY`, `ALL_PROXY`, `NO_PROXY`).
    pub proxy: Option<String>,
    /// Milliseconds without a byte after which a request has failed with `timeout`.
    pub timeout_ms: u64,
    /// Milliseconds after which a connection that does not come about has failed.
    pub connect_timeout_ms: u64,
    /// How often a request that may be made again is, before it has failed.
    pub retries: u32,
    /// How many layers are transferred at once, 1 to 64.
    pub concurrency: u32,
}

impl std::fmt::Debug for RegistryConfig {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("RegistryConfig")
            .field("insecure", &self.insecure)
            .field("certs_dirs", &self.certs_dirs)
            .field("docker_config", &self.docker_config)
            .finish_non_exhaustive()
    }
}

impl Default for RegistryConfig {
    fn default() -> Self {
        RegistryConfig {
            insecure: Vec::new(),
            mirrors: Vec::new(),
            ca_files: Vec::new(),
            certs_dirs: None,
            docker_config: None,
            proxy: None,
            timeout_ms: 60_000,
            connect_timeout_ms: 15_000,
            retries: 5,
            concurrency: 8,
        }
    }
}

#[allow(clippy::disallowed_methods)]
fn variable(name: &str) -> Option<String> {
    std::env::var(name).ok().filter(|value| !value.is_empty())
}

/// The root of the store when none is given: `LAYERKIT_ROOT`, else `/var/lib/layerkit` for root, else
/// `$XDG_DATA_HOME/layerkit` or `~/.local/share/layerkit`.
pub fn default_root() -> Result<PathBuf> {
    if let Some(root) = variable("LAYERKIT_ROOT") {
        return Ok(PathBuf::from(root));
    }
    if rustix::process::geteuid().is_root() {
        return Ok(PathBuf::from("/var/lib/layerkit"));
    }
    if let Some(data) = variable("XDG_DATA_HOME") {
        return Ok(PathBuf::from(data).join("layerkit"));
    }
    match variable("HOME") {
        Some(home) => Ok(PathBuf::from(home).join(".local/share/layerkit")),
        None => Err(Error::new(
            ErrorKind::InvalidArgument,
            "no root for the store: give one, or set LAYERKIT_ROOT, XDG_DATA_HOME or HOME",
        )),
    }
}

/// The variable that holds a secret of a build; `None` when it is not set.
#[allow(clippy::disallowed_methods)]
pub fn secret_variable(name: &str) -> Option<Vec<u8>> {
    std::env::var_os(name).map(std::os::unix::ffi::OsStringExt::into_vec)
}

/// How commands are to be run when nothing is said: `LAYERKIT_ISOLATION`, `overlay` or `chroot`; where that is not set, what works.
pub fn isolation() -> Result<Option<Isolation>> {
    match variable("LAYERKIT_ISOLATION").as_deref() {
        None => Ok(None),
        Some("overlay") => Ok(Some(Isolation::Overlay)),
        Some("chroot") => Ok(Some(Isolation::Chroot)),
        Some(other) => Err(Error::new(
            ErrorKind::InvalidArgument,
            format!("LAYERKIT_ISOLATION is neither overlay nor chroot: {other:?}"),
        )),
    }
}

/// Names of the proxy arguments that RUN steps get without an ARG (Dockerfile reference, "Predefined ARGs").
pub const PROXY_ARGS: [&str; 10] = [
    "HTTP_PROXY",
    "http_proxy",
    "HTTPS_PROXY",
    "https_proxy",
    "FTP_PROXY",
    "ftp_proxy",
    "NO_PROXY",
    "no_proxy",
    "ALL_PROXY",
    "all_proxy",
];

/// The proxies of requests by scheme, and the hosts that go past them, in the form of `NO_PROXY`.
#[derive(Default)]
pub struct Proxies {
    /// For plain HTTP.
    pub http: Option<String>,
    /// For HTTPS.
    pub https: Option<String>,
    /// Hosts without a proxy.
    pub none: Option<String>,
}

/// The proxy that was given for everything, none if it is empty, or what the environment says.
pub fn proxies(given: Option<&str>) -> Proxies {
    let either = |upper: &str, lower: &str| variable(lower).or_else(|| variable(upper));
    match given {
        Some("") => Proxies::default(),
        Some(url) => Proxies { http: Some(url.to_owned()), https: Some(url.to_owned()), none: None },
        None => {
            let all = either("ALL_PROXY", "all_proxy");
            Proxies {
                http: either("HTTP_PROXY", "http_proxy").or_else(|| all.clone()),
                https: either("HTTPS_PROXY", "https_proxy").or(all),
                none: either("NO_PROXY", "no_proxy"),
            }
        }
    }
}

/// Whether the environment says how git calls SSH (`GIT_SSH_COMMAND`, `GIT_SSH`).
pub fn git_calls_ssh() -> bool {
    variable("GIT_SSH_COMMAND").is_some() || variable("GIT_SSH").is_some()
}

/// Where credentials are kept.
#[derive(Clone, Debug)]
pub struct CredentialFiles {
    /// Docker's `config.json`, which is read and written; `None` where there is no home to have one in.
    pub docker: Option<PathBuf>,
    /// podman's and skopeo's `auth.json`, which are read only, in this order.
    pub containers: Vec<PathBuf>,
}

/// The files of credentials: Docker's in `given`, `DOCKER_CONFIG` or `~/.docker`; podman's in `REGISTRY_AUTH_FILE`, or else in
/// `$XDG_RUNTIME_DIR/containers` (`/run/containers/UID`) and `~/.config/containers` (containers-auth.json(5)). A folder that was given is the only
/// place.
pub fn credential_files(given: Option<&Path>) -> CredentialFiles {
    if let Some(folder) = given {
        return CredentialFiles { docker: Some(folder.join("config.json")), containers: Vec::new() };
    }
    let home = variable("HOME").map(PathBuf::from);
    let docker =
        variable("DOCKER_CONFIG").map(PathBuf::from).or_else(|| Some(home.as_ref()?.join(".docker")));
    let containers = match variable("REGISTRY_AUTH_FILE") {
        Some(file) => vec![PathBuf::from(file)],
        None => {
            let runtime = match variable("XDG_RUNTIME_DIR") {
                Some(folder) => PathBuf::from(folder).join("containers"),
                None => PathBuf::from(format!("/run/containers/{}", rustix::process::geteuid().as_raw())),
            };
            let config =
                variable("XDG_CONFIG_HOME").map(PathBuf::from).or_else(|| Some(home?.join(".config")));
            let folders = [Some(runtime), config.map(|config| config.join("containers"))];
            folders.into_iter().flatten().map(|folder| folder.join("auth.json")).collect()
        }
    };
    CredentialFiles { docker: docker.map(|folder| folder.join("config.json")), containers }
}

/// `SOURCE_DATE_EPOCH`, in seconds since 1970, if it is set (reproducible-builds.org, "SOURCE_DATE_EPOCH").
pub fn source_date_epoch() -> Result<Option<i64>> {
    variable("SOURCE_DATE_EPOCH")
        .map(|text| {
            text.parse().map_err(|_| {
                Error::new(
                    ErrorKind::InvalidArgument,
                    format!("SOURCE_DATE_EPOCH is not a number of seconds: {text:?}"),
                )
            })
        })
        .transpose()
}
