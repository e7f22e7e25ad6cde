//! Whether a value is what a case wants.
//!
//! Objects match in part: keys that the pattern does not name may be there. Lists match whole. The string `${x}` of a
//! variable that is not set takes the value. An object with one key that begins with `$` is a rule; see [`rule`].

use serde_json::{Map, Value};

use crate::variables::{Variables, whole};

/// Why a value is not what was wanted.
pub type Mismatch = String;

/// Compares `got` with `wanted`, and sets the variables that the pattern names first here.
pub fn matches(wanted: &Value, got: &Value, variables: &mut Variables) -> Result<(), Mismatch> {
    at("", wanted, got, variables)
}

fn shown(value: &Value) -> String {
    let text = value.to_string();
    match text.char_indices().nth(2000) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text,
    }
}

fn differs(path: &str, wanted: &Value, got: &Value) -> Mismatch {
    let path = if path.is_empty() { "the answer" } else { path };
    format!("{path}: wanted {}, got {}", shown(wanted), shown(got))
}

fn at(path: &str, wanted: &Value, got: &Value, variables: &mut Variables) -> Result<(), Mismatch> {
    match wanted {
        Value::String(text) => {
            if let Some(name) = whole(text).filter(|name| variables.get(name).is_none()) {
                variables.set(name, got.clone());
                return Ok(());
            }
            let filled = variables.fill(wanted)?;
            if filled == *got { Ok(()) } else { Err(differs(path, &filled, got)) }
        }
        Value::Object(pattern) => match single_rule(pattern) {
            Some((name, argument)) => rule(path, name, argument, got, variables),
            None => object(path, pattern, got, variables),
        },
        Value::Array(items) => list(path, wanted, items, got, variables),
        other if other == got => Ok(()),
        other => Err(differs(path, other, got)),
    }
}

fn single_rule(pattern: &Map<String, Value>) -> Option<(&str, &Value)> {
    match pattern.iter().next() {
        Some((name, argument)) if pattern.len() == 1 && name.starts_with('$') && !name.starts_with("${") => {
            Some((name, argument))
        }
        _ => None,
    }
}

fn object(
    path: &str,
    pattern: &Map<String, Value>,
    got: &Value,
    variables: &mut Variables,
) -> Result<(), Mismatch> {
    let Value::Object(got) = got else {
        return Err(differs(path, &Value::Object(pattern.clone()), got));
    };
    for (key, wanted) in pattern {
        let key = variables.fill_text(key)?;
        let here = format!("{path}.{key}");
        match got.get(&key) {
            _ if *wanted == absent() => {
                if let Some(value) = got.get(&key) {
                    return Err(format!("{here}: is there and should not be: {}", shown(value)));
                }
            }
            None => {
                return Err(format!("{here}: is missing; there are {:?}", got.keys().collect::<Vec<_>>()));
            }
            Some(value) => at(&here, wanted, value, variables)?,
        }
    }
    Ok(())
}

fn absent() -> Value {
    serde_json::json!({ "$absent": true })
}

fn list(
    path: &str,
    wanted: &Value,
    items: &[Value],
    got: &Value,
    variables: &mut Variables,
) -> Result<(), Mismatch> {
    match got {
        Value::Array(got_items) if got_items.len() == items.len() => items
            .iter()
            .zip(got_items)
            .enumerate()
            .try_for_each(|(i, (wanted, got))| at(&format!("{path}[{i}]"), wanted, got, variables)),
        _ => Err(differs(path, wanted, got)),
    }
}

/// The rules:
/// `$any` (anything), `$glob` (text, `*` stands for any characters), `$contains` (text within the text, or a list of them), `$not` (a pattern that must
/// not match), `$bind` (`[name, pattern]`), `$length`, `$min`, `$max`, `$keys` (an object that has exactly these keys and matches), `$includes` (a list
/// that has an item for each of these patterns), `$unordered` (a list of these, in any order), `$sequence` (a list that has these in this
/// order, others between them), `$excludes` (a list in which nothing matches one of these).
fn rule(
    path: &str,
    name: &str,
    argument: &Value,
    got: &Value,
    variables: &mut Variables,
) -> Result<(), Mismatch> {
    let fail = |what: &str| Err(format!("{path}: wanted {what} {}, got {}", shown(argument), shown(got)));
    let check = |holds: bool, what: &str| if holds { Ok(()) } else { fail(what) };
    match name {
        "$any" => Ok(()),
        "$glob" => {
            let pattern = variables.fill_text(argument.as_str().unwrap_or_default())?;
            check(got.as_str().is_some_and(|text| glob(&pattern, text)), "something like")
        }
        "$contains" => {
            let parts: Vec<&Value> = match argument {
                Value::Array(parts) => parts.iter().collect(),
                one => vec![one],
            };
            for part in parts {
                let part = variables.fill_text(part.as_str().unwrap_or_default())?;
                if !got.as_str().is_some_and(|text| text.contains(&part)) {
                    return Err(format!("{path}: wanted text with {part:?}, got {}", shown(got)));
                }
            }
            Ok(())
        }
        "$not" => check(at(path, argument, got, &mut variables.clone()).is_err(), "anything but"),
        "$bind" => {
            let (Some(Value::String(name)), Some(pattern)) = (argument.get(0), argument.get(1)) else {
                return fail("[name, pattern] for");
            };
            at(path, pattern, got, variables)?;
            variables.set(name, got.clone());
            Ok(())
        }
        "$length" => {
            let length = match got {
                Value::Array(items) => Some(items.len()),
                Value::Object(map) => Some(map.len()),
                Value::String(text) => Some(text.len()),
                _ => None,
            };
            check(length.map(Value::from).as_ref() == Some(argument), "the length")
        }
        "$min" => check(got.as_f64().zip(argument.as_f64()).is_some_and(|(got, min)| got >= min), "at least"),
        "$max" => check(got.as_f64().zip(argument.as_f64()).is_some_and(|(got, max)| got <= max), "at most"),
        "$keys" => {
            let (Some(wanted), Some(map)) = (argument.as_object(), got.as_object()) else {
                return fail("an object with exactly");
            };
            if let Some(extra) = map.keys().find(|key| !wanted.contains_key(*key)) {
                return Err(format!("{path}: has {extra:?}, and should have {:?}", wanted.keys()));
            }
            object(path, wanted, got, variables)
        }
        "$includes" | "$unordered" | "$sequence" | "$excludes" => many(path, name, argument, got, variables),
        _ => Err(format!("{path}: the case has an unknown rule {name}")),
    }
}

