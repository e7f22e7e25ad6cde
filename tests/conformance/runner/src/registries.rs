//! The registries of a case: started for it in this process, put to test by its acts, stopped after it.
//!
//! A registry is `{"options": {…}, "images": {name: image}, "files": {path: file}, "faults": [rule, …]}`. Options and rules are those of
//! tests/registry; an image is what [`crate::given::stored`] makes, under a name without a host: `team/app:1`, or `team/app@…` for
//! one that has its digest only. It sets `${r}` (host and port), `${r.url}`, `${r.proxy}`, and `${r.ca}`, `${r.cert}`, `${r.key}` (paths).
//!
//! An act is an object with one of these keys:
//! `faults` (registry to list of rules, instead of those there are), `requests` (a registry) with `method`, `path` (a part), `with` (a pattern), and `count`, `at_most`, `is`
//! or `clear`, `registry` with `has` (name to pattern), `tags` (repository to list), `put` (images), `files`, `remove` (blobs) or `stop`.

use std::collections::BTreeMap;
use std::path::Path;

use layerkit_testing::{FaultRule, Options, Registry, ServedFile};
use serde::de::DeserializeOwned;
use serde_json::{Map, Value, json};

use crate::Result;
use crate::matching::matches;
use crate::variables::Variables;

/// The keys of acts that are done here.
const ACTS: [&str; 3] = ["faults", "requests", "registry"];

/// The registries of a case, by name. Dropped, they stop.
#[derive(Default)]
pub struct Registries(BTreeMap<String, Registry>);

fn parsed<T: DeserializeOwned>(value: Value) -> Result<T> {
    serde_json::from_value(value.clone()).map_err(|error| format!("{error}: {value}"))
}

/// Repository and reference of a name.
fn parts(name: &str) -> Result<(&str, &str)> {
    name.split_once('@')
        .or_else(|| name.rsplit_once(':'))
        .ok_or_else(|| format!("{name:?} has neither tag nor digest"))
}

