//! The option structs of the engine and its store. Each becomes the JSON object that the core's option struct of the same
//! name reads, so that names, defaults and what is allowed are the core's; what the caller left out is left out there too.

use std::ffi::c_char;
use std::mem::offset_of;

use layerkit::Result;

use crate::arguments::Versioned;
use crate::object::{Object, Options};

/// A key and its value: an element of arrays of build arguments, labels and filters.
#[derive(Clone, Copy)]
#[repr(C)]
pub struct layerkit_pair {
    /// The key.
    pub key: *const c_char,
    /// The value; never NULL.
    pub value: *const c_char,
}

/// One limit of `setrlimit`, in its own unit: an element of the arrays `ulimits` of builds and containers.
#[derive(Clone, Copy)]
#[repr(C)]
pub struct layerkit_ulimit {
    /// Its name, `nofile` for instance.
    pub name: *const c_char,
    /// What processes have; -1: no limit.
    pub soft: i64,
    /// What they may raise it to; -1: no limit.
    pub hard: i64,
}

/// How to open an engine.
#[derive(Clone, Copy)]
#[repr(C)]
pub struct layerkit_engine_options {
    /// `sizeof(layerkit_engine_options)`: set by `LAYERKIT_ENGINE_OPTIONS_INIT`.
    pub size: usize,
    /// The folder of the store. NULL: `LAYERKIT_ROOT` of the environment, else `/var/lib/layerkit` for root,
    /// `$XDG_DATA_HOME/layerkit` or `~/.local/share/layerkit` for others.
    pub root: *const c_char,
    /// Most entries that one layer may have; 0: the default. Going over a limit is `invalid_image`.
    pub limit_entries: u64,
    /// Most bytes that one layer may have once it is decompressed; 0: the default.
    pub limit_layer_size: u64,
    /// Most decompressed bytes for each compressed byte; 0: the default.
    pub limit_ratio: u64,
    /// Most bytes in the path of one entry; 0: the default.
    pub limit_path_length: u64,
    /// Registries, `host[:port]`, that may be spoken to by plain HTTP and whose certificates are not checked. Loopback
    /// addresses need not be named.
    pub registry_insecure: *const *const c_char,
    /// How many `registry_insecure` there are.
    pub registry_insecure_count: usize,
    /// URLs of mirrors of Docker Hub, in the order they are tried. Other registries have theirs in a `hosts.toml`.
    pub registry_mirrors: *const *const c_char,
    /// How many `registry_mirrors` there are.
    pub registry_mirrors_count: usize,
    /// Files of certificate authorities (PEM) that are trusted beside the system's.
    pub registry_ca_files: *const *const c_char,
    /// How many `registry_ca_files` there are.
    pub registry_ca_files_count: usize,
    /// Folders with a folder for each registry: Docker's `ca.crt`, `client.cert` and `client.key`, containerd's
    /// `hosts.toml`. NULL: `/etc/docker/certs.d`, `/etc/containers/certs.d`, `/etc/containerd/certs.d`. An array without
    /// elements that is not NULL: none.
    pub registry_certs_dirs: *const *const c_char,
    /// How many `registry_certs_dirs` there are.
    pub registry_certs_dirs_count: usize,
    /// The folder of Docker's `config.json`. NULL: `DOCKER_CONFIG` of the environment, else `~/.docker`.
    pub registry_docker_config: *const c_char,
    /// The proxy of every request to a registry, `http://…` or `socks5://…`; an empty string: no proxy. NULL: what
    /// `HTTPS_PROXY`, `HTTP_PROXY`, `ALL_PROXY` and `NO_PROXY` of the environment say.
    pub registry_proxy: *const c_char,
    /// Milliseconds without a byte after which a request has failed with `timeout`; 0: the default.
    pub registry_timeout_ms: u64,
    /// Milliseconds after which a connection that does not come about has failed; 0: the default.
    pub registry_connect_timeout_ms: u64,
    /// Non-zero: `registry_retries` is set. Otherwise the default counts.
    pub has_registry_retries: u8,
    /// How often a request that may be made again is, before it has failed.
    pub registry_retries: u32,
    /// How many layers are transferred at once, 1 to 64; 0: the default.
    pub registry_concurrency: u32,
    /// How the commands of builds are run: `overlay`, or `chroot` (on a copy of the image's root, not apart from this
    /// process). NULL: `LAYERKIT_ISOLATION` of the environment, else what works here.
    pub isolation: *const c_char,
}

