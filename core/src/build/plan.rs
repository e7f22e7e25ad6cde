//! What a build will do: the stages that the target needs, their instructions, and how many steps that makes.

use std::collections::{BTreeMap, BTreeSet};

use super::BuildOptions;
use super::named::NamedContexts;
use crate::dockerfile::{
    self, Check, Command, Dockerfile, Flags, Instruction, Warning, did_you_mean, expand, lint,
};
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
    /// Which build checks hold, and whether they fail the build.
    pub check: Check,
    /// What they found.
    pub warnings: Vec<Warning>,
}

/// One stage.
pub struct PlannedStage {
    /// Its name, in lower case.
    pub name: Option<String>,
    /// Where it starts.
    pub base: Base,
    /// What it is for: the build's target, or what its FROM says.
    pub platform: Platform,
    /// The FROM itself.
    pub from: Instruction,
    /// What follows.
    pub instructions: Vec<Instruction>,
    /// Whether the target needs it.
    pub needed: bool,
    /// None of its steps is taken from the cache.
    pub ignores_cache: bool,
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
    /// A named context.
    Context(String),
}

/// The build argument that stands in for `# check=`, as in BuildKit.
const CHECK_ARGUMENT: &str = "BUILDKIT_DOCKERFILE_CHECK";

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
        error
            .with("line", i64::from(instruction.line))
            .with("column", i64::from(instruction.column))
            .with("instruction", instruction.name.as_str())
    }
}

impl Plan {
    /// Parses and plans.
    pub fn make(
        text: &[u8],
        options: &BuildOptions,
        platform: &Platform,
        contexts: &NamedContexts,
    ) -> Result<Plan> {
        let parsed = dockerfile::parse(text)?;
        let mut used_arguments = BTreeSet::new();
        let check = match options.buildargs.get(CHECK_ARGUMENT) {
            Some(check) => Check::parse(check)
                .map_err(|error| error.as_kind(ErrorKind::InvalidArgument).context(CHECK_ARGUMENT))?,
            None => parsed.checks.clone(),
        };
        used_arguments
            .extend(options.buildargs.contains_key(CHECK_ARGUMENT).then(|| CHECK_ARGUMENT.to_owned()));
        let warnings = lint(&parsed, &check);
        let Dockerfile { escape, meta_args, stages, .. } = parsed;
        let mut meta_arguments = platform_arguments(platform);
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
            let wanted = match &stage.platform {
                Some(wanted) => expand(wanted, escape, &lookup).map_err(at(&stage.from))?,
                None => String::new(),
            };
            let lower = base.to_lowercase();
            let earlier = planned.iter().rposition(|earlier| earlier.name.as_deref() == Some(lower.as_str()));
            // A context that has a stage's own name stands in its place; one that has its base's name, in the base's.
            let replaced = stage.name.clone().filter(|name| contexts.has(name));
            let instructions = if replaced.is_some() { Vec::new() } else { stage.instructions };
            let base = match (replaced, earlier) {
                (Some(name), _) => Base::Context(name),
                (None, Some(number)) => Base::Stage(number),
                (None, None) if base == "scratch" => Base::Scratch,
                (None, None) if contexts.has(&base) => Base::Context(base),
                (None, None) => Base::Image(base),
            };
            let platform = match (wanted.as_str(), &base) {
                ("", Base::Stage(number)) => planned[*number].platform.clone(),
                ("", _) => platform.clone(),
                (wanted, _) => wanted
                    .parse()
                    .map_err(|error: Error| at(&stage.from)(error.as_kind(ErrorKind::DockerfileSyntax)))?,
            };
            planned.push(PlannedStage {
                name: stage.name,
                base,
                platform,
                from: stage.from,
                instructions,
                needed: false,
                ignores_cache: options.no_cache,
                sources: Vec::new(),
                first_step: 0,
            });
        }
        let target = match &options.target {
            None => planned.len() - 1,
            Some(target) => find_stage(&planned, target).ok_or_else(|| {
                let names = planned.iter().filter_map(|stage| stage.name.as_deref());
                let hint = did_you_mean(target, "", names);
                let message = format!("failed to reach build target {target} in Dockerfile{hint}");
                Error::new(ErrorKind::InvalidArgument, message)
            })?,
        };
        for name in &options.no_cache_stages {
            let number = find_stage(&planned, name).ok_or_else(|| {
                let message = format!("no stage {name} in the Dockerfile to be built without the cache");
                Error::new(ErrorKind::InvalidArgument, message)
            })?;
            planned[number].ignores_cache = true;
        }
        if !options.labels.is_empty() {
            let line = planned[target].instructions.last().unwrap_or(&planned[target].from).end_line;
            planned[target].instructions.push(labels(&options.labels, line));
        }
        for instruction in planned.iter().flat_map(|stage| &stage.instructions) {
            if let Command::Run { mounts, .. } = &instruction.command {
                for mount in mounts {
                    dockerfile::check_mount(mount).map_err(at(instruction))?;
                }
            }
        }
        for number in 0..planned.len() {
            planned[number].sources = sources(&planned, number, contexts)?;
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
            check,
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

/// The earlier stage that `--from` or a mount of a stage names; `None` for a context or an image. What is a stage, or a number,
/// is never looked for among images.
fn source(
    stages: &[PlannedStage],
    number: usize,
    from: &str,
    contexts: &NamedContexts,
) -> Result<Option<usize>> {
    if let Some(found) = find_stage(&stages[..number], from) {
        return Ok(Some(found));
    }
    let wrong = match (find_stage(stages, from), from.parse::<usize>()) {
        _ if contexts.has(from) => return Ok(None),
        (Some(found), _) if found == number => "it is this stage itself",
        (Some(_), _) => "the stage comes later",
        (None, Ok(_)) => "there is no stage of that number",
        (None, Err(_)) => return Ok(None),
    };
    Err(Error::new(ErrorKind::DockerfileSyntax, format!("invalid from flag value {from}: {wrong}")))
}

/// The stages that one is made from.
fn sources(stages: &[PlannedStage], number: usize, contexts: &NamedContexts) -> Result<Vec<usize>> {
    let mut sources = Vec::new();
    if let Base::Stage(base) = stages[number].base {
        sources.push(base);
    }
    for instruction in &stages[number].instructions {
        match &instruction.command {
            Command::Copy(args) => {
                if let Some(from) = &args.from {
                    sources.extend(source(stages, number, from, contexts).map_err(at(instruction))?);
                }
            }
            Command::Run { mounts, .. } => {
                for from in mounts.iter().filter_map(|mount| dockerfile::mount_from(mount)) {
                    sources.extend(source(stages, number, &from, contexts).map_err(at(instruction))?);
                }
            }
            _ => {}
        }
    }
    sources.sort_unstable();
    sources.dedup();
    Ok(sources)
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
        column: 1,
        end_line: line,
        name: "LABEL".into(),
        comment: None,
        flags: Flags::default(),
        text: format!("LABEL {}", text.join(" ")),
        command: Command::Label(labels.iter().map(|(key, value)| (quote(key), quote(value))).collect()),
    }
}
