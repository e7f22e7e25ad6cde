//! Images in and out of the store as files: import, docker-archive, OCI layout, unpack.
//!
//! Knows nothing of builds or of who calls.

mod contents;
mod import;
mod ingest;
mod load;
mod options;
mod save;
mod stream;
mod unpack;

pub use import::{created, import};
pub use ingest::{Ingested, written};
pub use load::{load, load_layout};
pub use options::{
    ImportOptions, LayerCompression, LoadOptions, LoadedImage, SaveFormat, SaveOptions, Source, Target,
    UnpackOptions,
};
pub use save::save;
pub use stream::open_source;
pub use unpack::unpack;
