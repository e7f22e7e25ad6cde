//! The state of a stage while it is built: the image so far, its config and layers, and the merged view of them.

use std::collections::BTreeMap;
use std::path::PathBuf;

use super::plan::{Base, PlannedStage, at};
use super::{Build, cache_key, shared_cache};
use crate::archive::Ingested;
use crate::containers::{self, DEFAULT_PATH};
use crate::digest::Digest;
use crate::error::{Error, ErrorKind, Result, ResultExt};
use crate::event::Event;
use crate::layer::Tree;
use crate::media_type;
use crate::spec::{self, Descriptor, History, ImageConfig, Manifest};
use crate::store::{Lease, NewImage, StepInputs, Store, StoredLayer};
use crate::task::Task;

/// Docker stops at this many layers ("max depth exceeded").
const MAX_LAYERS: usize = 125;
/// What an image's config says of the container that made it: not true of what is built on it.
const OF_THE_CONTAINER: [&str; 6] =
    ["container", "container_config", "docker_version", "id", "parent", shared_cache::INLINE];

/// The layer of a step.
pub enum StepLayer {
    /// Made by it.
    Made(Ingested),
    /// One that the store has: how a manifest describes it, and its DiffID.
    Known(Descriptor, Digest),
}

/// The image that a stage, or the first of those it starts from, was begun with.
#[derive(Clone, Debug, Default)]
pub struct StageBase {
    /// Its ID; none of scratch.
    pub image: Option<Digest>,
    /// How many layers it has.
    pub layers: usize,
}

/// A stage that is being built, or is done.
pub struct Stage {
    /// The image of the last step, with its manifest; none while it is scratch.
    pub image: Option<(Digest, Digest)>,
    /// Its config.
    pub config: ImageConfig,
    /// Its layers as the manifest lists them.
    pub descriptors: Vec<Descriptor>,
    /// The same as the store has them.
    pub layers: Vec<StoredLayer>,
    /// Values of the arguments that ARG has declared so far.
    pub arguments: BTreeMap<String, String>,
    /// Whether this stage has set CMD.
    pub cmd_set: bool,
    /// Whether the triggers of its base were taken out of its config, and no step was done since.
    pub triggers_taken: bool,
    /// Whether a step of it was made, not taken from the cache.
    pub made: bool,
    /// What the step that is being made looks at.
    pub inputs: Option<StepInputs>,
    /// Its number in the plan.
    pub number: usize,
    /// What of it no step of the build made.
    pub base: StageBase,
    tree: Tree,
    in_tree: usize,
}

impl Stage {
    /// Nothing, but for the PATH and the working directory that BuildKit gives it.
    pub fn scratch(platform: &crate::platform::Platform) -> Self {
        let mut config = ImageConfig::new(platform);
        config.config.env.push(DEFAULT_PATH.to_owned());
        config.config.working_dir = "/".to_owned();
        Stage {
            image: None,
            config,
            descriptors: Vec::new(),
            layers: Vec::new(),
            arguments: BTreeMap::new(),
            cmd_set: false,
            number: 0,
            triggers_taken: false,
            made: false,
            inputs: None,
            base: StageBase::default(),
            tree: Tree::default(),
            in_tree: 0,
        }
    }

    /// An image of the store as the start of a stage, or as a source to copy from.
    pub fn open(store: &Store, id: Digest, manifest: Digest) -> Result<Self> {
        let layers = store.db().read(|db| store.layers(db, manifest))?;
        let parsed: Manifest = spec::parse(&store.document(manifest)?, &format!("manifest {manifest}"))?;
        Ok(Stage {
            base: StageBase { image: Some(id), layers: layers.len() },
            image: Some((id, manifest)),
            config: store.config(id)?,
            descriptors: parsed
                .layers
                .iter()
                .map(|layer| {
                    Descriptor::new(media_type::oci_layer(&layer.media_type), layer.digest, layer.size)
                })
                .collect(),
            layers,
            arguments: BTreeMap::new(),
            cmd_set: false,
            number: 0,
            triggers_taken: false,
            made: false,
            inputs: None,
            tree: Tree::default(),
            in_tree: 0,
        })
    }

    /// The merged view of its layers.
    pub fn tree(&mut self, store: &Store) -> Result<&mut Tree> {
        for (number, layer) in self.layers.iter().enumerate().skip(self.in_tree) {
            self.tree
                .apply(number as u32, &store.toc(layer, &|| Ok(()))?)
                .context(|| format!("layer {}", layer.digest))?;
            self.in_tree = number + 1;
        }
        Ok(&mut self.tree)
    }

