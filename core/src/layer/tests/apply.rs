//! A layer on a plain directory: as the peer unpacks it, and what whiteouts do.

use std::os::unix::fs::{MetadataExt, symlink as make_symlink};

use super::disk::{assert_same, plain, read, walk};
use super::*;
use crate::layer::apply::flat;
use crate::layer::rooted::Root;
use crate::task::Task;

pub fn apply_to(root: &Path, tar: &[u8]) -> Result<()> {
    apply_flat(root, tar, &Limits::default(), &Task::new().unwrap())
}

/// A directory with these layers, and the same made without `openat2`, which has to be equal.
fn unpacked(layers: &[Vec<Entry>]) -> tempfile::TempDir {
    let (root, walked) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let task = Task::new().unwrap();
    for layer in layers {
        let tar = tar_of(layer);
        apply_to(root.path(), &tar).unwrap();
        let open = Root::open_walking(walked.path()).unwrap();
        flat(open, tar.as_slice(), &Limits::default(), &task).unwrap();
    }
    let without_root = |root: &Path| {
        let mut found = plain(root);
        found.remove(Path::new(""));
        found
    };
    assert_same(&without_root(root.path()), &without_root(walked.path()), "the walk");
    root
}

fn paths(root: &Path) -> Vec<String> {
    walk(root).keys().skip(1).map(|path| path.to_str().unwrap().to_owned()).collect()
}

#[test]
fn a_layer_unpacks_as_gnu_tar_unpacks_it() {
    let source = tempfile::tempdir().unwrap();
    let script = r#"
        mkdir -p a/b d; printf hello > a/b/c; ln a/b/c hard; ln -s ../x/y a/soft; mkfifo fifo
        mknod null c 1 3; mknod disk b 7 300; chmod 666 null
        printf secret > suid; chown 12:34 suid; chmod 6755 suid
        printf cap > cap; chmod 755 cap
        chmod 1777 d; chmod 500 a/b; chown -h 5:6 a/soft
        truncate -s 9000000 sparse; printf x | dd of=sparse conv=notrunc bs=1 seek=5000000 status=none
        python3 - <<'E'
import os,struct
os.setxattr('a','user.note',b'n\0te'); os.setxattr('suid','user.x',b'y'); os.setxattr('a/soft','trusted.t',b'1',follow_symlinks=False)
os.setxattr('cap','security.capability',struct.pack('<5I',0x02000001,1<<10,0,0,0))
E
        touch -h -d '2012-10-14 20:03:12.023960108 UTC' a/soft suid; touch -d '1965-01-01 UTC' d a/b a fifo
    "#;
    run("bash", &["-ec", script], source.path(), b"");
    for sparse in [&["--sparse"][..], &[]] {
        let args = [&["--format=pax", "--xattrs", "--xattrs-include=*", "-cf", "-"], sparse, &["."]].concat();
        let tar = run("tar", &args, source.path(), b"");
        let (ours, theirs) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        apply_to(ours.path(), &tar).unwrap();
        run("tar", &["--xattrs", "--xattrs-include=*", "-xpf", "-"], theirs.path(), &tar);
        assert_same(&plain(ours.path()), &plain(theirs.path()), "the peer");
        assert_same(&plain(ours.path()), &plain(source.path()), "the source");
        let found = walk(ours.path());
        let of = |path: &str| &found[Path::new(path)];
        assert_eq!(of("a/b/c").inode, of("hard").inode);
        assert_eq!(of("suid").mode, 0o6755);
        assert!(of("cap").xattrs.contains_key("security.capability".as_ref() as &std::ffi::OsStr));
        if !sparse.is_empty() {
            assert!(of("sparse").blocks < 100, "a sparse file stays sparse: {} blocks", of("sparse").blocks);
        }
    }
}

