//! What is asked about the files of an image, and what is answered: plain data, the same in every language.
//!
//! Names in an image are bytes; the JSON of a report has U+FFFD for what is not UTF-8.

use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize, Serializer};

/// Which files of an image to list.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct FilesOptions {
    /// Where to begin; `/` when none is given. Links on the way are followed inside the image.
    pub path: PathBuf,
    /// All that is below, and not only what a directory itself has. On by default.
    pub recursive: bool,
    /// Begin at what `path` leads to when it is a symlink, and not at the link. On by default.
    pub follow: bool,
}

impl Default for FilesOptions {
    fn default() -> Self {
        FilesOptions { path: PathBuf::from("/"), recursive: true, follow: true }
    }
}

/// What a file is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
#[allow(missing_docs)] // the names are those of stat(2)
pub enum FileKind {
    File,
    Directory,
    Symlink,
    CharDevice,
    BlockDevice,
    Fifo,
}

/// One file of an image, by one of its names.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct ImageFile {
    /// Its path in the image, absolute and with no link on the way.
    #[serde(serialize_with = "text")]
    pub path: PathBuf,
    /// What it is: `file`, `directory`, `symlink`, `char_device`, `block_device` or `fifo`.
    #[serde(rename = "type")]
    pub kind: FileKind,
    /// Permission bits with setuid, setgid and sticky: at most 07777.
    pub mode: u32,
    /// Its owner.
    pub uid: u32,
    /// Its group.
    pub gid: u32,
    /// Bytes of a file, holes included, or of a symlink's text; 0 for anything else.
    pub size: u64,
    /// When its content was changed last, in seconds since 1970.
    pub mtime: i64,
    /// Nanoseconds to be added to that.
    pub mtime_nanoseconds: u32,
    /// How many names of the image lead to it (hard links); 1 for a directory.
    pub links: u64,
    /// The text of a symlink.
    #[serde(serialize_with = "optional_text")]
    pub target: Option<PathBuf>,
    /// Major and minor number of a device.
    pub device: Option<(u32, u32)>,
    /// Digest of the layer that put this name here; nothing for the root of an image without layers.
    pub layer: Option<String>,
}

/// What counts as a change.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct ImageDiffOptions {
    /// The time of the last change, too.
    pub mtime: bool,
}

/// How a path of one file system stands to the other.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum ChangeKind {
    /// It is new.
    Added,
    /// It is another.
    Changed,
    /// It is gone.
    Deleted,
}

/// One difference between two file systems.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct FileChange {
    /// The path, absolute.
    #[serde(serialize_with = "text")]
    pub path: PathBuf,
    /// `added`, `changed` or `deleted`.
    pub kind: ChangeKind,
}

fn text<S: Serializer>(path: &Path, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_str(&path.display())
}

fn optional_text<S: Serializer>(path: &Option<PathBuf>, serializer: S) -> Result<S::Ok, S::Error> {
    match path {
        Some(path) => text(path, serializer),
        None => serializer.serialize_none(),
    }
}
