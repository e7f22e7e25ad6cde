//! From logical lines to typed instructions.

use crate::dockerfile::duration;
use crate::dockerfile::flags::{Flags, did_you_mean};
use crate::dockerfile::heredoc::{self, Marker};
use crate::dockerfile::instruction::{Command, CopyArgs, Healthcheck, Heredoc, Instruction, ShellOrExec};
use crate::dockerfile::lexer::{Lexer, LogicalLine, located, syntax};
use crate::dockerfile::words::{json_strings, pairs, split_blanks, split_first, split_quoted, take_flags};
use crate::error::Result;

/// Every instruction there is.
pub const INSTRUCTIONS: [&str; 18] = [
    "ADD",
    "ARG",
    "CMD",
    "COPY",
    "ENTRYPOINT",
    "ENV",
    "EXPOSE",
    "FROM",
    "HEALTHCHECK",
    "LABEL",
    "MAINTAINER",
    "ONBUILD",
    "RUN",
    "SHELL",
    "STOPSIGNAL",
    "USER",
    "VOLUME",
    "WORKDIR",
];

/// The values of `RUN --network` and of `RUN --security`.
const NETWORKS: [&str; 3] = ["default", "none", "host"];
const SECURITY: [&str; 2] = ["sandbox", "insecure"];

/// The shortest interval that a health check may have, in nanoseconds.
const SHORTEST_INTERVAL: i64 = 1_000_000;

/// The name of the instruction on a line, in upper case.
pub fn name_of(line: &LogicalLine) -> String {
    split_first(&line.text).0.to_uppercase()
}

/// Parses the instruction on a line, and takes the bodies of its heredocs from the lexer. Errors carry the line and the
/// instruction's name.
pub fn parse_instruction(lexer: &mut Lexer<'_>, line: LogicalLine) -> Result<Instruction> {
    let name = name_of(&line);
    let (first, column) = (line.number, line.column);
    parse_line(lexer, line).map_err(|error| located(error, first, column).with("instruction", name))
}

/// The same with errors that do not know their line.
pub fn parse_line(lexer: &mut Lexer<'_>, line: LogicalLine) -> Result<Instruction> {
    let (written, rest) = split_first(&line.text);
    let name = written.to_uppercase();
    if !INSTRUCTIONS.contains(&name.as_str()) {
        let hint = did_you_mean(written, "", INSTRUCTIONS.into_iter());
        return Err(syntax(format!("unknown instruction: {written}{hint}")));
    }
    let (flag_words, text) = take_flags(rest);
    let flags = Flags::parse(&name, &flag_words)?;
    let place = (line.number, line.column);
    let mut arguments = Arguments { lexer, name: &name, place, line: &line.text, flags, text };
    let command = arguments.command()?;
    let flags = arguments.flags;
    let end_line = lexer.line();
    let LogicalLine { number, column, text, comment } = line;
    Ok(Instruction { line: number, column, end_line, name, text, comment, flags, command })
}

/// Whether an instruction may be the trigger of an `ONBUILD`.
pub fn may_be_trigger(name: &str) -> Result<()> {
    match name {
        "ONBUILD" => Err(syntax("Chaining ONBUILD via `ONBUILD ONBUILD` isn't allowed")),
        "FROM" | "MAINTAINER" => Err(syntax(format!("{name} isn't allowed as an ONBUILD trigger"))),
        _ => Ok(()),
    }
}

/// What follows an instruction's name.
struct Arguments<'p, 'a> {
    lexer: &'p mut Lexer<'a>,
    name: &'p str,
    /// Line and column.
    place: (u32, u32),
    /// The whole line.
    line: &'p str,
    flags: Flags,
    /// What follows the flags, trimmed.
    text: &'p str,
}

impl Arguments<'_, '_> {
    fn command(&mut self) -> Result<Command> {
        Ok(match self.name {
            "FROM" => self.from()?,
            "RUN" => self.run()?,
            "COPY" => Command::Copy(self.copy()?),
            "ADD" => Command::Add(self.copy()?),
            "CMD" => Command::Cmd(self.shell_or_exec()?),
            "ENTRYPOINT" => Command::Entrypoint(self.shell_or_exec()?),
            "SHELL" => Command::Shell(self.shell()?),
            "ENV" => Command::Env(pairs(self.name, self.text, self.lexer.escape())?),
            "LABEL" => Command::Label(pairs(self.name, self.text, self.lexer.escape())?),
            "ARG" => Command::Arg(self.arg()?),
            "MAINTAINER" => Command::Maintainer(self.one()?),
            "WORKDIR" => Command::Workdir(self.one()?),
            "USER" => Command::User(self.one()?),
            "STOPSIGNAL" => Command::StopSignal(self.one()?),
            "EXPOSE" => Command::Expose(self.at_least_one(split_blanks(self.text))?),
            "VOLUME" => Command::Volume(self.volume()?),
            "HEALTHCHECK" => Command::Healthcheck(self.healthcheck()?),
            _ => Command::Onbuild(Box::new(self.onbuild()?)),
        })
    }

