//! Images in and out of the store as files: import, docker-archive, OCI layout, unpack, and a look at the files in them.
//!
//! Knows nothing of builds or of who calls.

mod cache_mount;
mod contents;
mod export;
mod files;
mod import;
mod ingest;
mod load;
mod merged;
mod options;
mod pack;
mod save;
mod stream;
mod unpack;

pub use cache_mount::{export_cache, import_cache};
pub use export::{FileSystem, export_directory, export_tar};
pub use files::{
    ChangeKind, FileChange, FileContent, FileKind, FilesOptions, ImageDiffOptions, ImageFile, diff, list,
    open, read,
};
pub use import::{created, import};
pub use ingest::{Ingested, Written, finish, written};
pub use load::{load, load_layout};
pub use merged::{Merged, lay, merge};
pub use options::{
    ImportOptions, LayerCompression, LoadOptions, LoadedImage, SaveFormat, SaveOptions, Source, Target,
    UnpackOptions,
};
pub use pack::{Package, WholeIndex, pack};
pub use save::save;
pub use stream::{Sink, open_source};
pub use unpack::unpack;
