//! `export`, and `cp` both ways: between a container and this file system, or the tar itself with `-`.
#![allow(clippy::disallowed_methods)] // the other side of a copy is the caller's own file system

use std::fs::File;
use std::io;
use std::os::fd::AsFd;
use std::path::{Component, Path, PathBuf};
use std::thread;

use layerkit::{Engine, ErrorKind, PathStat, PutArchiveOptions, Source, Target, Task};
use rustix::pipe::{PipeFlags, pipe_with};

use super::super::transfer::writable;
use super::super::{Context, Verb};
use crate::failure::{Failure, Outcome};
use crate::flags::{Arity, Syntax, Words, switch, valued};
use crate::output;
use crate::progress::task;
use crate::stdin;

pub const EXPORT: Verb = Verb {
    syntax: Syntax {
        name: "export",
        usage: "[OPTIONS] CONTAINER",
        about: "Export a container's filesystem as a tar archive",
        flags: &[valued("output", 'o', "string", "Write to a file, instead of STDOUT")],
        arity: Arity::Exactly(1),
    },
    run: export,
};

pub const COPY: Verb = Verb {
    syntax: Syntax {
        name: "cp",
        usage: "[OPTIONS] CONTAINER:SRC_PATH DEST_PATH|-\n        layerkit cp [OPTIONS] SRC_PATH|- CONTAINER:DEST_PATH",
        about: "Copy files/folders between a container and the local filesystem",
        flags: &[
            switch("archive", 'a', "Archive mode (copy all uid/gid information)"),
            switch("follow-link", 'L', "Always follow symbol link in SRC_PATH"),
        ],
        arity: Arity::Exactly(2),
    },
    run: copy,
};

fn export(context: &Context, _syntax: &Syntax, words: &Words) -> Outcome {
    let target = match words.path("output").filter(|path| !path.as_os_str().is_empty()) {
        Some(path) => Target::Path(writable(path)?),
        None => standard_output()?,
    };
    Ok(context.engine()?.container_export(&words.names()?[0], target, &task()?)?)
}

fn standard_output() -> Outcome<Target> {
    if output::is_terminal() {
        return Err(Failure::Message(
            "cowardly refusing to save to a terminal. Use the -o flag or redirect".to_owned(),
        ));
    }
    Ok(Target::Fd(io::stdout().as_fd().try_clone_to_owned()?))
}

/// One side of a copy.
enum Side<'a> {
    Here(&'a str),
    There { container: &'a str, path: &'a str },
}

/// `CONTAINER:PATH`, unless it is a path of this file system.
fn side(word: &str) -> Side<'_> {
    match word.split_once(':') {
        Some((container, path)) if !container.is_empty() && !container.starts_with(['.', '/']) => {
            Side::There { container, path }
        }
        _ => Side::Here(word),
    }
}

fn copy(context: &Context, _syntax: &Syntax, words: &Words) -> Outcome {
    let names = words.names()?;
    let (archive, follow) = (words.is_on("archive"), words.is_on("follow-link"));
    let (engine, task) = (context.engine()?, task()?);
    match (side(&names[0]), side(&names[1])) {
        (Side::There { container, path }, Side::Here(destination)) => {
            let path = if follow { followed(&engine, container, path)? } else { path.to_owned() };
            copy_out(&engine, container, &path, destination, archive, &task)
        }
        (Side::Here(source), Side::There { container, path }) => {
            copy_in(&engine, source, container, path, archive, follow, &task)
        }
        (Side::There { .. }, Side::There { .. }) => {
            Err(Failure::Message("copying between containers is not supported".to_owned()))
        }
        (Side::Here(_), Side::Here(_)) => {
            Err(Failure::Message("must specify at least one container source".to_owned()))
        }
    }
}

/// Where a link leads.
fn followed(engine: &Engine, container: &str, path: &str) -> Outcome<String> {
    let stat = engine.container_stat(container, path)?;
    Ok(if stat.link_target.is_empty() { path.to_owned() } else { stat.link_target })
}

fn message(path: &Path, error: io::Error) -> Failure {
    Failure::Message(format!("{}: {error}", path.display()))
}

