//! Tars of other programs are read right, and wrong ones are refused.
#![allow(clippy::disallowed_methods)] // makes and moves files by hand

use std::collections::BTreeMap;

use super::*;

/// A tree with all that a tar can say: long names and links, times, sparse files, devices.
fn sample(directory: &Path, long: bool) {
    let script = r#"
        set -e
        mkdir -p a/b; printf hello > a/b/c; printf '' > empty; ln a/b/c hard; ln -s /a/./b/../b/c soft
        chmod 4755 a/b/c; chmod 1777 a; chown 12:34 empty; mkfifo fifo
        mknod null c 1 3; mknod loop b 7 300
        truncate -s 3000000 sparse; printf start | dd of=sparse conv=notrunc status=none
        printf middle | dd of=sparse conv=notrunc bs=1 seek=1000000 status=none
        printf x > "with space ü"
        touch -d @1350244992 a/b/c; touch -d @0 empty
    "#;
    run("sh", &["-c", script], directory, b"");
    if long {
        let script = r#"
            d=$(printf 'd%.0s' $(seq 150)); mkdir -p $d/$d; printf deep > $d/$d/file
            f=$(printf 'f%.0s' $(seq 200)); printf long > $f
            ln -s $d/$d/file longlink; ln $d/$d/file longhard
            i=0; truncate -s 4000000 holes
            while [ $i -lt 40 ]; do printf data | dd of=holes conv=notrunc bs=1 seek=$((i*100000)) status=none; i=$((i+1)); done
            touch -d '1969-12-31 23:59:58.25 UTC' old; touch -d @1350244992.023960108 fine
            setfattr -n user.note -v 'a=b
c' fine 2>/dev/null || python3 -c "import os; os.setxattr('fine','user.note',b'a=b\nc')"
        "#;
        run("bash", &["-c", script], directory, b"");
    }
}

/// What the file system says, as a tar of it should.
fn on_disk(root: &Path) -> BTreeMap<PathBuf, (u32, u64, Option<Vec<u8>>)> {
    use std::os::unix::fs::MetadataExt;
    let mut found = BTreeMap::new();
    let mut todo = vec![root.to_owned()];
    while let Some(path) = todo.pop() {
        let metadata = std::fs::symlink_metadata(&path).unwrap();
        if metadata.is_dir() {
            todo.extend(std::fs::read_dir(&path).unwrap().map(|entry| entry.unwrap().path()));
        }
        let content = metadata.is_file().then(|| std::fs::read(&path).unwrap());
        let size = if metadata.is_file() { metadata.len() } else { 0 };
        found.insert(path.strip_prefix(root).unwrap().to_owned(), (metadata.mode() & 0o7777, size, content));
    }
    found
}

fn check_against_disk(root: &Path, tar: &[u8], what: &str) {
    let expected = on_disk(root);
    let entries = read_all(tar).unwrap_or_else(|error| panic!("{what}: {error}"));
    let mut bodies: BTreeMap<PathBuf, Vec<u8>> = BTreeMap::new();
    let mut seen = 0;
    for (entry, content) in &entries {
        let body = match entry.kind {
            EntryKind::Hardlink => {
                bodies.get(&entry.link).unwrap_or_else(|| panic!("{what}: {entry:?}")).clone()
            }
            _ => content.clone(),
        };
        let (mode, size, on_disk) =
            expected.get(&entry.path).unwrap_or_else(|| panic!("{what}: {:?}", entry.path));
        if entry.kind != EntryKind::Symlink {
            assert_eq!(entry.mode, *mode, "{what}: {:?}", entry.path);
        }
        if let Some(on_disk) = on_disk {
            assert!(body == *on_disk, "{what}: {:?}", entry.path);
            if entry.kind == EntryKind::File {
                assert_eq!(entry.size, *size, "{what}: {:?}", entry.path);
            }
        }
        bodies.insert(entry.path.clone(), body);
        seen += 1;
    }
    assert_eq!(seen, expected.len(), "{what}");
    let by_path = |path: &str| {
        &entries
            .iter()
            .find(|(entry, _)| entry.path == Path::new(path))
            .unwrap_or_else(|| panic!("{what}: {path}"))
            .0
    };
    assert_eq!(by_path("soft").link, Path::new("/a/./b/../b/c"), "{what}");
    assert_eq!((by_path("empty").uid, by_path("empty").gid), (12, 34), "{what}");
    assert_eq!(by_path("empty").mtime, Timestamp::default(), "{what}");
    assert_eq!(by_path("fifo").kind, EntryKind::Fifo, "{what}");
    if !what.contains("v7") {
        assert_eq!((by_path("null").kind, by_path("null").device), (EntryKind::CharDevice, (1, 3)), "{what}");
        assert_eq!(
            (by_path("loop").kind, by_path("loop").device),
            (EntryKind::BlockDevice, (7, 300)),
            "{what}"
        );
    }
}

