//! The verbs: what each looks like on the command line, and which function of the library it is.

mod build;
mod builder;
mod containers;
mod dockerfile;
mod files;
mod groups;
mod images;
mod inspect;
mod login;
mod pull;
mod push;
mod registry;
mod remove;
mod search;
mod system;
mod transfer;

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::num::{IntErrorKind, ParseIntError};
use std::path::PathBuf;
use std::str::FromStr;

use layerkit::{Engine, EngineOptions, RegistryConfig};

use crate::failure::Outcome;
use crate::flags::{Arity, Flag, Syntax, Words, switch, valued};
use crate::output;

/// What all verbs share.
pub struct Context {
    root: Option<PathBuf>,
    registry: RegistryConfig,
}

impl Context {
    fn new(words: &Words) -> Outcome<Self> {
        for long in ["root", "config"] {
            if words.last(long).is_some_and(|path| path.is_empty()) {
                return Err(GLOBAL.invalid(long, "", "it is empty"));
            }
        }
        let registry = RegistryConfig {
            insecure: words.texts("insecure-registry")?,
            mirrors: words.texts("registry-mirror")?,
            ca_files: words.paths("registry-ca"),
            docker_config: words.path("config"),
            ..RegistryConfig::default()
        };
        Ok(Context { root: words.path("root"), registry })
    }

    /// Opens the store.
    pub fn engine(&self) -> Outcome<Engine> {
        let options = EngineOptions {
            root: self.root.clone(),
            registry: self.registry.clone(),
            ..EngineOptions::default()
        };
        Ok(Engine::open(&options)?)
    }
}

/// A verb: its look and its function.
pub struct Verb {
    /// What the command line looks like.
    pub syntax: Syntax,
    /// Its function.
    pub run: fn(&Context, &Syntax, &Words) -> Outcome,
}

/// What stands in front of the verb.
const GLOBAL: Syntax = Syntax {
    name: "",
    usage: "[OPTIONS] COMMAND",
    about: "Images and containers without a daemon: build, import, save, load, pull, push and run them",
    flags: &[
        valued("config", ' ', "string", "Location of client config files (default \"~/.docker\")"),
        valued("insecure-registry", ' ', "list", "Speak plain HTTP, or unchecked HTTPS, to this registry"),
        valued("registry-ca", ' ', "list", "Trust the certificate authorities in this file"),
        valued("registry-mirror", ' ', "list", "Preferred Docker registry mirror"),
        valued("root", ' ', "string", "Root of the store (also LAYERKIT_ROOT)"),
        switch("version", 'v', "Print version information and quit"),
    ],
    arity: Arity::AtLeast(0),
};

/// Runs the command line.
pub fn run(words: Vec<OsString>) -> Outcome {
    let (front, words) = GLOBAL.parse_front(words)?;
    if front.help {
        return Ok(output::text(&groups::help())?);
    }
    if front.is_on("version") {
        return Ok(output::line(system::version_line())?);
    }
    let context = Context::new(&front)?;
    let mut words = words.into_iter();
    let Some(first) = words.next() else { return Ok(output::text(&groups::help())?) };
    groups::dispatch(&context, &first.to_string_lossy(), words.collect())
}

/// Takes the words of one verb apart and runs it.
fn run_verb(context: &Context, verb: &Verb, words: Vec<OsString>) -> Outcome {
    let parsed = verb.syntax.parse(words)?;
    if parsed.help {
        return Ok(output::text(&verb.syntax.help())?);
    }
    (verb.run)(context, &verb.syntax, &parsed)
}

/// Docker's flag for leaving out what nothing here does: checking signatures.
const CONTENT_TRUST: Flag =
    switch("disable-content-trust", ' ', "Skip image verification (always so, default true)");

/// Refuses `--disable-content-trust=false`.
fn refuse_content_trust(syntax: &Syntax, words: &Words) -> Outcome {
    let long = CONTENT_TRUST.long;
    if words.last(long).is_some() && !words.is_on(long) {
        return Err(syntax.invalid(long, "false", "content trust is not supported"));
    }
    Ok(())
}

/// The value of a flag that is a whole number.
fn number<T>(syntax: &Syntax, words: &Words, long: &str) -> Outcome<Option<T>>
where
    T: FromStr<Err = ParseIntError>,
{
    let Some(text) = words.text(long)? else { return Ok(None) };
    text.parse().map(Some).map_err(|error: ParseIntError| {
        let why = match error.kind() {
            IntErrorKind::PosOverflow => "value out of range",
            _ => "invalid syntax",
        };
        syntax.invalid(long, &text, &format!("strconv.ParseInt: parsing {text:?}: {why}"))
    })
}

/// `name=value` filters, for the library.
fn filters(syntax: &Syntax, words: &Words) -> Outcome<BTreeMap<String, Vec<String>>> {
    let mut filters = BTreeMap::<String, Vec<String>>::new();
    for filter in words.texts("filter")?.iter().filter(|filter| !filter.is_empty()) {
        let Some((name, value)) = filter.split_once('=') else {
            let why = "bad format of filter (expected name=value)";
            return Err(syntax.invalid("filter", filter, why));
        };
        filters.entry(name.trim().to_lowercase()).or_default().push(value.trim().to_owned());
    }
    Ok(filters)
}
