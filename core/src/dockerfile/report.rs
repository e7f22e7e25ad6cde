//! A parsed Dockerfile as data for users: every language gets the same object. What it says is what is written; nothing is
//! expanded.

use std::collections::BTreeMap;

use serde::Serialize;
use serde_json::{Value, json};

use super::instruction::{Command, Healthcheck, Instruction, ShellOrExec, Stage};
use super::lint::{Warning, lint};
use crate::dockerfile::flags::{Flags, Kind};
use crate::error::Result;

/// A parsed Dockerfile.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct DockerfileReport {
    /// The parser directives at its top.
    pub directives: DockerfileDirectives,
    /// The escape character in force.
    pub escape: char,
    /// The `ARG`s before the first `FROM`.
    pub meta_args: Vec<DockerfileInstruction>,
    /// The stages, in order.
    pub stages: Vec<DockerfileStage>,
    /// What is accepted and not good, in the order of the file.
    pub warnings: Vec<Warning>,
}

/// The parser directives as they are written.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct DockerfileDirectives {
    /// `# syntax=`, without arguments.
    pub syntax: Option<String>,
    /// `# escape=`.
    pub escape: Option<char>,
    /// `# check=`.
    pub check: Option<String>,
}

/// A stage: a `FROM` and what follows it.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct DockerfileStage {
    /// Its name, in lower case.
    pub name: Option<String>,
    /// The image or stage it starts from, as written.
    pub base: String,
    /// The value of `--platform`.
    pub platform: Option<String>,
    /// Its instructions; the first is the `FROM`.
    pub instructions: Vec<DockerfileInstruction>,
}

/// An instruction and where it stands.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct DockerfileInstruction {
    /// Its name in upper case.
    pub name: String,
    /// The line where it begins, from 1.
    pub line: u32,
    /// The last line that belongs to it, bodies of heredocs included.
    pub end_line: u32,
    /// The column where its name begins, from 1, in characters.
    pub column: u32,
    /// The whole instruction on one line: continuations joined, comments dropped, bodies of heredocs left out.
    pub text: String,
    /// Its flags by name, without `--`: a text, a switch, or a list of texts for one that may be given several times.
    pub flags: BTreeMap<&'static str, Value>,
    /// What follows the flags.
    pub arguments: DockerfileArguments,
    /// The texts that follow it.
    pub heredocs: Vec<DockerfileHeredoc>,
}

/// What follows the flags of an instruction. Which of these it is follows from the instruction's name.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(untagged)]
pub enum DockerfileArguments {
    /// `FROM`.
    From {
        /// The image or stage.
        image: String,
        /// The stage's own name, in lower case.
        name: Option<String>,
    },
    /// `RUN`, `CMD`, `ENTRYPOINT` in shell form, and the command of a `HEALTHCHECK`.
    Shell {
        /// The command line.
        command: String,
    },
    /// `RUN`, `CMD`, `ENTRYPOINT`, `SHELL` as a JSON array.
    Exec {
        /// The words.
        words: Vec<String>,
    },
    /// `COPY` and `ADD`.
    Copy {
        /// What to copy; heredocs stand beside.
        sources: Vec<String>,
        /// Where to.
        destination: String,
    },
    /// `ENV`, `LABEL` and `ARG`.
    Pairs {
        /// Names and values.
        pairs: Vec<DockerfilePair>,
    },
    /// `EXPOSE` and `VOLUME`.
    List {
        /// The words.
        values: Vec<String>,
    },
    /// `WORKDIR`, `USER`, `STOPSIGNAL` and `MAINTAINER`.
    One {
        /// The word.
        value: String,
    },
    /// `HEALTHCHECK`.
    Healthcheck {
        /// Docker's form: `NONE`, `CMD` and the words, or `CMD-SHELL` and one string.
        test: Vec<String>,
    },
    /// `ONBUILD`.
    Onbuild {
        /// What is to fire.
        instruction: Box<DockerfileInstruction>,
    },
}

/// A name and its value, with the quotes it is written in; an `ARG` may have none.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct DockerfilePair {
    /// The name.
    pub name: String,
    /// The value.
    pub value: Option<String>,
}