    /// For each layer, the lowest first, a directory that has what it put into the image, under the same path: its own, or
    /// where there is no overlay the whole root, for every one of them.
    pub fn snapshots(&self, store: &Store, lease: &Lease<'_>, task: &Task) -> Result<Vec<PathBuf>> {
        containers::unpacked(store, &self.layers, lease, task)
    }

    /// The image so far, as the container of its next step has it.
    pub fn id(&self) -> Option<Digest> {
        self.image.map(|(id, _)| id)
    }

    /// What decides what a step makes of where it starts: the image, and what the image does not tell.
    pub fn state_key(&self) -> String {
        let mut key = self.parent_key();
        if self.cmd_set {
            key.push_str(" CMD set");
        }
        if self.triggers_taken {
            key.push_str(" triggers taken");
        }
        key
    }

    /// What names the state that a step starts from.
    pub fn parent_key(&self) -> String {
        self.image.map_or_else(|| format!("scratch {}", self.config.platform()), |(id, _)| id.to_string())
    }

    /// Becomes an image that an earlier build made of the same step.
    pub fn take(&mut self, store: &Store, id: Digest) -> Result<()> {
        let record = store.db().read(|db| store.record(db, id))?;
        let record = record.ok_or_else(|| Error::new(ErrorKind::NotFound, format!("No such image: {id}")))?;
        let next = Stage::open(store, id, record.manifest)?;
        self.image = next.image;
        self.triggers_taken = false;
        self.config = next.config;
        self.descriptors = next.descriptors;
        self.layers = next.layers;
        Ok(())
    }
}

