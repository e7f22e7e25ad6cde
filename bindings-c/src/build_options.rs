//! The option struct of builds, and what its arrays are of. Like the other option structs it becomes the JSON object that the
//! core's reads; its streams go beside that.

use std::ffi::{c_char, c_void};
use std::mem::offset_of;

use base64::Engine as _;
use layerkit::{BuildInputs, Result};

use crate::arguments::{Versioned, array, optional_text, text, versioned};
use crate::object::{Object, Options};
use crate::options::{layerkit_pair, layerkit_ulimit};
use crate::registry_options::layerkit_auth;
use crate::stream::{core_source, core_target, layerkit_source, layerkit_target};

/// A file in memory: an element of `layerkit_build_options.files`.
#[derive(Clone, Copy)]
#[repr(C)]
pub struct layerkit_memory_file {
    /// Its path in the context.
    pub path: *const c_char,
    /// Its content; NULL is fine for none.
    pub content: *const c_void,
    /// Bytes of `content`.
    pub length: usize,
    /// Its permissions; 0: 0644.
    pub mode: u32,
}

/// A secret: an element of `layerkit_build_options.secrets`. One of `path`, `env` and `content` is set.
#[derive(Clone, Copy)]
#[repr(C)]
pub struct layerkit_secret {
    /// What `RUN --mount=type=secret,id=…` calls it.
    pub id: *const c_char,
    /// A file, read when the build begins; or NULL.
    pub path: *const c_char,
    /// A variable of the environment; or NULL.
    pub env: *const c_char,
    /// The bytes themselves; or NULL.
    pub content: *const c_void,
    /// Bytes of `content`.
    pub length: usize,
}

/// Where a result goes: an element of `layerkit_build_options.outputs`.
#[derive(Clone, Copy)]
#[repr(C)]
pub struct layerkit_build_output {
    /// `image` (the store), `local` (a directory with the file system), `tar` (the same as a tar), `docker` or `oci` (archives).
    pub kind: *const c_char,
    /// The directory or file, which appears when it is whole. NULL: `layerkit_build_options.output`.
    pub dest: *const c_char,
}

/// Credentials for a registry: an element of `layerkit_build_options.auths`.
#[derive(Clone, Copy)]
#[repr(C)]
pub struct layerkit_host_auth {
    /// The registry, `host[:port]`; an empty string is Docker Hub.
    pub host: *const c_char,
    /// Its credentials; never NULL.
    pub auth: *const layerkit_auth,
}

