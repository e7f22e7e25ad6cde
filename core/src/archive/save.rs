//! Save: images of the store as an archive, chosen by name or ID.

use super::pack::{Package, WholeIndex, pack};
use super::{SaveOptions, Target};
use crate::digest::Digest;
use crate::error::{Error, ErrorKind, Result};
use crate::reference::Reference;
use crate::store::{Lease, Store, StoredIndex};
use crate::task::Task;

/// An image that was asked for, and the index that its name led to if all of that is here.
struct Chosen {
    package: Package,
    index: Option<StoredIndex>,
}

/// Saves images, given by name (a repository without a tag: all its tags) or ID. A name that led to an index of which everything is
/// here gives the whole index in an OCI layout. Atomic for a path: a failure leaves what was there. Like what `cp` writes, an
/// archive is not flushed to the disk.
pub fn save(
    store: &Store,
    images: &[String],
    target: Target,
    options: &SaveOptions,
    task: &Task,
) -> Result<()> {
    if images.is_empty() {
        return Err(Error::new(ErrorKind::InvalidArgument, "no image to save was given"));
    }
    task.check()?;
    let lease = store.lease();
    let mut packages = Vec::new();
    for Chosen { package, index } in choose(store, images, &lease)? {
        let index = match index {
            Some(index) => Some(WholeIndex::new(store, &index.media_type, store.document(index.digest)?)?),
            None => None,
        };
        packages.push(package.with_index(index));
    }
    pack(store, &packages, target, options.format, task)
}

/// Finds the images, and keeps them from being removed until they are saved.
fn choose(store: &Store, images: &[String], lease: &Lease<'_>) -> Result<Vec<Chosen>> {
    store.db().write_relaxed(|db| {
        let mut chosen: Vec<Chosen> = Vec::new();
        for image in images {
            let names = all_tags(store, db, image)?;
            match store.manifest_of(db, image) {
                Err(error) if error.kind() != ErrorKind::NotFound || names.is_empty() => return Err(error),
                // A repository: what was found by it, if anything, is one of its tags.
                Ok((.., Some(_))) | Err(_) if !names.is_empty() => {
                    for name in names {
                        add(store, db, &mut chosen, store.manifest_of(db, &name.canonical())?)?;
                    }
                }
                found => add(store, db, &mut chosen, found?)?,
            }
        }
        for Chosen { package, index } in &chosen {
            lease.image(db, package.id())?;
            index.iter().try_for_each(|index| store.lease_index(db, lease, index.digest))?;
        }
        Ok(chosen)
    })
}

/// All names of a repository; none for what is no repository.
fn all_tags(store: &Store, db: &rusqlite::Connection, image: &str) -> Result<Vec<Reference>> {
    match image.parse::<Reference>() {
        Ok(name) if name.tag().is_none() && name.digest().is_none() => store.names_of_repository(db, &name),
        _ => Ok(Vec::new()),
    }
}

fn add(
    store: &Store,
    db: &rusqlite::Connection,
    chosen: &mut Vec<Chosen>,
    (record, manifest, name): (crate::store::ImageRecord, Digest, Option<Reference>),
) -> Result<()> {
    let index = match &name {
        Some(name) => store.index_of(db, name)?.filter(|index| index.whole),
        None => None,
    };
    let name = name.filter(|name| name.digest().is_none());
    let same = |known: &&mut Chosen| {
        known.package.manifest() == manifest
            && known.index.as_ref().map(|known| known.digest) == index.as_ref().map(|index| index.digest)
    };
    if let Some(known) = chosen.iter_mut().find(same) {
        name.into_iter().for_each(|name| known.package.add_name(name));
        return Ok(());
    }
    let package = Package::new(store, db, (record.id, manifest), name.into_iter().collect())?;
    chosen.push(Chosen { package, index });
    Ok(())
}
