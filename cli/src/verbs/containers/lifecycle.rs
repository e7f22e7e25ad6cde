//! The verbs that change what a container does: `start`, `stop`, `rm` and so on.

use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use layerkit::{
    AttachOptions, ContainerPruneOptions, ContainerRemoveOptions, ContainerStreams, ErrorKind, KillOptions,
    StartOptions, StopOptions, Task, WaitOptions,
};

use super::super::remove::confirmed;
use super::super::{Context, Verb, filters, number};
use super::attached::{Attachment, attached, check_terminal};
use super::detach_keys::{self, DetachKeys};
use super::run::{ended, proxies_signals};
use super::{each, size_of_terminal, streams_of};
use crate::failure::{Failure, Outcome};
use crate::flags::{Arity, Flag, Syntax, Words, switch, valued};
use crate::output;
use crate::progress::task;
use crate::render::units;

const DETACH_KEYS: Flag =
    valued("detach-keys", ' ', "string", "Override the key sequence for detaching a container");
const NO_STDIN: Flag = switch("no-stdin", ' ', "Do not attach STDIN");
const SIG_PROXY: Flag = switch("sig-proxy", ' ', "Proxy all received signals to the process (default true)");

pub const START: Verb = Verb {
    syntax: Syntax {
        name: "start",
        usage: "[OPTIONS] CONTAINER [CONTAINER...]",
        about: "Start one or more stopped containers",
        flags: &[
            switch("attach", 'a', "Attach STDOUT/STDERR and forward signals"),
            DETACH_KEYS,
            switch("interactive", 'i', "Attach container's STDIN"),
        ],
        arity: Arity::AtLeast(1),
    },
    run: start,
};

pub const ATTACH: Verb = Verb {
    syntax: Syntax {
        name: "attach",
        usage: "[OPTIONS] CONTAINER",
        about: "Attach local standard input, output, and error streams to a running container",
        flags: &[DETACH_KEYS, NO_STDIN, SIG_PROXY],
        arity: Arity::Exactly(1),
    },
    run: attach,
};

pub const STOP: Verb = Verb {
    syntax: Syntax {
        name: "stop",
        usage: "[OPTIONS] CONTAINER [CONTAINER...]",
        about: "Stop one or more running containers",
        flags: &[valued("time", 't', "int", "Seconds to wait for stop before killing it (default 10)")],
        arity: Arity::AtLeast(1),
    },
    run: |context, syntax, words| {
        let options = StopOptions { timeout: number(syntax, words, "time")? };
        let (engine, task) = (context.engine()?, task()?);
        each(&words.names()?, |name| engine.container_stop(name, &options, &task))
    },
};

pub const RESTART: Verb = Verb {
    syntax: Syntax {
        name: "restart",
        usage: "[OPTIONS] CONTAINER [CONTAINER...]",
        about: "Restart one or more containers",
        flags: &[valued(
            "time",
            't',
            "int",
            "Seconds to wait for stop before killing the container (default 10)",
        )],
        arity: Arity::AtLeast(1),
    },
    run: |context, syntax, words| {
        let options = StopOptions { timeout: number(syntax, words, "time")? };
        let (engine, task) = (context.engine()?, task()?);
        each(&words.names()?, |name| engine.container_restart(name, &options, &task))
    },
};

pub const KILL: Verb = Verb {
    syntax: Syntax {
        name: "kill",
        usage: "[OPTIONS] CONTAINER [CONTAINER...]",
        about: "Kill one or more running containers",
        flags: &[valued("signal", 's', "string", "Signal to send to the container (default \"KILL\")")],
        arity: Arity::AtLeast(1),
    },
    run: |context, _, words| {
        let options = KillOptions { signal: words.text("signal")? };
        let engine = context.engine()?;
        each(&words.names()?, |name| engine.container_kill(name, &options))
    },
};

pub const PAUSE: Verb = Verb {
    syntax: Syntax {
        name: "pause",
        usage: "CONTAINER [CONTAINER...]",
        about: "Pause all processes within one or more containers",
        flags: &[],
        arity: Arity::AtLeast(1),
    },
    run: |context, _, words| {
        let engine = context.engine()?;
        each(&words.names()?, |name| engine.container_pause(name))
    },
};

pub const UNPAUSE: Verb = Verb {
    syntax: Syntax {
        name: "unpause",
        usage: "CONTAINER [CONTAINER...]",
        about: "Unpause all processes within one or more containers",
        flags: &[],
        arity: Arity::AtLeast(1),
    },
    run: |context, _, words| {
        let engine = context.engine()?;
        each(&words.names()?, |name| engine.container_unpause(name))
    },
};

pub const RENAME: Verb = Verb {
    syntax: Syntax {
        name: "rename",
        usage: "CONTAINER NEW_NAME",
        about: "Rename a container",
        flags: &[],
        arity: Arity::Exactly(2),
    },
    run: |context, _, words| {
        let names = words.names()?;
        Ok(context.engine()?.container_rename(&names[0], &names[1])?)
    },
};

