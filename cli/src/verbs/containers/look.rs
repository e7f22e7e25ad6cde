//! `top` and `container inspect`: a container, closely.

use serde_json::{Value, json};

use super::super::inspect::indented;
use super::super::{Context, Verb};
use crate::failure::Outcome;
use crate::flags::{Arity, Syntax, Words, valued};
use crate::output;
use crate::render::listing::listing;
use crate::render::template::Template;

pub const TOP: Verb = Verb {
    syntax: Syntax {
        name: "top",
        usage: "CONTAINER",
        about: "Display the running processes of a container",
        flags: &[],
        arity: Arity::Exactly(1),
    },
    run: top,
};

pub const INSPECT: Verb = Verb {
    syntax: Syntax {
        name: "container inspect",
        usage: "[OPTIONS] CONTAINER [CONTAINER...]",
        about: "Display detailed information on one or more containers",
        flags: &[valued("format", 'f', "string", "Format the output using the given Go template")],
        arity: Arity::AtLeast(1),
    },
    run: inspect,
};

fn top(context: &Context, _syntax: &Syntax, words: &Words) -> Outcome {
    let report = context.engine()?.container_top(&words.names()?[0])?;
    let fields: Vec<String> = (0..report.titles.len()).map(|number| format!("C{number}")).collect();
    let format = fields.iter().map(|field| format!("{{{{.{field}}}}}")).collect::<Vec<_>>().join("\\t");
    let headers: Vec<(&str, &str)> =
        fields.iter().map(String::as_str).zip(report.titles.iter().map(String::as_str)).collect();
    let rows: Vec<Value> = report
        .processes
        .iter()
        .map(|process| fields.iter().cloned().zip(process.iter().map(|cell| json!(cell))).collect())
        .collect();
    Ok(output::text(&listing(&format!("table {format}"), &headers, &rows)?)?)
}

fn inspect(context: &Context, _syntax: &Syntax, words: &Words) -> Outcome {
    let template = words.text("format")?.map(|format| Template::parse(&format)).transpose()?;
    let engine = context.engine()?;
    let found =
        words.names()?.iter().map(|name| engine.container_inspect(name)).collect::<Result<Vec<_>, _>>()?;
    match template {
        Some(template) => found.iter().try_for_each(|value| Ok(output::line(template.render(value)?)?)),
        None => Ok(output::line(indented(&Value::Array(found))?)?),
    }
}
