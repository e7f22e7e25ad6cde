//! The checks of a Dockerfile: what is accepted and not good, by the names and in the words of BuildKit's build checks.
//!
//! Knows no image and no file. What a base image sets is not known here, so a variable that only it could set is not called
//! undefined, unless it looks like a slip of the pen. [`ignored_copy`] is for who knows the ignore file.

mod scope;

use std::collections::BTreeSet;

use crate::dockerfile::instruction::{Command, Dockerfile, Instruction, Stage};
use crate::dockerfile::lexer::{located, syntax};
use crate::dockerfile::words::{split_first, split_quoted, take_flags};
use crate::error::Result;

/// Rules that are off until `# check=experimental=…` names them.
const EXPERIMENTAL: [&str; 2] = [COPY_IGNORED, "InvalidDefinitionDescription"];
const COPY_IGNORED: &str = "CopyIgnoredFile";

/// Something that is accepted and not good, and where it stands.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize)]
pub struct Warning {
    /// The rule, such as `StageNameCasing`.
    pub rule: &'static str,
    /// What is not good.
    pub message: String,
    /// The line, from 1.
    pub line: u32,
    /// The column, from 1.
    pub column: u32,
}

/// Which rules hold, as `# check=skip=A,B;error=true;experimental=C` says.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Check {
    skip: BTreeSet<String>,
    experimental: BTreeSet<String>,
    /// A warning fails the build.
    pub error: bool,
}

impl Check {
    /// Reads the value of `# check=`. `dockerfile_syntax` for an option that does not exist.
    pub fn parse(text: &str) -> Result<Check> {
        let mut check = Check::default();
        for option in text.split(';').filter(|_| !text.trim().is_empty()) {
            let wrong = || syntax(format!("invalid check option {:?}", option.trim()));
            let (key, value) = option.split_once('=').ok_or_else(wrong)?;
            let names = value.split(',').map(|name| name.trim().to_owned());
            match key.trim() {
                "skip" => check.skip = names.collect(),
                "experimental" => check.experimental = names.collect(),
                "error" => {
                    check.error = match value.trim() {
                        "1" | "t" | "T" | "true" | "TRUE" | "True" => true,
                        "0" | "f" | "F" | "false" | "FALSE" | "False" => false,
                        _ => return Err(wrong()),
                    }
                }
                _ => return Err(wrong()),
            }
        }
        Ok(check)
    }

    /// Whether a rule holds.
    pub fn wants(&self, rule: &str) -> bool {
        let named = |set: &BTreeSet<String>| set.contains("all") || set.contains(rule);
        if EXPERIMENTAL.contains(&rule) { named(&self.experimental) } else { !named(&self.skip) }
    }

    /// What `error=true` makes of warnings: `dockerfile_syntax` with the rules, and the place of the first.
    pub fn verdict(&self, warnings: &[Warning]) -> Result<()> {
        let Some(first) = warnings.first().filter(|_| self.error) else { return Ok(()) };
        let rules: BTreeSet<&str> = warnings.iter().map(|warning| warning.rule).collect();
        let rules: Vec<&str> = rules.into_iter().collect();
        let message = format!("lint violation found for rules: {}: {}", rules.join(", "), first.message);
        Err(located(syntax(message), first.line, first.column).with("rule", first.rule))
    }
}

/// What the checks find, in the order of the file.
pub fn lint(dockerfile: &Dockerfile, check: &Check) -> Vec<Warning> {
    let mut found = Findings { check, warnings: Vec::new() };
    for (line, text) in &dockerfile.empty_continuations {
        let message = format!("Empty continuation line found in: {text}");
        found.report("NoEmptyContinuation", *line, 1, || message);
    }
    casing(dockerfile, &mut found);
    for argument in &dockerfile.meta_args {
        description(argument, &mut found);
    }
    let mut names = BTreeSet::new();
    for stage in &dockerfile.stages {
        stage_name(stage, &mut names, &mut found);
        platform(stage, &mut found);
        description(&stage.from, &mut found);
        once(stage, &mut found);
        for instruction in &stage.instructions {
            each(instruction, dockerfile.escape, &mut found);
        }
    }
    scope::check(dockerfile, &mut found);
    let mut warnings = found.warnings;
    warnings.sort_by_key(|warning| (warning.line, warning.column));
    warnings
}

