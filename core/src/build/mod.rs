//! Builds of Dockerfiles: plan, context, cache, copy and add, run, result.
//!
//! Each step is an image whose parent is the step before (Docker's classic builder); a step that is known for its parent and
//! inputs is taken from the cache. Knows nothing of who calls.

mod context;
mod copy;
mod image_files;
mod options;
mod plan;
mod run;
mod stage;
mod steps;
mod tar;

pub use options::{BuildNetwork, BuildOptions, BuildResult};
pub use run::run_support;

use std::collections::BTreeSet;

use crate::config;
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
    unused: std::cell::RefCell<BTreeSet<String>>,
}

/// Builds a Dockerfile and names its image. A failing step leaves the steps before it in the cache.
pub fn build(store: &Store, options: &BuildOptions, task: &Task) -> Result<BuildResult> {
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
    let build = Build {
        store,
        options,
        task,
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
    };
    let stage = build.run_plan()?;
    let (id, manifest) = stage.image.ok_or_else(|| {
        Error::new(ErrorKind::BuildFailed, "No image was generated. Is your Dockerfile empty?")
    })?;
    let unused: Vec<String> = build.unused.borrow().iter().cloned().collect();
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
    Ok(BuildResult { id: id.to_string(), tags })
}

impl Build<'_> {
    /// Builds the stages that the target needs, in order, and returns the target.
    fn run_plan(&self) -> Result<Stage> {
        let mut n = 0;
        let total = self.plan.total;
        for (line, warning) in &self.plan.warnings {
            self.task.emit(&Event::Warning { message: warning.clone(), line: *line })?;
        }
        for argument in &self.plan.meta_steps {
            n += 1;
            let text = argument.text.clone();
            self.task.emit(&Event::StepStarted { n, total, text, line: argument.line })?;
            self.task.emit(&Event::StepDone { n, image: String::new() })?;
        }
        let mut done: Vec<Option<Stage>> = (0..self.plan.stages.len()).map(|_| None).collect();
        for (number, planned) in self.plan.stages.iter().enumerate().filter(|(_, planned)| planned.needed) {
            let mut stage = self.start_stage(planned, &done, &mut n)?;
            for instruction in &planned.instructions {
                n += 1;
                self.step(&mut stage, instruction, n, &done)?;
            }
            if number == self.plan.target {
                return Ok(stage);
            }
            done[number] = Some(stage);
        }
        Err(Error::new(ErrorKind::Internal, "the plan has no target"))
    }

    /// The time of new images and files.
    fn created(&self) -> Result<String> {
        crate::archive::created(self.epoch)
    }
}

/// The key of a step in the cache: everything that decides what it makes.
fn cache_key(parts: &impl serde::Serialize) -> Result<crate::digest::Digest> {
    Ok(crate::digest::Digest::of(&spec::to_bytes(parts)?))
}
