//! What no language can see from outside: rows, files and leases.

use std::path::Path;

use super::*;
use crate::digest::Digest;
use crate::error::ErrorKind;
use crate::layer::{Entry, EntryKind, LayerWriter, TarWriter, Toc};
use crate::media_type;
use crate::platform::Platform;
use crate::spec::{self, Descriptor, ImageConfig, Manifest};
use crate::task::Task;

fn store(folder: &Path) -> Store {
    Store::open(&folder.join("store"), Limits::default()).unwrap()
}

/// Adds an image of one layer with one file of these bytes, and names it.
fn add(store: &Store, name: &str, content: &[u8]) -> Digest {
    let entry = Entry { size: content.len() as u64, ..Entry::new("file", EntryKind::File, 0o644) };
    let writer = LayerWriter::new(store.blob_writer(), crate::layer::Compression::None).unwrap();
    let mut tar = TarWriter::new(writer);
    tar.append(&entry, &mut &content[..]).unwrap();
    let (out, layer) = tar.finish().unwrap().finish().unwrap();
    let blob = out.finish(layer.digest, layer.size).unwrap();
    let new = NewLayer {
        diff_id: layer.diff_id,
        size: layer.diff_size,
        toc: Toc { entries: vec![entry] },
        digest: layer.digest,
        media_type: layer.media_type.into(),
        encoder: layer.encoder,
    };
    let mut config = ImageConfig::new(&Platform::host());
    config.rootfs.diff_ids = vec![layer.diff_id];
    let config = spec::to_bytes(&config).unwrap();
    let layers = vec![Descriptor::new(layer.media_type, layer.digest, layer.size)];
    let manifest = Manifest::new(Descriptor::of(media_type::OCI_CONFIG, &config), layers);
    let image = NewImage {
        made: true,
        config,
        manifest: spec::to_bytes(&manifest).unwrap(),
        media_type: media_type::OCI_MANIFEST.into(),
        parent: None,
    };
    store
        .db()
        .write(|db| {
            store.add_layers(db, vec![(blob, new)])?;
            let (id, manifest) = store.add_image(db, image)?;
            store.set_name(db, &name.parse().unwrap(), id, manifest, None)?;
            Ok(id)
        })
        .unwrap()
}

fn verify(store: &Store, repair: bool) -> VerifyReport {
    store.verify(&VerifyOptions { repair }, &Task::new().unwrap()).unwrap()
}

fn kinds(report: &VerifyReport) -> Vec<&str> {
    report.problems.iter().map(|problem| problem.kind.as_str()).collect()
}

/// Adds an image whose layer, of these bytes, was never read, with what its config says of it.
fn add_unread(store: &Store, name: &str, blob: &[u8], diff_id: Digest) -> Digest {
    let lease = store.lease();
    let (digest, size) = (Digest::of(blob), blob.len() as u64);
    if store.claim(&lease, digest).unwrap() == Claim::Ours {
        let mut partial = store.partial(digest, size, &Task::new().unwrap()).unwrap();
        let rest = &blob[partial.written() as usize..];
        partial.write(rest).unwrap();
        store.add_claimed(&lease, partial.finish().unwrap()).unwrap();
    }
    let mut config = ImageConfig::new(&Platform::host());
    config.rootfs.diff_ids = vec![diff_id];
    config.author = name.to_owned();
    let config = spec::to_bytes(&config).unwrap();
    let layers = vec![Descriptor::new(media_type::OCI_LAYER, digest, size)];
    let manifest = Manifest::new(Descriptor::of(media_type::OCI_CONFIG, &config), layers);
    let (manifest, media_type) = (spec::to_bytes(&manifest).unwrap(), media_type::OCI_MANIFEST.into());
    let image = NewImage { made: false, config, manifest, media_type, parent: None };
    store
        .db()
        .write(|db| {
            let (id, manifest) = store.add_image(db, image)?;
            store.set_name(db, &name.parse().unwrap(), id, manifest, None)?;
            Ok(id)
        })
        .unwrap()
}

