//! The cases as data: read from `cases/<area>/*.json`. The format is described in cases/README.md.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use serde::Deserialize;
use serde_json::{Map, Value};

use crate::Result;
use crate::variables::Variables;

/// One case.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Case {
    /// What holds, as a sentence.
    pub name: String,
    /// The case is run once for each of these, which set variables.
    #[serde(default)]
    each: Vec<Map<String, Value>>,
    /// What must be so for it: `root` or `user`, `run` (steps of builds can run here).
    #[serde(default)]
    pub needs: Vec<String>,
    /// Registries that run beside it: a name, and `options`, `images`, `faults`; see [`crate::registries`].
    #[serde(default)]
    pub registries: Map<String, Value>,
    /// Files that are there, by path under `${dir}`.
    #[serde(default)]
    pub files: Map<String, Value>,
    /// Images that are in the store of engine `e`: a name, and the file under `${dir}` that is imported.
    #[serde(default)]
    pub images: BTreeMap<String, String>,
    /// `false`: no engine is opened beforehand. Otherwise engine `e` is open on `${root}`, with these arguments beside.
    #[serde(default = "Value::default")]
    pub engine: Value,
    /// What happens.
    pub steps: Vec<Value>,
    /// What `system_verify` finds in the end; nothing when it is not given.
    #[serde(default)]
    pub problems: Option<Value>,
    /// Variables that must come out the same in every language.
    #[serde(default)]
    pub same: Vec<String>,
    /// Why it is known to fail now.
    #[serde(default)]
    pub known_failure: Option<String>,
}

/// One step of a case.
#[derive(Clone, Debug)]
pub enum Step {
    /// A call of the driver.
    Call(Box<Call>),
    /// Something the runner does or looks at; see [`crate::act`].
    Act(Map<String, Value>),
}

/// A call and what is wanted of it.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Call {
    /// The operation.
    pub call: String,
    /// The handle; `e` when none is given.
    #[serde(default)]
    pub engine: Option<String>,
    /// Arguments.
    #[serde(default)]
    pub args: Map<String, Value>,
    /// A pattern for the result.
    #[serde(default, deserialize_with = "some")]
    pub returns: Option<Value>,
    /// The error it fails with.
    #[serde(default)]
    pub fails: Option<Fails>,
    /// Patterns of events that come in this order, with others between them.
    #[serde(default)]
    pub events: Option<Vec<Value>>,
    /// Patterns that no event matches.
    #[serde(default)]
    pub no_events: Vec<Value>,
    /// See the protocol.
    #[serde(default)]
    pub cancel_after: Option<Value>,
    /// See the protocol.
    #[serde(default)]
    pub cancelled: bool,
    /// See the protocol.
    #[serde(default)]
    pub cancel_after_ms: Option<u64>,
    /// See the protocol.
    #[serde(default)]
    pub fail_in_callback: bool,
}

/// The error a call fails with.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Fails {
    /// Its code.
    pub code: String,
    /// Text within the message, or a pattern.
    #[serde(default)]
    pub message: Option<Value>,
    /// A pattern for the fields.
    #[serde(default)]
    pub fields: Option<Value>,
    /// The class by language.
    #[serde(default)]
    pub class: BTreeMap<String, String>,
}

/// `null` is a pattern, not the absence of one.
fn some<'de, D: serde::Deserializer<'de>>(deserializer: D) -> Result<Option<Value>, D::Error> {
    Value::deserialize(deserializer).map(Some)
}

impl Call {
    /// Whether the driver hands a callback to the operation and reports events.
    pub fn wants_events(&self) -> bool {
        self.events.is_some() || !self.no_events.is_empty()
    }

    /// The keys of its request that some languages may be unable to do.
    pub fn request_keys(&self) -> Vec<&'static str> {
        self.cancel_after_ms.map(|_| "cancel_after_ms").into_iter().collect()
    }
}

