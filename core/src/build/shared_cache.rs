//! The cache that machines share through a registry: steps are left there after a build, and looked up there before they are made.
//!
//! What is shared is a list of steps, each with the keys that it is found by and the config of its image; see docs/registry-cache.md for
//! the format. A step that is found becomes an image of the store, as if it had been made here.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::PoisonError;

use serde::{Deserialize, Serialize};

use super::stage::Stage;
use super::{Build, BuildOptions};
use crate::config::RegistryConfig;
use crate::digest::Digest;
use crate::error::{Error, ErrorKind, Result};
use crate::event::Event;
use crate::media_type;
use crate::platform::Platform;
use crate::reference::{DEFAULT_HOST, Reference};
use crate::registry::{self, Auth};
use crate::spec::{self, Descriptor, ImageConfig};
use crate::store::{Lease, NewImage, Store};
use crate::task::Task;

/// The media type of a cache's config.
const CACHE: &str = "application/vnd.layerkit.cache.v1+json";
/// Where the config of an image has its steps.
pub const INLINE: &str = "layerkit.cache.v1";

/// The list of steps.
#[derive(Default, Serialize, Deserialize)]
struct SharedSteps {
    steps: Vec<SharedStep>,
    /// The DiffIDs of the layers that the manifest lists, in its order; those of an image are in its config.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    diff_ids: Vec<Digest>,
}

/// One step.
#[derive(Clone, Serialize, Deserialize)]
struct SharedStep {
    /// What it is found by.
    keys: Vec<Digest>,
    /// The config of its image: its bytes.
    config: String,
}

/// Where a cache is left.
enum Destination {
    Registry { name: Reference, all: bool },
    Inline,
}

/// A step that another machine made.
struct Known {
    step: SharedStep,
    /// Where its layers are.
    name: Reference,
    layers: BTreeMap<Digest, Descriptor>,
}

/// What a build takes from shared caches and leaves there.
#[derive(Default)]
pub struct SharedCache {
    known: Vec<Known>,
    by_key: BTreeMap<Digest, usize>,
    destinations: Vec<Destination>,
}

fn invalid(option: &str, text: &str, why: &str) -> Error {
    Error::new(ErrorKind::InvalidArgument, format!("{option} {text:?}: {why}"))
}

/// The fields of `type=registry,ref=NAME,mode=max`; a name alone is `ref`.
fn fields<'a>(option: &str, text: &'a str, known: &[&str]) -> Result<BTreeMap<&'a str, &'a str>> {
    if !text.contains('=') {
        return Ok(BTreeMap::from([("type", "registry"), ("ref", text)]));
    }
    let mut fields = BTreeMap::new();
    for field in text.split(',') {
        let (key, value) =
            field.split_once('=').ok_or_else(|| invalid(option, text, "fields are KEY=VALUE"))?;
        if !known.contains(&key) {
            return Err(invalid(option, text, &format!("there is no field {key}")));
        }
        fields.insert(key, value);
    }
    Ok(fields)
}

fn name_of(option: &str, text: &str, fields: &BTreeMap<&str, &str>) -> Result<Reference> {
    let name = fields.get("ref").ok_or_else(|| invalid(option, text, "it wants ref=NAME"))?;
    Ok(name.parse::<Reference>()?.with_default_tag())
}

fn destination(text: &str) -> Result<Destination> {
    const OPTION: &str = "cache_to";
    let fields = fields(OPTION, text, &["type", "ref", "mode"])?;
    match fields.get("type").copied() {
        Some("inline") => Ok(Destination::Inline),
        Some("registry") => {
            let all = match fields.get("mode").copied() {
                None | Some("min") => false,
                Some("max") => true,
                Some(_) => return Err(invalid(OPTION, text, "mode is min or max")),
            };
            let name = name_of(OPTION, text, &fields)?;
            match name.digest() {
                None => Ok(Destination::Registry { name, all }),
                Some(_) => Err(invalid(OPTION, text, "a digest cannot be chosen")),
            }
        }
        _ => Err(invalid(OPTION, text, "type is registry or inline")),
    }
}

