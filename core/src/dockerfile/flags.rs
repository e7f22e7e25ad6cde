//! The flags of an instruction (`--from=base`), and the nearest spelling of what was mistyped.

use crate::dockerfile::lexer::syntax;
use crate::error::Result;

/// How a flag is given.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// Once, with a value.
    Text,
    /// Once, with `=true`, `=false` or nothing.
    Switch,
    /// Any number of times, with a value each.
    List,
}

/// The flags that an instruction takes.
pub fn allowed(instruction: &str) -> &'static [(&'static str, Kind)] {
    use Kind::{List, Switch, Text};
    match instruction {
        "FROM" => &[("platform", Text)],
        "RUN" => &[("mount", List), ("network", Text), ("security", Text), ("device", List)],
        "COPY" => &[
            ("from", Text),
            ("chown", Text),
            ("chmod", Text),
            ("link", Switch),
            ("parents", Switch),
            ("exclude", List),
        ],
        "ADD" => &[
            ("chown", Text),
            ("chmod", Text),
            ("link", Switch),
            ("checksum", Text),
            ("keep-git-dir", Switch),
            ("unpack", Switch),
            ("exclude", List),
        ],
        "HEALTHCHECK" => &[
            ("interval", Text),
            ("timeout", Text),
            ("start-period", Text),
            ("start-interval", Text),
            ("retries", Text),
        ],
        _ => &[],
    }
}

/// Flags that were given, checked.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Flags(Vec<(&'static str, String)>);

impl Flags {
    /// Checks words that begin with `--` against what the instruction takes.
    pub fn parse(instruction: &str, words: &[String]) -> Result<Flags> {
        let known = allowed(instruction);
        let mut flags = Flags::default();
        for word in words {
            let word = word.strip_prefix("--").unwrap_or(word);
            let (name, value) = match word.split_once('=') {
                Some((name, value)) => (name, Some(value)),
                None => (word, None),
            };
            let Some((name, kind)) = known.iter().find(|(known, _)| *known == name) else {
                let hint = did_you_mean(name, "--", known.iter().map(|(known, _)| *known));
                return Err(syntax(format!("unknown flag: --{name}{hint}")));
            };
            if *kind != Kind::List && flags.text(name).is_some() {
                return Err(syntax(format!("duplicate flag specified: --{name}")));
            }
            let value = match (kind, value) {
                (Kind::Switch, None) => "true".to_owned(),
                (_, None) | (Kind::Switch, Some("")) => {
                    return Err(syntax(format!("missing a value on flag: --{name}")));
                }
                (Kind::Switch, Some(value)) => {
                    let lower = value.to_ascii_lowercase();
                    if lower != "true" && lower != "false" {
                        let hint = did_you_mean(value, "", ["true", "false"].into_iter());
                        let message =
                            format!("expecting boolean value for flag --{name}, not: {value}{hint}");
                        return Err(syntax(message));
                    }
                    lower
                }
                (_, Some(value)) => value.to_owned(),
            };
            flags.0.push((name, value));
        }
        Ok(flags)
    }

    fn text(&self, name: &str) -> Option<&str> {
        self.0.iter().find(|(given, _)| *given == name).map(|(_, value)| value.as_str())
    }

    /// A flag's value; one that is empty counts as not given.
    pub fn value(&self, name: &str) -> Option<String> {
        self.text(name).filter(|value| !value.is_empty()).map(str::to_owned)
    }

    /// Every value of a flag, in order.
    pub fn values(&self, name: &str) -> Vec<String> {
        self.0.iter().filter(|(given, _)| *given == name).map(|(_, value)| value.clone()).collect()
    }

    /// Every flag that was given, in order, with its kind.
    pub fn given<'a>(&'a self, instruction: &str) -> impl Iterator<Item = (&'static str, Kind, &'a str)> {
        let known = allowed(instruction);
        self.0.iter().map(|(name, value)| {
            let kind = known.iter().find(|(known, _)| known == name).map_or(Kind::Text, |(_, kind)| *kind);
            (*name, kind, value.as_str())
        })
    }

    /// A switch, when it was given.
    pub fn switch(&self, name: &str) -> Option<bool> {
        self.text(name).map(|value| value == "true")
    }
}

/// ` (did you mean X?)` with the option that is less than three edits away, in the case of what was written.
pub fn did_you_mean<'a>(given: &str, prefix: &str, options: impl Iterator<Item = &'a str>) -> String {
    let lower = given.to_lowercase();
    let near = options.map(|option| (distance(&lower, &option.to_lowercase()), option));
    let nearest =
        near.filter(|(distance, _)| (1..3).contains(distance)).min_by_key(|(distance, _)| *distance);
    let Some((_, option)) = nearest else { return String::new() };
    let option = if given == lower { option.to_lowercase() } else { option.to_owned() };
    format!(" (did you mean {prefix}{option}?)")
}

/// Levenshtein's distance; words that differ by much in length are just called far, whatever their size.
fn distance(a: &str, b: &str) -> usize {
    let (a, b): (Vec<char>, Vec<char>) = (a.chars().take(64).collect(), b.chars().take(64).collect());
    if a.len().abs_diff(b.len()) > 2 {
        return usize::MAX;
    }
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (i, x) in a.iter().enumerate() {
        let mut diagonal = row[0];
        row[0] = i + 1;
        for (j, y) in b.iter().enumerate() {
            let substituted = diagonal + usize::from(x != y);
            diagonal = row[j + 1];
            row[j + 1] = substituted.min(diagonal + 1).min(row[j] + 1);
        }
    }
    row[b.len()]
}
