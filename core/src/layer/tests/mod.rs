//! What layers do, beyond what one module can show.

mod apply;
mod diff;
mod disk;
mod malicious;
mod read;
mod stack;
mod tree;

use std::io::{Read, Write};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use super::*;
use crate::config::Limits;
use crate::error::{ErrorKind, Result};

/// Runs a program that has to succeed, and gives what it prints.
fn run(program: &str, args: &[&str], directory: &Path, input: &[u8]) -> Vec<u8> {
    let mut child = Command::new(program)
        .args(args)
        .current_dir(directory)
        .env("LC_ALL", "C.UTF-8")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut stdin = child.stdin.take().unwrap();
    let input = input.to_vec();
    let feed = std::thread::spawn(move || drop(stdin.write_all(&input)));
    let output = child.wait_with_output().unwrap();
    feed.join().unwrap();
    assert!(output.status.success(), "{program} {args:?}: {}", String::from_utf8_lossy(&output.stderr));
    output.stdout
}

/// Every entry of a tar with its content, holes filled.
fn read_all(tar: &[u8]) -> Result<Vec<(Entry, Vec<u8>)>> {
    let mut reader = TarReader::new(tar, &Limits::default());
    let mut entries = Vec::new();
    while let Some(entry) = reader.next()? {
        let mut content = Vec::new();
        reader.read_to_end(&mut content).map_err(|error| crate::error::Error::io("read", error))?;
        entries.push((entry, content));
    }
    Ok(entries)
}

/// A tar of these entries; the content of files is `content` of their size.
fn tar_of(entries: &[Entry]) -> Vec<u8> {
    let mut writer = TarWriter::new(Vec::new());
    for entry in entries {
        writer.append(entry, &mut std::io::repeat(b'x').take(entry.size)).unwrap();
    }
    writer.finish().unwrap()
}

fn toc_of(entries: Vec<Entry>) -> Toc {
    Toc { entries }
}

fn file(path: &str) -> Entry {
    Entry { size: 3, ..Entry::new(path, EntryKind::File, 0o644) }
}

fn directory(path: &str) -> Entry {
    Entry::new(path, EntryKind::Directory, 0o755)
}

fn symlink(path: &str, target: &str) -> Entry {
    Entry { link: target.into(), ..Entry::new(path, EntryKind::Symlink, 0o777) }
}

fn hardlink(path: &str, target: &str) -> Entry {
    Entry { link: target.into(), ..Entry::new(path, EntryKind::Hardlink, 0o644) }
}
