//! Archives that try to reach outside of the root. Whatever they hold, nothing there changes.

use super::apply::apply_to;
use super::disk::walk;
use super::*;
use crate::layer::apply::flat;
use crate::layer::rooted::Root;
use crate::task::Task;

fn whiteout(path: &str) -> Entry {
    Entry { size: 0, ..file(path) }
}

/// Layers by what they try. `OUT` stands for the absolute path of the directory that has to stay as it is.
fn attacks(out: &str) -> Vec<(&'static str, Vec<Entry>)> {
    let inside_out = format!("{}/victim", out.trim_start_matches('/'));
    let far_up = format!("{}{}", "../".repeat(40), out.trim_start_matches('/'));
    vec![
        ("a file through `..`", vec![file("../outside/new")]),
        ("a file through `..` further in", vec![directory("a"), file("a/../../outside/new")]),
        ("an absolute path", vec![file(&format!("{out}/new"))]),
        ("a symlink to outside, then through it", vec![symlink("l", out), file("l/new"), file("l/victim")]),
        ("a relative symlink", vec![symlink("l", &far_up), file("l/new"), directory("l/sub")]),
        ("a symlink with /. at its end", vec![symlink("l", &format!("{out}/.")), file("l/./new")]),
        ("the root as a symlink (CVE-2021-29136)", vec![symlink(".", out), file("new")]),
        ("the root as a symlink, called /.", vec![symlink("/.", out), file("new")]),
        ("a directory over a symlink", vec![symlink("l", out), directory("l/"), file("l/new")]),
        (
            "the mode of what a symlink leads to",
            vec![symlink("l", out), Entry { mode: 0, ..directory("l/.") }],
        ),
        ("a file over a symlink to a file", vec![symlink("l", &format!("{out}/victim")), file("l")]),
        ("a hard link to outside", vec![hardlink("h", "../outside/victim"), file("h")]),
        ("an absolute hard link", vec![hardlink("h", &format!("{out}/victim")), file("h")]),
        ("a hard link through a symlink", vec![symlink("l", out), hardlink("h", "l/victim"), file("h")]),
        (
            "a hard link to a symlink, then through it",
            vec![symlink("l", out), hardlink("h", "l"), file("h/new"), Entry { mode: 0, ..file("h") }],
        ),
        ("a whiteout through a symlink", vec![symlink("l", out), whiteout("l/.wh.victim")]),
        ("a whiteout through `..`", vec![whiteout("../outside/.wh.victim")]),
        ("an opaque symlink", vec![symlink("l", out), whiteout("l/.wh..wh..opq")]),
        ("a whiteout of `..`", vec![directory("a"), whiteout("a/.wh...")]),
        ("a whiteout of `.`", vec![directory("a"), whiteout("a/.wh..")]),
        ("a whiteout of a symlink", vec![symlink("l", out), whiteout(".wh.l")]),
        ("a symlink chain", vec![symlink("a", "b"), symlink("b", "c"), symlink("c", out), file("a/new")]),
        (
            "magic links",
            vec![
                symlink("l", "/proc/self/root"),
                file(&format!("l{out}/new")),
                file(&format!("l/{inside_out}")),
            ],
        ),
        ("a FIFO through a symlink", vec![symlink("l", out), Entry::new("l/fifo", EntryKind::Fifo, 0o666)]),
        (
            "a device that is a directory",
            vec![Entry::new("null", EntryKind::CharDevice, 0o666), file("null/x")],
        ),
    ]
}

#[test]
fn nothing_outside_of_the_root_is_touched() {
    for walking in [false, true] {
        for overlay in [false, true] {
            let base = tempfile::tempdir().unwrap();
            let outside = base.path().join("outside");
            std::fs::DirBuilder::new().create(&outside).unwrap();
            let put = |path: &str, text: &str| {
                run("sh", &["-c", &format!("printf {text} > {path}")], &outside, b"")
            };
            put("victim", "whole");
            let before = walk(base.path());
            for (what, layer) in attacks(outside.to_str().unwrap()) {
                let root = base.path().join("root");
                std::fs::DirBuilder::new().create(&root).unwrap();
                let tar = tar_of(&layer);
                let task = Task::new().unwrap();
                let limits = Limits::default();
                let result = if overlay {
                    apply_overlay(&root, &[], &Tree::default(), tar.as_slice(), &limits, &task)
                } else if walking {
                    flat(Root::open_walking(&root).unwrap(), tar.as_slice(), &limits, &task)
                } else {
                    apply_to(&root, &tar)
                };
                if let Err(error) = result {
                    let expected = [ErrorKind::InvalidImage, ErrorKind::Unsupported];
                    assert!(expected.contains(&error.kind()), "{what}: {error}");
                }
                run("rm", &["-rf", "root"], base.path(), b"");
                let mut after = walk(base.path());
                // The directory that holds both changed with the root.
                after.get_mut(Path::new("")).unwrap().mtime = before[Path::new("")].mtime;
                assert_eq!(after, before, "{what}");
            }
        }
    }
}

#[test]
fn a_link_of_an_earlier_layer_leads_nowhere_either() {
    let base = tempfile::tempdir().unwrap();
    let outside = base.path().join("outside");
    let root = base.path().join("root");
    std::fs::DirBuilder::new().create(&outside).unwrap();
    std::fs::DirBuilder::new().create(&root).unwrap();
    apply_to(&root, &tar_of(&[symlink("l", outside.to_str().unwrap())])).unwrap();
    apply_to(&root, &tar_of(&[file("l/new"), whiteout("l/.wh.x"), directory("l/d")])).unwrap();
    assert_eq!(std::fs::read_dir(&outside).unwrap().count(), 0);
    let inside = root.join(outside.strip_prefix("/").unwrap());
    assert!(inside.join("new").is_file() && inside.join("d").is_dir());
}

#[test]
fn a_tree_as_deep_as_a_layer_likes_is_refused_or_removed_but_never_overflows() {
    let deep = "d/".repeat(1500);
    let root = tempfile::tempdir().unwrap();
    // It needs a descriptor for each level: there may be enough or not.
    let made = apply_to(root.path(), &tar_of(&[file(&format!("{deep}x")), whiteout(".wh.d")]));
    if let Err(error) = made {
        assert_eq!(error.kind(), ErrorKind::Io, "{error}");
    }
    run("rm", &["-rf", "d"], root.path(), b"");
}
