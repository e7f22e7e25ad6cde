//! A build gives the same image whether its steps run in an overlay or, by chroot, in a copied root.
//!
//! Needs root and busybox, as running containers does.
#![allow(clippy::unwrap_used, clippy::disallowed_methods, missing_docs)]

use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::process::Command;

use layerkit::*;

const APPLETS: &[&str] = &[
    "cat", "chmod", "chown", "cp", "dd", "echo", "find", "grep", "head", "id", "ln", "ls", "mkdir", "mkfifo",
    "mknod", "mv", "rm", "rmdir", "sed", "setfattr", "sh", "sleep", "stat", "touch", "true", "wc",
];

/// A time that everything in the base is older than.
const EPOCH: i64 = 1_700_000_000;

/// A tar of a root with busybox and something to change.
fn base(folder: &Path) -> PathBuf {
    let root = folder.join("root");
    std::fs::create_dir_all(root.join("bin")).unwrap();
    let busybox = std::env::split_paths(&std::env::var_os("PATH").unwrap())
        .map(|folder| folder.join("busybox"))
        .find(|path| path.exists())
        .expect("busybox is in PATH (package busybox-static)");
    std::fs::copy(busybox, root.join("bin/busybox")).unwrap();
    for applet in APPLETS {
        symlink("busybox", root.join("bin").join(applet)).unwrap();
    }
    let script = "mkdir -p etc tmp dev/own many/deep/er one empty tree/a/b
        echo root:x:0:0::/root:/bin/sh > etc/passwd; echo web:x:33:34::/srv:/bin/sh >> etc/passwd
        echo image > etc/hosts; chmod 1777 tmp
        for i in 1 2 3 4 5; do echo $i > many/$i; done; echo deep > many/deep/er/file
        echo one > one/only; echo b > tree/a/b/c; echo t > tree/t
        echo linked > first; ln first second; ln -s /etc/passwd soft; mkfifo pipe; mknod null c 1 3
        echo attributes > marked; python3 -c \"import os; os.setxattr('marked', 'user.x', b'1')\"
        chown 33:34 one/only; chmod 4755 one/only; truncate -s 100000 sparse; echo lock > lock
        find . -exec touch -h -d '2020-02-02 02:02:02.123456789 UTC' {} +";
    let done = Command::new("bash").args(["-ec", script]).current_dir(&root).status().unwrap();
    assert!(done.success());
    let tar = folder.join("base.tar");
    let done = Command::new("tar")
        .args(["--xattrs", "--xattrs-include=*", "--format=pax", "--sort=name", "-cf"])
        .arg(&tar)
        .arg("-C")
        .arg(&root)
        .arg(".")
        .status()
        .unwrap();
    assert!(done.success());
    tar
}

struct Built {
    engine: Engine,
    _store: tempfile::TempDir,
    image: String,
    task: Task,
}

fn build(base: &Path, isolation: Isolation, dockerfile: &str) -> Result<Built> {
    let store = tempfile::tempdir().unwrap();
    let options = EngineOptions {
        root: Some(store.path().join("store")),
        isolation: Some(isolation),
        ..EngineOptions::default()
    };
    let engine = Engine::open(&options).unwrap();
    let task = Task::new().unwrap();
    let import = ImportOptions {
        name: Some("base".into()),
        source_date_epoch: Some(EPOCH),
        ..ImportOptions::default()
    };
    engine.images_import(Source::Path(base.to_owned()), &import, &task).unwrap();
    let context = store.path().join("context");
    std::fs::create_dir(&context).unwrap();
    std::fs::write(context.join("Dockerfile"), dockerfile).unwrap();
    let options = BuildOptions {
        path: context,
        tags: vec!["built".into()],
        source_date_epoch: Some(EPOCH),
        ..BuildOptions::default()
    };
    let image = engine.images_build(&options, BuildInputs::default(), &task)?.id;
    Ok(Built { engine, _store: store, image, task })
}

/// What the layers of an image hold, to tell where two differ.
fn entries(built: &Built) -> Vec<String> {
    let folder = tempfile::tempdir().unwrap();
    let layout = folder.path().join("layout");
    let options = SaveOptions { format: SaveFormat::OciDir };
    built.engine.images_save(&["built".into()], Target::Path(layout.clone()), &options, &built.task).unwrap();
    let inspect = built.engine.image_inspect("built").unwrap();
    let mut lines: Vec<String> =
        inspect["RootFS"]["Layers"].as_array().unwrap().iter().map(|layer| layer.to_string()).collect();
    for blob in std::fs::read_dir(layout.join("blobs/sha256")).unwrap() {
        let path = blob.unwrap().path();
        let listed = Command::new("tar").args(["--full-time", "-tvzf"]).arg(&path).output().unwrap();
        if listed.status.success() && listed.stdout.len() < 20_000 {
            lines.push(String::from_utf8_lossy(&listed.stdout).into_owned());
        }
    }
    lines
}

/// Builds in both ways and compares. Gives the entries of the layers as tar lists them.
fn same(base: &Path, dockerfile: &str) -> Vec<String> {
    let [overlay, chroot] =
        [Isolation::Overlay, Isolation::Chroot].map(|isolation| build(base, isolation, dockerfile).unwrap());
    if overlay.image != chroot.image {
        let [a, b] = [entries(&overlay), entries(&chroot)].map(|lines| lines.join("\n"));
        panic!("{dockerfile}\noverlay:\n{a}\n\nchroot:\n{b}");
    }
    assert_eq!(chroot.engine.system_info().unwrap().run_mode, "chroot");
    let problems = chroot.engine.system_verify(&VerifyOptions::default(), &chroot.task).unwrap().problems;
    assert_eq!(problems, vec![]);
    entries(&chroot)
}