/// A tar with one file of these bytes.
fn tar_of(content: &[u8]) -> Vec<u8> {
    let entry = Entry { size: content.len() as u64, ..Entry::new("file", EntryKind::File, 0o644) };
    let mut tar = TarWriter::new(Vec::new());
    tar.append(&entry, &mut &content[..]).unwrap();
    tar.finish().unwrap()
}

#[test]
fn a_blob_is_fetched_by_one_at_a_time_and_what_came_is_kept_for_the_next() {
    let folder = tempfile::tempdir().unwrap();
    let (one, two) = (store(folder.path()), store(folder.path()));
    let digest = Digest::of(LARGE);
    let (first, second) = (one.lease(), two.lease());
    assert_eq!(one.claim(&first, digest).unwrap(), Claim::Ours);
    assert_eq!(one.claim(&first, digest).unwrap(), Claim::Ours);
    assert_eq!(two.claim(&second, digest).unwrap(), Claim::Theirs);
    one.partial(digest, LARGE.len() as u64, &Task::new().unwrap()).unwrap().write(&LARGE[..150_000]).unwrap();
    drop(first); // gives it up
    assert_eq!(two.claim(&second, digest).unwrap(), Claim::Ours);
    let mut partial = two.partial(digest, LARGE.len() as u64, &Task::new().unwrap()).unwrap();
    assert_eq!(partial.written(), 150_000);
    partial.write(&LARGE[150_000..]).unwrap();
    two.add_claimed(&second, partial.finish().unwrap()).unwrap();
    assert_eq!(one.claim(&one.lease(), digest).unwrap(), Claim::Here);
    assert!(fs::list(&one.root().join("partial")).unwrap().is_empty());
    // Nothing needs it but the lease.
    let prune = || one.prune_images(&PruneOptions::default(), &Task::new().unwrap()).unwrap();
    assert_eq!(prune().reclaimed, 0);
    drop(second);
    assert_eq!(prune().reclaimed, LARGE.len() as u64);
}

#[test]
fn bytes_that_are_not_the_blob_are_refused_and_gone() {
    let folder = tempfile::tempdir().unwrap();
    let store = store(folder.path());
    let (digest, size) = (Digest::of(LARGE), LARGE.len() as u64);
    let lease = store.lease();
    store.claim(&lease, digest).unwrap();
    let mut partial = store.partial(digest, size, &Task::new().unwrap()).unwrap();
    partial.write(&[8; 200_000]).unwrap();
    assert_eq!(partial.write(b"more").unwrap_err().kind(), ErrorKind::DigestMismatch);
    assert_eq!(partial.finish().map(drop).unwrap_err().kind(), ErrorKind::DigestMismatch);
    assert_eq!(store.partial(digest, size, &Task::new().unwrap()).unwrap().written(), 0);
    store.release(&lease, digest).unwrap();
    drop(lease);
    store.prune_images(&PruneOptions::default(), &Task::new().unwrap()).unwrap();
    assert!(fs::list(&store.root().join("partial")).unwrap().is_empty());
}

#[test]
fn a_layer_of_a_registry_is_read_at_its_first_use_and_an_image_that_lies_of_it_spoils_no_other() {
    let folder = tempfile::tempdir().unwrap();
    let store = store(folder.path());
    let tar = tar_of(&[9; 100_000]);
    let honest = add_unread(&store, "honest:1", &tar, Digest::of(&tar));
    let liar = add_unread(&store, "liar:1", &tar, Digest::of(b"something else"));
    assert_eq!(store.inspect("honest:1").unwrap()["UnreadLayers"], 1);
    assert_eq!(store.get("honest:1").unwrap().size, tar.len() as u64);
    let layer = |name: &str| {
        let layers = store.db().read(|db| {
            let (_, manifest, _) = store.manifest_of(db, name)?;
            store.layers(db, manifest)
        });
        layers.unwrap().remove(0)
    };
    assert_eq!(store.toc(&layer("liar:1"), &|| Ok(())).unwrap_err().kind(), ErrorKind::DigestMismatch);
    let report = verify(&store, false);
    assert_eq!(kinds(&report), ["image_broken"]);
    assert_eq!(report.problems[0].subject, liar.to_string());
    assert_eq!(store.toc(&layer("honest:1"), &|| Ok(())).unwrap().entries.len(), 1);
    assert!(store.inspect("honest:1").unwrap().get("UnreadLayers").is_none());
    assert_eq!(store.get("honest:1").unwrap().size, 100_000);
    verify(&store, true);
    assert!(verify(&store, false).problems.is_empty());
    assert_eq!(store.get("honest:1").unwrap().id, honest.to_string());
    assert_eq!(store.get("liar:1").unwrap_err().kind(), ErrorKind::NotFound);
}

