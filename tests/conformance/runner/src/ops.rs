//! `ops.json`: every operation and error code, with the version that brings it and what it is excused from.

use std::collections::BTreeMap;
use std::path::Path;

use serde::Deserialize;

use crate::Result;

/// The list of operations and error codes.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Ops {
    /// The version that the cases are for.
    pub version: String,
    /// The languages that must have a driver.
    pub languages: Vec<String>,
    /// Keys of a request that a language has no way to do, with the reason.
    pub cannot: BTreeMap<String, BTreeMap<String, String>>,
    /// The operations.
    pub operations: BTreeMap<String, Operation>,
    /// The error codes.
    pub errors: BTreeMap<String, ErrorCode>,
}

/// One operation.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Operation {
    /// The version that brings it.
    pub since: String,
    /// Its positional arguments.
    pub args: Vec<String>,
    /// The option struct of the core whose keys it takes; none: it takes no more than `args`.
    #[serde(default)]
    pub options: Option<String>,
    /// Whether it sends events.
    #[serde(default)]
    pub events: bool,
    /// Why it cannot fail.
    #[serde(default)]
    pub infallible: Option<String>,
}

/// One error code.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ErrorCode {
    /// The version that brings it.
    pub since: String,
    /// Why no case can provoke it.
    #[serde(default)]
    pub unprovokable: Option<String>,
}

fn parts(version: &str) -> Vec<u64> {
    version.split('.').map(|part| part.parse().unwrap_or(0)).collect()
}

impl Ops {
    /// Reads `ops.json` of this folder.
    pub fn read(suite: &Path) -> Result<Ops> {
        let path = suite.join("ops.json");
        let text = std::fs::read_to_string(&path).map_err(|error| format!("{}: {error}", path.display()))?;
        serde_json::from_str(&text).map_err(|error| format!("{}: {error}", path.display()))
    }

    /// Whether what is there `since` this version is there now.
    pub fn has(&self, since: &str) -> bool {
        parts(since) <= parts(&self.version)
    }

    /// The operations a driver must have, sorted.
    pub fn current_operations(&self) -> Vec<&str> {
        self.operations.iter().filter(|(_, op)| self.has(&op.since)).map(|(name, _)| name.as_str()).collect()
    }

    /// The error codes a language must know, sorted.
    pub fn current_errors(&self) -> Vec<&str> {
        self.errors.iter().filter(|(_, code)| self.has(&code.since)).map(|(name, _)| name.as_str()).collect()
    }
}
