//! The option structs. Each becomes the JSON object that the core's option struct of the same name reads, so that names,
//! defaults and what is allowed are the core's; what the caller left out is left out there too.

use std::ffi::c_char;

use layerkit::Result;
use serde::de::DeserializeOwned;
use serde_json::{Map, Value};

use crate::arguments::{Versioned, array, invalid, optional_text, text, texts, versioned};

/// A key and its value: an element of arrays of build arguments, labels and filters.
#[derive(Clone, Copy)]
#[repr(C)]
pub struct layerkit_pair {
    /// The key.
    pub key: *const c_char,
    /// The value; never NULL.
    pub value: *const c_char,
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

/// How to build an image.
#[derive(Clone, Copy)]
#[repr(C)]
pub struct layerkit_build_options {
    /// `sizeof(layerkit_build_options)`: set by `LAYERKIT_BUILD_OPTIONS_INIT`.
    pub size: usize,
    /// The context: the directory that `COPY` and `ADD` read. Never NULL.
    pub path: *const c_char,
    /// The Dockerfile: a path, relative to the context unless absolute. NULL: `Dockerfile` in the context.
    pub dockerfile: *const c_char,
    /// Names of the image, `repository[:tag]`.
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

/// How to verify a store.
#[derive(Clone, Copy)]
#[repr(C)]
pub struct layerkit_verify_options {
    /// `sizeof(layerkit_verify_options)`: set by `LAYERKIT_VERIFY_OPTIONS_INIT`.
    pub size: usize,
    /// Non-zero: take away what is broken.
    pub repair: u8,
}

/// An option struct, as the fields of the core's.
pub trait Options: Versioned {
    /// Fills in what the caller set.
    ///
    /// # Safety
    /// Pointers in it are NULL or valid, as the struct's documentation says.
    unsafe fn describe(&self, object: &mut Object) -> Result<()>;
}

/// The core's options for the caller's struct; its defaults for NULL.
///
/// # Safety
/// `options` is NULL or a struct of the caller's whose pointers are NULL or valid.
pub unsafe fn core_options<O: Options, T: DeserializeOwned>(options: *const O) -> Result<T> {
    let mut object = Object(Map::new());
    // SAFETY: as the caller promises.
    unsafe {
        if let Some(given) = versioned("options", options)? {
            given.describe(&mut object)?;
        }
    }
    serde_json::from_value(Value::Object(object.0)).map_err(|wrong| invalid(format!("options: {wrong}")))
}

/// The JSON object on its way. Strings are read when they are added, so the methods share one condition: pointers are NULL
/// or valid.
pub struct Object(Map<String, Value>);

impl Object {
    fn flag(&mut self, key: &str, value: u8) {
        self.0.insert(key.to_owned(), Value::Bool(value != 0));
    }

    fn epoch(&mut self, has: u8, seconds: i64) {
        if has != 0 {
            self.0.insert("source_date_epoch".to_owned(), seconds.into());
        }
    }

    /// # Safety
    /// `value` is NULL or a string.
    unsafe fn text(&mut self, key: &str, value: *const c_char) -> Result<()> {
        // SAFETY: as the caller promises.
        if let Some(value) = unsafe { optional_text(&format!("options->{key}"), value) }? {
            self.0.insert(key.to_owned(), value.into());
        }
        Ok(())
    }

    /// # Safety
    /// `values` is NULL or an array of `count` strings.
    unsafe fn texts(&mut self, key: &str, values: *const *const c_char, count: usize) -> Result<()> {
        // SAFETY: as the caller promises.
        let values = unsafe { texts(&format!("options->{key}"), values, count) }?;
        self.0.insert(key.to_owned(), values.into());
        Ok(())
    }

