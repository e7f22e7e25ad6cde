//! Runs one case through one driver.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use serde_json::{Map, Value, json};

use crate::Result;
use crate::act::{Mounts, act};
use crate::case::{Call, Case, Fails, Step, step};
use crate::driver::{Answer, Driver, Failure};
use crate::given::Maker;
use crate::matching::matches;
use crate::registries::Registries;
use crate::variables::Variables;

/// Why a case failed.
pub struct Problem {
    /// What went wrong, with the step.
    pub text: String,
    /// Whether the driver cannot be used any more.
    pub broken: bool,
}

impl Problem {
    fn of(text: impl Into<String>) -> Problem {
        Problem { text: text.into(), broken: false }
    }
}

/// The variables of `same`, as a case that passed left them.
pub type Same = BTreeMap<String, Value>;

/// One case under way.
struct Run<'a> {
    driver: &'a mut Driver,
    language: &'a str,
    busybox: &'a Path,
    dir: PathBuf,
    variables: Variables,
    engines: Vec<String>,
    roots: Vec<String>,
    held: Vec<std::fs::File>,
    mounts: Mounts,
    registries: Registries,
}

/// Runs `case`. The driver may be used again unless the problem says that it is broken.
pub fn run_case(case: &Case, driver: &mut Driver, language: &str, busybox: &Path) -> Result<Same, Problem> {
    let folder = tempfile::Builder::new()
        .prefix("conformance-")
        .tempdir()
        .map_err(|error| Problem::of(format!("temporary folder: {error}")))?;
    let before = driver.holdings();
    let mut variables = Variables::default();
    let dir = folder.path().to_owned();
    variables.set("dir", dir.to_string_lossy());
    variables.set("root", dir.join("root").to_string_lossy());
    variables.set("language", language);
    let mut run = Run {
        driver,
        language,
        busybox,
        dir,
        variables,
        engines: Vec::new(),
        roots: Vec::new(),
        held: Vec::new(),
        mounts: Mounts::default(),
        registries: Registries::default(),
    };
    let steps = run.begin(case).and_then(|()| run.steps(case));
    // A broken driver is replaced; there is nothing to ask it.
    let left = if matches!(&steps, Err(problem) if problem.broken) { Ok(()) } else { run.finish(case) };
    steps.and(left)?;
    let Run { variables, held, mounts, registries, .. } = run;
    drop((held, mounts, registries));
    if let Some(leaked) = driver.leaked(&before) {
        return Err(Problem::of(format!("afterwards: the driver holds {leaked} more than before")));
    }
    let mut same = Same::new();
    for name in &case.same {
        let value =
            variables.get(name).ok_or_else(|| Problem::of(format!("same: ${{{name}}} is not set")))?;
        same.insert(name.clone(), value);
    }
    folder.close().map_err(|error| Problem::of(format!("afterwards: remove the case's folder: {error}")))?;
    Ok(same)
}

