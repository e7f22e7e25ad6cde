//! What a build is asked and what it answers.

use std::collections::BTreeMap;
use std::fmt;
use std::path::PathBuf;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::archive::{LayerCompression, Source, Target};
use crate::containers::Ulimit;
pub use crate::dockerfile::BuildStep;
use crate::registry::Auth;

/// The network of RUN steps.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum BuildNetwork {
    /// The host's.
    #[default]
    Host,
    /// None but a loopback interface of their own.
    None,
}

/// How to build an image.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct BuildOptions {
    /// The context: the directory that COPY and ADD read, or the URL of a git repository (`URL#ref:folder`) or of a tar.
    /// Empty with `files`, or with a stream among the inputs.
    pub path: PathBuf,
    /// The context as files in memory: contents by their paths. Beside a `path` they are added to it, and beat its files.
    pub files: BTreeMap<String, MemoryFile>,
    /// The Dockerfile: a path, relative to the context unless absolute. `Dockerfile` in the context when none is given.
    pub dockerfile: Option<PathBuf>,
    /// The Dockerfile itself.
    pub dockerfile_text: Option<String>,
    /// The Dockerfile as a list of steps, in place of a text.
    pub steps: Vec<BuildStep>,
    /// Further contexts by name, for `FROM` and `--from`: a directory, `docker-image://NAME`, `oci-layout://DIRECTORY[:TAG]`, the URL
    /// of a git repository or of a tar.
    pub contexts: BTreeMap<String, String>,
    /// Names of the image, `repository[:tag]`. Without an `image` among the outputs they are in the archives only.
    pub tags: Vec<String>,
    /// Values of ARGs.
    pub buildargs: BTreeMap<String, String>,
    /// The stage to build: its name, or its number from 0. The last when none is given.
    pub target: Option<String>,
    /// Labels added to the image.
    pub labels: BTreeMap<String, String>,
    /// Take no step from the cache.
    pub no_cache: bool,
    /// Take no step of these stages from the cache: names, or numbers from 0.
    pub no_cache_stages: Vec<String>,
    /// Ask the registry for every base image, also for one that is here.
    pub pull: bool,
    /// Credentials for base images and registry caches, by host; the empty host is Docker Hub.
    pub auths: BTreeMap<String, Auth>,
    /// The network of RUN steps.
    pub network: BuildNetwork,
    /// What steps may ask for that is not theirs by default: `security.insecure`.
    pub allow: Vec<String>,
    /// `os/architecture[/variant]`; the host's when none is given.
    pub platform: Option<String>,
    /// Several of them, in place of `platform`: the result is an index of an image for each, and the names lead to that.
    pub platforms: Vec<String>,
    /// How new layers are compressed.
    pub compression: LayerCompression,
    /// Seconds since 1970 for everything new in the image; `SOURCE_DATE_EPOCH` when none is given, or else the clock.
    pub source_date_epoch: Option<i64>,
    /// Secrets of `RUN --mount=type=secret`, by ID.
    pub secrets: BTreeMap<String, Secret>,
    /// Sockets of SSH agents for `RUN --mount=type=ssh`, by ID; `default` is the one without an ID.
    pub ssh: BTreeMap<String, PathBuf>,
    /// Memory that a RUN step may use, in bytes.
    pub memory: Option<u64>,
    /// Processes that a RUN step may have at once.
    pub pids_limit: Option<u64>,
    /// Limits of the processes of RUN steps (`setrlimit`).
    pub ulimits: Vec<Ulimit>,
    /// Bytes of `/dev/shm` in RUN steps; 64 MiB when none is given.
    pub shm_size: Option<u64>,
    /// Lines for `/etc/hosts` in RUN steps, `HOST:ADDRESS`.
    pub extra_hosts: Vec<String>,
    /// Where known steps are looked up beside the store: a repository, or `type=registry,ref=NAME`.
    pub cache_from: Vec<String>,
    /// Where steps are left for others: `type=registry,ref=NAME[,mode=min|max]` or `type=inline`.
    pub cache_to: Vec<String>,
    /// Make one layer of all that the build added to its base.
    pub squash: bool,
    /// Where the result goes, written in this order; the store when there are none. Names are set once all of them are written.
    pub outputs: Vec<BuildOutput>,
    /// A file for the image's ID, or for the digest of the index of several platforms. One that is there is gone until the build
    /// is done.
    pub iidfile: Option<PathBuf>,
    /// A file for what is known of the result, as JSON in the shape of buildx: `containerimage.digest`, `containerimage.descriptor`,
    /// `containerimage.config.digest` (not of several platforms), `image.name`.
    pub metadata_file: Option<PathBuf>,
    /// How many stages are built at once; as many as there are processors when none is given.
    pub jobs: Option<u32>,
}