/// Which images a list shows.
#[derive(Clone, Copy)]
#[repr(C)]
pub struct layerkit_list_options {
    /// `sizeof(layerkit_list_options)`: set by `LAYERKIT_LIST_OPTIONS_INIT`.
    pub size: usize,
    /// Non-zero: also the steps of builds, which have a child and no name.
    pub all: u8,
    /// Only names of this repository or that match this pattern (`ubuntu`, `my*`), or NULL.
    pub name: *const c_char,
    /// Docker's filters, a key as often as it has values: `dangling` (`true`, `false`), `label` (`key` or `key=value`),
    /// `before` and `since` (an image), `reference` (a pattern).
    pub filters: *const layerkit_pair,
    /// How many `filters` there are.
    pub filters_count: usize,
}

/// How to import a root file system.
#[derive(Clone, Copy)]
#[repr(C)]
pub struct layerkit_import_options {
    /// `sizeof(layerkit_import_options)`: set by `LAYERKIT_IMPORT_OPTIONS_INIT`.
    pub size: usize,
    /// The name of the image, `repository[:tag]`, or NULL for none.
    pub name: *const c_char,
    /// Dockerfile instructions that set the config: `CMD`, `ENTRYPOINT`, `ENV`, `EXPOSE`, `HEALTHCHECK`, `LABEL`, `ONBUILD`,
    /// `STOPSIGNAL`, `USER`, `VOLUME`, `WORKDIR`.
    pub changes: *const *const c_char,
    /// How many `changes` there are.
    pub changes_count: usize,
    /// The comment in the image's history, or NULL for Docker's.
    pub message: *const c_char,
    /// `os/architecture[/variant]`, or NULL for the host's.
    pub platform: *const c_char,
    /// How the layer is stored when the source is not compressed: `gzip`, `zstd` or `none`; NULL: `gzip`.
    pub compression: *const c_char,
    /// Non-zero: `source_date_epoch` is set. Otherwise `SOURCE_DATE_EPOCH` of the environment counts, or else the clock.
    pub has_source_date_epoch: u8,
    /// Seconds since 1970 for the image's time of creation.
    pub source_date_epoch: i64,
}

/// How to load an archive: nothing to choose yet.
#[derive(Clone, Copy)]
#[repr(C)]
pub struct layerkit_load_options {
    /// `sizeof(layerkit_load_options)`: set by `LAYERKIT_LOAD_OPTIONS_INIT`.
    pub size: usize,
}

/// How to save images.
#[derive(Clone, Copy)]
#[repr(C)]
pub struct layerkit_save_options {
    /// `sizeof(layerkit_save_options)`: set by `LAYERKIT_SAVE_OPTIONS_INIT`.
    pub size: usize,
    /// `docker`: one tar that is an OCI layout and a docker-archive; `oci-archive`: a tar, `oci-dir`: a directory that is
    /// the former only. NULL: `docker`.
    pub format: *const c_char,
}

/// How to remove an image.
#[derive(Clone, Copy)]
#[repr(C)]
pub struct layerkit_remove_options {
    /// `sizeof(layerkit_remove_options)`: set by `LAYERKIT_REMOVE_OPTIONS_INIT`.
    pub size: usize,
    /// Non-zero: also when several names, or stopped containers, refer to it.
    pub force: u8,
    /// Non-zero: leave parents without a name.
    pub no_prune: u8,
}

