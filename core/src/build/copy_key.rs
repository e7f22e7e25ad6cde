//! What COPY and ADD look up in the cache: names, attributes and contents of what they put into the image, never times.

use std::borrow::Cow;
use std::fmt::Write;

use super::items::Items;
use super::steps::NOP;
use super::{Build, cache_key};
use crate::digest::{Digest, Hasher};
use crate::dockerfile::Instruction;
use crate::error::Result;

/// The cache keys of a step: one of its text, which says whether a look at the contents is worth it, and what the real one
/// begins with.
pub struct Keys {
    /// The text's.
    pub text: Digest,
    base: String,
    /// `--link`: the layer does not depend on what is below it.
    pub link: bool,
    shown: String,
}

impl Keys {
    /// The keys of an instruction that puts something at `destination`, on a parent or, with `--link`, on any.
    pub fn new(
        build: &Build<'_>,
        instruction: &Instruction,
        on: (&str, &str),
        link: bool,
        destination: &str,
        kind: &str,
    ) -> Result<Keys> {
        let (parent, author) = if link { ("any", "") } else { on };
        Ok(Keys {
            text: cache_key(&("text", parent, &instruction.text, destination, build.epoch))?,
            base: format!("{parent} {} {destination} {author} {:?}", instruction.name, build.epoch),
            link,
            shown: format!("{NOP}{} {kind}:", instruction.name),
        })
    }

    /// The key of archives that are unpacked: it depends on the order of the sources, too.
    pub fn of_archives(&mut self, sources: &[(Cow<'_, str>, bool)]) {
        self.base.push_str(&format!(" unpack {sources:?}"));
    }

    /// The key of a layer of these items. `digests` are those of their contents, in order.
    pub fn of_items(&self, items: &Items<'_>, digests: &[Digest]) -> Digest {
        items_key(&self.base, items, digests)
    }

    /// What history says of the step.
    pub fn created_by(&self, key: Digest, destination: &str) -> String {
        format!("{}{} in {destination} ", self.shown, key.hex())
    }
}

/// Everything that decides what the items make: names, attributes and contents, but no times.
pub fn items_key(base: &str, items: &Items<'_>, digests: &[Digest]) -> Digest {
    let mut digests = digests.iter();
    let mut key = Hasher::default();
    key.update(base.as_bytes());
    let mut line = String::new();
    for item in items.iter() {
        let entry = &item.entry;
        let digest = item.body.as_ref().and_then(|_| digests.next());
        line.clear();
        // Into a text nothing fails to be written.
        let _ = write!(
            line,
            "\n{:?} {:?} {:o} {} {} {} {:?} {:?} {:?} {digest:?}",
            entry.path,
            entry.kind,
            entry.mode,
            entry.uid,
            entry.gid,
            entry.size,
            entry.link,
            entry.device,
            entry.xattrs
        );
        key.update(line.as_bytes());
    }
    key.finish().0
}
