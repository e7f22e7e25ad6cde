//! `build`: options in, Docker's classic output out.

pub mod options;
mod steps;
pub mod values;

use std::io;
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};

use layerkit::{BuildOptions, Error, Event, Field, LayerCompression};

use self::steps::Steps;
pub use self::values::size;
use super::{Context, Verb, dockerfile as checks};
use crate::failure::{Failure, Outcome};
use crate::flags::{Arity, Syntax, Words, switch, valued};
use crate::output;
use crate::progress::task;

pub const BUILD: Verb = Verb {
    syntax: Syntax {
        name: "build",
        usage: "[OPTIONS] PATH | URL | -",
        about: "Build an image from a Dockerfile",
        flags: &[
            valued("add-host", ' ', "list", "Add a custom host-to-IP mapping (host:ip)"),
            valued("allow", ' ', "list", "Allow what steps do not have by default (\"security.insecure\")"),
            valued("build-arg", ' ', "list", "Set build-time variables"),
            valued("build-context", ' ', "list", "Additional build contexts (e.g., name=path)"),
            valued("cache-from", ' ', "list", "External cache sources (e.g., \"type=registry,ref=name\")"),
            valued(
                "cache-to",
                ' ',
                "list",
                "Cache export destinations (e.g., \"type=registry,ref=name,mode=max\")",
            ),
            switch("check", ' ', "Tell what the build checks find in the Dockerfile, and build nothing"),
            valued("compression", ' ', "string", "Store new layers as gzip, zstd or none (default \"gzip\")"),
            switch("explain", ' ', "Say of each step that is not in the cache why"),
            valued("file", 'f', "string", "Name of the Dockerfile (Default is 'PATH/Dockerfile')"),
            switch("force-rm", ' ', "Always remove intermediate containers (always so)"),
            valued("iidfile", ' ', "string", "Write the image ID to the file"),
            valued("jobs", ' ', "int", "Stages that are built at once (default: one for each processor)"),
            valued("label", ' ', "list", "Set metadata for an image"),
            switch("load", ' ', "Keep the image in the store whatever the outputs are"),
            valued("memory", 'm', "bytes", "Memory limit"),
            valued("metadata-file", ' ', "string", "Write build result metadata to the file"),
            valued(
                "network",
                ' ',
                "string",
                "Network of the RUN instructions: host or none (default \"host\")",
            ),
            switch("no-cache", ' ', "Do not use cache when building the image"),
            valued("no-cache-filter", ' ', "list", "Do not cache specified stages"),
            valued("output", 'o', "list", "Output destination (format: \"type=local,dest=path\")"),
            valued("pids-limit", ' ', "int", "Limit of the processes of a RUN instruction"),
            valued("platform", ' ', "list", "Set target platform for build"),
            valued(
                "progress",
                ' ',
                "string",
                "Set type of progress output: auto, plain or quiet (default \"auto\")",
            ),
            switch("pull", ' ', "Always attempt to pull a newer version of the image"),
            switch("quiet", 'q', "Suppress the build output and print image ID on success"),
            switch("rm", ' ', "Remove intermediate containers after a successful build (always so)"),
            valued(
                "secret",
                ' ',
                "list",
                "Secret to expose to the build (format: \"id=mysecret[,src=/path]\")",
            ),
            valued("shm-size", ' ', "bytes", "Size of /dev/shm"),
            switch("squash", ' ', "Squash newly built layers into a single new layer"),
            valued(
                "ssh",
                ' ',
                "list",
                "SSH agent socket to expose to the build (format: \"default|id[=socket]\")",
            ),
            valued("tag", 't', "list", "Name and optionally a tag in the 'name:tag' format"),
            valued("target", ' ', "string", "Set the target build stage to build"),
            valued("ulimit", ' ', "list", "Ulimit options"),
        ],
        arity: Arity::Exactly(1),
    },
    run: build,
};

/// How new layers are stored.
pub fn compression(syntax: &Syntax, words: &Words) -> Outcome<Option<LayerCompression>> {
    match words.text("compression")?.as_deref() {
        None => Ok(None),
        Some("gzip") => Ok(Some(LayerCompression::Gzip)),
        Some("zstd") => Ok(Some(LayerCompression::Zstd)),
        Some("none") => Ok(Some(LayerCompression::None)),
        Some(other) => Err(syntax.invalid("compression", other, "it must be gzip, zstd or none")),
    }
}

fn build(context: &Context, syntax: &Syntax, words: &Words) -> Outcome {
    let options = options::options(syntax, words)?;
    if words.is_on("check") {
        let name = options.dockerfile.as_deref().unwrap_or(Path::new("Dockerfile"));
        return checks::check(&options.path.join(name));
    }
    let quiet = words.is_on("quiet") || words.last("progress").is_some_and(|kind| kind == "quiet");
    let streams = streams_out(&options)?;
    // What is a file for others goes to standard output alone.
    let say: fn(&str) -> io::Result<()> = if streams { output::aside } else { output::text };
    let steps = Arc::new(Mutex::new(Steps::new(words.is_on("explain"))));
    let findings = Arc::new(Mutex::new(Vec::new()));
    let task = task()?.on_event({
        let (steps, findings) = (Arc::clone(&steps), Arc::clone(&findings));
        move |event| {
            if let Event::Warning { rule, message, line, .. } = event
                && !rule.is_empty()
            {
                let told = checks::one_line(rule, message, *line);
                findings.lock().unwrap_or_else(PoisonError::into_inner).push(told);
                return Ok(());
            }
            let text = steps.lock().unwrap_or_else(PoisonError::into_inner).text_of(event);
            if quiet || text.is_empty() {
                return Ok(());
            }
            say(&text).map_err(|error| Error::io("output of the build", error))
        }
    });
    let inputs = options::inputs(words, streams)?;
    let outcome = context.engine()?.images_build(&options, inputs, &task);
    // The classic builder knows no checks: its output stays as it is, and they are told beside it to those who ask.
    if words.text("progress")?.as_deref() == Some("plain") {
        findings.lock().unwrap_or_else(PoisonError::into_inner).iter().for_each(output::complain);
    }
    match outcome {
        Ok(built) if quiet => Ok(say(&format!("{}\n", built.id))?),
        Ok(_) => Ok(()),
        Err(error) => {
            let mut steps = steps.lock().unwrap_or_else(PoisonError::into_inner);
            tell_failure(&error, quiet, &mut steps, say);
            Err(error.into())
        }
    }
}

/// Whether a result goes to standard output, where somebody must be to take it.
fn streams_out(options: &BuildOptions) -> Outcome<bool> {
    let Some(stream) = options.outputs.iter().find(|output| values::is_stream(output)) else {
        return Ok(false);
    };
    if output::is_terminal() {
        return Err(Failure::Message(format!(
            "dest file is required for {} exporter. refusing to write to console",
            stream.kind
        )));
    }
    Ok(true)
}

/// What the failing step said that nobody has seen.
fn tell_failure(error: &Error, quiet: bool, steps: &mut Steps, say: fn(&str) -> io::Result<()>) {
    let held_back = match error.field("line") {
        Some(Field::Int(line)) if !quiet => steps.failed(u32::try_from(*line).unwrap_or(0)),
        _ => String::new(),
    };
    // The error that follows says more than one of writing would.
    let _ = say(&held_back);
    if let (true, Some(Field::Text(tail))) = (quiet, error.field("output_tail")) {
        output::complain(tail.trim_end());
    }
}
