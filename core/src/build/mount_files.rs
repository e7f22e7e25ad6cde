//! The files that `RUN --mount` brings in: of the context, of a stage or of an image.

use std::io::{self, BufWriter, Write};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use super::Build;
use super::context::{Context, Files};
use super::copy_key::items_key;
use super::image_files::ImageFiles;
use super::items::{Item, Items};
use super::named::Opened;
use super::plan::find_stage;
use super::sources::{clean, has_children};
use super::stage::Stage;
use super::tar::hash_contents;
use crate::error::{Error, ErrorKind, Result, ResultExt};
use crate::fs;
use crate::layer::{self, Entry, EntryKind, Sender, TarWriter};
use crate::store::Lease;

/// Files that are to be seen in a container.
pub enum MountFiles<'f> {
    /// Of the context; theirs is root, whoever owns them on the disk (as BuildKit has it).
    Context {
        /// The context.
        files: &'f Context,
        /// The source, links followed.
        path: PathBuf,
        /// The source itself.
        entry: Entry,
        /// What is in it, by paths in it; of a file itself, by its name.
        items: Items<'f>,
        /// Whether they are on the disk just as they are to be seen, and nothing else is there.
        whole: bool,
    },
    /// Of a stage or an image.
    Image {
        /// It.
        image: Box<Stage>,
        /// The source, links followed.
        path: PathBuf,
        /// The source itself.
        entry: Entry,
    },
}

fn not_found(source: &Path, place: &str) -> Error {
    let message = format!("mount source /{}: not found in {place}", source.display());
    Error::new(ErrorKind::BuildFailed, message)
}

impl Build<'_> {
    /// Finds the files of a mount of a step of this stage.
    pub(super) fn mount_files(
        &self,
        stage: usize,
        from: Option<&str>,
        source: Option<&str>,
    ) -> Result<MountFiles<'_>> {
        let source = clean(source.unwrap_or("/"));
        let Some(from) = from else { return context_files(self.context, &source) };
        let mut image = match find_stage(&self.plan.stages[..stage], from) {
            Some(number) => match self.finished(number)?.image {
                Some((id, manifest)) => Stage::open(self.store, id, manifest)?,
                None => return Err(Error::new(ErrorKind::BuildFailed, format!("stage {from} is empty"))),
            },
            None => {
                let platform = &self.plan.stages[stage].platform;
                match self.named_context(from, platform)? {
                    Some(Opened::Files(context)) => return context_files(context, &source),
                    Some(Opened::Image(image)) => self.open_image(image, platform)?,
                    None => self.open_image(from, platform)?,
                }
            }
        };
        let files = ImageFiles { tree: image.tree(self.store)?, snapshots: Vec::new() };
        let path = files.resolve(&source)?;
        let entry = files.get(&path)?.ok_or_else(|| not_found(&source, from))?;
        Ok(MountFiles::Image { image: Box::new(image), path, entry })
    }
}

/// The files of a context.
fn context_files<'f>(files: &'f Context, source: &Path) -> Result<MountFiles<'f>> {
    let path = files.resolve(source)?;
    let missing = || not_found(source, "the build context (or excluded by .dockerignore)");
    let entry = files.get(&path)?.ok_or_else(missing)?;
    let mut items = Items::default();
    let mut whole = match entry.kind {
        EntryKind::Directory => collect(files, &path, PathBuf::new(), Some((0, 0)), &mut items)?,
        _ => {
            let name = path.file_name().map(PathBuf::from).unwrap_or_default();
            let whole = collect(files, &path, name, Some((0, 0)), &mut items)?;
            if items.is_empty() {
                return Err(missing());
            }
            whole
        }
    };
    if entry.kind == EntryKind::Directory {
        whole = whole && on_one_device(files, &path, &items)?;
    }
    Ok(MountFiles::Context { files, path, entry, items, whole })
}

/// Adds a file or tree to the items. Returns whether all of it went in, and just as it is.
fn collect<'f>(
    files: &'f dyn Files,
    source: &Path,
    path: PathBuf,
    owner: Option<(u32, u32)>,
    items: &mut Items<'f>,
) -> Result<bool> {
    let Some(mut found) = files.look(source)? else { return Ok(false) };
    let entry = &mut found.entry;
    let is_directory = entry.kind == EntryKind::Directory;
    let excluded = files.excluded(source);
    if excluded && !(is_directory && has_children(files, source)?) {
        return Ok(false);
    }
    let mut whole = true;
    if let Some(owner) = owner {
        whole = (entry.uid, entry.gid) == owner;
        (entry.uid, entry.gid) = owner;
    }
    entry.path.clone_from(&path);
    if !path.as_os_str().is_empty() {
        // Hard links are no matter here.
        found.inode = None;
        items.insert(Item::found(files, source, 0, found));
    }
    if is_directory {
        for name in files.children(source)? {
            whole &= collect(files, &source.join(&name), path.join(&name), owner, items)?;
        }
    }
    Ok(whole)
}