#[test]
fn the_same_steps_give_the_same_image() {
    let folder = tempfile::tempdir().unwrap();
    let base = base(folder.path());
    for steps in [
        &["true"][..],
        &["cat /etc/passwd many/1; ls -lR /many; touch /n; rm /n"],
        &["touch /new /many/new; mkdir -p /a/b/c; echo x > /a/b/c/d"],
        &["rm /many/2", "rm -r /many", "mkdir /many; echo again > /many/2"],
        &["rm -r /many; mkdir /many", "rm /one/only", "rm -r /one; mkdir /one; touch /one/other"],
        &["rm -r /tree /many; mkdir -p /tree/a /many/deep/new; echo n > /many/3; touch /tree/a/b"],
        &[
            "rm /soft; mkdir /soft; touch /soft/x",
            "rm -r /empty; touch /empty",
            "rm -r /tree; ln -s /one /tree",
        ],
        &[
            "chmod 600 /many/1; chmod 700 /many/deep; chown 33:34 /many/2; chown -h 7:7 /soft; chmod 4711 /one/only",
        ],
        // What only touches: the same mode, opened to be written, the same bytes and time again.
        &["chmod 644 /lock; chmod 755 /many; true 3<>/lock", "cp -a /many/1 /x; rm /many/1; mv /x /many/1"],
        &["mv /many/1 /many/eins; mv /one/only /tree/; mv /many/2 /many/3"],
        &["mv /tree /wood; mv /many /tree; mkdir /many"],
        &["echo more >> /first", "ln /second /third; echo more >> /third", "rm /first; chmod 600 /third"],
        &[
            "ln -f /many/1 /many/2; ln /many/3 /many/drei; rm /many/3",
            "ln -s nowhere /dangling; ln -sf /tmp /soft",
        ],
        &["mkfifo /p; mknod /zero c 1 5; mknod /disk b 7 0; rm /pipe /null"],
        &[
            "setfattr -n user.y -v 2 /marked; setfattr -x user.x /marked; setfattr -n user.z -v 3 /many || true",
        ],
        &["dd if=/dev/zero of=/hole bs=1 count=1 seek=1000000; echo x >> /sparse; echo > /tmp/.hidden"],
        &["echo x > /etc/resolv.conf; touch /etc/new; echo x > /dev/shm/y; id > /whoami; pwd >> /whoami"],
        &["touch -d '2001-01-01 00:00:00' /many/1; touch -d '2040-01-01 00:00:00' /many/2 /many/deep"],
        &[
            "for i in 1 2 3; do mkdir -p /g/$i/sub; echo $i > /g/$i/sub/f; done",
            "rm -r /g/*/sub",
            "rm -r /g/1 /g/2",
        ],
        &["sleep 1000 > /dev/null 2>&1 & echo started > /daemon"],
        // A new time within the second of the old one, and the old one upon other content.
        &["echo ONE > /many/1; touch -r /many/2 /many/1", "touch -d '2020-02-02 02:02:02' /many/3"],
    ] {
        let steps: String = steps.iter().map(|step| format!("RUN {step}\n")).collect();
        same(&base, &format!("FROM base\n{steps}"));
    }
}

#[test]
fn a_working_directory_another_user_and_files_of_another_stage_are_the_same_too() {
    let folder = tempfile::tempdir().unwrap();
    let base = base(folder.path());
    same(
        &base,
        "FROM base AS first
         RUN rm -r /many/deep /tree; mkdir /tree; echo made > /tree/made; ln /tree/made /tree/again
         FROM base
         WORKDIR /srv/app
         USER web
         RUN id > /tmp/who; umask 077; echo x > /tmp/private; pwd >> /tmp/who
         USER root
         COPY --from=first /tree /many /copied/
         RUN rm /copied/1; cat /copied/made > /srv/app/out
         RUN rm -r /copied
        ",
    );
}

#[test]
fn what_only_touches_is_no_change_and_all_that_is_gone_is_one_mark() {
    let folder = tempfile::tempdir().unwrap();
    let base = base(folder.path());
    let layers = same(&base, "FROM base\nRUN chmod 644 /lock; true 3<>/lock; chown 0:0 /many/1\n");
    assert!(!layers.join("\n").contains("lock"), "{layers:?}");
    let layers = same(&base, "FROM base\nRUN rm -r /many/*; rm /one/only\n").join("\n");
    assert!(layers.contains("many/.wh..wh..opq") && layers.contains("one/.wh.only"), "{layers}");
}

#[test]
fn a_network_of_its_own_or_a_failing_step_leaves_nothing_behind() {
    let folder = tempfile::tempdir().unwrap();
    let base = base(folder.path());
    let error = build(&base, Isolation::Chroot, "FROM base\nRUN touch /x; exit 7\n").map(drop).unwrap_err();
    assert_eq!((error.kind(), error.field("exit_code")), (ErrorKind::BuildFailed, Some(&Field::from(7))));
    let built = build(&base, Isolation::Chroot, "FROM base\nRUN echo x > /x\nRUN rm /x\n").unwrap();
    let left = std::fs::read_dir(built.engine.root().join("containers")).unwrap().count();
    assert_eq!(left + std::fs::read_dir(built.engine.root().join("tmp")).unwrap().count(), 0);
    assert!(built.engine.system_df().unwrap().snapshots.count > 0);
    let prune = PruneOptions { all: true, ..PruneOptions::default() };
    built.engine.system_prune(&prune, &built.task).unwrap();
    assert_eq!(std::fs::read_dir(built.engine.root().join("snapshots")).unwrap().count(), 0);
}
