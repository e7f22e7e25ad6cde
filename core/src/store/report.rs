//! What the store is asked and what it answers: plain data, the same in every language.
//!
//! Option structs read from JSON objects in snake case; unknown keys are refused, so that a typing error is never ignored.
//! Reports serialise to JSON objects. Times are RFC 3339 in UTC, sizes are bytes, IDs are `sha256:<hex>`.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

/// Which images a list shows.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct ListOptions {
    /// Also the steps of builds, which have a child and no name.
    pub all: bool,
    /// Only names of this repository or that match this pattern (`ubuntu`, `my*/app:v?`).
    pub name: Option<String>,
    /// Docker's filters, each with its values: `dangling` (`true`/`false`), `label` (`key` or `key=value`; all must hold),
    /// `before` and `since` (an image), `reference` (a pattern; any may hold).
    pub filters: BTreeMap<String, Vec<String>>,
}

/// One image in a list.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct ImageSummary {
    /// Its ID.
    pub id: String,
    /// ID of the image it was built on, or empty.
    pub parent: String,
    /// Its names, `repository:tag`, sorted.
    pub tags: Vec<String>,
    /// Its names by digest, `repository@sha256:…`, sorted.
    pub digests: Vec<String>,
    /// When it was created.
    pub created: String,
    /// The same in seconds since 1970.
    pub created_unix: i64,
    /// Size of its layers once unpacked; their stored size as long as the other is not known.
    pub size: u64,
    /// Its labels.
    pub labels: BTreeMap<String, String>,
    /// Digest of its manifest.
    pub manifest_digest: String,
    /// Its platform, `os/architecture[/variant]`.
    pub platform: String,
}

/// One line of an image's history, newest first.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct HistoryEntry {
    /// ID of the step's image, or `<missing>`.
    pub id: String,
    /// When it was created.
    pub created: String,
    /// The same in seconds since 1970.
    pub created_unix: i64,
    /// The instruction.
    pub created_by: String,
    /// Bytes of its layer; 0 for none.
    pub size: u64,
    /// Its comment.
    pub comment: String,
    /// Names of the step's image.
    pub tags: Vec<String>,
}

/// How to remove an image.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct RemoveOptions {
    /// Also when several names, or stopped containers, refer to it.
    pub force: bool,
    /// Leave parents without a name.
    pub no_prune: bool,
}

/// What a removal did.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct RemoveReport {
    /// Names that are gone, in the order they went.
    pub untagged: Vec<String>,
    /// IDs of images that are gone and, among them, the ChainIDs of the layers that went with them.
    pub deleted: Vec<String>,
}

/// What to prune.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct PruneOptions {
    /// Every image that no container uses, not only those without a name.
    pub all: bool,
    /// Report what would go, and let it stay.
    pub dry_run: bool,
    /// Docker's filters: `label` (`key` or `key=value`), `until` (RFC 3339, seconds since 1970, or an age such as `24h`).
    pub filters: BTreeMap<String, Vec<String>>,
}

/// What a prune did, or with `dry_run` would do.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct PruneReport {
    /// Names that are gone.
    pub untagged: Vec<String>,
    /// IDs of images and ChainIDs of layers that are gone.
    pub deleted: Vec<String>,
    /// IDs of containers that are gone; left out when there are none.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub containers: Vec<String>,
    /// Bytes that the disk got back.
    pub reclaimed: u64,
}

/// Something that builds keep for the next ones.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct CacheRecord {
    /// Of a step its key in the cache, of a cache mount its ID.
    pub id: String,
    /// `regular` (a step) or `exec.cachemount` (a directory of `RUN --mount=type=cache`), as BuildKit has it.
    #[serde(rename = "type")]
    pub kind: String,
    /// What the step did, or where the cache mount began.
    pub description: String,
    /// Whether an image with a name is made of it, or somebody uses it now.
    pub in_use: bool,
    /// Bytes that it alone has.
    pub size: u64,
    /// When it was made; empty where nobody knows.
    pub created: String,
    /// When it was used last.
    pub last_used: String,
}

/// What of the build cache to prune.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct CachePruneOptions {
    /// Also steps that images with a name are made of: the images stay, and a build makes the steps anew.
    pub all: bool,
    /// Report what would go, and let it stay.
    pub dry_run: bool,
    /// Docker's filters: `until` (not used since: RFC 3339, seconds since 1970, or an age such as `24h`), `id`, `type`.
    pub filters: BTreeMap<String, Vec<String>>,
    /// Bytes that may stay: what was not used for longest goes first, until no more are left.
    pub keep_storage: Option<u64>,
}

/// What the engine is and where it works.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Info {
    /// Version of layerkit.
    pub version: String,
    /// The root of the store.
    pub root: String,
    /// Version of the store's schema.
    pub schema: u32,
    /// Platform of this host.
    pub platform: String,
    /// How many images there are, steps of builds included.
    pub images: u64,
    /// How many containers there are.
    pub containers: u64,
    /// How builds run steps: `overlay`, `chroot` (a copied root and no isolation) or `none`.
    pub run_mode: String,
    /// Why not `overlay`, or empty.
    pub run_reason: String,
    /// `wal`, or `delete` where the file system (NFS) does not carry a WAL.
    pub journal: String,
}

/// Disk use of one kind of thing.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Usage {
    /// How many there are.
    pub count: u64,
    /// How many of them something uses.
    pub active: u64,
    /// Bytes on the disk.
    pub size: u64,
    /// Bytes that a prune could free.
    pub reclaimable: u64,
}

/// Disk use of the store.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct DiskUsage {
    /// Images: their blobs.
    pub images: Usage,
    /// Containers: their upper directories and logs.
    pub containers: Usage,
    /// Unpacked layers.
    pub snapshots: Usage,
    /// Steps of builds that only the cache keeps, part of `images`' blobs, and cache mounts.
    pub build_cache: Usage,
}

/// How to verify.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct VerifyOptions {
    /// Take away what is broken: images whose blobs are damaged, blobs without a row, snapshots in doubt.
    pub repair: bool,
}

/// One thing that is wrong with the store.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Problem {
    /// `blob_missing`, `blob_corrupt`, `blob_unknown`, `image_broken`, `snapshot_missing`, `snapshot_unknown`, `container_missing`,
    /// `database`.
    pub kind: String,
    /// The digest, ID or path.
    pub subject: String,
    /// What is wrong with it.
    pub message: String,
    /// Whether it was repaired.
    pub repaired: bool,
}

/// What a verification found. A store is whole when `problems` is empty.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct VerifyReport {
    /// How many blobs were read.
    pub blobs: u64,
    /// How many images were checked.
    pub images: u64,
    /// Bytes that were read.
    pub bytes: u64,
    /// What is wrong. Garbage that a prune takes away (unfinished files of a killed process) is not.
    pub problems: Vec<Problem>,
}
