//! The facade that bindings see: one store, and every operation on it.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use serde::Deserialize;

use crate::archive::{ImportOptions, LoadOptions, LoadedImage, SaveOptions, Source, Target, UnpackOptions};
use crate::build::{BuildOptions, BuildResult};
use crate::config::{self, Limits};
use crate::error::{Error, ErrorKind, Result};
use crate::store::{
    DiskUsage, HistoryEntry, ImageSummary, Info, ListOptions, PruneOptions, PruneReport, RemoveOptions,
    RemoveReport, VerifyOptions, VerifyReport,
};
use crate::task::Task;

/// How to open an engine.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct EngineOptions {
    /// The root of the store; see DESIGN.md, "The store", for what it is when none is given.
    pub root: Option<PathBuf>,
    /// Limits on layers and archives.
    pub limits: Limits,
}

/// A store and the operations on it. Cheap to clone; clones share one store and close together.
///
/// Every method may be called from any thread, and several at once, also by several processes on one root. Methods that
/// take a [`Task`] can be cancelled and send events; the others are short.
///
/// An image is given as a name (`ubuntu:16.04`), an ID, or an unambiguous prefix of one. One that is not there is
/// `not_found`; a prefix of several is `invalid_argument`.
#[derive(Clone)]
pub struct Engine(Arc<Inner>);

struct Inner {
    root: PathBuf,
    closed: AtomicBool,
}

fn not_yet<T>(engine: &Engine, what: &str) -> Result<T> {
    engine.inner()?;
    Err(Error::new(ErrorKind::Unsupported, what))
}

impl Engine {
    /// Opens the store, making it where there is none.
    ///
    /// `conflict` when another copy of this library in the same process has it open; `unsupported` when a newer version
    /// wrote it.
    pub fn open(options: &EngineOptions) -> Result<Engine> {
        let root = match &options.root {
            Some(root) => root.clone(),
            None => config::default_root()?,
        };
        crate::fs::create_dir_all(&root)?;
        Ok(Engine(Arc::new(Inner { root, closed: AtomicBool::new(false) })))
    }

    fn inner(&self) -> Result<&Inner> {
        if self.0.closed.load(Ordering::SeqCst) {
            return Err(Error::new(ErrorKind::InvalidArgument, "the engine is closed"));
        }
        Ok(&self.0)
    }

    /// Closes it: later calls fail with `invalid_argument`, those under way end as they would have. Idempotent.
    pub fn close(&self) {
        self.0.closed.store(true, Ordering::SeqCst);
    }

    /// The root of the store.
    pub fn root(&self) -> &Path {
        &self.0.root
    }

    /// The images, newest first.
    pub fn images_list(&self, options: &ListOptions) -> Result<Vec<ImageSummary>> {
        let _ = options;
        not_yet(self, "images_list")
    }

    /// One image.
    pub fn images_get(&self, image: &str) -> Result<ImageSummary> {
        not_yet(self, image)
    }

    /// Makes an image of one layer from a tar of a root file system, plain or compressed. Returns its ID.
    /// Atomic: a failure leaves no image.
    pub fn images_import(&self, source: Source, options: &ImportOptions, task: &Task) -> Result<String> {
        let _ = (source, options, task);
        not_yet(self, "images_import")
    }

    /// Loads every image of an archive: docker-archive (old and new), OCI archive, OCI layout directory, compressed or not.
    pub fn images_load(
        &self,
        source: Source,
        options: &LoadOptions,
        task: &Task,
    ) -> Result<Vec<LoadedImage>> {
        let _ = (source, options, task);
        not_yet(self, "images_load")
    }

    /// Saves images, given by name (a repository without a tag: all its tags) or ID, into one archive.
    pub fn images_save(
        &self,
        images: &[String],
        target: Target,
        options: &SaveOptions,
        task: &Task,
    ) -> Result<()> {
        let _ = (images, target, options, task);
        not_yet(self, "images_save")
    }

    /// Removes an image by name or ID, with Docker's rules and conflict texts.
    pub fn images_remove(&self, image: &str, options: &RemoveOptions) -> Result<RemoveReport> {
        let _ = (image, options);
        not_yet(self, "images_remove")
    }

    /// Removes images that nothing uses.
    pub fn images_prune(&self, options: &PruneOptions, task: &Task) -> Result<PruneReport> {
        let _ = (options, task);
        not_yet(self, "images_prune")
    }

    /// Builds a Dockerfile.
    pub fn images_build(&self, options: &BuildOptions, task: &Task) -> Result<BuildResult> {
        let _ = (options, task);
        not_yet(self, "images_build")
    }

    /// Gives an image a name; one that another image has moves.
    pub fn image_tag(&self, image: &str, name: &str) -> Result<()> {
        let _ = (image, name);
        not_yet(self, "image_tag")
    }

    /// An image's history, newest first.
    pub fn image_history(&self, image: &str) -> Result<Vec<HistoryEntry>> {
        not_yet(self, image)
    }

    /// An image in Docker's JSON shape (Engine API, "ImageInspect").
    pub fn image_inspect(&self, image: &str) -> Result<serde_json::Value> {
        not_yet(self, image)
    }

    /// Unpacks an image's file system into a directory, which appears when it is whole.
    pub fn image_unpack(
        &self,
        image: &str,
        directory: &Path,
        options: &UnpackOptions,
        task: &Task,
    ) -> Result<()> {
        let _ = (image, directory, options, task);
        not_yet(self, "image_unpack")
    }

    /// What the engine is and where it works.
    pub fn system_info(&self) -> Result<Info> {
        not_yet(self, "system_info")
    }

    /// Disk use of the store.
    pub fn system_df(&self) -> Result<DiskUsage> {
        not_yet(self, "system_df")
    }

    /// Reads the whole store and checks it; with `repair` takes away what is broken.
    pub fn system_verify(&self, options: &VerifyOptions, task: &Task) -> Result<VerifyReport> {
        let _ = (options, task);
        not_yet(self, "system_verify")
    }

    /// Prunes images, stopped containers, build cache, snapshots and garbage.
    pub fn system_prune(&self, options: &PruneOptions, task: &Task) -> Result<PruneReport> {
        let _ = (options, task);
        not_yet(self, "system_prune")
    }
}
