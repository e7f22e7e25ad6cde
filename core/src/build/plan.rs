//! What a build will do: the stages that the target needs, their instructions, and how many steps that makes.

use std::collections::{BTreeMap, BTreeSet};

use super::BuildOptions;
use crate::dockerfile::{self, Command, Dockerfile, Instruction, expand};
use crate::error::{Error, ErrorKind, Result};
use crate::platform::Platform;

/// A plan.
pub struct Plan {
    /// All stages of the Dockerfile.
    pub stages: Vec<PlannedStage>,
    /// Which of them is wanted.
    pub target: usize,
    /// How many steps there are.
    pub total: u32,
    /// How many of them come before this plan's: those of other platforms.
    pub before: u32,
    /// ARGs before the first FROM.
    pub meta_steps: Vec<Instruction>,
    /// Values that FROM lines see, and that a bare ARG in a stage takes over.
    pub meta_arguments: BTreeMap<String, String>,
    /// Build arguments that those ARGs took.
    pub used_arguments: BTreeSet<String>,
    /// The escape character.
    pub escape: char,
    /// What the parser found odd.
    pub warnings: Vec<(u32, String)>,
}

/// One stage.
pub struct PlannedStage {
    /// Its name, in lower case.
    pub name: Option<String>,
    /// Where it starts.
    pub base: Base,
    /// The FROM itself.
    pub from: Instruction,
    /// What follows.
    pub instructions: Vec<Instruction>,
    /// Whether the target needs it.
    pub needed: bool,
    /// The stages that it needs itself.
    pub sources: Vec<usize>,
    /// The number of its first step, from 1, if it is needed.
    pub first_step: u32,
}

impl PlannedStage {
    /// What users know it by: its name, or its number.
    pub fn shown(&self, number: usize) -> String {
        self.name.clone().unwrap_or_else(|| number.to_string())
    }
}

/// What a stage starts from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Base {
    /// Nothing.
    Scratch,
    /// An earlier stage.
    Stage(usize),
    /// An image of the store.
    Image(String),
}

/// Arguments that every build has, without a value in the Dockerfile (Dockerfile reference, "Automatic platform ARGs").
pub fn platform_arguments(platform: &Platform) -> BTreeMap<String, String> {
    let mut arguments = BTreeMap::new();
    for (prefix, platform) in [("TARGET", platform), ("BUILD", &Platform::host())] {
        arguments.insert(format!("{prefix}PLATFORM"), platform.to_string());
        arguments.insert(format!("{prefix}OS"), platform.os.clone());
        arguments.insert(format!("{prefix}ARCH"), platform.architecture.clone());
        arguments.insert(format!("{prefix}VARIANT"), platform.variant.clone());
    }
    arguments
}

/// Says where in the Dockerfile an error belongs.
pub fn at(instruction: &Instruction) -> impl FnOnce(Error) -> Error + '_ {
    move |error| {
        error.with("line", i64::from(instruction.line)).with("instruction", instruction.name.as_str())
    }
}

