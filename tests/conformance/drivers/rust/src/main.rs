//! The conformance driver of Rust: reads requests as JSON lines, calls layerkit's public API, writes answers.
//!
//! See tests/conformance/README.md for the protocol. Knows no rule of the library.
#![allow(clippy::disallowed_methods)] // opens the files that stand for a caller's streams

mod containers;
mod operations;
mod streams;
mod watch;

use std::collections::HashMap;
use std::io::{BufRead, Write};

use layerkit::{Engine, Error, ErrorKind};
use serde::Deserialize;
use serde_json::{Map, Value, json};

use crate::watch::Watch;

/// One request of the runner.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Request {
    id: u64,
    op: String,
    #[serde(default)]
    engine: String,
    #[serde(default)]
    args: Map<String, Value>,
    #[serde(flatten)]
    watch: Watch,
}

/// Why a request failed.
enum Failure {
    /// The library's error.
    Library(Error),
    /// The driver could not do what was asked.
    Driver(String),
}

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        Failure::Library(error)
    }
}

impl From<serde_json::Error> for Failure {
    fn from(error: serde_json::Error) -> Self {
        Failure::Driver(error.to_string())
    }
}

type Answer = Result<Value, Failure>;

/// Writes one line of the answer to request `id`.
fn write_line(id: u64, key: &str, value: Value) {
    let line = json!({ "id": id, key: value });
    let mut out = std::io::stdout().lock();
    // A runner that went away ends this process at its next read.
    let _ = writeln!(out, "{line}").and_then(|()| out.flush());
}

fn hello() -> Value {
    json!({
        "language": "rust",
        "version": env!("CARGO_PKG_VERSION"),
        "operations": operations::NAMES,
        "errors": ErrorKind::ALL.iter().map(|(_, code)| *code).collect::<Vec<_>>(),
    })
}

fn answer(engines: &mut HashMap<String, Engine>, request: Request) -> Answer {
    match request.op.as_str() {
        "hello" => Ok(hello()),
        "handles" => Ok(json!(engines.len())),
        "forget" => {
            engines.remove(&request.engine);
            Ok(Value::Null)
        }
        "engine_open" => {
            let options = serde_json::from_value(Value::Object(request.args))?;
            engines.insert(request.engine, Engine::open(&options)?);
            Ok(Value::Null)
        }
        _ => {
            let engine = engines
                .get(&request.engine)
                .ok_or_else(|| Failure::Driver(format!("no engine named {:?}", request.engine)))?;
            let task = request.watch.task(request.id)?;
            operations::call(engine, &request.op, request.args, &task)
        }
    }
}

fn error_value(failure: Failure) -> Value {
    match failure {
        Failure::Driver(message) => json!({ "code": "driver", "message": message, "fields": {} }),
        Failure::Library(error) => {
            let fields: Map<String, Value> =
                error.fields().iter().map(|(name, value)| ((*name).to_owned(), json!(value))).collect();
            json!({ "code": error.code(), "message": error.to_string(), "fields": fields })
        }
    }
}

fn main() {
    let mut engines = HashMap::new();
    for line in std::io::stdin().lock().lines() {
        let Ok(line) = line else { break };
        let request: Request = match serde_json::from_str(&line) {
            Ok(request) => request,
            Err(error) => {
                write_line(0, "error", error_value(error.into()));
                continue;
            }
        };
        let id = request.id;
        match answer(&mut engines, request) {
            Ok(value) => write_line(id, "ok", value),
            Err(failure) => write_line(id, "error", error_value(failure)),
        }
    }
}
