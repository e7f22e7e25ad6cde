//! Steps as data, for programs that build an image without writing a Dockerfile: they become the Dockerfile that says the
//! same, so that whatever holds for one holds for the other: expansion, cache keys, digests.

use std::collections::BTreeMap;

use serde::Deserialize;
use serde_json::Value;

use super::{heredoc, single};
use crate::dockerfile::flags::did_you_mean;
use crate::dockerfile::parser::INSTRUCTIONS;
use crate::error::{Error, ErrorKind, Result};

/// One instruction of a Dockerfile as data.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct BuildStep {
    /// Its name, `COPY` for instance.
    pub instruction: String,
    /// Its flags by name, without `--`: a text, a number, `true` or `false`, or a list of texts. Blanks need no quotes.
    #[serde(default)]
    pub flags: BTreeMap<String, Value>,
    /// What follows.
    ///
    /// - A text is what would stand in a Dockerfile: the shell form, or the whole rest. `RUN` may have several lines.
    /// - A list of texts is the exec form of `RUN`, `CMD`, `ENTRYPOINT` and `SHELL`, and the command of `HEALTHCHECK`; the paths of
    ///   `COPY`, `ADD` and `VOLUME`; the words of `EXPOSE`; `NAME=value`s of `ENV`, `LABEL` and `ARG`.
    /// - An object is names and values of `ENV`, `LABEL` and `ARG` (null: without a default), or the step that `ONBUILD` is for.
    ///
    /// Variables expand where they do in a Dockerfile. Blanks, quotes and backslashes of values and paths in lists and objects
    /// are part of them; `\$` is a plain dollar sign.
    #[serde(default)]
    pub args: Value,
}

/// The Dockerfile that says the same as the steps. `invalid_argument`, naming the step by its number from 1, for one that no
/// Dockerfile can say.
pub fn from_steps(steps: &[BuildStep]) -> Result<String> {
    let mut text = String::new();
    for (step, number) in steps.iter().zip(1..) {
        let written = written(step).map_err(|error| at_step(error, number))?;
        // Written and read back: what the parser refuses is told with the step's number, not with a line of a text nobody wrote.
        single(&written, |_| Ok(()), "it is not one instruction").map_err(|error| at_step(error, number))?;
        text.push_str(&written);
        text.push('\n');
    }
    Ok(text)
}

fn at_step(error: Error, number: usize) -> Error {
    error.as_kind(ErrorKind::InvalidArgument).context(format!("step {number}"))
}

fn invalid(message: impl Into<String>) -> Error {
    Error::new(ErrorKind::InvalidArgument, message)
}

/// A step as it stands in a Dockerfile, without the line end.
fn written(step: &BuildStep) -> Result<String> {
    let name = step.instruction.to_uppercase();
    if !INSTRUCTIONS.contains(&name.as_str()) {
        let hint = did_you_mean(&step.instruction, "", INSTRUCTIONS.into_iter());
        return Err(invalid(format!("unknown instruction: {}{hint}", step.instruction)));
    }
    let mut line = name.clone();
    for (flag, value) in &step.flags {
        for word in flag_words(flag, value)? {
            line.push(' ');
            line.push_str(&word);
        }
    }
    let (rest, body) = arguments(&name, &step.args)?;
    // An empty word ends the flags.
    if rest.starts_with("--") {
        line.push_str(" --");
    }
    if !rest.is_empty() {
        line.push(' ');
        line.push_str(&rest);
    }
    if line.contains(['\n', '\r']) {
        return Err(invalid(format!("an argument of {name} has a line end, which no Dockerfile can say")));
    }
    // The next step would be read as part of this one.
    if line.ends_with('\\') && !line.ends_with(r"\\") {
        return Err(invalid(format!("the text of {name} ends with a backslash")));
    }
    Ok(line + &body)
}

/// `--name=value`, for each value.
fn flag_words(flag: &str, value: &Value) -> Result<Vec<String>> {
    let word = |value: &str| format!("--{flag}={}", flag_value(value));
    Ok(match value {
        Value::Null => Vec::new(),
        Value::Bool(true) => vec![format!("--{flag}")],
        Value::Array(values) => values
            .iter()
            .map(|value| text_of(value).map(|value| word(&value)))
            .collect::<Option<_>>()
            .ok_or_else(|| invalid(format!("the flag --{flag} wants texts")))?,
        value => {
            let text = text_of(value).ok_or_else(|| invalid(format!("the flag --{flag} wants a text")))?;
            vec![word(&text)]
        }
    })
}

/// A flag's value as the parser takes it: blanks in quotes, quotes and backslashes behind a backslash.
fn flag_value(value: &str) -> String {
    let escaped = value.replace('\\', r"\\").replace('"', "\\\"").replace('\'', r"\'");
    if value.contains(char::is_whitespace) { format!("\"{escaped}\"") } else { escaped }
}

/// A text, or what is shown of a number or a truth value.
fn text_of(value: &Value) -> Option<String> {
    match value {
        Value::String(text) => Some(text.clone()),
        Value::Number(number) => Some(number.to_string()),
        Value::Bool(truth) => Some(truth.to_string()),
        _ => None,
    }
}