/// Warns of a COPY or ADD whose source the ignore file leaves out: for those who know that file, and call it for each source
/// that is a path of the context. `None` where the rule is not asked for.
pub fn ignored_copy(check: &Check, instruction: &Instruction, source: &str) -> Option<Warning> {
    if !check.wants(COPY_IGNORED) {
        return None;
    }
    let verb = if instruction.name == "ADD" { "Add" } else { "Copy" };
    Some(Warning {
        rule: COPY_IGNORED,
        message: format!("Attempting to {verb} file {source:?} that is excluded by .dockerignore"),
        line: instruction.line,
        column: instruction.column,
    })
}

/// What was found, by the rules that hold.
struct Findings<'c> {
    check: &'c Check,
    warnings: Vec<Warning>,
}

impl Findings<'_> {
    fn report(&mut self, rule: &'static str, line: u32, column: u32, message: impl FnOnce() -> String) {
        if self.check.wants(rule) {
            self.warnings.push(Warning { rule, message: message(), line, column });
        }
    }

    fn at(&mut self, rule: &'static str, instruction: &Instruction, message: impl FnOnce() -> String) {
        self.report(rule, instruction.line, instruction.column, message);
    }
}

fn is_lower(text: &str) -> bool {
    !text.chars().any(char::is_uppercase)
}

fn is_upper(text: &str) -> bool {
    !text.chars().any(char::is_lowercase)
}

/// Names of instructions are written like most of them.
fn casing(dockerfile: &Dockerfile, found: &mut Findings<'_>) {
    let all = || {
        let stages = dockerfile.stages.iter();
        let of_stages = stages.flat_map(|stage| std::iter::once(&stage.from).chain(&stage.instructions));
        dockerfile.meta_args.iter().chain(of_stages)
    };
    let lower = all().filter(|instruction| is_lower(instruction.written())).count();
    let upper = all().filter(|instruction| is_upper(instruction.written())).count();
    let (fits, majority): (fn(&str) -> bool, &str) =
        if lower > upper { (is_lower, "lowercase") } else { (is_upper, "uppercase") };
    for instruction in all().filter(|instruction| !fits(instruction.written())) {
        found.at("ConsistentInstructionCasing", instruction, || {
            let written = instruction.written();
            format!("Command '{written}' should match the case of the command majority ({majority})")
        });
    }
}

/// The name of a stage, and the `AS` before it.
fn stage_name<'d>(stage: &'d Stage, before: &mut BTreeSet<&'d str>, found: &mut Findings<'_>) {
    let Some(name) = &stage.name else { return };
    let from = &stage.from;
    let mut words = from.text.split_whitespace().rev();
    let (written, keyword) = (words.next().unwrap_or_default(), words.next().unwrap_or_default());
    if !is_lower(written) {
        found.at("StageNameCasing", from, || format!("Stage name '{written}' should be lowercase"));
    }
    let fits = match from.written() {
        // A name of mixed case is a matter of another rule.
        upper if is_upper(upper) => is_upper(keyword),
        lower if is_lower(lower) => is_lower(keyword),
        _ => true,
    };
    if !fits {
        let from_written = from.written();
        found.at("FromAsCasing", from, || {
            format!("'{keyword}' and '{from_written}' keywords' casing do not match")
        });
    }
    if matches!(name.as_str(), "scratch" | "context") {
        found.at("ReservedStageName", from, || {
            format!("Stage name should not use the same name as reserved stage {name:?}")
        });
    }
    if !before.insert(name) {
        found.at("DuplicateStageName", from, || {
            format!("Duplicate stage name {name:?}, stage names should be unique")
        });
    }
}

