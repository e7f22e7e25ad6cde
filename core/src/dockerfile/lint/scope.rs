//! Checks that depend on what was set before, in a stage and in those that it starts from: variables, the working directory,
//! the shell.

use std::collections::BTreeMap;

use super::Findings;
use crate::dockerfile::expand::{expand_noting, text_noting};
use crate::dockerfile::flags::did_you_mean;
use crate::dockerfile::instruction::{Command, CopyArgs, Dockerfile, Instruction, ShellOrExec, Stage};
use crate::reference::Reference;

/// Arguments that FROM lines see without an ARG.
const PLATFORM: [&str; 8] = [
    "BUILDARCH",
    "BUILDOS",
    "BUILDPLATFORM",
    "BUILDVARIANT",
    "TARGETARCH",
    "TARGETOS",
    "TARGETPLATFORM",
    "TARGETVARIANT",
];

/// Arguments that every stage sees without an ARG (Dockerfile reference, "Predefined ARGs"), and what every image has.
const PREDEFINED: [&str; 11] = [
    "ALL_PROXY",
    "FTP_PROXY",
    "HTTPS_PROXY",
    "HTTP_PROXY",
    "NO_PROXY",
    "PATH",
    "all_proxy",
    "ftp_proxy",
    "http_proxy",
    "https_proxy",
    "no_proxy",
];

/// Bytes of a value that is looked at: values can double with every line.
const LONGEST: usize = 4096;

/// What names stand for; `None` for one whose value only the build knows.
type Values = BTreeMap<String, Option<String>>;

/// What an instruction of a stage sees.
#[derive(Clone, Default)]
struct Scope {
    values: Values,
    /// An image is below, whose environment is not known.
    on_image: bool,
    /// A WORKDIR was set.
    workdir: bool,
    /// A shell was chosen.
    shell: bool,
}

/// Runs these checks.
pub fn check(dockerfile: &Dockerfile, found: &mut Findings<'_>) {
    let globals = globals(dockerfile);
    let mut scopes: Vec<Scope> = Vec::with_capacity(dockerfile.stages.len());
    // A name that stands twice is the later stage's.
    let mut names: BTreeMap<&str, usize> = BTreeMap::new();
    for (number, stage) in dockerfile.stages.iter().enumerate() {
        from(stage, dockerfile.escape, &globals, found);
        let mut scope = match names.get(stage.base.to_lowercase().as_str()) {
            Some(parent) => scopes[*parent].clone(),
            None => Scope { on_image: stage.base != "scratch", ..Scope::default() },
        };
        for (index, instruction) in stage.instructions.iter().enumerate() {
            let later = &stage.instructions[index..];
            scope.visit(instruction, later, dockerfile.escape, &globals, found);
        }
        scopes.push(scope);
        names.extend(stage.name.as_deref().map(|name| (name, number)));
    }
}

/// The arguments before the first FROM, with their defaults.
fn globals(dockerfile: &Dockerfile) -> Values {
    let mut globals: Values = PLATFORM.iter().map(|name| ((*name).to_owned(), None)).collect();
    for instruction in &dockerfile.meta_args {
        let Command::Arg(pairs) = &instruction.command else { continue };
        for (name, default) in pairs {
            let lookup = |name: &str| globals.get(name).cloned().map(Option::unwrap_or_default);
            let value = default.as_ref().map(|word| match expand_noting(word, dockerfile.escape, &lookup) {
                Ok((value, _)) if value.len() <= LONGEST => value,
                _ => String::new(),
            });
            globals.insert(name.clone(), value);
        }
    }
    globals
}

/// The image and the platform of a FROM.
fn from(stage: &Stage, escape: char, globals: &Values, found: &mut Findings<'_>) {
    // Without a default, an argument is empty: that is what the defaults make of the name.
    let lookup = |name: &str| globals.get(name).cloned().map(Option::unwrap_or_default);
    for word in [Some(&stage.base), stage.platform.as_ref()].into_iter().flatten() {
        let Ok((_, missing)) = expand_noting(word, escape, &lookup) else { continue };
        for name in missing {
            let hint = did_you_mean(&name, "", globals.keys().map(String::as_str));
            found.at("UndefinedArgInFrom", &stage.from, || {
                format!("FROM argument '{name}' is not declared{hint}")
            });
        }
    }
    if stage.base.contains('$')
        && let Ok((base, _)) = expand_noting(&stage.base, escape, &lookup)
        && base.parse::<Reference>().is_err()
    {
        found.at("InvalidDefaultArgInFrom", &stage.from, || {
            format!("Default value for ARG {} results in empty or invalid base image name", stage.base)
        });
    }
}

