//! Runs the git command: nothing of it prompts, runs hooks, reads a configuration that is not meant for it, or outlives the task.

use std::io::ErrorKind as Io;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

use base64::Engine;
use percent_encoding::percent_decode_str;
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::process::{Pid, PidfdFlags, Signal, kill_process_group, pidfd_open};

use super::git_url::{Author, GitUrl};
use crate::config;
use crate::error::{Error, ErrorKind, Result};
use crate::fs;
use crate::task::Task;

/// How long one command may take.
const PATIENCE: Duration = Duration::from_secs(30 * 60);
/// How often a command is looked after where its end cannot be waited for.
const SLICE: Duration = Duration::from_millis(50);
/// Seconds without a byte after which a transfer over HTTP has failed.
const IDLE: u32 = 60;
/// Longest output that is read, in bytes.
const OUTPUT_LIMIT: u64 = 16 << 20;
/// Longest text of git that is put into a message.
const TEXT_LIMIT: usize = 600;
/// Variables that would tie a command to a repository of the caller's, as hooks of git have them.
const OF_A_REPOSITORY: [&str; 10] = [
    "GIT_DIR",
    "GIT_WORK_TREE",
    "GIT_INDEX_FILE",
    "GIT_OBJECT_DIRECTORY",
    "GIT_ALTERNATE_OBJECT_DIRECTORIES",
    "GIT_COMMON_DIR",
    "GIT_NAMESPACE",
    "GIT_PREFIX",
    "GIT_SHALLOW_FILE",
    "GIT_CONFIG_PARAMETERS",
];
/// What git says of logins that are missing or wrong, of repositories that are not there, and of hosts that do not answer.
const UNAUTHORIZED: [&str; 6] = [
    "could not read Username",
    "could not read Password",
    "Authentication failed",
    "Permission denied",
    "terminal prompts disabled",
    "returned error: 403",
];
const NOT_FOUND: [&str; 4] =
    ["not found", "does not appear to be a git repository", "does not exist", "not exported"];
const NETWORK: [&str; 8] = [
    "Could not resolve",
    "Connection refused",
    "unable to connect",
    "Failed to connect",
    "timed out",
    "early EOF",
    "unable to access",
    "hung up",
];

/// Git for one repository.
pub struct Git<'a> {
    /// Where its output is kept meanwhile.
    pub folder: &'a Path,
    /// The repository.
    pub url: &'a GitUrl,
    /// Who named it.
    pub author: Author,
    /// The socket of an SSH agent for what a Dockerfile names.
    pub agent: Option<PathBuf>,
    /// What cancels it.
    pub task: &'a Task,
}

