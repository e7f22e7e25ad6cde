//! COPY and ADD: which files go where, told from the merged view of the image's tables of contents alone.

use std::path::{Component, Path, PathBuf};

use super::context::{Context, Files};
use super::image_files::ImageFiles;
use super::named::Opened;
use super::plan::find_stage;
use super::stage::Stage;
use super::steps::{NOP, changes};
use super::tar::{Item, Items, add_parents, hash_contents, new_time, write_layer};
use super::{Build, cache_key};
use crate::archive::Ingested;
use crate::container::user;
use crate::digest::Digest;
use crate::dockerfile::{CopyArgs, Instruction, glob};
use crate::error::{Error, ErrorKind, Result, ResultExt};
use crate::layer::{self, Entry, EntryKind, TarReader, Timestamp, Tree};
use crate::spec;

/// Where and how things are put.
struct Target<'a> {
    tree: &'a Tree,
    /// The destination, links followed.
    path: PathBuf,
    /// It ends with `/`, or has to be a directory.
    is_directory: bool,
    /// The owner of what is put there; `None` keeps each file's own.
    owner: Option<(u32, u32)>,
    mode: Option<u32>,
    time: Timestamp,
    items: Items,
}

/// The cache keys of a step: one of its text, which says whether a look at the contents is worth it, and the real one.
struct Keys {
    text: Digest,
    base: String,
}

fn failed(message: String) -> Error {
    Error::new(ErrorKind::BuildFailed, message)
}

fn unsupported(what: &str) -> Error {
    Error::new(ErrorKind::Unsupported, format!("{what} is not supported yet"))
}

