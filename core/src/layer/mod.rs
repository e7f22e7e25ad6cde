//! Layers: tar in, tar out. Reading, applying, comparing and writing them, and the merged view of a stack of them.
//!
//! Knows nothing of images or of the store; it is handed streams and directories.

mod compression;
mod gzip;
mod writer;

pub use compression::{Compression, decoder};
pub use writer::{LayerBlob, LayerWriter};
