//! What a Dockerfile says, as data: stages, instructions, commands. Words are as written, unexpanded.

use crate::dockerfile::flags::Flags;
use crate::dockerfile::heredoc::with_bodies;
use crate::dockerfile::lint::Check;
use crate::dockerfile::words::split_first;

/// A parsed Dockerfile.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Dockerfile {
    /// The frontend that `# syntax=` names, without its arguments.
    pub syntax: Option<String>,
    /// What `# check=` says.
    pub check: Option<String>,
    /// The same as what is asked of the checks.
    pub checks: Check,
    /// The escape character: a backslash, or a backtick after ``# escape=` ``.
    pub escape: char,
    /// Whether a directive says so.
    pub escape_directive: bool,
    /// The `ARG`s before the first `FROM`: visible to `FROM` lines only.
    pub meta_args: Vec<Instruction>,
    /// The stages; at least one.
    pub stages: Vec<Stage>,
    /// Empty lines in the middle of instructions, each with its instruction.
    pub empty_continuations: Vec<(u32, String)>,
}

/// One `FROM` and what follows it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Stage {
    /// Its name, in lower case.
    pub name: Option<String>,
    /// The `FROM` instruction itself.
    pub from: Instruction,
    /// The image or stage it starts from.
    pub base: String,
    /// The value of `--platform`.
    pub platform: Option<String>,
    /// What follows the `FROM`.
    pub instructions: Vec<Instruction>,
}

/// One instruction and where it stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Instruction {
    /// The line where it begins, counted from 1.
    pub line: u32,
    /// The column where its name begins, counted from 1 in characters. A trigger has the place of its `ONBUILD`.
    pub column: u32,
    /// The last line that belongs to it, bodies of heredocs included.
    pub end_line: u32,
    /// Its name in upper case.
    pub name: String,
    /// The whole instruction on one line: continuations joined, comments dropped, bodies of heredocs left out.
    pub text: String,
    /// The comment on the line before, without its `#`.
    pub comment: Option<String>,
    /// Its flags.
    pub flags: Flags,
    /// What it asks for.
    pub command: Command,
}

impl Instruction {
    /// Its name as it is written.
    pub fn written(&self) -> &str {
        split_first(&self.text).0
    }

    /// The instruction with the bodies of its heredocs: text that parses to the same instruction again. It is what an
    /// image's config keeps of an `ONBUILD` trigger.
    pub fn source(&self) -> String {
        with_bodies(&self.text, self.command.heredocs())
    }
}

/// What an instruction asks for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Command {
    /// `FROM`.
    From {
        /// The image or stage to start from.
        image: String,
        /// The stage's own name, in lower case.
        name: Option<String>,
        /// The value of `--platform`.
        platform: Option<String>,
    },
    /// `MAINTAINER`.
    Maintainer(String),
    /// `RUN`.
    Run {
        /// The command; [`Command::run_script`] says what to execute when there are heredocs.
        command: ShellOrExec,
        /// The values of `--mount`.
        mounts: Vec<String>,
        /// The value of `--network`: `default`, `none` or `host`.
        network: Option<String>,
        /// The value of `--security`: `sandbox` or `insecure`.
        security: Option<String>,
        /// The values of `--device`.
        devices: Vec<String>,
        /// The heredocs of the command line.
        heredocs: Vec<Heredoc>,
    },
    /// `COPY`.
    Copy(CopyArgs),
    /// `ADD`.
    Add(CopyArgs),
    /// `ENV`: names and values, both expanded by Docker.
    Env(Vec<(String, String)>),
    /// `ARG`: names and defaults, both expanded by Docker.
    Arg(Vec<(String, Option<String>)>),
    /// `LABEL`: names and values, both expanded by Docker.
    Label(Vec<(String, String)>),
    /// `WORKDIR`.
    Workdir(String),
    /// `USER`.
    User(String),
    /// `EXPOSE`; each may expand to several words.
    Expose(Vec<String>),
    /// `VOLUME`.
    Volume(Vec<String>),
    /// `STOPSIGNAL`.
    StopSignal(String),
    /// `HEALTHCHECK`.
    Healthcheck(Healthcheck),
    /// `SHELL`.
    Shell(Vec<String>),
    /// `ONBUILD`, with the instruction that is to fire.
    Onbuild(Box<Instruction>),
    /// `ENTRYPOINT`; an empty list resets it.
    Entrypoint(ShellOrExec),
    /// `CMD`; an empty list resets it.
    Cmd(ShellOrExec),
}

impl Command {
    /// The heredocs whose bodies follow the instruction.
    pub fn heredocs(&self) -> &[Heredoc] {
        match self {
            Command::Run { heredocs, .. } => heredocs,
            Command::Copy(args) | Command::Add(args) => &args.heredocs,
            Command::Onbuild(trigger) => trigger.command.heredocs(),
            _ => &[],
        }
    }
}

/// A command for the shell, or for the kernel as it is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ShellOrExec {
    /// Shell form: one string, to be wrapped by the stage's `SHELL`.
    Shell(String),
    /// Exec form, a JSON array.
    Exec(Vec<String>),
}

/// The arguments of `COPY` and `ADD`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct CopyArgs {
    /// What to copy, heredocs left out.
    pub sources: Vec<String>,
    /// Where to.
    pub destination: String,
    /// `--from` (`COPY`): a stage, an image or a named context instead of the build context.
    pub from: Option<String>,
    /// `--chown`.
    pub chown: Option<String>,
    /// `--chmod`.
    pub chmod: Option<String>,
    /// `--link`.
    pub link: bool,
    /// `--parents` (`COPY`).
    pub parents: bool,
    /// The values of `--exclude`.
    pub exclude: Vec<String>,
    /// `--checksum` (`ADD`).
    pub checksum: Option<String>,
    /// `--keep-git-dir` (`ADD`).
    pub keep_git_dir: bool,
    /// `--unpack` (`ADD`); without it, whether to unpack follows from the source.
    pub unpack: Option<bool>,
    /// Sources that are written in the Dockerfile: files of that name and content.
    pub heredocs: Vec<Heredoc>,
}

/// A text written in the Dockerfile after the instruction that uses it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Heredoc {
    /// The word that ends it, and the name of the file it makes.
    pub name: String,
    /// Its lines; of `<<-` without their leading tabs.
    pub content: String,
    /// Whether variables in it are expanded: the word was not quoted.
    pub expand: bool,
}

/// A health check.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Healthcheck {
    /// `NONE`: an inherited check is switched off.
    None,
    /// A command to run. Zero stands for a value that was not given.
    Check {
        /// Docker's form: `CMD` and the words, or `CMD-SHELL` and one string.
        test: Vec<String>,
        /// `--interval`, in nanoseconds.
        interval: i64,
        /// `--timeout`, in nanoseconds.
        timeout: i64,
        /// `--start-period`, in nanoseconds.
        start_period: i64,
        /// `--start-interval`, in nanoseconds.
        start_interval: i64,
        /// `--retries`.
        retries: u32,
    },
}

/// What a `RUN` executes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum RunScript {
    /// The command, as it stands or with its heredocs put into it.
    Command(ShellOrExec),
    /// A program to be brought in for the run, mode 0755, and executed: the body of a lone heredoc that starts with `#!`.
    Program {
        /// The file's name.
        name: String,
        /// Its content.
        content: String,
    },
}
