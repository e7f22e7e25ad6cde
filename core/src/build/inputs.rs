//! What a build is made from: finds its context, whatever kind it is of, its Dockerfile and its ignore file.

use std::path::Path;

use super::BuildOptions;
use super::context::{Context, read_text};
use super::context_tar::{Arrived, receive};
use super::git::Access;
use super::git_url::{Author, GitUrl};
use super::memory::Memory;
use crate::archive::{Source, open_source};
use crate::config::RegistryConfig;
use crate::error::{Error, ErrorKind, Result, ResultExt};
use crate::fs;
use crate::layer::Timestamp;
use crate::registry;
use crate::store::Store;
use crate::task::Task;

/// The name of a Dockerfile that has none.
const DOCKERFILE: &str = "Dockerfile";
/// What leaves files out of a context.
const IGNORE: &str = ".dockerignore";

/// What contexts are found with.
pub struct Finder<'a> {
    /// Where temporary directories are made.
    pub store: &'a Store,
    /// How servers are reached.
    pub registry: &'a RegistryConfig,
    /// What cancels it.
    pub task: &'a Task,
}

/// A context as it was found.
pub enum Found {
    /// A directory of the caller's.
    Own(Context),
    /// What was brought here from somebody else: nothing in it leads outside of it.
    Brought(Context),
    /// The text of a Dockerfile alone.
    Dockerfile(Vec<u8>),
}

impl Finder<'_> {
    /// Opens a build's context, and reads its Dockerfile, unless the options have steps in its place.
    pub fn open(
        &self,
        options: &BuildOptions,
        context: Option<Source>,
        dockerfile: Option<Source>,
        time: Timestamp,
    ) -> Result<(Context, Vec<u8>)> {
        let memory = Memory::new(&options.files, time)?;
        let given = self.given_dockerfile(options, dockerfile)?;
        let found = match context {
            Some(stream) => self.receive(stream, "the context")?,
            None if options.path.as_os_str().is_empty() => {
                if memory.is_empty() && given.is_none() {
                    let message = "no context was given: a build needs a path, files or a stream";
                    return Err(Error::new(ErrorKind::InvalidArgument, message));
                }
                Found::Own(Context::default())
            }
            None => self.find(&options.path)?,
        };
        let (context, own, sent) = match found {
            Found::Own(context) => (context, true, None),
            Found::Brought(context) => (context, false, None),
            Found::Dockerfile(text) => (Context::default(), false, Some(text)),
        };
        let context = context.with_memory(memory);
        let name = options.dockerfile.as_deref().unwrap_or(Path::new(DOCKERFILE));
        let text = match given.or(sent) {
            Some(text) => text,
            None => self.read(&context, name, own)?.ok_or_else(|| {
                let shown =
                    context.root().filter(|_| own).map_or_else(|| name.to_owned(), |root| root.join(name));
                let message = format!("Cannot locate specified Dockerfile: {}", shown.display());
                Error::new(ErrorKind::NotFound, message)
            })?,
        };
        let mut beside = name.as_os_str().to_owned();
        beside.push(IGNORE);
        let ignore = match self.read(&context, Path::new(&beside), own)? {
            Some(ignore) => Some(ignore),
            None => self.read(&context, Path::new(IGNORE), own)?,
        };
        Ok((context.without(&ignore.unwrap_or_default())?, text))
    }

    /// The Dockerfile that does not come with the context.
    fn given_dockerfile(&self, options: &BuildOptions, stream: Option<Source>) -> Result<Option<Vec<u8>>> {
        if let Some(stream) = stream {
            let (stream, _) = open_source(stream, self.task).context(|| "open the Dockerfile")?;
            return read_text(stream, Path::new(DOCKERFILE)).map(Some);
        }
        let text = options.dockerfile_text.as_ref().map(|text| text.clone().into_bytes());
        Ok(text.or_else(|| (!options.steps.is_empty()).then(Vec::new)))
    }

    /// A text that belongs to a context: in a directory of the caller's as the caller's system finds it, otherwise within the context.
    fn read(&self, context: &Context, path: &Path, own: bool) -> Result<Option<Vec<u8>>> {
        let file = match context.root() {
            Some(root) if own && !context.has_in_memory(path) => root.join(path),
            None if own && path.is_absolute() => path.to_owned(),
            _ => return context.read_text(path),
        };
        if fs::is_directory(&file) {
            let message = format!("{} is a directory, not a Dockerfile", file.display());
            return Err(Error::new(ErrorKind::InvalidArgument, message));
        }
        match open_source(Source::Path(file), self.task) {
            Ok((stream, _)) => read_text(stream, path).map(Some),
            Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// The context that a text means: a directory, the URL of a git repository, or of a tar.
    pub fn find(&self, path: &Path) -> Result<Found> {
        if fs::is_directory(path) {
            return Ok(Found::Own(Context::of_directory(path)));
        }
        if let Some(text) = path.to_str() {
            if let Some(url) = GitUrl::parse(text, Author::Caller)? {
                let access =
                    Access { author: Author::Caller, agent: None, store: self.store, task: self.task };
                let kept = url.keep_git_dir.unwrap_or(false);
                let checkout = access.checkout(&url, None, kept)?;
                return Ok(Found::Brought(Context::of_temporary(checkout.folder, checkout.root)));
            }
            if is_web_url(text) {
                return self.download(text);
            }
        }
        let shown = path.display();
        Err(match fs::stat(path)? {
            Some(_) => Error::new(
                ErrorKind::InvalidArgument,
                format!("unable to prepare context: context must be a directory: {shown}"),
            ),
            None => Error::new(
                ErrorKind::NotFound,
                format!("unable to prepare context: path \"{shown}\" not found"),
            ),
        })
    }

    /// A tar or a Dockerfile behind a URL.
    fn download(&self, url: &str) -> Result<Found> {
        let folder = self.store.temporary_directory()?;
        let path = folder.path().join("context");
        let mut file = fs::create_new(&path)?;
        let limit = self.store.limits().layer_size;
        registry::fetch(self.registry, url, &mut file, limit, |_| Ok(true), self.task)
            .context(|| "unable to prepare context")?;
        self.receive(Source::Path(path), &registry::shown_url(url))
    }

    fn receive(&self, source: Source, what: &str) -> Result<Found> {
        let (stream, _) = open_source(source, self.task).context(|| format!("open {what}"))?;
        Ok(match receive(self.store, stream, what, self.task)? {
            Arrived::Dockerfile(text) => Found::Dockerfile(text),
            Arrived::Directory(folder) => {
                let root = folder.path().to_owned();
                Found::Brought(Context::of_temporary(folder, root))
            }
        })
    }
}

/// Whether a text is the URL of a file on the web.
pub fn is_web_url(text: &str) -> bool {
    let scheme = text.split_once("://").map(|(scheme, _)| scheme.to_ascii_lowercase());
    matches!(scheme.as_deref(), Some("http" | "https"))
}
