//! What an upper directory changes, with the kernel's own overlay as the one that makes the changes.

use std::collections::BTreeMap;

use super::disk::{assert_same, merge, walk};
use super::stack::{Stack, View, numbered, view_of_disk, view_of_tree};
use super::*;
use crate::task::Task;

fn diff(upper: &Path, stack: &Stack, epoch: Option<i64>) -> Result<(Vec<u8>, Toc)> {
    let mut tar = Vec::new();
    let lower = Lower { tree: &stack.tree, unpacked: &stack.layers };
    let toc = diff_overlay(upper, lower, epoch, &mut tar, &Task::new().unwrap())?;
    assert_eq!(scan(tar.as_slice(), &Limits::default(), &mut || Ok(())).unwrap(), toc);
    Ok((tar, toc))
}

/// Runs a script in a mount of these layers. Gives the upper directory.
fn change(stack: &Stack, script: &str) -> PathBuf {
    let base = stack.base.path();
    let lowers: Vec<String> = stack.layers.iter().rev().map(|layer| layer.display().to_string()).collect();
    let script = format!(
        "rm -rf upper work merged; mkdir upper work merged
         mount -t overlay overlay -o lowerdir={},upperdir=upper,workdir=work,redirect_dir=off,metacopy=off,index=off merged
         cd merged; {script}",
        lowers.join(":")
    );
    run("unshare", &["-m", "bash", "-ec", &script], base, b"");
    base.join("upper")
}

fn paths(toc: &Toc) -> Vec<&str> {
    toc.entries.iter().map(|entry| entry.path.to_str().unwrap()).collect()
}

fn base() -> Stack {
    let mut stack = Stack::new();
    let mut marked = directory("marked");
    marked.xattrs.insert("user.x".into(), b"1".to_vec());
    stack
        .push(
            &numbered(vec![vec![
                directory("d"),
                file("d/a"),
                file("d/b"),
                directory("d/s"),
                file("d/s/x"),
                directory("e"),
                file("e/deep"),
                symlink("l", "d"),
                marked,
            ]])
            .remove(0),
        )
        .unwrap();
    stack
}

#[test]
fn changes_come_out_sorted_and_whiteouts_only_where_they_hide_something() {
    let stack = base();
    for (script, expected) in [
        ("true", vec![]),
        ("cat d/a", vec![]),
        ("touch n; rm n", vec![]),
        ("rm d/a", vec!["d", "d/.wh.a"]),
        ("rm -r d", vec![".wh.d"]),
        ("rm -r d; mkdir d", vec!["d", "d/.wh..wh..opq"]),
        ("rm -r d; mkdir d; touch d/s", vec!["d", "d/.wh.a", "d/.wh.b", "d/s"]),
        ("rm -r d; touch d", vec!["d"]),
        ("rm l; mkdir l; touch l/x", vec!["l", "l/x"]),
        ("mkdir -p new/z new/a; touch new/b; rm -r new/z", vec!["new", "new/a", "new/b"]),
        ("chmod 700 d/s", vec!["d", "d/s"]),
        ("chmod 600 e/deep", vec!["e", "e/deep"]),
        ("touch b a; touch c.d; mkdir c; touch c/x", vec!["a", "b", "c", "c/x", "c.d"]),
        ("python3 -c \"import socket; socket.socket(socket.AF_UNIX).bind('sock')\"", vec![]),
        (
            "setfattr -x user.x marked 2>/dev/null || python3 -c \"import os; os.removexattr('marked','user.x')\"",
            vec!["marked"],
        ),
        ("chmod 755 marked; touch -d @9 marked", vec![]),
    ] {
        let upper = change(&stack, script);
        let (_, toc) = diff(&upper, &stack, None).unwrap();
        assert_eq!(paths(&toc), expected, "{script}");
    }
}

#[test]
fn a_diff_applied_again_is_the_same_stack() {
    let mut stack = base();
    let upper = change(
        &stack,
        "rm d/a; rm -r e; mkdir e; echo text > e/new; ln e/new e/again; ln e/again hard; ln -s nowhere soft
         mknod null c 1 3; mknod disk b 259 70000; mkfifo pipe; chown 3000000000:7 d/b; chmod 6755 d/b; chmod 1777 d
         truncate -s 70000 sparse; mkdir -p ü/$(printf 'n%.0s' $(seq 200)); echo x > l/through
         python3 -c \"import os; os.setxattr('d/s/x','user.y',b'a=b\\0'); os.setxattr('d','trusted.z',b'1')\"
         touch -d '1960-01-01 UTC' soft -h; touch -d '2020-01-01 UTC' d",
    );
    let (tar, toc) = diff(&upper, &stack, None).unwrap();
    assert_eq!(diff(&upper, &stack, None).unwrap().0, tar, "the same bytes again");
    let by_path: BTreeMap<&str, &Entry> =
        toc.entries.iter().map(|entry| (entry.path.to_str().unwrap(), entry)).collect();
    assert_eq!((by_path["e/again"].kind, by_path["e/new"].kind), (EntryKind::File, EntryKind::Hardlink));
    assert_eq!(by_path["hard"].link, Path::new("e/again"));
    assert_eq!((by_path["d/b"].mode, by_path["d/b"].uid), (0o6755, 3_000_000_000));
    assert_eq!(by_path["disk"].device, (259, 70_000));
    assert!(toc.entries.iter().all(|entry| !entry.xattrs.keys().any(|name| xattr::is_of_overlay(name))));

    let mut layers = stack.layers.clone();
    layers.push(upper);
    let mut expected = view_of_disk(merge(&layers));
    let lowers: Vec<PathBuf> = stack.layers.iter().rev().cloned().collect();
    let again = stack.base.path().join("again");
    std::fs::DirBuilder::new().create(&again).unwrap();
    let task = Task::new().unwrap();
    apply_overlay(&again, &lowers, &stack.tree, tar.as_slice(), &Limits::default(), &task).unwrap();
    stack.tree.apply(1, &toc).unwrap();
    layers.pop();
    layers.push(again);
    // The root is never part of a layer that is made here.
    expected.remove(Path::new(""));
    let without_root = |mut view: View| {
        view.remove(Path::new(""));
        view
    };
    assert_same(&without_root(view_of_disk(merge(&layers))), &expected, "applied again");
    assert_same(&without_root(view_of_tree(&stack.tree)), &expected, "the tree");
    let found = walk(layers.last().unwrap());
    assert_eq!(found[Path::new("hard")].inode, found[Path::new("e/new")].inode);
}

#[test]
fn times_after_the_epoch_become_the_epoch() {
    let stack = base();
    let upper = change(&stack, "touch -d @500 old; touch -d @2000 new; mkdir dir; rm d/a");
    let (_, toc) = diff(&upper, &stack, Some(1000)).unwrap();
    let times: Vec<_> =
        toc.entries.iter().map(|entry| (entry.path.to_str().unwrap(), entry.mtime.seconds)).collect();
    assert_eq!(times, [("d", 1000), ("d/.wh.a", 0), ("dir", 1000), ("new", 1000), ("old", 500)]);
}

#[test]
fn what_overlay_keeps_by_reference_is_refused() {
    let stack = base();
    let upper = change(&stack, "mkdir moved");
    rustix::fs::setxattr(
        upper.join("moved"),
        "trusted.overlay.redirect",
        b"d",
        rustix::fs::XattrFlags::empty(),
    )
    .unwrap();
    let error = diff(&upper, &stack, None).unwrap_err();
    assert!(error.kind() == ErrorKind::Unsupported && error.to_string().contains("moved"), "{error}");
}
