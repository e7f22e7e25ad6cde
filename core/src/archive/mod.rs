//! Images in and out of the store as files: import, docker-archive, OCI layout, unpack.
//!
//! Knows nothing of builds or of who calls.

mod cache_mount;
mod contents;
mod import;
mod ingest;
mod load;
mod options;
mod save;
mod stream;
mod unpack;

pub use cache_mount::{export_cache, import_cache};
pub use import::{created, import};
pub use ingest::{Ingested, written};
pub use load::load;
pub use options::{
    ImportOptions, LayerCompression, LoadOptions, LoadedImage, SaveFormat, SaveOptions, Source, Target,
    UnpackOptions,
};
pub use save::save;
pub use unpack::unpack;