/// How to build an image.
#[derive(Clone, Copy)]
#[repr(C)]
pub struct layerkit_build_options {
    /// `sizeof(layerkit_build_options)`: set by `LAYERKIT_BUILD_OPTIONS_INIT`.
    pub size: usize,
    /// The context: the directory that `COPY` and `ADD` read, or the URL of a git repository or of a tar. NULL with `files` or
    /// `context`.
    pub path: *const c_char,
    /// The Dockerfile: a path, relative to the context unless absolute. NULL: `Dockerfile` in the context.
    pub dockerfile: *const c_char,
    /// Names of the image, `repository[:tag]`. Without an `image` among the outputs they are in the archives only.
    pub tags: *const *const c_char,
    /// How many `tags` there are.
    pub tags_count: usize,
    /// Values of `ARG`s.
    pub buildargs: *const layerkit_pair,
    /// How many `buildargs` there are.
    pub buildargs_count: usize,
    /// The stage to build: its name, or its number from 0. NULL: the last.
    pub target: *const c_char,
    /// Labels added to the image.
    pub labels: *const layerkit_pair,
    /// How many `labels` there are.
    pub labels_count: usize,
    /// Non-zero: take no step from the cache.
    pub no_cache: u8,
    /// The network of `RUN` steps: `host` or `none`; NULL: `host`.
    pub network: *const c_char,
    /// `os/architecture[/variant]`, or NULL for the host's.
    pub platform: *const c_char,
    /// How new layers are compressed: `gzip`, `zstd` or `none`; NULL: `gzip`.
    pub compression: *const c_char,
    /// Non-zero: `source_date_epoch` is set. Otherwise `SOURCE_DATE_EPOCH` of the environment counts, or else the clock.
    pub has_source_date_epoch: u8,
    /// Seconds since 1970 for everything new in the image.
    pub source_date_epoch: i64,
    /// The context as files in memory. Beside a `path` they are added to it, and beat its files.
    pub files: *const layerkit_memory_file,
    /// How many `files` there are.
    pub files_count: usize,
    /// The Dockerfile itself, or NULL.
    pub dockerfile_text: *const c_char,
    /// Further contexts by name, for `FROM` and `--from`: a directory, `docker-image://NAME`, `oci-layout://DIRECTORY[:TAG]`, the
    /// URL of a git repository or of a tar.
    pub contexts: *const layerkit_pair,
    /// How many `contexts` there are.
    pub contexts_count: usize,
    /// Take no step of these stages from the cache: names, or numbers from 0.
    pub no_cache_stages: *const *const c_char,
    /// How many `no_cache_stages` there are.
    pub no_cache_stages_count: usize,
    /// Non-zero: ask the registry for every base image, also for one that is here.
    pub pull: u8,
    /// Non-zero: make one layer of all that the build added to its base.
    pub squash: u8,
    /// How many stages are built at once; 0: as many as there are processors.
    pub jobs: u32,
    /// Credentials for base images and registry caches.
    pub auths: *const layerkit_host_auth,
    /// How many `auths` there are.
    pub auths_count: usize,
    /// What steps may ask for that is not theirs by default: `security.insecure`.
    pub allow: *const *const c_char,
    /// How many `allow` there are.
    pub allow_count: usize,
    /// Several platforms, in place of `platform`: the result is an index of an image for each, and the names lead to that.
    pub platforms: *const *const c_char,
    /// How many `platforms` there are.
    pub platforms_count: usize,
    /// Secrets of `RUN --mount=type=secret`.
    pub secrets: *const layerkit_secret,
    /// How many `secrets` there are.
    pub secrets_count: usize,
    /// Sockets of SSH agents for `RUN --mount=type=ssh`, by ID; `default` is the one without an ID.
    pub ssh: *const layerkit_pair,
    /// How many `ssh` there are.
    pub ssh_count: usize,
    /// Bytes of memory that a `RUN` step may use; 0: no limit.
    pub memory: u64,
    /// Processes that a `RUN` step may have at once; 0: no limit.
    pub pids_limit: u64,
    /// Bytes of `/dev/shm` in `RUN` steps; 0: 64 MiB.
    pub shm_size: u64,
    /// Limits of the processes of `RUN` steps.
    pub ulimits: *const layerkit_ulimit,
    /// How many `ulimits` there are.
    pub ulimits_count: usize,
    /// Lines for `/etc/hosts` in `RUN` steps, `HOST:ADDRESS`.
    pub extra_hosts: *const *const c_char,
    /// How many `extra_hosts` there are.
    pub extra_hosts_count: usize,
    /// Where known steps are looked up beside the store: a repository, or `type=registry,ref=NAME`.
    pub cache_from: *const *const c_char,
    /// How many `cache_from` there are.
    pub cache_from_count: usize,
    /// Where steps are left for others: `type=registry,ref=NAME[,mode=min|max]` or `type=inline`.
    pub cache_to: *const *const c_char,
    /// How many `cache_to` there are.
    pub cache_to_count: usize,
    /// Where the result goes; the store when there are none.
    pub outputs: *const layerkit_build_output,
    /// How many `outputs` there are.
    pub outputs_count: usize,
    /// A file for the image's ID, or for the digest of the index of several platforms; or NULL.
    pub iidfile: *const c_char,
    /// A file for what is known of the result, as JSON in the shape of buildx; or NULL.
    pub metadata_file: *const c_char,
    /// The context as a tar, plain or compressed; or NULL.
    pub context: *const layerkit_source,
    /// The Dockerfile as a stream, or NULL.
    pub dockerfile_source: *const layerkit_source,
    /// Where the output without a `dest` goes, or NULL.
    pub output: *const layerkit_target,
}

// SAFETY: repr(C), begins with its size, and zero is valid for every other field.
unsafe impl Versioned for layerkit_build_options {
    // It grew by all that stands behind `source_date_epoch`.
    const FIRST: usize = offset_of!(Self, files);
}

impl Options for layerkit_build_options {
    unsafe fn describe(&self, object: &mut Object) -> Result<()> {
        object.flag("no_cache", self.no_cache);
        object.flag("pull", self.pull);
        object.flag("squash", self.squash);
        object.number("jobs", self.jobs);
        object.number("memory", self.memory);
        object.number("pids_limit", self.pids_limit);
        object.number("shm_size", self.shm_size);
        object.number_with("source_date_epoch", self.has_source_date_epoch, self.source_date_epoch);
        // SAFETY: as the caller promises.
        unsafe {
            self.describe_texts(object)?;
            self.describe_arrays(object)?;
            object.map("buildargs", self.buildargs, self.buildargs_count)?;
            object.map("labels", self.labels, self.labels_count)?;
            object.map("contexts", self.contexts, self.contexts_count)?;
            object.map("ssh", self.ssh, self.ssh_count)
        }
    }
}