/// `FROM --platform` that says what is so anyway, or what should be for the caller to say.
fn platform(stage: &Stage, found: &mut Findings<'_>) {
    let Some(platform) = &stage.platform else { return };
    if matches!(platform.as_str(), "$TARGETPLATFORM" | "${TARGETPLATFORM}") {
        found.at("RedundantTargetPlatform", &stage.from, || {
            format!(
                "Setting platform to predefined {platform} in FROM is redundant as this is the default behavior"
            )
        });
    }
    let name = stage.name.as_deref().unwrap_or_default();
    // A stage that is named after a platform is there for that one.
    let named_so = platform.split('/').take(2).any(|part| name.contains(part));
    if !platform.contains('$') && !named_so {
        found.at("FromPlatformFlagConstDisallowed", &stage.from, || {
            format!("FROM --platform flag should not use constant value {platform:?}")
        });
    }
}

/// A comment right above an ARG or a named stage describes it.
fn description(instruction: &Instruction, found: &mut Findings<'_>) {
    let Some(comment) = &instruction.comment else { return };
    let names: Vec<&str> = match &instruction.command {
        Command::From { name, .. } => name.as_deref().into_iter().collect(),
        Command::Arg(pairs) => pairs.iter().map(|(name, _)| name.as_str()).collect(),
        _ => return,
    };
    let Some(first) = names.first() else { return };
    if names.contains(&comment.split_whitespace().next().unwrap_or_default()) {
        return;
    }
    let example = if names.len() > 1 { "<arg_key>" } else { first };
    found.at("InvalidDefinitionDescription", instruction, || {
        format!("Comment for {} should follow the format: `# {example} <description>`", instruction.name)
    });
}

/// Of these instructions only the last in a stage counts.
fn once(stage: &Stage, found: &mut Findings<'_>) {
    for name in ["CMD", "ENTRYPOINT", "HEALTHCHECK"] {
        let mut all: Vec<&Instruction> =
            stage.instructions.iter().filter(|instruction| instruction.name == name).collect();
        all.pop();
        for instruction in all {
            found.at("MultipleInstructionsDisallowed", instruction, || {
                format!(
                    "Multiple {name} instructions should not be used in the same stage because only the last one will be used"
                )
            });
        }
    }
}

/// What can be said of an instruction by itself.
fn each(instruction: &Instruction, escape: char, found: &mut Findings<'_>) {
    description(instruction, found);
    match &instruction.command {
        Command::Maintainer(_) => found.at("MaintainerDeprecated", instruction, || {
            "Maintainer instruction is deprecated in favor of using label".into()
        }),
        Command::Env(pairs) | Command::Label(pairs) => {
            if is_legacy(instruction, escape) {
                let name = &instruction.name;
                found.at("LegacyKeyValueFormat", instruction, || {
                    format!(
                        "\"{name} key=value\" should be used instead of legacy \"{name} key value\" format"
                    )
                });
            }
            if instruction.name == "ENV" {
                secrets(instruction, pairs.iter().map(|(name, _)| name.as_str()), found);
            }
        }
        Command::Arg(pairs) => secrets(instruction, pairs.iter().map(|(name, _)| name.as_str()), found),
        _ => {}
    }
}

/// `ENV name value`.
fn is_legacy(instruction: &Instruction, escape: char) -> bool {
    let (_, rest) = split_first(&instruction.text);
    let (_, rest) = take_flags(rest);
    let words = split_quoted(rest, escape);
    words.first().is_some_and(|word| !word.contains('='))
}

/// Names that look like those of secrets, which would be in the image for everybody to read.
fn secrets<'n>(instruction: &Instruction, names: impl Iterator<Item = &'n str>, found: &mut Findings<'_>) {
    const SECRET: [&str; 10] = [
        "apikey",
        "auth",
        "credential",
        "credentials",
        "key",
        "passwd",
        "password",
        "pword",
        "secret",
        "token",
    ];
    const HARMLESS: [&str; 3] = ["file", "public", "version"];
    for name in names {
        let lower = name.to_lowercase();
        let has = |words: &[&str]| lower.split('_').any(|part| words.contains(&part));
        if has(&SECRET) && !has(&HARMLESS) {
            found.at("SecretsUsedInArgOrEnv", instruction, || {
                let by = &instruction.name;
                format!("Do not use ARG or ENV instructions for sensitive data ({by} {name:?})")
            });
        }
    }
}