/// Whether all directories are on one file system: a mount shows no other one.
fn on_one_device(files: &dyn Files, source: &Path, items: &Items<'_>) -> Result<bool> {
    let device = |path: &Path| -> Result<Option<u64>> {
        let Some(path) = files.on_disk(path) else { return Ok(None) };
        Ok(fs::stat(&path)?.map(|found| found.dev()))
    };
    let root = device(source)?;
    for item in items.iter().filter(|item| item.entry.kind == EntryKind::Directory) {
        if device(&source.join(&item.entry.path))? != root {
            return Ok(false);
        }
    }
    Ok(root.is_some())
}

impl MountFiles<'_> {
    /// The source itself.
    pub fn entry(&self) -> &Entry {
        match self {
            MountFiles::Context { entry, .. } | MountFiles::Image { entry, .. } => entry,
        }
    }

    /// What an image's files are, by its ID: cheap, but another image may have the same. `None` for the context.
    pub fn identity(&self) -> Option<String> {
        match self {
            MountFiles::Context { .. } => None,
            MountFiles::Image { image, path, .. } => {
                Some(format!("{} {}", image.parent_key(), path.display()))
            }
        }
    }

    /// What the files are, by names, attributes and contents, never by times. A whole image is told by its ID: reading all of it
    /// costs more than what it could save.
    pub fn content_key(&mut self, build: &Build<'_>, lease: &Lease<'_>) -> Result<String> {
        match self {
            MountFiles::Context { items, entry, .. } => {
                let digests = hash_contents(build, items)?;
                Ok(items_key(&format!("{:?} {:o}", entry.kind, entry.mode), items, &digests).to_string())
            }
            MountFiles::Image { image, path, .. } if path.as_os_str().is_empty() => {
                Ok(format!("{} {}", image.parent_key(), path.display()))
            }
            MountFiles::Image { image, path, entry } => {
                let (path, entry) = (path.clone(), entry.clone());
                let snapshots = image.snapshots(build.store, lease, build.task)?;
                let files = ImageFiles { tree: image.tree(build.store)?, snapshots };
                let mut items = Items::default();
                let name = match entry.kind {
                    EntryKind::Directory => PathBuf::new(),
                    _ => path.file_name().map(PathBuf::from).unwrap_or_default(),
                };
                collect(&files, &path, name, None, &mut items)?;
                let digests = hash_contents(build, &items)?;
                let base = format!("{:?} {:o} {} {}", entry.kind, entry.mode, entry.uid, entry.gid);
                Ok(items_key(&base, &items, &digests).to_string())
            }
        }
    }

    /// Copies the files into an empty directory; a file under its own name.
    pub fn copy_to(&mut self, build: &Build<'_>, lease: &Lease<'_>, folder: &Path) -> Result<()> {
        match self {
            MountFiles::Context { items, .. } => write_items(build, items, folder),
            MountFiles::Image { image, path, .. } => {
                let path = path.clone();
                let snapshots = image.snapshots(build.store, lease, build.task)?;
                let files = ImageFiles { tree: image.tree(build.store)?, snapshots };
                let mut items = Items::default();
                collect(&files, &path, PathBuf::new(), None, &mut items)?;
                write_items(build, &items, folder)
            }
        }
    }
}

/// Makes files of items, with their attributes and times.
fn write_items(build: &Build<'_>, items: &Items<'_>, folder: &Path) -> Result<()> {
    let (limits, task) = (build.store.limits(), build.task);
    let write = |blocks: Sender| {
        let mut tar = TarWriter::new(BufWriter::with_capacity(fs::COPY_BUFFER, blocks));
        for item in items.iter() {
            task.check()?;
            match &item.body {
                Some(body) => tar
                    .append(&item.entry, &mut body.open()?)
                    .context(|| format!("copy {}", body.path.display()))?,
                None => tar.append(&item.entry, &mut io::empty())?,
            }
        }
        tar.finish()?.flush().context(|| "copy files")
    };
    layer::beside(write, |mut blocks| {
        layer::apply_flat(folder, &mut blocks, limits, task)?;
        io::copy(&mut blocks, &mut io::sink()).context(|| "copy files").map(drop)
    })
    .map(drop)
}
