//! What a Dockerfile means, instruction by instruction.

use super::*;
use crate::error::Field;

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

#[test]
fn the_seeds_dockerfile_parses() {
    let dockerfile = dockerfile(
        "# This is a comment\nFROM ubuntu:16.04\nMAINTAINER Docker Newbee <newbee@docker.com>\n\
         RUN apt-get -qq update\nRUN apt-get -qqy install ruby ruby-dev\nADD myApp /var/www\nEXPOSE 80\n\
         CMD [\"/usr/sbin/apachectl\", \"-D\", \"FOREGROUND\"]\n",
    );
    let [stage] = dockerfile.stages.as_slice() else { panic!("one stage") };
    assert_eq!(stage.base, "ubuntu:16.04");
    assert_eq!(stage.from.line, 2);
    let texts: Vec<&str> = stage.instructions.iter().map(|i| i.text.as_str()).collect();
    assert_eq!(texts[0], "MAINTAINER Docker Newbee <newbee@docker.com>");
    assert_eq!(texts[3], "ADD myApp /var/www");
    assert_eq!(stage.instructions[4].command, Command::Expose(strings(&["80"])));
    assert_eq!(
        stage.instructions[5].command,
        Command::Cmd(exec(&["/usr/sbin/apachectl", "-D", "FOREGROUND"]))
    );
}

#[test]
fn stages_have_bases_names_and_platforms() {
    let dockerfile = dockerfile(
        "ARG TAG=1\nARG BARE\nFROM --platform=$BUILDPLATFORM golang:$TAG AS Build\nRUN make\nfrom build as last\n",
    );
    assert_eq!(dockerfile.meta_args.len(), 2);
    assert_eq!(dockerfile.meta_args[0].command, Command::Arg(vec![("TAG".into(), Some("1".into()))]));
    let [build, last] = dockerfile.stages.as_slice() else { panic!("two stages") };
    assert_eq!(build.name.as_deref(), Some("build"));
    assert_eq!(build.base, "golang:$TAG");
    assert_eq!(build.platform.as_deref(), Some("$BUILDPLATFORM"));
    assert_eq!(last.from.name, "FROM");
    assert_eq!(last.from.text, "from build as last");
    assert_eq!(last.name.as_deref(), Some("last"));
}

#[test]
fn a_file_needs_an_instruction_and_a_stage() {
    for (text, message) in [
        ("", "the Dockerfile cannot be empty"),
        ("\n\n  # only a comment\n", "file with no instructions"),
        ("ARG a=1\n", "dockerfile contains no stages to build"),
        ("RUN true\nFROM x", "Dockerfile parse error line 1: no build stage in current context"),
        ("ARG a\n\nENV a=b", "Dockerfile parse error line 3: no build stage in current context"),
    ] {
        assert_eq!(failure(text).to_string(), message);
    }
    let error = failure("\nRUN true");
    assert_eq!(error.field("line"), Some(&Field::Int(2)));
    assert_eq!(error.field("instruction"), Some(&Field::Text("RUN".into())));
}

#[test]
fn an_unknown_instruction_is_named_and_the_nearest_offered() {
    for (text, message) in [
        ("RUNN true", "unknown instruction: RUNN (did you mean RUN?)"),
        ("runn true", "unknown instruction: runn (did you mean run?)"),
        ("ENTRYPINT x", "unknown instruction: ENTRYPINT (did you mean ENTRYPOINT?)"),
        ("FOOBAR x", "unknown instruction: FOOBAR"),
        ("[\"a\"]", "unknown instruction: [\"a\"]"),
    ] {
        assert_eq!(complaint(text), message);
    }
    let error = failure("FROM x\nRUNN true");
    assert_eq!(error.field("instruction"), Some(&Field::Text("RUNN".into())));
}
