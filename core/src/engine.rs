//! The facade that bindings see: one store, and every operation on it.

mod containers;

use std::path::{Path, PathBuf};
use std::sync::{Arc, RwLock};

use serde::Deserialize;

use crate::archive::{
    self, FileChange, FileContent, FilesOptions, ImageDiffOptions, ImageFile, ImportOptions, LoadOptions,
    LoadedImage, SaveOptions, Source, Target, UnpackOptions,
};
use crate::build::{self, BuildInputs, BuildOptions, BuildResult};
use crate::config::{self, Isolation, Limits, RegistryConfig};
use crate::error::{Error, ErrorKind, Result};
use crate::reference::Reference;
use crate::registry::{
    self, CopyOptions, CopyReport, LoginOptions, LoginReport, LogoutReport, ManifestOptions, ManifestReport,
    PingReport, PullOptions, PulledImage, PushOptions, PushedImage, ReferrersOptions, RegistryOptions,
    SearchOptions, SearchResult, TagsOptions,
};
use crate::spec::Descriptor;
use crate::store::{
    CachePruneOptions, CacheRecord, DiskUsage, HistoryEntry, ImageSummary, Info, ListOptions, PruneOptions,
    PruneReport, RemoveOptions, RemoveReport, Store, VerifyOptions, VerifyReport,
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
    /// How registries are reached.
    pub registry: RegistryConfig,
    /// How the commands of builds are run; `LAYERKIT_ISOLATION`, or else what works here, when nothing is given.
    pub isolation: Option<Isolation>,
}

/// A store and the operations on it. Cheap to clone; clones share one store and close together.
///
/// Every method may be called from any thread, and several at once, also by several processes on one root. Methods that
/// take a [`Task`] can be cancelled and send events; the others are short.
///
/// An image is given as a name (`ubuntu:16.04`), an ID, or an unambiguous prefix of one. One that is not there is
/// `not_found`; a prefix of several is `invalid_argument`. A process that was forked from the one that opened the engine
/// gets `conflict`.
#[derive(Clone)]
pub struct Engine(Arc<Inner>);

