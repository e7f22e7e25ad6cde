//! Layers: tar in, tar out. Reading, applying, comparing and writing them, and the merged view of a stack of them.
//!
//! Knows nothing of images or of the store; it is handed streams and directories.

mod apply;
mod compression;
mod copied;
mod decode;
mod diff;
mod entry;
mod gzip;
mod header;
mod overlaid;
mod overlay;
mod pax;
mod pipe;
mod place;
mod read;
mod rooted;
mod same;
mod sparse;
mod stubs;
mod tarout;
mod toc;
mod tree;
mod writer;
mod xattr;

pub use apply::{apply_at, apply_flat};
pub use compression::{Compression, decoder};
pub use copied::{Stamps, copy_root};
pub use diff::{Differing, diff, diff_copied, diff_overlay};
pub use entry::{Entry, EntryKind, Timestamp, Whiteout};
pub use overlaid::{Overlaid, Place};
pub use overlay::apply_overlay;
pub use pipe::{Sender, beside};
pub use read::{TarReader, begins_tar};
pub use same::Lower;
pub use stubs::remove_stubs;
pub use tarout::TarWriter;
pub use toc::{Toc, scan};
pub use tree::{Node, Tree};
pub use writer::{LayerBlob, LayerWriter};

#[cfg(test)]
mod tests;
