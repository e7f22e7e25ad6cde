//! What must hold of the cases and the drivers as a whole.

use std::collections::BTreeSet;

use serde_json::Value;

use crate::ops::Ops;

/// Differences between two lists of names.
fn differences(what: &str, wanted: &[&str], got: &Value, problems: &mut Vec<String>) {
    let wanted: BTreeSet<&str> = wanted.iter().copied().collect();
    let got: BTreeSet<&str> = got.as_array().into_iter().flatten().filter_map(Value::as_str).collect();
    for name in wanted.difference(&got) {
        problems.push(format!("{what} {name:?} of ops.json is missing"));
    }
    for name in got.difference(&wanted) {
        problems.push(format!("{what} {name:?} is not in ops.json (for this version)"));
    }
}

/// What is wrong with a driver's `hello`.
pub fn hello_problems(ops: &Ops, language: &str, hello: &Value) -> Vec<String> {
    let mut problems = Vec::new();
    if hello["language"] != language {
        problems.push(format!("says that its language is {}", hello["language"]));
    }
    if hello["version"] != ops.version.as_str() {
        problems.push(format!("is of version {}, the cases are for {}", hello["version"], ops.version));
    }
    differences("operation", &ops.current_operations(), &hello["operations"], &mut problems);
    differences("error code", &ops.current_errors(), &hello["errors"], &mut problems);
    problems
}

/// What no case provokes: `failures` are operations and the codes that cases have them fail with.
pub fn coverage_problems(ops: &Ops, failures: &BTreeSet<(String, String)>) -> Vec<String> {
    let mut problems = Vec::new();
    for (code, entry) in ops.errors.iter().filter(|(_, entry)| ops.has(&entry.since)) {
        let provoked = failures.iter().any(|(_, got)| got == code);
        match &entry.unprovokable {
            None if !provoked => problems.push(format!("no case provokes the error code {code}")),
            Some(reason) if provoked => {
                problems.push(format!("{code} is marked unprovokable ({reason}), and a case provokes it"));
            }
            _ => {}
        }
    }
    for (name, entry) in ops.operations.iter().filter(|(_, entry)| ops.has(&entry.since)) {
        let failed = failures.iter().any(|(operation, _)| operation == name);
        match &entry.infallible {
            None if !failed => problems.push(format!("no case has {name} fail")),
            Some(reason) if failed => {
                problems.push(format!("{name} is marked infallible ({reason}), and a case has it fail"));
            }
            _ => {}
        }
        if entry.events && !failures.contains(&(name.clone(), "cancelled".to_owned())) {
            problems.push(format!("no case cancels {name}"));
        }
    }
    problems
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn ops() -> Ops {
        serde_json::from_value(json!({
            "version": "0.1.0",
            "languages": ["rust"],
            "cannot": {},
            "operations": {
                "get": {"since": "0.1.0", "args": ["image"]},
                "load": {"since": "0.1.0", "args": [], "events": true},
                "close": {"since": "0.1.0", "args": [], "infallible": "idempotent"},
                "pull": {"since": "0.2.0", "args": []},
            },
            "errors": {
                "not_found": {"since": "0.1.0"},
                "network": {"since": "0.2.0"},
                "internal": {"since": "0.1.0", "unprovokable": "a defect"},
            },
        }))
        .unwrap()
    }

    fn failures(list: &[(&str, &str)]) -> BTreeSet<(String, String)> {
        list.iter().map(|(a, b)| ((*a).to_owned(), (*b).to_owned())).collect()
    }

    #[test]
    fn a_driver_with_other_operations_or_codes_is_noticed() {
        let right = json!({
            "language": "rust", "version": "0.1.0",
            "operations": ["close", "get", "load"], "errors": ["internal", "not_found"],
        });
        assert!(hello_problems(&ops(), "rust", &right).is_empty());
        let mut wrong = right.clone();
        wrong["operations"] = json!(["get", "pull"]);
        wrong["errors"] = json!(["not_found"]);
        assert_eq!(hello_problems(&ops(), "c", &wrong).len(), 5);
    }

    #[test]
    fn what_no_case_provokes_is_noticed() {
        let mut ops = ops();
        ops.errors.insert("cancelled".into(), ops.errors["not_found"].clone());
        let all = [("get", "not_found"), ("load", "cancelled")];
        assert!(coverage_problems(&ops, &failures(&all)).is_empty());
        assert_eq!(coverage_problems(&ops, &failures(&[])).len(), 5);
        let marked = failures(&[all[0], all[1], ("close", "internal")]);
        assert_eq!(coverage_problems(&ops, &marked).len(), 2);
    }
}
