//! `create`, and the flags that it shares with `run`.

use std::collections::BTreeMap;

use layerkit::{ContainerNetwork, CreateOptions, PullPolicy, TerminalSize};

use super::super::build::options::{labels, size, ulimits, variable};
use super::super::build::values;
use super::super::{CONTENT_TRUST, Context, Verb, number, refuse_content_trust};
use super::run::pulling;
use crate::failure::{Failure, Outcome};
use crate::flags::{Arity, Flag, Syntax, Words, switch, valued};
use crate::output;

/// How a container is to be, for `create` and `run`.
pub const FLAGS: &[Flag] = &[
    valued("add-host", ' ', "list", "Add a custom host-to-IP mapping (host:ip)"),
    valued("attach", 'a', "list", "Attach to STDIN, STDOUT or STDERR"),
    valued("cap-add", ' ', "list", "Add Linux capabilities"),
    valued("cap-drop", ' ', "list", "Drop Linux capabilities"),
    valued("cidfile", ' ', "string", "Write the container ID to the file"),
    CONTENT_TRUST,
    valued("entrypoint", ' ', "string", "Overwrite the default ENTRYPOINT of the image"),
    valued("env", 'e', "list", "Set environment variables"),
    valued("env-file", ' ', "list", "Read in a file of environment variables"),
    valued("expose", ' ', "list", "Expose a port or a range of ports"),
    valued("hostname", 'h', "string", "Container host name"),
    switch("init", ' ', "Run an init inside the container that forwards signals and reaps processes"),
    switch("interactive", 'i', "Keep STDIN open even if not attached"),
    valued("label", 'l', "list", "Set meta data on a container"),
    valued("log-opt", ' ', "list", "Log options: max-size and max-file"),
    valued("memory", 'm', "bytes", "Memory limit"),
    valued("name", ' ', "string", "Assign a name to the container"),
    valued("net", ' ', "network", "Connect a container to a network"),
    valued("network", ' ', "network", "Connect a container to a network: host (the default) or none"),
    valued("pids-limit", ' ', "int", "Tune container pids limit (set -1 for unlimited)"),
    valued("platform", ' ', "string", "Set platform if the image is there for several"),
    switch("privileged", ' ', "Give extended privileges to this container"),
    valued("publish", 'p', "list", "Not supported: there is no network to publish ports from"),
    switch("publish-all", 'P', "Not supported: there is no network to publish ports from"),
    valued("pull", ' ', "string", "Pull image before creating (\"always\"|\"missing\"|\"never\")"),
    switch("read-only", ' ', "Mount the container's root filesystem as read only"),
    valued("restart", ' ', "string", "Restart policy: only \"no\""),
    switch("rm", ' ', "Automatically remove the container when it exits"),
    valued("shm-size", ' ', "bytes", "Size of /dev/shm"),
    valued("stop-signal", ' ', "string", "Signal to stop a container (default \"SIGTERM\")"),
    valued("stop-timeout", ' ', "int", "Timeout (in seconds) to stop a container"),
    valued("tmpfs", ' ', "list", "Mount a tmpfs directory"),
    switch("tty", 't', "Allocate a pseudo-TTY"),
    valued("ulimit", ' ', "ulimit", "Ulimit options (default [])"),
    valued("user", 'u', "string", "Username or UID (format: <name|uid>[:<group|gid>])"),
    valued("volume", 'v', "list", "Bind mount a volume"),
    valued("workdir", 'w', "string", "Working directory inside the container"),
    // Those of `run` alone stand last.
    switch("detach", 'd', "Run container in background and print container ID"),
    valued("detach-keys", ' ', "string", "Override the key sequence for detaching a container"),
    switch("sig-proxy", ' ', "Proxy received signals to the process (default true)"),
    switch("quiet", 'q', "Suppress the pull output"),
];

/// How many of them `create` has.
const OF_CREATE: usize = FLAGS.len() - 4;

pub const CREATE: Verb = Verb {
    syntax: Syntax {
        name: "create",
        usage: "[OPTIONS] IMAGE [COMMAND] [ARG...]",
        about: "Create a new container",
        flags: FLAGS.split_at(OF_CREATE).0,
        arity: Arity::Command(1),
    },
    run: create,
};