#[test]
fn what_an_index_lists_is_kept_as_long_as_a_name_leads_through_it() {
    let folder = tempfile::tempdir().unwrap();
    let store = store(folder.path());
    let id = add(&store, "a:1", b"x");
    let other = {
        let lease = store.lease();
        let digest = Digest::of(LARGE);
        store.claim(&lease, digest).unwrap();
        let mut partial = store.partial(digest, LARGE.len() as u64, &Task::new().unwrap()).unwrap();
        partial.write(LARGE).unwrap();
        store.add_claimed(&lease, partial.finish().unwrap()).unwrap();
        let index = NewIndex {
            bytes: br#"{"schemaVersion":2,"manifests":[]}"#.to_vec(),
            media_type: media_type::OCI_INDEX.into(),
            blobs: Some(vec![digest]),
        };
        let named = store.db().write(|db| {
            let (_, manifest, name) = store.manifest_of(db, "a:1")?;
            let via = store.add_index(db, index)?;
            store.set_name(db, &name.unwrap(), id, manifest, Some(via))
        });
        named.unwrap();
        digest
    };
    let prune = || store.prune_images(&PruneOptions::default(), &Task::new().unwrap()).unwrap();
    prune();
    assert!(store.blob(other).is_ok());
    store.remove("a:1", &RemoveOptions::default()).unwrap();
    assert_eq!(store.blob(other).map(drop).unwrap_err().kind(), ErrorKind::NotFound);
    assert!(verify(&store, false).problems.is_empty());
}

/// More than what is kept in the database.
const LARGE: &[u8] = &[7; 200_000];

#[test]
fn a_store_of_a_newer_schema_is_left_alone() {
    let folder = tempfile::tempdir().unwrap();
    store(folder.path()).db().write(|db| db.run("PRAGMA user_version = 99", []).map(drop)).unwrap();
    let error = Store::open(&folder.path().join("store"), Limits::default()).map(drop).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Unsupported);
    assert!(error.to_string().contains("schema 99"), "{error}");
}

#[test]
fn a_leased_image_outlives_a_prune_and_a_forced_removal() {
    let folder = tempfile::tempdir().unwrap();
    let store = store(folder.path());
    let id = add(&store, "x:1", b"x");
    let lease = store.lease();
    store.db().write(|db| lease.image(db, id)).unwrap();
    let all = PruneOptions { all: true, ..PruneOptions::default() };
    assert!(store.prune_images(&all, &Task::new().unwrap()).unwrap().deleted.is_empty());
    let force = RemoveOptions { force: true, no_prune: false };
    let error = store.remove(&id.to_string(), &force).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Conflict);
    drop(lease);
    assert_eq!(store.remove(&id.to_string(), &force).unwrap().deleted.len(), 2);
}

