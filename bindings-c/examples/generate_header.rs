//! Writes include/layerkit.h: `cargo run -p layerkit-c --example generate_header [-- FILE]`.
//!
//! cbindgen reads the sources of this crate; what it cannot make is added here: the `_INIT` macro of each struct that begins
//! with its size, the macros that make sources and targets, and the error codes, from the core's table.
#![allow(clippy::disallowed_methods)] // writes a file of the source tree, not of a store

use std::error::Error;
use std::fmt::Write;
use std::path::{Path, PathBuf};

use cbindgen::{Builder, Config, DocumentationStyle, Language, Style};
use layerkit::ErrorKind;

/// The preamble of the header.
const HEAD: &str = include_str!("../header.h.in");

fn main() -> Result<(), Box<dyn Error>> {
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    let file = std::env::args_os().nth(1).map_or_else(|| here.join("../include/layerkit.h"), PathBuf::from);
    std::fs::write(file, header(&here.join("src"))?)?;
    Ok(())
}

fn header(sources: &Path) -> Result<String, Box<dyn Error>> {
    let config = Config {
        language: Language::C,
        cpp_compat: true,
        no_includes: true,
        sys_includes: ["stdbool.h", "stddef.h", "stdint.h"].map(str::to_owned).to_vec(),
        include_guard: Some("LAYERKIT_H".to_owned()),
        header: Some(HEAD.trim_end().to_owned()),
        after_includes: Some(codes()),
        documentation_style: DocumentationStyle::Doxy,
        style: Style::Both,
        usize_is_size_t: true,
        line_length: 110,
        ..Config::default()
    };
    let mut builder = Builder::new().with_config(config);
    // In the order in which a reader wants them.
    for noun in [
        "string",
        "error",
        "engine",
        "options",
        "registry_options",
        "build_options",
        "event",
        "cancel_token",
        "task",
        "stream",
        "images",
        "image_list",
        "image",
        "builder",
        "build_cache",
        "container_options",
        "container_action_options",
        "container_control",
        "container_streams",
        "containers",
        "container_list",
        "container",
        "container_run",
        "container_files",
        "registry",
        "system",
        "dockerfile",
    ] {
        builder = builder.with_src(sources.join(noun).with_extension("rs"));
    }
    let mut text = Vec::new();
    builder.generate()?.write(&mut text);
    Ok(with_initializers(&with_short_comments(&String::from_utf8(text)?)))
}

/// The header with each comment of one line on one line.
fn with_short_comments(header: &str) -> String {
    let mut out: Vec<String> = Vec::new();
    for line in header.lines().map(str::trim_end) {
        match out.as_slice() {
            [.., open, text] if line.trim() == "*/" && open.trim() == "/**" => {
                let indent = &open[..open.len() - "/**".len()];
                let comment = format!("{indent}/** {} */", text.trim_start_matches([' ', '*']));
                out.truncate(out.len() - 2);
                out.push(comment);
            }
            // cbindgen leaves two empty lines here and there.
            [.., last] if line.is_empty() && last.is_empty() => {}
            _ => out.push(line.to_owned()),
        }
    }
    out.join("\n") + "\n"
}

/// `#define`s of every error code, and of the list of them.
fn codes() -> String {
    let mut text = String::from("\n// The codes of errors, the same strings in every language.\n");
    for (_, code) in ErrorKind::ALL {
        let _ = writeln!(text, "#define LAYERKIT_ERROR_{} \"{code}\"", code.to_uppercase());
    }
    text.push_str("\n// All of them, for `static const char *const codes[] = LAYERKIT_ERROR_CODES;`\n");
    text.push_str("#define LAYERKIT_ERROR_CODES \\\n    { \\\n");
    for (_, code) in ErrorKind::ALL {
        let _ = writeln!(text, "        LAYERKIT_ERROR_{}, \\", code.to_uppercase());
    }
    text.push_str("    }\n");
    text
}

/// The header with the macros of each versioned struct behind it.
fn with_initializers(header: &str) -> String {
    let mut out = String::with_capacity(header.len() * 2);
    // Name and initializer of each field, while inside a struct.
    let mut fields: Option<Vec<(String, &str)>> = None;
    for line in header.lines() {
        out.push_str(line);
        out.push('\n');
        let code = line.trim();
        if code.starts_with("typedef struct ") && code.ends_with('{') {
            fields = Some(Vec::new());
        } else if let Some(name) = code.strip_prefix("} ").and_then(|rest| rest.strip_suffix(';')) {
            let fields = fields.take().unwrap_or_default();
            if fields.first().is_some_and(|(field, _)| field == "size") {
                out.push_str(&initializers(name, &fields));
            }
        } else if let Some(fields) = &mut fields
            && let Some(declaration) = code.strip_suffix(';')
        {
            let name = declaration.rsplit([' ', '*']).next().unwrap_or_default();
            let nullable = declaration.contains('*') || declaration.contains("_callback ");
            let zero = if nullable { "NULL" } else { "0" };
            let is_fd = name == "fd" || name.ends_with("_fd");
            fields.push((name.to_owned(), if is_fd { "-1" } else { zero }));
        }
    }
    out
}

fn initializers(name: &str, fields: &[(String, &str)]) -> String {
    let upper = name.to_uppercase();
    // A struct whose fields have these values instead.
    let with = |set: &[(&str, &str)]| {
        let values = fields.iter().map(|(field, zero)| match set.iter().find(|(name, _)| name == field) {
            _ if field == "size" => format!("sizeof({name})"),
            Some((_, value)) => (*value).to_owned(),
            None => (*zero).to_owned(),
        });
        format!("{{ {} }}", values.collect::<Vec<_>>().join(", "))
    };
    let mut text = format!("#define {upper}_INIT {}\n", with(&[]));
    for (field, macro_name) in [("read", "READ"), ("write", "WRITE")] {
        if fields.iter().any(|(name, _)| name == field) {
            let _ = writeln!(text, "#define {upper}_PATH(path_) {}", with(&[("path", "(path_)")]));
            let _ = writeln!(text, "#define {upper}_FD(fd_) {}", with(&[("fd", "(fd_)")]));
            let set = [(field, "(callback_)"), ("payload", "(payload_)")];
            let _ = writeln!(text, "#define {upper}_{macro_name}(callback_, payload_) {}", with(&set));
        }
    }
    text
}