    /// The rest of the line, which may not be empty; blanks do not end it.
    fn one(&self) -> Result<String> {
        if self.text.is_empty() {
            return Err(syntax(format!("{} requires exactly one argument", self.name)));
        }
        Ok(self.text.to_owned())
    }

    fn at_least_one<T>(&self, values: Vec<T>) -> Result<Vec<T>> {
        if values.is_empty() {
            return Err(syntax(format!("{} requires at least one argument", self.name)));
        }
        Ok(values)
    }

    fn shell_or_exec(&self) -> Result<ShellOrExec> {
        Ok(match json_strings(self.text)? {
            Some(words) => ShellOrExec::Exec(words),
            None => ShellOrExec::Shell(self.text.to_owned()),
        })
    }

    fn from(&self) -> Result<Command> {
        let words = split_blanks(self.text);
        let (image, name) = match words.as_slice() {
            [image] => (image, None),
            [image, keyword, name] if keyword.eq_ignore_ascii_case("as") => {
                let lower = name.to_lowercase();
                let valid = lower.starts_with(|c: char| c.is_ascii_lowercase())
                    && lower.chars().all(|c| {
                        c.is_ascii_lowercase() || c.is_ascii_digit() || matches!(c, '-' | '_' | '.')
                    });
                if !valid {
                    let message = format!(
                        "invalid name for build stage: {name:?}, name can't start with a number or contain symbols"
                    );
                    return Err(syntax(message));
                }
                (image, Some(lower))
            }
            _ => return Err(syntax("FROM requires either one or three arguments")),
        };
        Ok(Command::From { image: image.clone(), name, platform: self.flags.value("platform") })
    }

    fn run(&mut self) -> Result<Command> {
        let command = self.shell_or_exec()?;
        let empty = match &command {
            ShellOrExec::Shell(line) => line.is_empty(),
            ShellOrExec::Exec(words) => words.is_empty(),
        };
        if empty {
            return Err(syntax("RUN requires at least one argument"));
        }
        let network = self.flags.value("network");
        if let Some(mode) = network.as_deref().filter(|mode| !NETWORKS.contains(mode)) {
            let hint = did_you_mean(mode, "", NETWORKS.into_iter());
            return Err(syntax(format!("invalid network mode {mode:?}{hint}")));
        }
        let security = self.flags.value("security");
        if let Some(mode) = security.as_deref().filter(|mode| !SECURITY.contains(mode)) {
            let hint = did_you_mean(mode, "", SECURITY.into_iter());
            return Err(syntax(format!("security {mode:?} is not valid{hint}")));
        }
        let heredocs = match command {
            ShellOrExec::Shell(_) => self.heredocs()?.into_iter().map(|(_, heredoc)| heredoc).collect(),
            ShellOrExec::Exec(_) => Vec::new(),
        };
        Ok(Command::Run {
            command,
            mounts: self.flags.values("mount"),
            network,
            security,
            devices: self.flags.values("device"),
            heredocs,
        })
    }

    fn copy(&mut self) -> Result<CopyArgs> {
        let json = json_strings(self.text)?;
        let with_heredocs = json.is_none();
        let mut words = json.unwrap_or_else(|| split_blanks(self.text));
        let Some(destination) = words.pop().filter(|_| !words.is_empty()) else {
            return Err(syntax(format!(
                "{} requires at least two arguments, but only one was provided. Destination could not be determined",
                self.name
            )));
        };
        if with_heredocs && heredoc::marker(&destination).is_some() {
            return Err(syntax(format!("{} cannot accept a heredoc as a destination", self.name)));
        }
        let mut args = CopyArgs {
            destination,
            from: self.flags.value("from"),
            chown: self.flags.value("chown"),
            chmod: self.flags.value("chmod"),
            link: self.flags.switch("link").unwrap_or(false),
            parents: self.flags.switch("parents").unwrap_or(false),
            exclude: self.flags.values("exclude"),
            checksum: self.flags.value("checksum"),
            keep_git_dir: self.flags.switch("keep-git-dir").unwrap_or(false),
            unpack: self.flags.switch("unpack"),
            ..CopyArgs::default()
        };
        let bodies = if with_heredocs { self.heredocs()? } else { Vec::new() };
        for word in words {
            match heredoc::marker(&word).filter(|_| with_heredocs) {
                // Of two bodies with one name the last counts for both, as in Docker.
                Some(marker) => match bodies.iter().rev().find(|(read, _)| read.name == marker.name) {
                    Some((_, heredoc)) => args.heredocs.push(heredoc.clone()),
                    None => return Err(syntax(format!("the heredoc {:?} has no body", marker.name))),
                },
                None => args.sources.push(word),
            }
        }
        Ok(args)
    }

