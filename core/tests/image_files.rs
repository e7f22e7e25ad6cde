//! Files of images, as far as no other language can see it: what is in memory, and what is read.
#![allow(clippy::unwrap_used, clippy::disallowed_methods, missing_docs)]

use std::io::{Read, Write};
use std::path::Path;

use layerkit::*;

/// A tar of one sparse file, `size` bytes of which only the last five are there, and a small file behind it.
fn sparse_tar(path: &Path, size: u64) {
    let mut tar = std::fs::File::create(path).unwrap();
    let mut put = |typeflag: u8, name: &str, content: &[u8]| {
        let mut block = [0u8; 512];
        block[..name.len()].copy_from_slice(name.as_bytes());
        block[100..107].copy_from_slice(b"0000644");
        block[108..115].copy_from_slice(b"0000000");
        block[116..123].copy_from_slice(b"0000000");
        block[124..135].copy_from_slice(format!("{:011o}", content.len()).as_bytes());
        block[136..147].copy_from_slice(b"00000000000");
        block[148..156].fill(b' ');
        block[156] = typeflag;
        block[257..263].copy_from_slice(b"ustar\0");
        block[263..265].copy_from_slice(b"00");
        let sum: u32 = block.iter().map(|byte| u32::from(*byte)).sum();
        block[148..155].copy_from_slice(format!("{sum:06o}\0").as_bytes());
        tar.write_all(&block).unwrap();
        tar.write_all(content).unwrap();
        tar.write_all(&vec![0; content.len().wrapping_neg() % 512]).unwrap();
    };
    let record = |key: &str, value: String| {
        let text = format!(" {key}={value}\n");
        let length = (text.len()..).find(|length| length.to_string().len() + text.len() == *length).unwrap();
        format!("{length}{text}")
    };
    let pax = [
        record("GNU.sparse.size", size.to_string()),
        record("GNU.sparse.numblocks", "1".to_owned()),
        record("GNU.sparse.map", format!("{},5", size - 5)),
    ];
    put(b'x', "pax", pax.concat().as_bytes());
    put(b'0', "large", b"hello");
    put(b'0', "small", b"behind\n");
    tar.write_all(&[0; 1024]).unwrap();
}

/// The most bytes that this process has had in memory.
fn peak() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find(|line| line.starts_with("VmHWM:")).unwrap();
    line.split_whitespace().nth(1).unwrap().parse::<u64>().unwrap() * 1024
}

#[test]
fn a_file_of_several_gigabytes_is_never_in_memory() {
    const SIZE: u64 = 3 << 30;
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("root.tar");
    sparse_tar(&path, SIZE);
    let options = EngineOptions { root: Some(folder.path().join("store")), ..EngineOptions::default() };
    let engine = Engine::open(&options).unwrap();
    let task = Task::new().unwrap();
    let id = engine.images_import(Source::Path(path), &ImportOptions::default(), &task).unwrap();

    let before = peak();
    let mut content = engine.image_open(&id, Path::new("/large"), &task).unwrap();
    assert_eq!(content.size(), SIZE);
    let (mut read, mut buffer, mut last) = (0, vec![0; 1 << 20], Vec::new());
    loop {
        let n = content.read(&mut buffer).unwrap();
        if n == 0 {
            break;
        }
        read += n as u64;
        last = buffer[..n].to_vec();
    }
    assert_eq!(read, SIZE);
    assert!(last.ends_with(b"hello"));
    let more = peak() - before;
    assert!(more < 64 << 20, "{more} bytes more were in memory");

    // Holes before a file cost nothing, and an engine that is closed does not close what was opened.
    let mut small = engine.image_open(&id, Path::new("/small"), &task).unwrap();
    engine.close();
    let mut text = String::new();
    small.read_to_string(&mut text).unwrap();
    assert_eq!(text, "behind\n");
    task.token().cancel();
    let mut left = Vec::new();
    let error = Error::io("read", content.read_to_end(&mut left).unwrap_err());
    assert_eq!(error.kind(), ErrorKind::Cancelled);
}

#[test]
fn names_that_are_not_utf_8_are_read_as_they_are_and_shown_as_far_as_they_can_be() {
    use std::os::unix::ffi::OsStrExt;
    let name = Path::new(std::ffi::OsStr::from_bytes(b"odd-\xff"));
    let folder = tempfile::tempdir().unwrap();
    let mut tar = tar::Builder::new(Vec::new());
    let mut header = tar::Header::new_gnu();
    header.set_size(1);
    header.set_mode(0o600);
    tar.append_data(&mut header, name, b"x".as_slice()).unwrap();
    let tar = std::io::Cursor::new(tar.into_inner().unwrap());
    let options = EngineOptions { root: Some(folder.path().join("store")), ..EngineOptions::default() };
    let engine = Engine::open(&options).unwrap();
    let task = Task::new().unwrap();
    let id = engine.images_import(Source::Stream(Box::new(tar)), &ImportOptions::default(), &task).unwrap();
    let files = engine.image_files(&id, &FilesOptions::default(), &task).unwrap();
    assert_eq!(files[1].path, Path::new("/").join(name));
    assert_eq!(serde_json::to_value(&files[1]).unwrap()["path"], "/odd-\u{fffd}");
    let mut content = Vec::new();
    engine.image_open(&id, name, &task).unwrap().read_to_end(&mut content).unwrap();
    assert_eq!(content, b"x");
}
