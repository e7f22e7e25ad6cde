//! Lists of things: in columns under a header, or each through the user's template. All lists of the command go through here.

use serde_json::{Map, Value};

use super::template::Template;
use crate::failure::Outcome;

/// The least width of a column and the least space behind one (Docker's `tabwriter` of width 10, padding 3).
const WIDTH: usize = 10;
const PADDING: usize = 3;

/// A template that begins with this makes a table with a header.
const TABLE: &str = "table ";

/// Lists rows, each an object of fields. `format` is a template, or `table ` and a template, in which `\t` parts the columns;
/// `headers` names the fields.
pub fn listing(format: &str, headers: &[(&str, &str)], rows: &[Value]) -> Outcome<String> {
    let (is_table, format) = match format.strip_prefix(TABLE) {
        Some(rest) => (true, rest.trim_start()),
        None => (false, format),
    };
    let template = Template::parse(&format.replace("\\t", "\t").replace("\\n", "\n"))?;
    let mut lines = Vec::with_capacity(rows.len() + 1);
    if is_table {
        let header: Map<_, _> =
            headers.iter().map(|(field, header)| ((*field).to_owned(), Value::from(*header))).collect();
        lines.push(template.render(&Value::Object(header))?);
    }
    for row in rows {
        lines.push(template.render(row)?);
    }
    Ok(if is_table { columns(&lines) } else { lines.iter().map(|line| format!("{line}\n")).collect() })
}

/// Aligns cells that tabs part. The last cell of a line is left as it is.
fn columns(lines: &[String]) -> String {
    let cells: Vec<Vec<&str>> = lines.iter().map(|line| line.split('\t').collect()).collect();
    let mut widths = Vec::new();
    for line in &cells {
        for (index, cell) in line[..line.len() - 1].iter().enumerate() {
            let width = (cell.chars().count() + PADDING).max(WIDTH);
            match widths.get_mut(index) {
                Some(widest) => *widest = width.max(*widest),
                None => widths.push(width),
            }
        }
    }
    let mut text = String::new();
    for line in &cells {
        for (index, cell) in line.iter().enumerate() {
            text += cell;
            if index + 1 < line.len() {
                text.extend(std::iter::repeat_n(' ', widths[index] - cell.chars().count()));
            }
        }
        text.push('\n');
    }
    text
}

/// An ID as Docker shows it: 12 digits without `sha256:`, or whole.
pub fn shown_id(id: &str, whole: bool) -> String {
    match id.strip_prefix("sha256:") {
        Some(hex) if !whole => hex.chars().take(12).collect(),
        None if !whole && id.len() > 12 && id.bytes().all(|byte| byte.is_ascii_hexdigit()) => {
            id.chars().take(12).collect()
        }
        _ => id.to_owned(),
    }
}

/// Text cut to so many characters, the last one an ellipsis.
pub fn ellipsis(text: &str, most: usize) -> String {
    if text.chars().count() <= most {
        return text.to_owned();
    }
    text.chars().take(most - 1).chain(['…']).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn columns_are_aligned_as_docker_aligns_them() {
        let headers = [("Repository", "REPOSITORY"), ("Tag", "TAG"), ("ID", "IMAGE ID")];
        let format = "table {{.Repository}}\\t{{.Tag}}\\t{{.ID}}";
        let row = |repository, tag, id| json!({"Repository": repository, "Tag": tag, "ID": id});
        let rows = [row("myname/newubuntu16.04", "v0.1", "587478de792b"), row("x", "y", "1")];
        assert_eq!(
            listing(format, &headers, &rows).unwrap(),
            "REPOSITORY              TAG       IMAGE ID\n\
             myname/newubuntu16.04   v0.1      587478de792b\n\
             x                       y         1\n"
        );
        assert_eq!(listing(format, &headers, &[]).unwrap(), "REPOSITORY   TAG       IMAGE ID\n");
        assert_eq!(listing("{{.ID}}!", &headers, &rows).unwrap(), "587478de792b!\n1!\n");
    }

    #[test]
    fn long_things_are_cut() {
        assert_eq!(ellipsis("abc", 3), "abc");
        assert_eq!(ellipsis("äbcd", 3), "äb…");
        assert_eq!(shown_id("sha256:0123456789abcdef", false), "0123456789ab");
        assert_eq!(shown_id("0123456789abcdef", false), "0123456789ab");
        assert_eq!(shown_id("sha256:0123456789abcdef", true), "sha256:0123456789abcdef");
        assert_eq!(shown_id("<missing>", false), "<missing>");
    }
}
