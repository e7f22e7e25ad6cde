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
mod memory;
mod mount_files;
mod named;
mod options;
mod plan;
mod run;
mod run_log;
mod run_mounts;
mod run_settings;
mod schedule;
mod shared_cache;
mod sources;
mod stage;
mod steps;
mod tar;
mod target;
mod unpack;

pub use options::{
    BuildInputs, BuildNetwork, BuildOptions, BuildOutput, BuildResult, BuildStep, BuiltImage, MemoryFile,
    Secret, Ulimit,
};
pub use run::run_support;

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex, OnceLock, PoisonError};

use crate::config::{self, RegistryConfig};
use crate::digest::Digest;
use crate::dockerfile;
use crate::error::{Error, ErrorKind, Result};
use crate::event::Event;
use crate::media_type;
use crate::platform::Platform;
use crate::reference::Reference;
use crate::spec::{self, Descriptor, ImageConfig, Manifest};
use crate::store::{Lease, NewImage, Store};
use crate::task::Task;
use base::Bases;
use context::Context;
use digests::Digests;
use inputs::Finder;
use named::NamedContexts;
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
    context: &'a Context,
    named: NamedContexts,
    /// Seconds since 1970 that nothing new is later than, if that was asked.
    epoch: Option<i64>,
    /// Keeps every image of the build from being pruned until it is done.
    lease: Lease<'a>,
    /// Build arguments that no ARG took.
    unused: Mutex<BTreeSet<String>>,
    /// Caches in registries.
    shared: SharedCache,
    /// What is known of the contexts' files.
    digests: Digests,
    /// The images that names led to.
    bases: Bases,
    /// What all RUN steps have.
    runs: RunSettings,
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
    refuse(options, &inputs)?;
    let tags = options.tags.iter().map(|tag| Reference::for_tagging(tag)).collect::<Result<Vec<_>>>()?;
    let platform = match &options.platform {
        Some(platform) => platform.parse()?,
        None => Platform::host(),
    };
    let epoch = match options.source_date_epoch {
        Some(epoch) => Some(epoch),
        None => config::source_date_epoch()?,
    };
    task.check()?;
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
    let named = NamedContexts::new(&options.contexts)?;
    let finder = Finder { store, registry, task };
    let time = tar::new_time(epoch);
    let (context, text) = finder.open(options, inputs.context, inputs.dockerfile, time)?;
    let plan = Plan::make(steps.as_deref().unwrap_or(&text), options, &platform, &named).map_err(placed)?;
    let scoped = schedule::scoped(&plan, options.jobs, task)?;
    let mut build = Build {
        store,
        registry,
        options,
        task: scoped.as_ref().unwrap_or(task),
        plan: &plan,
        context: &context,
        named,
        epoch,
        lease: store.lease(),
        runs: RunSettings::new(options)?,
        unused: options
            .buildargs
            .keys()
            .filter(|name| *name != run_mounts::CACHE_NAMESPACE && !plan.used_arguments.contains(*name))
            .cloned()
            .collect::<BTreeSet<_>>()
            .into(),
        shared: SharedCache::new(&options.cache_to)?,
        digests: Digests::default(),
        bases: Bases::default(),
        done: plan.stages.iter().map(|_| OnceLock::new()).collect(),
    };
    build.open_shared_cache(&platform)?;
    let stage = build.run_stages(task).map_err(placed)?;
    let (id, manifest) = build.finish_image(&stage)?;
    let unused: Vec<String> = build.unused().iter().cloned().collect();
    if !unused.is_empty() {
        let message = format!("One or more build-args [{}] were not consumed", unused.join(" "));
        task.emit(&Event::warning(message))?;
    }
    task.check()?;
    store.db().write(|db| {
        for tag in &tags {
            store.set_name(db, tag, id, manifest, None)?;
        }
        Ok(())
    })?;
    task.announce(&Event::Built { id: id.to_string() });
    let tags: Vec<String> = tags.iter().map(Reference::to_string).collect();
    for name in &tags {
        task.announce(&Event::Tagged { name: name.clone() });
    }
    build.push_shared_cache()?;
    let image = BuiltImage {
        platform: stage.config.platform().to_string(),
        id: id.to_string(),
        digest: manifest.to_string(),
    };
    Ok(BuildResult { id: id.to_string(), tags, digest: manifest.to_string(), images: vec![image] })
}

impl Build<'_> {
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
        self.add_image(&config, stage.descriptors.clone(), Some(made.0))
    }

    /// Makes an image of a config and layers of the store.
    fn add_image(
        &self,
        config: &ImageConfig,
        layers: Vec<Descriptor>,
        parent: Option<Digest>,
    ) -> Result<(Digest, Digest)> {
        let config = spec::to_bytes(config)?;
        let manifest = Manifest::new(Descriptor::of(media_type::OCI_CONFIG, &config), layers);
        let image = NewImage {
            config,
            manifest: spec::to_bytes(&manifest)?,
            media_type: media_type::OCI_MANIFEST.into(),
            parent,
            made: true,
        };
        self.store.db().write(|db| {
            let added = self.store.add_image(db, image)?;
            self.lease.image(db, added.0)?;
            Ok(added)
        })
    }

    /// Tells the warnings, and the ARGs before the first FROM.
    fn tell_beginning(&self) -> Result<()> {
        self.tell_warnings()?;
        for (argument, n) in self.plan.meta_steps.iter().zip(1..) {
            self.task.emit(&Event::StepStarted {
                n,
                total: self.plan.total,
                text: argument.text.clone(),
                line: argument.line,
                stage: String::new(),
            })?;
            self.task.emit(&Event::StepDone { n, image: String::new() })?;
        }
        Ok(())
    }

    /// A stage that is done.
    fn finished(&self, number: usize) -> Result<Arc<Stage>> {
        let stage = self.done.get(number).and_then(OnceLock::get);
        stage.cloned().ok_or_else(|| Error::new(ErrorKind::Internal, "a stage is not built yet"))
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

/// Refuses what is asked for and not built yet.
fn refuse(options: &BuildOptions, inputs: &BuildInputs) -> Result<()> {
    let asked = [
        ("platforms", !options.platforms.is_empty()),
        ("squash", options.squash),
        ("outputs", !options.outputs.is_empty()),
        ("iidfile", options.iidfile.is_some()),
        ("metadata_file", options.metadata_file.is_some()),
        ("a stream as output", inputs.output.is_some()),
    ];
    if !options.steps.is_empty() && (options.dockerfile.is_some() || options.dockerfile_text.is_some()) {
        let message = "a build has steps or a Dockerfile, not both";
        return Err(Error::new(ErrorKind::InvalidArgument, message));
    }
    match asked.iter().find(|(_, asked)| *asked) {
        Some((what, _)) => Err(Error::new(ErrorKind::Unsupported, format!("{what} is not supported yet"))),
        None => Ok(()),
    }
}

/// The key of a step in the cache: everything that decides what it makes.
fn cache_key(parts: &impl serde::Serialize) -> Result<Digest> {
    Ok(Digest::of(&spec::to_bytes(parts)?))
}