impl Plan {
    /// Parses and plans.
    pub fn make(text: &[u8], options: &BuildOptions, platform: &Platform) -> Result<Plan> {
        let Dockerfile { escape, meta_args, stages, warnings, .. } = dockerfile::parse(text)?;
        let mut meta_arguments = platform_arguments(platform);
        let mut used_arguments = BTreeSet::new();
        for instruction in &meta_args {
            let Command::Arg(pairs) = &instruction.command else { continue };
            for (name, default) in pairs {
                let default = match default {
                    Some(word) => Some(
                        expand(word, escape, &|name| meta_arguments.get(name).cloned())
                            .map_err(at(instruction))?,
                    ),
                    None => None,
                };
                let given = options.buildargs.get(name).cloned();
                if given.is_some() {
                    used_arguments.insert(name.clone());
                }
                meta_arguments.extend(given.or(default).map(|value| (name.clone(), value)));
            }
        }
        let mut planned: Vec<PlannedStage> = Vec::new();
        for stage in stages {
            let lookup = |name: &str| meta_arguments.get(name).cloned();
            let base = expand(&stage.base, escape, &lookup).map_err(at(&stage.from))?;
            if base.is_empty() {
                return Err(at(&stage.from)(Error::new(
                    ErrorKind::DockerfileSyntax,
                    format!("base name ({}) should not be blank", stage.base),
                )));
            }
            if let Some(wanted) = &stage.platform {
                let wanted: Platform =
                    expand(wanted, escape, &lookup).and_then(|text| text.parse()).map_err(at(&stage.from))?;
                if wanted != *platform {
                    return Err(at(&stage.from)(Error::new(
                        ErrorKind::Unsupported,
                        format!("FROM --platform={wanted} in a build for {platform}"),
                    )));
                }
            }
            let lower = base.to_lowercase();
            let earlier = planned.iter().rposition(|earlier| earlier.name.as_deref() == Some(lower.as_str()));
            let base = match earlier {
                Some(number) => Base::Stage(number),
                None if base == "scratch" => Base::Scratch,
                None => Base::Image(base),
            };
            planned.push(PlannedStage {
                name: stage.name,
                base,
                from: stage.from,
                instructions: stage.instructions,
                needed: false,
                sources: Vec::new(),
                first_step: 0,
            });
        }
        let target = match &options.target {
            None => planned.len() - 1,
            Some(target) => find_stage(&planned, target).ok_or_else(|| {
                Error::new(
                    ErrorKind::InvalidArgument,
                    format!("failed to reach build target {target} in Dockerfile"),
                )
            })?,
        };
        if !options.labels.is_empty() {
            let line = planned[target].instructions.last().unwrap_or(&planned[target].from).end_line;
            planned[target].instructions.push(labels(&options.labels, line));
        }
        for number in 0..planned.len() {
            planned[number].sources = sources(&planned, number);
        }
        need(&mut planned, target);
        let mut total = meta_args.len() as u32;
        for stage in planned.iter_mut().filter(|stage| stage.needed) {
            stage.first_step = total + 1;
            total += 1 + stage.instructions.len() as u32;
        }
        Ok(Plan {
            total,
            before: 0,
            stages: planned,
            target,
            meta_steps: meta_args,
            meta_arguments,
            used_arguments,
            escape,
            warnings,
        })
    }
}

/// A stage by name or number.
pub fn find_stage(stages: &[PlannedStage], name: &str) -> Option<usize> {
    let lower = name.to_lowercase();
    stages
        .iter()
        .rposition(|stage| stage.name.as_deref() == Some(lower.as_str()))
        .or_else(|| name.parse().ok().filter(|number| *number < stages.len()))
}

/// The stages that one is made from.
fn sources(stages: &[PlannedStage], number: usize) -> Vec<usize> {
    let mut sources = Vec::new();
    if let Base::Stage(base) = stages[number].base {
        sources.push(base);
    }
    for instruction in &stages[number].instructions {
        if let Command::Copy(args) = &instruction.command
            && let Some(from) = &args.from
        {
            sources.extend(find_stage(&stages[..number], from));
        }
    }
    sources.sort_unstable();
    sources.dedup();
    sources
}

/// Marks a stage and all that it is made from.
fn need(stages: &mut [PlannedStage], number: usize) {
    if std::mem::replace(&mut stages[number].needed, true) {
        return;
    }
    for source in stages[number].sources.clone() {
        need(stages, source);
    }
}

/// The labels of the options as one more instruction, as Docker adds them.
fn labels(labels: &BTreeMap<String, String>, line: u32) -> Instruction {
    // Quoted, so that they go through the expansion of the instruction as they are.
    let quote = |text: &str| format!("'{}'", text.replace('\'', r#"'"'"'"#));
    let text: Vec<String> = labels.iter().map(|(key, value)| format!("{key}={value}")).collect();
    Instruction {
        line,
        end_line: line,
        name: "LABEL".into(),
        text: format!("LABEL {}", text.join(" ")),
        command: Command::Label(labels.iter().map(|(key, value)| (quote(key), quote(value))).collect()),
    }
}
