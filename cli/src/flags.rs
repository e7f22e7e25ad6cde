//! The grammar of Docker's command lines, its usage errors and its help (spf13/pflag and cobra as Docker 20.10 sets them up).
//!
//! A parser of our own because the grammar is part of the promise: `-t="x"`, `-qa`, `--no-trunc=false`, flags behind arguments,
//! and the very texts and exit codes that scripts look for.

use std::collections::BTreeMap;
use std::ffi::{OsStr, OsString};
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::path::PathBuf;

use crate::failure::{Failure, Outcome};

/// The name of the command in its own texts.
pub const PROGRAM: &str = "layerkit";

/// The exit code for a flag that is wrong.
const BAD_FLAG: u8 = 125;

/// One flag of a verb.
pub struct Flag {
    /// Name without the dashes.
    pub long: &'static str,
    /// Its letter, or a space.
    pub short: char,
    /// What its value is called in the help; empty for a flag that is on or off.
    pub value: &'static str,
    /// The help's words.
    pub help: &'static str,
}

/// A flag that takes a value.
pub const fn valued(long: &'static str, short: char, value: &'static str, help: &'static str) -> Flag {
    Flag { long, short, value, help }
}

/// A flag that is on or off.
pub const fn switch(long: &'static str, short: char, help: &'static str) -> Flag {
    Flag { long, short, value: "", help }
}

/// How many arguments a verb takes.
#[derive(Clone, Copy)]
pub enum Arity {
    /// So many.
    Exactly(usize),
    /// So many or more.
    AtLeast(usize),
    /// So many or fewer.
    AtMost(usize),
    /// Within these bounds.
    Between(usize, usize),
    /// So many, and then a command: from the first argument on, nothing is a flag of the verb's.
    Command(usize),
}

/// What a verb looks like on the command line.
pub struct Syntax {
    /// Its words: `image ls`.
    pub name: &'static str,
    /// What follows them in the usage line.
    pub usage: &'static str,
    /// One line on what it does.
    pub about: &'static str,
    /// Its flags, in the order of the help.
    pub flags: &'static [Flag],
    /// Its arguments.
    pub arity: Arity,
}

/// The flags and arguments of one command line.
#[derive(Default)]
pub struct Words {
    values: BTreeMap<&'static str, Vec<OsString>>,
    /// The arguments that are no flags.
    pub arguments: Vec<OsString>,
    /// `--help` was among them.
    pub help: bool,
}

impl Syntax {
    /// Takes the words apart. The arguments are counted here too, unless help is asked for.
    pub fn parse(&self, words: Vec<OsString>) -> Outcome<Words> {
        let mut parsed = Words::default();
        let mut words = words.into_iter();
        while let Some(word) = words.next() {
            let bytes = word.as_bytes();
            if bytes == b"--" {
                parsed.arguments.extend(words.by_ref());
            } else if is_flag(bytes) {
                self.flag(bytes, &mut words, &mut parsed)?;
            } else {
                parsed.arguments.push(word);
                if let Arity::Command(_) = self.arity {
                    parsed.arguments.extend(words.by_ref());
                }
            }
        }
        if !parsed.help {
            self.count(parsed.arguments.len())?;
        }
        Ok(parsed)
    }

    /// Takes the flags in front of the first argument apart, and returns them and the words from there on.
    pub fn parse_front(&self, words: Vec<OsString>) -> Outcome<(Words, Vec<OsString>)> {
        let mut parsed = Words::default();
        let mut words = words.into_iter().peekable();
        while let Some(word) = words.next_if(|word| is_flag(word.as_bytes())) {
            self.flag(word.as_bytes(), &mut words, &mut parsed)?;
        }
        Ok((parsed, words.collect()))
    }

    fn flag(&self, word: &[u8], rest: &mut impl Iterator<Item = OsString>, parsed: &mut Words) -> Outcome {
        match word.strip_prefix(b"--") {
            Some(long) => self.long(long, rest, parsed),
            None => self.shorts(&word[1..], rest, parsed),
        }
    }

