//! Builds of Dockerfiles: plan, context, cache, copy and add, run, result.
//!
//! Each step is an image whose parent is the step before (Docker's classic builder); a step that is known for its parent and
//! inputs is taken from the cache. Knows nothing of who calls.

mod add_remote;
mod base;
mod check;
mod chmod;
mod context;
mod context_tar;
mod copy;
mod copy_key;
mod digests;
mod explain;
mod fetched;
mod git;
mod git_command;
mod git_url;
mod image_files;
mod inputs;
mod items;
mod memory;
mod mount_files;
mod named;
mod options;
mod output;
mod plan;
mod platforms;
mod run;
mod run_log;
mod run_mounts;
mod run_settings;
mod schedule;
mod shared_cache;
mod sources;
mod squash;
mod stage;
mod steps;
mod tar;
mod target;
mod unpack;

pub use options::{
    BuildInputs, BuildNetwork, BuildOptions, BuildOutput, BuildResult, BuildStep, BuiltImage, MemoryFile,
    Secret,
};

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex, OnceLock, PoisonError};

use crate::config::{self, RegistryConfig};
use crate::digest::Digest;
use crate::dockerfile::{self, Instruction};
use crate::error::{Error, ErrorKind, Result};
use crate::event::Event;
use crate::fs::AtomicFile;
use crate::platform::Platform;
use crate::reference::Reference;
use crate::spec;
use crate::store::{Lease, NewImage, Store};
use crate::task::Task;
use base::Bases;
use context::Context;
use digests::Digests;
use inputs::Finder;
use named::NamedContexts;
use output::{Made, Outputs};
use plan::Plan;
use run_settings::RunSettings;
use shared_cache::SharedCache;
use stage::Stage;

/// What all steps of a build share.
struct Build<'a> {
    store: &'a Store,
    /// How base images are pulled.
    registry: &'a RegistryConfig,
    options: &'a BuildOptions,
    task: &'a Task,
    plan: &'a Plan,
    platform: Platform,
    context: &'a Context,
    named: NamedContexts,
    /// Seconds since 1970 that nothing new is later than, if that was asked.
    epoch: Option<i64>,
    /// Keeps every image of the build from being pruned until it is done.
    lease: Lease<'a>,
    /// Build arguments that no ARG took.
    unused: Mutex<BTreeSet<String>>,
    /// Caches in registries.
    shared: &'a SharedCache,
    /// What is known of the contexts' files.
    digests: &'a Digests,
    /// The steps of this build that are done: stage and image.
    made: Mutex<Vec<(usize, Digest)>>,
    /// The images that names led to.
    bases: Bases,
    /// What all RUN steps have.
    runs: &'a RunSettings,
    /// The stages that are done, by their numbers.
    done: Vec<OnceLock<Arc<Stage>>>,
}

/// Builds a Dockerfile and names its image. A failing step leaves the steps before it in the cache.
pub fn build(
    store: &Store,
    registry: &RegistryConfig,
    options: &BuildOptions,
    inputs: BuildInputs,
    task: &Task,
) -> Result<BuildResult> {
    check(options)?;
    let tags = options.tags.iter().map(|tag| Reference::for_tagging(tag)).collect::<Result<Vec<_>>>()?;
    let platforms = platforms::wanted(options)?;
    let mut outputs = Outputs::open(options, inputs.output, platforms.len())?;
    let epoch = match options.source_date_epoch {
        Some(epoch) => Some(epoch),
        None => config::source_date_epoch()?,
    };
    task.check()?;
    let lease = store.lease();
    let steps = match options.steps.as_slice() {
        [] => None,
        steps => Some(dockerfile::from_steps(steps)?.into_bytes()),
    };
    // Steps and texts are in no file.
    let given = steps.is_some() || options.dockerfile_text.is_some() || inputs.dockerfile.is_some();
    let file = (!given).then(|| {
        options.dockerfile.as_ref().map_or_else(|| "Dockerfile".to_owned(), |path| path.display().to_string())
    });
    let placed = |error: Error| match &file {
        Some(file) if error.field("line").is_some() => error.with("file", file.as_str()),
        _ => error,
    };
    let finder = Finder { store, registry, task };
    let time = tar::new_time(epoch);
    let (context, text) = finder.open(options, inputs.context, inputs.dockerfile, time)?;
    let named = || NamedContexts::new(&options.contexts);
    let text = steps.as_deref().unwrap_or(&text);
    let plans = platforms::plans(text, options, &platforms, &named()?).map_err(placed)?;
    let scoped = plans.iter().map(|plan| schedule::scoped(plan, options.jobs, task));
    let scoped = scoped.collect::<Result<Vec<_>>>()?;
    let shared = SharedCache::open(store, registry, options, &platforms, &lease, task)?;
    if options.squash && shared.is_inline() {
        let message = "an image of one layer cannot carry its steps: squash or an inline cache, not both";
        return Err(Error::new(ErrorKind::InvalidArgument, message));
    }
    let digests = Digests::default();
    let runs = RunSettings::new(options)?;
    // Each keeps its images until all is done.
    let mut builds = Vec::new();
    for (platform, (plan, scoped)) in platforms.into_iter().zip(plans.iter().zip(&scoped)) {
        let is_unused =
            |name: &&String| *name != run_mounts::CACHE_NAMESPACE && !plan.used_arguments.contains(*name);
        builds.push(Build {
            store,
            registry,
            options,
            task: scoped.as_ref().unwrap_or(task),
            plan,
            platform,
            context: &context,
            named: named()?,
            epoch,
            lease: store.lease(),
            runs: &runs,
            unused: options.buildargs.keys().filter(is_unused).cloned().collect::<BTreeSet<_>>().into(),
            shared: &shared,
            digests: &digests,
            bases: Bases::default(),
            made: Mutex::default(),
            done: plan.stages.iter().map(|_| OnceLock::new()).collect(),
        });
    }
    let made = builds.iter().map(|build| build.make(task).map_err(placed)).collect::<Result<Vec<_>>>()?;
    let Some(local) = platforms::local(&made) else {
        return Err(Error::new(ErrorKind::Internal, "a build for no platform"));
    };
    warn_of_unused(&builds, task)?;
    task.check()?;
    let index = platforms::index(&made)?;
    let digest = index.as_deref().map_or(local.manifest, Digest::of);
    outputs.write(store, &made, index.as_deref(), &tags, task)?;
    let files = outputs.tell(&made, index.as_deref(), &tags)?;
    let tags = if outputs.image { tags } else { Vec::new() };
    task.check()?;
    output::set_names(store, &made, index, &tags)?;
    files.into_iter().try_for_each(AtomicFile::place)?;
    task.announce(&Event::Built { id: local.id.to_string() });
    let tags: Vec<String> = tags.iter().map(Reference::to_string).collect();
    for name in &tags {
        task.announce(&Event::Tagged { name: name.clone() });
    }
    shared_cache::push(&builds, task)?;
    let images = made.iter().map(|made| BuiltImage {
        platform: made.platform.to_string(),
        id: made.id.to_string(),
        digest: made.manifest.to_string(),
    });
    Ok(BuildResult { id: local.id.to_string(), tags, digest: digest.to_string(), images: images.collect() })
}

