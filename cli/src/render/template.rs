//! The part of Go's text/template that people write behind `--format`: fields, `json`, `index`, `len`, `join`, `if`, `range`
//! and their like, over JSON values. What is not there fails and says so.

use std::fmt;

use serde_json::Value;

use crate::failure::{Failure, Outcome};

/// A parsed template.
#[derive(Debug)]
pub struct Template(Vec<Node>);

#[derive(Debug)]
enum Node {
    Text(String),
    Print(Pipe),
    If { condition: Pipe, then: Vec<Node>, otherwise: Vec<Node> },
    Range { over: Pipe, each: Vec<Node>, empty: Vec<Node> },
}

/// Commands, each but the first with the value of the one before as its last argument.
#[derive(Debug)]
struct Pipe(Vec<Vec<Operand>>);

#[derive(Debug)]
enum Operand {
    /// `.A.B`; empty for the dot itself.
    Field(Vec<String>),
    Function(String),
    Constant(Value),
    Parenthesis(Pipe),
}

fn error(what: impl fmt::Display) -> Failure {
    Failure::Message(format!("template parsing error: {what}"))
}

impl Template {
    /// Parses a template.
    pub fn parse(text: &str) -> Outcome<Template> {
        let mut parser = Parser { rest: text };
        let (nodes, end) = parser.nodes()?;
        match end {
            None => Ok(Template(nodes)),
            Some(word) => Err(error(format_args!("unexpected {{{{{word}}}}}"))),
        }
    }

    /// The text it makes of a value.
    pub fn render(&self, value: &Value) -> Outcome<String> {
        let mut text = String::new();
        render(&self.0, value, &mut text)?;
        Ok(text)
    }
}

/// Takes a template apart into text and actions.
struct Parser<'a> {
    rest: &'a str,
}

impl<'a> Parser<'a> {
    /// Nodes up to the end, or to an `else` or `end`, which is returned with them.
    fn nodes(&mut self) -> Outcome<(Vec<Node>, Option<&'a str>)> {
        let mut nodes = Vec::new();
        while !self.rest.is_empty() {
            let (text, behind) = self.rest.split_once("{{").unwrap_or((self.rest, ""));
            let at_end = text.len() == self.rest.len();
            let trimmed = behind.starts_with("- ");
            let text = if trimmed { text.trim_end() } else { text };
            if !text.is_empty() {
                nodes.push(Node::Text(text.to_owned()));
            }
            self.rest = behind;
            if at_end {
                break;
            }
            let action = self.action(trimmed)?;
            match action.split_whitespace().next() {
                Some("end" | "else") => return Ok((nodes, Some(action))),
                Some("if") => {
                    let condition = pipe(action[2..].trim())?;
                    let (then, otherwise) = self.branches()?;
                    nodes.push(Node::If { condition, then, otherwise });
                }
                Some("range") => {
                    let over = pipe(action[5..].trim())?;
                    let (each, empty) = self.branches()?;
                    nodes.push(Node::Range { over, each, empty });
                }
                Some(word @ ("with" | "define" | "template" | "block" | "break" | "continue")) => {
                    return Err(error(format_args!("{word:?} is not supported")));
                }
                _ if action.starts_with("/*") => {}
                _ => nodes.push(Node::Print(pipe(action)?)),
            }
        }
        Ok((nodes, None))
    }

    /// The inside of an action whose opening braces were read. Braces within quotes do not end it.
    fn action(&mut self, trimmed: bool) -> Outcome<&'a str> {
        let mut quote = None;
        for (at, letter) in self.rest.char_indices() {
            match quote {
                Some(mark) if letter == mark => quote = None,
                Some(_) => {}
                None if letter == '"' || letter == '`' => quote = Some(letter),
                None if self.rest[at..].starts_with("}}") => {
                    let inside = &self.rest[usize::from(trimmed)..at];
                    self.rest = &self.rest[at + 2..];
                    if let Some(shorter) = inside.strip_suffix(" -") {
                        self.rest = self.rest.trim_start();
                        return Ok(shorter.trim());
                    }
                    return Ok(inside.trim());
                }
                None => {}
            }
        }
        Err(error("unclosed action"))
    }

    /// What stands between `if` or `range` and its `end`, with what stands behind `else`.
    fn branches(&mut self) -> Outcome<(Vec<Node>, Vec<Node>)> {
        let (first, end) = self.nodes()?;
        match end {
            Some("end") => Ok((first, Vec::new())),
            Some("else") => match self.nodes()? {
                (second, Some("end")) => Ok((first, second)),
                _ => Err(error("unexpected EOF")),
            },
            Some(other) => match other.strip_prefix("else if ") {
                Some(condition) => {
                    let condition = pipe(condition)?;
                    let (then, otherwise) = self.branches()?;
                    Ok((first, vec![Node::If { condition, then, otherwise }]))
                }
                None => Err(error(format_args!("unexpected {{{{{other}}}}}"))),
            },
            None => Err(error("unexpected EOF")),
        }
    }
}