impl Build<'_> {
    /// COPY, from the context, a stage or an image.
    pub(super) fn copy(
        &self,
        stage: &mut Stage,
        instruction: &Instruction,
        args: &CopyArgs,
        n: u32,
    ) -> Result<()> {
        refuse(instruction, args)?;
        self.refuse_remote(stage, args)?;
        let Some(from) = &args.from else {
            return self.copy_files(stage, instruction, args, self.context, n);
        };
        let mut source = match find_stage(&self.plan.stages[..stage.number], from) {
            Some(number) => match self.finished(number)?.image {
                Some((id, manifest)) => Stage::open(self.store, id, manifest)?,
                None => return Err(failed(format!("stage {from} is empty"))),
            },
            None => match self.named_context(from)? {
                Some(Opened::Files(context)) => {
                    return self.copy_files(stage, instruction, args, &*context, n);
                }
                Some(Opened::Image(image)) => self.open_image(&image)?,
                None => self.open_image(from)?,
            },
        };
        let lease = self.store.lease();
        let snapshots = source.snapshots(self.store, &lease, self.task)?;
        let files = ImageFiles { tree: source.tree(self.store)?, snapshots };
        self.copy_files(stage, instruction, args, &files, n)
    }

    /// ADD: like COPY from the context, but a local tar, told by its content, is unpacked.
    pub(super) fn add(
        &self,
        stage: &mut Stage,
        instruction: &Instruction,
        args: &CopyArgs,
        n: u32,
    ) -> Result<()> {
        refuse(instruction, args)?;
        if let Some(remote) = self.remote_sources(stage, args)? {
            return self.add_remote(stage, instruction, args, remote, n);
        }
        let (mut plain, mut archives) = (Vec::new(), Vec::new());
        for source in &args.sources {
            for path in find(self.context, &self.expand(stage, source)?)? {
                let resolved = self.context.resolve(&path)?;
                if args.unpack != Some(false) && self.is_archive(&resolved)? {
                    archives.push(resolved);
                } else {
                    plain.push(format!("/{}", path.display()));
                }
            }
        }
        if archives.is_empty() {
            return self.copy_files(stage, instruction, args, self.context, n);
        }
        if archives.len() > 1 || !plain.is_empty() {
            return Err(unsupported("ADD of a local archive together with other sources"));
        }
        let folder = self.store.temporary_directory()?;
        for archive in &archives {
            let file = self.context.open(archive)?;
            let (_, tar) = layer::decoder(file, self.store.limits())?;
            layer::apply_flat(folder.path(), tar, self.store.limits(), self.task)
                .context(|| format!("unpack {}", archive.display()))?;
        }
        let mut unpacked = args.clone();
        unpacked.sources = vec!["/".into()];
        if !unpacked.destination.ends_with('/') {
            unpacked.destination.push('/');
        }
        let files = Context::of_directory(folder.path());
        self.place(stage, instruction, &unpacked, &[PathBuf::new()], &files, true, n)
    }

    /// Whether a file of the context is one that ADD unpacks.
    pub(super) fn is_archive(&self, path: &Path) -> Result<bool> {
        let is_file = self.context.get(path)?.is_some_and(|entry| entry.kind == EntryKind::File);
        Ok(is_file && self.is_tar(self.context.open(path)?))
    }

    /// Whether a file is a tar, compressed or not.
    pub(super) fn is_tar(&self, file: std::fs::File) -> bool {
        let Ok((_, decoder)) = layer::decoder(file, self.store.limits()) else { return false };
        matches!(TarReader::new(decoder, self.store.limits()).next(), Ok(Some(_)))
    }

    fn copy_files(
        &self,
        stage: &mut Stage,
        instruction: &Instruction,
        args: &CopyArgs,
        files: &dyn Files,
        n: u32,
    ) -> Result<()> {
        let mut sources = Vec::new();
        for source in &args.sources {
            sources.extend(find(files, &self.expand(stage, source)?)?);
        }
        self.place(stage, instruction, args, &sources, files, false, n)
    }

    /// Puts the files and directories at these paths into the image: from the cache, or as a new layer.
    #[expect(clippy::too_many_arguments, reason = "an instruction, what it means, and where it stands")]
    pub(super) fn place(
        &self,
        stage: &mut Stage,
        instruction: &Instruction,
        args: &CopyArgs,
        sources: &[PathBuf],
        files: &dyn Files,
        keep_owner: bool,
        n: u32,
    ) -> Result<()> {
        let destination = self.expand(stage, &args.destination)?;
        let given = match &args.chown {
            Some(owner) => Some(self.owner(stage, owner)?),
            None => None,
        };
        let owner = given.or((!keep_owner).then_some((0, 0)));
        let mode = args
            .chmod
            .as_ref()
            .map(|mode| self.expand(stage, mode).and_then(|mode| octal(&mode)))
            .transpose()?;
        let many = args.sources.len() > 1 || sources.len() > 1;
        let is_directory = destination.ends_with('/') || destination.ends_with("/.") || destination == ".";
        if many && !is_directory {
            return Err(failed(format!(
                "When using {} with more than one source file, the destination must be a directory and end with a /",
                instruction.name
            )));
        }
        let full = spec::join(&stage.config.config.working_dir, &destination);
        let parent = stage.parent_key();
        let author = stage.config.author.clone();
        let tree = stage.tree(self.store)?;
        let path = tree.resolve(Path::new(full.trim_start_matches('/')), true)?;
        let time = new_time(self.epoch);
        let mut target = Target { tree, path, is_directory, owner, mode, time, items: Items::new() };
        for source in sources {
            target.put(files, source).context(|| format!("{} failed", instruction.name))?;
        }
        let items = target.items;
        if let Some(trigger) = items
            .keys()
            .find(|path| path.components().any(|part| part.as_os_str().to_string_lossy().starts_with(".wh.")))
        {
            return Err(failed(format!(
                "/{}: a name that begins with .wh. cannot be in a layer",
                trigger.display()
            )));
        }
        let kind = match sources {
            [one]
                if files
                    .get(&files.resolve(one)?)?
                    .is_some_and(|entry| entry.kind == EntryKind::Directory) =>
            {
                "dir"
            }
            [_] => "file",
            _ => "multi",
        };
        let text = cache_key(&("text", &parent, &instruction.text, &full, self.epoch))?;
        let keys =
            Keys { text, base: format!("{parent} {} {full} {author} {:?}", instruction.name, self.epoch) };
        let (layer, key) = match self.place_cached(stage, files, &items, &keys, n)? {
            None => return Ok(()),
            Some(made) => made,
        };
        let created_by = format!("{NOP}{} {kind}:{} in {full} ", instruction.name, key.hex());
        self.commit(stage, created_by, layer, &[key, keys.text])
    }

    /// The layer of these items with its key; `None` when the cache had it and the stage has become that image.
    fn place_cached(
        &self,
        stage: &mut Stage,
        files: &dyn Files,
        items: &Items,
        keys: &Keys,
        n: u32,
    ) -> Result<Option<(Option<Ingested>, Digest)>> {
        let known =
            !self.options.no_cache && self.store.db().read(|db| self.store.cached(db, keys.text))?.is_some();
        if known {
            let key = items_key(&keys.base, items, &hash_contents(self, files, items)?)?;
            if self.try_cache(stage, key, n)? {
                return Ok(None);
            }
        }
        if items.is_empty() {
            let key = items_key(&keys.base, items, &[])?;
            return Ok(if self.try_cache(stage, key, n)? { None } else { Some((None, key)) });
        }
        let (layer, digests) = write_layer(self, files, items)?;
        let key = items_key(&keys.base, items, &digests)?;
        // The same contents under another text.
        if self.try_cache(stage, key, n)? {
            return Ok(None);
        }
        Ok(Some((Some(layer), key)))
    }

    /// Expands a word with the stage's environment and arguments.
    pub(super) fn expand(&self, stage: &mut Stage, word: &str) -> Result<String> {
        changes(&mut stage.config.config, &mut stage.cmd_set, self.plan.escape, &stage.arguments).expand(word)
    }

    /// The owner of `--chown`, looked up in the image where it is a name.
    fn owner(&self, stage: &mut Stage, word: &str) -> Result<(u32, u32)> {
        let owner = self.expand(stage, word)?;
        let numeric = owner.split(':').all(|part| part.parse::<u32>().is_ok());
        let (passwd, group) = if numeric {
            Default::default()
        } else {
            (stage.read_file(self.store, "etc/passwd")?, stage.read_file(self.store, "etc/group")?)
        };
        user::chown_ids(&owner, &passwd, &group)
    }
}