/// Tells of build arguments that no ARG took, for whatever platform.
fn warn_of_unused(builds: &[Build<'_>], task: &Task) -> Result<()> {
    let unused = builds.iter().map(|build| build.unused().clone());
    let unused = unused.reduce(|all, one| &all & &one).unwrap_or_default();
    if unused.is_empty() {
        return Ok(());
    }
    let unused: Vec<String> = unused.into_iter().collect();
    let message = format!("One or more build-args [{}] were not consumed", unused.join(" "));
    task.emit(&Event::warning(message))
}

impl Build<'_> {
    /// Builds all that the target needs, and gives its image.
    fn make(&self, caller: &Task) -> Result<Made> {
        let stage = self.run_stages(caller)?;
        let (id, manifest) = self.finish_image(&stage)?;
        let squashed = if self.options.squash { self.squash(&stage, caller)? } else { None };
        let (id, manifest, layers) = squashed.unwrap_or_else(|| (id, manifest, stage.layers.clone()));
        let size = self.store.blob(manifest)?.size;
        Ok(Made { platform: self.platform.clone(), id, manifest, size, layers })
    }

    /// The image that the target's last step made, as the options want it.
    fn finish_image(&self, stage: &Stage) -> Result<(Digest, Digest)> {
        let Some(made) = stage.image else {
            let message = "No image was generated. Is your Dockerfile empty?";
            return Err(Error::new(ErrorKind::BuildFailed, message));
        };
        if !self.shared.is_inline() {
            return Ok(made);
        }
        let mut config = stage.config.clone();
        config.extra.insert(shared_cache::INLINE.into(), self.inline_steps()?);
        let config = spec::to_bytes(&config)?;
        let image = NewImage::of_config(config, stage.descriptors.clone(), Some(made.0))?;
        self.store.db().write(|db| {
            let added = self.store.add_image(db, image)?;
            self.lease.image(db, added.0)?;
            Ok(added)
        })
    }

    /// Tells the warnings, and the ARGs before the first FROM.
    fn tell_beginning(&self) -> Result<()> {
        self.tell_warnings()?;
        for (argument, n) in self.plan.meta_steps.iter().zip(self.plan.before + 1..) {
            self.tell_step(argument, n, String::new())?;
            self.task.emit(&Event::StepDone { n, image: String::new() })?;
        }
        Ok(())
    }

    /// Tells that a step begins.
    fn tell_step(&self, instruction: &Instruction, n: u32, stage: String) -> Result<()> {
        let (total, text, line) = (self.plan.total, instruction.text.clone(), instruction.line);
        self.task.emit(&Event::StepStarted { n, total, text, line, stage })
    }

    /// A stage that is done.
    fn finished(&self, number: usize) -> Result<Arc<Stage>> {
        let stage = self.done.get(number).and_then(OnceLock::get);
        // Every other way to a stage is in the plan.
        let late = || {
            let name = self.plan.stages.get(number).map(|stage| stage.shown(number)).unwrap_or_default();
            let message = format!(
                "a trigger of the base image (ONBUILD) takes files of stage {name}, which is known too late"
            );
            Error::new(ErrorKind::Unsupported, message)
        };
        stage.cloned().ok_or_else(late)
    }

    /// Build arguments that no ARG has taken so far.
    fn unused(&self) -> std::sync::MutexGuard<'_, BTreeSet<String>> {
        self.unused.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The time of new images and files.
    fn created(&self) -> Result<String> {
        crate::archive::created(self.epoch)
    }
}

/// Refuses options that contradict each other.
fn check(options: &BuildOptions) -> Result<()> {
    let refuse = |message: &str| Err(Error::new(ErrorKind::InvalidArgument, message));
    if !options.steps.is_empty() && (options.dockerfile.is_some() || options.dockerfile_text.is_some()) {
        return refuse("a build has steps or a Dockerfile, not both");
    }
    Ok(())
}

/// The key of a step in the cache: everything that decides what it makes.
fn cache_key(parts: &impl serde::Serialize) -> Result<Digest> {
    Ok(Digest::of(&spec::to_bytes(parts)?))
}
