//! One image through every operation, as a Rust program would do it. What other languages can see too is a conformance case.
#![allow(clippy::unwrap_used, clippy::disallowed_methods, missing_docs)]

use std::path::{Path, PathBuf};
use std::process::Command;

use layerkit::*;

fn tar_of(folder: &Path, files: &[(&str, &str)]) -> PathBuf {
    let root = folder.join("root");
    for (name, content) in files {
        let path = root.join(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, content).unwrap();
    }
    let tar = folder.join("root.tar");
    let status = Command::new("tar").arg("-cf").arg(&tar).arg("-C").arg(&root).arg(".").status().unwrap();
    assert!(status.success());
    tar
}

fn engine(folder: &Path) -> Engine {
    Engine::open(&EngineOptions { root: Some(folder.join("store")), ..EngineOptions::default() }).unwrap()
}

#[test]
fn an_image_goes_in_and_out_and_is_the_same() {
    let folder = tempfile::tempdir().unwrap();
    let tar = tar_of(folder.path(), &[("etc/passwd", "root:x:0:0::/root:/bin/sh\n"), ("hello", "world\n")]);
    let engine = engine(folder.path());
    let task = Task::new().unwrap();
    let import = ImportOptions {
        name: Some("ubuntu:16.04".into()),
        changes: vec!["ENV A=b".into(), "CMD [\"/hello\"]".into()],
        ..ImportOptions::default()
    };
    let id = engine.images_import(Source::Path(tar), &import, &task).unwrap();
    let name = vec!["ubuntu:16.04".to_owned()];
    let list = engine.images_list(&ListOptions::default()).unwrap();
    assert_eq!((list.len(), &list[0].id, &list[0].tags), (1, &id, &name));
    let manifest = list[0].manifest_digest.clone();
    for format in [SaveFormat::Docker, SaveFormat::OciArchive, SaveFormat::OciDir] {
        let path = folder.path().join(format!("saved-{format:?}"));
        engine.images_save(&name, Target::Path(path.clone()), &SaveOptions { format }, &task).unwrap();
        let report = engine.images_remove("ubuntu:16.04", &RemoveOptions::default()).unwrap();
        assert_eq!((&report.untagged, report.deleted.len()), (&name, 2));
        assert!(engine.images_list(&ListOptions::default()).unwrap().is_empty());
        let loaded = engine.images_load(Source::Path(path), &LoadOptions::default(), &task).unwrap();
        assert_eq!((&loaded[0].id, &loaded[0].tags), (&id, &name));
        assert_eq!(engine.images_get("ubuntu:16.04").unwrap().manifest_digest, manifest);
    }
    let out = folder.path().join("out");
    engine.image_unpack(&id, &out, &UnpackOptions::default(), &task).unwrap();
    assert_eq!(std::fs::read_to_string(out.join("hello")).unwrap(), "world\n");
    assert_eq!(engine.image_history(&id).unwrap().len(), 1);
    assert_eq!(engine.image_inspect(&id).unwrap()["Config"]["Env"][0], "A=b");
    assert_eq!(engine.system_verify(&VerifyOptions::default(), &task).unwrap().problems, vec![]);
}

#[test]
fn a_build_that_runs_nothing_copies_and_is_cached() {
    let folder = tempfile::tempdir().unwrap();
    let context = folder.path().join("context");
    std::fs::create_dir_all(context.join("app/sub")).unwrap();
    std::fs::write(context.join("app/a"), "a").unwrap();
    std::fs::write(context.join("app/sub/b"), "b").unwrap();
    let dockerfile =
        "FROM scratch\nENV X=/srv\nWORKDIR /work/here\nCOPY app $X/\nADD app/a .\nEXPOSE 80\nCMD [\"x\"]\n";
    std::fs::write(context.join("Dockerfile"), dockerfile).unwrap();
    let engine = engine(folder.path());
    let task = Task::new().unwrap();
    let options = BuildOptions { path: context, tags: vec!["built".into()], ..BuildOptions::default() };
    let first = engine.images_build(&options, BuildInputs::default(), &task).unwrap();
    let second = engine.images_build(&options, BuildInputs::default(), &task).unwrap();
    assert_eq!(first, second);
    let out = folder.path().join("out");
    engine.image_unpack("built", &out, &UnpackOptions::default(), &task).unwrap();
    assert_eq!(std::fs::read_to_string(out.join("srv/sub/b")).unwrap(), "b");
    assert_eq!(std::fs::read_to_string(out.join("work/here/a")).unwrap(), "a");
    assert_eq!(engine.system_verify(&VerifyOptions::default(), &task).unwrap().problems, vec![]);
}

#[test]
fn a_copy_from_an_image_never_reads_the_host_through_a_link_in_it() {
    let folder = tempfile::tempdir().unwrap();
    let outside = folder.path().join("outside");
    std::fs::create_dir(&outside).unwrap();
    std::fs::write(outside.join("secret"), "of the host").unwrap();
    // A link to a directory of the host, and a file below it: inside the image both are the image's own.
    let mut tar = tar::Builder::new(std::fs::File::create(folder.path().join("evil.tar")).unwrap());
    let mut link = tar::Header::new_gnu();
    link.set_entry_type(tar::EntryType::Symlink);
    link.set_size(0);
    tar.append_link(&mut link, "lib", &outside).unwrap();
    let mut file = tar::Header::new_gnu();
    file.set_size(12);
    file.set_mode(0o644);
    tar.append_data(&mut file, "lib/secret", &b"of the image"[..]).unwrap();
    tar.into_inner().unwrap();
    let context = folder.path().join("context");
    std::fs::create_dir(&context).unwrap();
    std::fs::write(context.join("Dockerfile"), "FROM scratch\nCOPY --from=evil /lib/secret /copied\n")
        .unwrap();
    let engine = engine(folder.path());
    let task = Task::new().unwrap();
    let import = ImportOptions { name: Some("evil".into()), ..ImportOptions::default() };
    engine.images_import(Source::Path(folder.path().join("evil.tar")), &import, &task).unwrap();
    let options = BuildOptions { path: context, ..BuildOptions::default() };
    let built = engine.images_build(&options, BuildInputs::default(), &task).unwrap();
    let out = folder.path().join("out");
    engine.image_unpack(&built.id, &out, &UnpackOptions::default(), &task).unwrap();
    assert_eq!(std::fs::read_to_string(out.join("copied")).unwrap(), "of the image");
    assert_eq!(std::fs::read_to_string(outside.join("secret")).unwrap(), "of the host");
}