pub const WAIT: Verb = Verb {
    syntax: Syntax {
        name: "wait",
        usage: "CONTAINER [CONTAINER...]",
        about: "Block until one or more containers stop, then print their exit codes",
        flags: &[],
        arity: Arity::AtLeast(1),
    },
    run: wait,
};

pub const REMOVE: Verb = Verb {
    syntax: Syntax {
        name: "rm",
        usage: "[OPTIONS] CONTAINER [CONTAINER...]",
        about: "Remove one or more containers",
        flags: &[
            switch("force", 'f', "Force the removal of a running container (uses SIGKILL)"),
            switch("volumes", 'v', "Remove anonymous volumes associated with the container (always so)"),
        ],
        arity: Arity::AtLeast(1),
    },
    run: remove,
};

pub const PRUNE: Verb = Verb {
    syntax: Syntax {
        name: "container prune",
        usage: "[OPTIONS]",
        about: "Remove all stopped containers",
        flags: &[
            valued("filter", ' ', "filter", "Provide filter values (e.g. 'until=<timestamp>')"),
            switch("force", 'f', "Do not prompt for confirmation"),
        ],
        arity: Arity::Exactly(0),
    },
    run: prune,
};

/// How a container that exists is attached to.
fn attachment(words: &Words, tty: bool, stdin: bool, signals: bool) -> Outcome<Attachment> {
    check_terminal(tty, stdin)?;
    let keys = DetachKeys::parse(&words.text("detach-keys")?.unwrap_or(detach_keys::DEFAULT.to_owned()))?;
    Ok(Attachment { tty, stdin, stdout: true, stderr: true, signals, keys })
}

fn start(context: &Context, _syntax: &Syntax, words: &Words) -> Outcome {
    let engine = context.engine()?;
    let names = words.names()?;
    let options = StartOptions { attach: false, tty_size: None };
    if !words.is_on("attach") && !words.is_on("interactive") {
        let task = task()?;
        return each(&names, |name| {
            engine.container_start(name, &options, ContainerStreams::default(), &task).map(drop)
        });
    }
    let [name] = names.as_slice() else {
        return Err(Failure::Message("you cannot start and attach multiple containers at once".to_owned()));
    };
    let (tty, open) = streams_of(&engine, name)?;
    let attachment = attachment(words, tty, open && words.is_on("interactive"), true)?;
    let tty_size = if tty { size_of_terminal() } else { None };
    let options = StartOptions { attach: true, tty_size };
    let (task, started) = (Task::new()?, Arc::new(AtomicBool::new(true)));
    ended(attached(attachment, &task, &started, |streams| {
        engine.container_start(name, &options, streams, &task)
    }))
}

fn attach(context: &Context, _syntax: &Syntax, words: &Words) -> Outcome {
    let engine = context.engine()?;
    let name = &words.names()?[0];
    let (tty, open) = streams_of(&engine, name)?;
    let attachment = attachment(words, tty, open && !words.is_on("no-stdin"), proxies_signals(words))?;
    if let (true, Some(size)) = (tty, size_of_terminal()) {
        engine.container_resize(name, size.rows, size.cols)?;
    }
    let (task, started) = (Task::new()?, Arc::new(AtomicBool::new(true)));
    let options = AttachOptions::default();
    ended(attached(attachment, &task, &started, |streams| {
        engine.container_attach(name, &options, streams, &task)
    }))
}

fn wait(context: &Context, _syntax: &Syntax, words: &Words) -> Outcome {
    let (engine, task) = (context.engine()?, task()?);
    for name in words.names()? {
        let report = engine.container_wait(&name, &WaitOptions::default(), &task)?;
        output::line(report.exit_code.map_or("unknown".to_owned(), |code| code.to_string()))?;
    }
    Ok(())
}

fn remove(context: &Context, _syntax: &Syntax, words: &Words) -> Outcome {
    let options = ContainerRemoveOptions { force: words.is_on("force"), volumes: words.is_on("volumes") };
    let engine = context.engine()?;
    each(&words.names()?, |name| match engine.container_remove(name, &options) {
        // With --force, a container that is not there is as good as removed.
        Err(error) if options.force && error.kind() == ErrorKind::NotFound => {
            output::complain(format_args!("Error: {error}"));
            Ok(())
        }
        result => result,
    })
}

fn prune(context: &Context, syntax: &Syntax, words: &Words) -> Outcome {
    let options = ContainerPruneOptions { filters: filters(syntax, words)? };
    if !confirmed(words, false, "WARNING! This will remove all stopped containers.")? {
        return Ok(());
    }
    let report = context.engine()?.containers_prune(&options, &task()?)?;
    if !report.deleted.is_empty() {
        output::text(&format!("Deleted Containers:\n{}\n\n", report.deleted.join("\n")))?;
    }
    Ok(output::line(format_args!("Total reclaimed space: {}", units::precise_size(report.reclaimed)))?)
}