#[test]
fn a_whiteout_deletes_what_was_there_and_nothing_of_its_own_layer() {
    let lower = vec![directory("d"), file("d/a"), directory("d/s"), file("d/s/x"), file("f")];
    for (upper, left) in [
        (vec![file(".wh.d")], vec!["f"]),
        (vec![file(".wh.d"), directory("d"), file("d/n")], vec!["d", "d/n", "f"]),
        (vec![directory("d"), file("d/n"), file(".wh.d")], vec!["d", "d/n", "f"]),
        (vec![file("d/n"), file(".wh.d")], vec!["d", "d/n", "f"]),
        (vec![file("d/.wh..wh..opq"), file("d/n")], vec!["d", "d/n", "f"]),
        (vec![file("d/s/n"), file("d/.wh..wh..opq")], vec!["d", "d/s", "d/s/n", "f"]),
        (vec![hardlink("d/h", "f"), file(".wh.f"), file("d/.wh..wh..opq")], vec!["d", "d/h"]),
        (vec![file("d/.wh.none"), file("none/.wh.x")], vec!["d", "d/a", "d/s", "d/s/x", "f"]),
        (vec![file(".wh..wh..opq"), file("n")], vec!["n"]),
        (vec![file("f"), file(".wh.f")], vec!["d", "d/a", "d/s", "d/s/x", "f"]),
    ] {
        let root = unpacked(&[lower.clone(), upper.clone()]);
        assert_eq!(paths(root.path()), left, "{upper:?}");
    }
}

#[test]
fn directories_merge_and_all_else_is_replaced() {
    let mut marked = directory("m");
    marked.xattrs.insert("user.old".into(), b"1".to_vec());
    let root = unpacked(&[
        vec![marked, file("m/a"), directory("x"), file("x/deep"), symlink("l", "m"), file("f")],
        vec![
            Entry { mode: 0o700, uid: 3, ..directory("m") },
            file("m/b"),
            file("x"),
            directory("l"),
            file("l/own"),
            symlink("f", "m/a"),
        ],
    ]);
    assert_eq!(paths(root.path()), ["f", "l", "l/own", "m", "m/a", "m/b", "x"]);
    let found = walk(root.path());
    let m = &found[Path::new("m")];
    assert_eq!((m.mode, m.owner, m.xattrs.len()), (0o700, (3, 0), 0));
    assert_eq!(found[Path::new("l")].kind, EntryKind::Directory);
    assert_eq!(found[Path::new("f")].link, Path::new("m/a"));
    // A file that replaces another name of an inode leaves the others alone.
    let root = unpacked(&[
        vec![file("a"), hardlink("b", "a")],
        vec![Entry { size: 5, ..file("a") }, hardlink("a2", "a"), hardlink("a2", "a")],
    ]);
    let found = walk(root.path());
    assert_eq!((found[Path::new("a")].content.0, found[Path::new("b")].content.0), (5, 3));
    assert_eq!(found[Path::new("a")].inode, found[Path::new("a2")].inode);
}

#[test]
fn a_parent_that_is_not_listed_keeps_its_mode_and_its_time() {
    let mut tmp = Entry { mode: 0o1777, ..directory("tmp") };
    tmp.mtime.seconds = 1_000_000;
    let mut usr = directory("usr/lib");
    usr.mtime.seconds = 2_000_000;
    let root = unpacked(&[
        vec![tmp, usr, symlink("lib", "/usr/lib")],
        vec![
            file("tmp/a"),
            file("lib/new"),
            file("fresh/deep/x"),
            symlink("dangling", "made/here"),
            file("dangling/y"),
        ],
    ]);
    let found = walk(root.path());
    let of = |path: &str| &found[Path::new(path)];
    assert_eq!((of("tmp").mode, of("tmp").mtime), (0o1777, (1_000_000, 0)));
    assert_eq!((of("lib").kind, of("usr/lib/new").kind), (EntryKind::Symlink, EntryKind::File));
    assert_eq!(of("usr/lib").mtime, (2_000_000, 0));
    assert_eq!((of("fresh/deep").mode, of("fresh/deep").mtime, of("fresh").mtime), (0o755, (0, 0), (0, 0)));
    assert_eq!(of("made/here/y").kind, EntryKind::File);
}

