//! Heredocs: finding them in an instruction (`<<EOF`, `3<<-"EOF"`), and what a `RUN` makes of them.

use crate::dockerfile::instruction::{Command, Heredoc, RunScript, ShellOrExec};

/// `<<word`, before its body is read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Marker {
    /// The word that ends the body.
    pub name: String,
    /// The word was not quoted.
    pub expand: bool,
    /// `<<-`: leading tabs are dropped.
    pub strip_tabs: bool,
}

/// The heredocs that a line announces. A line whose quotes are not closed announces none.
pub fn markers(line: &str) -> Vec<Marker> {
    if !line.contains("<<") {
        return Vec::new();
    }
    raw_words(line).unwrap_or_default().iter().filter_map(|word| marker(word)).collect()
}

/// The heredoc that a word is, if it is one.
pub fn marker(word: &str) -> Option<Marker> {
    let rest = word.trim_start_matches(|c: char| c.is_ascii_digit()).strip_prefix("<<")?;
    let (rest, strip_tabs) = match rest.strip_prefix('-') {
        Some(rest) => (rest, true),
        None => (rest, false),
    };
    let (name, quoted) = unquote(rest.trim())?;
    (!rest.contains('<')).then_some(Marker { name, expand: !quoted, strip_tabs })
}

/// Words with their quotes and escapes kept, blanks after `<<` included; `None` when a quote is not closed.
fn raw_words(line: &str) -> Option<Vec<String>> {
    let mut words = Vec::new();
    let mut word = String::new();
    let mut chars = line.chars().peekable();
    while let Some(c) = chars.next() {
        if c.is_whitespace() {
            if !word.is_empty() {
                words.push(std::mem::take(&mut word));
            }
            continue;
        }
        word.push(c);
        match c {
            '\\' => word.extend(chars.next()),
            '\'' | '"' => loop {
                let inner = chars.next()?;
                word.push(inner);
                if inner == c {
                    break;
                }
                if inner == '\\' && c == '"' {
                    word.push(chars.next()?);
                }
            },
            '<' if chars.next_if_eq(&'<').is_some() => {
                word.push('<');
                word.extend(chars.next_if_eq(&'-'));
                while let Some(blank) = chars.next_if(|c| c.is_whitespace()) {
                    word.push(blank);
                }
            }
            _ => {}
        }
    }
    if !word.is_empty() {
        words.push(word);
    }
    Some(words)
}

/// A single word without its quotes and escapes, and whether it had quotes; `None` when it is not a single word.
fn unquote(text: &str) -> Option<(String, bool)> {
    let mut word = String::new();
    let mut quoted = false;
    let mut chars = text.chars();
    while let Some(c) = chars.next() {
        match c {
            '\\' => word.extend(chars.next()),
            '\'' => {
                quoted = true;
                loop {
                    match chars.next()? {
                        '\'' => break,
                        inner => word.push(inner),
                    }
                }
            }
            '"' => {
                quoted = true;
                loop {
                    match chars.next()? {
                        '"' => break,
                        '\\' => match chars.next()? {
                            escaped @ ('"' | '$' | '\\') => word.push(escaped),
                            other => word.extend(['\\', other]),
                        },
                        inner => word.push(inner),
                    }
                }
            }
            c if c.is_whitespace() => return None,
            c => word.push(c),
        }
    }
    (!word.is_empty()).then_some((word, quoted))
}

impl Command {
    /// What a `RUN` executes; `None` for other commands.
    ///
    /// A `RUN` that is nothing but one heredoc executes its body: by itself when that starts with `#!`, else as the shell's
    /// command. Any other `RUN` with heredocs hands them to the shell with the command, and leaves them to it.
    pub fn run_script(&self) -> Option<RunScript> {
        let Command::Run { command, heredocs, .. } = self else { return None };
        let (ShellOrExec::Shell(line), Some(first)) = (command, heredocs.first()) else {
            return Some(RunScript::Command(command.clone()));
        };
        Some(if marker(line.trim()).is_none() {
            RunScript::Command(ShellOrExec::Shell(with_bodies(line, heredocs)))
        } else if first.content.starts_with("#!") {
            RunScript::Program { name: first.name.clone(), content: first.content.clone() }
        } else {
            RunScript::Command(ShellOrExec::Shell(first.content.clone()))
        })
    }
}

/// A line, followed by the bodies of its heredocs and the words that end them.
pub fn with_bodies(line: &str, heredocs: &[Heredoc]) -> String {
    let mut text = line.to_owned();
    for heredoc in heredocs {
        text.push('\n');
        text.push_str(&heredoc.content);
        text.push_str(&heredoc.name);
    }
    text
}
