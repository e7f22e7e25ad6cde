//! Instructions that change a run config: of a Dockerfile, and of `--change`.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::{Healthcheck, RunConfig};
use crate::dockerfile::{self, Command, ShellOrExec, expand, expand_text, expand_words};
use crate::error::{Error, ErrorKind, Result};

/// What shell forms are wrapped in where nothing else was said.
const DEFAULT_SHELL: [&str; 2] = ["/bin/sh", "-c"];

/// Signals by name; the real-time ones are `RTMIN+n` and `RTMAX-n`.
const SIGNALS: [&str; 35] = [
    "ABRT", "ALRM", "BUS", "CHLD", "CLD", "CONT", "FPE", "HUP", "ILL", "INT", "IO", "IOT", "KILL", "PIPE",
    "POLL", "PROF", "PWR", "QUIT", "SEGV", "STKFLT", "STOP", "SYS", "TERM", "TRAP", "TSTP", "TTIN", "TTOU",
    "URG", "USR1", "USR2", "VTALRM", "WINCH", "XCPU", "XFSZ", "UNUSED",
];

/// Applies instructions to a run config, one after the other, as Docker's builder does.
pub struct Changes<'a> {
    /// The config that is changed.
    pub config: &'a mut RunConfig,
    /// Whether this stage has set CMD: ENTRYPOINT resets only an inherited one.
    pub cmd_set: &'a mut bool,
    /// The escape character of the Dockerfile.
    pub escape: char,
    /// Values of build arguments, which ENV beats.
    pub arguments: &'a BTreeMap<String, String>,
}

fn invalid(message: String) -> Error {
    Error::new(ErrorKind::DockerfileSyntax, message)
}

impl Changes<'_> {
    /// Expands a word with the environment and the arguments.
    pub fn expand(&self, word: &str) -> Result<String> {
        expand(word, self.escape, &|name| self.lookup(name))
    }

    /// Expands the variables of a text with the environment and the arguments; its quotes stay.
    pub fn expand_text(&self, text: &str) -> Result<String> {
        expand_text(text, &|name| self.lookup(name))
    }

    fn lookup(&self, name: &str) -> Option<String> {
        variable(&self.config.env, name).map(str::to_owned).or_else(|| self.arguments.get(name).cloned())
    }

    /// Applies one instruction, expanding its words where Docker does, and returns it as an image's history has it after `#(nop) `.
    /// `None` for one that does not change the config (RUN, COPY, ADD, ARG, FROM, MAINTAINER).
    pub fn apply(&mut self, command: &Command) -> Result<Option<String>> {
        Ok(Some(match command {
            Command::Env(pairs) => {
                let pairs = self.expand_pairs(pairs)?;
                for (name, value) in &pairs {
                    set_variable(&mut self.config.env, name, value);
                }
                format!("ENV {}", joined(&pairs))
            }
            Command::Label(pairs) => {
                let pairs = self.expand_pairs(pairs)?;
                self.config.labels.extend(pairs.iter().cloned());
                format!("LABEL {}", joined(&pairs))
            }
            Command::Workdir(path) => {
                let path = self.expand(path)?;
                if path.is_empty() {
                    return Err(invalid("cannot normalize nothing".into()));
                }
                self.config.working_dir = join(&self.config.working_dir, &path);
                format!("WORKDIR {}", self.config.working_dir)
            }
            Command::User(user) => {
                self.config.user = self.expand(user)?;
                format!("USER {}", self.config.user)
            }
            Command::Expose(words) => {
                let mut ports = Vec::new();
                for word in words {
                    for word in expand_words(word, self.escape, &|name| self.lookup(name))? {
                        ports.extend(parse_ports(&word)?);
                    }
                }
                self.config.exposed_ports.extend(ports.iter().map(|port| (port.clone(), json!({}))));
                format!("EXPOSE {}", ports.join(" "))
            }
            Command::Volume(paths) => {
                let paths = paths.iter().map(|path| self.expand(path)).collect::<Result<Vec<_>>>()?;
                if paths.iter().any(|path| path.trim().is_empty()) {
                    return Err(invalid("VOLUME specified can not be an empty string".into()));
                }
                self.config
                    .volumes
                    .extend(paths.iter().map(|path| (path.clone(), Value::Object(Default::default()))));
                format!("VOLUME [{}]", paths.join(" "))
            }
            Command::StopSignal(signal) => {
                let signal = self.expand(signal)?;
                check_signal(&signal)?;
                self.config.stop_signal = signal.clone();
                format!("STOPSIGNAL {signal}")
            }
            Command::Healthcheck(check) => {
                let check = healthcheck(check);
                let shown = format!("HEALTHCHECK {}", json_words(&check.test));
                self.config.healthcheck = Some(check);
                shown
            }
            Command::Shell(shell) => {
                self.config.shell = shell.clone();
                format!("SHELL [{}]", shell.join(" "))
            }
            Command::Onbuild(trigger) => {
                self.config.on_build.push(trigger.source());
                format!("ONBUILD {}", trigger.text)
            }
            Command::Cmd(command) => {
                let words = self.wrapped(command);
                *self.cmd_set = true;
                let shown = format!("CMD {}", json_words(&words));
                self.config.cmd = (!words.is_empty()).then_some(words);
                shown
            }
            Command::Entrypoint(command) => {
                let words = self.wrapped(command);
                let shown = format!("ENTRYPOINT {}", json_words(&words));
                self.config.entrypoint = (!words.is_empty()).then_some(words);
                if !*self.cmd_set {
                    self.config.cmd = None;
                }
                shown
            }
            _ => return Ok(None),
        }))
    }

    /// The words that a command of either form executes.
    pub fn wrapped(&self, command: &ShellOrExec) -> Vec<String> {
        match command {
            ShellOrExec::Exec(words) => words.clone(),
            ShellOrExec::Shell(text) => shell_of(self.config).chain([text.clone()]).collect(),
        }
    }

    fn expand_pairs(&self, pairs: &[(String, String)]) -> Result<Vec<(String, String)>> {
        pairs.iter().map(|(name, value)| Ok((self.expand(name)?, self.expand(value)?))).collect()
    }
}