/// Reads a step.
pub fn step(value: &Value) -> Result<Step> {
    match value {
        Value::Object(map) if map.contains_key("call") => serde_json::from_value(value.clone())
            .map(|call| Step::Call(Box::new(call)))
            .map_err(|error| format!("{error}: {value}")),
        Value::Object(map) => Ok(Step::Act(map.clone())),
        _ => Err(format!("a step is an object: {value}")),
    }
}

impl Case {
    /// The calls among its steps.
    pub fn calls(&self) -> Vec<Call> {
        self.steps
            .iter()
            .filter_map(|value| match step(value) {
                Ok(Step::Call(call)) => Some(*call),
                _ => None,
            })
            .collect()
    }
}

/// Reads every case below this folder, in the order of their paths.
pub fn read_all(folder: &Path) -> Result<Vec<Case>> {
    let mut paths = Vec::new();
    find(folder, &mut paths).map_err(|error| format!("{}: {error}", folder.display()))?;
    paths.sort();
    let mut cases: Vec<Case> = Vec::new();
    for path in paths {
        let shown = path.strip_prefix(folder).unwrap_or(&path).with_extension("");
        let text = std::fs::read_to_string(&path).map_err(|error| format!("{}: {error}", path.display()))?;
        for case in parse(&text).map_err(|error| format!("{}: {error}", path.display()))? {
            let name = format!("{}: {}", shown.display(), case.name);
            if cases.iter().any(|other| other.name == name) {
                return Err(format!("two cases are named {name:?}"));
            }
            cases.push(Case { name, ..case });
        }
    }
    Ok(cases)
}

fn find(folder: &Path, paths: &mut Vec<PathBuf>) -> std::io::Result<()> {
    for entry in std::fs::read_dir(folder)? {
        let path = entry?.path();
        if path.is_dir() {
            find(&path, paths)?;
        } else if path.extension().is_some_and(|extension| extension == "json") {
            paths.push(path);
        }
    }
    Ok(())
}

/// The cases of one file, with `each` spread out.
fn parse(text: &str) -> Result<Vec<Case>> {
    let value: Value = serde_json::from_str(text).map_err(|error| error.to_string())?;
    let values = match value {
        Value::Array(values) => values,
        one => vec![one],
    };
    let mut cases = Vec::new();
    for value in values {
        let case: Case = serde_json::from_value(value.clone())
            .map_err(|error| format!("{error} in {}", value.get("name").unwrap_or(&Value::Null)))?;
        if case.each.is_empty() {
            cases.push(case);
            continue;
        }
        for variant in &case.each {
            let mut variables = Variables::default();
            variant.iter().for_each(|(name, value)| variables.set(name, value.clone()));
            let filled = variables.fill_known(&value);
            let one: Case = serde_json::from_value(filled).map_err(|error| error.to_string())?;
            let suffix = Value::Object(variant.clone());
            let name = if one.name == case.name { format!("{} {suffix}", one.name) } else { one.name };
            cases.push(Case { name, each: Vec::new(), ..one });
        }
    }
    for case in &cases {
        case.steps
            .iter()
            .try_for_each(|value| step(value).map(drop).map_err(|why| format!("{}: {why}", case.name)))?;
    }
    Ok(cases)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_makes_a_case_of_every_variant() {
        let cases = parse(
            r#"{"name": "reads ${kind}", "each": [{"kind": "a"}, {"kind": "b"}],
                "steps": [{"call": "x", "args": {"k": "${kind}", "other": "${later}"}}]}"#,
        )
        .unwrap();
        assert_eq!(cases.len(), 2);
        assert_eq!(cases[1].name, "reads b");
        assert_eq!(cases[1].calls()[0].args["k"], "b");
        assert_eq!(cases[1].calls()[0].args["other"], "${later}");
    }

    #[test]
    fn a_misspelt_key_is_an_error() {
        assert!(parse(r#"{"name": "x", "steps": [], "step": []}"#).is_err());
        assert!(parse(r#"{"name": "x", "steps": [{"call": "x", "return": 1}]}"#).is_err());
    }
}
