//! Why the cache does not have a step: what it looked at, beside what it looked at when it was last made.
//!
//! Each step that is made leaves its inputs under its parent and its text: lines of a key and a value, sorted, compressed. They
//! decide nothing; the cache's keys do.

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Write};

use super::Build;
use super::items::{Item, Items};
use super::stage::Stage;
use crate::digest::Digest;
use crate::dockerfile::Instruction;
use crate::error::{Result, ResultExt};
use crate::event::Event;
use crate::store::StepInputs;

/// How many changes a reason names.
const SHOWN: usize = 3;
/// How much of a value a reason shows, in characters.
const LONGEST: usize = 60;

/// What a step looked at.
#[derive(Default)]
pub struct Inputs<'a> {
    /// What is short: the expanded text, arguments.
    pub texts: BTreeMap<String, String>,
    /// Files that are copied, and the digests of their contents in order.
    pub files: Option<(&'a Items<'a>, &'a [Digest])>,
}

impl Inputs<'_> {
    /// Inputs of one text.
    pub fn of_text(text: &str) -> Self {
        Inputs { texts: BTreeMap::from([("text".to_owned(), text.to_owned())]), files: None }
    }

    /// Inputs of files that are put somewhere.
    pub fn of_files<'a>(destination: &str, items: &'a Items<'a>, digests: &'a [Digest]) -> Inputs<'a> {
        let texts = BTreeMap::from([("destination".to_owned(), destination.to_owned())]);
        Inputs { texts, files: Some((items, digests)) }
    }

    /// Calls with each key and value, sorted within texts and within files.
    fn each(&self, mut call: impl FnMut(&str, &str) -> Result<()>) -> Result<()> {
        for (key, value) in &self.texts {
            call(&escaped(key), &escaped(value))?;
        }
        let Some((items, digests)) = self.files else { return Ok(()) };
        let mut digests = digests.iter();
        for item in items.iter() {
            let content = item.body.as_ref().and_then(|_| digests.next());
            call(&escaped(&format!("file {}", item.entry.path.display())), &attributes(item, content))?;
        }
        Ok(())
    }

    fn to_bytes(&self) -> Result<Vec<u8>> {
        let write = || "write what a step looked at";
        let mut out = zstd::stream::write::Encoder::new(Vec::new(), 1).context(write)?;
        self.each(|key, value| writeln!(out, "{key}\t{value}").context(write))?;
        out.finish().context(write)
    }

    /// What differs from what `to_bytes` gave before.
    fn changes(&self, before: &[u8]) -> Result<Vec<String>> {
        let read = || "read what a step looked at";
        let mut old = BTreeMap::new();
        for line in BufReader::new(zstd::stream::read::Decoder::new(before).context(read)?).lines() {
            let line = line.context(read)?;
            if let Some((key, value)) = line.split_once('\t') {
                old.insert(key.to_owned(), value.to_owned());
            }
        }
        let mut changes = Vec::new();
        self.each(|key, value| {
            match old.remove(key) {
                Some(before) if before == value => {}
                before => changes.push(change(key, before.as_deref(), Some(value))),
            }
            Ok(())
        })?;
        changes.extend(old.iter().map(|(key, value)| change(key, Some(value), None)));
        Ok(changes)
    }
}

/// A text without what separates keys, values and lines.
fn escaped(text: &str) -> String {
    text.replace('\t', "\\t").replace('\r', "\\r").replace('\n', "\\n")
}

/// What decides of a file, as words in a fixed order; link targets and attributes by their digests.
fn attributes(item: &Item<'_>, content: Option<&Digest>) -> String {
    let entry = &item.entry;
    let short = |digest: Digest| digest.hex()[..16].to_owned();
    let rest = (&entry.link, entry.device, &entry.xattrs);
    format!(
        "{:?} {:o} {}:{} {} {} {}",
        entry.kind,
        entry.mode,
        entry.uid,
        entry.gid,
        entry.size,
        short(Digest::of(format!("{rest:?}").as_bytes())),
        content.map_or_else(String::new, |content| short(*content)),
    )
}

