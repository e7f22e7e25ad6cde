//! One step after the other: what each instruction does to its stage.

use std::path::Path;

use super::explain::Inputs;
use super::plan::at;
use super::stage::Stage;
use super::{Build, tar};
use crate::dockerfile::{Command, Instruction};
use crate::error::{Error, ErrorKind, Result};
use crate::event::Event;
use crate::spec::{Changes, ImageConfig, RunConfig};

/// How history marks a step that runs nothing, as Docker's classic builder does.
pub const NOP: &str = "/bin/sh -c #(nop) ";

impl Build<'_> {
    /// Executes a numbered step and tells of it. Errors say where in the Dockerfile they belong.
    pub(super) fn step(&self, stage: &mut Stage, instruction: &Instruction, n: u32) -> Result<()> {
        self.tell_step(instruction, n, self.plan.stages[stage.number].shown(stage.number))?;
        self.execute(stage, instruction, n).map_err(|error| match stage.id() {
            // What the step started from: a way into the failed build.
            Some(image) if error.field("image").is_none() => error.with("image", image.to_string()),
            _ => error,
        })?;
        let image = stage.id().map(|id| id.to_string()).unwrap_or_default();
        self.task.emit(&Event::StepDone { n, image })
    }

    /// Executes an instruction of the stage, or a trigger of its base.
    pub(super) fn execute(&self, stage: &mut Stage, instruction: &Instruction, n: u32) -> Result<()> {
        self.task.check()?;
        let result = match &instruction.command {
            Command::Run { .. } => self.run(stage, instruction, n),
            Command::Copy(args) => self.copy(stage, instruction, args, n),
            Command::Add(args) => self.add(stage, instruction, args, n),
            Command::Arg(pairs) => self.declare(stage, instruction, pairs, n),
            Command::Maintainer(author) => {
                stage.config.author = author.clone();
                self.text_step(stage, instruction, format!("MAINTAINER {author}"), n)
            }
            Command::From { .. } => Err(Error::new(ErrorKind::Internal, "FROM is no step of a stage")),
            command => {
                self.change(stage, command).and_then(|text| self.text_step(stage, instruction, text, n))
            }
        };
        result.map_err(at(instruction))
    }

    /// Changes the stage's config, and returns what history says of it.
    fn change(&self, stage: &mut Stage, command: &Command) -> Result<String> {
        let ImageConfig { config, .. } = &mut stage.config;
        let text = changes(config, &mut stage.cmd_set, self.plan.escape, &stage.arguments).apply(command)?;
        text.ok_or_else(|| Error::new(ErrorKind::Internal, "an instruction that nobody executes"))
    }

    /// A step that only its text decides: from the cache, or a new image. WORKDIR makes the directory where there is none, for the
    /// user of the stage; the others have no layer.
    fn text_step(&self, stage: &mut Stage, instruction: &Instruction, text: String, n: u32) -> Result<()> {
        let key = self.text_key(stage, &text)?;
        if self.try_cache(stage, key, n)? {
            return Ok(());
        }
        self.explain(stage, instruction, &Inputs::of_text(&text), n)?;
        let layer = match &instruction.command {
            Command::Workdir(_) => {
                let path = stage.config.config.working_dir.clone();
                tar::directories(self, stage, Path::new(path.trim_start_matches('/')))?
            }
            _ => None,
        };
        self.commit(stage, format!("{NOP} {text}"), layer, &[key])
    }

    /// ARG: declares arguments from here on, with the caller's values before the Dockerfile's.
    fn declare(
        &self,
        stage: &mut Stage,
        instruction: &Instruction,
        pairs: &[(String, Option<String>)],
        n: u32,
    ) -> Result<()> {
        let mut shown = Vec::new();
        for (name, default) in pairs {
            let default = match default {
                Some(word) => Some(
                    changes(&mut stage.config.config, &mut stage.cmd_set, self.plan.escape, &stage.arguments)
                        .expand(word)?,
                ),
                None => None,
            };
            shown.push(match &default {
                Some(value) => format!("{name}={value}"),
                None => name.clone(),
            });
            self.unused().remove(name);
            let outer = self.plan.meta_arguments.get(name).filter(|_| default.is_none());
            let value = self.options.buildargs.get(name).or(default.as_ref()).or(outer).cloned();
            // Declared again without a value, it keeps the one it had.
            if let Some(value) = value {
                stage.arguments.insert(name.clone(), value);
            }
        }
        self.text_step(stage, instruction, format!("ARG {}", shown.join(" ")), n)
    }
}

/// The way instructions change a config.
pub fn changes<'a>(
    config: &'a mut RunConfig,
    cmd_set: &'a mut bool,
    escape: char,
    arguments: &'a std::collections::BTreeMap<String, String>,
) -> Changes<'a> {
    Changes { config, cmd_set, escape, arguments }
}