impl Build<'_> {
    /// Builds a stage: FROM, the triggers of its base, its instructions.
    pub(super) fn build_stage(&self, number: usize) -> Result<Stage> {
        let planned = &self.plan.stages[number];
        let mut n = planned.first_step;
        let mut stage = self.start_stage(planned, number)?;
        for instruction in &planned.instructions {
            n += 1;
            self.step(&mut stage, instruction, n)?;
        }
        Ok(stage)
    }

    fn start_stage(&self, planned: &PlannedStage, number: usize) -> Result<Stage> {
        let (from, n) = (&planned.from, planned.first_step);
        self.tell_step(from, n, planned.shown(number))?;
        let mut stage = match &planned.base {
            Base::Scratch => Stage::scratch(&planned.platform),
            Base::Stage(number) => {
                let base = self.finished(*number)?;
                let mut stage = match base.image {
                    Some((id, manifest)) => {
                        Stage { base: base.base.clone(), ..Stage::open(self.store, id, manifest)? }
                    }
                    None => Stage::scratch(&planned.platform),
                };
                // What a stage declared holds in those that start from it (Docker's documentation of builds, "Scoping").
                stage.arguments = base.arguments.clone();
                stage
            }
            Base::Image(name) => self.open_image(name, &planned.platform).map_err(at(from))?,
            Base::Context(name) => self.start_from_context(planned, name, number).map_err(at(from))?,
        };
        stage.number = number;
        // Triggers fire in children only, and only once.
        let triggers = std::mem::take(&mut stage.config.config.on_build);
        stage.triggers_taken = !triggers.is_empty();
        if !triggers.is_empty() {
            self.task.emit(&Event::Triggers { n, count: triggers.len() as u32 })?;
        }
        for trigger in &triggers {
            let mut instruction = crate::dockerfile::parse_onbuild(trigger).map_err(at(from))?;
            (instruction.line, instruction.end_line) = (from.line, from.end_line);
            self.execute(&mut stage, &instruction, n)?;
        }
        let image = stage.id().map(|id| id.to_string()).unwrap_or_default();
        self.task.emit(&Event::StepDone { n, image })?;
        Ok(stage)
    }

    /// Whether no step of a stage is to be taken from the cache.
    pub(super) fn ignores_cache(&self, stage: &Stage) -> bool {
        self.plan.stages[stage.number].ignores_cache
    }

    /// Looks a step up in the cache; a hit becomes the stage's image.
    pub(super) fn try_cache(&self, stage: &mut Stage, key: Digest, n: u32) -> Result<bool> {
        if self.ignores_cache(stage) {
            return Ok(false);
        }
        let cached = self.store.db().write_relaxed(|db| {
            let cached = self.store.cached(db, key)?;
            cached.map(|id| self.lease.image(db, id)).transpose()?;
            Ok(cached)
        })?;
        let adopted = if cached.is_none() { self.adopt(stage, key)? } else { None };
        let Some(id) = cached.or(adopted) else { return Ok(false) };
        self.note(stage.number, id);
        stage.take(self.store, id)?;
        self.task.emit(&Event::StepCached { n })?;
        Ok(true)
    }

    /// The topmost layer of the image that a step with this key made before, on whatever; its image is kept until the build
    /// is done.
    pub(super) fn cached_layer(&self, stage: &Stage, key: Digest) -> Result<Option<StepLayer>> {
        if self.ignores_cache(stage) {
            return Ok(None);
        }
        let cached = self.store.db().write_relaxed(|db| {
            let cached = self.store.cached(db, key)?;
            cached.map(|id| self.lease.image(db, id)).transpose()?;
            cached.map(|id| Ok(self.store.record(db, id)?.map(|record| (id, record.manifest)))).transpose()
        })?;
        let Some((id, manifest)) = cached.flatten() else { return Ok(None) };
        let mut image = Stage::open(self.store, id, manifest)?;
        let layer = image.descriptors.pop().zip(image.layers.pop());
        Ok(layer.map(|(descriptor, layer)| StepLayer::Known(descriptor, layer.diff_id)))
    }

    /// Makes the image of a step: the stage's config, one more line of history, and a layer if the step made one.
    pub(super) fn commit(
        &self,
        stage: &mut Stage,
        created_by: String,
        layer: Option<Ingested>,
        keys: &[Digest],
    ) -> Result<()> {
        self.commit_layer(stage, created_by, layer.map(StepLayer::Made), keys)
    }

    /// [`Build::commit`] with a layer that may be there already.
    pub(super) fn commit_layer(
        &self,
        stage: &mut Stage,
        created_by: String,
        layer: Option<StepLayer>,
        keys: &[Digest],
    ) -> Result<()> {
        let created = self.created()?;
        let config = &mut stage.config;
        for key in OF_THE_CONTAINER {
            config.extra.remove(key);
        }
        let lines = config.history.iter().filter(|line| !line.empty_layer).count();
        for _ in lines..config.rootfs.diff_ids.len() {
            // A base that does not tell its history.
            config
                .history
                .push(History { comment: "not told by the base image".into(), ..History::default() });
        }
        config.created = Some(created.clone());
        config.history.push(History {
            created: Some(created),
            created_by,
            author: config.author.clone(),
            empty_layer: layer.is_none(),
            ..History::default()
        });
        let described = match &layer {
            Some(StepLayer::Made((blob, layer))) => {
                Some((Descriptor::new(&layer.media_type, blob.digest, blob.size), layer.diff_id))
            }
            Some(StepLayer::Known(descriptor, diff_id)) => Some((descriptor.clone(), *diff_id)),
            None => None,
        };
        if let Some((descriptor, diff_id)) = described {
            if stage.descriptors.len() >= MAX_LAYERS {
                return Err(Error::new(ErrorKind::BuildFailed, "max depth exceeded"));
            }
            config.rootfs.diff_ids.push(diff_id);
            let below = stage.layers.last().map(|layer| layer.chain_id);
            stage.layers.push(StoredLayer {
                digest: descriptor.digest,
                diff_id,
                chain_id: Digest::chain(below, diff_id),
            });
            stage.descriptors.push(descriptor);
        }
        let config = spec::to_bytes(config)?;
        let image = NewImage::of_config(config, stage.descriptors.clone(), stage.id())?;
        let (parent, inputs) = (stage.parent_key(), stage.inputs.take());
        let made = match layer {
            Some(StepLayer::Made(layer)) => vec![layer],
            _ => Vec::new(),
        };
        self.task.check()?;
        let added = self.store.db().write(|db| {
            self.store.add_layers(db, made)?;
            let added = self.store.add_image(db, image)?;
            self.lease.image(db, added.0)?;
            for key in keys {
                self.store.remember(db, *key, added.0)?;
            }
            if let Some(inputs) = &inputs {
                self.store.note_inputs(db, &parent, inputs)?;
            }
            Ok(added)
        })?;
        self.note(stage.number, added.0);
        stage.image = Some(added);
        stage.triggers_taken = false;
        Ok(())
    }

    /// The key of a step that only its text decides.
    pub(super) fn text_key(&self, stage: &Stage, text: &str) -> Result<Digest> {
        // The text alone does not tell all: HEALTHCHECK shows no times, and blanks join what was apart.
        let config = (&stage.config.config, &stage.config.author);
        cache_key(&(stage.state_key(), text, config, self.epoch))
    }
}
