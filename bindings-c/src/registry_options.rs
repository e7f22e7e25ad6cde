//! The option structs of operations on registries. Like those of the store, each becomes the JSON object that the core's
//! option struct of the same name reads.

use std::ffi::c_char;

use layerkit::Result;

use crate::arguments::Versioned;
use crate::object::{Object, Options};
use crate::options::layerkit_pair;

/// Credentials given with a call. They beat everything that is stored. Set a user name and a password, or one of the tokens.
#[derive(Clone, Copy)]
#[repr(C)]
pub struct layerkit_auth {
    /// `sizeof(layerkit_auth)`: set by `LAYERKIT_AUTH_INIT`.
    pub size: usize,
    /// Name of the user, or NULL.
    pub username: *const c_char,
    /// Password, or a personal access token; or NULL.
    pub password: *const c_char,
    /// A refresh token of the registry's token service, in place of a password; or NULL.
    pub identity_token: *const c_char,
    /// A bearer token that is sent as it is, or NULL.
    pub registry_token: *const c_char,
}

/// How to pull.
#[derive(Clone, Copy)]
#[repr(C)]
pub struct layerkit_pull_options {
    /// `sizeof(layerkit_pull_options)`: set by `LAYERKIT_PULL_OPTIONS_INIT`.
    pub size: usize,
    /// Which image of an index, `os/architecture[/variant]`; NULL: the host's.
    pub platform: *const c_char,
    /// Non-zero: every tag of the repository; the name has no tag then.
    pub all_tags: u8,
    /// Non-zero: the whole index, with the images of its other platforms, so that a push sends all of it.
    pub all_platforms: u8,
    /// The digest that the name must lead to, `sha256:…`: of the manifest or of the index; or NULL. Anything else is
    /// `digest_mismatch`, and nothing is kept.
    pub expect: *const c_char,
    /// How many layers come at once; 0: the engine's `registry_concurrency`.
    pub concurrency: u32,
    /// Credentials for this call, or NULL: those that are stored.
    pub auth: *const layerkit_auth,
}

/// How to push.
#[derive(Clone, Copy)]
#[repr(C)]
pub struct layerkit_push_options {
    /// `sizeof(layerkit_push_options)`: set by `LAYERKIT_PUSH_OPTIONS_INIT`.
    pub size: usize,
    /// Of an index, the image of this platform alone. NULL: the whole index if all of it is here.
    pub platform: *const c_char,
    /// Non-zero: every tag of the repository that is here; the name has no tag then.
    pub all_tags: u8,
    /// How many layers go at once; 0: the engine's `registry_concurrency`.
    pub concurrency: u32,
    /// Bytes of one request, for registries that refuse large ones. 0: a layer goes in one request, or in smaller ones once
    /// the registry refused that.
    pub chunk_size: u64,
    /// Credentials for this call, or NULL: those that are stored.
    pub auth: *const layerkit_auth,
}

/// How to search.
#[derive(Clone, Copy)]
#[repr(C)]
pub struct layerkit_search_options {
    /// `sizeof(layerkit_search_options)`: set by `LAYERKIT_SEARCH_OPTIONS_INIT`.
    pub size: usize,
    /// At most so many, 1 to 100; 0: 25.
    pub limit: u32,
    /// Docker's filters, a key as often as it has values: `stars` (at least), `is-official` and `is-automated` (`true`,
    /// `false`).
    pub filters: *const layerkit_pair,
    /// How many `filters` there are.
    pub filters_count: usize,
    /// Credentials for this call, or NULL: those that are stored.
    pub auth: *const layerkit_auth,
}

/// How to log in. Without a user name and an identity token: with what is stored.
#[derive(Clone, Copy)]
#[repr(C)]
pub struct layerkit_login_options {
    /// `sizeof(layerkit_login_options)`: set by `LAYERKIT_LOGIN_OPTIONS_INIT`.
    pub size: usize,
    /// Name of the user, or NULL.
    pub username: *const c_char,
    /// Password, or a personal access token; or NULL.
    pub password: *const c_char,
    /// A refresh token in place of both, or NULL.
    pub identity_token: *const c_char,
}

/// How to ask a registry something that takes nothing but credentials.
#[derive(Clone, Copy)]
#[repr(C)]
pub struct layerkit_registry_options {
    /// `sizeof(layerkit_registry_options)`: set by `LAYERKIT_REGISTRY_OPTIONS_INIT`.
    pub size: usize,
    /// Credentials for this call, or NULL: those that are stored.
    pub auth: *const layerkit_auth,
}

/// Which tags to list.
#[derive(Clone, Copy)]
#[repr(C)]
pub struct layerkit_tags_options {
    /// `sizeof(layerkit_tags_options)`: set by `LAYERKIT_TAGS_OPTIONS_INIT`.
    pub size: usize,
    /// At most so many; 0: all.
    pub limit: u32,
    /// Only those behind this one, in the registry's order: the last of the page before; or NULL.
    pub last: *const c_char,
    /// Credentials for this call, or NULL: those that are stored.
    pub auth: *const layerkit_auth,
}

/// Which manifest to read.
#[derive(Clone, Copy)]
#[repr(C)]
pub struct layerkit_manifest_options {
    /// `sizeof(layerkit_manifest_options)`: set by `LAYERKIT_MANIFEST_OPTIONS_INIT`.
    pub size: usize,
    /// Of an index, the manifest of this platform; NULL: the index itself.
    pub platform: *const c_char,
    /// Credentials for this call, or NULL: those that are stored.
    pub auth: *const layerkit_auth,
}