    fn long(&self, word: &[u8], rest: &mut impl Iterator<Item = OsString>, parsed: &mut Words) -> Outcome {
        let (name, value) = match word.iter().position(|byte| *byte == b'=') {
            Some(at) => (&word[..at], Some(os(&word[at + 1..]))),
            None => (word, None),
        };
        if name == b"help" {
            parsed.help = true;
            return Ok(());
        }
        let Some(flag) = self.flags.iter().find(|flag| flag.long.as_bytes() == name) else {
            return Err(self.bad_flag(format!("unknown flag: --{}", os(name).display())));
        };
        let value = match value {
            Some(value) => value,
            None if flag.value.is_empty() => "true".into(),
            None => rest
                .next()
                .ok_or_else(|| self.bad_flag(format!("flag needs an argument: --{}", flag.long)))?,
        };
        self.set(flag, value, parsed)
    }

    fn shorts(&self, word: &[u8], rest: &mut impl Iterator<Item = OsString>, parsed: &mut Words) -> Outcome {
        let shown = os(word);
        let mut left = word;
        while let Some((letter, behind)) = left.split_first() {
            let letter = char::from(*letter);
            let Some(flag) = self.flags.iter().find(|flag| flag.short == letter && letter != ' ') else {
                if letter == 'h' {
                    parsed.help = true;
                    return Ok(());
                }
                return Err(
                    self.bad_flag(format!("unknown shorthand flag: '{letter}' in -{}", os(left).display()))
                );
            };
            let value = match behind.split_first() {
                Some((b'=', value)) => os(value),
                _ if flag.value.is_empty() => {
                    self.set(flag, "true".into(), parsed)?;
                    left = behind;
                    continue;
                }
                Some(_) => os(behind),
                None => rest.next().ok_or_else(|| {
                    self.bad_flag(format!("flag needs an argument: '{letter}' in -{}", shown.display()))
                })?,
            };
            return self.set(flag, value, parsed);
        }
        Ok(())
    }

    fn set(&self, flag: &'static Flag, value: OsString, parsed: &mut Words) -> Outcome {
        if flag.value.is_empty() && boolean(&value).is_none() {
            let reason = format!("strconv.ParseBool: parsing {:?}: invalid syntax", value.to_string_lossy());
            return Err(self.invalid_value(flag, &value, &reason));
        }
        parsed.values.entry(flag.long).or_default().push(value);
        Ok(())
    }

    /// The failure for a flag's value that does not do.
    pub fn invalid(&self, long: &str, value: &str, why: &str) -> Failure {
        match self.flags.iter().find(|flag| flag.long == long) {
            Some(flag) => self.invalid_value(flag, OsStr::new(value), why),
            None => self.bad_flag(format!("invalid argument {value:?}: {why}")),
        }
    }

    fn invalid_value(&self, flag: &Flag, value: &OsStr, why: &str) -> Failure {
        let short = if flag.short == ' ' { String::new() } else { format!("-{}, ", flag.short) };
        let value = value.to_string_lossy();
        self.bad_flag(format!("invalid argument {value:?} for \"{short}--{}\" flag: {why}", flag.long))
    }

    fn bad_flag(&self, text: String) -> Failure {
        let command = [PROGRAM, self.name].join(" ");
        let text = format!("{text}\nSee '{} --help'.", command.trim_end());
        Failure::Usage { text, code: BAD_FLAG }
    }

    fn count(&self, there: usize) -> Outcome {
        let plural = |count: usize| if count == 1 { "argument" } else { "arguments" };
        let wanted = match self.arity {
            Arity::Exactly(0) if there > 0 => "accepts no arguments.".to_owned(),
            Arity::Exactly(count) if there != count => {
                format!("requires exactly {count} {}.", plural(count))
            }
            Arity::AtLeast(count) | Arity::Between(count, _) | Arity::Command(count) if there < count => {
                format!("requires at least {count} {}.", plural(count))
            }
            Arity::AtMost(count) | Arity::Between(_, count) if there > count => {
                format!("requires at most {count} {}.", plural(count))
            }
            _ => return Ok(()),
        };
        let name = self.name;
        let text = format!(
            "\"{PROGRAM} {name}\" {wanted}\nSee '{PROGRAM} {name} --help'.\n\nUsage:  {}\n\n{}",
            self.usage_line(),
            self.about
        );
        Err(Failure::Usage { text, code: 1 })
    }

