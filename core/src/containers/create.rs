//! Creating a container: its image found or pulled, its settings, its row and folder.

use super::names;
use super::object::{Object, sweep};
use super::options::{CreateOptions, PullPolicy};
use super::report::CreateReport;
use super::settings::Settings;
use crate::config::RegistryConfig;
use crate::container;
use crate::digest::Digest;
use crate::error::{Error, ErrorKind, Result};
use crate::event::Event;
use crate::platform::Platform;
use crate::reference::Reference;
use crate::registry;
use crate::spec::{Document, ImageConfig, Index};
use crate::store::{Lease, NewContainer, Store};
use crate::task::Task;

/// Creates a container.
pub fn create(
    store: &Store,
    registry: &RegistryConfig,
    image: &str,
    options: &CreateOptions,
    task: &Task,
) -> Result<CreateReport> {
    let object = new(store, registry, image, options, false, task)?;
    Ok(CreateReport { id: object.id, name: object.name, warnings: Vec::new() })
}

/// Creates one and gives it. `of_operation`: see [`NewContainer`].
pub fn new<'a>(
    store: &'a Store,
    registry: &RegistryConfig,
    image: &str,
    options: &CreateOptions,
    of_operation: bool,
    task: &Task,
) -> Result<Object<'a>> {
    sweep(store)?;
    let name = options.name.as_deref().map(names::check).transpose()?;
    let lease = store.lease();
    let finder = Finder { store, registry, options, lease: &lease, task };
    let found = finder.find(image)?;
    let mut settings = Settings::new(image, options, &found.config.config)?;
    let platform = found.config.platform();
    container::can_run(&platform)?;
    settings.platform = platform.to_string();
    settings.created = format!("{:.9}", jiff::Timestamp::now());
    task.check()?;
    let new = NewContainer {
        image: found.id,
        manifest: found.manifest,
        settings: &settings.to_bytes()?,
        fleeting: settings.auto_remove,
        of_operation,
    };
    let mut failed = None;
    let row = store.add_container(&new, &mut |attempt| match name {
        Some(name) => (attempt == 0).then(|| name.to_owned()),
        None => names::made_up(attempt).unwrap_or_else(|error| {
            failed = Some(error);
            None
        }),
    });
    let row = match failed {
        Some(error) => return Err(error),
        None => row?,
    };
    task.announce(&Event::ContainerCreated { container: row.id.clone() });
    let folder = store.container_folder(&row.id);
    Ok(Object { store, id: row.id, name: row.name, image: row.image, settings, folder })
}

/// The image for a platform, with its manifest, in the index that a name led to, leased; `None` when it is not here.
pub fn image_of_index(
    store: &Store,
    lease: &Lease<'_>,
    name: &Reference,
    wanted: &Platform,
) -> Result<Option<(Digest, Digest)>> {
    let Some(index) = store.db().read(|db| store.index_of(db, name))? else { return Ok(None) };
    let bytes = store.document(index.digest)?;
    let Document::Index(Index { manifests, .. }) =
        Document::parse(&bytes, &format!("index {}", index.digest))?
    else {
        return Ok(None);
    };
    for listed in manifests {
        if !listed.platform.as_ref().is_some_and(|platform| wanted.fits(platform)) {
            continue;
        }
        let image = store.db().write_relaxed(|db| {
            let image = store.image_of_manifest(db, listed.digest)?;
            image.map(|image| lease.image(db, image)).transpose()?;
            Ok(image)
        })?;
        if let Some(image) = image {
            return Ok(Some((image, listed.digest)));
        }
    }
    Ok(None)
}

/// An image that was found.
struct Found {
    id: Digest,
    manifest: Digest,
    config: ImageConfig,
}

/// Looks for the image of a container.
struct Finder<'a> {
    store: &'a Store,
    registry: &'a RegistryConfig,
    options: &'a CreateOptions,
    lease: &'a Lease<'a>,
    task: &'a Task,
}

impl Finder<'_> {
    fn find(&self, image: &str) -> Result<Found> {
        let wanted = self.options.platform.as_deref().map(str::parse::<Platform>).transpose()?;
        let reference = match image.parse::<Reference>() {
            Ok(reference) if !image.starts_with("sha256:") => Some(reference.with_default_tag()),
            _ => None,
        };
        let here = match (&reference, self.options.pull) {
            (Some(_), PullPolicy::Always) => Err(None),
            _ => match self.here(image, reference.as_ref(), wanted.as_ref()) {
                Err(error) if error.kind() == ErrorKind::NotFound => Err(Some(error)),
                other => Ok(other?),
            },
        };
        let missing = match here {
            Ok(found) => return Ok(found),
            Err(missing) => missing,
        };
        let Some(reference) = reference.filter(|_| self.options.pull != PullPolicy::Never) else {
            return Err(missing.unwrap_or_else(|| crate::store::no_such_image(image)));
        };
        let options = registry::PullOptions {
            platform: wanted.as_ref().map(Platform::to_string),
            auth: self.options.auth.clone(),
            ..Default::default()
        };
        let pulled = registry::pull(self.store, self.registry, &reference.to_string(), &options, self.task)
            .map_err(|error| match missing {
            Some(missing) => error.context(missing.to_string()),
            None => error,
        })?;
        let pulled = pulled.first().ok_or_else(|| crate::store::no_such_image(image))?;
        self.here(&pulled.id, None, wanted.as_ref())
    }

    /// An image of the store, leased. `not_found` when it is not there, or is for another platform than the one that was asked for.
    fn here(&self, image: &str, name: Option<&Reference>, wanted: Option<&Platform>) -> Result<Found> {
        let (record, manifest, _) = self.store.db().read(|db| self.store.manifest_of(db, image))?;
        let config = self.store.config(record.id)?;
        let platform = config.platform();
        let Some(wanted) = wanted.filter(|wanted| !wanted.fits(&platform)) else {
            return Ok(Found { id: record.id, manifest, config });
        };
        let other = name.map(|name| image_of_index(self.store, self.lease, name, wanted)).transpose()?;
        if let Some((id, manifest)) = other.flatten() {
            return Ok(Found { id, manifest, config: self.store.config(id)? });
        }
        Err(Error::new(
            ErrorKind::NotFound,
            format!(
                "image with reference {image} was found but does not match the specified platform: wanted {wanted}, actual: {platform}"
            ),
        ))
    }
}