fn shell_of(config: &RunConfig) -> impl Iterator<Item = String> + use<> {
    if config.shell.is_empty() {
        DEFAULT_SHELL.map(str::to_owned).to_vec().into_iter()
    } else {
        config.shell.clone().into_iter()
    }
}

/// Applies the changes of an import: each one instruction, `invalid_argument` when it is not one of those allowed.
pub fn apply_changes(config: &mut RunConfig, changes: &[String]) -> Result<()> {
    apply_changes_with(config, changes, &[])
}

/// Applies the changes of a commit, which see the variables of an environment that is not the config's own.
pub fn apply_changes_with(config: &mut RunConfig, changes: &[String], env: &[String]) -> Result<()> {
    let mut cmd_set = false;
    let pairs = env.iter().filter_map(|pair| pair.split_once('='));
    let arguments: BTreeMap<String, String> =
        pairs.map(|(name, value)| (name.to_owned(), value.to_owned())).collect();
    for change in changes {
        let command = dockerfile::parse_change(change)?.command;
        Changes { config: &mut *config, cmd_set: &mut cmd_set, escape: '\\', arguments: &arguments }
            .apply(&command)
            .map_err(|error| {
                error.as_kind(ErrorKind::InvalidArgument).context(format!("change {change:?}"))
            })?;
    }
    Ok(())
}

fn joined(pairs: &[(String, String)]) -> String {
    pairs.iter().map(|(name, value)| format!("{name}={value}")).collect::<Vec<_>>().join(" ")
}

fn json_words(words: &[String]) -> String {
    let quoted: Vec<String> = words.iter().map(|word| Value::from(word.as_str()).to_string()).collect();
    format!("[{}]", quoted.join(" "))
}

/// The value of a variable in an environment.
pub fn variable<'a>(env: &'a [String], name: &str) -> Option<&'a str> {
    env.iter()
        .rev()
        .find_map(|pair| pair.split_once('=').filter(|(key, _)| *key == name))
        .map(|(_, value)| value)
}

/// Sets a variable of an environment, in its place if it is there.
pub fn set_variable(env: &mut Vec<String>, name: &str, value: &str) {
    let pair = format!("{name}={value}");
    match env.iter_mut().find(|old| old.split_once('=').map_or(old.as_str(), |(key, _)| key) == name) {
        Some(old) => *old = pair,
        None => env.push(pair),
    }
}

/// Joins a path to a directory and cleans it: no `.`, no `..`, never above the root.
pub fn join(directory: &str, path: &str) -> String {
    let joined = if path.starts_with('/') { path.to_owned() } else { format!("{directory}/{path}") };
    let mut parts: Vec<&str> = Vec::new();
    for part in joined.split('/') {
        match part {
            "" | "." => {}
            ".." => drop(parts.pop()),
            part => parts.push(part),
        }
    }
    format!("/{}", parts.join("/"))
}