    fn usage_line(&self) -> String {
        [PROGRAM, self.name, self.usage].join(" ").trim_end().to_owned()
    }

    /// What `--help` shows.
    pub fn help(&self) -> String {
        let mut text = format!("\nUsage:  {}\n\n{}\n", self.usage_line(), self.about);
        if !self.flags.is_empty() {
            text += "\nOptions:\n";
            text += &flag_table(self.flags);
        }
        text
    }
}

/// The flags and their help in two columns.
pub fn flag_table(flags: &[Flag]) -> String {
    let left = |flag: &Flag| {
        let short = if flag.short == ' ' { "    ".to_owned() } else { format!("-{}, ", flag.short) };
        format!("  {short}--{} {}", flag.long, flag.value).trim_end().to_owned()
    };
    let width = flags.iter().map(|flag| left(flag).len()).max().unwrap_or(0) + 3;
    flags.iter().map(|flag| format!("{:width$}{}\n", left(flag), flag.help)).collect()
}

impl Words {
    /// Whether a switch is on. The last one counts.
    pub fn is_on(&self, long: &str) -> bool {
        self.last(long).and_then(boolean).unwrap_or(false)
    }

    /// The value of a flag. The last one counts.
    pub fn last(&self, long: &str) -> Option<&OsStr> {
        self.values.get(long).and_then(|values| values.last()).map(OsString::as_os_str)
    }

    /// The value of a flag, as text.
    pub fn text(&self, long: &str) -> Outcome<Option<String>> {
        self.last(long).map(utf8).transpose()
    }

    /// The value of a flag, as a path.
    pub fn path(&self, long: &str) -> Option<PathBuf> {
        self.last(long).map(PathBuf::from)
    }

    /// All values of a flag, as paths.
    pub fn paths(&self, long: &str) -> Vec<PathBuf> {
        self.values.get(long).into_iter().flatten().map(PathBuf::from).collect()
    }

    /// All values of a flag, as texts.
    pub fn texts(&self, long: &str) -> Outcome<Vec<String>> {
        self.values.get(long).into_iter().flatten().map(|value| utf8(value)).collect()
    }

    /// One of the arguments, which is there, as text.
    pub fn name(&self, index: usize) -> Outcome<String> {
        self.arguments.get(index).map_or_else(|| Ok(String::new()), |argument| utf8(argument))
    }

    /// The arguments as texts.
    pub fn names(&self) -> Outcome<Vec<String>> {
        self.arguments.iter().map(|argument| utf8(argument)).collect()
    }
}

/// A dash alone is an argument: standard input or output.
fn is_flag(word: &[u8]) -> bool {
    word.len() > 1 && word[0] == b'-'
}

fn os(bytes: &[u8]) -> OsString {
    OsString::from_vec(bytes.to_vec())
}

fn utf8(word: &OsStr) -> Outcome<String> {
    let text = word.to_str().map(str::to_owned);
    text.ok_or_else(|| Failure::Message(format!("{:?} is not UTF-8", word.to_string_lossy())))
}