impl layerkit_build_options {
    /// The fields that are texts, and arrays of texts.
    ///
    /// # Safety
    /// As for [`Options::describe`].
    unsafe fn describe_texts(&self, object: &mut Object) -> Result<()> {
        // SAFETY: as the caller promises.
        unsafe {
            object.text("path", self.path)?;
            object.text("dockerfile", self.dockerfile)?;
            object.text("dockerfile_text", self.dockerfile_text)?;
            object.text("target", self.target)?;
            object.text("network", self.network)?;
            object.text("platform", self.platform)?;
            object.text("compression", self.compression)?;
            object.text("iidfile", self.iidfile)?;
            object.text("metadata_file", self.metadata_file)?;
            object.texts("tags", self.tags, self.tags_count)?;
            object.texts("no_cache_stages", self.no_cache_stages, self.no_cache_stages_count)?;
            object.texts("allow", self.allow, self.allow_count)?;
            object.texts("platforms", self.platforms, self.platforms_count)?;
            object.texts("extra_hosts", self.extra_hosts, self.extra_hosts_count)?;
            object.texts("cache_from", self.cache_from, self.cache_from_count)?;
            object.texts("cache_to", self.cache_to, self.cache_to_count)
        }
    }

    /// The fields that are arrays of structs.
    ///
    /// # Safety
    /// As for [`Options::describe`].
    unsafe fn describe_arrays(&self, object: &mut Object) -> Result<()> {
        // SAFETY: as the caller promises.
        unsafe {
            object.keyed("files", self.files, self.files_count, |file, object| {
                object.number("mode", file.mode);
                object.set("base64", encoded(&object.name("content"), file.content, file.length)?);
                text(&object.name("path"), file.path)
            })?;
            object.keyed("secrets", self.secrets, self.secrets_count, |secret, object| {
                object.text("path", secret.path)?;
                object.text("env", secret.env)?;
                if !secret.content.is_null() || secret.length != 0 {
                    object.set("base64", encoded(&object.name("content"), secret.content, secret.length)?);
                }
                text(&object.name("id"), secret.id)
            })?;
            object.keyed("auths", self.auths, self.auths_count, |auth, object| {
                let (name, host) = (object.name("auth"), text(&object.name("host"), auth.host)?);
                let given = versioned(&name, auth.auth)?;
                given
                    .ok_or_else(|| crate::arguments::invalid(format!("{name} is NULL")))?
                    .describe(object)?;
                Ok(host)
            })?;
            object.ulimits("ulimits", self.ulimits, self.ulimits_count)?;
            object.list("outputs", self.outputs, self.outputs_count, |output, object| {
                if let Some(kind) = optional_text(&object.name("kind"), output.kind)? {
                    object.set("type", kind);
                }
                object.text("dest", output.dest)
            })
        }
    }
}

/// Bytes as JSON can say them.
///
/// # Safety
/// `content` is NULL or valid for reads of `length` bytes.
unsafe fn encoded(name: &str, content: *const c_void, length: usize) -> Result<String> {
    // SAFETY: as the caller promises.
    let bytes = unsafe { array(name, content.cast::<u8>(), length) }?;
    Ok(base64::engine::general_purpose::STANDARD.encode(bytes))
}

/// The streams among the options.
///
/// # Safety
/// `options` is NULL or a struct of the caller's whose pointers are NULL or valid.
pub unsafe fn core_inputs(options: *const layerkit_build_options) -> Result<BuildInputs> {
    // SAFETY: as the caller promises.
    let Some(given) = (unsafe { versioned("options", options) })? else { return Ok(BuildInputs::default()) };
    // SAFETY: the same.
    let source = |source: *const layerkit_source| (!source.is_null()).then(|| unsafe { core_source(source) });
    // SAFETY: the same.
    let target = |target: *const layerkit_target| (!target.is_null()).then(|| unsafe { core_target(target) });
    Ok(BuildInputs {
        context: source(given.context).transpose()?,
        dockerfile: source(given.dockerfile_source).transpose()?,
        output: target(given.output).transpose()?,
    })
}
