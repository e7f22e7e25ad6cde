//! `commit`: an image of a container.

use layerkit::CommitOptions;

use super::super::build::compression;
use super::super::{Context, Verb};
use crate::failure::Outcome;
use crate::flags::{Arity, Syntax, Words, switch, valued};
use crate::output;
use crate::progress::task;

pub const COMMIT: Verb = Verb {
    syntax: Syntax {
        name: "commit",
        usage: "[OPTIONS] CONTAINER [REPOSITORY[:TAG]]",
        about: "Create a new image from a container's changes",
        flags: &[
            valued("author", 'a', "string", "Author (e.g., \"Name <name@example.com>\")"),
            valued("change", 'c', "list", "Apply Dockerfile instruction to the created image"),
            valued("compression", ' ', "string", "Store the layer as gzip, zstd or none (default \"gzip\")"),
            valued("message", 'm', "string", "Commit message"),
            switch("pause", 'p', "Pause container during commit (default true)"),
        ],
        arity: Arity::Between(1, 2),
    },
    run: commit,
};

fn commit(context: &Context, syntax: &Syntax, words: &Words) -> Outcome {
    let names = words.names()?;
    let options = CommitOptions {
        // The library takes a repository with its tag, too.
        repository: names.get(1).cloned(),
        message: words.text("message")?,
        author: words.text("author")?,
        changes: words.texts("change")?,
        pause: words.last("pause").is_none() || words.is_on("pause"),
        compression: compression(syntax, words)?.unwrap_or_default(),
        ..CommitOptions::default()
    };
    let id = context.engine()?.container_commit(&names[0], &options, &task()?)?;
    Ok(output::line(id)?)
}
