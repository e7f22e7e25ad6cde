//! The images that stages start from and copy from: of the store, or pulled.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use super::Build;
use super::shared_cache::auth;
use super::stage::Stage;
use crate::containers::image_of_index;
use crate::digest::Digest;
use crate::error::{Error, ErrorKind, Result};
use crate::platform::Platform;
use crate::reference::Reference;
use crate::registry;

/// An image with its manifest, once somebody has looked for it.
type Slot = Arc<Mutex<Option<(Digest, Digest)>>>;

/// What the names in a Dockerfile lead to. Each is looked for once in a build, also when several stages want it at once.
#[derive(Default)]
pub struct Bases(Mutex<BTreeMap<(String, String), Slot>>);

impl Bases {
    fn slot(&self, name: &str, platform: &Platform) -> Slot {
        let mut slots = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        slots.entry((name.to_owned(), platform.normal().to_string())).or_default().clone()
    }
}

impl Build<'_> {
    /// An image for a platform: of the store, or pulled when it is not there (with `pull`, always asked for).
    pub(super) fn open_image(&self, name: &str, platform: &Platform) -> Result<Stage> {
        let slot = self.bases.slot(name, platform);
        let mut slot = slot.lock().unwrap_or_else(PoisonError::into_inner);
        let (id, manifest) = match *slot {
            Some(found) => found,
            None => *slot.insert(self.find_image(name, platform)?),
        };
        Stage::open(self.store, id, manifest)
    }

    fn find_image(&self, name: &str, platform: &Platform) -> Result<(Digest, Digest)> {
        let reference = match name.parse::<Reference>() {
            Ok(reference) if !name.starts_with("sha256:") => Some(reference.with_default_tag()),
            _ => None,
        };
        let here = match (&reference, self.options.pull) {
            (Some(_), true) => Err(Error::new(ErrorKind::NotFound, "the registry was to be asked")),
            _ => self.image_here(name, reference.as_ref(), platform),
        };
        let missing = match here {
            Err(error) if error.kind() == ErrorKind::NotFound => error,
            found => return found,
        };
        let Some(reference) = reference else { return Err(missing) };
        let auth = auth(self.options, &reference);
        let (store, lease) = (self.store, &self.lease);
        let id = registry::pull_base(store, self.registry, lease, &reference, platform, auth, self.task)
            .map_err(|error| match self.options.pull {
                true => error.context(format!("pull {name}")),
                false => error.context(missing.to_string()),
            })?;
        let record = store.db().read(|db| store.record(db, id))?;
        let record = record.ok_or_else(|| Error::new(ErrorKind::NotFound, format!("No such image: {id}")))?;
        Ok((id, record.manifest))
    }

    /// The image of a name or ID in the store, leased. `not_found` when it is not there, or is for another platform.
    fn image_here(
        &self,
        name: &str,
        reference: Option<&Reference>,
        wanted: &Platform,
    ) -> Result<(Digest, Digest)> {
        let (record, manifest, _) = self.store.db().write_relaxed(|db| {
            let found = self.store.manifest_of(db, name)?;
            self.lease.image(db, found.0.id)?;
            Ok(found)
        })?;
        let found = self.store.config(record.id)?.platform();
        if wanted.fits(&found) || (found.os == wanted.os && found.architecture.is_empty()) {
            return Ok((record.id, manifest));
        }
        let of_index = |name| image_of_index(self.store, &self.lease, name, wanted);
        if let Some(other) = reference.map(of_index).transpose()?.flatten() {
            return Ok(other);
        }
        Err(Error::new(
            ErrorKind::NotFound,
            format!(
                "image with reference {name} was found but does not match the specified platform: wanted {wanted}, actual: {found}"
            ),
        ))
    }
}
