//! `logs`: what a container wrote.

use std::io::{self, Write};

use layerkit::{Error, LogStream, LogsOptions};

use super::super::{Context, Verb};
use crate::failure::Outcome;
use crate::flags::{Arity, Syntax, Words, switch, valued};
use crate::progress::task;

pub const LOGS: Verb = Verb {
    syntax: Syntax {
        name: "logs",
        usage: "[OPTIONS] CONTAINER",
        about: "Fetch the logs of a container",
        flags: &[
            switch("follow", 'f', "Follow log output"),
            valued(
                "since",
                ' ',
                "string",
                "Show logs since timestamp (e.g. 2013-01-02T13:23:37Z) or relative (e.g. 42m)",
            ),
            valued(
                "tail",
                'n',
                "string",
                "Number of lines to show from the end of the logs (default \"all\")",
            ),
            switch("timestamps", 't', "Show timestamps"),
            valued("until", ' ', "string", "Show logs before a timestamp or relative (e.g. 42m)"),
        ],
        arity: Arity::Exactly(1),
    },
    run: logs,
};

fn logs(context: &Context, syntax: &Syntax, words: &Words) -> Outcome {
    let tail = match words.text("tail")?.as_deref() {
        None | Some("all") => None,
        // As in Docker, a negative number is all of it.
        Some(text) if text.parse::<i64>().is_ok_and(|lines| lines < 0) => None,
        Some(text) => Some(
            text.parse().map_err(|_| syntax.invalid("tail", text, "a number of lines, or all, is wanted"))?,
        ),
    };
    let options = LogsOptions {
        follow: words.is_on("follow"),
        tail,
        since: words.text("since")?,
        until: words.text("until")?,
        timestamps: words.is_on("timestamps"),
        ..LogsOptions::default()
    };
    let engine = context.engine()?;
    let mut show = |stream: LogStream, bytes: &[u8]| {
        let written = match stream {
            LogStream::Stdout => write(&mut io::stdout().lock(), bytes),
            LogStream::Stderr => write(&mut io::stderr().lock(), bytes),
        };
        written.map_err(|error| Error::io("standard output", error))
    };
    Ok(engine.container_logs(&words.names()?[0], &options, &mut show, &task()?)?)
}

fn write(to: &mut dyn Write, bytes: &[u8]) -> io::Result<()> {
    to.write_all(bytes)?;
    to.flush()
}