/// Streams of a build. What is given here takes the place of its option.
#[derive(Default)]
pub struct BuildInputs {
    /// The context as a tar, plain or compressed.
    pub context: Option<Source>,
    /// The Dockerfile.
    pub dockerfile: Option<Source>,
    /// Where the output without a `dest` goes.
    pub output: Option<Target>,
}

impl fmt::Debug for BuildInputs {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("BuildInputs").finish_non_exhaustive()
    }
}

/// A file in memory: a text, or an object with `text` or `base64`, and a `mode`.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(try_from = "Value")]
pub struct MemoryFile {
    /// Its content.
    pub content: Vec<u8>,
    /// Its permissions.
    pub mode: u32,
}

/// A secret: where its bytes are, or the bytes. `Debug` never shows them.
#[derive(Clone, PartialEq, Eq, Deserialize)]
#[serde(try_from = "Value")]
pub enum Secret {
    /// `{"path": …}`: a file, read when the build begins.
    Path(PathBuf),
    /// `{"env": …}`: a variable of the caller's environment.
    Env(String),
    /// `{"text": …}`, `{"base64": …}`, or a plain text.
    Bytes(Vec<u8>),
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Secret").finish_non_exhaustive()
    }
}

/// Where a result goes.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct BuildOutput {
    /// `image` (the store), `local` (a directory with the file system), `tar` (the same as a tar), `docker` or `oci` (archives).
    #[serde(rename = "type")]
    pub kind: String,
    /// The directory or file, which appears when it is whole; the stream among the inputs when none is given. A directory that is there
    /// gets the files beside those that it has; of several platforms each has a folder in it, `linux_amd64`.
    #[serde(default)]
    pub dest: Option<PathBuf>,
}

/// What a build made.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct BuildResult {
    /// ID of the image; of several platforms that of the image that the names lead to here: the host's, or else the first.
    pub id: String,
    /// The names it got in the store, as Docker shows them.
    pub tags: Vec<String>,
    /// Digest of the manifest, or of the index of several platforms.
    pub digest: String,
    /// The images, one for each platform.
    pub images: Vec<BuiltImage>,
}

/// One image of a build.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct BuiltImage {
    /// Its platform.
    pub platform: String,
    /// Its ID.
    pub id: String,
    /// Digest of its manifest.
    pub digest: String,
}

/// Bytes from `{"text": …}` or `{"base64": …}`.
fn bytes(object: &mut serde_json::Map<String, Value>) -> Result<Option<Vec<u8>>, String> {
    use base64::Engine;
    match (object.remove("text"), object.remove("base64")) {
        (Some(Value::String(text)), None) => Ok(Some(text.into_bytes())),
        (None, Some(Value::String(text))) => base64::engine::general_purpose::STANDARD
            .decode(text)
            .map(Some)
            .map_err(|_| "`base64` is no base64".into()),
        (None, None) => Ok(None),
        _ => Err("it wants one text, `text` or `base64`".into()),
    }
}

/// Refuses what is left of an object, without quoting a value.
fn nothing_left(object: &serde_json::Map<String, Value>) -> Result<(), String> {
    match object.keys().next() {
        None => Ok(()),
        Some(key) => Err(format!("unknown field `{key}`")),
    }
}

impl TryFrom<Value> for MemoryFile {
    type Error = String;

    fn try_from(value: Value) -> Result<Self, String> {
        let mut object = match value {
            Value::String(text) => return Ok(MemoryFile { content: text.into_bytes(), mode: 0o644 }),
            Value::Object(object) => object,
            _ => return Err("a file is a text or an object".into()),
        };
        let content = bytes(&mut object)?.ok_or("a file wants `text` or `base64`")?;
        let mode = match object.remove("mode") {
            None | Some(Value::Null) => 0o644,
            Some(mode) => mode
                .as_u64()
                .and_then(|mode| u32::try_from(mode).ok())
                .filter(|mode| *mode <= 0o7777)
                .ok_or("`mode` is no mode")?,
        };
        nothing_left(&object)?;
        Ok(MemoryFile { content, mode })
    }
}

impl TryFrom<Value> for Secret {
    type Error = String;

    fn try_from(value: Value) -> Result<Self, String> {
        let mut object = match value {
            Value::String(text) => return Ok(Secret::Bytes(text.into_bytes())),
            Value::Object(object) => object,
            _ => return Err("a secret is a text or an object".into()),
        };
        let content = bytes(&mut object)?;
        let secret = match (object.remove("path"), object.remove("env"), content) {
            (Some(Value::String(path)), None, None) => Secret::Path(path.into()),
            (None, Some(Value::String(name)), None) => Secret::Env(name),
            (None, None, Some(bytes)) => Secret::Bytes(bytes),
            _ => return Err("a secret wants one of `path`, `env`, `text` and `base64`".into()),
        };
        nothing_left(&object)?;
        Ok(secret)
    }
}