/// Parses what stands inside an action.
fn pipe(text: &str) -> Outcome<Pipe> {
    let tokens = tokens(text)?;
    let mut left = tokens.as_slice();
    let pipe = pipe_of(&mut left)?;
    match left.first() {
        None => Ok(pipe),
        Some(token) => Err(error(format_args!("unexpected {token:?} in {text:?}"))),
    }
}

fn tokens(text: &str) -> Outcome<Vec<&str>> {
    let mut tokens = Vec::new();
    let mut rest = text.trim_start();
    while let Some(first) = rest.chars().next() {
        let length = match first {
            '|' | '(' | ')' => 1,
            '"' | '`' => {
                let end = closing(rest, first);
                end.ok_or_else(|| error(format_args!("unterminated quoted string in {text:?}")))?
            }
            _ => rest.find(|c: char| c.is_whitespace() || "|()\"`".contains(c)).unwrap_or(rest.len()),
        };
        tokens.push(&rest[..length]);
        rest = rest[length..].trim_start();
    }
    Ok(tokens)
}

/// Length of a quoted string with its quotes.
fn closing(text: &str, quote: char) -> Option<usize> {
    let mut escaped = false;
    for (at, letter) in text.char_indices().skip(1) {
        match letter {
            _ if escaped => escaped = false,
            '\\' if quote == '"' => escaped = true,
            _ if letter == quote => return Some(at + 1),
            _ => {}
        }
    }
    None
}

fn pipe_of(tokens: &mut &[&str]) -> Outcome<Pipe> {
    let mut commands = vec![Vec::new()];
    while let Some((token, rest)) = tokens.split_first() {
        if *token == ")" {
            break;
        }
        *tokens = rest;
        if *token == "|" {
            commands.push(Vec::new());
        } else if let Some(command) = commands.last_mut() {
            command.push(operand(token, tokens)?);
        }
    }
    if commands.iter().any(Vec::is_empty) {
        return Err(error("missing value for command"));
    }
    Ok(Pipe(commands))
}

fn operand(token: &str, rest: &mut &[&str]) -> Outcome<Operand> {
    if token == "(" {
        let inner = pipe_of(rest)?;
        let Some((_, behind)) = rest.split_first() else {
            return Err(error("unclosed left paren"));
        };
        *rest = behind;
        return Ok(Operand::Parenthesis(inner));
    }
    if let Some(path) = token.strip_prefix('.') {
        return Ok(Operand::Field(
            path.split('.').filter(|name| !name.is_empty()).map(str::to_owned).collect(),
        ));
    }
    if let Some(raw) = token.strip_prefix('`').and_then(|text| text.strip_suffix('`')) {
        return Ok(Operand::Constant(raw.into()));
    }
    match token {
        "nil" => Ok(Operand::Constant(Value::Null)),
        _ if token.starts_with(|c: char| c.is_ascii_alphabetic()) && token != "true" && token != "false" => {
            Ok(Operand::Function(token.to_owned()))
        }
        // Go's quoted strings, numbers and booleans are JSON's, but for escapes that nobody types in a shell.
        _ => serde_json::from_str(token)
            .map(Operand::Constant)
            .map_err(|_| error(format_args!("{token:?} is not supported"))),
    }
}