/// Flags that are read, but that builds cannot do yet.
fn refuse(instruction: &Instruction, args: &CopyArgs) -> Result<()> {
    let flags = [
        ("--link", args.link),
        ("--parents", args.parents),
        ("--exclude", !args.exclude.is_empty()),
        ("with a heredoc", !args.heredocs.is_empty()),
    ];
    match flags.iter().find(|(_, given)| *given) {
        Some((flag, _)) => Err(unsupported(&format!("{} {flag}", instruction.name))),
        None => Ok(()),
    }
}

fn octal(mode: &str) -> Result<u32> {
    u32::from_str_radix(mode, 8)
        .ok()
        .filter(|mode| *mode <= 0o7777)
        .ok_or_else(|| unsupported(&format!("--chmod={mode} (octal modes are)")))
}

/// A path as it is meant inside its root: `.` and `..` are gone, and nothing is above the root.
fn clean(path: &str) -> PathBuf {
    let mut cleaned = PathBuf::new();
    for part in Path::new(path).components() {
        match part {
            Component::Normal(name) => cleaned.push(name),
            Component::ParentDir => drop(cleaned.pop()),
            _ => {}
        }
    }
    cleaned
}

/// The paths that a source means: itself, or with wildcards all that match, sorted. One without wildcards has to be there.
pub(super) fn find(files: &dyn Files, source: &str) -> Result<Vec<PathBuf>> {
    let path = clean(source);
    if !glob::has_wildcards(source) {
        let resolved = files.resolve(&path)?;
        if files.get(&resolved)?.is_none() || (files.excluded(&resolved) && !has_children(files, &resolved)?)
        {
            return Err(failed(format!(
                "file not found in build context or excluded by .dockerignore: stat {source}: file does not exist"
            )));
        }
        return Ok(vec![path]);
    }
    let mut found = vec![PathBuf::new()];
    for part in path.components() {
        let pattern = part.as_os_str().to_string_lossy().into_owned();
        let mut next = Vec::new();
        for folder in &found {
            let resolved = files.resolve(folder)?;
            if files.get(&resolved)?.is_none_or(|entry| entry.kind != EntryKind::Directory) {
                continue;
            }
            for name in files.children(&resolved)? {
                let path = folder.join(&name);
                if glob::matches(&pattern, &name.to_string_lossy())? && files.get(&path)?.is_some() {
                    next.push(path);
                }
            }
        }
        found = next;
    }
    let mut kept = Vec::new();
    for path in found {
        if !files.excluded(&path) || has_children(files, &path)? {
            kept.push(path);
        }
    }
    Ok(kept)
}

/// Whether something below an excluded directory is not excluded.
fn has_children(files: &dyn Files, path: &Path) -> Result<bool> {
    if files.get(path)?.is_none_or(|entry| entry.kind != EntryKind::Directory) {
        return Ok(false);
    }
    for name in files.children(path)? {
        let child = path.join(name);
        if files.get(&child)?.is_some() && (!files.excluded(&child) || has_children(files, &child)?) {
            return Ok(true);
        }
    }
    Ok(false)
}

