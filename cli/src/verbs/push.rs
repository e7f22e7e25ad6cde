//! `push`: options in, Docker's lines out.

use layerkit::{Event, LayerState, PushOptions, Reference};

use super::pull::default_tag;
use super::{CONTENT_TRUST, Context, Verb, number, refuse_content_trust};
use crate::failure::Outcome;
use crate::flags::{Arity, Syntax, Words, switch, valued};
use crate::output;
use crate::progress::task;
use crate::told::{Said, task_told};

pub const PUSH: Verb = Verb {
    syntax: Syntax {
        name: "push",
        usage: "[OPTIONS] NAME[:TAG]",
        about: "Push an image or a repository to a registry",
        flags: &[
            switch("all-tags", 'a', "Push all tagged images in the repository"),
            valued("chunk-size", ' ', "bytes", "Send layers in requests of so many bytes"),
            valued("concurrency", ' ', "int", "Layers that are uploaded at once"),
            CONTENT_TRUST,
            valued("platform", ' ', "string", "Push the image of this platform alone"),
            switch("quiet", 'q', "Suppress verbose output"),
        ],
        arity: Arity::Exactly(1),
    },
    run: push,
};

fn push(context: &Context, syntax: &Syntax, words: &Words) -> Outcome {
    refuse_content_trust(syntax, words)?;
    let options = PushOptions {
        platform: words.text("platform")?,
        all_tags: words.is_on("all-tags"),
        concurrency: number(syntax, words, "concurrency")?,
        chunk_size: number(syntax, words, "chunk-size")?,
        auth: None,
    };
    let quiet = words.is_on("quiet");
    let name = &words.names()?[0];
    let reference = name.parse::<Reference>()?;
    let engine = context.engine()?;
    let task = if quiet { task()? } else { task_told(told_of)? };
    if !quiet {
        output::text(&beginning(&reference, options.all_tags))?;
    }
    engine.images_push(name, &options, &task)?;
    if quiet {
        let reference = if options.all_tags { reference } else { reference.with_default_tag() };
        output::line(reference.canonical())?;
    }
    Ok(())
}

/// What is said before anything is done.
fn beginning(reference: &Reference, all_tags: bool) -> String {
    let tag = default_tag(reference, all_tags).map(|line| line + "\n").unwrap_or_default();
    format!("{tag}The push refers to repository [{}/{}]\n", reference.host(), reference.path())
}

/// Turns the events of a push into Docker's lines.
fn told_of(event: &Event) -> Vec<Said> {
    vec![match event {
        Event::Layer { operation: "push", id, state, bytes, total } => match state {
            LayerState::Started => Said::state(id, "Preparing"),
            LayerState::Progress => {
                Said::Progress { id: id.clone(), words: "Pushing", bytes: *bytes, total: *total }
            }
            LayerState::Done => Said::last(id, "Pushed"),
            LayerState::Exists => Said::last(id, "Layer already exists"),
            LayerState::Mounted => Said::last(id, "Mounted"),
        },
        Event::Layer { operation: "compress", id, bytes, total, .. } => {
            Said::Progress { id: id.clone(), words: "Compressing", bytes: *bytes, total: *total }
        }
        Event::Pushed { name, digest, size } => {
            Said::Line(format!("{}: digest: {digest} size: {size}", tag_of(name)))
        }
        Event::Retrying { what, wait_ms, .. } => Said::retrying(what, *wait_ms),
        Event::Warning { message, .. } => Said::Line(format!("WARNING: {message}")),
        _ => return Vec::new(),
    }]
}

/// The tag of a name, or what there is of it.
fn tag_of(name: &str) -> String {
    let tag = name.parse::<Reference>().ok().and_then(|reference| reference.tag().map(str::to_owned));
    tag.unwrap_or_else(|| name.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_push_reads_as_docker_writes_it() {
        let layer = |id: &str, state| Event::Layer {
            operation: "push",
            id: format!("sha256:{id}aaaaaaaa"),
            state,
            bytes: 1,
            total: 2,
        };
        let events = [
            layer("aed15891ba52", LayerState::Started),
            layer("773ae8583d14", LayerState::Started),
            layer("d1d48771f782", LayerState::Started),
            layer("aed15891ba52", LayerState::Progress),
            layer("aed15891ba52", LayerState::Done),
            layer("773ae8583d14", LayerState::Exists),
            layer("d1d48771f782", LayerState::Mounted),
            Event::Retrying { what: "myname/x:v1".into(), reason: "reset".into(), wait_ms: 900 },
            Event::Pushed { name: "myname/x:v1".into(), digest: "sha256:35bc".into(), size: 1234 },
        ];
        let lines: Vec<_> = events.iter().flat_map(told_of).filter_map(|said| said.plain()).collect();
        assert_eq!(
            lines,
            [
                "aed15891ba52: Preparing",
                "773ae8583d14: Preparing",
                "d1d48771f782: Preparing",
                "aed15891ba52: Pushed",
                "773ae8583d14: Layer already exists",
                "d1d48771f782: Mounted",
                "myname/x:v1: Retrying in 1 second",
                "v1: digest: sha256:35bc size: 1234",
            ]
        );
    }

    #[test]
    fn a_push_begins_with_the_repository_in_full() {
        for (name, all, text) in [
            ("myname/x:v1", false, "The push refers to repository [docker.io/myname/x]\n"),
            ("x", false, "Using default tag: latest\nThe push refers to repository [docker.io/library/x]\n"),
            ("localhost:5000/x", true, "The push refers to repository [localhost:5000/x]\n"),
        ] {
            assert_eq!(beginning(&name.parse().unwrap(), all), text);
        }
    }
}
