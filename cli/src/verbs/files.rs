//! `ls`, `cat` and `diff`: an image as a file system, without unpacking it.

use std::collections::BTreeMap;
use std::ffi::OsStr;
use std::io;
use std::os::fd::AsFd;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

use jiff::Timestamp;
use jiff::tz::TimeZone;
use layerkit::{ChangeKind, FileChange, FileKind, FilesOptions, ImageDiffOptions, ImageFile, Target};
use serde_json::{Value, json};

use super::{Context, Verb};
use crate::failure::Outcome;
use crate::flags::{Arity, Syntax, Words, switch, valued};
use crate::output;
use crate::progress::task;
use crate::render::listing::listing;

pub const LS: Verb = Verb {
    syntax: Syntax {
        name: "ls",
        usage: "[OPTIONS] IMAGE [PATH]",
        about: "List the files of an image",
        flags: &[
            valued("format", ' ', "string", "Pretty-print files using a Go template"),
            switch("long", 'l', "Show type, mode, names, owner, group, size and time (UTC) as well"),
            switch("recursive", 'R', "List what is in directories, too"),
        ],
        arity: Arity::Between(1, 2),
    },
    run: ls,
};

pub const CAT: Verb = Verb {
    syntax: Syntax {
        name: "cat",
        usage: "IMAGE PATH [PATH...]",
        about: "Write files of an image to standard output",
        flags: &[],
        arity: Arity::AtLeast(2),
    },
    run: cat,
};

pub const DIFF: Verb = Verb {
    syntax: Syntax {
        name: "diff",
        usage: "[OPTIONS] CONTAINER | IMAGE OTHER",
        about: "Show which files a container has added (A), changed (C) or deleted (D), or an image compared with another",
        flags: &[
            valued("format", ' ', "string", "Pretty-print changes using a Go template"),
            switch("mtime", ' ', "Count a file whose time alone is another as changed"),
        ],
        arity: Arity::Between(1, 2),
    },
    run: diff,
};

/// Fields of a file behind `--format`, and their headers.
const FILE_HEADERS: &[(&str, &str)] = &[
    ("Device", "DEVICE"),
    ("GID", "GID"),
    ("Layer", "LAYER"),
    ("Links", "LINKS"),
    ("ModTime", "MODIFIED"),
    ("Mode", "MODE"),
    ("Name", "NAME"),
    ("Path", "PATH"),
    ("Size", "SIZE"),
    ("Target", "TARGET"),
    ("Type", "TYPE"),
    ("UID", "UID"),
];

const CHANGE_HEADERS: &[(&str, &str)] = &[("Kind", "CHANGE"), ("Path", "PATH")];

/// The template that a user gave; `table` by itself is the usual look.
fn given_format(words: &Words) -> Outcome<Option<String>> {
    Ok(words.text("format")?.filter(|format| !format.is_empty() && format != "table"))
}

fn ls(context: &Context, _syntax: &Syntax, words: &Words) -> Outcome {
    let options = FilesOptions {
        path: words.arguments.get(1).map_or_else(|| PathBuf::from("/"), PathBuf::from),
        recursive: words.is_on("recursive"),
        // As in ls(1): the long form shows a link itself.
        follow: !words.is_on("long"),
    };
    let format = given_format(words)?;
    let files = context.engine()?.image_files(&words.name(0)?, &options, &task()?)?;
    if let Some(format) = format {
        let rows: Vec<Value> = below(&files).iter().map(file_row).collect();
        return Ok(output::text(&listing(&format, FILE_HEADERS, &rows)?)?);
    }
    let shown = Shown { long: words.is_on("long"), mask: output::is_terminal() };
    Ok(output::bytes(&match options.recursive {
        true => shown.directories(&files),
        false => shown.lines(below(&files)),
    })?)
}

/// Without the directory that was asked for, which comes first.
fn below(files: &[ImageFile]) -> &[ImageFile] {
    match files {
        [top, below @ ..] if top.kind == FileKind::Directory => below,
        files => files,
    }
}

/// How files are shown.
struct Shown {
    /// With all attributes.
    long: bool,
    /// Control characters in names as `?`: on a terminal they could do anything.
    mask: bool,
}

