//! Where archives come from and go to, and how.

use std::io::{Read, Write};
use std::os::fd::OwnedFd;
use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use crate::layer::Compression;

/// Where bytes come from.
pub enum Source {
    /// A file; for `load` also a directory that is an OCI layout.
    Path(PathBuf),
    /// A descriptor (pipe, socket, file), read from where it stands. Waits on it end when the task is cancelled.
    Fd(OwnedFd),
    /// Anything that reads. A cancel takes effect between two reads.
    Stream(Box<dyn Read + Send>),
}

/// Where bytes go.
pub enum Target {
    /// A file, which appears when it is whole; for the format `oci-dir` a directory.
    Path(PathBuf),
    /// A descriptor, written from where it stands. Waits on it end when the task is cancelled.
    Fd(OwnedFd),
    /// Anything that writes.
    Stream(Box<dyn Write + Send>),
}

/// How new layers are compressed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum LayerCompression {
    /// gzip, level 1, the same bytes on every machine.
    #[default]
    Gzip,
    /// zstd, level 3.
    Zstd,
    /// As they are.
    None,
}

impl From<LayerCompression> for Compression {
    fn from(compression: LayerCompression) -> Self {
        match compression {
            LayerCompression::Gzip => Compression::Gzip,
            LayerCompression::Zstd => Compression::Zstd,
            LayerCompression::None => Compression::None,
        }
    }
}

/// How to import a root file system.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct ImportOptions {
    /// The name of the image, `repository[:tag]`.
    pub name: Option<String>,
    /// Dockerfile instructions that set the config: CMD ENTRYPOINT ENV EXPOSE HEALTHCHECK LABEL ONBUILD STOPSIGNAL USER
    /// VOLUME WORKDIR.
    pub changes: Vec<String>,
    /// The comment in the image's history; Docker's `Imported from -` when none is given.
    pub message: Option<String>,
    /// `os/architecture[/variant]`; the host's when none is given.
    pub platform: Option<String>,
    /// How the layer is stored. When none is given it is kept as it comes: plain, gzip or zstd. One that comes as bzip2 or
    /// xz, which no image may have, is stored as gzip then.
    pub compression: Option<LayerCompression>,
    /// Seconds since 1970 for `created`; `SOURCE_DATE_EPOCH`, or else now, when none is given.
    pub source_date_epoch: Option<i64>,
}

/// How to load an archive.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct LoadOptions {}

/// An image that was loaded.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct LoadedImage {
    /// Its ID.
    pub id: String,
    /// Its names in the archive, `repository:tag`.
    pub tags: Vec<String>,
}

/// What kind of archive to write.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum SaveFormat {
    /// One tar that is both an OCI layout and a docker-archive: docker, podman and skopeo all load it.
    #[default]
    Docker,
    /// A tar that is an OCI layout only.
    OciArchive,
    /// A directory that is an OCI layout; blobs are hard links where the file system allows.
    OciDir,
}

/// How to save images.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct SaveOptions {
    /// The kind of archive.
    pub format: SaveFormat,
}

/// How to unpack an image.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct UnpackOptions {
    /// Replace a directory that is there. Without it `already_exists`.
    pub replace: bool,
}
