//! What a Dockerfile means, instruction by instruction.

mod grammar;
mod heredocs;
mod instructions;
mod lint;
mod properties;
mod steps;

use super::instruction::{Heredoc, RunScript};
use super::*;
use crate::error::{Error, Field};

#[track_caller]
fn dockerfile(text: &str) -> Dockerfile {
    parse(text.as_bytes()).unwrap()
}

/// The commands after `FROM scratch`.
#[track_caller]
fn commands(text: &str) -> Vec<Command> {
    let text = format!("FROM scratch\n{text}");
    let mut dockerfile = dockerfile(&text);
    dockerfile.stages.remove(0).instructions.into_iter().map(|instruction| instruction.command).collect()
}

/// The only command after `FROM scratch`.
#[track_caller]
fn command(text: &str) -> Command {
    let mut commands = commands(text);
    assert_eq!(commands.len(), 1, "{text}");
    commands.remove(0)
}

#[track_caller]
fn failure(text: &str) -> Error {
    let error = parse(text.as_bytes()).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::DockerfileSyntax, "{text}");
    error
}

/// What is wrong with an instruction on line 2, after `FROM scratch`.
#[track_caller]
fn complaint(text: &str) -> String {
    let error = failure(&format!("FROM scratch\n{text}"));
    assert_eq!(error.field("line"), Some(&Field::Int(2)), "{text}: {error}");
    let message = error.to_string();
    message.strip_prefix("Dockerfile parse error line 2: ").unwrap_or(&message).to_owned()
}

fn strings(words: &[&str]) -> Vec<String> {
    words.iter().map(|word| (*word).to_owned()).collect()
}

fn shell(line: &str) -> ShellOrExec {
    ShellOrExec::Shell(line.to_owned())
}

fn exec(words: &[&str]) -> ShellOrExec {
    ShellOrExec::Exec(strings(words))
}

fn pairs(pairs: &[(&str, &str)]) -> Vec<(String, String)> {
    pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
}

fn run(command: ShellOrExec) -> Command {
    Command::Run {
        command,
        mounts: Vec::new(),
        network: None,
        security: None,
        devices: Vec::new(),
        heredocs: Vec::new(),
    }
}

fn copy(sources: &[&str], destination: &str) -> CopyArgs {
    CopyArgs { sources: strings(sources), destination: destination.to_owned(), ..CopyArgs::default() }
}

fn heredoc(name: &str, content: &str, expand: bool) -> Heredoc {
    Heredoc { name: name.to_owned(), content: content.to_owned(), expand }
}
