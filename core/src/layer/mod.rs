//! Layers: tar in, tar out. Reading, applying, comparing and writing them, and the merged view of a stack of them.
//!
//! Knows nothing of images or of the store; it is handed streams and directories.

mod apply;
mod compression;
mod diff;
mod entry;
mod gzip;
mod header;
mod pax;
mod read;
mod tarout;
mod toc;
mod tree;
mod writer;

pub use apply::{apply_flat, apply_overlay};
pub use compression::{Compression, decoder};
pub use diff::diff_overlay;
pub use entry::{Entry, EntryKind, Timestamp, Whiteout};
pub use read::TarReader;
pub use tarout::TarWriter;
pub use toc::{Toc, scan};
pub use tree::{Node, Tree};
pub use writer::{LayerBlob, LayerWriter};

#[cfg(test)]
mod tests;