struct Inner {
    root: PathBuf,
    registry: RegistryConfig,
    /// Operations under way hold a store of their own, so that closing never pulls it from under them.
    store: RwLock<Option<Arc<Store>>>,
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
        let isolation = match options.isolation {
            Some(isolation) => Some(isolation),
            None => config::isolation()?,
        };
        let store = Store::open(&root, options.limits.clone())?.isolated_by(isolation);
        let root = store.root().to_owned();
        let registry = options.registry.clone();
        Ok(Engine(Arc::new(Inner { root, registry, store: RwLock::new(Some(Arc::new(store))) })))
    }

    fn store(&self) -> Result<Arc<Store>> {
        let guard = self.0.store.read().unwrap_or_else(|poisoned| poisoned.into_inner());
        let store =
            guard.clone().ok_or_else(|| Error::new(ErrorKind::InvalidArgument, "the engine is closed"))?;
        store.check_process()?;
        Ok(store)
    }

    /// The store, for an operation that this task can cancel: one that is cancelled already does nothing.
    fn store_for(&self, task: &Task) -> Result<Arc<Store>> {
        let store = self.store()?;
        task.check()?;
        Ok(store)
    }

    fn registry(&self) -> &RegistryConfig {
        &self.0.registry
    }

    /// Closes it: later calls fail with `invalid_argument`, those under way end as they would have. Idempotent.
    pub fn close(&self) {
        self.0.store.write().unwrap_or_else(|poisoned| poisoned.into_inner()).take();
    }

    /// The root of the store, absolute.
    pub fn root(&self) -> &Path {
        &self.0.root
    }

    /// The images, newest first.
    pub fn images_list(&self, options: &ListOptions) -> Result<Vec<ImageSummary>> {
        self.store()?.list(options)
    }

    /// One image.
    pub fn images_get(&self, image: &str) -> Result<ImageSummary> {
        self.store()?.get(image)
    }

    /// Makes an image of one layer from a tar of a root file system, plain or compressed. Returns its ID.
    /// Atomic: a failure leaves no image.
    pub fn images_import(&self, source: Source, options: &ImportOptions, task: &Task) -> Result<String> {
        archive::import(&*self.store_for(task)?, source, options, task).map(|id| id.to_string())
    }

    /// Loads every image of an archive: docker-archive (old and new), OCI archive, OCI layout directory, compressed or not.
    /// Atomic: a failure leaves none of them.
    pub fn images_load(
        &self,
        source: Source,
        options: &LoadOptions,
        task: &Task,
    ) -> Result<Vec<LoadedImage>> {
        archive::load(&*self.store_for(task)?, source, options, task)
    }

    /// Saves images, given by name (a repository without a tag: all its tags) or ID, into one archive.
    /// Atomic for a path: a failure leaves what was there.
    pub fn images_save(
        &self,
        images: &[String],
        target: Target,
        options: &SaveOptions,
        task: &Task,
    ) -> Result<()> {
        archive::save(&*self.store_for(task)?, images, target, options, task)
    }

    /// Removes an image by name or ID, with Docker's rules and conflict texts. Atomic.
    pub fn images_remove(&self, image: &str, options: &RemoveOptions) -> Result<RemoveReport> {
        self.store()?.remove(image, options)
    }

    /// Removes images that nothing uses.
    pub fn images_prune(&self, options: &PruneOptions, task: &Task) -> Result<PruneReport> {
        self.store_for(task)?.prune_images(options, task)
    }

    /// Builds a Dockerfile. What was done before a failing step stays, and the next build takes it from the cache.
    pub fn images_build(
        &self,
        options: &BuildOptions,
        inputs: BuildInputs,
        task: &Task,
    ) -> Result<BuildResult> {
        build::build(&*self.store_for(task)?, &self.0.registry, options, inputs, task)
    }

    /// What builds keep for the next ones: steps and cache mounts, what was used last first.
    pub fn build_cache_list(&self) -> Result<Vec<CacheRecord>> {
        self.store()?.cache_list()
    }

    /// Removes of the build cache what is asked and not in use.
    pub fn build_cache_prune(&self, options: &CachePruneOptions, task: &Task) -> Result<PruneReport> {
        self.store_for(task)?.prune_cache(options, task)
    }

    /// Writes the cache mount of this ID (`RUN --mount=type=cache`) as a plain tar. Atomic for a path. `not_found` when there is
    /// none, `conflict` while a step uses it.
    pub fn build_cache_export(&self, id: &str, target: Target, task: &Task) -> Result<()> {
        archive::export_cache(&*self.store_for(task)?, id, target, task)
    }

    /// Makes what is in a tar, plain or compressed, the cache mount of this ID, in place of what there was. Atomic. `conflict` while a
    /// step uses it, `invalid_argument` for what is no tar.
    pub fn build_cache_import(&self, id: &str, source: Source, task: &Task) -> Result<()> {
        archive::import_cache(&*self.store_for(task)?, id, source, task)
    }

    /// Pulls an image, or with `all_tags` every tag of a repository. What is here already is not fetched; what a pull that was
    /// cut off left is taken up. Atomic for each name: a failure leaves the name as it was.
    ///
    /// `unauthorized`, `denied`, `not_found`, `rate_limited`, `network`, `timeout` with `status`, `registry_code`, `host` and
    /// `repository`; `digest_mismatch` for bytes that are not what their digest says; `unsupported` for schema 1.
    pub fn images_pull(&self, name: &str, options: &PullOptions, task: &Task) -> Result<Vec<PulledImage>> {
        registry::pull(&*self.store_for(task)?, &self.0.registry, name, options, task)
    }

    /// Pushes a name, or with `all_tags` every tag of a repository that is here. The manifest goes last: a failure leaves the
    /// registry's name as it was. The digest pushed is the digest stored, unless layers are stored uncompressed: they are
    /// compressed for it, and the manifest is another.
    pub fn images_push(&self, name: &str, options: &PushOptions, task: &Task) -> Result<Vec<PushedImage>> {
        registry::push(&*self.store_for(task)?, &self.0.registry, name, options, task)
    }

    /// Searches Docker Hub, or the host that the term begins with.
    pub fn images_search(
        &self,
        term: &str,
        options: &SearchOptions,
        task: &Task,
    ) -> Result<Vec<SearchResult>> {
        self.store_for(task)?;
        registry::search(&self.0.registry, term, options, task)
    }

    /// Pushes every name that an image has; `invalid_argument` when it has none.
    pub fn image_push(&self, image: &str, options: &PushOptions, task: &Task) -> Result<Vec<PushedImage>> {
        registry::push_image(&*self.store_for(task)?, &self.0.registry, image, options, task)
    }

    /// Checks credentials with a registry and stores them where Docker does. An empty `server` is Docker Hub.
    pub fn registry_login(&self, server: &str, options: &LoginOptions, task: &Task) -> Result<LoginReport> {
        self.store_for(task)?;
        registry::login(&self.0.registry, server, options, task)
    }

    /// Forgets the credentials of a registry. An empty `server` is Docker Hub. Idempotent.
    pub fn registry_logout(&self, server: &str, task: &Task) -> Result<LogoutReport> {
        self.store_for(task)?;
        registry::logout(&self.0.registry, server, task)
    }

    /// Asks a registry whether it is there and speaks the distribution protocol. An empty `server` is Docker Hub.
    pub fn registry_ping(&self, server: &str, options: &RegistryOptions, task: &Task) -> Result<PingReport> {
        self.store_for(task)?;
        registry::ping(&self.0.registry, server, options, task)
    }

    /// The tags of a repository, in the registry's order.
    pub fn registry_tags(&self, repository: &str, options: &TagsOptions, task: &Task) -> Result<Vec<String>> {
        self.store_for(task)?;
        registry::tags(&self.0.registry, repository, options, task)
    }

    /// A manifest or index, as the registry has it, checked against its digest.
    pub fn registry_manifest(
        &self,
        name: &str,
        options: &ManifestOptions,
        task: &Task,
    ) -> Result<ManifestReport> {
        self.store_for(task)?;
        registry::manifest(&self.0.registry, name, options, task)
    }

    /// Descriptors of what refers to a manifest: by the referrers API, or the fallback tag where the registry has none.
    pub fn registry_referrers(
        &self,
        name: &str,
        options: &ReferrersOptions,
        task: &Task,
    ) -> Result<Vec<Descriptor>> {
        self.store_for(task)?;
        registry::referrers(&self.0.registry, name, options, task)
    }

    /// Copies an image or a whole index from one name to another, without keeping it here: blobs stream from registry to
    /// registry, or are mounted within one.
    pub fn registry_copy(
        &self,
        source: &str,
        destination: &str,
        options: &CopyOptions,
        task: &Task,
    ) -> Result<CopyReport> {
        self.store_for(task)?;
        registry::copy(&self.0.registry, source, destination, options, task)
    }

    /// Deletes a tag, or by digest a manifest with all its tags. `unsupported` where the registry does not let that be.
    pub fn registry_delete(&self, name: &str, options: &RegistryOptions, task: &Task) -> Result<()> {
        self.store_for(task)?;
        registry::delete(&self.0.registry, name, options, task)
    }

    /// Gives an image a name; one that another image has moves. Atomic.
    pub fn image_tag(&self, image: &str, name: &str) -> Result<()> {
        let name = Reference::for_tagging(name)?;
        let store = self.store()?;
        store.db().write(|db| {
            let (record, manifest, old) = store.manifest_of(db, image)?;
            let via = match old {
                Some(old) => store.index_of(db, &old)?.map(|index| index.digest),
                None => store.only_index(db, record.id, manifest)?,
            };
            store.set_name(db, &name, record.id, manifest, via).map(drop)
        })
    }

    /// An image's history, newest first.
    pub fn image_history(&self, image: &str) -> Result<Vec<HistoryEntry>> {
        self.store()?.history(image)
    }

    /// An image in Docker's JSON shape (Engine API, "ImageInspect").
    pub fn image_inspect(&self, image: &str) -> Result<serde_json::Value> {
        self.store()?.inspect(image)
    }

    /// Unpacks an image's file system into a directory, which appears when it is whole.
    pub fn image_unpack(
        &self,
        image: &str,
        directory: &Path,
        options: &UnpackOptions,
        task: &Task,
    ) -> Result<()> {
        archive::unpack(&*self.store_for(task)?, image, directory, options, task)
    }

    /// Lists a path of an image's file system and what is below it: each directory before what it holds, names sorted. From the
    /// layers' tables of contents alone; nothing is unpacked. `not_found` for a path that is not there.
    pub fn image_files(&self, image: &str, options: &FilesOptions, task: &Task) -> Result<Vec<ImageFile>> {
        archive::list(&*self.store_for(task)?, image, options, task)
    }

    /// Opens a regular file of an image, links followed inside the image, to be read as its layer is decompressed. The task's cancel ends
    /// reading too; closing the engine does not.
    ///
    /// `not_found`; `invalid_argument` for a directory, a device or a pipe; `invalid_image` for links that go in circles;
    /// `digest_mismatch` at the end of the content, at the latest, for a layer that is damaged.
    pub fn image_open(&self, image: &str, path: &Path, task: &Task) -> Result<FileContent> {
        archive::open(&*self.store_for(task)?, image, path, task)
    }

    /// Writes what [`Engine::image_open`] reads. Atomic for a path: a failure leaves what was there.
    pub fn image_read(&self, image: &str, path: &Path, target: Target, task: &Task) -> Result<()> {
        archive::read(&*self.store_for(task)?, image, path, target, task)
    }

    /// What `other` is against `image`: paths that are added, changed or deleted, sorted. Changed are type, mode, owner, group, device,
    /// link target, extended attributes, size or content, and the time of change if that is asked for. Only files that are equal in all
    /// that and in different layers are read.
    pub fn image_diff(
        &self,
        image: &str,
        other: &str,
        options: &ImageDiffOptions,
        task: &Task,
    ) -> Result<Vec<FileChange>> {
        archive::diff(&*self.store_for(task)?, image, other, options, task)
    }

    /// What the engine is and where it works.
    pub fn system_info(&self) -> Result<Info> {
        let store = self.store()?;
        match crate::containers::run_mode(&store) {
            Ok(mode) => store.info(mode.isolation.name(), mode.reason),
            Err(error) => store.info("none", error.to_string()),
        }
    }

    /// Disk use of the store.
    pub fn system_df(&self) -> Result<DiskUsage> {
        self.store()?.df(&Task::new()?)
    }

    /// Reads the whole store and checks it; with `repair` takes away what is broken.
    pub fn system_verify(&self, options: &VerifyOptions, task: &Task) -> Result<VerifyReport> {
        self.store_for(task)?.verify(options, task)
    }

    /// Prunes containers that do not run, images, build cache, snapshots and garbage.
    pub fn system_prune(&self, options: &PruneOptions, task: &Task) -> Result<PruneReport> {
        crate::containers::prune_system(&*self.store_for(task)?, options, task)
    }
}