fn render(nodes: &[Node], dot: &Value, text: &mut String) -> Outcome {
    for node in nodes {
        match node {
            Node::Text(plain) => text.push_str(plain),
            Node::Print(pipe) => text.push_str(&show(&evaluate(pipe, dot)?)),
            Node::If { condition, then, otherwise } => {
                let branch = if is_true(&evaluate(condition, dot)?) { then } else { otherwise };
                render(branch, dot, text)?;
            }
            Node::Range { over, each, empty } => {
                let items: Vec<Value> = match evaluate(over, dot)? {
                    Value::Array(items) => items,
                    Value::Object(map) => sorted(&map).into_iter().map(|(_, value)| value.clone()).collect(),
                    Value::Null => Vec::new(),
                    other => {
                        return Err(error(format_args!("range can't iterate over {}", show(&other))));
                    }
                };
                if items.is_empty() {
                    render(empty, dot, text)?;
                }
                for item in &items {
                    render(each, item, text)?;
                }
            }
        }
    }
    Ok(())
}

fn evaluate(pipe: &Pipe, dot: &Value) -> Outcome<Value> {
    let mut piped = None;
    for command in &pipe.0 {
        let mut values = Vec::new();
        let function = match command.as_slice() {
            [Operand::Function(name), ..] => Some(name),
            _ => None,
        };
        for operand in &command[usize::from(function.is_some())..] {
            values.push(match operand {
                Operand::Field(path) => field(dot, path)?,
                Operand::Constant(value) => value.clone(),
                Operand::Parenthesis(inner) => evaluate(inner, dot)?,
                Operand::Function(name) => call(name, &[])?,
            });
        }
        values.extend(piped.take());
        piped = Some(match (function, values.as_slice()) {
            (Some(name), arguments) => call(name, arguments)?,
            (None, [value]) => value.clone(),
            (None, _) => return Err(error("can't give argument to non-function")),
        });
    }
    Ok(piped.unwrap_or(Value::Null))
}

fn field(dot: &Value, path: &[String]) -> Outcome<Value> {
    let mut value = dot;
    for name in path {
        value = match value {
            Value::Object(map) => map.get(name).ok_or_else(|| {
                error(format_args!("executing at <.{}>: map has no entry for key {name:?}", path.join(".")))
            })?,
            Value::Null => return Err(error(format_args!("nil pointer evaluating .{}", path.join(".")))),
            _ => return Err(error(format_args!("can't evaluate field {name}"))),
        };
    }
    Ok(value.clone())
}

fn call(name: &str, arguments: &[Value]) -> Outcome<Value> {
    let text = |value: &Value| show(value);
    Ok(match (name, arguments) {
        ("json", [value]) => value.to_string().into(),
        ("len", [Value::Array(items)]) => items.len().into(),
        ("len", [Value::Object(map)]) => map.len().into(),
        ("len", [Value::String(text)]) => text.len().into(),
        ("len", [Value::Null]) => 0.into(),
        ("index", [value, keys @ ..]) => {
            keys.iter().try_fold(value.clone(), |value, key| index(&value, key))?
        }
        ("join", [Value::Array(items), by]) => {
            items.iter().map(text).collect::<Vec<_>>().join(&show(by)).into()
        }
        ("join", [Value::Null, _]) => "".into(),
        ("lower", [value]) => show(value).to_lowercase().into(),
        ("upper", [value]) => show(value).to_uppercase().into(),
        ("eq", [first, others @ ..]) if !others.is_empty() => others.contains(first).into(),
        ("ne", [first, second]) => (first != second).into(),
        ("not", [value]) => (!is_true(value)).into(),
        ("and", [.., last]) => arguments.iter().find(|value| !is_true(value)).unwrap_or(last).clone(),
        ("or", [.., last]) => arguments.iter().find(|value| is_true(value)).unwrap_or(last).clone(),
        ("print", values) => values.iter().map(text).collect::<String>().into(),
        ("println", values) => format!("{}\n", values.iter().map(text).collect::<Vec<_>>().join(" ")).into(),
        ("json" | "len" | "index" | "join" | "lower" | "upper" | "eq" | "ne" | "not" | "and" | "or", _) => {
            return Err(error(format_args!("wrong arguments for {name}")));
        }
        _ => return Err(error(format_args!("function {name:?} not defined"))),
    })
}

fn index(value: &Value, key: &Value) -> Outcome<Value> {
    match (value, key) {
        (Value::Array(items), Value::Number(at)) => at
            .as_u64()
            .and_then(|at| items.get(usize::try_from(at).ok()?))
            .cloned()
            .ok_or_else(|| error(format_args!("index out of range: {at}"))),
        // As Go has it, a key that is not there gives the empty value.
        (Value::Object(map), Value::String(key)) => Ok(map.get(key).cloned().unwrap_or_else(|| "".into())),
        (Value::Null, Value::String(_)) => Ok("".into()),
        _ => Err(error(format_args!("can't index {} with {}", show(value), show(key)))),
    }
}