/// Runs `feed` on a thread with one end of a pipe while `work` has the other. What `work` says comes first: a broken pipe follows from it.
fn piped<T>(
    feed: impl FnOnce(File) -> Outcome + Send,
    work: impl FnOnce(File) -> Outcome<T>,
    feeds: bool,
) -> Outcome<T> {
    let (reader, writer) = pipe_with(PipeFlags::CLOEXEC)
        .map_err(|error| Failure::Message(format!("create a pipe: {}", io::Error::from(error))))?;
    let (theirs, ours) = if feeds { (writer, reader) } else { (reader, writer) };
    thread::scope(|scope| {
        let other = scope.spawn(move || feed(File::from(theirs)));
        let done = work(File::from(ours));
        let fed = other.join().unwrap_or(Err(Failure::Said));
        match done {
            Ok(value) => fed.map(|()| value),
            Err(failure) => Err(failure),
        }
    })
}

fn copy_out(
    engine: &Engine,
    container: &str,
    path: &str,
    destination: &str,
    archive: bool,
    task: &Task,
) -> Outcome {
    if destination == "-" {
        return Ok(engine.container_get_archive(container, path, standard_output()?, task).map(drop)?);
    }
    let stat = engine.container_stat(container, path)?;
    let place = Place::of(Path::new(destination), is_directory(&stat), path.ends_with("/."), &stat.name)?;
    piped(
        |tar| unpack(tar, &place, archive),
        |pipe| Ok(engine.container_get_archive(container, path, Target::Fd(pipe.into()), task).map(drop)?),
        false,
    )
}

/// Go's bit for a directory (`os.ModeDir`).
fn is_directory(stat: &PathStat) -> bool {
    stat.mode & (1 << 31) != 0
}

/// Where the copy goes: into this directory, under this name in place of the source's own; without one, only what is in the source.
#[derive(Debug, PartialEq, Eq)]
struct Place {
    directory: PathBuf,
    name: Option<PathBuf>,
}

impl Place {
    /// The rules of `docker cp`.
    fn of(destination: &Path, source_is_directory: bool, contents: bool, name: &str) -> Outcome<Place> {
        let there = destination.metadata().ok();
        let slash = destination.as_os_str().to_string_lossy().ends_with('/');
        match there {
            Some(found) if found.is_dir() => Ok(Place {
                directory: destination.to_owned(),
                name: (!contents).then(|| PathBuf::from(name)),
            }),
            Some(_) if source_is_directory => {
                Err(Failure::Message(format!("cannot copy directory to a file: {}", destination.display())))
            }
            Some(_) | None if slash && !source_is_directory => {
                Err(Failure::Message(format!("no such directory: {}", destination.display())))
            }
            _ => {
                let parent = destination.parent().filter(|parent| !parent.as_os_str().is_empty());
                let directory = parent.unwrap_or(Path::new(".")).to_owned();
                if !directory.is_dir() {
                    return Err(Failure::Message(format!("no such directory: {}", directory.display())));
                }
                let name = destination.file_name().map(PathBuf::from);
                Ok(Place { directory, name })
            }
        }
    }

    /// The path of an entry, whose first component is the source's name.
    fn path(&self, entry: &Path) -> Option<PathBuf> {
        let mut parts =
            entry.components().filter(|part| !matches!(part, Component::CurDir | Component::RootDir));
        parts.next();
        let rest: PathBuf = parts.collect();
        match &self.name {
            Some(name) => Some(if rest.as_os_str().is_empty() { name.clone() } else { name.join(rest) }),
            None => (!rest.as_os_str().is_empty()).then_some(rest),
        }
    }
}