impl Registries {
    /// Starts those of a case, and sets their variables.
    pub fn start(specs: &Map<String, Value>, dir: &Path, variables: &mut Variables) -> Result<Registries> {
        let mut started = BTreeMap::new();
        for (name, spec) in specs {
            let about = |why: String| format!("registry {name:?}: {why}");
            let options: Options =
                parsed(spec.get("options").cloned().unwrap_or_else(|| json!({}))).map_err(about)?;
            let registry = Registry::start(options).map_err(about)?;
            variables.set(name, registry.host());
            variables.set(&format!("{name}.url"), registry.url());
            registry.proxy_url().into_iter().for_each(|url| variables.set(&format!("{name}.proxy"), url));
            let identity = registry.client_identity();
            let files = [
                ("ca", registry.ca_pem()),
                ("cert", identity.as_ref().map(|identity| identity.certificate_pem.clone())),
                ("key", identity.map(|identity| identity.key_pem)),
            ];
            for (kind, pem) in files {
                let path = dir.join(format!("{name}.{kind}.pem"));
                if let Some(pem) = pem {
                    std::fs::write(&path, pem).map_err(|error| about(error.to_string()))?;
                    variables.set(&format!("{name}.{kind}"), path.to_string_lossy());
                }
            }
            put(&registry, spec.get("images"), variables).map_err(about)?;
            serve(&registry, spec.get("files"), variables).map_err(about)?;
            set_faults(&registry, spec.get("faults"), variables).map_err(about)?;
            started.insert(name.clone(), registry);
        }
        Ok(Registries(started))
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Whether an act is one of these.
    pub fn does(spec: &Map<String, Value>) -> bool {
        ACTS.iter().any(|act| spec.contains_key(*act))
    }

    /// Does an act. `Err` says what is wrong.
    pub fn act(&self, spec: &Map<String, Value>, variables: &mut Variables) -> Result<()> {
        if let Some(rules) = spec.get("faults") {
            for (name, rules) in rules.as_object().ok_or("faults is an object of registries")? {
                set_faults(self.get(name)?, Some(rules), variables)?;
            }
            return Ok(());
        }
        let name = |key: &str| spec.get(key).and_then(Value::as_str);
        match (name("requests"), name("registry")) {
            (Some(name), _) => requests(self.get(name)?, spec, variables),
            (_, Some(name)) => contents(self.get(name)?, spec, variables),
            _ => Err(format!("no such act: {}", Value::Object(spec.clone()))),
        }
    }

    fn get(&self, name: &str) -> Result<&Registry> {
        self.0.get(name).ok_or_else(|| format!("there is no registry {name:?}"))
    }
}

fn set_faults(registry: &Registry, rules: Option<&Value>, variables: &Variables) -> Result<()> {
    registry.clear_faults();
    let rules: Vec<FaultRule> = match rules {
        Some(rules) => parsed(variables.fill(rules)?)?,
        None => Vec::new(),
    };
    rules.into_iter().for_each(|rule| registry.fault(rule));
    Ok(())
}

fn put(registry: &Registry, images: Option<&Value>, variables: &mut Variables) -> Result<()> {
    for (name, spec) in images.and_then(Value::as_object).into_iter().flatten() {
        let name = variables.fill_text(name)?;
        let (repository, reference) = parts(&name)?;
        let made = crate::given::stored(&variables.fill(spec)?).map_err(|why| format!("{name}: {why}"))?;
        for blob in made.blobs {
            registry.put_blob(repository, blob);
        }
        let last = made.manifests.len() - 1;
        for (n, manifest) in made.manifests.into_iter().enumerate() {
            let digest = crate::given::digest(&manifest.bytes);
            let named = n == last && !name.contains('@');
            let reference = if named { reference } else { &digest };
            registry.put_manifest(repository, reference, &manifest.media_type, manifest.bytes);
        }
        made.ids.into_iter().for_each(|(name, value)| variables.set(&name, value));
    }
    Ok(())
}

/// Serves files by their paths, `null` no longer.
fn serve(registry: &Registry, files: Option<&Value>, variables: &Variables) -> Result<()> {
    for (path, spec) in files.and_then(Value::as_object).into_iter().flatten() {
        let spec = variables.fill(spec)?;
        if spec.is_null() {
            registry.remove_file(path);
            continue;
        }
        let headers = spec.get("headers").cloned().unwrap_or_else(|| json!({}));
        let file = ServedFile {
            bytes: crate::given::bytes(&spec).map_err(|why| format!("{path}: {why}"))?.into(),
            headers: parsed(headers)?,
            login: spec.get("login").and_then(Value::as_str).map(str::to_owned),
        };
        registry.put_file(path, file);
    }
    Ok(())
}

/// Looks at the requests that came: those that fit are counted, or compared as a list.
fn requests(registry: &Registry, spec: &Map<String, Value>, variables: &mut Variables) -> Result<()> {
    let text =
        |key: &str| spec.get(key).and_then(Value::as_str).map(|text| variables.fill_text(text)).transpose();
    let (method, path) = (text("method")?, text("path")?);
    let mut found = Vec::new();
    for request in registry.requests() {
        let fits = method.as_ref().is_none_or(|wanted| *wanted == request.method)
            && path.as_ref().is_none_or(|part| request.path.contains(part.as_str()));
        let request = serde_json::to_value(request).map_err(|error| error.to_string())?;
        let with =
            spec.get("with").is_none_or(|with| matches(with, &request, &mut variables.clone()).is_ok());
        if fits && with {
            found.push(request);
        }
    }
    let number = |key: &str| spec.get(key).and_then(Value::as_u64);
    let count = found.len() as u64;
    if number("count").is_some_and(|wanted| wanted != count)
        || number("at_most").is_some_and(|most| count > most)
    {
        let all = registry.requests();
        let all = all
            .iter()
            .map(|request| format!("\n      {} {} {}", request.method, request.path, request.status));
        return Err(format!("{count} such requests came; all:{}", all.collect::<String>()));
    }
    if let Some(wanted) = spec.get("is") {
        matches(wanted, &Value::Array(found), variables)?;
    }
    if spec.get("clear") == Some(&Value::Bool(true)) {
        registry.clear_requests();
    }
    Ok(())
}

/// Looks at what a registry has, or changes it.
fn contents(registry: &Registry, spec: &Map<String, Value>, variables: &mut Variables) -> Result<()> {
    put(registry, spec.get("put"), variables)?;
    serve(registry, spec.get("files"), variables)?;
    for name in spec.get("remove").and_then(Value::as_array).into_iter().flatten() {
        let name = variables.fill_text(name.as_str().unwrap_or_default())?;
        let (repository, digest) = parts(&name)?;
        if !registry.remove_blob(repository, digest) {
            return Err(format!("there is no blob {name}"));
        }
    }
    for (repository, wanted) in spec.get("tags").and_then(Value::as_object).into_iter().flatten() {
        matches(wanted, &json!(registry.tags(repository)), variables).map_err(|why| format!("tags{why}"))?;
    }
    for (name, wanted) in spec.get("has").and_then(Value::as_object).into_iter().flatten() {
        let name = variables.fill_text(name)?;
        let (repository, reference) = parts(&name)?;
        let found = match (registry.manifest(repository, reference), registry.blob(repository, reference)) {
            (Some((media_type, bytes)), _) => json!({
                "digest": crate::given::digest(&bytes),
                "media_type": media_type,
                "size": bytes.len(),
                "json": serde_json::from_slice::<Value>(&bytes).unwrap_or_default(),
            }),
            (None, Some(blob)) => json!({ "digest": crate::given::digest(&blob), "size": blob.len() }),
            (None, None) => Value::Null,
        };
        matches(wanted, &found, variables).map_err(|why| format!("{name}{why}"))?;
    }
    if spec.get("stop") == Some(&Value::Bool(true)) {
        registry.stop();
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn object(value: Value) -> Map<String, Value> {
        value.as_object().unwrap().clone()
    }

    #[test]
    fn a_registry_has_what_it_was_given_and_acts_look_at_it() {
        let dir = tempfile::tempdir().unwrap();
        let mut variables = Variables::default();
        let image = json!({ "layers": [[{ "file": "x" }]], "format": "docker", "config": { "architecture": "arm" }, "as": "a" });
        let specs = json!({ "r": {
            "options": { "tls": "valid" },
            "images": { "app:1": { "platforms": [image], "as": "x" }, "app@raw": { "raw": {}, "as": "w" } },
        } });
        let registries = Registries::start(&object(specs), dir.path(), &mut variables).unwrap();
        let mut act = |spec: Value| registries.act(&object(spec), &mut variables);
        act(json!({ "registry": "r", "tags": { "app": ["1"] }, "has": {
            "app:1": { "digest": "${x.manifest}", "json": { "manifests": [{ "digest": "${a.manifest}", "platform": { "architecture": "arm" } }] } },
            "app@${a.manifest}": { "media_type": DOCKER, "size": "${a.size}" },
            "app@${a.layer0}": { "size": { "$min": 1 } },
            "app@${w.manifest}": { "size": 2 },
            "app:2": null,
        } }))
        .unwrap();
        act(json!({ "requests": "r", "count": 0, "is": [], "clear": true })).unwrap();
        assert!(act(json!({ "requests": "r", "count": 1 })).unwrap_err().contains("0 such requests"));
        act(json!({ "registry": "r", "remove": ["app@${a.layer0}"], "has": { "app@${a.layer0}": null } }))
            .unwrap();
        assert!(act(json!({ "registry": "r", "has": { "app:1": null } })).is_err());
        assert!(act(json!({ "registry": "q" })).unwrap_err().contains("no registry"));
        assert!(act(json!({ "faults": { "r": [{ "fault": "unheard" }] } })).is_err());
        for name in ["r", "r.url", "r.ca", "r.cert", "r.key"] {
            assert!(variables.get(name).is_some(), "{name}");
        }
    }

    const DOCKER: &str = "application/vnd.docker.distribution.manifest.v2+json";
}