#[test]
fn gnu_tar_in_every_format_reads_as_the_tree_it_was_made_of() {
    let root = tempfile::tempdir().unwrap();
    sample(root.path(), false);
    for format in ["ustar", "v7", "oldgnu", "gnu", "pax"] {
        let format_arg = format!("--format={format}");
        let mut args = vec![format_arg.as_str(), "-cf", "-"];
        if format == "v7" {
            args.extend(["--exclude=fifo", "--exclude=null", "--exclude=loop"]);
        }
        args.push(".");
        let tar = run("tar", &args, root.path(), b"");
        if format == "v7" {
            let entries = read_all(&tar).unwrap();
            assert!(
                entries
                    .iter()
                    .any(|(entry, _)| entry.path == Path::new("a/b") && entry.kind == EntryKind::Directory)
            );
        } else {
            check_against_disk(root.path(), &tar, format);
        }
    }
}

#[test]
fn long_names_and_sparse_files_of_gnu_tar_read_as_they_are() {
    let root = tempfile::tempdir().unwrap();
    sample(root.path(), true);
    for args in [
        &["--format=gnu"][..],
        &["--format=pax"],
        &["--format=gnu", "--sparse"],
        &["--format=oldgnu", "--sparse"],
        &["--format=pax", "--sparse", "--sparse-version=0.0"],
        &["--format=pax", "--sparse", "--sparse-version=0.1"],
        &["--format=pax", "--sparse", "--sparse-version=1.0"],
    ] {
        let mut args = args.to_vec();
        args.extend(["--xattrs", "-cf", "-", "."]);
        if !args.contains(&"--format=pax") {
            args.retain(|arg| *arg != "--xattrs");
        }
        let tar = run("tar", &args, root.path(), b"");
        check_against_disk(root.path(), &tar, &args.join(" "));
        let entries = read_all(&tar).unwrap();
        let by_path =
            |path: &str| entries.iter().find(|(entry, _)| entry.path == Path::new(path)).unwrap().0.clone();
        if args.contains(&"--format=pax") {
            assert_eq!(by_path("fine").mtime, Timestamp { seconds: 1350244992, nanoseconds: 23960108 });
            assert_eq!(by_path("fine").xattrs["user.note".as_ref() as &std::ffi::OsStr], b"a=b\nc");
            assert_eq!(by_path("old").mtime, Timestamp { seconds: -2, nanoseconds: 250_000_000 });
        } else {
            assert_eq!(by_path("fine").mtime.seconds, 1350244992);
        }
        if args.contains(&"--sparse") {
            let mut reader = TarReader::new(tar.as_slice(), &Limits::default());
            while let Some(entry) = reader.next().unwrap() {
                if entry.path == Path::new("sparse") {
                    let mut data = 0;
                    while let Some((_, bytes)) = reader.chunk().unwrap() {
                        data += bytes.len();
                    }
                    assert!(data < 100_000, "{args:?}: holes are left out, {data}");
                }
            }
        }
    }
}

