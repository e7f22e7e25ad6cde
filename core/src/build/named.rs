//! Named contexts (`--build-context`): what `FROM`, `--from` and mounts mean by a name that the caller has given a meaning.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::{Mutex, OnceLock, PoisonError};

use super::Build;
use super::context::Context;
use super::inputs::{Finder, Found};
use super::plan::PlannedStage;
use super::sources::Source;
use super::stage::Stage;
use crate::archive;
use crate::digest::Digest;
use crate::dockerfile::{Command, CopyArgs, Instruction};
use crate::error::{Error, ErrorKind, Result, ResultExt};
use crate::platform::Platform;
use crate::reference::Reference;

/// The named contexts of a build, by the name as [`key`] has it.
pub struct NamedContexts(BTreeMap<String, NamedContext>);

struct NamedContext {
    value: String,
    /// What it is, once it was needed.
    opened: OnceLock<Opened>,
    /// Who needs it meanwhile waits.
    opening: Mutex<()>,
}

/// What a named context turned out to be.
pub enum Opened {
    /// Files.
    Files(Box<Context>),
    /// An image, by name or ID.
    Image(String),
}

/// The form in which names of contexts are compared: `alpine`, `alpine:latest` and `docker.io/library/alpine:latest` are one. What is no name of an image
/// is compared as it stands.
pub fn key(name: &str) -> String {
    let lower = name.to_lowercase();
    match lower.parse::<Reference>() {
        Ok(reference) => {
            let name = reference.to_string();
            name.strip_suffix(":latest").map(str::to_owned).unwrap_or(name)
        }
        Err(_) => lower,
    }
}

impl NamedContexts {
    /// The contexts of a build's options.
    pub fn new(contexts: &BTreeMap<String, String>) -> Result<NamedContexts> {
        let mut named = BTreeMap::new();
        for (name, value) in contexts {
            let refuse = |why: &str| {
                Err(Error::new(ErrorKind::InvalidArgument, format!("invalid context name {name:?}: {why}")))
            };
            if name.is_empty() || value.is_empty() {
                return refuse("a context has a name and says where it is");
            }
            let context =
                NamedContext { value: value.clone(), opened: OnceLock::new(), opening: Mutex::default() };
            if named.insert(key(name), context).is_some() {
                return refuse("another one means the same");
            }
        }
        Ok(NamedContexts(named))
    }

    /// Whether there is one of this name.
    pub fn has(&self, name: &str) -> bool {
        !self.0.is_empty() && self.0.contains_key(&key(name))
    }
}

impl Build<'_> {
    /// The named context of this name, brought here the first time that it is asked for; `None` when there is none.
    pub(super) fn named_context(&self, name: &str, platform: &Platform) -> Result<Option<&Opened>> {
        let Some(context) = self.named.0.get(&key(name)) else { return Ok(None) };
        let _opening = context.opening.lock().unwrap_or_else(PoisonError::into_inner);
        let opened = match context.opened.get() {
            Some(opened) => opened,
            None => {
                let opened =
                    self.open_named(&context.value, platform).context(|| format!("context {name}"))?;
                context.opened.get_or_init(|| opened)
            }
        };
        Ok(Some(opened))
    }

    fn open_named(&self, value: &str, platform: &Platform) -> Result<Opened> {
        if let Some(name) = value.strip_prefix("docker-image://") {
            return Ok(Opened::Image(name.to_owned()));
        }
        if let Some(layout) = value.strip_prefix("oci-layout://") {
            return self.load_layout(layout, platform).map(|id| Opened::Image(id.to_string()));
        }
        let finder = Finder { store: self.store, registry: self.registry, task: self.task };
        let context = match finder.find(Path::new(value))? {
            Found::Own(context) | Found::Brought(context) => context,
            Found::Dockerfile(_) => {
                let message = format!("{} is not a tar", crate::registry::shown_url(value));
                return Err(Error::new(ErrorKind::InvalidArgument, message));
            }
        };
        let ignore = context.read_text(Path::new(".dockerignore"))?;
        Ok(Opened::Files(Box::new(context.without(&ignore.unwrap_or_default())?)))
    }

    /// Loads the image of `DIRECTORY[:TAG][@DIGEST]`.
    fn load_layout(&self, layout: &str, platform: &Platform) -> Result<Digest> {
        let (place, digest) = match layout.rsplit_once('@') {
            Some((place, digest)) => (place, Some(digest.parse::<Digest>()?)),
            None => (layout, None),
        };
        let (directory, tag) = match place.rsplit_once(':') {
            Some((directory, tag)) if !tag.contains('/') => (directory, Some(tag)),
            _ => (place, None),
        };
        archive::load_layout(self.store, Path::new(directory), tag, digest, platform, self.task)
            .context(|| format!("OCI layout {directory}"))
    }

    /// A stage that starts from a named context: its image, or an image of its files.
    pub(super) fn start_from_context(
        &self,
        planned: &PlannedStage,
        name: &str,
        number: usize,
    ) -> Result<Stage> {
        let context = match self.named_context(name, &planned.platform)? {
            Some(Opened::Image(image)) => return self.open_image(image, &planned.platform),
            Some(Opened::Files(context)) => context,
            None => return Err(Error::new(ErrorKind::Internal, format!("no context is named {name}"))),
        };
        let args = CopyArgs { sources: vec!["/".into()], destination: "/".into(), ..CopyArgs::default() };
        let copy = Instruction {
            name: "COPY".into(),
            text: format!("COPY --from={name} / /"),
            command: Command::Copy(args.clone()),
            ..planned.from.clone()
        };
        let mut stage = Stage::scratch(&planned.platform);
        stage.number = number;
        let source = Source::all_of(&**context);
        self.place(&mut stage, &copy, &args, &[source], planned.first_step)?;
        Ok(stage)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_context_is_found_under_every_form_of_its_name() {
        for name in ["alpine", "alpine:latest", "docker.io/library/alpine", "Alpine"] {
            assert_eq!(key(name), "alpine", "{name}");
        }
        assert_eq!(key("quay.io/a/b:1"), "quay.io/a/b:1");
        assert_ne!(key("alpine:3"), key("alpine"));
        let contexts = [("alpine", "a"), ("alpine:latest", "b")];
        let contexts = contexts.map(|(name, value)| (name.to_owned(), value.to_owned())).into();
        assert!(NamedContexts::new(&contexts).is_err());
    }
}