    /// Calls `add` with each key and value of an array of pairs.
    ///
    /// # Safety
    /// `pairs` is NULL or an array of `count` pairs of strings.
    unsafe fn pairs(
        &mut self,
        key: &str,
        pairs: *const layerkit_pair,
        count: usize,
        add: impl Fn(&mut Map<String, Value>, &str, &str),
    ) -> Result<()> {
        let name = format!("options->{key}");
        let mut map = Map::new();
        // SAFETY: as the caller promises.
        for pair in unsafe { array(&name, pairs, count) }? {
            // SAFETY: the same.
            let (pair_key, value) = unsafe {
                (text(&format!("{name}->key"), pair.key)?, text(&format!("{name}->value"), pair.value)?)
            };
            add(&mut map, pair_key, value);
        }
        self.0.insert(key.to_owned(), map.into());
        Ok(())
    }

    /// Pairs as a map; of a key that comes twice, the last counts.
    ///
    /// # Safety
    /// As for [`Object::pairs`].
    unsafe fn map(&mut self, key: &str, pairs: *const layerkit_pair, count: usize) -> Result<()> {
        // SAFETY: the caller's promise is the same.
        unsafe {
            self.pairs(key, pairs, count, |map, key, value| {
                map.insert(key.to_owned(), value.into());
            })
        }
    }

    /// Pairs as a map of lists.
    ///
    /// # Safety
    /// As for [`Object::pairs`].
    unsafe fn lists(&mut self, key: &str, pairs: *const layerkit_pair, count: usize) -> Result<()> {
        // SAFETY: the caller's promise is the same.
        unsafe {
            self.pairs(key, pairs, count, |map, key, value| {
                let list = map.entry(key).or_insert_with(|| Value::Array(Vec::new()));
                if let Value::Array(values) = list {
                    values.push(value.into());
                }
            })
        }
    }
}

// SAFETY: every struct here is repr(C) and begins with its size, and zero is valid for every other field.
unsafe impl Versioned for layerkit_engine_options {}
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
unsafe impl Versioned for layerkit_build_options {}
// SAFETY: as above.
unsafe impl Versioned for layerkit_unpack_options {}
// SAFETY: as above.
unsafe impl Versioned for layerkit_verify_options {}

impl Options for layerkit_engine_options {
    unsafe fn describe(&self, object: &mut Object) -> Result<()> {
        let limits = [
            ("entries", self.limit_entries),
            ("layer_size", self.limit_layer_size),
            ("ratio", self.limit_ratio),
            ("path_length", self.limit_path_length),
        ];
        let set: Map<String, Value> = limits
            .into_iter()
            .filter(|(_, limit)| *limit != 0)
            .map(|(name, limit)| (name.to_owned(), limit.into()))
            .collect();
        object.0.insert("limits".to_owned(), set.into());
        // SAFETY: as the caller promises.
        unsafe { object.text("root", self.root) }
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
        object.epoch(self.has_source_date_epoch, self.source_date_epoch);
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

impl Options for layerkit_build_options {
    unsafe fn describe(&self, object: &mut Object) -> Result<()> {
        object.flag("no_cache", self.no_cache);
        object.epoch(self.has_source_date_epoch, self.source_date_epoch);
        // SAFETY: as the caller promises.
        unsafe {
            object.text("path", self.path)?;
            object.text("dockerfile", self.dockerfile)?;
            object.texts("tags", self.tags, self.tags_count)?;
            object.map("buildargs", self.buildargs, self.buildargs_count)?;
            object.text("target", self.target)?;
            object.map("labels", self.labels, self.labels_count)?;
            object.text("network", self.network)?;
            object.text("platform", self.platform)?;
            object.text("compression", self.compression)
        }
    }
}

impl Options for layerkit_unpack_options {
    unsafe fn describe(&self, object: &mut Object) -> Result<()> {
        object.flag("replace", self.replace);
        Ok(())
    }
}

impl Options for layerkit_verify_options {
    unsafe fn describe(&self, object: &mut Object) -> Result<()> {
        object.flag("repair", self.repair);
        Ok(())
    }
}