impl SharedCache {
    /// Reads the options, and the lists of the caches that they name. One that cannot be had is a warning: the build goes on
    /// without.
    pub fn open(
        store: &Store,
        registry: &RegistryConfig,
        options: &BuildOptions,
        platforms: &[Platform],
        lease: &Lease<'_>,
        task: &Task,
    ) -> Result<Self> {
        const OPTION: &str = "cache_from";
        let destinations = options.cache_to.iter().map(|text| destination(text)).collect::<Result<_>>()?;
        let mut cache = SharedCache { destinations, ..SharedCache::default() };
        for text in &options.cache_from {
            let fields = fields(OPTION, text, &["type", "ref"])?;
            if fields.get("type") != Some(&"registry") {
                return Err(invalid(OPTION, text, "type is registry"));
            }
            let name = name_of(OPTION, text, &fields)?;
            for platform in platforms {
                let auth = auth(options, &name);
                let added = registry::fetch_cache(store, registry, lease, &name, platform, auth, task)
                    .and_then(|fetched| cache.add(&name, fetched));
                match added {
                    Ok(()) => {}
                    Err(error) if error.kind() == ErrorKind::Cancelled => return Err(error),
                    Err(error) => {
                        task.emit(&Event::warning(format!("the cache {name} is not used: {error}")))?;
                    }
                }
            }
        }
        Ok(cache)
    }

    /// Whether the image is to have its steps in its config.
    pub fn is_inline(&self) -> bool {
        self.destinations.iter().any(|destination| matches!(destination, Destination::Inline))
    }

    /// Whether a step is known by this key.
    pub fn knows(&self, key: Digest) -> bool {
        self.by_key.contains_key(&key)
    }

    fn add(&mut self, name: &Reference, fetched: registry::FetchedCache) -> Result<()> {
        let what = || format!("the cache {name}");
        let (shared, diff_ids): (SharedSteps, Vec<Digest>) = if fetched.media_type == CACHE {
            let mut shared: SharedSteps = spec::parse(&fetched.config, &what())?;
            let diff_ids = std::mem::take(&mut shared.diff_ids);
            (shared, diff_ids)
        } else {
            let config: ImageConfig = spec::parse(&fetched.config, &what())?;
            let Some(inline) = config.extra.get(INLINE) else {
                return Err(Error::new(
                    ErrorKind::NotFound,
                    format!("{name} is neither a cache nor an image with one"),
                ));
            };
            let shared = serde_json::from_value(inline.clone())
                .map_err(|error| Error::new(ErrorKind::InvalidImage, format!("{}: {error}", what())))?;
            (shared, config.rootfs.diff_ids)
        };
        let layers: BTreeMap<Digest, Descriptor> = diff_ids.into_iter().zip(fetched.layers).collect();
        for step in shared.steps {
            for key in &step.keys {
                self.by_key.entry(*key).or_insert(self.known.len());
            }
            self.known.push(Known { step, name: name.clone(), layers: layers.clone() });
        }
        Ok(())
    }
}

/// The credentials for a name.
pub fn auth<'a>(options: &'a BuildOptions, name: &Reference) -> Option<&'a Auth> {
    let hub = (name.host() == DEFAULT_HOST).then(|| options.auths.get("")).flatten();
    hub.or_else(|| options.auths.get(name.host()))
}

