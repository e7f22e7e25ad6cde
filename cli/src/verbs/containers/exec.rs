//! `exec`: one more command in a container that runs.

use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use layerkit::{ContainerStreams, ExecOptions, Task};

use super::super::build::options::variable;
use super::super::{Context, Verb};
use super::attached::{Attachment, attached, check_terminal};
use super::create::{environment, first_size};
use super::detach_keys::{self, DetachKeys};
use super::run::ended;
use crate::failure::{Failure, Outcome};
use crate::flags::{Arity, Syntax, Words, switch, valued};

pub const EXEC: Verb = Verb {
    syntax: Syntax {
        name: "exec",
        usage: "[OPTIONS] CONTAINER COMMAND [ARG...]",
        about: "Run a command in a running container",
        flags: &[
            switch("detach", 'd', "Detached mode: run command in the background"),
            valued("detach-keys", ' ', "string", "Override the key sequence for detaching a container"),
            valued("env", 'e', "list", "Set environment variables"),
            valued("env-file", ' ', "list", "Read in a file of environment variables"),
            switch("interactive", 'i', "Keep STDIN open even if not attached"),
            switch("privileged", ' ', "Give extended privileges to the command"),
            switch("tty", 't', "Allocate a pseudo-TTY"),
            valued("user", 'u', "string", "Username or UID (format: <name|uid>[:<group|gid>])"),
            valued("workdir", 'w', "string", "Working directory inside the container"),
        ],
        arity: Arity::Command(2),
    },
    run: exec,
};

fn exec(context: &Context, _syntax: &Syntax, words: &Words) -> Outcome {
    let mut command = words.names()?;
    let container = command.remove(0);
    let (tty, stdin, detach) = (words.is_on("tty"), words.is_on("interactive"), words.is_on("detach"));
    let options = ExecOptions {
        command,
        environment: environment(words, variable)?,
        working_dir: words.text("workdir")?,
        user: words.text("user")?,
        privileged: words.is_on("privileged"),
        tty,
        tty_size: first_size(words),
        detach,
    };
    let engine = context.engine()?;
    let task = Task::new()?;
    if detach {
        let report = engine.container_exec(&container, &options, ContainerStreams::default(), &task);
        return report.map(drop).map_err(Failure::Container);
    }
    check_terminal(tty, stdin)?;
    let attachment = Attachment {
        tty,
        stdin,
        stdout: true,
        stderr: true,
        // As in Docker: an interrupt ends this command, and what was executed with it.
        signals: false,
        keys: DetachKeys::parse(&words.text("detach-keys")?.unwrap_or(detach_keys::DEFAULT.to_owned()))?,
    };
    let started = Arc::new(AtomicBool::new(true));
    ended(attached(attachment, &task, &started, |streams| {
        engine.container_exec(&container, &options, streams, &task)
    }))
}
