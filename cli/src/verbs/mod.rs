//! The verbs: what each looks like on the command line, and which function of the library it is.

mod build;
mod groups;
mod images;
mod inspect;
mod remove;
mod system;
mod transfer;

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::path::PathBuf;

use layerkit::{Engine, EngineOptions};

use crate::failure::{Failure, Outcome};
use crate::flags::{Flag, PROGRAM, Syntax, Words, flag_table, switch, valued};
use crate::output;

/// What all verbs share.
pub struct Context {
    root: Option<PathBuf>,
}

impl Context {
    /// Opens the store.
    pub fn engine(&self) -> Outcome<Engine> {
        Ok(Engine::open(&EngineOptions { root: self.root.clone(), ..EngineOptions::default() })?)
    }
}

/// A verb: its look and its function.
pub struct Verb {
    /// What the command line looks like.
    pub syntax: Syntax,
    /// Its function.
    pub run: fn(&Context, &Syntax, &Words) -> Outcome,
}

const GLOBAL_FLAGS: &[Flag] = &[
    valued("root", ' ', "string", "Root of the store (also LAYERKIT_ROOT)"),
    switch("version", 'v', "Print version information and quit"),
];

/// Runs the command line.
pub fn run(words: Vec<OsString>) -> Outcome {
    let mut words = words.into_iter().peekable();
    let mut root = None;
    while let Some(word) = words.next_if(|word| word.as_encoded_bytes().starts_with(b"-")) {
        match word.to_str() {
            Some("--help" | "-h") => return Ok(output::text(&groups::help())?),
            Some("--version" | "-v") => return Ok(output::line(system::version_line())?),
            Some("--root") => match words.next() {
                Some(value) => root = Some(PathBuf::from(value)),
                None => return Err(usage("flag needs an argument: --root".to_owned(), 125)),
            },
            Some(text) if text.starts_with("--root=") => root = Some(PathBuf::from(&text["--root=".len()..])),
            _ => return Err(usage(format!("unknown flag: {}", word.display()), 125)),
        }
    }
    if root.as_ref().is_some_and(|root| root.as_os_str().is_empty()) {
        return Err(usage("invalid argument \"\" for \"--root\" flag: it is empty".to_owned(), 125));
    }
    let context = Context { root };
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

/// A usage error outside of any verb.
fn usage(text: String, code: u8) -> Failure {
    Failure::Usage { text: format!("{text}\nSee '{PROGRAM} --help'."), code }
}

/// The help on the flags in front of the verb.
fn global_flags() -> String {
    flag_table(GLOBAL_FLAGS)
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