/// Leaves the steps of builds for several platforms where the options say.
pub fn push(builds: &[Build<'_>], task: &Task) -> Result<()> {
    let Some(first) = builds.first() else { return Ok(()) };
    for destination in &first.shared.destinations {
        let Destination::Registry { name, all } = destination else { continue };
        let mut layers: BTreeMap<Digest, Descriptor> = BTreeMap::new();
        let mut steps = Vec::new();
        for build in builds {
            let images = build.step_images(*all);
            for image in &images {
                layers.extend(build.layers_of(*image)?);
            }
            steps.extend(build.steps(&images)?);
        }
        let (diff_ids, layers) = layers.into_iter().unzip();
        let document = spec::to_bytes(&SharedSteps { steps, diff_ids })?;
        let auth = auth(first.options, name);
        registry::push_cache(first.store, first.registry, name, (CACHE, document), layers, auth, task)
            .map_err(|error| error.context(format!("push the cache {name}")))?;
    }
    Ok(())
}

impl Build<'_> {
    /// Takes note of a step that is done.
    pub(super) fn note(&self, stage: usize, image: Digest) {
        if !self.shared.destinations.is_empty() {
            self.made.lock().unwrap_or_else(PoisonError::into_inner).push((stage, image));
        }
    }

    /// The images of the steps that the target's image is made of, or of all, each once, in the order they were made.
    fn step_images(&self, all: bool) -> Vec<Digest> {
        let chain = self.chain();
        let made = self.made.lock().unwrap_or_else(PoisonError::into_inner);
        let mut seen = BTreeSet::new();
        let wanted = made.iter().filter(|(stage, _)| all || chain.contains(stage));
        wanted.map(|(_, image)| *image).filter(|image| seen.insert(*image)).collect()
    }

    /// Makes an image of a step that a shared cache has, in place of the stage's. `None` when none has it, or what it has does not fit.
    pub(super) fn adopt(&self, stage: &Stage, key: Digest) -> Result<Option<Digest>> {
        let Some(known) = self.shared.by_key.get(&key).map(|number| &self.shared.known[*number]) else {
            return Ok(None);
        };
        match self.adopt_step(stage, known, key) {
            Ok(image) => Ok(Some(image)),
            Err(error) if error.kind() == ErrorKind::Cancelled => Err(error),
            Err(error) => {
                let message = format!("a step of the cache {} is not used: {error}", known.name);
                self.task.emit(&Event::warning(message))?;
                Ok(None)
            }
        }
    }

    fn adopt_step(&self, stage: &Stage, known: &Known, key: Digest) -> Result<Digest> {
        let config = known.step.config.clone().into_bytes();
        let parsed: ImageConfig = spec::parse(&config, "the config of a step")?;
        parsed.validate()?;
        let below: Vec<Digest> = stage.layers.iter().map(|layer| layer.diff_id).collect();
        let Some(new) = parsed.rootfs.diff_ids.strip_prefix(below.as_slice()) else {
            return Err(Error::new(ErrorKind::InvalidImage, "it was made on other layers"));
        };
        let mut layers = stage.descriptors.clone();
        let mut missing = Vec::new();
        for diff_id in new {
            let layer = known.layers.get(diff_id).ok_or_else(|| {
                Error::new(ErrorKind::InvalidImage, format!("layer {diff_id} is not in it"))
            })?;
            missing.push(layer.clone());
            layers.push(Descriptor::new(media_type::oci_layer(&layer.media_type), layer.digest, layer.size));
        }
        if !missing.is_empty() {
            let auth = auth(self.options, &known.name);
            let (store, lease) = (self.store, &self.lease);
            registry::fetch_layers(store, self.registry, lease, &known.name, &missing, auth, self.task)?;
        }
        let image = NewImage::of_config(config, layers, stage.id())?;
        self.store.db().write(|db| {
            let (id, _) = self.store.add_image(db, image)?;
            self.lease.image(db, id)?;
            // Only what was asked for: other keys are said by who wrote the cache.
            self.store.remember(db, key, id)?;
            Ok(id)
        })
    }

    /// The stages whose steps the target's image is made of.
    fn chain(&self) -> Vec<usize> {
        let mut chain = vec![self.plan.target];
        while let Some(super::plan::Base::Stage(base)) =
            chain.last().map(|last| &self.plan.stages[*last].base)
        {
            chain.push(*base);
        }
        chain
    }

    /// The steps of the target, for the config of its image.
    pub(super) fn inline_steps(&self) -> Result<serde_json::Value> {
        let steps = self.steps(&self.step_images(false))?;
        serde_json::to_value(SharedSteps { steps, diff_ids: Vec::new() })
            .map_err(|error| Error::new(ErrorKind::Internal, format!("write the cache: {error}")))
    }

    fn steps(&self, images: &[Digest]) -> Result<Vec<SharedStep>> {
        let step = |image: &Digest| {
            let config = String::from_utf8(self.store.document(*image)?)
                .map_err(|_| Error::new(ErrorKind::Internal, "an image config that is not UTF-8"))?;
            Ok(SharedStep { keys: self.store.db().read(|db| self.store.keys_of(db, *image))?, config })
        };
        images.iter().map(step).collect()
    }

    fn layers_of(&self, image: Digest) -> Result<Vec<(Digest, Descriptor)>> {
        let record = self.store.db().read(|db| self.store.record(db, image))?;
        let record =
            record.ok_or_else(|| Error::new(ErrorKind::NotFound, format!("No such image: {image}")))?;
        let stage = Stage::open(self.store, image, record.manifest)?;
        Ok(stage.layers.iter().map(|layer| layer.diff_id).zip(stage.descriptors).collect())
    }
}
