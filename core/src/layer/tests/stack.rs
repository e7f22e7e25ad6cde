//! Stacks of layers: a plain directory, a stack of overlay directories and the merged view are one and the same.

use std::collections::BTreeMap;

use proptest::prelude::*;

use super::apply::apply_to;
use super::disk::{Found, assert_same, merge, plain, walk};
use super::*;
use crate::layer::xattr;
use crate::task::Task;

/// What one path is, as far as all three views say it.
pub type View = BTreeMap<PathBuf, (EntryKind, u32, u32, i64, PathBuf, u64)>;

pub fn view_of_disk(found: BTreeMap<PathBuf, Found>) -> View {
    let view = |found: Found| {
        let mode = if found.kind == EntryKind::Symlink { 0 } else { found.mode };
        (found.kind, mode, found.owner.0, found.mtime.0, found.link, found.content.0)
    };
    found.into_iter().map(|(path, found)| (path, view(found))).collect()
}

pub fn view_of_tree(tree: &Tree) -> View {
    tree.walk(Path::new(""))
        .map(|node| {
            let entry = &node.entry;
            let mode = if entry.kind == EntryKind::Symlink { 0 } else { entry.mode };
            (
                entry.path.clone(),
                (entry.kind, mode, entry.uid, entry.mtime.seconds, entry.link.clone(), entry.size),
            )
        })
        .collect()
}

/// A stack of overlay directories.
pub struct Stack {
    pub base: tempfile::TempDir,
    pub layers: Vec<PathBuf>,
    pub tree: Tree,
}

impl Stack {
    pub fn new() -> Self {
        Stack { base: tempfile::tempdir().unwrap(), layers: Vec::new(), tree: Tree::default() }
    }

    pub fn push(&mut self, entries: &[Entry]) -> Result<()> {
        let upper = self.base.path().join(self.layers.len().to_string());
        std::fs::DirBuilder::new().create(&upper).unwrap();
        let lowers: Vec<PathBuf> = self.layers.iter().rev().cloned().collect();
        let tar = tar_of(entries);
        let task = Task::new().unwrap();
        apply_overlay(&upper, &lowers, &self.tree, tar.as_slice(), &Limits::default(), &task)?;
        self.tree.apply(self.layers.len() as u32, &toc_of(entries.to_vec()))?;
        self.layers.push(upper);
        Ok(())
    }
}

/// Lays the same stack in all three ways. Every view agrees, also on what is refused.
fn check(stack: &[Vec<Entry>]) {
    let flat = tempfile::tempdir().unwrap();
    apply_to(flat.path(), &tar_of(&[directory("")])).unwrap();
    let mut overlay = Stack::new();
    for (i, layer) in stack.iter().enumerate() {
        let on_flat = apply_to(flat.path(), &tar_of(layer));
        let on_overlay = overlay.push(layer);
        let kinds = (on_flat.as_ref().err().map(|e| e.kind()), on_overlay.as_ref().err().map(|e| e.kind()));
        assert_eq!(kinds.0, kinds.1, "layer {i}: {on_flat:?} {on_overlay:?}");
        if on_flat.is_err() {
            return;
        }
    }
    let expected = view_of_disk(plain(flat.path()));
    assert_same(&view_of_tree(&overlay.tree), &expected, "the tree");
    assert_same(&view_of_disk(merge(&overlay.layers)), &expected, "the overlay");
    for node in overlay.tree.walk(Path::new("")) {
        let directory = &overlay.layers[node.unpacked_in() as usize];
        for above in node.entry.path.ancestors().skip(1) {
            assert!(
                std::fs::symlink_metadata(directory.join(above)).unwrap().is_dir(),
                "{:?}",
                node.entry.path
            );
        }
        let found = std::fs::symlink_metadata(directory.join(&node.entry.path)).unwrap();
        assert_eq!(found.is_file(), node.entry.kind == EntryKind::File, "{:?}", node.entry.path);
    }
}

fn name() -> impl Strategy<Value = String> {
    prop::sample::select(vec!["a", "b", "c"]).prop_map(str::to_owned)
}

fn path() -> impl Strategy<Value = String> {
    prop::collection::vec(name(), 1..4).prop_map(|names| names.join("/"))
}

