//! Dockerfiles: from text to typed instructions, expansion of their words, `.dockerignore`, wildcards.
//!
//! Pure: text in, data out. Knows nothing of images, files or builds. The grammar is that of BuildKit's frontend, heredocs
//! and all flags included; what a build cannot do yet is for the build to refuse.

mod duration;
mod expand;
mod flags;
pub mod glob;
mod heredoc;
mod ignore;
mod instruction;
mod lexer;
mod lint;
mod mount;
mod parser;
mod pattern;
mod report;
mod steps;
#[cfg(test)]
mod tests;
mod words;

pub use expand::{expand, expand_text, expand_words};
pub use flags::{Flags, did_you_mean};
pub use ignore::Ignore;
pub use instruction::{
    Command, CopyArgs, Dockerfile, Healthcheck, Instruction, RunScript, ShellOrExec, Stage,
};
pub use mount::{MountType, RunMount, Sharing, check_mount, mount_from, parse_mount};

pub use lint::{Check, Warning, ignored_copy, lint};
pub use report::{
    DockerfileArguments, DockerfileDirectives, DockerfileHeredoc, DockerfileInstruction, DockerfilePair,
    DockerfileReport, DockerfileStage, report,
};
pub use steps::{BuildStep, from_steps};

use crate::error::{ErrorKind, Result};
use lexer::{Lexer, located, syntax};
use parser::{may_be_trigger, name_of, parse_instruction, parse_line};

/// The instructions that `--change` of import and commit takes.
const CHANGES: [&str; 11] = [
    "CMD",
    "ENTRYPOINT",
    "ENV",
    "EXPOSE",
    "HEALTHCHECK",
    "LABEL",
    "ONBUILD",
    "STOPSIGNAL",
    "USER",
    "VOLUME",
    "WORKDIR",
];

/// Parses a Dockerfile.
///
/// Errors are `dockerfile_syntax` with the fields `line`, `column` (where the instruction begins) and, where there is one,
/// `instruction` (its name in upper case).
pub fn parse(text: &[u8]) -> Result<Dockerfile> {
    if text.is_empty() {
        return Err(syntax("the Dockerfile cannot be empty"));
    }
    let mut lexer = Lexer::new(text);
    let mut meta_args = Vec::new();
    let mut stages: Vec<Stage> = Vec::new();
    while let Some(line) = lexer.next_line()? {
        let instruction = parse_instruction(&mut lexer, line)?;
        match (&instruction.command, stages.last_mut()) {
            (Command::From { image, name, platform }, _) => {
                stages.push(Stage {
                    name: name.clone(),
                    base: image.clone(),
                    platform: platform.clone(),
                    from: instruction,
                    instructions: Vec::new(),
                });
            }
            (_, Some(stage)) => stage.instructions.push(instruction),
            (Command::Arg(_), None) => meta_args.push(instruction),
            (_, None) => {
                let error = syntax("no build stage in current context");
                return Err(located(error, instruction.line, instruction.column)
                    .with("instruction", instruction.name));
            }
        }
    }
    if stages.is_empty() {
        return Err(syntax(if meta_args.is_empty() {
            "file with no instructions"
        } else {
            "dockerfile contains no stages to build"
        }));
    }
    let directives = lexer.directives;
    let checks = Check::parse(directives.check.as_deref().unwrap_or_default())
        .map_err(|error| located(error, directives.check_line, 1))?;
    Ok(Dockerfile {
        syntax: directives.syntax,
        check: directives.check,
        checks,
        escape: directives.escape.unwrap_or('\\'),
        escape_directive: directives.escape.is_some(),
        meta_args,
        stages,
        empty_continuations: lexer.empty_continuations,
    })
}

/// Parses one `--change` of an import or a commit. `invalid_argument` for anything but one of the instructions that may
/// change a config.
pub fn parse_change(text: &str) -> Result<Instruction> {
    let fit = |name: &str| match CHANGES.contains(&name) {
        true => Ok(()),
        false => Err(syntax(format!("{} is not a valid change command", name.to_lowercase()))),
    };
    single(text, fit, "a change is one instruction")
        .map_err(|error| error.as_kind(ErrorKind::InvalidArgument))
}

/// Parses a trigger that the config of an image holds. `dockerfile_syntax` when it is none.
///
/// Its lines are counted from 1, and its errors have no line: it is for the caller to say where the image is used.
pub fn parse_onbuild(text: &str) -> Result<Instruction> {
    single(text, may_be_trigger, "an ONBUILD trigger is one instruction")
}

/// The only instruction of a text, when its name is fit.
fn single(text: &str, fit: impl Fn(&str) -> Result<()>, else_message: &str) -> Result<Instruction> {
    let mut lexer = Lexer::new(text.as_bytes());
    let Some(line) = lexer.next_line()? else { return Err(syntax(else_message)) };
    let name = name_of(&line);
    let instruction = fit(&name)
        .and_then(|()| parse_line(&mut lexer, line))
        .map_err(|error| error.with("instruction", name))?;
    match lexer.next_line()? {
        None => Ok(instruction),
        Some(_) => Err(syntax(else_message)),
    }
}