fn create(context: &Context, syntax: &Syntax, words: &Words) -> Outcome {
    let options = options(syntax, words)?;
    let cidfile = IdFile::of(words)?;
    let engine = context.engine()?;
    let task = pulling(&words.names()?[0], false)?;
    let report = engine.containers_create(&words.names()?[0], &options, &task).map_err(Failure::Container)?;
    for warning in &report.warnings {
        output::complain(format_args!("WARNING: {warning}"));
    }
    cidfile.write(&report.id)?;
    Ok(output::line(report.id)?)
}

/// The file that the ID is written into; it must not be there.
pub struct IdFile(Option<std::path::PathBuf>);

impl IdFile {
    /// That of `--cidfile`.
    pub fn of(words: &Words) -> Outcome<Self> {
        match words.path("cidfile").filter(|path| !path.as_os_str().is_empty()) {
            Some(path) if path.exists() => Err(Failure::Message(format!(
                "Container ID file found, make sure the other container isn't running or delete {}",
                path.display()
            ))),
            path => Ok(IdFile(path)),
        }
    }

    /// Writes the ID, if there is such a file.
    #[allow(clippy::disallowed_methods)] // the caller's own file
    pub fn write(&self, id: &str) -> Outcome {
        let Some(path) = &self.0 else { return Ok(()) };
        std::fs::write(path, id).map_err(|error| Failure::Message(format!("{}: {error}", path.display())))
    }
}

/// What the flags ask of a container.
pub fn options(syntax: &Syntax, words: &Words) -> Outcome<CreateOptions> {
    refuse_content_trust(syntax, words)?;
    if let Some(policy) = words.text("restart")?.filter(|policy| policy != "no") {
        return Err(syntax.invalid(
            "restart",
            &policy,
            "nobody is there to restart a container: only no is supported",
        ));
    }
    let mut ports = words.texts("publish")?;
    if words.is_on("publish-all") {
        ports.push("all".to_owned());
    }
    let command: Vec<String> = words.names()?.split_off(1);
    let (log_max_size, log_max_file) = log_limits(syntax, words)?;
    Ok(CreateOptions {
        command: Some(command).filter(|command| !command.is_empty()),
        entrypoint: words.text("entrypoint")?.map(|program| vec![program]),
        name: words.text("name")?.filter(|name| !name.is_empty()),
        environment: environment(words, variable)?,
        working_dir: words.text("workdir")?,
        user: words.text("user")?,
        hostname: words.text("hostname")?,
        labels: labels(words.texts("label")?),
        volumes: words.texts("volume")?.iter().map(|volume| absolute(volume)).collect(),
        tmpfs: tmpfs(words)?,
        network: network(syntax, words)?,
        ports,
        read_only: words.is_on("read-only"),
        cap_add: words.texts("cap-add")?,
        cap_drop: words.texts("cap-drop")?,
        privileged: words.is_on("privileged"),
        init: words.is_on("init"),
        mem_limit: size(syntax, words, "memory")?,
        pids_limit: number(syntax, words, "pids-limit")?,
        ulimits: ulimits(syntax, words)?,
        shm_size: size(syntax, words, "shm-size")?,
        extra_hosts: words.texts("add-host")?.iter().map(|host| values::host(host)).collect(),
        stop_signal: words.text("stop-signal")?,
        stop_timeout: number(syntax, words, "stop-timeout")?,
        tty: words.is_on("tty"),
        stdin_open: words.is_on("interactive"),
        stdin_once: words.is_on("interactive"),
        auto_remove: words.is_on("rm"),
        platform: words.text("platform")?,
        pull: pull(syntax, words)?,
        log_max_size,
        log_max_file,
        ..CreateOptions::default()
    })
}

fn pull(syntax: &Syntax, words: &Words) -> Outcome<PullPolicy> {
    match words.text("pull")?.as_deref() {
        None | Some("missing" | "") => Ok(PullPolicy::Missing),
        Some("always") => Ok(PullPolicy::Always),
        Some("never") => Ok(PullPolicy::Never),
        Some(other) => Err(syntax.invalid("pull", other, "it must be always, missing or never")),
    }
}