impl Shown {
    /// Each directory with what is in it under its name, as `ls -R` has it.
    fn directories(&self, files: &[ImageFile]) -> Vec<u8> {
        let Some(top) = files.first().filter(|top| top.kind == FileKind::Directory) else {
            return self.lines(files);
        };
        let mut directories: BTreeMap<&Path, Vec<&ImageFile>> =
            BTreeMap::from([(top.path.as_path(), Vec::new())]);
        for file in below(files) {
            if let Some(parent) = file.path.parent() {
                directories.entry(parent).or_default().push(file);
            }
            if file.kind == FileKind::Directory {
                directories.entry(&file.path).or_default();
            }
        }
        let mut text = Vec::new();
        for (path, files) in directories {
            if !text.is_empty() {
                text.push(b'\n');
            }
            text.extend(self.name(path.as_os_str()));
            text.extend(b":\n");
            text.extend(self.lines(files));
        }
        text
    }

    /// A line for each file.
    fn lines<'a>(&self, files: impl IntoIterator<Item = &'a ImageFile> + Clone) -> Vec<u8> {
        let mut text = Vec::new();
        let widths = if self.long { widths(files.clone()) } else { [0; COLUMNS] };
        for file in files {
            if self.long {
                for (cell, width) in columns(file).iter().zip(widths) {
                    text.extend(format!("{cell:>width$} ").into_bytes());
                }
            }
            text.extend(self.name(file.path.file_name().unwrap_or(file.path.as_os_str())));
            if let Some(target) = file.target.as_ref().filter(|_| self.long) {
                text.extend(b" -> ");
                text.extend(self.name(target.as_os_str()));
            }
            text.push(b'\n');
        }
        text
    }

    fn name(&self, name: &OsStr) -> Vec<u8> {
        let bytes = name.as_bytes();
        let masked = |byte: &u8| if self.mask && byte.is_ascii_control() { b'?' } else { *byte };
        bytes.iter().map(masked).collect()
    }
}

/// Columns in front of the name: mode, names, owner, group, size, time.
const COLUMNS: usize = 6;

fn columns(file: &ImageFile) -> [String; COLUMNS] {
    let size = match file.device {
        Some((major, minor)) => format!("{major}, {minor}"),
        None => file.size.to_string(),
    };
    [
        mode(file),
        file.links.to_string(),
        file.uid.to_string(),
        file.gid.to_string(),
        size,
        utc(file.mtime, "%Y-%m-%d %H:%M"),
    ]
}

fn widths<'a>(files: impl IntoIterator<Item = &'a ImageFile>) -> [usize; COLUMNS] {
    let mut widths = [0; COLUMNS];
    for file in files {
        for (width, cell) in widths.iter_mut().zip(columns(file)) {
            *width = cell.len().max(*width);
        }
    }
    widths
}

/// Type and permissions as `ls -l` has them: `drwxr-sr-x`.
fn mode(file: &ImageFile) -> String {
    let kind = match file.kind {
        FileKind::File => '-',
        FileKind::Directory => 'd',
        FileKind::Symlink => 'l',
        FileKind::CharDevice => 'c',
        FileKind::BlockDevice => 'b',
        FileKind::Fifo => 'p',
    };
    let mut text = String::from(kind);
    for (shift, special, letter) in [(6, 0o4000, 's'), (3, 0o2000, 's'), (0, 0o1000, 't')] {
        let bits = file.mode >> shift;
        text.push(if bits & 4 != 0 { 'r' } else { '-' });
        text.push(if bits & 2 != 0 { 'w' } else { '-' });
        text.push(match (file.mode & special != 0, bits & 1 != 0) {
            (true, true) => letter,
            (true, false) => letter.to_ascii_uppercase(),
            (false, true) => 'x',
            (false, false) => '-',
        });
    }
    text
}

/// A time in UTC, in this form of strftime; the number where there is no such time.
fn utc(seconds: i64, form: &str) -> String {
    match Timestamp::from_second(seconds) {
        Ok(time) => time.to_zoned_datetime(TimeZone::UTC).strftime(form).to_string(),
        Err(_) => seconds.to_string(),
    }
}

fn file_row(file: &ImageFile) -> Value {
    json!({
        "Device": file.device.map(|(major, minor)| format!("{major}, {minor}")).unwrap_or_default(),
        "GID": file.gid,
        "Layer": file.layer,
        "Links": file.links,
        "ModTime": utc(file.mtime, "%Y-%m-%dT%H:%M:%SZ"),
        "Mode": mode(file),
        "Name": file.path.file_name().unwrap_or(file.path.as_os_str()).to_string_lossy(),
        "Path": file.path.to_string_lossy(),
        "Size": file.size,
        "Target": file.target.as_ref().map(|target| target.to_string_lossy()).unwrap_or_default(),
        "Type": file.kind,
        "UID": file.uid,
    })
}

