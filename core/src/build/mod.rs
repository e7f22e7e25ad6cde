//! Builds of Dockerfiles: plan, context, cache, copy and add, run, result.
//!
//! Each step is an image whose parent is the step before (Docker's classic builder); a step that is known for its parent and
//! inputs is taken from the cache. Knows nothing of who calls.

mod chmod;
mod context;
mod copy;
mod copy_key;
mod image_files;
mod options;
mod plan;
mod run;
mod schedule;
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
use crate::error::{Error, ErrorKind, Result};
use crate::event::Event;
use crate::platform::Platform;
use crate::reference::Reference;
use crate::spec;
use crate::store::{Lease, Store};
use crate::task::Task;
use context::Context;
use plan::Plan;
use stage::Stage;

/// What all steps of a build share.
struct Build<'a> {
    store: &'a Store,
    /// How base images are pulled.
    #[expect(dead_code, reason = "read once FROM pulls")]
    registry: &'a RegistryConfig,
    options: &'a BuildOptions,
    task: &'a Task,
    plan: &'a Plan,
    context: &'a Context,
    platform: Platform,
    /// Seconds since 1970 that nothing new is later than, if that was asked.
    epoch: Option<i64>,
    /// Keeps every image of the build from being pruned until it is done.
    lease: Lease<'a>,
    /// Build arguments that no ARG took.
    unused: Mutex<BTreeSet<String>>,
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
    let (context, dockerfile) = Context::open(&options.path, options.dockerfile.as_deref())?;
    let plan = Plan::make(&dockerfile, options, &platform)?;
    let scoped = schedule::scoped(&plan, options.jobs, task)?;
    let build = Build {
        store,
        registry,
        options,
        task: scoped.as_ref().unwrap_or(task),
        plan: &plan,
        context: &context,
        platform,
        epoch,
        lease: store.lease(),
        unused: options
            .buildargs
            .keys()
            .filter(|name| !plan.used_arguments.contains(*name))
            .cloned()
            .collect::<BTreeSet<_>>()
            .into(),
        done: plan.stages.iter().map(|_| OnceLock::new()).collect(),
    };
    let stage = build.run_stages(task)?;
    let (id, manifest) = stage.image.ok_or_else(|| {
        Error::new(ErrorKind::BuildFailed, "No image was generated. Is your Dockerfile empty?")
    })?;
    let unused: Vec<String> = build.unused().iter().cloned().collect();
    if !unused.is_empty() {
        let message = format!("One or more build-args [{}] were not consumed", unused.join(" "));
        task.emit(&Event::Warning { message, line: 0 })?;
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
    let image =
        BuiltImage { platform: build.platform.to_string(), id: id.to_string(), digest: manifest.to_string() };
    Ok(BuildResult { id: id.to_string(), tags, digest: manifest.to_string(), images: vec![image] })
}

impl Build<'_> {
    /// Tells the warnings and the ARGs before the first FROM.
    fn tell_beginning(&self) -> Result<()> {
        for (line, warning) in &self.plan.warnings {
            self.task.emit(&Event::Warning { message: warning.clone(), line: *line })?;
        }
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
        ("files", !options.files.is_empty()),
        ("dockerfile_text", options.dockerfile_text.is_some()),
        ("steps", !options.steps.is_empty()),
        ("contexts", !options.contexts.is_empty()),
        ("no_cache_stages", !options.no_cache_stages.is_empty()),
        ("pull", options.pull),
        ("auths", !options.auths.is_empty()),
        ("allow", !options.allow.is_empty()),
        ("platforms", !options.platforms.is_empty()),
        ("secrets", !options.secrets.is_empty()),
        ("ssh", !options.ssh.is_empty()),
        ("memory", options.memory.is_some()),
        ("pids_limit", options.pids_limit.is_some()),
        ("ulimits", !options.ulimits.is_empty()),
        ("shm_size", options.shm_size.is_some()),
        ("extra_hosts", !options.extra_hosts.is_empty()),
        ("cache_from", !options.cache_from.is_empty()),
        ("cache_to", !options.cache_to.is_empty()),
        ("squash", options.squash),
        ("outputs", !options.outputs.is_empty()),
        ("iidfile", options.iidfile.is_some()),
        ("metadata_file", options.metadata_file.is_some()),
        ("jobs", options.jobs.is_some()),
        ("a stream as context", inputs.context.is_some()),
        ("a stream as Dockerfile", inputs.dockerfile.is_some()),
        ("a stream as output", inputs.output.is_some()),
    ];
    match asked.iter().find(|(_, asked)| *asked) {
        Some((what, _)) => Err(Error::new(ErrorKind::Unsupported, format!("{what} is not supported yet"))),
        None => Ok(()),
    }
}

/// The key of a step in the cache: everything that decides what it makes.
fn cache_key(parts: &impl serde::Serialize) -> Result<crate::digest::Digest> {
    Ok(crate::digest::Digest::of(&spec::to_bytes(parts)?))
}
