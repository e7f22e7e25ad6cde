//! The words of `build` as the library's options and streams.

use std::collections::BTreeMap;
use std::io;
use std::os::fd::AsFd;
use std::path::{Path, PathBuf};

use layerkit::{BuildInputs, BuildNetwork, BuildOptions, BuildOutput, Target};

use super::super::number;
use super::{compression, values};
use crate::failure::{Failure, Outcome};
use crate::flags::{Syntax, Words};
use crate::stdin;

/// All that the words say, but for standard input and output.
pub fn options(syntax: &Syntax, words: &Words) -> Outcome<BuildOptions> {
    refuse(syntax, words)?;
    let platforms = separated(words.texts("platform")?);
    let several = platforms.len() > 1;
    Ok(BuildOptions {
        path: context(words)?,
        dockerfile: dockerfile(words)?,
        contexts: each(words, "build-context", values::named_context)?.into_iter().collect(),
        tags: words.texts("tag")?,
        buildargs: build_args(words.texts("build-arg")?, variable),
        target: words.text("target")?.filter(|target| !target.is_empty()),
        labels: labels(words.texts("label")?),
        no_cache: words.is_on("no-cache"),
        no_cache_stages: separated(words.texts("no-cache-filter")?),
        pull: words.is_on("pull"),
        network: network(syntax, words)?,
        allow: separated(words.texts("allow")?),
        platform: platforms.first().filter(|_| !several).cloned(),
        platforms: if several { platforms } else { Vec::new() },
        compression: compression(syntax, words)?.unwrap_or_default(),
        secrets: each(words, "secret", |text| values::secret(text, variable))?.into_iter().collect(),
        ssh: each(words, "ssh", |text| values::ssh(text, variable))?.into_iter().collect(),
        memory: size(syntax, words, "memory")?,
        // To Docker, 0 and -1 are no limit.
        pids_limit: number::<i64>(syntax, words, "pids-limit")?
            .and_then(|limit| u64::try_from(limit).ok())
            .filter(|limit| *limit > 0),
        ulimits: ulimits(syntax, words)?,
        shm_size: size(syntax, words, "shm-size")?,
        extra_hosts: words.texts("add-host")?.iter().map(|text| values::host(text)).collect(),
        cache_from: words.texts("cache-from")?,
        cache_to: words.texts("cache-to")?,
        squash: words.is_on("squash"),
        outputs: outputs(words)?,
        iidfile: file(words, "iidfile"),
        metadata_file: file(words, "metadata-file"),
        jobs: number(syntax, words, "jobs")?,
        ..BuildOptions::default()
    })
}

/// Standard input where a dash stands for it, and standard output if a result goes there.
pub fn inputs(words: &Words, streams_out: bool) -> Outcome<BuildInputs> {
    let mut inputs = BuildInputs::default();
    if is_dash(words.last("file")) {
        inputs.dockerfile = Some(stdin::source()?);
    } else if is_dash(words.arguments.first()) {
        inputs.context = Some(stdin::source()?);
    }
    if streams_out {
        inputs.output = Some(Target::Fd(io::stdout().as_fd().try_clone_to_owned()?));
    }
    Ok(inputs)
}

/// Refuses what cannot be meant.
fn refuse(syntax: &Syntax, words: &Words) -> Outcome {
    if words.last("rm").is_some() && !words.is_on("rm") {
        return Err(syntax.invalid("rm", "false", "keeping intermediate containers is not supported"));
    }
    match words.text("progress")?.as_deref() {
        None | Some("auto" | "plain" | "quiet") => {}
        Some(other) => return Err(syntax.invalid("progress", other, "it must be auto, plain or quiet")),
    }
    if is_dash(words.last("file")) && is_dash(words.arguments.first()) {
        let why = "invalid argument: can't use stdin for both build context and dockerfile";
        return Err(Failure::Message(why.to_owned()));
    }
    Ok(())
}

fn is_dash(word: Option<impl AsRef<std::ffi::OsStr>>) -> bool {
    word.is_some_and(|word| word.as_ref() == "-")
}

/// The context: a directory, a URL, or nothing for standard input.
fn context(words: &Words) -> Outcome<PathBuf> {
    let word = words.arguments[0].as_os_str();
    if word == "-" {
        return Ok(PathBuf::new());
    }
    let path = PathBuf::from(word);
    if path.is_dir() || is_url(&path) {
        return Ok(path);
    }
    let why = format!("unable to prepare context: path {:?} not found", path.display().to_string());
    Err(Failure::Message(why))
}

