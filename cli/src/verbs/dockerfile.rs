//! `dockerfile parse` and `build --check`: a Dockerfile as data, and what the build checks find in it.

use std::io::Read;
use std::path::Path;

use layerkit::{DockerfileWarning, Error, dockerfile_parse};

use super::{Context, Verb};
use crate::failure::{Failure, Outcome};
use crate::flags::{Arity, Syntax, Words};
use crate::output;

pub const PARSE: Verb = Verb {
    syntax: Syntax {
        name: "parse",
        usage: "FILE|-",
        about: "Show a Dockerfile as JSON: stages, instructions with their places, warnings",
        flags: &[],
        arity: Arity::Exactly(1),
    },
    run: parse,
};

fn parse(_: &Context, _: &Syntax, words: &Words) -> Outcome {
    let path = Path::new(&words.arguments[0]);
    let report = dockerfile_parse(&read(path)?).map_err(|error| named(error, path))?;
    let text = serde_json::to_string_pretty(&report).map_err(|error| Failure::Message(error.to_string()))?;
    Ok(output::line(text)?)
}

/// Tells what the build checks find in a Dockerfile. A failure when there is something, as with Docker.
pub fn check(path: &Path) -> Outcome {
    let warnings = dockerfile_parse(&read(path)?).map_err(|error| named(error, path))?.warnings;
    let summary = match warnings.len() {
        0 => return Ok(output::line("Check complete, no warnings found.")?),
        1 => "Check complete, 1 warning has been found!".to_owned(),
        count => format!("Check complete, {count} warnings have been found!"),
    };
    output::line(summary)?;
    for DockerfileWarning { rule, message, line, column } in &warnings {
        output::line(format!("\nWARNING: {rule}\n{message}\n{}:{line}:{column}", path.display()))?;
    }
    Err(Failure::Said)
}

/// A warning of a build check, on one line.
pub fn one_line(rule: &str, message: &str, line: u32) -> String {
    format!("WARNING: {rule}: {message} (line {line})")
}

fn named(error: Error, path: &Path) -> Error {
    error.with("file", path.display().to_string())
}

#[allow(clippy::disallowed_methods)] // the user's own file, outside of the store
fn read(path: &Path) -> Outcome<Vec<u8>> {
    let mut text = Vec::new();
    let read = match path.to_str() {
        Some("-") => std::io::stdin().lock().read_to_end(&mut text),
        _ => std::fs::File::open(path).and_then(|mut file| file.read_to_end(&mut text)),
    };
    match read {
        Ok(_) => Ok(text),
        Err(error) => Err(Failure::Message(format!("{}: {error}", path.display()))),
    }
}