impl Target<'_> {
    /// Puts one source: a directory's contents, or a file under its own name or the destination's.
    fn put(&mut self, files: &dyn Files, source: &Path) -> Result<()> {
        let resolved = files.resolve(source)?;
        let Some(entry) = files.get(&resolved)? else { return Ok(()) };
        let is_directory = entry.kind == EntryKind::Directory;
        let existing = self.kind_at(&self.path);
        let into =
            self.is_directory || existing == Some(EntryKind::Directory) || self.path.as_os_str().is_empty();
        let path = match source.file_name() {
            Some(name) if into && !is_directory => self.path.join(name),
            _ => self.path.clone(),
        };
        if is_directory && existing.is_some_and(|kind| kind != EntryKind::Directory) {
            return Err(failed(format!("cannot copy to non-directory: /{}", self.path.display())));
        }
        add_parents(self.tree, &mut self.items, &path, self.owner.unwrap_or((0, 0)), self.time)?;
        self.put_at(files, &resolved, entry, path, true).map(drop)
    }

    fn kind_at(&self, path: &Path) -> Option<EntryKind> {
        match self.items.get(path) {
            Some(item) => Some(item.entry.kind),
            None if path.as_os_str().is_empty() => Some(EntryKind::Directory),
            None => self.tree.get(path).map(|node| node.entry.kind),
        }
    }

    /// Puts a file or a tree at a path. Returns whether anything was put.
    fn put_at(
        &mut self,
        files: &dyn Files,
        source: &Path,
        entry: Entry,
        path: PathBuf,
        top: bool,
    ) -> Result<bool> {
        if entry.kind == EntryKind::Directory {
            return self.put_directory(files, source, entry, path, top);
        }
        if files.excluded(source) {
            return Ok(false);
        }
        if self.kind_at(&path) == Some(EntryKind::Directory) {
            return Err(failed(format!("cannot replace the directory /{} by a file", path.display())));
        }
        let body = (entry.kind == EntryKind::File).then(|| source.to_owned());
        let entry = self.owned(entry, &path);
        self.items.insert(path, Item { entry, body });
        Ok(true)
    }

    fn put_directory(
        &mut self,
        files: &dyn Files,
        source: &Path,
        entry: Entry,
        mut path: PathBuf,
        top: bool,
    ) -> Result<bool> {
        match self.kind_at(&path) {
            // A link to a directory below is followed, like one in the destination itself.
            Some(EntryKind::Symlink) => path = self.tree.resolve(&path, true)?,
            Some(EntryKind::Directory) | None => {}
            Some(_) => return Err(failed(format!("cannot copy to non-directory: /{}", path.display()))),
        }
        let exists = self.kind_at(&path);
        if exists.is_some_and(|kind| kind != EntryKind::Directory) {
            return Err(failed(format!("cannot copy to non-directory: /{}", path.display())));
        }
        let mut put = !files.excluded(source);
        // The directory that is copied into keeps its attributes; those below it take the source's.
        let replaces = exists.is_none() || !top;
        let before = self.items.contains_key(&path);
        if replaces && !path.as_os_str().is_empty() {
            let entry = self.owned(entry, &path);
            self.items.insert(path.clone(), Item { entry, body: None });
        }
        for name in files.children(source)? {
            let child = source.join(&name);
            if let Some(entry) = files.get(&child)? {
                put |= self.put_at(files, &child, entry, path.join(&name), false)?;
            }
        }
        if !put && !before {
            // All that is in it is excluded, and it is too.
            self.items.remove(&path);
        }
        Ok(put)
    }

    fn owned(&self, entry: Entry, path: &Path) -> Entry {
        let mut entry = Entry { path: path.to_owned(), ..entry };
        if let Some(owner) = self.owner {
            (entry.uid, entry.gid) = owner;
        }
        if let Some(mode) = self.mode.filter(|_| entry.kind != EntryKind::Symlink) {
            entry.mode = mode;
        }
        entry
    }
}

/// Everything that decides what the items make: names, attributes and contents, but no times.
fn items_key(base: &str, items: &Items, digests: &[Digest]) -> Result<Digest> {
    let mut digests = digests.iter();
    let mut key = crate::digest::Hasher::default();
    key.update(base.as_bytes());
    for item in items.values() {
        let entry = &item.entry;
        let digest = item.body.as_ref().and_then(|_| digests.next());
        let line = format!(
            "\n{:?} {:?} {:o} {} {} {} {:?} {:?} {:?} {digest:?}",
            entry.path,
            entry.kind,
            entry.mode,
            entry.uid,
            entry.gid,
            entry.size,
            entry.link,
            entry.device,
            entry.xattrs
        );
        key.update(line.as_bytes());
    }
    Ok(key.finish().0)
}