/// Which referrers to list.
#[derive(Clone, Copy)]
#[repr(C)]
pub struct layerkit_referrers_options {
    /// `sizeof(layerkit_referrers_options)`: set by `LAYERKIT_REFERRERS_OPTIONS_INIT`.
    pub size: usize,
    /// Only those of this type, or NULL: all.
    pub artifact_type: *const c_char,
    /// Credentials for this call, or NULL: those that are stored.
    pub auth: *const layerkit_auth,
}

/// How to copy from registry to registry.
#[derive(Clone, Copy)]
#[repr(C)]
pub struct layerkit_copy_options {
    /// `sizeof(layerkit_copy_options)`: set by `LAYERKIT_COPY_OPTIONS_INIT`.
    pub size: usize,
    /// Of an index, the image of this platform alone; NULL: the whole index.
    pub platform: *const c_char,
    /// Non-zero: also what refers to it (signatures, bills of materials), and what refers to those.
    pub referrers: u8,
    /// How many blobs go at once; 0: the engine's `registry_concurrency`.
    pub concurrency: u32,
    /// Bytes of one request, for registries that refuse large ones. 0: a layer goes in one request, or in smaller ones once
    /// the registry refused that.
    pub chunk_size: u64,
    /// Credentials for the source, or NULL: those that are stored.
    pub source_auth: *const layerkit_auth,
    /// Credentials for the destination, or NULL: those that are stored.
    pub destination_auth: *const layerkit_auth,
}

// SAFETY: every struct here is repr(C) and begins with its size, and zero is valid for every other field.
unsafe impl Versioned for layerkit_auth {}
// SAFETY: as above.
unsafe impl Versioned for layerkit_pull_options {}
// SAFETY: as above.
unsafe impl Versioned for layerkit_push_options {}
// SAFETY: as above.
unsafe impl Versioned for layerkit_search_options {}
// SAFETY: as above.
unsafe impl Versioned for layerkit_login_options {}
// SAFETY: as above.
unsafe impl Versioned for layerkit_registry_options {}
// SAFETY: as above.
unsafe impl Versioned for layerkit_tags_options {}
// SAFETY: as above.
unsafe impl Versioned for layerkit_manifest_options {}
// SAFETY: as above.
unsafe impl Versioned for layerkit_referrers_options {}
// SAFETY: as above.
unsafe impl Versioned for layerkit_copy_options {}

impl Options for layerkit_auth {
    unsafe fn describe(&self, object: &mut Object) -> Result<()> {
        // SAFETY: as the caller promises.
        unsafe {
            object.text("username", self.username)?;
            object.text("password", self.password)?;
            object.text("identity_token", self.identity_token)?;
            object.text("registry_token", self.registry_token)
        }
    }
}

impl Options for layerkit_pull_options {
    unsafe fn describe(&self, object: &mut Object) -> Result<()> {
        object.flag("all_tags", self.all_tags);
        object.flag("all_platforms", self.all_platforms);
        object.number("concurrency", self.concurrency);
        // SAFETY: as the caller promises.
        unsafe {
            object.text("platform", self.platform)?;
            object.text("expect", self.expect)?;
            object.object("auth", self.auth)
        }
    }
}

impl Options for layerkit_push_options {
    unsafe fn describe(&self, object: &mut Object) -> Result<()> {
        object.flag("all_tags", self.all_tags);
        object.number("concurrency", self.concurrency);
        object.number("chunk_size", self.chunk_size);
        // SAFETY: as the caller promises.
        unsafe {
            object.text("platform", self.platform)?;
            object.object("auth", self.auth)
        }
    }
}

impl Options for layerkit_search_options {
    unsafe fn describe(&self, object: &mut Object) -> Result<()> {
        object.number("limit", self.limit);
        // SAFETY: as the caller promises.
        unsafe {
            object.lists("filters", self.filters, self.filters_count)?;
            object.object("auth", self.auth)
        }
    }
}

impl Options for layerkit_login_options {
    unsafe fn describe(&self, object: &mut Object) -> Result<()> {
        // SAFETY: as the caller promises.
        unsafe {
            object.text("username", self.username)?;
            object.text("password", self.password)?;
            object.text("identity_token", self.identity_token)
        }
    }
}

impl Options for layerkit_registry_options {
    unsafe fn describe(&self, object: &mut Object) -> Result<()> {
        // SAFETY: as the caller promises.
        unsafe { object.object("auth", self.auth) }
    }
}

impl Options for layerkit_tags_options {
    unsafe fn describe(&self, object: &mut Object) -> Result<()> {
        object.number("limit", self.limit);
        // SAFETY: as the caller promises.
        unsafe {
            object.text("last", self.last)?;
            object.object("auth", self.auth)
        }
    }
}

impl Options for layerkit_manifest_options {
    unsafe fn describe(&self, object: &mut Object) -> Result<()> {
        // SAFETY: as the caller promises.
        unsafe {
            object.text("platform", self.platform)?;
            object.object("auth", self.auth)
        }
    }
}

impl Options for layerkit_referrers_options {
    unsafe fn describe(&self, object: &mut Object) -> Result<()> {
        // SAFETY: as the caller promises.
        unsafe {
            object.text("artifact_type", self.artifact_type)?;
            object.object("auth", self.auth)
        }
    }
}

impl Options for layerkit_copy_options {
    unsafe fn describe(&self, object: &mut Object) -> Result<()> {
        object.flag("referrers", self.referrers);
        object.number("concurrency", self.concurrency);
        object.number("chunk_size", self.chunk_size);
        // SAFETY: as the caller promises.
        unsafe {
            object.text("platform", self.platform)?;
            object.object("source_auth", self.source_auth)?;
            object.object("destination_auth", self.destination_auth)
        }
    }
}
