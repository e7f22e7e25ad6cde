//! Modules import downwards only, in the order of DESIGN.md ("Imports point down only").
//!
//! Looks at every path that begins with `crate::`, in `use` lines and in the code, tests of a module included.
#![allow(clippy::disallowed_methods, clippy::unwrap_used)] // reads source files, no store

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

/// From the bottom up. Modules on one line stand side by side and never import each other.
const ORDER: &[&[&str]] = &[
    &["error"],
    &["event"],
    &["task"],
    &["config", "fs", "digest"],
    &["platform", "reference", "media_type"],
    &["dockerfile"],
    &["spec"],
    &["layer"],
    &["store"],
    &["registry", "archive", "container"],
    &["containers"],
    &["build"],
    &["engine"],
];

/// Modules that may import less than their place allows.
const ONLY: &[(&str, &[&str])] = &[("dockerfile", &["error", "platform", "reference"])];

fn rank(module: &str) -> Option<usize> {
    ORDER.iter().position(|side_by_side| side_by_side.contains(&module))
}

/// Why `module` may not import `imported`, if it may not.
fn forbidden(module: &str, imported: &str) -> Option<String> {
    if module == imported {
        return None;
    }
    let Some(to) = rank(imported) else {
        return Some(format!(
            "`crate::{imported}` is no module in the list: name the module that defines it"
        ));
    };
    let from = rank(module)?;
    let allowed = ONLY.iter().find(|(name, _)| *name == module).map(|(_, allowed)| *allowed);
    if to > from {
        Some(format!("`{imported}` stands above `{module}`"))
    } else if to == from {
        Some(format!("`{imported}` stands beside `{module}`"))
    } else if allowed.is_some_and(|allowed| !allowed.contains(&imported)) {
        Some(format!("`{module}` imports only {allowed:?}"))
    } else {
        None
    }
}

/// The source without comments and without what is inside string literals.
fn code_only(source: &str) -> String {
    let mut out = String::with_capacity(source.len());
    let mut chars = source.chars().peekable();
    while let Some(c) = chars.next() {
        match c {
            '/' if chars.peek() == Some(&'/') => {
                chars.by_ref().find(|c| *c == '\n');
                out.push('\n');
            }
            '"' => {
                out.push('"');
                while let Some(c) = chars.next() {
                    match c {
                        '\\' => drop(chars.next()),
                        '"' => break,
                        '\n' => out.push('\n'),
                        _ => {}
                    }
                }
                out.push('"');
            }
            '\'' => {
                // A character literal such as '"'; a lifetime has no closing quote two places on.
                let mut ahead = chars.clone();
                match (ahead.next(), ahead.next()) {
                    (Some('\\'), _) => {
                        chars.nth(1);
                        chars.by_ref().find(|c| *c == '\'');
                    }
                    (Some(_), Some('\'')) => drop(chars.nth(1)),
                    _ => out.push('\''),
                }
            }
            other => out.push(other),
        }
    }
    out
}

/// The first names of every `crate::…` path, with their lines: `use crate::{a::B, c}` has `a` and `c`.
fn imports(source: &str) -> Vec<(usize, String)> {
    let code = code_only(source);
    let mut found = Vec::new();
    for (at, _) in code.match_indices("crate::") {
        if code[..at].chars().next_back().is_some_and(|c| c.is_alphanumeric() || c == '_' || c == '$') {
            continue;
        }
        let line = code[..at].matches('\n').count() + 1;
        let rest = &code[at + "crate::".len()..];
        found.extend(first_names(rest).into_iter().map(|name| (line, name)));
    }
    found
}

fn first_names(rest: &str) -> Vec<String> {
    let name = |text: &str| -> String {
        text.trim_start().chars().take_while(|c| c.is_alphanumeric() || *c == '_').collect()
    };
    let Some(group) = rest.strip_prefix('{') else {
        return vec![name(rest)];
    };
    let (mut depth, mut names, mut item) = (0, Vec::new(), String::new());
    for c in group.chars() {
        match c {
            '{' => depth += 1,
            '}' if depth == 0 => break,
            '}' => depth -= 1,
            ',' if depth == 0 => names.push(name(&std::mem::take(&mut item))),
            _ => item.push(c),
        }
    }
    names.push(name(&item));
    names.retain(|name| !name.is_empty());
    names
}

fn source_files(folder: &Path, files: &mut Vec<PathBuf>) {
    let mut entries: Vec<PathBuf> =
        std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    entries.sort();
    for path in entries {
        if path.is_dir() {
            source_files(&path, files);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            files.push(path);
        }
    }
}

/// The top-level module that a file belongs to; none for `lib.rs`.
fn module_of(root: &Path, file: &Path) -> Option<String> {
    let first = file.strip_prefix(root).unwrap().components().next().unwrap();
    let name = Path::new(first.as_os_str()).file_stem().unwrap().to_str().unwrap().to_owned();
    (name != "lib").then_some(name)
}

#[test]
fn imports_point_down_only() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut files = Vec::new();
    source_files(&root, &mut files);
    let mut wrong = Vec::new();
    for file in &files {
        let Some(module) = module_of(&root, file) else { continue };
        for (line, imported) in imports(&std::fs::read_to_string(file).unwrap()) {
            if let Some(why) = forbidden(&module, &imported) {
                wrong.push(format!("{}:{line}: {why}", file.display()));
            }
        }
    }
    assert!(wrong.is_empty(), "imports that do not point down:\n{}", wrong.join("\n"));
}

#[test]
fn every_module_has_its_place_in_the_order() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut files = Vec::new();
    source_files(&root, &mut files);
    let modules: BTreeSet<String> = files.iter().filter_map(|file| module_of(&root, file)).collect();
    let new: Vec<_> = modules.iter().filter(|module| rank(module).is_none()).collect();
    assert!(new.is_empty(), "modules without a place in ORDER: {new:?}");
}

#[test]
fn arrows_upwards_and_sideways_are_noticed() {
    assert!(forbidden("store", "engine").is_some());
    assert!(forbidden("archive", "container").is_some());
    assert!(forbidden("dockerfile", "digest").is_some());
    assert!(forbidden("build", "archive").is_none());
    assert!(forbidden("dockerfile", "platform").is_none());
    assert!(
        forbidden("store", "Error").is_some(),
        "an import through the crate's root hides where it points"
    );
}

#[test]
fn imports_are_found_wherever_they_stand() {
    let source = "// crate::no\nuse crate::{a::{B, C}, d,\n e::F};\nlet x = \"crate::no\"; let q = '\"'; crate::g::h();\n";
    let names: Vec<_> = imports(source).into_iter().collect();
    let wanted = [(2, "a"), (2, "d"), (2, "e"), (4, "g")].map(|(line, name)| (line, name.to_owned()));
    assert_eq!(names, wanted);
}
