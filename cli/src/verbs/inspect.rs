//! `inspect` and `history`: a container or an image, closely.

use layerkit::{ErrorKind, HistoryEntry};
use serde::Serialize;
use serde_json::{Value, json};

use super::images::{ago, local_time, now};
use super::{Context, Verb};
use crate::failure::{Failure, Outcome};
use crate::flags::{Arity, Syntax, Words, switch, valued};
use crate::output;
use crate::render::listing::{ellipsis, listing, shown_id};
use crate::render::template::Template;
use crate::render::units;

pub const INSPECT: Verb = Verb {
    syntax: Syntax {
        name: "inspect",
        usage: "[OPTIONS] NAME|ID [NAME|ID...]",
        about: "Display detailed information on containers and images",
        flags: &[valued("format", 'f', "string", "Format the output using the given Go template")],
        arity: Arity::AtLeast(1),
    },
    run: inspect,
};

pub const HISTORY: Verb = Verb {
    syntax: Syntax {
        name: "history",
        usage: "[OPTIONS] IMAGE",
        about: "Show the history of an image",
        flags: &[
            valued("format", ' ', "string", "Pretty-print images using a Go template"),
            switch("human", 'H', "Print sizes and dates in human readable format (default true)"),
            switch("no-trunc", ' ', "Don't truncate output"),
            switch("quiet", 'q', "Only show image IDs"),
        ],
        arity: Arity::Exactly(1),
    },
    run: history,
};

/// Shows those that are there before it complains about the others. A name is a container's before it is an image's.
fn inspect(context: &Context, _syntax: &Syntax, words: &Words) -> Outcome {
    let template = words.text("format")?.map(|format| Template::parse(&format)).transpose()?;
    let engine = context.engine()?;
    let (mut found, mut missing) = (Vec::new(), Vec::new());
    for image in words.names()? {
        let found_here = match engine.container_inspect(&image) {
            Err(error) if matches!(error.kind(), ErrorKind::NotFound | ErrorKind::InvalidArgument) => {
                engine.image_inspect(&image)
            }
            other => other,
        };
        match found_here {
            Ok(value) => found.push(value),
            Err(error) if error.kind() == ErrorKind::NotFound => missing.push(error),
            Err(error) => return Err(error.into()),
        }
    }
    match template {
        Some(template) => {
            for value in &found {
                output::line(template.render(value)?)?;
            }
        }
        None => output::line(indented(&Value::Array(found))?)?,
    }
    if missing.is_empty() {
        return Ok(());
    }
    for error in missing {
        output::complain(format_args!("Error: {error}"));
    }
    Err(Failure::Said)
}

/// JSON with Docker's four spaces.
pub fn indented(value: &Value) -> Outcome<String> {
    let mut bytes = Vec::new();
    let formatter = serde_json::ser::PrettyFormatter::with_indent(b"    ");
    value
        .serialize(&mut serde_json::Serializer::with_formatter(&mut bytes, formatter))
        .map_err(|error| Failure::Message(error.to_string()))?;
    Ok(String::from_utf8_lossy(&bytes).into_owned())
}

const TABLE: &str = "table {{.ID}}\\t{{.CreatedSince}}\\t{{.CreatedBy}}\\t{{.Size}}\\t{{.Comment}}";
const TABLE_EXACT: &str = "table {{.ID}}\\t{{.CreatedAt}}\\t{{.CreatedBy}}\\t{{.Size}}\\t{{.Comment}}";

const HEADERS: &[(&str, &str)] = &[
    ("Comment", "COMMENT"),
    ("CreatedAt", "CREATED AT"),
    ("CreatedBy", "CREATED BY"),
    ("CreatedSince", "CREATED"),
    ("ID", "IMAGE"),
    ("Size", "SIZE"),
];

/// Characters of an instruction that a table shows.
const INSTRUCTION: usize = 45;

fn history(context: &Context, _syntax: &Syntax, words: &Words) -> Outcome {
    let human = words.last("human").is_none() || words.is_on("human");
    let given = words.text("format")?.filter(|format| !format.is_empty() && format != "table");
    let format = match given {
        Some(format) => format,
        None if words.is_on("quiet") => "{{.ID}}".to_owned(),
        None => if human { TABLE } else { TABLE_EXACT }.to_owned(),
    };
    let whole = words.is_on("no-trunc");
    let entries = context.engine()?.image_history(&words.names()?[0])?;
    let now = now();
    let rows: Vec<_> = entries.iter().map(|entry| row(entry, now, human, whole)).collect();
    Ok(output::text(&listing(&format, HEADERS, &rows)?)?)
}

fn row(entry: &HistoryEntry, now: i64, human: bool, whole: bool) -> Value {
    let instruction = entry.created_by.replace('\t', " ");
    json!({
        "Comment": entry.comment,
        "CreatedAt": local_time(entry.created_unix, "%Y-%m-%dT%H:%M:%S%:z").replace("+00:00", "Z"),
        "CreatedBy": if whole { instruction } else { ellipsis(&instruction, INSTRUCTION) },
        "CreatedSince": ago(now, entry.created_unix),
        "ID": shown_id(&entry.id, whole),
        "Size": if human { units::size(entry.size) } else { entry.size.to_string() },
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_history_reads_as_docker_shows_it() {
        let entry = |id: &str, created_by: &str, size, comment: &str| HistoryEntry {
            id: id.into(),
            created: String::new(),
            created_unix: 100,
            created_by: created_by.into(),
            size,
            comment: comment.into(),
            tags: Vec::new(),
        };
        let entries = [
            entry(
                "sha256:587478de792bc9dd88cf",
                "/bin/sh -c #(nop)  CMD [\"/usr/sbin/apachectl\" \"-D\" \"FOREGROUND\"]",
                0,
                "",
            ),
            entry("<missing>", "", 1_982_298, "Imported from -"),
        ];
        let shown = |format, human| {
            let rows: Vec<_> = entries.iter().map(|entry| row(entry, 102, human, false)).collect();
            listing(format, HEADERS, &rows).unwrap_or_default()
        };
        assert_eq!(
            shown(TABLE, true),
            "IMAGE          CREATED         CREATED BY                                      SIZE      COMMENT\n\
             587478de792b   2 seconds ago   /bin/sh -c #(nop)  CMD [\"/usr/sbin/apachectl…   0B        \n\
             <missing>      2 seconds ago                                                   1.98MB    Imported from -\n"
        );
        assert!(shown(TABLE_EXACT, false).contains("1982298"));
    }
}