fn is_true(value: &Value) -> bool {
    match value {
        Value::Null => false,
        Value::Bool(on) => *on,
        Value::Number(number) => number.as_f64() != Some(0.0),
        Value::String(text) => !text.is_empty(),
        Value::Array(items) => !items.is_empty(),
        Value::Object(map) => !map.is_empty(),
    }
}

/// A value as Go's `%v` prints it.
fn show(value: &Value) -> String {
    match value {
        Value::Null => "<nil>".to_owned(),
        Value::String(text) => text.clone(),
        Value::Array(items) => format!("[{}]", items.iter().map(show).collect::<Vec<_>>().join(" ")),
        Value::Object(map) => {
            let pairs: Vec<_> =
                sorted(map).into_iter().map(|(key, value)| format!("{key}:{}", show(value))).collect();
            format!("map[{}]", pairs.join(" "))
        }
        other => other.to_string(),
    }
}

fn sorted(map: &serde_json::Map<String, Value>) -> Vec<(&String, &Value)> {
    let mut pairs: Vec<_> = map.iter().collect();
    pairs.sort_by_key(|(key, _)| *key);
    pairs
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn made(template: &str) -> String {
        let image = json!({
            "Id": "sha256:1", "RepoTags": ["a:1", "b:2"], "Size": 12, "Empty": [], "Nothing": null,
            "Config": {"Labels": {"k": "v"}, "Cmd": ["sh", "-c"], "Tty": false},
        });
        match Template::parse(template).and_then(|template| template.render(&image)) {
            Ok(text) => text,
            Err(Failure::Message(message)) => message,
            Err(other) => panic!("{other:?}"),
        }
    }

    #[test]
    fn what_people_write_behind_format_works() {
        for (template, text) in [
            ("plain", "plain"),
            ("{{.Id}} {{ .Size }}", "sha256:1 12"),
            ("{{.Config.Cmd}} {{.Config.Labels}} {{.Config.Tty}}", "[sh -c] map[k:v] false"),
            ("{{json .Config.Cmd}} {{.RepoTags | json}}", r#"["sh","-c"] ["a:1","b:2"]"#),
            ("{{index .RepoTags 1}} {{index .Config.Labels \"k\"}}", "b:2 v"),
            ("{{index .Config.Labels \"none\"}}.", "."),
            ("{{range .RepoTags}}[{{.}}]{{end}}", "[a:1][b:2]"),
            ("{{range .Empty}}x{{else}}none{{end}}", "none"),
            ("{{if .Nothing}}a{{else if .Size}}b{{else}}c{{end}}", "b"),
            ("{{if and .Size (not .Config.Tty)}}yes{{end}}", "yes"),
            ("{{len .RepoTags}} {{join .RepoTags \", \"}} {{upper .Id}}", "2 a:1, b:2 SHA256:1"),
            ("{{if eq .Id \"sha256:1\"}}same{{end}}", "same"),
            ("a {{- .Size -}} b", "a12b"),
            ("{{\"}}\"}}{{`x`}}", "}}x"),
            ("{{.Nothing}}{{/* nothing */}}", "<nil>"),
        ] {
            assert_eq!(made(template), text, "{template}");
        }
    }

    #[test]
    fn a_template_that_cannot_be_followed_says_why() {
        for (template, why) in [
            ("{{.Foo}}", "executing at <.Foo>: map has no entry for key \"Foo\""),
            ("{{.Nothing.x}}", "nil pointer evaluating .Nothing.x"),
            ("{{.Id", "unclosed action"),
            ("{{if .Id}}x", "unexpected EOF"),
            ("{{end}}", "unexpected {{end}}"),
            ("{{nope .}}", "function \"nope\" not defined"),
            ("{{with .Id}}{{end}}", "\"with\" is not supported"),
            ("{{$x := 1}}", "\"$x\" is not supported"),
            ("{{len 1}}", "wrong arguments for len"),
            ("{{index .RepoTags 2}}", "index out of range: 2"),
            ("{{}}", "missing value for command"),
            ("{{(.Id}}", "unclosed left paren"),
        ] {
            assert_eq!(made(template), format!("template parsing error: {why}"), "{template}");
        }
    }
}