    /// The heredocs of the line, with their bodies.
    fn heredocs(&mut self) -> Result<Vec<(Marker, Heredoc)>> {
        let mut read = Vec::new();
        for marker in heredoc::markers(self.line) {
            let content = self.lexer.heredoc_body(&marker.name, marker.strip_tabs)?;
            let heredoc = Heredoc { name: marker.name.clone(), content, expand: marker.expand };
            read.push((marker, heredoc));
        }
        Ok(read)
    }

    fn shell(&self) -> Result<Vec<String>> {
        match json_strings(self.text)? {
            Some(words) => self.at_least_one(words),
            None if self.text.is_empty() => self.at_least_one(Vec::new()),
            None => Err(syntax("SHELL requires the arguments to be in JSON form")),
        }
    }

    fn arg(&self) -> Result<Vec<(String, Option<String>)>> {
        let words = self.at_least_one(split_quoted(self.text, self.lexer.escape()))?;
        words
            .into_iter()
            .map(|word| match word.split_once('=') {
                Some(("", _)) => Err(syntax("ARG names can not be blank")),
                Some((name, value)) => Ok((name.to_owned(), Some(value.to_owned()))),
                None => Ok((word, None)),
            })
            .collect()
    }

    fn volume(&self) -> Result<Vec<String>> {
        let volumes = json_strings(self.text)?.unwrap_or_else(|| split_blanks(self.text));
        let volumes: Vec<String> = volumes.into_iter().map(|volume| volume.trim().to_owned()).collect();
        if volumes.iter().any(String::is_empty) {
            return Err(syntax("VOLUME specified can not be an empty string"));
        }
        self.at_least_one(volumes)
    }

    fn healthcheck(&self) -> Result<Healthcheck> {
        let (kind, text) = split_first(self.text);
        match kind.to_uppercase().as_str() {
            "" => return Err(syntax("HEALTHCHECK requires at least one argument")),
            "NONE" if text.is_empty() => return Ok(Healthcheck::None),
            "NONE" => return Err(syntax("HEALTHCHECK NONE takes no arguments")),
            "CMD" => {}
            other => return Err(syntax(format!("Unknown type {other:?} in HEALTHCHECK (try CMD)"))),
        }
        let test = match json_strings(text)? {
            Some(words) if !words.is_empty() => [vec!["CMD".to_owned()], words].concat(),
            None if !text.is_empty() => vec!["CMD-SHELL".to_owned(), text.to_owned()],
            _ => return Err(syntax("Missing command after HEALTHCHECK CMD")),
        };
        let retries = match self.flags.value("retries") {
            None => 0,
            Some(text) => match text.parse::<i32>() {
                Ok(retries) if retries < 0 => {
                    return Err(syntax(format!("--retries cannot be negative ({retries})")));
                }
                Ok(retries) => retries.unsigned_abs(),
                Err(_) => return Err(syntax(format!("--retries wants a number, not {text:?}"))),
            },
        };
        Ok(Healthcheck::Check {
            test,
            interval: self.interval("interval")?,
            timeout: self.interval("timeout")?,
            start_period: self.interval("start-period")?,
            start_interval: self.interval("start-interval")?,
            retries,
        })
    }

    fn interval(&self, flag: &str) -> Result<i64> {
        let Some(text) = self.flags.value(flag) else { return Ok(0) };
        match duration::parse(&text)? {
            0 => Ok(0),
            short if short < SHORTEST_INTERVAL => {
                Err(syntax(format!("Interval {flag:?} cannot be less than 1ms")))
            }
            long => Ok(long),
        }
    }

    /// The trigger, parsed already: a mistake in it is found here, not in the build that it would break.
    fn onbuild(&mut self) -> Result<Instruction> {
        let (number, column) = self.place;
        let trigger = LogicalLine { number, column, text: self.text.to_owned(), comment: None };
        let name = name_of(&trigger);
        if name.is_empty() {
            return Err(syntax("ONBUILD requires at least one argument"));
        }
        may_be_trigger(&name)?;
        parse_line(self.lexer, trigger)
    }
}