/// An entry; its number is its size and its time, so that no two are alike.
fn entry() -> impl Strategy<Value = Entry> {
    (path(), 0..12u8, path(), any::<bool>()).prop_map(|(path, kind, other, absolute)| {
        let parent = path.rsplit_once('/').map_or(String::new(), |(parent, _)| format!("{parent}/"));
        let name = path.rsplit('/').next().unwrap();
        match kind {
            0..=3 => file(&path),
            4..=6 => directory(&path),
            7 => symlink(&path, &if absolute { format!("/{other}") } else { other }),
            8 => hardlink(&path, &other),
            9 | 10 => file(&format!("{parent}.wh.{name}")),
            _ => file(&format!("{path}/.wh..wh..opq")),
        }
    })
}

pub fn numbered(stack: Vec<Vec<Entry>>) -> Vec<Vec<Entry>> {
    let mut number = 0;
    let mut layers = stack;
    for entry in layers.iter_mut().flatten() {
        number += 1;
        entry.mtime.seconds = number;
        entry.uid = number as u32;
        match entry.kind {
            EntryKind::File if entry.whiteout().is_none() => entry.size = number as u64,
            EntryKind::File => entry.size = 0,
            _ => {}
        }
    }
    layers
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 150, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn any_stack_is_the_same_in_all_three_ways(
        stack in prop::collection::vec(prop::collection::vec(entry(), 1..8), 1..4)
    ) {
        check(&numbered(stack));
    }
}

#[test]
fn whiteouts_and_opaque_marks_are_written_only_where_there_is_something_to_hide() {
    let mut stack = Stack::new();
    stack.push(&[directory("d"), file("d/a"), file("f"), directory("e")]).unwrap();
    stack
        .push(&[
            file("d/.wh.a"),
            file(".wh.none"),
            file(".wh.f"),
            file("f"),
            directory("fresh"),
            file("fresh/.wh..wh..opq"),
            file("e/.wh..wh..opq"),
            directory("d2"),
        ])
        .unwrap();
    let found = walk(&stack.layers[1]);
    let kind = |path: &str| found.get(Path::new(path)).map(|found| found.kind);
    assert_eq!(kind("d/a"), Some(EntryKind::CharDevice));
    assert_eq!(kind("none"), None);
    assert_eq!(kind("f"), Some(EntryKind::File));
    for (path, opaque) in [("fresh", false), ("e", true), ("d", false), ("d2", false)] {
        let xattrs = xattr::of_path(&stack.layers[1].join(path)).unwrap();
        assert_eq!(xattr::is_opaque(&xattrs), opaque, "{path}");
    }
}

#[test]
fn a_mounted_stack_shows_what_the_tree_says() {
    let mut stack = Stack::new();
    let layers = numbered(vec![
        vec![
            directory("usr/lib"),
            symlink("lib", "usr/lib"),
            file("lib/x"),
            directory("etc/old"),
            file("etc/old/a"),
            file("etc/b"),
            Entry { mode: 0o1777, ..directory("tmp") },
            directory("gone/deep"),
        ],
        vec![
            file("lib/new"),
            Entry { size: 0, ..file("etc/old/.wh.a") },
            file(".wh.gone"),
            hardlink("b2", "etc/b"),
        ],
        vec![directory("gone"), file("gone/again"), file("etc/.wh..wh..opq"), file("etc/c"), file("tmp/t")],
    ]);
    for layer in &layers {
        stack.push(layer).unwrap();
    }
    let lowers: Vec<String> = stack.layers.iter().rev().map(|layer| layer.display().to_string()).collect();
    let script = format!(
        "mkdir merged && mount -t overlay overlay -o lowerdir={} merged && tar --format=pax -C merged -cf - .",
        lowers.join(":")
    );
    let tar = run("unshare", &["-m", "sh", "-ec", &script], stack.base.path(), b"");
    let toc = scan(tar.as_slice(), &Limits::default(), &mut || Ok(())).unwrap();
    let mut mounted = Tree::default();
    mounted.apply(0, &toc).unwrap();
    assert_same(&view_of_tree(&mounted), &view_of_tree(&stack.tree), "the mount");
    check(&layers);
}
