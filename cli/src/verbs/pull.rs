//! `pull`: options in, Docker's lines out.

use std::collections::HashSet;

use layerkit::{Event, LayerState, PullOptions, PulledImage, Reference};

use super::{CONTENT_TRUST, Context, Verb, number, refuse_content_trust};
use crate::failure::Outcome;
use crate::flags::{Arity, Syntax, Words, switch, valued};
use crate::output;
use crate::progress::task;
use crate::told::{Said, task_told};

pub const PULL: Verb = Verb {
    syntax: Syntax {
        name: "pull",
        usage: "[OPTIONS] NAME[:TAG|@DIGEST]",
        about: "Pull an image or a repository from a registry",
        flags: &[
            switch("all-platforms", ' ', "Pull the images of all platforms of an index"),
            switch("all-tags", 'a', "Download all tagged images in the repository"),
            valued("concurrency", ' ', "int", "Layers that are downloaded at once"),
            CONTENT_TRUST,
            valued("expect", ' ', "digest", "Fail unless the name leads to this digest"),
            valued("platform", ' ', "string", "Set platform if the registry has the image for several"),
            switch("quiet", 'q', "Suppress verbose output"),
        ],
        arity: Arity::Exactly(1),
    },
    run: pull,
};

fn pull(context: &Context, syntax: &Syntax, words: &Words) -> Outcome {
    refuse_content_trust(syntax, words)?;
    let options = PullOptions {
        platform: words.text("platform")?,
        all_tags: words.is_on("all-tags"),
        all_platforms: words.is_on("all-platforms"),
        expect: words.text("expect")?,
        concurrency: number(syntax, words, "concurrency")?,
        auth: None,
    };
    let quiet = words.is_on("quiet");
    let name = &words.names()?[0];
    let reference = name.parse::<Reference>()?;
    let engine = context.engine()?;
    let task = if quiet {
        task()?
    } else {
        let mut lines = Lines::default();
        task_told(move |event| lines.told_of(event))?
    };
    if let (Some(line), false) = (default_tag(&reference, options.all_tags), quiet) {
        output::line(line)?;
    }
    let pulled = engine.images_pull(name, &options, &task)?;
    drop(task);
    let reference = if options.all_tags { reference } else { reference.with_default_tag() };
    if !quiet {
        output::line(status(&reference, &pulled))?;
    }
    Ok(output::line(reference.canonical())?)
}

/// What Docker says of a name that says nothing of a tag.
pub fn default_tag(reference: &Reference, all_tags: bool) -> Option<String> {
    let unsaid = reference.tag().is_none() && reference.digest().is_none() && !all_tags;
    let tagged = unsaid.then(|| reference.clone().with_default_tag())?;
    tagged.tag().map(|tag| format!("Using default tag: {tag}"))
}

fn status(reference: &Reference, pulled: &[PulledImage]) -> String {
    // To Docker's engine, a name with a digest has no tag.
    let name = match reference.digest() {
        Some(digest) => format!("{}@{digest}", reference.familiar_repository()),
        None => reference.to_string(),
    };
    match pulled.iter().any(|image| image.new) {
        true => format!("Status: Downloaded newer image for {name}"),
        false => format!("Status: Image is up to date for {name}"),
    }
}

/// Turns the events of a pull into Docker's lines.
#[derive(Default)]
pub struct Lines {
    /// The first line on the name that was asked for, until something is told of it.
    heading: Option<String>,
    /// The first line was told.
    begun: bool,
    /// Layers that are here, and not in the store yet.
    downloaded: HashSet<String>,
}

impl Lines {
    /// What an event of a pull makes known.
    pub fn told_of(&mut self, event: &Event) -> Vec<Said> {
        match event {
            Event::Resolving { name } => {
                self.heading = heading(name);
                Vec::new()
            }
            Event::Layer { operation: "pull", id, state, bytes, total } => {
                let mut told = self.begin();
                told.extend(self.layer(id, *state, *bytes, *total));
                told
            }
            Event::Pulled { name, digest, .. } => {
                if !self.begun && self.heading.is_none() {
                    self.heading = heading(name);
                }
                let mut told = self.begin();
                told.push(Said::Line(format!("Digest: {digest}")));
                *self = Lines::default();
                told
            }
            Event::Retrying { what, wait_ms, .. } => vec![Said::retrying(what, *wait_ms)],
            Event::Warning { message, .. } => vec![Said::Line(format!("WARNING: {message}"))],
            _ => Vec::new(),
        }
    }

    fn begin(&mut self) -> Vec<Said> {
        let heading = self.heading.take();
        self.begun |= heading.is_some();
        heading.map(Said::Line).into_iter().collect()
    }

    fn layer(&mut self, id: &str, state: LayerState, bytes: u64, total: u64) -> Vec<Said> {
        match state {
            LayerState::Started => vec![Said::state(id, "Pulling fs layer")],
            LayerState::Progress if total > 0 && bytes >= total => self.downloaded(id),
            LayerState::Progress => {
                vec![Said::Progress { id: id.to_owned(), words: "Downloading", bytes, total }]
            }
            LayerState::Done => {
                let mut told = self.downloaded(id);
                told.push(Said::last(id, "Pull complete"));
                told
            }
            LayerState::Exists | LayerState::Mounted => vec![Said::last(id, "Already exists")],
        }
    }

