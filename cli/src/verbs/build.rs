//! `build`: options in, Docker's classic output out.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use layerkit::{BuildInputs, BuildNetwork, BuildOptions, Error, Event, Field, LayerCompression};

use super::{Context, Verb, dockerfile as checks};
use crate::failure::{Failure, Outcome};
use crate::flags::{Arity, Syntax, Words, switch, valued};
use crate::output;
use crate::progress::task;
use crate::render::listing::shown_id;

pub const BUILD: Verb = Verb {
    syntax: Syntax {
        name: "build",
        usage: "[OPTIONS] PATH",
        about: "Build an image from a Dockerfile",
        flags: &[
            valued("build-arg", ' ', "list", "Set build-time variables"),
            switch("check", ' ', "Tell what the build checks find in the Dockerfile, and build nothing"),
            valued("compression", ' ', "string", "Store new layers as gzip, zstd or none (default \"gzip\")"),
            valued("file", 'f', "string", "Name of the Dockerfile (Default is 'PATH/Dockerfile')"),
            switch("force-rm", ' ', "Always remove intermediate containers (always so)"),
            valued("iidfile", ' ', "string", "Write the image ID to the file"),
            valued("label", ' ', "list", "Set metadata for an image"),
            valued(
                "network",
                ' ',
                "string",
                "Network of the RUN instructions: host or none (default \"host\")",
            ),
            switch("no-cache", ' ', "Do not use cache when building the image"),
            valued("platform", ' ', "string", "Set platform of the image"),
            valued(
                "progress",
                ' ',
                "string",
                "Set type of progress output: auto or plain (default \"auto\")",
            ),
            switch("quiet", 'q', "Suppress the build output and print image ID on success"),
            switch("rm", ' ', "Remove intermediate containers after a successful build (always so)"),
            valued("tag", 't', "list", "Name and optionally a tag in the 'name:tag' format"),
            valued("target", ' ', "string", "Set the target build stage to build"),
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
    let options = options(syntax, words)?;
    if words.is_on("check") {
        let name = options.dockerfile.as_deref().unwrap_or(Path::new("Dockerfile"));
        return checks::check(&options.path.join(name));
    }
    let quiet = words.is_on("quiet");
    let checked = Arc::new(Mutex::new(Vec::new()));
    let findings = Arc::clone(&checked);
    let lines = Mutex::new(Lines::default());
    let task = task()?.on_event(move |event| {
        if let Event::Warning { rule, message, line, .. } = event
            && !rule.is_empty()
        {
            let told = checks::one_line(rule, message, *line);
            findings.lock().unwrap_or_else(PoisonError::into_inner).push(told);
            return Ok(());
        }
        let mut lines = lines.lock().unwrap_or_else(PoisonError::into_inner);
        let text = lines.text_of(event);
        if quiet || text.is_empty() {
            return Ok(());
        }
        output::text(&text).map_err(|error| Error::io("standard output", error))
    });
    let outcome = context.engine()?.images_build(&options, BuildInputs::default(), &task);
    // The classic builder knows no checks: its output stays as it is, and they are told beside it to those who ask.
    if words.text("progress")?.as_deref() == Some("plain") {
        checked.lock().unwrap_or_else(PoisonError::into_inner).iter().for_each(output::complain);
    }
    let built = match outcome {
        Ok(built) => built,
        Err(error) => {
            if let (true, Some(Field::Text(tail))) = (quiet, error.field("output_tail")) {
                output::complain(tail.trim_end());
            }
            return Err(error.into());
        }
    };
    if let Some(path) = words.path("iidfile") {
        write_id(&path, &built.id)?;
    }
    if quiet {
        output::line(&built.id)?;
    }
    Ok(())
}

fn options(syntax: &Syntax, words: &Words) -> Outcome<BuildOptions> {
    if words.last("rm").is_some() && !words.is_on("rm") {
        return Err(syntax.invalid("rm", "false", "keeping intermediate containers is not supported"));
    }
    match words.text("progress")?.as_deref() {
        None | Some("auto" | "plain") => {}
        Some(other) => return Err(syntax.invalid("progress", other, "it must be auto or plain")),
    }
    let network = match words.text("network")?.as_deref() {
        None | Some("default" | "host") => BuildNetwork::Host,
        Some("none") => BuildNetwork::None,
        Some(other) => {
            return Err(syntax.invalid("network", other, "only host and none are supported"));
        }
    };
    let path = words.arguments[0].as_os_str();
    if path == "-" {
        return Err(Failure::Message("building from standard input is not supported yet".to_owned()));
    }
    if path.to_str().is_some_and(|text| text.contains("://") || text.starts_with("git@")) {
        return Err(Failure::Message("building from a URL is not supported yet".to_owned()));
    }
    let path = PathBuf::from(path);
    if !path.exists() {
        return Err(Failure::Message(format!(
            "unable to prepare context: path {:?} not found",
            path.display().to_string()
        )));
    }
    Ok(BuildOptions {
        path,
        dockerfile: dockerfile(words)?,
        tags: words.texts("tag")?,
        buildargs: build_args(words.texts("build-arg")?, variable),
        target: words.text("target")?,
        labels: labels(words.texts("label")?),
        no_cache: words.is_on("no-cache"),
        network,
        platform: words.text("platform")?,
        compression: compression(syntax, words)?.unwrap_or_default(),
        ..BuildOptions::default()
    })
}

/// As with Docker's command, a relative path begins where the command was called, not in the context.
fn dockerfile(words: &Words) -> Outcome<Option<PathBuf>> {
    match words.path("file").filter(|path| !path.as_os_str().is_empty()) {
        None => Ok(None),
        Some(path) if path == Path::new("-") => {
            Err(Failure::Message("a Dockerfile from standard input is not supported yet".to_owned()))
        }
        Some(path) => match std::path::absolute(&path) {
            Ok(path) => Ok(Some(path)),
            Err(error) => Err(Failure::Message(format!("{}: {error}", path.display()))),
        },
    }
}

/// `NAME=value`, or `NAME` for the value it has in the environment; one that it does not have there is left out.
fn build_args(arguments: Vec<String>, variable: impl Fn(&str) -> Option<String>) -> BTreeMap<String, String> {
    let pair = |argument: String| match argument.split_once('=') {
        Some((name, value)) => Some((name.to_owned(), value.to_owned())),
        None => variable(&argument).map(|value| (argument, value)),
    };
    arguments.into_iter().filter_map(pair).collect()
}

#[allow(clippy::disallowed_methods)] // `--build-arg NAME` asks for the caller's environment
fn variable(name: &str) -> Option<String> {
    std::env::var(name).ok()
}

fn labels(labels: Vec<String>) -> BTreeMap<String, String> {
    let pair = |label: String| match label.split_once('=') {
        Some((name, value)) => (name.to_owned(), value.to_owned()),
        None => (label, String::new()),
    };
    labels.into_iter().map(pair).collect()
}

#[allow(clippy::disallowed_methods)] // the user's own file, outside of the store
fn write_id(path: &Path, id: &str) -> Outcome {
    std::fs::write(path, id).map_err(|error| Failure::Message(format!("{}: {error}", path.display())))
}

/// Turns events into Docker's classic output.
#[derive(Default)]
struct Lines {
    /// The command's output stands in the middle of a line.
    open: bool,
}

impl Lines {
    fn text_of(&mut self, event: &Event) -> String {
        let line = match event {
            Event::StepLog { text, .. } => {
                self.open = !text.is_empty() && !text.ends_with('\n');
                return text.clone();
            }
            Event::StepStarted { n, total, text, .. } => format!("Step {n}/{total} : {text}\n"),
            Event::StepCached { .. } => " ---> Using cache\n".to_owned(),
            Event::StepRunning { container, .. } => {
                format!(" ---> Running in {}\n", shown_id(container, false))
            }
            Event::ContainerRemoved { container, .. } => {
                format!("Removing intermediate container {}\n", shown_id(container, false))
            }
            Event::StepDone { image, .. } => format!(" ---> {}\n", shown_id(image, false)),
            Event::Warning { message, .. } => format!("[Warning] {message}\n"),
            Event::Built { id } => format!("Successfully built {}\n", shown_id(id, false)),
            Event::Tagged { name } => format!("Successfully tagged {name}\n"),
            _ => return String::new(),
        };
        let line_end = if std::mem::take(&mut self.open) { "\n" } else { "" };
        format!("{line_end}{line}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use layerkit::LogStream;

    #[test]
    fn a_build_reads_as_dockers_classic_builder_wrote_it() {
        let container = "9842ff5f06aa00112233";
        let events = [
            Event::StepStarted {
                n: 1,
                total: 2,
                text: "FROM ubuntu:16.04".into(),
                line: 2,
                stage: "0".into(),
            },
            Event::StepDone { n: 1, image: "sha256:e4415b714b624040".into() },
            Event::StepStarted { n: 2, total: 2, text: "RUN printf one".into(), line: 4, stage: "0".into() },
            Event::StepRunning { n: 2, container: container.into() },
            Event::StepLog { n: 2, stream: LogStream::Stdout, text: "one\n".into() },
            Event::StepLog { n: 2, stream: LogStream::Stderr, text: "two".into() },
            Event::ContainerRemoved { n: 2, container: container.into() },
            Event::StepDone { n: 2, image: "sha256:8e20ce3c9c8d0000".into() },
            Event::StepCached { n: 2 },
            Event::warning("One or more build-args [a] were not consumed"),
            Event::Built { id: "sha256:8e20ce3c9c8d0000".into() },
            Event::Tagged { name: "a:latest".into() },
        ];
        let mut lines = Lines::default();
        let text: String = events.iter().map(|event| lines.text_of(event)).collect();
        assert_eq!(
            text,
            "Step 1/2 : FROM ubuntu:16.04\n ---> e4415b714b62\nStep 2/2 : RUN printf one\n\
             \x20---> Running in 9842ff5f06aa\none\ntwo\nRemoving intermediate container 9842ff5f06aa\n\
             \x20---> 8e20ce3c9c8d\n ---> Using cache\n[Warning] One or more build-args [a] were not consumed\n\
             Successfully built 8e20ce3c9c8d\nSuccessfully tagged a:latest\n"
        );
    }

    #[test]
    fn build_args_without_a_value_come_from_the_environment_or_not_at_all() {
        let environment = |name: &str| (name == "http_proxy").then(|| "http://p".to_owned());
        let args = ["a=1", "b=x=y", "http_proxy", "unset", "a=2"].map(str::to_owned).to_vec();
        let args: Vec<_> = build_args(args, environment).into_iter().collect();
        let pair = |name: &str, value: &str| (name.to_owned(), value.to_owned());
        assert_eq!(args, [pair("a", "2"), pair("b", "x=y"), pair("http_proxy", "http://p")]);
    }
}