/// What Docker's command takes for a URL when there is no such directory.
fn is_url(path: &Path) -> bool {
    let Some(text) = path.to_str() else { return false };
    text.contains("://") || text.starts_with("git@") || text.starts_with("github.com/")
}

/// As with Docker's command, a relative path begins where the command was called if the context is a directory here, and in the
/// context otherwise.
fn dockerfile(words: &Words) -> Outcome<Option<PathBuf>> {
    match words.path("file").filter(|path| !path.as_os_str().is_empty() && path != Path::new("-")) {
        Some(path) if Path::new(&words.arguments[0]).is_dir() => match std::path::absolute(&path) {
            Ok(path) => Ok(Some(path)),
            Err(error) => Err(Failure::Message(format!("{}: {error}", path.display()))),
        },
        path => Ok(path),
    }
}

fn network(syntax: &Syntax, words: &Words) -> Outcome<BuildNetwork> {
    match words.text("network")?.as_deref() {
        None | Some("default" | "host") => Ok(BuildNetwork::Host),
        Some("none") => Ok(BuildNetwork::None),
        Some(other) => Err(syntax.invalid("network", other, "only host and none are supported")),
    }
}

pub fn size(syntax: &Syntax, words: &Words, long: &str) -> Outcome<Option<u64>> {
    let Some(text) = words.text(long)? else { return Ok(None) };
    // To Docker, 0 is no limit.
    let size = values::size(&text).map_err(|why| syntax.invalid(long, &text, &why))?;
    Ok(Some(size).filter(|size| *size > 0))
}

pub fn ulimits(syntax: &Syntax, words: &Words) -> Outcome<Vec<layerkit::Ulimit>> {
    let texts = words.texts("ulimit")?;
    let limit = |text: &String| values::ulimit(text).map_err(|why| syntax.invalid("ulimit", text, &why));
    texts.iter().map(limit).collect()
}

fn outputs(words: &Words) -> Outcome<Vec<BuildOutput>> {
    let mut outputs = each(words, "output", values::output)?;
    if words.is_on("load") && !outputs.is_empty() {
        outputs.push(BuildOutput { kind: "image".to_owned(), dest: None });
    }
    Ok(outputs)
}

fn file(words: &Words, long: &str) -> Option<PathBuf> {
    words.path(long).filter(|path| !path.as_os_str().is_empty())
}

/// Every value of a flag, taken apart.
fn each<T>(words: &Words, long: &str, parse: impl Fn(&str) -> values::Parsed<T>) -> Outcome<Vec<T>> {
    words.texts(long)?.iter().map(|text| parse(text).map_err(Failure::Message)).collect()
}

/// Values that may also be written as one, with commas between them.
fn separated(values: Vec<String>) -> Vec<String> {
    let parts = values.iter().flat_map(|value| value.split(','));
    parts.map(str::trim).filter(|part| !part.is_empty()).map(str::to_owned).collect()
}

/// `NAME=value`, or `NAME` for the value it has in the environment; one that it does not have there is left out.
fn build_args(arguments: Vec<String>, variable: impl Fn(&str) -> Option<String>) -> BTreeMap<String, String> {
    let pair = |argument: String| match argument.split_once('=') {
        Some((name, value)) => Some((name.to_owned(), value.to_owned())),
        None => variable(&argument).map(|value| (argument, value)),
    };
    arguments.into_iter().filter_map(pair).collect()
}

#[allow(clippy::disallowed_methods)] // `--build-arg NAME`, `--secret id=NAME` and `--ssh default` ask for the caller's environment
pub fn variable(name: &str) -> Option<String> {
    std::env::var(name).ok()
}

pub fn labels(labels: Vec<String>) -> BTreeMap<String, String> {
    let pair = |label: String| match label.split_once('=') {
        Some((name, value)) => (name.to_owned(), value.to_owned()),
        None => (label, String::new()),
    };
    labels.into_iter().map(pair).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn build_args_without_a_value_come_from_the_environment_or_not_at_all() {
        let environment = |name: &str| (name == "http_proxy").then(|| "http://p".to_owned());
        let args = ["a=1", "b=x=y", "http_proxy", "unset", "a=2"].map(str::to_owned).to_vec();
        let args: Vec<_> = build_args(args, environment).into_iter().collect();
        let pair = |name: &str, value: &str| (name.to_owned(), value.to_owned());
        assert_eq!(args, [pair("a", "2"), pair("b", "x=y"), pair("http_proxy", "http://p")]);
    }

    #[test]
    fn values_with_commas_are_several() {
        let values = ["linux/amd64, linux/arm64", "", "linux/386"].map(str::to_owned).to_vec();
        assert_eq!(separated(values), ["linux/amd64", "linux/arm64", "linux/386"]);
    }
}
