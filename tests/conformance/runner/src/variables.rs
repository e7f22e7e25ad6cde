//! The variables of a case: `${dir}`, `${root}`, what a step captured, and how they stand in strings.
//!
//! `${x:hex}` is the part after `sha256:`, `${x:short}` its first 12 digits.

use std::collections::BTreeMap;

use serde_json::Value;

use crate::Result;

/// Names with their values.
#[derive(Clone, Debug, Default)]
pub struct Variables(BTreeMap<String, Value>);

/// The name in a string that is one variable and nothing else.
pub fn whole(text: &str) -> Option<&str> {
    let name = text.strip_prefix("${")?.strip_suffix('}')?;
    (!name.contains(['$', '{', '}'])).then_some(name)
}

impl Variables {
    /// Sets one.
    pub fn set(&mut self, name: &str, value: impl Into<Value>) {
        self.0.insert(name.to_owned(), value.into());
    }

    /// One, with its `:hex` or `:short` applied.
    pub fn get(&self, name: &str) -> Option<Value> {
        let (plain, part) = match name.rsplit_once(':') {
            Some((plain, part @ ("hex" | "short"))) => (plain, Some(part)),
            _ => (name, None),
        };
        let value = self.0.get(plain)?;
        let Some(part) = part else { return Some(value.clone()) };
        let text = value.as_str()?;
        let hex = text.strip_prefix("sha256:").unwrap_or(text);
        Some(Value::from(if part == "short" { hex.get(..12)? } else { hex }))
    }

    /// The text with its variables filled in; one that is not set is an error. `$${` stands for `${`.
    pub fn fill_text(&self, text: &str) -> Result<String> {
        scan(text, "${", |name| match self.get(name) {
            Some(value) => Ok(shown(&value)),
            None => Err(format!("${{{name}}} is not set (in {text:?})")),
        })
    }

    /// The value with the variables of all its strings and keys filled in. A string that is one variable becomes its value.
    pub fn fill(&self, value: &Value) -> Result<Value> {
        Ok(match value {
            Value::String(text) => match whole(text).and_then(|name| self.get(name)) {
                Some(value) => value,
                None => Value::String(self.fill_text(text)?),
            },
            Value::Array(items) => {
                Value::Array(items.iter().map(|item| self.fill(item)).collect::<Result<_>>()?)
            }
            Value::Object(map) => Value::Object(
                map.iter()
                    .map(|(key, value)| Ok((self.fill_text(key)?, self.fill(value)?)))
                    .collect::<Result<_>>()?,
            ),
            other => other.clone(),
        })
    }

    /// Like [`Variables::fill`], but leaves what is not set as it stands: for the `each` of a case.
    pub fn fill_known(&self, value: &Value) -> Value {
        match value {
            Value::String(text) => match whole(text).and_then(|name| self.get(name)) {
                Some(value) => value,
                None => Value::String(self.fill_known_text(text)),
            },
            Value::Array(items) => Value::Array(items.iter().map(|item| self.fill_known(item)).collect()),
            Value::Object(map) => Value::Object(
                map.iter().map(|(key, value)| (self.fill_known_text(key), self.fill_known(value))).collect(),
            ),
            other => other.clone(),
        }
    }

    fn fill_known_text(&self, text: &str) -> String {
        let fill =
            |name: &str| Ok(self.get(name).map_or_else(|| format!("${{{name}}}"), |value| shown(&value)));
        // What is no variable of ours may be no variable at all: the second filling decides.
        scan(text, "$${", fill).unwrap_or_else(|_| text.to_owned())
    }
}

fn shown(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}

/// Replaces every `${name}` of the text, and every `$${` by `escaped`.
fn scan(text: &str, escaped: &str, fill: impl Fn(&str) -> Result<String>) -> Result<String> {
    let mut out = String::new();
    let mut rest = text;
    while let Some(at) = rest.find("${") {
        if let Some(before) = rest[..at].strip_suffix('$') {
            out.push_str(before);
            out.push_str(escaped);
            rest = &rest[at + 2..];
            continue;
        }
        out.push_str(&rest[..at]);
        let (name, after) =
            rest[at + 2..].split_once('}').ok_or_else(|| format!("`${{` without an end in {text:?}"))?;
        out.push_str(&fill(name)?);
        rest = after;
    }
    out.push_str(rest);
    Ok(out)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn variables_are_filled_in_text_and_kept_whole_alone() {
        let mut variables = Variables::default();
        variables.set("dir", "/d");
        variables.set("n", 3);
        variables.set("id", format!("sha256:{}", "ab".repeat(32)));
        let filled = variables.fill(&json!({"a${n}": ["${n}", "${dir}/x-${n}", "${id:short}"]})).unwrap();
        assert_eq!(filled, json!({"a3": [3, "/d/x-3", "abababababab"]}));
        assert!(variables.fill(&json!("${nope}/x")).unwrap_err().contains("nope"));
        assert_eq!(variables.fill_known(&json!("${nope}/${n} $${n}")), json!("${nope}/3 $${n}"));
        assert_eq!(variables.fill(&json!("$${n} $x ${n}")).unwrap(), json!("${n} $x 3"));
    }
}