#[test]
fn links_and_parents_that_make_no_sense_are_invalid() {
    for (layer, what) in [
        (vec![file("f"), file("f/x")], "f/x: a parent of it is not a directory"),
        (vec![hardlink("h", "none")], "h: it is a hard link to none, which is not there"),
        (vec![directory("d"), hardlink("h", "d")], "h: it is a hard link to d, which is a directory"),
        (vec![symlink("l", "l"), file("l/x")], "l/x: too many symbolic links are on the way to it"),
    ] {
        let root = tempfile::tempdir().unwrap();
        let error = apply_to(root.path(), &tar_of(&layer)).unwrap_err();
        assert_eq!((error.kind(), error.to_string().as_str()), (ErrorKind::InvalidImage, what));
        let error = flat(
            Root::open_walking(root.path()).unwrap(),
            tar_of(&layer).as_slice(),
            &Limits::default(),
            &Task::new().unwrap(),
        )
        .unwrap_err();
        assert_eq!(error.to_string(), what);
    }
}

#[test]
fn a_file_system_without_extended_attributes_is_tolerated_and_said() {
    // ramfs has none.
    let root = tempfile::tempdir().unwrap();
    let mut marked = file("marked");
    marked.xattrs.insert("user.x".into(), b"1".to_vec());
    marked.xattrs.insert("nonsense".into(), b"1".to_vec());
    let warnings = std::sync::Arc::new(std::sync::Mutex::new(Vec::new()));
    let seen = warnings.clone();
    let task = Task::new().unwrap().on_event(move |event| {
        seen.lock().unwrap().push(format!("{event:?}"));
        Ok(())
    });
    apply_flat(root.path(), tar_of(&[marked]).as_slice(), &Limits::default(), &task).unwrap();
    assert_eq!(read(&root.path().join("marked")), b"xxx");
    let warnings = warnings.lock().unwrap();
    assert!(warnings.len() == 1 && warnings[0].contains("1 extended attributes"), "{warnings:?}");
}

#[test]
fn a_cancelled_task_stops_in_the_middle() {
    let root = tempfile::tempdir().unwrap();
    let task = Task::new().unwrap();
    task.token().cancel();
    let error =
        apply_flat(root.path(), tar_of(&[file("a")]).as_slice(), &Limits::default(), &task).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Cancelled);
}

#[test]
fn the_walk_and_openat2_resolve_alike() {
    let root = tempfile::tempdir().unwrap();
    let outside = tempfile::tempdir().unwrap();
    let at = |path: &str| root.path().join(path);
    std::fs::DirBuilder::new().recursive(true).create(at("a/b/c")).unwrap();
    make_symlink("/a", at("abs")).unwrap();
    make_symlink("../../../../../a/b", at("a/up")).unwrap();
    make_symlink("/proc/self/root", at("magic")).unwrap();
    make_symlink(outside.path(), at("out")).unwrap();
    make_symlink("loop", at("loop")).unwrap();
    make_symlink(".", at("dot")).unwrap();
    std::os::unix::fs::chown(at("a"), Some(0), Some(0)).unwrap();
    let (one, other) = (Root::open(root.path()).unwrap(), Root::open_walking(root.path()).unwrap());
    for path in [
        "",
        ".",
        "a",
        "a/b/c",
        "abs",
        "abs/b",
        "a/up/c",
        "abs/up/../b",
        "..",
        "../..",
        "a/../../a",
        "magic",
        "out",
        "loop",
        "dot/dot/a",
        "none",
        "a/none/x",
        "abs/../../../a",
        "/a/b",
    ] {
        let inode = |root: &Root| {
            root.directory(Path::new(path)).map(|directory| rustix::fs::fstat(directory).unwrap().st_ino)
        };
        assert_eq!(inode(&one), inode(&other), "{path}");
        if let Ok(inode) = inode(&one) {
            assert_ne!(inode, std::fs::metadata(outside.path()).unwrap().ino());
        }
    }
}