impl Git<'_> {
    /// Runs git with these arguments. Returns what it wrote to its standard output. `unsupported` where there is no git.
    pub fn run(&self, arguments: &[&str]) -> Result<String> {
        self.run_for(arguments, self.url.remote.starts_with("file://"))
    }

    /// The same for what a repository itself names: its submodules are never on this machine.
    pub fn run_for_submodules(&self, arguments: &[&str]) -> Result<String> {
        self.run_for(arguments, false)
    }

    fn run_for(&self, arguments: &[&str], local: bool) -> Result<String> {
        self.task.check()?;
        let (out, err) = (self.folder.join("out"), self.folder.join("err"));
        fs::remove_file(&out)?;
        fs::remove_file(&err)?;
        let mut command = self.command(local);
        command.args(arguments).stdout(fs::create_new(&out)?).stderr(fs::create_new(&err)?);
        let mut child = command.spawn().map_err(|error| match error.kind() {
            Io::NotFound => Error::new(
                ErrorKind::Unsupported,
                format!(
                    "{}: git repositories need the git command, which is not installed",
                    self.url.shown()
                ),
            ),
            _ => Error::io("run git", error),
        })?;
        let ended = self.wait(&mut child);
        if ended.is_err() {
            end(&mut child);
        }
        // Where the caller reaps children itself, the status is lost, and what git made has to do.
        let failed = ended?.is_some_and(|status| !status.success());
        if failed {
            return Err(self.failure(&String::from_utf8_lossy(&fs::read(&err, OUTPUT_LIMIT)?)));
        }
        Ok(String::from_utf8_lossy(&fs::read(&out, OUTPUT_LIMIT)?).into_owned())
    }

    fn command(&self, local: bool) -> Command {
        let mut command = Command::new("git");
        for name in OF_A_REPOSITORY {
            command.env_remove(name);
        }
        command
            .current_dir(self.folder)
            .stdin(Stdio::null())
            .process_group(0)
            .env("LC_ALL", "C")
            .env("GIT_TERMINAL_PROMPT", "0")
            .env("GIT_ASKPASS", "false")
            .env("SSH_ASKPASS_REQUIRE", "never")
            .env("GIT_LFS_SKIP_SMUDGE", "1")
            .env("GIT_ALLOW_PROTOCOL", if local { "file" } else { "http:https:ssh:git" });
        if !config::git_calls_ssh() {
            command.env("GIT_SSH_COMMAND", "ssh -o BatchMode=yes -o ConnectTimeout=30");
        }
        let mut settings = vec![
            ("core.hooksPath".to_owned(), "/dev/null".to_owned()),
            ("core.autocrlf".to_owned(), "false".to_owned()),
            ("core.fsmonitor".to_owned(), "false".to_owned()),
            ("gc.auto".to_owned(), "0".to_owned()),
            ("maintenance.auto".to_owned(), "false".to_owned()),
            ("advice.detachedHead".to_owned(), "false".to_owned()),
            ("http.lowSpeedLimit".to_owned(), "1".to_owned()),
            ("http.lowSpeedTime".to_owned(), IDLE.to_string()),
        ];
        if self.author == Author::Dockerfile {
            // Logins of the caller's are not for whoever wrote the Dockerfile.
            command.env("GIT_CONFIG_NOSYSTEM", "1").env("GIT_CONFIG_GLOBAL", "/dev/null");
            // Where curl looks for a .netrc.
            command.env("HOME", "/nonexistent").env("XDG_CONFIG_HOME", "/nonexistent");
            settings.push(("credential.helper".to_owned(), String::new()));
            command.env(
                "GIT_SSH_COMMAND",
                "ssh -F /dev/null -o IdentityFile=none -o BatchMode=yes -o ConnectTimeout=30",
            );
            match &self.agent {
                Some(socket) => command.env("SSH_AUTH_SOCK", socket),
                None => command.env_remove("SSH_AUTH_SOCK"),
            };
        }
        if let Some(login) = &self.url.login {
            let decoded: Vec<u8> = percent_decode_str(login).collect();
            let basic = base64::engine::general_purpose::STANDARD.encode(decoded);
            let host = self.url.remote.splitn(4, '/').take(3).collect::<Vec<_>>().join("/");
            settings.push((format!("http.{host}/.extraHeader"), format!("Authorization: Basic {basic}")));
        }
        // By the environment, which other users cannot read, unlike arguments.
        command.env("GIT_CONFIG_COUNT", settings.len().to_string());
        for (n, (key, value)) in settings.into_iter().enumerate() {
            command.env(format!("GIT_CONFIG_KEY_{n}"), key).env(format!("GIT_CONFIG_VALUE_{n}"), value);
        }
        command
    }

    /// Waits for a command; `None` when somebody else has reaped it.
    fn wait(&self, child: &mut Child) -> Result<Option<ExitStatus>> {
        let pid = Pid::from_child(child);
        let pidfd = pidfd_open(pid, PidfdFlags::empty()).ok();
        let end = Instant::now() + PATIENCE;
        loop {
            match child.try_wait() {
                Ok(Some(status)) => return Ok(Some(status)),
                Ok(None) => {}
                Err(_) => return Ok(None),
            }
            self.task.check()?;
            let left = end.saturating_duration_since(Instant::now());
            if left.is_zero() {
                let message = format!("{}: git took more than {} s", self.url.shown(), PATIENCE.as_secs());
                return Err(Error::new(ErrorKind::Timeout, message));
            }
            let mut waits = vec![PollFd::new(self.task.token(), PollFlags::IN)];
            waits.extend(pidfd.as_ref().map(|pidfd| PollFd::new(pidfd, PollFlags::IN)));
            let wait = if pidfd.is_some() { left } else { SLICE };
            let wait = Timespec { tv_sec: wait.as_secs().cast_signed(), tv_nsec: wait.subsec_nanos().into() };
            // Whatever ended the wait, the child and the task are looked at.
            let _ = poll(&mut waits, Some(&wait));
        }
    }

    /// What a failed command says, in the last of its lines.
    fn failure(&self, said: &str) -> Error {
        let says = |texts: &[&str]| texts.iter().any(|text| said.contains(text));
        let kind = match () {
            () if says(&UNAUTHORIZED) => ErrorKind::Unauthorized,
            () if says(&["dubious ownership"]) => ErrorKind::Permission,
            () if says(&["No space left"]) => ErrorKind::NoSpace,
            () if says(&NOT_FOUND) => ErrorKind::NotFound,
            () if says(&NETWORK) => ErrorKind::Network,
            () => ErrorKind::BuildFailed,
        };
        let lines: Vec<&str> = said.lines().map(str::trim).filter(|line| !line.is_empty()).collect();
        let text = lines[lines.len().saturating_sub(4)..].join("; ");
        let text: String = text.chars().filter(|c| !c.is_control()).take(TEXT_LIMIT).collect();
        Error::new(kind, format!("failed to fetch {}: git: {text}", self.url.shown()))
    }
}

/// Ends a command with all that it started.
fn end(child: &mut Child) {
    // Only fails for what has ended already.
    let _ = kill_process_group(Pid::from_child(child), Signal::KILL);
    let _ = child.wait();
}