fn healthcheck(check: &dockerfile::Healthcheck) -> Healthcheck {
    match check {
        dockerfile::Healthcheck::None => Healthcheck { test: vec!["NONE".into()], ..Healthcheck::default() },
        dockerfile::Healthcheck::Check { test, interval, timeout, start_period, start_interval, retries } => {
            Healthcheck {
                test: test.clone(),
                interval: *interval,
                timeout: *timeout,
                start_period: *start_period,
                start_interval: *start_interval,
                retries: i64::from(*retries),
            }
        }
    }
}

/// The ports of one word of EXPOSE: `80`, `80/udp`, `8000-8002/tcp`; a host's part (`8080:80`) is left out.
fn parse_ports(word: &str) -> Result<Vec<String>> {
    let bad = || invalid(format!("Invalid containerPort: {word}"));
    let (ports, protocol) = word.split_once('/').unwrap_or((word, "tcp"));
    let protocol = protocol.to_ascii_lowercase();
    if !matches!(protocol.as_str(), "tcp" | "udp" | "sctp") {
        return Err(invalid(format!("Invalid proto: {protocol}")));
    }
    let ports = ports.rsplit(':').next().unwrap_or(ports);
    let (first, last) = ports.split_once('-').unwrap_or((ports, ports));
    let (first, last): (u16, u16) = (first.parse().map_err(|_| bad())?, last.parse().map_err(|_| bad())?);
    if first > last {
        return Err(bad());
    }
    Ok((first..=last).map(|port| format!("{port}/{protocol}")).collect())
}

fn check_signal(signal: &str) -> Result<()> {
    let upper = signal.to_ascii_uppercase();
    let name = upper.strip_prefix("SIG").unwrap_or(&upper);
    let real_time = |prefix: &str, sign: char| {
        name.strip_prefix(prefix).is_some_and(|rest| {
            rest.is_empty() || rest.strip_prefix(sign).is_some_and(|n| n.parse::<u8>().is_ok_and(|n| n <= 15))
        })
    };
    let known = match name.parse::<u8>() {
        Ok(number) => (1..=64).contains(&number),
        Err(_) => SIGNALS.contains(&name) || real_time("RTMIN", '+') || real_time("RTMAX", '-'),
    };
    if known { Ok(()) } else { Err(invalid(format!("Invalid signal: {signal}"))) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn changed(changes: &[&str]) -> Result<RunConfig> {
        let mut config = RunConfig::default();
        apply_changes(&mut config, &changes.iter().map(|change| change.to_string()).collect::<Vec<_>>())?;
        Ok(config)
    }

    #[test]
    fn a_variable_is_replaced_in_its_place_and_one_instruction_sees_the_old_ones() {
        let config = changed(&["ENV a=1 b=2", "ENV a=3 c=$a"]).unwrap();
        assert_eq!(config.env, ["a=3", "b=2", "c=1"]);
    }

    #[test]
    fn an_entrypoint_resets_an_inherited_command_only() {
        assert_eq!(changed(&["CMD x", "ENTRYPOINT [\"y\"]"]).unwrap().cmd.unwrap(), ["/bin/sh", "-c", "x"]);
        let mut config = RunConfig { cmd: Some(vec!["old".into()]), ..RunConfig::default() };
        apply_changes(&mut config, &["ENTRYPOINT [\"y\"]".into()]).unwrap();
        assert_eq!(config.cmd, None);
    }

    #[test]
    fn ports_signals_and_directories_are_checked() {
        let config =
            changed(&["EXPOSE 80 53/udp 8000-8002", "WORKDIR a", "WORKDIR ../b", "STOPSIGNAL SIGRTMIN+3"])
                .unwrap();
        assert_eq!(
            config.exposed_ports.keys().collect::<Vec<_>>(),
            ["53/udp", "80/tcp", "8000/tcp", "8001/tcp", "8002/tcp"]
        );
        assert_eq!((config.working_dir.as_str(), config.stop_signal.as_str()), ("/b", "SIGRTMIN+3"));
        for bad in ["EXPOSE 99999", "EXPOSE 80/icmp", "STOPSIGNAL NOPE", "RUN x", "FROM x"] {
            assert_eq!(changed(&[bad]).unwrap_err().kind(), ErrorKind::InvalidArgument, "{bad}");
        }
    }
}
