//! An image as a file system, from its layers' tables of contents: listed, read and compared, and never unpacked.
//!
//! A table is made once for a layer and kept in the database. Only the content of a file needs the layer itself.

mod changes;
mod content;
mod list;
mod report;

use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

pub use changes::diff;
pub use content::{FileContent, open, read};
pub use list::list;
pub use report::{ChangeKind, FileChange, FileKind, FilesOptions, ImageDiffOptions, ImageFile};

use super::merged::{layers_of, merge};
use crate::error::{Error, ErrorKind, Result, ResultExt};
use crate::layer::{Node, Tree};
use crate::store::{Lease, Store, StoredLayer};
use crate::task::Task;

/// The file system of an image.
struct View<'a> {
    /// What the image was asked for by.
    image: &'a str,
    /// Its layers, lowest first.
    layers: Vec<StoredLayer>,
    /// Their merged view, made with the numbers of the layers in the list.
    tree: Tree,
}

impl<'a> View<'a> {
    /// Looks an image up and merges its layers, which stay as long as the lease does.
    fn open(store: &Store, image: &'a str, lease: &Lease<'_>, task: &Task) -> Result<View<'a>> {
        let layers = layers_of(store, image, lease)?;
        let tree = merge(store, &layers, task).context(|| format!("image {image}"))?;
        Ok(View { image, layers, tree })
    }

    /// What is at a path. Links on the way are followed inside the image, and so is the last component with `follow`, or where
    /// the path ends with a slash. `not_found`; `invalid_image` for more than 40 links.
    fn find(&self, path: &Path, follow: bool) -> Result<&Node> {
        let follow = follow || path.as_os_str().as_bytes().ends_with(b"/");
        let place = self.tree.resolve(path, follow).context(|| format!("image {}", self.image))?;
        self.tree.get(&place).ok_or_else(|| {
            let mut message = format!("no such file or directory in image {}: {}", self.image, shown(path));
            // A link to nothing is there itself.
            if absolute(path) != absolute(&place) {
                message += &format!(" (it leads to {})", shown(&place));
            }
            Error::new(ErrorKind::NotFound, message)
        })
    }

    fn layer(&self, number: u32) -> Result<&StoredLayer> {
        let layer = self.layers.get(number as usize);
        layer.ok_or_else(|| Error::new(ErrorKind::Internal, "a layer has no number"))
    }
}

/// A path as it is named from the root.
fn absolute(path: &Path) -> PathBuf {
    Path::new("/").join(path)
}

/// An absolute path for messages: names in an image may have anything in them.
fn shown(path: &Path) -> String {
    let text = absolute(path).to_string_lossy().into_owned();
    text.chars().map(|c| if c.is_control() { '\u{fffd}' } else { c }).collect()
}