fn change(key: &str, before: Option<&str>, now: Option<&str>) -> String {
    let shown = |value: &str| match value.char_indices().nth(LONGEST) {
        Some((end, _)) => format!("{}...", &value[..end]),
        None => value.to_owned(),
    };
    if let Some(path) = key.strip_prefix("file ") {
        let what = match (before, now) {
            (None, _) => "added".to_owned(),
            (_, None) => "removed".to_owned(),
            (Some(before), Some(now)) => of_file(before, now),
        };
        return format!("{path}: {what}");
    }
    match (key, before, now) {
        ("text", Some(before), Some(now)) => format!("{} -> {}", shown(before), shown(now)),
        (_, Some(before), Some(now)) => format!("{key} {} -> {}", shown(before), shown(now)),
        (_, None, Some(now)) => format!("{key} is new: {}", shown(now)),
        (_, Some(before), None) => format!("{key} is gone: {}", shown(before)),
        (_, None, None) => key.to_owned(),
    }
}

fn of_file(before: &str, now: &str) -> String {
    const NAMES: [&str; 7] = ["type", "mode", "owner", "size", "attributes", "content", ""];
    let pairs = before.split(' ').zip(now.split(' ')).zip(NAMES);
    let changed: Vec<(&str, &str, &str)> = pairs
        .filter(|((before, now), _)| before != now)
        .map(|((before, now), name)| (name, before, now))
        .collect();
    let words: Vec<String> = changed
        .iter()
        // Another size is another content.
        .filter(|(name, ..)| *name != "size")
        .map(|(name, before, now)| match *name {
            "mode" | "owner" | "type" => format!("{name} {before} -> {now}"),
            name => name.to_owned(),
        })
        .collect();
    if words.is_empty() { "content".into() } else { words.join(", ") }
}

impl Build<'_> {
    /// Says why a step is made, and keeps what it looks at for [`Build::commit`] to write down.
    pub(super) fn explain(
        &self,
        stage: &mut Stage,
        instruction: &Instruction,
        inputs: &Inputs<'_>,
        n: u32,
    ) -> Result<()> {
        let (parent, text) = (stage.parent_key(), instruction.source());
        // The inputs may be large: those of other instructions are left alone.
        let (same, others) = self.store.db().read(|db| {
            let same = self.store.step_inputs(db, &parent, &text)?;
            Ok((same, self.store.instructions_on(db, &parent)?))
        })?;
        let reason = if self.ignores_cache(stage) {
            "the cache is not used".to_owned()
        } else if let Some(before) = same {
            let changes = inputs.changes(&before)?;
            match changes.len() {
                0 => "its image is gone".to_owned(),
                count if count > SHOWN => {
                    format!("{}, and {} more", changes[..SHOWN].join(", "), count - SHOWN)
                }
                _ => changes.join(", "),
            }
        } else if let Some(before) = others.iter().find(|text| first_word(text) == instruction.name) {
            format!("the instruction was `{}`", before)
        } else if let Some(before) = others.first() {
            format!("`{}` stood in its place", before)
        } else if stage.made {
            "the step before was made anew".to_owned()
        } else {
            "nothing was built on this image before".to_owned()
        };
        stage.made = true;
        stage.inputs = Some(StepInputs { instruction: text, inputs: inputs.to_bytes()? });
        self.task.emit(&Event::StepMissed { n, reason: format!("{}: {reason}", instruction.name) })
    }
}

fn first_word(text: &str) -> String {
    text.split_whitespace().next().unwrap_or_default().to_uppercase()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_change_names_what_and_how() {
        let texts = |pairs: &[(&str, &str)]| Inputs {
            texts: pairs.iter().map(|(key, value)| (key.to_string(), value.to_string())).collect(),
            files: None,
        };
        let before = texts(&[("argument VERSION", "1"), ("argument GONE", "x"), ("text", "make")]);
        let now = texts(&[("argument VERSION", "2"), ("argument NEW", "y"), ("text", "make")]);
        assert_eq!(
            now.changes(&before.to_bytes().unwrap()).unwrap(),
            ["argument NEW is new: y", "argument VERSION 1 -> 2", "argument GONE is gone: x"]
        );
        assert_eq!(of_file("File 644 0:0 3 aa c1", "File 755 0:0 3 aa c1"), "mode 644 -> 755");
        assert_eq!(of_file("File 644 0:0 3 aa c1", "File 644 0:0 4 aa c2"), "content");
        assert_eq!(change("file a/b", None, Some("File")), "a/b: added");
    }
}