impl Scope {
    /// Checks the words of an instruction, then takes in what it sets.
    fn visit(
        &mut self,
        instruction: &Instruction,
        later: &[Instruction],
        escape: char,
        globals: &Values,
        found: &mut Findings<'_>,
    ) {
        let mut missing = Vec::new();
        let values = &self.values;
        let lookup = |name: &str| match values.get(name) {
            Some(value) => Some(value.clone().unwrap_or_default()),
            None if PREDEFINED.contains(&name) => Some(String::new()),
            None => None,
        };
        for word in words(&instruction.command).into_iter().filter(|word| word.contains('$')) {
            // A word that does not expand is for the build to refuse.
            missing.extend(expand_noting(word, escape, &lookup).map(|(_, names)| names).unwrap_or_default());
        }
        let bodies = instruction.command.heredocs().iter();
        for heredoc in bodies.filter(|heredoc| {
            heredoc.expand && matches!(instruction.command, Command::Copy(_) | Command::Add(_))
        }) {
            missing
                .extend(text_noting(&heredoc.content, &lookup).map(|(_, names)| names).unwrap_or_default());
        }
        for name in &missing {
            // GOPATH is no slip of PATH.
            let predefined = PREDEFINED.into_iter().filter(|known| !name.contains(known));
            let hint = did_you_mean(name, "$", values.keys().map(String::as_str).chain(predefined));
            let set_later = || later.iter().any(|instruction| sets(&instruction.command, name));
            if !self.on_image || !hint.is_empty() || set_later() {
                found.at("UndefinedVar", instruction, || {
                    format!("Usage of undefined variable '${name}'{hint}")
                });
            }
        }
        // What only the build knows cannot be judged.
        let certain = |word: &str| {
            let unknown = |name: &str| values.get(name).is_none_or(Option::is_none);
            let lookup = |name: &str| lookup(name).filter(|_| !unknown(name));
            expand_noting(word, escape, &lookup)
                .ok()
                .filter(|(value, missing)| missing.is_empty() && value.len() <= LONGEST)
                .map(|(value, _)| value)
        };
        match &instruction.command {
            Command::Workdir(path) => {
                let relative = certain(path).is_some_and(|path| !path.starts_with('/'));
                if relative && !self.workdir {
                    found.at("WorkdirRelativePath", instruction, || {
                        format!(
                            "Relative workdir {path:?} can have unexpected results if the base image changes"
                        )
                    });
                }
                self.workdir = true;
            }
            Command::Shell(_) => self.shell = true,
            Command::Cmd(ShellOrExec::Shell(text)) | Command::Entrypoint(ShellOrExec::Shell(text))
                if !self.shell && !text.is_empty() =>
            {
                let name = &instruction.name;
                found.at("JSONArgsRecommended", instruction, || {
                    format!(
                        "JSON arguments recommended for {name} to prevent unintended behavior related to OS signals"
                    )
                });
            }
            Command::Expose(ports) => {
                for port in ports.iter().filter_map(|port| certain(port)) {
                    expose(instruction, &port, found);
                }
            }
            Command::Env(pairs) => {
                let new: Vec<_> = pairs.iter().map(|(name, value)| (name.clone(), certain(value))).collect();
                self.values.extend(new);
            }
            Command::Arg(pairs) => {
                let value = |(name, default): &(String, Option<String>)| {
                    let value = match default {
                        Some(word) => certain(word),
                        None => globals.get(name).cloned().flatten(),
                    };
                    (name.clone(), value)
                };
                let new: Vec<_> = pairs.iter().map(value).collect();
                self.values.extend(new);
            }
            _ => {}
        }
    }
}

/// Whether a command sets a name.
fn sets(command: &Command, name: &str) -> bool {
    match command {
        Command::Env(pairs) => pairs.iter().any(|(set, _)| set == name),
        Command::Arg(pairs) => pairs.iter().any(|(set, _)| set == name),
        _ => false,
    }
}

/// The words of a command that the builder expands.
fn words(command: &Command) -> Vec<&str> {
    match command {
        Command::Env(pairs) | Command::Label(pairs) => {
            pairs.iter().flat_map(|(name, value)| [name.as_str(), value.as_str()]).collect()
        }
        Command::Arg(pairs) => pairs.iter().filter_map(|(_, default)| default.as_deref()).collect(),
        Command::Copy(args) | Command::Add(args) => copied(args),
        Command::Workdir(word) | Command::User(word) | Command::StopSignal(word) => vec![word],
        Command::Expose(words) | Command::Volume(words) => words.iter().map(String::as_str).collect(),
        _ => Vec::new(),
    }
}

fn copied(args: &CopyArgs) -> Vec<&str> {
    let flags = [&args.from, &args.chown, &args.chmod, &args.checksum];
    let flags = flags.into_iter().flatten().chain(&args.exclude);
    let words = args.sources.iter().chain([&args.destination]).chain(flags);
    words.map(String::as_str).collect()
}

/// A port is a number, or a range, and a protocol in lower case.
fn expose(instruction: &Instruction, port: &str, found: &mut Findings<'_>) {
    let (ports, protocol) = port.split_once('/').unwrap_or((port, ""));
    if protocol.chars().any(char::is_uppercase) {
        found.at("ExposeProtoCasing", instruction, || {
            format!("Defined protocol '{port}' in EXPOSE instruction should be lowercase")
        });
    }
    if ports.contains(':') {
        found.at("ExposeInvalidFormat", instruction, || {
            format!("EXPOSE instruction should not define an IP address or host-port mapping, found '{port}'")
        });
    }
}