/// Go's `strconv.ParseBool`.
fn boolean(word: &OsStr) -> Option<bool> {
    match word.to_str()? {
        "1" | "t" | "T" | "true" | "TRUE" | "True" => Some(true),
        "0" | "f" | "F" | "false" | "FALSE" | "False" => Some(false),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SYNTAX: Syntax = Syntax {
        name: "images",
        usage: "[OPTIONS] [REPOSITORY[:TAG]]",
        about: "List images",
        flags: &[
            switch("all", 'a', "Show all images"),
            valued("filter", 'f', "filter", "Filter output"),
            switch("no-trunc", ' ', "Don't truncate output"),
            switch("quiet", 'q', "Only show image IDs"),
        ],
        arity: Arity::AtMost(1),
    };

    fn parse(line: &str) -> Outcome<Words> {
        SYNTAX.parse(line.split(' ').filter(|word| !word.is_empty()).map(OsString::from).collect())
    }

    fn complaint(line: &str) -> (String, u8) {
        match parse(line) {
            Err(Failure::Usage { text, code }) => (text, code),
            _ => panic!("{line} is accepted"),
        }
    }

    #[test]
    fn every_spelling_that_docker_takes_is_taken() {
        for line in ["-f x=y", "-fx=y", "-f=x=y", "--filter x=y", "--filter=x=y", "u -f x=y", "-qf x=y"] {
            assert_eq!(parse(line).unwrap().texts("filter").unwrap(), ["x=y"], "{line}");
        }
        for (line, on) in [
            ("-a", true),
            ("-qa", true),
            ("-a=true", true),
            ("--all", true),
            ("--all=false", false),
            ("-a -a=0", false),
            ("", false),
        ] {
            assert_eq!(parse(line).unwrap().is_on("all"), on, "{line}");
        }
        let words = parse("-- -a").unwrap();
        assert!(!words.is_on("all"));
        assert_eq!(words.names().unwrap(), ["-a"]);
        assert_eq!(parse("-").unwrap().names().unwrap(), ["-"]);
    }

    #[test]
    fn behind_an_image_stands_a_command_with_flags_of_its_own() {
        const RUN: Syntax = Syntax { arity: Arity::Command(1), ..SYNTAX };
        let words =
            RUN.parse(["-a", "image", "ls", "-a", "--", "--nope"].map(OsString::from).to_vec()).unwrap();
        assert_eq!(words.names().unwrap(), ["image", "ls", "-a", "--", "--nope"]);
        assert!(words.is_on("all") && RUN.parse(Vec::new()).is_err());
    }

    #[test]
    fn flags_in_front_end_at_the_first_argument() {
        let words = ["-f", "x=y", "--all", "verb", "-q", "--nope"].map(OsString::from).to_vec();
        let (front, rest) = SYNTAX.parse_front(words).unwrap();
        assert_eq!(front.texts("filter").unwrap(), ["x=y"]);
        assert!(front.is_on("all") && !front.is_on("quiet"));
        assert_eq!(rest, ["verb", "-q", "--nope"]);
    }

    #[test]
    fn wrong_command_lines_are_refused_in_dockers_words() {
        let see = "\nSee 'layerkit images --help'.";
        for (line, text) in [
            ("--nope", "unknown flag: --nope"),
            ("-xq", "unknown shorthand flag: 'x' in -xq"),
            ("--filter", "flag needs an argument: --filter"),
            ("-f", "flag needs an argument: 'f' in -f"),
            (
                "-a=maybe",
                "invalid argument \"maybe\" for \"-a, --all\" flag: strconv.ParseBool: parsing \"maybe\": invalid syntax",
            ),
        ] {
            assert_eq!(complaint(line), (format!("{text}{see}"), 125), "{line}");
        }
        assert_eq!(
            complaint("a b"),
            (
                "\"layerkit images\" requires at most 1 argument.\nSee 'layerkit images --help'.\n\n\
                 Usage:  layerkit images [OPTIONS] [REPOSITORY[:TAG]]\n\nList images"
                    .to_owned(),
                1
            )
        );
    }

    #[test]
    fn help_lists_the_flags_as_docker_does() {
        assert!(parse("a b --help").unwrap().help);
        assert!(parse("-h").unwrap().help);
        assert_eq!(
            SYNTAX.help(),
            "\nUsage:  layerkit images [OPTIONS] [REPOSITORY[:TAG]]\n\nList images\n\nOptions:\n\
             \x20 -a, --all             Show all images\n\
             \x20 -f, --filter filter   Filter output\n\
             \x20     --no-trunc        Don't truncate output\n\
             \x20 -q, --quiet           Only show image IDs\n"
        );
    }
}