#[test]
fn what_a_dead_engine_held_is_let_go() {
    let folder = tempfile::tempdir().unwrap();
    let store = store(folder.path());
    let id = add(&store, "x:1", b"x");
    store
        .db()
        .write(|db| {
            db.run("INSERT INTO leases VALUES ('1-1-1-1-0', 0, 'image', ?)", [id])?;
            db.run("INSERT INTO containers (id, image, engine, running, created) VALUES ('dead', ?, '1-1-1-1-0', 1, 0)", [id])
        })
        .unwrap();
    // Its file is there, and nobody holds its lock.
    drop(fs::open_lock(&store.root().join("engines/1-1-1-1-0")).unwrap());
    fs::create_dir(&store.root().join("containers/dead")).unwrap();
    fs::create_dir(&store.root().join("tmp/1-1-1-1-0+left")).unwrap();
    store.remove("x:1", &RemoveOptions::default()).unwrap();
    store.prune_images(&PruneOptions::default(), &Task::new().unwrap()).unwrap();
    for gone in ["engines/1-1-1-1-0", "containers/dead", "tmp/1-1-1-1-0+left"] {
        assert!(fs::stat(&store.root().join(gone)).unwrap().is_none(), "{gone}");
    }
}

#[test]
fn damage_is_found_named_and_taken_away_and_nothing_else() {
    let folder = tempfile::tempdir().unwrap();
    let store = store(folder.path());
    add(&store, "good:1", b"small");
    let id = add(&store, "bad:1", LARGE);
    let layer = store.db().read(|db| store.layers(db, store.find(db, "bad:1")?.manifest)).unwrap()[0].digest;
    assert!(verify(&store, false).problems.is_empty());
    let path = store.blob_path(layer);
    let mut bytes = fs::read(&path, u64::MAX - 1).unwrap();
    bytes[1000] ^= 1;
    fs::remove_file(&path).unwrap();
    std::io::Write::write_all(&mut fs::create_new(&path).unwrap(), &bytes).unwrap();
    let report = verify(&store, false);
    assert_eq!(kinds(&report), ["blob_corrupt", "image_broken"]);
    assert_eq!(report.problems[1].subject, id.to_string());
    assert!(verify(&store, true).problems.iter().all(|problem| problem.repaired));
    assert!(verify(&store, false).problems.is_empty());
    let names: Vec<_> =
        store.list(&ListOptions::default()).unwrap().into_iter().flat_map(|image| image.tags).collect();
    assert_eq!(names, ["good:1"]);
}

#[test]
fn a_blob_whose_file_is_gone_is_missed_and_comes_back_with_the_image() {
    let folder = tempfile::tempdir().unwrap();
    let store = store(folder.path());
    add(&store, "x:1", LARGE);
    let layer = store.db().read(|db| store.layers(db, store.find(db, "x:1")?.manifest)).unwrap()[0].digest;
    fs::remove_file(&store.blob_path(layer)).unwrap();
    assert_eq!(store.blob(layer).map(drop).unwrap_err().kind(), ErrorKind::DigestMismatch);
    assert_eq!(kinds(&verify(&store, false)), ["blob_missing", "image_broken"]);
    add(&store, "x:1", LARGE);
    assert!(verify(&store, false).problems.is_empty());
}

#[test]
fn a_removal_leaves_nothing_behind_and_a_sweep_finds_what_a_kill_left() {
    let folder = tempfile::tempdir().unwrap();
    let store = store(folder.path());
    add(&store, "x:1", LARGE);
    store.remove("x:1", &RemoveOptions::default()).unwrap();
    assert!(fs::list(&store.root().join("blobs/sha256")).unwrap().is_empty());
    assert_eq!(store.db().read(|db| db.number("SELECT count(*) FROM blobs", [])).unwrap(), 0);
    assert_eq!(store.db().read(|db| db.number("SELECT count(*) FROM layers", [])).unwrap(), 0);
    // Renamed into place, and killed before the commit.
    drop(fs::create_new(&store.blob_path(Digest::of(b"never"))).unwrap());
    fs::create_dir(&store.root().join("snapshots/9")).unwrap();
    assert!(verify(&store, false).problems.is_empty());
    store.prune_images(&PruneOptions::default(), &Task::new().unwrap()).unwrap();
    assert!(fs::list(&store.root().join("blobs/sha256")).unwrap().is_empty());
    assert!(fs::list(&store.root().join("snapshots")).unwrap().is_empty());
}