/// What stands on the instruction's line, and what follows it.
fn arguments(name: &str, args: &Value) -> Result<(String, String)> {
    let line = match (name, args) {
        (_, Value::Null) => String::new(),
        ("RUN", Value::String(text)) => return Ok(script(text)),
        (_, Value::String(text)) => text.trim().to_owned(),
        ("ENV" | "LABEL" | "ARG", Value::Object(pairs)) => {
            let words = pairs.iter().map(|(key, value)| pair(name, key, value));
            words.collect::<Result<Vec<_>>>()?.join(" ")
        }
        ("ONBUILD", Value::Object(_)) => {
            let step: BuildStep = serde_json::from_value(args.clone())
                .map_err(|wrong| invalid(format!("the step of ONBUILD: {wrong}")))?;
            let trigger = written(&step)?;
            return Ok(match trigger.split_once('\n') {
                Some((line, body)) => (line.to_owned(), format!("\n{body}")),
                None => (trigger, String::new()),
            });
        }
        (_, Value::Array(values)) => list(name, &texts(name, values)?)?,
        _ => return Err(invalid(format!("the args of {name} are of the wrong type"))),
    };
    Ok((line, String::new()))
}

fn texts(name: &str, values: &[Value]) -> Result<Vec<String>> {
    let texts = values.iter().map(|value| value.as_str().map(str::to_owned));
    texts.collect::<Option<_>>().ok_or_else(|| invalid(format!("the list of {name} holds texts only")))
}

fn list(name: &str, words: &[String]) -> Result<String> {
    Ok(match name {
        "RUN" | "CMD" | "ENTRYPOINT" | "SHELL" => json(words)?,
        "COPY" | "ADD" if words.iter().all(|word| is_plain(word)) => words.join(" "),
        "COPY" | "ADD" | "VOLUME" => json(&words.iter().map(|word| escaped(word)).collect::<Vec<_>>())?,
        "HEALTHCHECK" => format!("CMD {}", json(words)?),
        "EXPOSE" if words.iter().any(|word| word.is_empty() || word.contains(char::is_whitespace)) => {
            return Err(invalid("a port of EXPOSE has no blanks"));
        }
        "EXPOSE" => words.join(" "),
        "ENV" | "LABEL" | "ARG" => {
            let words = words.iter().map(|word| match word.split_once('=') {
                Some((key, value)) => pair(name, key, &value.into()),
                None => pair(name, word, &Value::Null),
            });
            words.collect::<Result<Vec<_>>>()?.join(" ")
        }
        _ => return Err(invalid(format!("the args of {name} are a text"))),
    })
}

/// A path that means the same between blanks as in a JSON array.
fn is_plain(word: &str) -> bool {
    let odd = |c: char| c.is_whitespace() || matches!(c, '\\' | '"' | '\'');
    !word.is_empty()
        && !word.contains(odd)
        && !word.starts_with(['[', '-'])
        && heredoc::marker(word).is_none()
}

fn json(words: &[String]) -> Result<String> {
    let quoted: Result<Vec<String>, _> = words.iter().map(serde_json::to_string).collect();
    match quoted {
        Ok(quoted) => Ok(format!("[{}]", quoted.join(", "))),
        Err(wrong) => Err(invalid(wrong.to_string())),
    }
}

/// `name=value`, quoted where it has to be.
fn pair(instruction: &str, name: &str, value: &Value) -> Result<String> {
    let name = match instruction {
        "LABEL" => quoted(name),
        _ if name.contains(|c: char| c.is_whitespace() || matches!(c, '=' | '"' | '\'' | '\\')) => {
            return Err(invalid(format!("{name:?} is no name for {instruction}")));
        }
        _ => name.to_owned(),
    };
    match value {
        Value::Null if instruction == "ARG" => Ok(name),
        value => {
            let text = text_of(value)
                .ok_or_else(|| invalid(format!("the value of {name} in {instruction} is no text")))?;
            Ok(format!("{name}={}", quoted(&text)))
        }
    }
}

/// A word in double quotes if it needs them. Backslashes are plain, but one before `$`.
fn quoted(text: &str) -> String {
    let plain = |c: char| !c.is_whitespace() && !matches!(c, '"' | '\'' | '\\' | '=');
    if text.chars().all(plain) {
        return text.to_owned();
    }
    // Within the quotes a single one is plain, and a backslash before it would stay.
    format!("\"{}\"", escaped(text).replace(r"\'", "'"))
}

/// A word that expands to the text, but for its variables. Backslashes are plain, but one before `$`.
fn escaped(text: &str) -> String {
    let mut word = String::with_capacity(text.len());
    let mut chars = text.chars().peekable();
    while let Some(c) = chars.next() {
        let needed = matches!(c, '"' | '\'') || (c == '\\' && chars.peek() != Some(&'$'));
        if needed {
            word.push('\\');
        }
        word.push(c);
    }
    word
}

/// The command of a RUN: on its line, or as a heredoc where it has lines of its own.
fn script(text: &str) -> (String, String) {
    if !text.trim().contains(['\n', '\r']) && heredoc::markers(text).is_empty() {
        return (text.trim().to_owned(), String::new());
    }
    let mut end = String::from("EOF");
    while text.lines().any(|line| line == end) {
        end.push('_');
    }
    let line_end = if text.ends_with('\n') { "" } else { "\n" };
    (format!("<<'{end}'"), format!("\n{text}{line_end}{end}"))
}