impl Run<'_> {
    fn maker<'b>(dir: &'b Path, busybox: &'b Path, held: &'b mut Vec<std::fs::File>) -> Maker<'b> {
        Maker { dir, busybox, held }
    }

    fn begin(&mut self, case: &Case) -> Result<(), Problem> {
        self.registries =
            Registries::start(&case.registries, &self.dir, &mut self.variables).map_err(Problem::of)?;
        let mut maker = Self::maker(&self.dir, self.busybox, &mut self.held);
        maker.make_all(&case.files, &mut self.variables).map_err(Problem::of)?;
        if case.engine != Value::Bool(false) {
            let mut args = case.engine.as_object().cloned().unwrap_or_default();
            args.entry("root").or_insert_with(|| "${root}".into());
            add_defaults(&mut args);
            self.call(&plain("engine_open", Value::Object(args))).map_err(in_step("open the engine"))?;
        }
        for (name, file) in &case.images {
            let args = json!({ "source": { "path": format!("${{dir}}/{file}") }, "name": name });
            self.call(&plain("images_import", args)).map_err(in_step(&format!("import {name}")))?;
        }
        Ok(())
    }

    fn steps(&mut self, case: &Case) -> Result<(), Problem> {
        for (n, value) in case.steps.iter().enumerate() {
            let place = match value.get("call").and_then(Value::as_str) {
                Some(call) => format!("step {} ({call})", n + 1),
                None => format!("step {}", n + 1),
            };
            match step(value).map_err(Problem::of)? {
                Step::Call(call) => self.call(&call).map_err(in_step(&place))?,
                Step::Act(spec) if Registries::does(&spec) => self
                    .registries
                    .act(&spec, &mut self.variables)
                    .map_err(|why| Problem::of(format!("{place}: {why}")))?,
                Step::Act(spec) => {
                    let mut maker = Self::maker(&self.dir, self.busybox, &mut self.held);
                    act(&spec, &mut self.variables, &mut maker, &mut self.mounts)
                        .map_err(|why| Problem::of(format!("{place}: {why}")))?;
                }
            }
        }
        Ok(())
    }

    fn ask(&mut self, request: Map<String, Value>) -> Result<Answer, Problem> {
        self.driver.ask(request).map_err(|text| Problem { text, broken: true })
    }

    fn call(&mut self, call: &Call) -> Result<(), Problem> {
        let engine = call.engine.clone().unwrap_or_else(|| "e".to_owned());
        let mut args = call.args.clone();
        if call.call == "engine_open" && !self.registries.is_empty() {
            add_defaults(&mut args);
        }
        let args = self.variables.fill(&Value::Object(args)).map_err(Problem::of)?;
        let mut request = Map::new();
        request.insert("op".to_owned(), call.call.clone().into());
        request.insert("engine".to_owned(), engine.clone().into());
        request.insert("args".to_owned(), args.clone());
        if call.wants_events() {
            request.insert("events".to_owned(), true.into());
        }
        if let Some(event) = &call.cancel_after {
            request.insert("cancel_after".to_owned(), self.variables.fill(event).map_err(Problem::of)?);
        }
        if let Some(after) = call.cancel_after_ms {
            request.insert("cancel_after_ms".to_owned(), after.into());
        }
        for (key, set) in [("cancelled", call.cancelled), ("fail_in_callback", call.fail_in_callback)] {
            if set {
                request.insert(key.to_owned(), true.into());
            }
        }
        let Answer { outcome, events } = self.ask(request)?;
        if call.call == "engine_open" && outcome.is_ok() {
            self.engines.push(engine);
            self.roots.extend(args["root"].as_str().map(str::to_owned));
        }
        self.check_outcome(call, outcome)?;
        if let Some(wanted) = &call.events {
            let wanted = json!({ "$sequence": wanted });
            matches(&wanted, &json!(events), &mut self.variables)
                .map_err(|why| Problem::of(format!("events{why}")))?;
        }
        matches(&json!({ "$excludes": call.no_events }), &json!(events), &mut self.variables)
            .map_err(|why| Problem::of(format!("events{why}")))
    }

    fn check_outcome(&mut self, call: &Call, outcome: Result<Value, Failure>) -> Result<(), Problem> {
        match (&call.fails, outcome) {
            (None, Ok(value)) => match &call.returns {
                Some(wanted) => matches(wanted, &value, &mut self.variables)
                    .map_err(|why| Problem::of(format!("returns{why}"))),
                None => Ok(()),
            },
            (None, Err(got)) => Err(Problem::of(format!(
                "wanted success, got {}: {} {}",
                got.code,
                got.message,
                Value::Object(got.fields)
            ))),
            (Some(wanted), Ok(value)) => {
                Err(Problem::of(format!("wanted failure {}, got success: {value}", wanted.code)))
            }
            (Some(wanted), Err(got)) => {
                self.check_failure(wanted, &got).map_err(|why| {
                    Problem::of(format!(
                        "fails: {why}; the error is {}: {} {}",
                        got.code,
                        got.message,
                        Value::Object(got.fields.clone())
                    ))
                })?;
                Ok(())
            }
        }
    }

    fn check_failure(&mut self, wanted: &Fails, got: &Failure) -> Result<()> {
        if wanted.code != got.code {
            return Err(format!("wanted code {}", wanted.code));
        }
        let message = match &wanted.message {
            None => Value::Null,
            Some(pattern @ Value::Object(_)) => pattern.clone(),
            Some(part) => json!({ "$contains": part }),
        };
        if message != Value::Null {
            matches(&message, &json!(got.message), &mut self.variables)
                .map_err(|why| format!("message{why}"))?;
        }
        if let Some(fields) = &wanted.fields {
            matches(fields, &Value::Object(got.fields.clone()), &mut self.variables)
                .map_err(|why| format!("fields{why}"))?;
        }
        match wanted.class.get(self.language) {
            Some(class) if got.class.as_ref() != Some(class) => {
                Err(format!("wanted class {class}, got {:?}", got.class))
            }
            _ => Ok(()),
        }
    }

    /// Closes everything and looks at what the case left.
    fn finish(&mut self, case: &Case) -> Result<(), Problem> {
        for engine in std::mem::take(&mut self.engines) {
            for op in ["engine_close", "forget"] {
                self.own(json!({ "op": op, "engine": engine }))?;
            }
        }
        let alive = self.own(json!({ "op": "handles" }))?;
        if alive != json!(0) {
            return Err(Problem::of(format!("afterwards: {alive} handle(s) are alive")));
        }
        self.roots.sort();
        self.roots.dedup();
        let wanted = case.problems.clone().unwrap_or_else(|| json!([]));
        for root in std::mem::take(&mut self.roots) {
            self.verify(&root, &wanted).map_err(in_step("afterwards: system_verify"))?;
        }
        let mut left = Vec::new();
        leftovers(&self.dir, &mut left);
        if !left.is_empty() {
            return Err(Problem::of(format!("afterwards: left behind: {}", left.join(", "))));
        }
        Ok(())
    }

    fn own(&mut self, request: Value) -> Result<Value, Problem> {
        self.driver
            .must(request)
            .map_err(|text| Problem { text: format!("afterwards: {text}"), broken: true })
    }

    /// A store that a case damaged is opened anew, so that nothing in memory covers it up.
    fn verify(&mut self, root: &str, wanted: &Value) -> Result<(), Problem> {
        self.own(json!({ "op": "engine_open", "engine": "verify", "args": { "root": root } }))?;
        let verify = json!({ "op": "system_verify", "engine": "verify" });
        let Value::Object(verify) = verify else { return Ok(()) };
        let answer = self.ask(verify)?;
        for op in ["engine_close", "forget"] {
            self.own(json!({ "op": op, "engine": "verify" }))?;
        }
        match answer.outcome {
            Ok(report) => {
                matches(&json!({ "problems": wanted }), &report, &mut self.variables).map_err(Problem::of)
            }
            Err(got) => Err(Problem::of(format!("{}: {}", got.code, got.message))),
        }
    }
}

