//! The sources of COPY and ADD: from the words of the instruction to files.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::fs::File;
use std::path::{Component, Path, PathBuf};

use super::context::{Files, Found};
use crate::dockerfile::{Ignore, glob};
use crate::error::{Error, ErrorKind, Result, ResultExt};
use crate::fs;
use crate::layer::{Entry, EntryKind};

/// A file or directory to be put into the image.
pub struct Source<'f> {
    /// Where it is.
    pub files: &'f dyn Files,
    /// Its path there, for [`Source::below`] with no link on the way. Else a link is followed, also the last one.
    pub path: PathBuf,
    /// With `--parents`: the part of the path that is kept at the destination. Links in it are not followed.
    pub below: Option<PathBuf>,
    /// Whether it keeps its owner where no other is asked for; else it is root's.
    pub keeps_owner: bool,
    /// Whether its contents are put there instead, because it is an archive.
    pub is_archive: bool,
}

impl<'f> Source<'f> {
    /// All that there is.
    pub fn all_of(files: &'f dyn Files) -> Self {
        let path = PathBuf::new();
        Source { files, path, below: None, keeps_owner: false, is_archive: false }
    }

    /// What it is, its own link followed, and where; `None` when it has gone.
    pub fn look(&self) -> Result<Option<(PathBuf, Found)>> {
        let path = if self.below.is_some() { self.path.clone() } else { self.files.resolve(&self.path)? };
        Ok(self.files.look(&path)?.map(|found| (path, found)))
    }
}

/// The files that a word of the instruction means. Without wildcards something has to be there.
pub fn find<'f>(
    files: &'f dyn Files,
    word: &str,
    parents: bool,
    keeps_owner: bool,
) -> Result<Vec<Source<'f>>> {
    let source = |path, below| Source { files, path, below, keeps_owner, is_archive: false };
    if !parents {
        return Ok(find_paths(files, word)?.into_iter().map(|path| source(path, None)).collect());
    }
    // What follows the pivot point `/./` is kept at the destination.
    let (start, pattern) = word.split_once("/./").unwrap_or(("", word));
    let mut found = Vec::new();
    for start in find_paths(files, start)? {
        let start = files.resolve(&start)?;
        for below in find_below(files, &start, pattern)? {
            found.push(source(start.join(&below), Some(below)));
        }
    }
    if found.is_empty() && !glob::has_wildcards(word) {
        return Err(not_found(word));
    }
    Ok(found)
}

fn not_found(source: &str) -> Error {
    let message = format!(
        "file not found in build context or excluded by .dockerignore: stat {source}: file does not exist"
    );
    Error::new(ErrorKind::BuildFailed, message)
}

/// A path as it is meant inside its root: `.` and `..` are gone, and nothing is above the root.
pub fn clean(path: &str) -> PathBuf {
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

fn is_directory(files: &dyn Files, path: &Path) -> Result<bool> {
    Ok(files.get(path)?.is_some_and(|entry| entry.kind == EntryKind::Directory))
}

/// The paths that a source means: itself, or with wildcards all that match, sorted. One without wildcards has to be there.
fn find_paths(files: &dyn Files, source: &str) -> Result<Vec<PathBuf>> {
    let path = clean(source);
    if !glob::has_wildcards(source) {
        let resolved = files.resolve(&path)?;
        if files.get(&resolved)?.is_none() || (files.excluded(&resolved) && !has_children(files, &resolved)?)
        {
            return Err(not_found(source));
        }
        return Ok(vec![path]);
    }
    let mut found = vec![PathBuf::new()];
    for part in path.components() {
        let pattern = part.as_os_str().to_string_lossy().into_owned();
        let mut next = Vec::new();
        for folder in &found {
            let resolved = files.resolve(folder)?;
            if !is_directory(files, &resolved)? {
                continue;
            }
            if !glob::has_wildcards(&pattern) {
                let path = resolved.join(&pattern);
                next.extend(files.get(&path)?.map(|_| path));
                continue;
            }
            for name in files.children(&resolved)? {
                let path = resolved.join(&name);
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

/// What matches a pattern of `--parents` below a directory, `**` spanning directories: relative to it, sorted, and not what lies
/// below something that matches.
fn find_below(files: &dyn Files, start: &Path, pattern: &str) -> Result<Vec<PathBuf>> {
    let literal = clean(pattern);
    if !glob::has_wildcards(pattern) {
        let path = start.join(&literal);
        let is_there = files.resolve(path.parent().unwrap_or(Path::new("")))?.as_path()
            == path.parent().unwrap_or(Path::new(""))
            && files.get(&path)?.is_some()
            && (!files.excluded(&path) || has_children(files, &path)?);
        return Ok(if is_there { vec![literal] } else { Vec::new() });
    }
    let matcher = Ignore::from_patterns([literal.to_string_lossy()])
        .map_err(|error| error.as_kind(ErrorKind::InvalidArgument))?;
    let mut found = Vec::new();
    walk_below(files, start, &PathBuf::new(), &matcher, &mut found)?;
    Ok(found)
}

fn walk_below(
    files: &dyn Files,
    start: &Path,
    folder: &Path,
    matcher: &Ignore,
    found: &mut Vec<PathBuf>,
) -> Result<()> {
    for name in files.children(&start.join(folder))? {
        let below = folder.join(name);
        let path = start.join(&below);
        let Some(entry) = files.get(&path)? else { continue };
        if matcher.excluded(&below) {
            if !files.excluded(&path) || has_children(files, &path)? {
                found.push(below);
            }
        } else if entry.kind == EntryKind::Directory && matcher.may_match_below(&below) {
            walk_below(files, start, &below, matcher, found)?;
        }
    }
    Ok(())
}

/// Whether something below an excluded directory is not excluded.
pub fn has_children(files: &dyn Files, path: &Path) -> Result<bool> {
    if !is_directory(files, path)? {
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

/// Files whose contents are written in the Dockerfile: mode 0644, root's, of the time of the build.
#[derive(Default)]
pub struct Inline {
    files: BTreeMap<PathBuf, (Entry, String)>,
}

impl Inline {
    /// Adds a file, in place of one of the same name.
    pub fn add(&mut self, mut entry: Entry, content: String) {
        entry.size = content.len() as u64;
        self.files.insert(entry.path.clone(), (entry, content));
    }

    /// All files as sources.
    pub fn sources(&self) -> impl Iterator<Item = Source<'_>> {
        self.files.keys().map(|path| Source {
            files: self,
            path: path.clone(),
            below: None,
            keeps_owner: false,
            is_archive: false,
        })
    }
}

impl Files for Inline {
    fn get(&self, path: &Path) -> Result<Option<Entry>> {
        Ok(self.files.get(path).map(|(entry, _)| entry.clone()))
    }

    fn children(&self, _: &Path) -> Result<Vec<OsString>> {
        Ok(self.files.keys().map(|path| path.clone().into_os_string()).collect())
    }

    fn open(&self, path: &Path) -> Result<File> {
        let content = self.files.get(path).map_or("", |(_, content)| content);
        fs::in_memory(content.as_bytes()).context(|| format!("make {} available", path.display()))
    }
}