/// What to prune.
#[derive(Clone, Copy)]
#[repr(C)]
pub struct layerkit_prune_options {
    /// `sizeof(layerkit_prune_options)`: set by `LAYERKIT_PRUNE_OPTIONS_INIT`.
    pub size: usize,
    /// Non-zero: every image that no container uses, not only those without a name.
    pub all: u8,
    /// Non-zero: report what would go, and let it stay.
    pub dry_run: u8,
    /// Docker's filters, a key as often as it has values: `label` (`key` or `key=value`), `until` (RFC 3339, seconds since
    /// 1970, or an age such as `24h`).
    pub filters: *const layerkit_pair,
    /// How many `filters` there are.
    pub filters_count: usize,
}

/// How to unpack an image.
#[derive(Clone, Copy)]
#[repr(C)]
pub struct layerkit_unpack_options {
    /// `sizeof(layerkit_unpack_options)`: set by `LAYERKIT_UNPACK_OPTIONS_INIT`.
    pub size: usize,
    /// Non-zero: replace a directory that is there; otherwise that is `already_exists`.
    pub replace: u8,
}

/// Which files of an image to list.
#[derive(Clone, Copy)]
#[repr(C)]
pub struct layerkit_files_options {
    /// `sizeof(layerkit_files_options)`: set by `LAYERKIT_FILES_OPTIONS_INIT`.
    pub size: usize,
    /// Where to begin; NULL: `/`. Symlinks on the way are followed inside the image.
    pub path: *const c_char,
    /// Non-zero: only what a directory itself has, not all that is below.
    pub not_recursive: u8,
    /// Non-zero: begin at a symlink itself when `path` is one, not at what it leads to.
    pub no_follow: u8,
}

/// What counts as a change between two images.
#[derive(Clone, Copy)]
#[repr(C)]
pub struct layerkit_image_diff_options {
    /// `sizeof(layerkit_image_diff_options)`: set by `LAYERKIT_IMAGE_DIFF_OPTIONS_INIT`.
    pub size: usize,
    /// Non-zero: another time of the last change, too.
    pub mtime: u8,
}

/// How to verify a store.
#[derive(Clone, Copy)]
#[repr(C)]
pub struct layerkit_verify_options {
    /// `sizeof(layerkit_verify_options)`: set by `LAYERKIT_VERIFY_OPTIONS_INIT`.
    pub size: usize,
    /// Non-zero: take away what is broken.
    pub repair: u8,
}

// SAFETY: every struct here is repr(C) and begins with its size, and zero is valid for every other field.
unsafe impl Versioned for layerkit_engine_options {
    // It grew by the fields of registries.
    const FIRST: usize = offset_of!(Self, registry_insecure);
}
// SAFETY: as above.
unsafe impl Versioned for layerkit_list_options {}
// SAFETY: as above.
unsafe impl Versioned for layerkit_import_options {}
// SAFETY: as above.
unsafe impl Versioned for layerkit_load_options {}
// SAFETY: as above.
unsafe impl Versioned for layerkit_save_options {}
// SAFETY: as above.
unsafe impl Versioned for layerkit_remove_options {}
// SAFETY: as above.
unsafe impl Versioned for layerkit_prune_options {}
// SAFETY: as above.
unsafe impl Versioned for layerkit_unpack_options {}
// SAFETY: as above.
unsafe impl Versioned for layerkit_files_options {}
// SAFETY: as above.
unsafe impl Versioned for layerkit_image_diff_options {}
// SAFETY: as above.
unsafe impl Versioned for layerkit_verify_options {}

impl Options for layerkit_engine_options {
    unsafe fn describe(&self, object: &mut Object) -> Result<()> {
        object.group("limits", "limit_", |limits| {
            limits.number("entries", self.limit_entries);
            limits.number("layer_size", self.limit_layer_size);
            limits.number("ratio", self.limit_ratio);
            limits.number("path_length", self.limit_path_length);
            Ok(())
        })?;
        // SAFETY: as the caller promises.
        unsafe {
            object.group("registry", "registry_", |registry| self.describe_registry(registry))?;
            object.text("root", self.root)?;
            object.text("isolation", self.isolation)
        }
    }
}

