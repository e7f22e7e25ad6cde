//! The merged view of a stack.

use super::*;

fn stack(layers: Vec<Vec<Entry>>) -> Tree {
    let mut tree = Tree::default();
    for (i, entries) in layers.into_iter().enumerate() {
        tree.apply(i as u32, &toc_of(entries)).unwrap();
    }
    tree
}

fn paths(tree: &Tree) -> Vec<String> {
    tree.walk(Path::new("")).map(|node| node.entry.path.to_str().unwrap().to_owned()).collect()
}

#[test]
fn upper_layers_add_replace_and_merge() {
    let tree = stack(vec![
        vec![directory("d"), file("d/a"), file("d-x"), directory("gone"), file("gone/x")],
        vec![Entry { mode: 0o700, ..directory("d") }, file("d/b"), symlink("gone", "d")],
    ]);
    assert_eq!(paths(&tree), ["", "d", "d/a", "d/b", "d-x", "gone"]);
    let node = |path: &str| tree.get(Path::new(path)).unwrap();
    assert_eq!((node("d").layer, node("d").entry.mode), (1, 0o700));
    assert_eq!((node("d/a").layer, node("d/b").layer), (0, 1));
    assert_eq!(tree.children(Path::new("")).collect::<Vec<_>>(), ["d", "d-x", "gone"]);
    assert_eq!(tree.children(Path::new("d")).collect::<Vec<_>>(), ["a", "b"]);
    assert_eq!(tree.children(Path::new("d/a")).count(), 0);
}

#[test]
fn a_whiteout_hides_lower_entries_only_wherever_it_stands() {
    let lower = || vec![directory("d"), file("d/a"), directory("d/s"), file("d/s/x"), file("f")];
    for (upper, left) in [
        (vec![file(".wh.d")], vec!["", "f"]),
        (vec![file(".wh.d"), directory("d"), file("d/n")], vec!["", "d", "d/n", "f"]),
        (vec![directory("d"), file("d/n"), file(".wh.d")], vec!["", "d", "d/n", "f"]),
        (vec![file("d/n"), file(".wh.d")], vec!["", "d", "d/n", "f"]),
        (vec![file("d/.wh..wh..opq"), file("d/n")], vec!["", "d", "d/n", "f"]),
        (vec![file("d/s/n"), file("d/.wh..wh..opq")], vec!["", "d", "d/s", "d/s/n", "f"]),
        (vec![hardlink("d/h", "f"), file(".wh.f"), file("d/.wh..wh..opq")], vec!["", "d", "d/h"]),
        (vec![file("d/.wh.none"), file("none/.wh.x")], vec!["", "d", "d/a", "d/s", "d/s/x", "f"]),
        (vec![file(".wh..wh..opq"), file("n")], vec!["", "n"]),
    ] {
        let text = format!("{:?}", upper.iter().map(|entry| &entry.path).collect::<Vec<_>>());
        assert_eq!(paths(&stack(vec![lower(), upper])), left, "{text}");
    }
}

#[test]
fn a_parent_that_is_not_listed_keeps_what_it_was_and_a_symlink_is_followed() {
    let tree = stack(vec![
        vec![
            Entry { mode: 0o1777, uid: 7, ..directory("tmp") },
            directory("usr/lib"),
            symlink("lib", "/usr/lib"),
        ],
        vec![file("tmp/a"), file("lib/new"), file("fresh/deep/x"), hardlink("h", "lib/new")],
    ]);
    let node = |path: &str| tree.get(Path::new(path)).unwrap();
    assert_eq!((node("tmp").entry.mode, node("tmp").entry.uid, node("tmp").layer), (0o1777, 7, 0));
    assert_eq!(node("lib").entry.kind, EntryKind::Symlink);
    assert_eq!((node("usr/lib/new").layer, node("usr/lib/new").source()), (1, Path::new("lib/new")));
    assert_eq!(node("h").source(), Path::new("lib/new"));
    assert_eq!((node("fresh/deep").entry.mode, node("fresh/deep").layer), (0o755, 1));
    assert!(tree.get(Path::new("lib/new")).is_none());
}

#[test]
fn a_hard_link_is_what_it_links_to_also_in_a_lower_layer() {
    let tree = stack(vec![
        vec![Entry { mode: 0o4755, size: 9, ..file("bin") }],
        vec![hardlink("again", "bin"), hardlink("third", "again")],
        vec![file(".wh.bin")],
    ]);
    let node = tree.get(Path::new("third")).unwrap();
    assert_eq!((node.entry.kind, node.entry.mode, node.entry.size), (EntryKind::File, 0o4755, 9));
    assert_eq!((node.layer, node.source()), (0, Path::new("bin")));
    assert!(tree.get(Path::new("bin")).is_none());
    for (bad, what) in [(hardlink("x", "none"), "not there"), (hardlink("x", "d"), "directory")] {
        let error = Tree::default().apply(0, &toc_of(vec![directory("d"), bad])).unwrap_err();
        assert!(error.kind() == ErrorKind::InvalidImage && error.to_string().contains(what), "{error}");
    }
}

#[test]
fn a_file_is_no_parent() {
    let error = Tree::default().apply(0, &toc_of(vec![file("f"), file("f/x")])).unwrap_err();
    assert_eq!(error.to_string(), "f/x: f is not a directory");
}

#[test]
fn paths_resolve_inside_the_root() {
    let tree = stack(vec![vec![
        directory("a/b"),
        file("a/b/f"),
        symlink("up", "../../../a"),
        symlink("a/abs", "/a/b"),
        symlink("a/b/last", "../b/f"),
        symlink("loop", "loop"),
        symlink("dangling", "none/there"),
    ]]);
    let resolve = |path: &str, last| tree.resolve(Path::new(path), last).unwrap();
    for (path, follow_last, resolved) in [
        ("up/b/f", true, "a/b/f"),
        ("/a/abs/f", true, "a/b/f"),
        ("a/abs/last", true, "a/b/f"),
        ("a/abs/last", false, "a/b/last"),
        ("up", false, "up"),
        ("../../a/b", true, "a/b"),
        ("a/abs/..", true, "a"),
        ("dangling/x", true, "none/there/x"),
        ("none/at/all", true, "none/at/all"),
    ] {
        assert_eq!(resolve(path, follow_last), Path::new(resolved), "{path}");
    }
    assert_eq!(tree.resolve(Path::new("loop/x"), true).unwrap_err().kind(), ErrorKind::InvalidImage);
    assert_eq!(resolve("loop", false), Path::new("loop"));
}

#[test]
fn what_shares_a_path_in_a_layer_is_told_apart_by_its_position() {
    let tree = stack(vec![vec![directory("d"), file("d/a"), hardlink("d/b", "d/a"), file("d/a")]]);
    let node = |path: &str| tree.get(Path::new(path)).unwrap();
    assert_eq!((node("d/a").source(), node("d/b").source()), (Path::new("d/a"), Path::new("d/a")));
    assert_eq!((node("d/a").position(), node("d/b").position()), (3, 1));
}
