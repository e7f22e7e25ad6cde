//! What the fuzzer runs, and what has to hold for every input: no panic, no hang, errors of the right kind, and what the
//! functions promise of each other.
//!
//! The module of Dockerfiles is compiled from the core's sources by itself: it is private there, and small here.
#![allow(dead_code, unused_imports, missing_docs, clippy::all)]

#[path = "../../core/src/digest.rs"]
mod digest;
#[path = "../../core/src/dockerfile/mod.rs"]
mod dockerfile;
#[path = "../../core/src/error.rs"]
mod error;
#[path = "../../core/src/platform.rs"]
mod platform;
#[path = "../../core/src/reference.rs"]
mod reference;

use std::path::Path;

use dockerfile::{BuildStep, Ignore, expand, expand_words, from_steps, glob, lint, parse_change, parse_onbuild, report};
use error::ErrorKind;

/// Parser, checks, report, steps.
pub fn parse(data: &[u8]) {
    if let Ok(steps) = serde_json::from_slice::<Vec<BuildStep>>(data)
        && let Ok(text) = from_steps(&steps)
    {
        let instructions = text.lines().filter(|line| !line.is_empty()).count();
        assert!(instructions >= steps.len(), "{text:?}");
    }
    if let Ok(text) = std::str::from_utf8(data) {
        if let Err(error) = parse_change(text) {
            assert_eq!(error.kind(), ErrorKind::InvalidArgument);
        }
        let _ = parse_onbuild(text);
    }
    let dockerfile = match dockerfile::parse(data) {
        Ok(dockerfile) => dockerfile,
        Err(error) => return assert_eq!(error.kind(), ErrorKind::DockerfileSyntax),
    };
    let _ = dockerfile.checks.verdict(&lint(&dockerfile, &dockerfile.checks));
    let report = report(data).expect("what parses can be reported");
    serde_json::to_string(&report).expect("a report is JSON");
    if dockerfile.escape != '\\' {
        return;
    }
    for instruction in dockerfile.stages.iter().flat_map(|stage| &stage.instructions) {
        let source = instruction.source();
        // A blank that is none for continuations was trimmed, and the escape before it now stands last.
        if source.ends_with('\\') {
            continue;
        }
        let again = dockerfile::parse(format!("FROM a\n{source}").as_bytes()).expect("a source parses");
        let again = again.stages.last().and_then(|stage| stage.instructions.first()).expect("to an instruction");
        assert_eq!(again.name, instruction.name, "{source:?}");
    }
}

/// Expansion of words: the first byte chooses the escape character, the first line is the value of every name with a letter.
pub fn expand_word(data: &[u8]) {
    let Some((choice, rest)) = data.split_first() else { return };
    let Ok(text) = std::str::from_utf8(rest) else { return };
    let (value, word) = text.split_once('\n').unwrap_or(("", text));
    let escape = if choice % 2 == 0 { '\\' } else { '`' };
    let lookup = |name: &str| name.chars().any(char::is_alphabetic).then(|| value.to_owned());
    let whole = expand(word, escape, &lookup);
    let words = expand_words(word, escape, &lookup);
    assert_eq!(whole.is_ok(), words.is_ok());
    if let Err(error) = whole {
        assert_eq!(error.kind(), ErrorKind::DockerfileSyntax);
    }
}

/// Ignore files and wildcards: the first line is a path, the rest the ignore file.
pub fn ignore(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else { return };
    let (path, patterns) = text.split_once('\n').unwrap_or((text, ""));
    let _ = glob::matches(patterns.lines().next().unwrap_or_default(), path);
    let Ok(ignore) = Ignore::parse(patterns) else { return };
    let path = Path::new(path);
    ignore.excluded(path);
    if ignore.may_skip_directory(path) && path.components().all(|part| matches!(part, std::path::Component::Normal(_))) {
        for below in ["a", "a/b", "x/y/z"] {
            assert!(ignore.excluded(&path.join(below)), "{path:?} {below}");
        }
    }
}

/// What `examples/speed.rs` measures.
pub fn parse_only(text: &[u8]) {
    dockerfile::parse(text).expect("it parses");
}

/// The same with the checks, as data.
pub fn report_only(text: &[u8]) {
    report(text).expect("it parses");
}