fn many(
    path: &str,
    name: &str,
    argument: &Value,
    got: &Value,
    variables: &mut Variables,
) -> Result<(), Mismatch> {
    let (Some(patterns), Some(items)) = (argument.as_array(), got.as_array()) else {
        return Err(differs(path, argument, got));
    };
    if name == "$unordered" && patterns.len() != items.len() {
        return Err(differs(path, argument, got));
    }
    let mut free: Vec<usize> = (0..items.len()).collect();
    for pattern in patterns {
        let found = free.iter().position(|&i| {
            let mut trial = variables.clone();
            let fits = at(path, pattern, &items[i], &mut trial).is_ok();
            if fits && name != "$excludes" {
                *variables = trial;
            }
            fits
        });
        match (name, found) {
            ("$excludes", Some(at)) => {
                let item = shown(&items[free[at]]);
                return Err(format!("{path}: wanted nothing like {}, got {item}", shown(pattern)));
            }
            ("$excludes", None) => {}
            ("$sequence", Some(at)) => drop(free.drain(..=at)),
            (_, Some(at)) => drop(free.remove(at)),
            (_, None) => {
                return Err(format!("{path}: nothing like {} in {}", shown(pattern), shown(got)));
            }
        }
    }
    Ok(())
}

/// Whether `text` is like `pattern`, in which `*` stands for any characters.
fn glob(pattern: &str, text: &str) -> bool {
    let mut parts = pattern.split('*');
    let first = parts.next().unwrap_or_default();
    let Some(mut rest) = text.strip_prefix(first) else { return false };
    let mut parts: Vec<&str> = parts.collect();
    let Some(last) = parts.pop() else { return rest.is_empty() };
    for part in parts {
        match rest.find(part) {
            Some(at) => rest = &rest[at + part.len()..],
            None => return false,
        }
    }
    rest.len() >= last.len() && rest.ends_with(last)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn fits(wanted: Value, got: Value) -> bool {
        matches(&wanted, &got, &mut Variables::default()).is_ok()
    }

    #[test]
    fn objects_match_in_part_and_lists_whole() {
        assert!(fits(json!({"a": 1}), json!({"a": 1, "b": 2})));
        assert!(!fits(json!({"a": 1, "c": 1}), json!({"a": 1, "b": 2})));
        assert!(!fits(json!([1]), json!([1, 2])));
        assert!(!fits(json!({"$keys": {"a": 1}}), json!({"a": 1, "b": 2})));
        assert!(!fits(json!({"b": {"$absent": true}}), json!({"a": 1, "b": 2})));
        assert!(fits(json!({"c": {"$absent": true}}), json!({"a": 1, "b": 2})));
    }

    #[test]
    fn a_variable_takes_the_first_value_and_must_meet_it_again() {
        let mut variables = Variables::default();
        assert!(matches(&json!(["${x}", "${x}"]), &json!([1, 1]), &mut variables).is_ok());
        assert!(matches(&json!("${x}"), &json!(2), &mut variables).is_err());
    }

    #[test]
    fn rules_say_what_equality_cannot() {
        assert!(fits(json!({"$glob": "sha256:*"}), json!("sha256:ab")));
        assert!(!fits(json!({"$glob": "a*b*c"}), json!("acb")));
        assert!(!fits(json!({"$glob": "ab*b"}), json!("ab")));
        assert!(fits(json!({"$contains": ["a", "c"]}), json!("abc")));
        assert!(fits(json!({"$sequence": [1, 3]}), json!([1, 2, 3])));
        assert!(!fits(json!({"$sequence": [3, 1]}), json!([1, 2, 3])));
        assert!(fits(json!({"$unordered": [3, 1]}), json!([1, 3])));
        assert!(!fits(json!({"$unordered": [1, 1]}), json!([1, 3])));
        assert!(fits(json!({"$includes": [3]}), json!([1, 3])));
        assert!(!fits(json!({"$excludes": [{"a": 1}]}), json!([{"a": 1, "b": 2}])));
        assert!(fits(json!({"$not": 1}), json!(2)));
        assert!(!fits(json!({"$min": 3}), json!(2)));
        assert!(!fits(json!({"$length": 3}), json!([1])));
    }

    #[test]
    fn an_unknown_rule_is_an_error_and_never_fits() {
        assert!(!fits(json!({"$near": 1}), json!(1)));
    }
}