/// How registries are reached where a case does not say: without the files and proxies of whoever runs it, and without many
/// waits.
fn add_defaults(args: &mut Map<String, Value>) {
    let given = args.remove("registry").unwrap_or_else(|| json!({}));
    let mut registry =
        json!({ "docker_config": "${dir}/docker", "certs_dirs": [], "proxy": "", "retries": 2 });
    match (&mut registry, given) {
        (Value::Object(registry), Value::Object(given)) => registry.extend(given),
        (registry, given) => *registry = given,
    }
    args.insert("registry".to_owned(), registry);
}

fn plain(call: &str, args: Value) -> Call {
    Call {
        call: call.to_owned(),
        engine: None,
        args: args.as_object().cloned().unwrap_or_default(),
        returns: None,
        fails: None,
        events: None,
        no_events: Vec::new(),
        cancel_after: None,
        cancelled: false,
        cancel_after_ms: None,
        fail_in_callback: false,
    }
}

fn in_step(place: &str) -> impl FnOnce(Problem) -> Problem + '_ {
    move |problem| Problem { text: format!("{place}: {}", problem.text), ..problem }
}

/// Files that an operation should have taken away: what `core/src/fs.rs` writes before it renames, what stands in the
/// store's temporary places, and the folders of containers.
fn leftovers(folder: &Path, left: &mut Vec<String>) {
    let Ok(entries) = std::fs::read_dir(folder) else { return };
    for entry in entries.flatten() {
        let path = entry.path();
        let name = entry.file_name().to_string_lossy().into_owned();
        let place = folder.file_name().unwrap_or_default();
        let within = ["partial", "containers", "tmp"].iter().any(|name| place == *name);
        if name.starts_with(".layerkit-") || (within && folder.parent().is_some_and(is_store)) {
            left.push(path.display().to_string());
        } else if path.is_dir() && !path.is_symlink() {
            leftovers(&path, left);
        }
    }
}

fn is_store(folder: &Path) -> bool {
    folder.join("layerkit.db").exists()
}