fn cat(context: &Context, _syntax: &Syntax, words: &Words) -> Outcome {
    let (engine, image, task) = (context.engine()?, words.name(0)?, task()?);
    for path in &words.arguments[1..] {
        let target = Target::Fd(io::stdout().as_fd().try_clone_to_owned()?);
        engine.image_read(&image, Path::new(path), target, &task)?;
    }
    Ok(())
}

fn diff(context: &Context, _syntax: &Syntax, words: &Words) -> Outcome {
    let options = ImageDiffOptions { mtime: words.is_on("mtime") };
    let format = given_format(words)?;
    let (engine, task) = (context.engine()?, task()?);
    let changes = match words.arguments.len() {
        1 => engine.container_diff(&words.name(0)?, &task)?,
        _ => engine.image_diff(&words.name(0)?, &words.name(1)?, &options, &task)?,
    };
    match format {
        Some(format) => {
            let rows: Vec<Value> = changes.iter().map(change_row).collect();
            Ok(output::text(&listing(&format, CHANGE_HEADERS, &rows)?)?)
        }
        None => Ok(output::bytes(&change_lines(&changes, output::is_terminal()))?),
    }
}

fn letter(kind: ChangeKind) -> &'static str {
    match kind {
        ChangeKind::Added => "A",
        ChangeKind::Changed => "C",
        ChangeKind::Deleted => "D",
    }
}

fn change_row(change: &FileChange) -> Value {
    json!({ "Kind": letter(change.kind), "Path": change.path.to_string_lossy() })
}

/// What docker diff shows of changes: a letter and a path.
fn change_lines(changes: &[FileChange], mask: bool) -> Vec<u8> {
    let shown = Shown { long: false, mask };
    let line = |change: &FileChange| {
        [letter(change.kind).as_bytes(), b" ", &shown.name(change.path.as_os_str()), b"\n"].concat()
    };
    changes.iter().flat_map(line).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn file(path: &str, kind: FileKind, mode: u32) -> ImageFile {
        ImageFile {
            path: path.into(),
            kind,
            mode,
            uid: 0,
            gid: 0,
            size: 0,
            mtime: 1_000_000_000,
            mtime_nanoseconds: 0,
            links: 1,
            target: None,
            device: None,
            layer: None,
        }
    }

    #[test]
    fn a_long_list_has_the_columns_of_ls() {
        let files = [
            ImageFile { size: 12345, links: 2, uid: 1000, ..file("/d/set", FileKind::File, 0o4755) },
            file("/d/tmp", FileKind::Directory, 0o1777),
            ImageFile { device: Some((1, 3)), ..file("/d/null", FileKind::CharDevice, 0o666) },
            ImageFile { target: Some("../x".into()), size: 4, ..file("/d/link", FileKind::Symlink, 0o777) },
            file("/d/odd\n", FileKind::Fifo, 0o7000),
        ];
        let text = Shown { long: true, mask: true }.lines(&files);
        assert_eq!(
            String::from_utf8_lossy(&text),
            "-rwsr-xr-x 2 1000 0 12345 2001-09-09 01:46 set\n\
             drwxrwxrwt 1    0 0     0 2001-09-09 01:46 tmp\n\
             crw-rw-rw- 1    0 0  1, 3 2001-09-09 01:46 null\n\
             lrwxrwxrwx 1    0 0     4 2001-09-09 01:46 link -> ../x\n\
             p--S--S--T 1    0 0     0 2001-09-09 01:46 odd?\n"
        );
    }

    #[test]
    fn a_recursive_list_has_a_part_for_each_directory() {
        let directory = |path| file(path, FileKind::Directory, 0o755);
        let files = [directory("/"), directory("/a"), file("/a/x", FileKind::File, 0o644), directory("/b")];
        let text = Shown { long: false, mask: false }.directories(&files);
        assert_eq!(String::from_utf8_lossy(&text), "/:\na\nb\n\n/a:\nx\n\n/b:\n");
        let alone = Shown { long: false, mask: false }.directories(&files[2..3]);
        assert_eq!(String::from_utf8_lossy(&alone), "x\n");
    }

    #[test]
    fn changes_are_letters_and_paths() {
        let change = |path: &str, kind| FileChange { path: path.into(), kind };
        let changes = [
            change("/a", ChangeKind::Added),
            change("/c", ChangeKind::Changed),
            change("/d", ChangeKind::Deleted),
        ];
        assert_eq!(String::from_utf8_lossy(&change_lines(&changes, true)), "A /a\nC /c\nD /d\n");
    }
}