#[test]
fn a_fetched_blob_whose_row_was_lost_in_a_kill_is_not_fetched_again() {
    let folder = tempfile::tempdir().unwrap();
    let store = store(folder.path());
    let (digest, size) = (Digest::of(LARGE), LARGE.len() as u64);
    let mut file = fs::create_new(&store.blob_path(digest)).unwrap();
    std::io::Write::write_all(&mut file, LARGE).unwrap();
    let lease = store.lease();
    assert_eq!(store.claim(&lease, digest).unwrap(), Claim::Ours);
    let partial = store.partial(digest, size, &Task::new().unwrap()).unwrap();
    assert_eq!(partial.written(), size);
    store.add_claimed(&lease, partial.finish().unwrap()).unwrap();
    assert_eq!(store.claim(&lease, digest).unwrap(), Claim::Here);
    assert!(fs::list(&store.root().join("partial")).unwrap().is_empty());
}

#[test]
fn a_dry_run_says_what_would_go_and_changes_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let store = store(folder.path());
    add(&store, "x:1", LARGE);
    let task = Task::new().unwrap();
    let options = |dry_run| PruneOptions { all: true, dry_run, ..PruneOptions::default() };
    let said = store.prune_images(&options(true), &task).unwrap();
    assert_eq!((said.untagged.as_slice(), said.deleted.len()), (&["x:1".to_owned()][..], 2));
    assert!(said.reclaimed > LARGE.len() as u64);
    assert_eq!(store.list(&ListOptions::default()).unwrap().len(), 1);
    assert_eq!(store.prune_images(&options(false), &task).unwrap(), said);
}

#[test]
fn a_snapshot_of_another_boot_is_made_anew() {
    let folder = tempfile::tempdir().unwrap();
    let store = store(folder.path());
    add(&store, "x:1", b"x");
    let layers = store.db().read(|db| store.layers(db, store.find(db, "x:1")?.manifest)).unwrap();
    let task = Task::new().unwrap();
    let lease = store.lease();
    let first = store.unpack(&layers, &lease, &task).unwrap().remove(0).path;
    assert_eq!(store.unpack(&layers, &lease, &task).unwrap()[0].path, first);
    store.db().write(|db| db.run("UPDATE snapshots SET boot = 'earlier'", [])).unwrap();
    let second = store.unpack(&layers, &lease, &task).unwrap().remove(0).path;
    assert_ne!(second, first);
    assert_eq!(fs::read(&second.join("file"), 10).unwrap(), b"x");
}

#[test]
fn steps_of_the_cache_go_with_their_images_unless_a_name_needs_them() {
    let folder = tempfile::tempdir().unwrap();
    let store = store(folder.path());
    let (named, loose) = (add(&store, "named:1", b"named"), add(&store, "loose:1", b"loose"));
    let key = |image: Digest| Digest::of(image.to_string().as_bytes());
    store
        .db
        .write(|db| {
            store.remember(db, key(named), named)?;
            store.remember(db, key(loose), loose)?;
            db.run("DELETE FROM names WHERE image = ?", [loose])
        })
        .unwrap();
    let list = store.cache_list().unwrap();
    let of = |image: Digest| list.iter().find(|record| record.id == key(image).to_string()).unwrap();
    assert!(of(named).in_use && !of(loose).in_use && of(loose).size > 0 && of(loose).kind == "regular");
    let prune = |options: &str| {
        store.prune_cache(&serde_json::from_str(options).unwrap(), &Task::new().unwrap()).unwrap()
    };
    assert_eq!(prune(r#"{"filters": {"until": ["1h"]}}"#).deleted, [""; 0]);
    let report = prune("{}");
    assert_eq!(report.deleted, [key(loose).to_string()]);
    assert!(report.reclaimed > 0);
    assert!(store.get(&loose.to_string()).is_err());
    assert_eq!(prune(r#"{"all": true}"#).deleted, [key(named).to_string()]);
    store.get("named:1").unwrap();
    assert_eq!(store.cache_list().unwrap(), []);
}