    /// Said once of each layer.
    fn downloaded(&mut self, id: &str) -> Vec<Said> {
        match self.downloaded.insert(id.to_owned()) {
            true => vec![Said::state(id, "Download complete")],
            false => Vec::new(),
        }
    }
}

/// The line above the layers: the tag or, as Docker has it, the whole name of a digest, and the path without its host. None
/// for a repository.
fn heading(name: &str) -> Option<String> {
    let reference = name.parse::<Reference>().ok()?;
    let path = reference.path();
    let what = match reference.digest() {
        Some(digest) => format!("{}/{path}@{digest}", reference.host()),
        None => reference.tag()?.to_owned(),
    };
    Some(format!("{what}: Pulling from {path}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    const LAYER: &str = "sha256:aed15891ba52aaaaaaaa";
    const BASE: &str = "sha256:773ae8583d14aaaaaaaa";

    fn layer(id: &str, state: LayerState, bytes: u64) -> Event {
        Event::Layer { operation: "pull", id: id.into(), state, bytes, total: 10 }
    }

    fn pulled(name: &str) -> Event {
        Event::Pulled { name: name.into(), id: "sha256:1".into(), digest: "sha256:35bc".into(), new: true }
    }

    fn lines(events: &[Event]) -> Vec<String> {
        let mut lines = Lines::default();
        events.iter().flat_map(|event| lines.told_of(event)).filter_map(|said| said.plain()).collect()
    }

    #[test]
    fn a_pull_reads_as_docker_writes_it() {
        let events = [
            Event::Resolving { name: "ubuntu:16.04".into() },
            layer(BASE, LayerState::Exists, 0),
            layer(LAYER, LayerState::Started, 0),
            layer(LAYER, LayerState::Progress, 5),
            Event::Retrying { what: LAYER.into(), reason: "reset".into(), wait_ms: 5000 },
            layer(LAYER, LayerState::Progress, 10),
            layer(LAYER, LayerState::Progress, 10),
            layer(LAYER, LayerState::Done, 10),
            pulled("ubuntu:16.04"),
        ];
        assert_eq!(
            lines(&events),
            [
                "16.04: Pulling from library/ubuntu",
                "773ae8583d14: Already exists",
                "aed15891ba52: Pulling fs layer",
                "aed15891ba52: Retrying in 5 seconds",
                "aed15891ba52: Download complete",
                "aed15891ba52: Pull complete",
                "Digest: sha256:35bc",
            ]
        );
    }

    #[test]
    fn every_tag_has_its_heading_and_one_that_is_not_found_has_none() {
        let resolving = |name: &str| Event::Resolving { name: name.into() };
        let events = [
            resolving("x"),
            resolving("x:1"),
            layer(LAYER, LayerState::Done, 10),
            pulled("x:1"),
            resolving("x:2"),
            layer(LAYER, LayerState::Exists, 0),
            pulled("x:2"),
            pulled("x:3"),
            resolving("x:4"),
        ];
        assert_eq!(
            lines(&events),
            [
                "1: Pulling from library/x",
                "aed15891ba52: Download complete",
                "aed15891ba52: Pull complete",
                "Digest: sha256:35bc",
                "2: Pulling from library/x",
                "aed15891ba52: Already exists",
                "Digest: sha256:35bc",
                "3: Pulling from library/x",
                "Digest: sha256:35bc",
            ]
        );
    }

    #[test]
    fn a_heading_names_the_tag_or_all_of_a_digest_and_never_another_host() {
        let digest = format!("sha256:{}", "a".repeat(64));
        for (name, text) in [
            ("hub.c.163.com/public/logo:latest", Some("latest: Pulling from public/logo".to_owned())),
            (&format!("x@{digest}"), Some(format!("docker.io/library/x@{digest}: Pulling from library/x"))),
            ("x", None),
        ] {
            assert_eq!(heading(name), text);
        }
    }

    #[test]
    fn the_status_names_what_was_asked_for() {
        let digest = format!("sha256:{}", "a".repeat(64));
        let pulled = |new| PulledImage { id: "1".into(), name: "x".into(), digest: "2".into(), new };
        for (name, new, text) in [
            ("ubuntu:16.04", true, "Status: Downloaded newer image for ubuntu:16.04"),
            ("docker.io/library/ubuntu", false, "Status: Image is up to date for ubuntu"),
            (&format!("x:1@{digest}"), true, &format!("Status: Downloaded newer image for x@{digest}")),
        ] {
            let reference = name.parse().unwrap();
            assert_eq!(status(&reference, &[pulled(false), pulled(new)]), text);
        }
    }

    #[test]
    fn the_default_tag_is_announced_where_it_counts() {
        let digest = format!("x@sha256:{}", "a".repeat(64));
        for (name, all, text) in [
            ("x", false, Some("Using default tag: latest")),
            ("x", true, None),
            ("x:1", false, None),
            (&digest, false, None),
        ] {
            assert_eq!(default_tag(&name.parse().unwrap(), all).as_deref(), text, "{name}");
        }
    }
}
