//! `rmi` and the two `prune`s.

use std::io::{self, BufRead};

use layerkit::{ErrorKind, PruneOptions, PruneReport, RemoveOptions, RemoveReport};

use super::{Context, Verb, filters};
use crate::failure::{Failure, Outcome};
use crate::flags::{Arity, Flag, Syntax, Words, switch, valued};
use crate::output;
use crate::progress::task;
use crate::render::units;

pub const RMI: Verb = Verb {
    syntax: Syntax {
        name: "rmi",
        usage: "[OPTIONS] IMAGE [IMAGE...]",
        about: "Remove one or more images",
        flags: &[
            switch("force", 'f', "Force removal of the image"),
            switch("no-prune", ' ', "Do not delete untagged parents"),
        ],
        arity: Arity::AtLeast(1),
    },
    run: rmi,
};

const PRUNE_FLAGS: &[Flag] = &[
    switch("all", 'a', "Remove all unused images, not just dangling ones"),
    switch("dry-run", ' ', "Show what would be removed, and remove nothing"),
    valued("filter", ' ', "filter", "Provide filter values (e.g. 'until=<timestamp>')"),
    switch("force", 'f', "Do not prompt for confirmation"),
];

pub const IMAGE_PRUNE: Verb = Verb {
    syntax: Syntax {
        name: "image prune",
        usage: "[OPTIONS]",
        about: "Remove unused images",
        flags: PRUNE_FLAGS,
        arity: Arity::Exactly(0),
    },
    run: image_prune,
};

pub const SYSTEM_PRUNE: Verb = Verb {
    syntax: Syntax {
        name: "system prune",
        usage: "[OPTIONS]",
        about: "Remove unused data",
        flags: PRUNE_FLAGS,
        arity: Arity::Exactly(0),
    },
    run: system_prune,
};

/// Removes what can be removed, and complains about the rest at the end.
fn rmi(context: &Context, _syntax: &Syntax, words: &Words) -> Outcome {
    let options = RemoveOptions { force: words.is_on("force"), no_prune: words.is_on("no-prune") };
    let engine = context.engine()?;
    let mut errors = Vec::new();
    for image in words.names()? {
        match engine.images_remove(&image, &options) {
            Ok(report) => output::text(&removed_lines(&report))?,
            Err(error) => errors.push(error),
        }
    }
    for error in &errors {
        output::complain(format_args!("Error: {error}"));
    }
    // With --force, an image that is not there is as good as removed.
    if errors.iter().all(|error| options.force && error.kind() == ErrorKind::NotFound) {
        return Ok(());
    }
    Err(Failure::Said)
}

fn removed_lines(report: &RemoveReport) -> String {
    let untagged = report.untagged.iter().map(|name| format!("Untagged: {name}\n"));
    let deleted = report.deleted.iter().map(|id| format!("Deleted: {id}\n"));
    untagged.chain(deleted).collect()
}

fn image_prune(context: &Context, syntax: &Syntax, words: &Words) -> Outcome {
    let options = prune_options(syntax, words)?;
    let warning = if options.all {
        "WARNING! This will remove all images without at least one container associated to them."
    } else {
        "WARNING! This will remove all dangling images."
    };
    // As Docker has it, a pruning that was declined reclaims nothing, and says so.
    let report = match confirmed(words, options.dry_run, warning)? {
        true => context.engine()?.images_prune(&options, &task()?)?,
        false => PruneReport::default(),
    };
    Ok(output::text(&pruned_lines(&report, options.dry_run))?)
}

fn system_prune(context: &Context, syntax: &Syntax, words: &Words) -> Outcome {
    let options = prune_options(syntax, words)?;
    let (images, cache) = if options.all {
        ("all images without at least one container associated to them", "all build cache")
    } else {
        ("all dangling images", "all dangling build cache")
    };
    let warning = format!(
        "WARNING! This will remove:\n  - all stopped containers\n  - {images}\n  - {cache}\n  - all unpacked layers\n"
    );
    if !confirmed(words, options.dry_run, &warning)? {
        return Ok(());
    }
    let report = context.engine()?.system_prune(&options, &task()?)?;
    Ok(output::text(&pruned_lines(&report, options.dry_run))?)
}

fn prune_options(syntax: &Syntax, words: &Words) -> Outcome<PruneOptions> {
    Ok(PruneOptions {
        all: words.is_on("all"),
        dry_run: words.is_on("dry-run"),
        filters: filters(syntax, words)?,
    })
}

/// Asks, unless there is nothing to lose or the user said not to.
pub fn confirmed(words: &Words, dry_run: bool, warning: &str) -> Outcome<bool> {
    if words.is_on("force") || dry_run {
        return Ok(true);
    }
    output::text(&format!("{warning}\nAre you sure you want to continue? [y/N] "))?;
    let mut answer = String::new();
    io::stdin()
        .lock()
        .read_line(&mut answer)
        .map_err(|error| Failure::Message(format!("standard input: {error}")))?;
    Ok(answer.trim().eq_ignore_ascii_case("y"))
}

/// What a pruning removed, as Docker has it.
pub fn pruned_lines(report: &PruneReport, dry_run: bool) -> String {
    let mut text = String::new();
    if !report.containers.is_empty() {
        let what = if dry_run { "Would delete containers:" } else { "Deleted Containers:" };
        text += &format!("{what}\n{}\n\n", report.containers.join("\n"));
    }
    if !report.untagged.is_empty() || !report.deleted.is_empty() {
        text += if dry_run { "Would delete:\n" } else { "Deleted Images:\n" };
        text.extend(report.untagged.iter().map(|name| format!("untagged: {name}\n")));
        text.extend(report.deleted.iter().map(|id| format!("deleted: {id}\n")));
        text += "\n";
    }
    let what = if dry_run { "reclaimable" } else { "reclaimed" };
    text + &format!("Total {what} space: {}\n", units::precise_size(report.reclaimed))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_removal_lists_names_before_what_was_deleted() {
        let report = RemoveReport {
            untagged: vec!["a:1".into()],
            deleted: vec!["sha256:1".into(), "sha256:2".into()],
        };
        assert_eq!(removed_lines(&report), "Untagged: a:1\nDeleted: sha256:1\nDeleted: sha256:2\n");
    }

    #[test]
    fn a_prune_says_what_went_and_what_it_brought() {
        let report = PruneReport {
            untagged: vec!["a:1".into()],
            deleted: vec!["sha256:1".into()],
            containers: Vec::new(),
            reclaimed: 1_982_298,
        };
        assert_eq!(
            pruned_lines(&report, false),
            "Deleted Images:\nuntagged: a:1\ndeleted: sha256:1\n\nTotal reclaimed space: 1.982MB\n"
        );
        assert_eq!(
            pruned_lines(&report, true),
            "Would delete:\nuntagged: a:1\ndeleted: sha256:1\n\nTotal reclaimable space: 1.982MB\n"
        );
        assert_eq!(pruned_lines(&PruneReport::default(), false), "Total reclaimed space: 0B\n");
    }
}