#[test]
fn pythons_tarfile_reads_as_it_was_written() {
    let root = tempfile::tempdir().unwrap();
    sample(root.path(), true);
    for format in ["GNU_FORMAT", "PAX_FORMAT"] {
        let script = format!(
            "import sys,tarfile\nt=tarfile.open(fileobj=sys.stdout.buffer,mode='w|',format=tarfile.{format})\nt.add('.',arcname='/')\nt.close()"
        );
        let tar = run("python3", &["-c", &script], root.path(), b"");
        check_against_disk(root.path(), &tar, format);
    }
    let big = "import sys,tarfile\nt=tarfile.open(fileobj=sys.stdout.buffer,mode='w|',format=tarfile.GNU_FORMAT)\ni=tarfile.TarInfo('big');i.uid=3000000000;i.mtime=-5\nt.addfile(i)\nt.close()";
    let tar = run("python3", &["-c", big], root.path(), b"");
    let entry = &read_all(&tar).unwrap()[0].0;
    assert_eq!((entry.uid, entry.mtime.seconds), (3_000_000_000, -5));
}

#[test]
fn what_is_written_is_read_by_gnu_tar_and_by_us() {
    let long = format!("{}/{}", "p".repeat(120), "n".repeat(90));
    let longer = format!("{}/{}", "p".repeat(160), "n".repeat(150));
    let mut odd = file("ü with\nnewline");
    odd.uid = 3_000_000_000;
    odd.gid = 0o10_000_001;
    odd.mtime.seconds = -77;
    odd.xattrs.insert("user.x".into(), b"\0\n=".to_vec());
    let mut device = Entry::new("dev", EntryKind::BlockDevice, 0o660);
    device.device = (259, 70_000);
    let entries = vec![
        directory(""),
        directory("d"),
        file("d/f"),
        hardlink("d/h", "d/f"),
        symlink("s", &"t/".repeat(90)),
        file(&long),
        directory(&longer),
        hardlink("far", &long),
        Entry::new("pipe", EntryKind::Fifo, 0o600),
        device,
        Entry { size: 100_000, mode: 0o6711, ..file("large") },
        Entry { size: 0, ..odd },
    ];
    let tar = tar_of(&entries);
    let read: Vec<Entry> = read_all(&tar).unwrap().into_iter().map(|(entry, _)| entry).collect();
    assert_eq!(read, entries);
    let listed = run("tar", &["--quoting-style=literal", "--format=pax", "-tf", "-"], Path::new("/"), &tar);
    let listed = String::from_utf8(listed).unwrap();
    for entry in &entries[1..11] {
        let path = entry.path.to_str().unwrap();
        assert!(listed.lines().any(|line| line.trim_end_matches('/') == path), "{path}: {listed}");
    }
    assert_eq!(tar, tar_of(&entries));
}

#[test]
fn a_tar_that_is_cut_off_anywhere_is_refused() {
    let root = tempfile::tempdir().unwrap();
    sample(root.path(), true);
    for args in [&["--format=gnu", "--sparse"][..], &["--format=pax", "--sparse"]] {
        let tar = run("tar", &[args, &["-b1", "-cf", "-", "."]].concat(), root.path(), b"");
        assert!(read_all(&tar).is_ok());
        // One block of zeros is enough of an end.
        for length in (0..tar.len() - 1024).step_by(171).chain(tar.len() - 1500..tar.len() - 1023) {
            let error = read_all(&tar[..length]).unwrap_err();
            assert_eq!(error.kind(), ErrorKind::InvalidImage, "{length}: {error}");
        }
    }
}

#[test]
fn damage_never_panics_and_is_called_invalid_image() {
    let root = tempfile::tempdir().unwrap();
    sample(root.path(), true);
    let tar = run("tar", &["--format=pax", "--sparse", "--xattrs", "-cf", "-", "."], root.path(), b"");
    let mut state = 1u64;
    for _ in 0..2000 {
        let mut bad = tar.clone();
        for _ in 0..3 {
            state = state.wrapping_mul(6364136223846793005).wrapping_add(1442695040888963407);
            let at = (state >> 33) as usize % bad.len();
            bad[at] = (state >> 20) as u8;
        }
        if let Err(error) = read_all(&bad) {
            assert_eq!(error.kind(), ErrorKind::InvalidImage, "{error}");
        }
    }
}