/// Lays a tar into the place. Nothing in it leads out of the directory.
fn unpack(tar: File, place: &Place, owners: bool) -> Outcome {
    let mut archive = tar::Archive::new(tar);
    archive.set_preserve_permissions(true);
    archive.set_preserve_ownerships(owners);
    archive.set_overwrite(true);
    let failed = |error: io::Error| message(&place.directory, error);
    // Directories get their modes and times when all is in them.
    let mut directories = Vec::new();
    for entry in archive.entries().map_err(failed)? {
        let mut entry = entry.map_err(failed)?;
        let Some(path) = place.path(&entry.path().map_err(failed)?) else { continue };
        if path.components().any(|part| !matches!(part, Component::Normal(_))) {
            return Err(Failure::Message(format!("{} leads out of the directory", path.display())));
        }
        let target = place.directory.join(&path);
        match entry.header().entry_type() {
            tar::EntryType::Directory => {
                std::fs::create_dir_all(&target).map_err(|error| message(&target, error))?;
                directories.push((target, entry.header().clone()));
            }
            tar::EntryType::Link => {
                let link = entry.link_name().map_err(failed)?.unwrap_or_default();
                let Some(source) = place.path(&link) else { continue };
                let _ = std::fs::remove_file(&target);
                std::fs::hard_link(place.directory.join(source), &target)
                    .map_err(|error| message(&target, error))?;
            }
            _ => {
                if let Some(parent) = target.parent() {
                    std::fs::create_dir_all(parent).map_err(|error| message(parent, error))?;
                }
                entry.unpack(&target).map(drop).map_err(|error| message(&target, error))?;
            }
        }
    }
    directories.iter().rev().try_for_each(|(path, header)| dress(path, header, owners))
}

fn dress(path: &Path, header: &tar::Header, owners: bool) -> Outcome {
    use std::os::unix::fs::PermissionsExt;
    let failed = |error: io::Error| message(path, error);
    if owners {
        let id = |id: io::Result<u64>| id.ok().and_then(|id| u32::try_from(id).ok());
        std::os::unix::fs::chown(path, id(header.uid()), id(header.gid())).map_err(failed)?;
    }
    let mode = header.mode().map_err(failed)? & 0o7777;
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(mode)).map_err(failed)?;
    let time = std::time::UNIX_EPOCH + std::time::Duration::from_secs(header.mtime().map_err(failed)?);
    File::open(path).and_then(|directory| directory.set_modified(time)).map_err(failed)
}

fn copy_in(
    engine: &Engine,
    source: &str,
    container: &str,
    path: &str,
    archive: bool,
    follow: bool,
    task: &Task,
) -> Outcome {
    let options = PutArchiveOptions { no_overwrite_dir_non_dir: true };
    if source == "-" {
        return Ok(engine.container_put_archive(container, path, stdin::source()?, &options, task)?);
    }
    let from = Path::new(source);
    let found = if follow { from.metadata() } else { from.symlink_metadata() };
    let found = found.map_err(|_| Failure::Message(format!("lstat {source}: no such file or directory")))?;
    let contents = source.ends_with("/.") || source == ".";
    let (directory, name) = place_there(engine, container, path, found.is_dir(), contents, from)?;
    piped(
        |pipe| pack(pipe, from, &name, archive, follow),
        |pipe| {
            let source = Source::Fd(pipe.into());
            Ok(engine.container_put_archive(container, &directory, source, &options, task)?)
        },
        true,
    )
}

/// The directory of the container that the copy goes into, and the name it has there, empty for its contents.
fn place_there(
    engine: &Engine,
    container: &str,
    path: &str,
    source_is_directory: bool,
    contents: bool,
    from: &Path,
) -> Outcome<(String, PathBuf)> {
    let own = || from.canonicalize().ok().and_then(|path| path.file_name().map(PathBuf::from));
    match engine.container_stat(container, path) {
        Ok(stat) if !stat.link_target.is_empty() && stat.link_target != path => {
            place_there(engine, container, &stat.link_target, source_is_directory, contents, from)
        }
        Ok(stat) if is_directory(&stat) => {
            let name = if contents {
                PathBuf::new()
            } else {
                from.file_name().map(PathBuf::from).or_else(own).unwrap_or_default()
            };
            Ok((path.to_owned(), name))
        }
        Ok(_) if source_is_directory => {
            Err(Failure::Message(format!("cannot copy directory to a file: {container}:{path}")))
        }
        Err(error) if error.kind() == ErrorKind::NotFound && path.ends_with('/') && !source_is_directory => {
            Err(error.into())
        }
        Err(error) if error.kind() != ErrorKind::NotFound || is_unknown(engine, container) => {
            Err(error.into())
        }
        Ok(_) | Err(_) => {
            let path = Path::new(path);
            let directory =
                path.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("/"));
            let name = path.file_name().map(PathBuf::from).unwrap_or_default();
            Ok((directory.to_string_lossy().into_owned(), name))
        }
    }
}