/// A text that follows an instruction.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct DockerfileHeredoc {
    /// The word that ends it.
    pub name: String,
    /// Its lines; of `<<-` without their leading tabs.
    pub content: String,
    /// Whether variables in it are expanded: the word was not quoted.
    pub expand: bool,
}

/// Parses a Dockerfile and says what is in it. It needs no store.
///
/// `dockerfile_syntax` with `line`, `column` and `instruction` for what does not parse. What does, and is not good, is among the
/// warnings, which are BuildKit's build checks (`# check=` is heeded; its `error=true` is for builds).
pub fn report(text: &[u8]) -> Result<DockerfileReport> {
    let dockerfile = super::parse(text)?;
    let warnings = lint(&dockerfile, &dockerfile.checks);
    Ok(DockerfileReport {
        directives: DockerfileDirectives {
            syntax: dockerfile.syntax,
            escape: dockerfile.escape_directive.then_some(dockerfile.escape),
            check: dockerfile.check,
        },
        escape: dockerfile.escape,
        meta_args: dockerfile.meta_args.into_iter().map(instruction).collect(),
        stages: dockerfile.stages.into_iter().map(stage).collect(),
        warnings,
    })
}

fn stage(stage: Stage) -> DockerfileStage {
    let instructions = std::iter::once(stage.from).chain(stage.instructions).map(instruction).collect();
    DockerfileStage { name: stage.name, base: stage.base, platform: stage.platform, instructions }
}

fn instruction(given: Instruction) -> DockerfileInstruction {
    let heredocs = given.command.heredocs().iter().map(|heredoc| DockerfileHeredoc {
        name: heredoc.name.clone(),
        content: heredoc.content.clone(),
        expand: heredoc.expand,
    });
    DockerfileInstruction {
        line: given.line,
        end_line: given.end_line,
        column: given.column,
        flags: flags(&given.flags, &given.name),
        heredocs: heredocs.collect(),
        arguments: arguments(given.command),
        name: given.name,
        text: given.text,
    }
}

fn flags(flags: &Flags, instruction: &str) -> BTreeMap<&'static str, Value> {
    let mut map: BTreeMap<&'static str, Value> = BTreeMap::new();
    for (name, kind, value) in flags.given(instruction) {
        match kind {
            Kind::Text => drop(map.insert(name, value.into())),
            Kind::Switch => drop(map.insert(name, (value == "true").into())),
            Kind::List => {
                if let Value::Array(values) = map.entry(name).or_insert_with(|| json!([])) {
                    values.push(value.into());
                }
            }
        }
    }
    map
}

fn arguments(command: Command) -> DockerfileArguments {
    use DockerfileArguments as Arguments;
    let pair = |(name, value)| DockerfilePair { name, value: Some(value) };
    match command {
        Command::From { image, name, .. } => Arguments::From { image, name },
        Command::Run { command, .. } | Command::Cmd(command) | Command::Entrypoint(command) => {
            match command {
                ShellOrExec::Shell(command) => Arguments::Shell { command },
                ShellOrExec::Exec(words) => Arguments::Exec { words },
            }
        }
        Command::Shell(words) => Arguments::Exec { words },
        Command::Copy(args) | Command::Add(args) => {
            Arguments::Copy { sources: args.sources, destination: args.destination }
        }
        Command::Env(pairs) | Command::Label(pairs) => {
            Arguments::Pairs { pairs: pairs.into_iter().map(pair).collect() }
        }
        Command::Arg(pairs) => {
            let pairs = pairs.into_iter().map(|(name, value)| DockerfilePair { name, value });
            Arguments::Pairs { pairs: pairs.collect() }
        }
        Command::Expose(values) | Command::Volume(values) => Arguments::List { values },
        Command::Maintainer(value)
        | Command::Workdir(value)
        | Command::User(value)
        | Command::StopSignal(value) => Arguments::One { value },
        Command::Healthcheck(Healthcheck::None) => Arguments::Healthcheck { test: vec!["NONE".into()] },
        Command::Healthcheck(Healthcheck::Check { test, .. }) => Arguments::Healthcheck { test },
        Command::Onbuild(trigger) => Arguments::Onbuild { instruction: Box::new(instruction(*trigger)) },
    }
}
