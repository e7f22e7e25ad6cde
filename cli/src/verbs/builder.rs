//! `builder`: what builds keep for the next ones, listed, pruned, and cache mounts as tars.

use std::io;
use std::os::fd::AsFd;
use std::path::PathBuf;

use layerkit::{CachePruneOptions, CacheRecord, Source, Target};
use serde_json::{Value, json};

use super::build::size;
use super::remove::{confirmed, pruned_lines};
use super::transfer::{existing, writable};
use super::{Context, Verb, filters};
use crate::failure::{Failure, Outcome};
use crate::flags::{Arity, Syntax, Words, switch, valued};
use crate::output;
use crate::progress::task;
use crate::render::listing::listing;
use crate::render::units;
use crate::stdin;

pub const LIST: Verb = Verb {
    syntax: Syntax {
        name: "builder ls",
        usage: "[OPTIONS]",
        about: "List what builds keep: steps and cache mounts",
        flags: &[valued("format", ' ', "string", "Pretty-print using a Go template")],
        arity: Arity::Exactly(0),
    },
    run: list,
};

pub const PRUNE: Verb = Verb {
    syntax: Syntax {
        name: "builder prune",
        usage: "[OPTIONS]",
        about: "Remove build cache",
        flags: &[
            switch("all", 'a', "Remove all unused build cache, not just dangling ones"),
            switch("dry-run", ' ', "Show what would be removed, and remove nothing"),
            valued("filter", ' ', "filter", "Provide filter values (e.g. 'until=24h')"),
            switch("force", 'f', "Do not prompt for confirmation"),
            valued("keep-storage", ' ', "bytes", "Amount of disk space to keep for cache"),
        ],
        arity: Arity::Exactly(0),
    },
    run: prune,
};

pub const EXPORT: Verb = Verb {
    syntax: Syntax {
        name: "builder export",
        usage: "[OPTIONS] ID",
        about: "Write a cache mount as a tar (to STDOUT by default)",
        flags: &[valued("output", 'o', "string", "Write to a file, instead of STDOUT")],
        arity: Arity::Exactly(1),
    },
    run: export,
};

pub const IMPORT: Verb = Verb {
    syntax: Syntax {
        name: "builder import",
        usage: "ID file|-",
        about: "Make what is in a tar a cache mount",
        flags: &[],
        arity: Arity::Exactly(2),
    },
    run: import,
};

const TABLE: &str = "table {{.ID}}\\t{{.Type}}\\t{{.Size}}\\t{{.LastUsed}}\\t{{.InUse}}\\t{{.Description}}";
const HEADERS: &[(&str, &str)] = &[
    ("Description", "DESCRIPTION"),
    ("ID", "ID"),
    ("InUse", "IN USE"),
    ("LastUsed", "LAST USED"),
    ("Size", "SIZE"),
    ("Type", "TYPE"),
];

fn list(context: &Context, _syntax: &Syntax, words: &Words) -> Outcome {
    let format = words.text("format")?.unwrap_or_else(|| TABLE.to_owned());
    let rows: Vec<Value> = context.engine()?.build_cache_list()?.iter().map(row).collect();
    Ok(output::text(&listing(&format, HEADERS, &rows)?)?)
}

fn row(record: &CacheRecord) -> Value {
    let id = match record.id.strip_prefix("sha256:") {
        Some(digest) => digest.chars().take(12).collect(),
        None => record.id.clone(),
    };
    json!({
        "Description": record.description,
        "ID": id,
        "InUse": record.in_use.to_string(),
        "LastUsed": record.last_used,
        "Size": units::precise_size(record.size),
        "Type": record.kind,
    })
}

fn prune(context: &Context, syntax: &Syntax, words: &Words) -> Outcome {
    let keep = words.text("keep-storage")?;
    let keep = keep.map(|text| size(&text).map_err(|why| syntax.invalid("keep-storage", &text, &why)));
    let options = CachePruneOptions {
        all: words.is_on("all"),
        dry_run: words.is_on("dry-run"),
        filters: filters(syntax, words)?,
        keep_storage: keep.transpose()?,
    };
    let warning = if options.all {
        "WARNING! This will remove all build cache."
    } else {
        "WARNING! This will remove all dangling build cache."
    };
    if !confirmed(words, options.dry_run, warning)? {
        return Ok(());
    }
    let report = context.engine()?.build_cache_prune(&options, &task()?)?;
    Ok(output::text(&pruned_lines(&report, options.dry_run))?)
}

fn export(context: &Context, _syntax: &Syntax, words: &Words) -> Outcome {
    let target = match words.path("output").filter(|path| !path.as_os_str().is_empty()) {
        Some(path) => Target::Path(writable(path)?),
        None if output::is_terminal() => {
            let refusal = "cowardly refusing to save to a terminal. Use the -o flag or redirect";
            return Err(Failure::Message(refusal.to_owned()));
        }
        None => Target::Fd(io::stdout().as_fd().try_clone_to_owned()?),
    };
    Ok(context.engine()?.build_cache_export(&words.names()?[0], target, &task()?)?)
}

fn import(context: &Context, _syntax: &Syntax, words: &Words) -> Outcome {
    let file = PathBuf::from(&words.arguments[1]);
    let source = match file.to_str() {
        Some("-") => stdin::source()?,
        _ => Source::Path(existing(file.as_os_str())?),
    };
    let id = words.arguments[0].to_string_lossy();
    Ok(context.engine()?.build_cache_import(&id, source, &task()?)?)
}