fn is_unknown(engine: &Engine, container: &str) -> bool {
    engine.containers_get(container).is_err()
}

/// Writes what is copied as a tar, with root as its owner unless it keeps its own.
fn pack(pipe: File, from: &Path, name: &Path, owners: bool, follow: bool) -> Outcome {
    let mut tar = tar::Builder::new(io::BufWriter::new(pipe));
    tar.follow_symlinks(false);
    let top =
        if follow { from.canonicalize().map_err(|error| message(from, error))? } else { from.to_owned() };
    append(&mut tar, &top, name, owners)?;
    let out = tar.into_inner().and_then(|mut out| io::Write::flush(&mut out));
    out.map_err(|error| message(from, error))
}

fn append(tar: &mut tar::Builder<impl io::Write>, from: &Path, name: &Path, owners: bool) -> Outcome {
    let failed = |error: io::Error| message(from, error);
    let found = from.symlink_metadata().map_err(failed)?;
    let mut header = tar::Header::new_gnu();
    header.set_metadata(&found);
    if !owners {
        header.set_uid(0);
        header.set_gid(0);
    }
    let kind = found.file_type();
    if kind.is_symlink() {
        header.set_size(0);
        let target = std::fs::read_link(from).map_err(failed)?;
        return tar.append_link(&mut header, name, target).map_err(failed);
    }
    if kind.is_file() {
        let file = File::open(from).map_err(failed)?;
        return tar.append_data(&mut header, name, io::Read::take(file, found.len())).map_err(failed);
    }
    if !kind.is_dir() {
        return Err(Failure::Message(format!("{} is no file, directory or link", from.display())));
    }
    header.set_size(0);
    if !name.as_os_str().is_empty() {
        tar.append_data(&mut header, name, io::empty()).map_err(failed)?;
    }
    let mut entries: Vec<_> =
        std::fs::read_dir(from).map_err(failed)?.collect::<io::Result<_>>().map_err(failed)?;
    entries.sort_by_key(std::fs::DirEntry::file_name);
    entries.iter().try_for_each(|entry| append(tar, &entry.path(), &name.join(entry.file_name()), owners))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_side_is_a_container_unless_it_looks_like_a_path() {
        assert!(matches!(side("c:/x"), Side::There { container: "c", path: "/x" }));
        assert!(matches!(side("./c:/x"), Side::Here(_)));
        assert!(matches!(side("/a:b"), Side::Here(_)));
        assert!(matches!(side("file"), Side::Here(_)));
    }

    #[test]
    fn a_copy_goes_where_docker_puts_it() {
        let folder = tempfile::tempdir().unwrap();
        let at = |name: &str| folder.path().join(name);
        std::fs::create_dir(at("dir")).unwrap();
        std::fs::write(at("file"), "").unwrap();
        let place = |to: &str, directory, contents| Place::of(&at(to), directory, contents, "src").ok();
        let expected =
            |directory: PathBuf, name: Option<&str>| Some(Place { directory, name: name.map(PathBuf::from) });
        assert_eq!(place("dir", false, false), expected(at("dir"), Some("src")));
        assert_eq!(place("dir", true, true), expected(at("dir"), None));
        assert_eq!(place("new", false, false), expected(at(""), Some("new")));
        assert_eq!(place("file", false, false), expected(at(""), Some("file")));
        assert_eq!(place("file", true, false), None);
        assert_eq!(place("new/", false, false), None);
        assert_eq!(place("no/new", false, false), None);
        let renamed = Place { directory: PathBuf::new(), name: Some("new".into()) };
        assert_eq!(renamed.path(Path::new("src/a/b")), Some("new/a/b".into()));
        assert_eq!(renamed.path(Path::new("src/")), Some("new".into()));
    }
}