impl layerkit_engine_options {
    /// The fields that begin with `registry_`.
    ///
    /// # Safety
    /// As for [`Options::describe`].
    unsafe fn describe_registry(&self, registry: &mut Object) -> Result<()> {
        registry.number("timeout_ms", self.registry_timeout_ms);
        registry.number("connect_timeout_ms", self.registry_connect_timeout_ms);
        registry.number_with("retries", self.has_registry_retries, self.registry_retries);
        registry.number("concurrency", self.registry_concurrency);
        // SAFETY: as the caller promises.
        unsafe {
            registry.texts("insecure", self.registry_insecure, self.registry_insecure_count)?;
            registry.texts("mirrors", self.registry_mirrors, self.registry_mirrors_count)?;
            registry.texts("ca_files", self.registry_ca_files, self.registry_ca_files_count)?;
            registry.texts_if_any("certs_dirs", self.registry_certs_dirs, self.registry_certs_dirs_count)?;
            registry.text("docker_config", self.registry_docker_config)?;
            registry.text("proxy", self.registry_proxy)
        }
    }
}

impl Options for layerkit_list_options {
    unsafe fn describe(&self, object: &mut Object) -> Result<()> {
        object.flag("all", self.all);
        // SAFETY: as the caller promises.
        unsafe {
            object.text("name", self.name)?;
            object.lists("filters", self.filters, self.filters_count)
        }
    }
}

impl Options for layerkit_import_options {
    unsafe fn describe(&self, object: &mut Object) -> Result<()> {
        object.number_with("source_date_epoch", self.has_source_date_epoch, self.source_date_epoch);
        // SAFETY: as the caller promises.
        unsafe {
            object.text("name", self.name)?;
            object.texts("changes", self.changes, self.changes_count)?;
            object.text("message", self.message)?;
            object.text("platform", self.platform)?;
            object.text("compression", self.compression)
        }
    }
}

impl Options for layerkit_load_options {
    unsafe fn describe(&self, _: &mut Object) -> Result<()> {
        Ok(())
    }
}

impl Options for layerkit_save_options {
    unsafe fn describe(&self, object: &mut Object) -> Result<()> {
        // SAFETY: as the caller promises.
        unsafe { object.text("format", self.format) }
    }
}

impl Options for layerkit_remove_options {
    unsafe fn describe(&self, object: &mut Object) -> Result<()> {
        object.flag("force", self.force);
        object.flag("no_prune", self.no_prune);
        Ok(())
    }
}

impl Options for layerkit_prune_options {
    unsafe fn describe(&self, object: &mut Object) -> Result<()> {
        object.flag("all", self.all);
        object.flag("dry_run", self.dry_run);
        // SAFETY: as the caller promises.
        unsafe { object.lists("filters", self.filters, self.filters_count) }
    }
}

impl Options for layerkit_unpack_options {
    unsafe fn describe(&self, object: &mut Object) -> Result<()> {
        object.flag("replace", self.replace);
        Ok(())
    }
}

impl Options for layerkit_files_options {
    unsafe fn describe(&self, object: &mut Object) -> Result<()> {
        object.set("recursive", self.not_recursive == 0);
        object.set("follow", self.no_follow == 0);
        // SAFETY: as the caller promises.
        unsafe { object.text("path", self.path) }
    }
}

impl Options for layerkit_image_diff_options {
    unsafe fn describe(&self, object: &mut Object) -> Result<()> {
        object.flag("mtime", self.mtime);
        Ok(())
    }
}

impl Options for layerkit_verify_options {
    unsafe fn describe(&self, object: &mut Object) -> Result<()> {
        object.flag("repair", self.repair);
        Ok(())
    }
}
