//! What a build is asked and what it answers.

use std::collections::BTreeMap;
use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use crate::archive::LayerCompression;

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
    /// The context: the directory that COPY and ADD read.
    pub path: PathBuf,
    /// The Dockerfile: a path, relative to the context unless absolute. `Dockerfile` in the context when none is given.
    pub dockerfile: Option<PathBuf>,
    /// Names of the image, `repository[:tag]`.
    pub tags: Vec<String>,
    /// Values of ARGs.
    pub buildargs: BTreeMap<String, String>,
    /// The stage to build: its name, or its number from 0. The last when none is given.
    pub target: Option<String>,
    /// Labels added to the image.
    pub labels: BTreeMap<String, String>,
    /// Take no step from the cache.
    pub no_cache: bool,
    /// The network of RUN steps.
    pub network: BuildNetwork,
    /// `os/architecture[/variant]`; the host's when none is given.
    pub platform: Option<String>,
    /// How new layers are compressed.
    pub compression: LayerCompression,
    /// Seconds since 1970 for everything new in the image; `SOURCE_DATE_EPOCH` when none is given, or else the clock.
    pub source_date_epoch: Option<i64>,
}

/// What a build made.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct BuildResult {
    /// ID of the image.
    pub id: String,
    /// The names it got, as Docker shows them.
    pub tags: Vec<String>,
}