fn network(syntax: &Syntax, words: &Words) -> Outcome<ContainerNetwork> {
    let given = words.text("network")?.or(words.text("net")?);
    match given.as_deref() {
        None | Some("host" | "default") => Ok(ContainerNetwork::Host),
        Some("none") => Ok(ContainerNetwork::None),
        Some(other) => Err(syntax.invalid("network", other, "only host and none are supported")),
    }
}

/// The variables of files and of the command line, in this order; a name alone takes its value from this process's environment.
#[allow(clippy::disallowed_methods)] // the caller's own files
pub fn environment(words: &Words, variable: impl Fn(&str) -> Option<String>) -> Outcome<Vec<String>> {
    let mut all = Vec::new();
    for file in words.paths("env-file") {
        let text = std::fs::read_to_string(&file)
            .map_err(|error| Failure::Message(format!("open {}: {error}", file.display())))?;
        let lines = text.trim_start_matches('\u{feff}').lines().map(str::trim_start);
        all.extend(lines.filter(|line| !line.is_empty() && !line.starts_with('#')).map(str::to_owned));
    }
    all.extend(words.texts("env")?);
    Ok(all.into_iter().map(|given| valued_by(given, &variable)).collect())
}

fn valued_by(given: String, variable: impl Fn(&str) -> Option<String>) -> String {
    match variable(&given).filter(|_| !given.contains('=')) {
        Some(value) => format!("{given}={value}"),
        None => given,
    }
}

/// A volume whose source is a path of this process: `./here:/there`.
fn absolute(volume: &str) -> String {
    match volume.split_once(':') {
        Some((source, rest)) if source == "." || source.starts_with("./") || source.starts_with("../") => {
            let path = std::path::absolute(source).unwrap_or_else(|_| source.into());
            format!("{}:{rest}", path.display())
        }
        _ => volume.to_owned(),
    }
}

fn tmpfs(words: &Words) -> Outcome<BTreeMap<String, String>> {
    let pair = |text: String| match text.split_once(':') {
        Some((path, options)) => (path.to_owned(), options.to_owned()),
        None => (text, String::new()),
    };
    Ok(words.texts("tmpfs")?.into_iter().map(pair).collect())
}

fn log_limits(syntax: &Syntax, words: &Words) -> Outcome<(Option<u64>, Option<u32>)> {
    let mut limits = (None, None);
    for option in words.texts("log-opt")? {
        let invalid = |why: &str| syntax.invalid("log-opt", &option, why);
        match option.split_once('=') {
            Some(("max-size", text)) => limits.0 = Some(values::size(text).map_err(|why| invalid(&why))?),
            Some(("max-file", text)) => {
                limits.1 = Some(text.parse().map_err(|_| invalid("max-file is a number"))?);
            }
            _ => return Err(invalid("only max-size and max-file are supported")),
        }
    }
    Ok(limits)
}

/// The size that a terminal begins with.
pub fn first_size(words: &Words) -> Option<TerminalSize> {
    if words.is_on("tty") { super::size_of_terminal() } else { None }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parsed(line: &str) -> Outcome<CreateOptions> {
        let words = CREATE.syntax.parse(line.split(' ').map(Into::into).collect())?;
        options(&CREATE.syntax, &words)
    }

    #[test]
    fn flags_are_options_and_what_stands_behind_the_image_is_the_command() {
        let options = parsed("-it --rm --name x -e A=1 -m 64m --tmpfs /t:size=1m image ls -l").unwrap();
        assert_eq!(options.command, Some(vec!["ls".to_owned(), "-l".to_owned()]));
        assert!(options.tty && options.stdin_open && options.auto_remove);
        assert_eq!(options.mem_limit, Some(64 << 20));
        assert_eq!(options.tmpfs["/t"], "size=1m");
        assert_eq!(parsed("image").unwrap(), CreateOptions::default());
        assert!(parsed("--restart always image").is_err() && parsed("--net bridge image").is_err());
    }

    #[test]
    fn a_variable_without_a_value_is_that_of_the_caller() {
        let environment = |name: &str| (name == "HOME").then(|| "/h".to_owned());
        assert_eq!(valued_by("HOME".into(), environment), "HOME=/h");
        assert_eq!(valued_by("HOME=x".into(), environment), "HOME=x");
        assert_eq!(valued_by("GONE".into(), environment), "GONE");
    }
}