#[test]
fn what_breaks_the_rules_is_refused_with_the_name_of_the_entry() {
    let overlay = |name: &str| {
        let mut entry = file("marked");
        entry.xattrs.insert(name.into(), b"y".to_vec());
        entry
    };
    for (entry, name, what) in [
        (file("../up"), "../up", "out of the image"),
        (file("a/../../up"), "a/../../up", "out of the image"),
        (hardlink("h", "../../etc/passwd"), "h", "out of the image"),
        (file("a/.wh."), "a/.wh.", "hides nothing"),
        (file(".wh..."), ".wh...", "hides nothing"),
        (file(".wh.d/x"), ".wh.d/x", "whiteout"),
        (file(""), ".", "root"),
        (overlay("trusted.overlay.opaque"), "marked", "overlay"),
        (overlay("user.overlay.redirect"), "marked", "overlay"),
        (symlink("s", ""), "s", "target"),
    ] {
        let mut entry = entry;
        entry.size = 0;
        let error = read_all(&tar_of(&[directory("ok"), entry])).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::InvalidImage);
        let text = error.to_string();
        assert!(text.starts_with(&format!("{name}: ")) && text.contains(what), "{text}");
    }
    for bad in [&b""[..], &[7; 512], &[b'a'; 100]] {
        assert_eq!(read_all(bad).unwrap_err().kind(), ErrorKind::InvalidImage);
    }
}

#[test]
fn limits_stop_a_layer_and_say_so() {
    let tar = tar_of(&[file("a"), file("b"), Entry { size: 5000, ..file("long/path/of/c") }]);
    for limits in [
        Limits { entries: 2, ..Limits::default() },
        Limits { layer_size: 4000, ..Limits::default() },
        Limits { path_length: 10, ..Limits::default() },
    ] {
        let error = scan(tar.as_slice(), &limits, &mut || Ok(())).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::InvalidImage);
        assert!(error.to_string().contains("limit") && error.to_string().starts_with("long/"), "{error}");
    }
}

#[test]
fn the_padding_behind_the_end_is_read_and_aufs_files_are_left_out() {
    let mut tar =
        tar_of(&[directory(".wh..wh.plnk"), file(".wh..wh.plnk/1.2"), file(".wh..wh.aufs"), file("a")]);
    tar.extend([0; 10_000]);
    let mut rest = tar.as_slice();
    let mut reader = TarReader::new(&mut rest, &Limits::default());
    assert_eq!(reader.next().unwrap().unwrap().path, Path::new("a"));
    assert!(reader.next().unwrap().is_none() && reader.next().unwrap().is_none());
    drop(reader);
    assert!(rest.is_empty());
}

#[test]
fn a_table_of_contents_survives_the_way_through_bytes_and_garbage_is_refused() {
    let root = tempfile::tempdir().unwrap();
    sample(root.path(), true);
    let tar = run("tar", &["--format=pax", "--xattrs", "-cf", "-", "."], root.path(), b"");
    let toc = scan(tar.as_slice(), &Limits::default(), &mut || Ok(())).unwrap();
    assert_eq!(toc.entries, read_all(&tar).unwrap().into_iter().map(|(entry, _)| entry).collect::<Vec<_>>());
    let bytes = toc.to_bytes().unwrap();
    assert_eq!(Toc::from_bytes(&bytes).unwrap(), toc);
    assert_eq!(Toc::from_bytes(&Toc::default().to_bytes().unwrap()).unwrap(), Toc::default());
    for length in 0..bytes.len() {
        Toc::from_bytes(&bytes[..length]).unwrap_err();
    }
    for at in 0..bytes.len() {
        let mut bad = bytes.clone();
        bad[at] ^= 0x41;
        drop(Toc::from_bytes(&bad));
    }
    let many = Toc {
        entries: (0..50_000).map(|i| file(&format!("usr/share/package-{}/file-{i}", i / 20))).collect(),
    };
    let bytes = many.to_bytes().unwrap();
    assert!(bytes.len() < 50_000 * 8, "{}", bytes.len());
    assert_eq!(Toc::from_bytes(&bytes).unwrap(), many);
}
