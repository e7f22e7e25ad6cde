//! ADD of what lies elsewhere: files behind URLs, and git repositories.

use percent_encoding::percent_decode_str;

use super::context::Context;
use super::fetched::FetchedFile;
use super::git::Access;
use super::git_url::{Author, GitUrl, check_commit};
use super::inputs::is_web_url;
use super::sources::{Source, find};
use super::stage::Stage;
use super::unpack::is_archive;
use super::{Build, cache_key};
use crate::digest::Digest;
use crate::dockerfile::{CopyArgs, Instruction};
use crate::error::{Error, ErrorKind, Result};
use crate::fs;
use crate::layer::{Entry, EntryKind, Timestamp};
use crate::registry::{self, FileHead};

/// The name of a file whose URL has none, as BuildKit has it.
const UNNAMED: &str = "__unnamed__";

/// What a source of ADD is.
pub enum AddSource {
    /// Files of the context.
    Local(String),
    /// A file behind a URL.
    Web(String),
    /// A repository.
    Git(GitUrl),
}

/// A source that is here.
enum Brought {
    /// A word that means files of the context.
    Local(String),
    /// A repository.
    Directory(Context),
    /// A file.
    File(FetchedFile),
}

/// What a step is known by before anything is fetched for it: the step's own part, to which comes what says that the source is the same.
struct Origin {
    step: String,
}

fn failed(message: impl Into<String>) -> Error {
    Error::new(ErrorKind::BuildFailed, message)
}

impl Origin {
    fn key(&self, identity: &str) -> Result<Digest> {
        cache_key(&("remote", &self.step, identity))
    }
}

impl Build<'_> {
    /// The sources of an ADD, if not all of them are in the context.
    pub(super) fn remote_sources(
        &self,
        stage: &mut Stage,
        args: &CopyArgs,
    ) -> Result<Option<Vec<AddSource>>> {
        let mut sources = Vec::new();
        for source in &args.sources {
            let source = self.expand(stage, source)?;
            sources.push(match GitUrl::parse(&source, Author::Dockerfile)? {
                Some(mut url) => {
                    if let Some(commit) = &args.checksum {
                        let commit = self.expand(stage, commit)?;
                        check_commit(&commit)?;
                        url.commit = Some(commit);
                    }
                    AddSource::Git(url)
                }
                None if is_web_url(&source) => AddSource::Web(source),
                None => AddSource::Local(source),
            });
        }
        let is_local = |source: &AddSource| matches!(source, AddSource::Local(_));
        if args.checksum.is_some() {
            match sources.as_slice() {
                [one] if !is_local(one) => {}
                [_] => return Err(failed("checksum requires HTTP(S) or Git sources")),
                _ => return Err(failed("checksum can't be specified for multiple sources")),
            }
        }
        Ok((!sources.iter().all(is_local)).then_some(sources))
    }

    /// COPY takes nothing that lies elsewhere.
    pub(super) fn refuse_remote(&self, stage: &mut Stage, args: &CopyArgs) -> Result<()> {
        for source in &args.sources {
            let source = self.expand(stage, source)?;
            if is_web_url(&source) {
                return Err(failed("source can't be a URL for COPY"));
            }
            if GitUrl::parse(&source, Author::Dockerfile)?.is_some() {
                return Err(failed("source can't be a git ref for COPY"));
            }
        }
        Ok(())
    }

    /// ADD with sources that are not in the context.
    pub(super) fn add_remote(
        &self,
        stage: &mut Stage,
        instruction: &Instruction,
        args: &CopyArgs,
        sources: Vec<AddSource>,
        n: u32,
    ) -> Result<()> {
        let alone = sources.len() == 1 && args.heredocs.is_empty();
        let origin = self.origin(stage, args)?;
        let mut adding = Adding {
            build: self,
            args,
            origin: alone.then_some(&origin),
            checksum: args.checksum.as_ref().map(|checksum| self.expand(stage, checksum)).transpose()?,
            brought: Vec::new(),
            commit: None,
            known_by: None,
        };
        for source in sources {
            let before = adding.before(&source)?;
            if let Some(key) = before
                && self.try_cache(stage, key, n)?
            {
                return Ok(());
            }
            adding.known_by = adding.known_by.or(before);
            let mut fetched = adding.bring(&source, !self.ignores_cache(stage))?;
            if !fetched {
                if let Some(key) = adding.known_by
                    && self.try_cache(stage, key, n)?
                {
                    return Ok(());
                }
                // It is not in the cache any more.
                fetched = adding.bring(&source, false)?;
            }
            if !fetched {
                return Err(Error::new(ErrorKind::Internal, "a source was not fetched"));
            }
        }
        let Adding { brought, known_by, .. } = adding;
        let inline = self.inline(stage, args)?;
        let mut sources = Vec::new();
        for brought in &brought {
            match brought {
                Brought::Local(word) => sources.extend(self.local(word, args)?),
                Brought::Directory(context) => sources.push(Source::all_of(context)),
                Brought::File(file) => {
                    let path = file.entry.path.clone();
                    let is_archive =
                        args.unpack == Some(true) && is_archive(file, &path, self.store.limits())?;
                    sources.push(Source { path, is_archive, ..Source::all_of(file) });
                }
            }
        }
        sources.extend(inline.sources());
        self.place(stage, instruction, args, &sources, n)?;
        if let (Some(key), Some((id, _))) = (known_by, stage.image) {
            self.store.db().write(|db| self.store.remember(db, key, id))?;
        }
        Ok(())
    }

    /// The files of the context that a word means.
    fn local(&self, word: &str, args: &CopyArgs) -> Result<Vec<Source<'_>>> {
        let mut sources = find(self.context, word, args.parents, false)?;
        for source in sources.iter_mut().filter(|_| args.unpack != Some(false)) {
            let path = source.files.resolve(&source.path)?;
            source.is_archive = is_archive(source.files, &path, self.store.limits())?;
        }
        Ok(sources)
    }

    /// What the step is but for its sources' contents.
    fn origin(&self, stage: &mut Stage, args: &CopyArgs) -> Result<Origin> {
        let mut words = vec![stage.state_key(), format!("{:?} {:?}", stage.config.author, self.epoch)];
        let flags = [args.chown.as_ref(), args.chmod.as_ref()].into_iter().flatten();
        for word in flags.chain(&args.sources).chain([&args.destination]).chain(&args.exclude) {
            words.push(self.expand(stage, word)?);
        }
        Ok(Origin { step: format!("{words:?} {args:?}") })
    }
}

/// The sources of one ADD on their way.
struct Adding<'a> {
    build: &'a Build<'a>,
    args: &'a CopyArgs,
    /// Of a source that is alone.
    origin: Option<&'a Origin>,
    checksum: Option<String>,
    brought: Vec<Brought>,
    /// The commit of a repository that is alone.
    commit: Option<String>,
    /// The key under which the step is remembered beside that of its contents.
    known_by: Option<Digest>,
}

impl Adding<'_> {
    /// The key that a source has without its bytes: a commit, or the checksum that was given.
    fn before(&mut self, source: &AddSource) -> Result<Option<Digest>> {
        let Some(origin) = self.origin else { return Ok(None) };
        match (source, &self.checksum) {
            (AddSource::Git(url), _) => {
                let commit = self.access().resolve(url)?;
                let key = origin.key(&format!("commit {commit}"))?;
                self.commit = Some(commit);
                Ok(Some(key))
            }
            (AddSource::Web(_), Some(checksum)) => origin.key(&format!("checksum {checksum}")).map(Some),
            _ => Ok(None),
        }
    }

    fn access(&self) -> Access<'_> {
        Access {
            author: Author::Dockerfile,
            agent: self.build.options.ssh.get("default").cloned(),
            store: self.build.store,
            task: self.build.task,
        }
    }

    /// Brings a source here. `false` when the server says that it is what the cache has; only asked for with `may_know`.
    fn bring(&mut self, source: &AddSource, may_know: bool) -> Result<bool> {
        match source {
            AddSource::Local(word) => {
                self.brought.push(Brought::Local(word.clone()));
                Ok(true)
            }
            AddSource::Git(url) => {
                let keep = self.args.keep_git_dir || url.keep_git_dir == Some(true);
                let commit = self.commit.take();
                let checkout = self.access().checkout(url, commit, keep)?;
                let context = Context::of_temporary(checkout.folder, checkout.root);
                self.brought.push(Brought::Directory(context));
                Ok(true)
            }
            AddSource::Web(url) => self.download(url, may_know),
        }
    }

    fn download(&mut self, url: &str, may_know: bool) -> Result<bool> {
        let build = self.build;
        let checksum = match &self.checksum {
            Some(text) => Some(text.parse::<Digest>().map_err(|error| {
                Error::new(error.kind(), format!("invalid checksum digest format: {error}"))
            })?),
            None => None,
        };
        let folder = build.store.temporary_directory()?;
        let path = folder.path().join("download");
        let mut file = fs::create_new(&path)?;
        let (origin, mut said) = (self.origin.filter(|_| self.checksum.is_none()), None);
        let wanted = |head: &FileHead| {
            // A weak one does not promise the same bytes.
            let etag = head.etag.as_ref().filter(|etag| !etag.starts_with("W/"));
            let (Some(origin), Some(etag)) = (origin, etag) else { return Ok(true) };
            let key = origin.key(&format!("etag {etag} {:?}", head.modified))?;
            said = Some(key);
            Ok(!may_know || !build.store.db().read(|db| build.store.is_cached(db, key))?)
        };
        let limit = build.store.limits().layer_size;
        let fetched = registry::fetch(build.registry, url, &mut file, limit, wanted, build.task)?;
        self.known_by = self.known_by.or(said);
        let Some(fetched) = fetched else { return Ok(false) };
        if let Some(wanted) = checksum.filter(|wanted| *wanted != fetched.digest) {
            let (shown, got) = (registry::shown_url(url), fetched.digest);
            let message = format!("{shown}: digest mismatch: expected {wanted}, got {got}");
            return Err(Error::new(ErrorKind::DigestMismatch, message));
        }
        let name = file_name(url);
        let mut entry = Entry::new(&name, EntryKind::File, 0o600);
        entry.size = fetched.size;
        entry.mtime = Timestamp { seconds: fetched.head.modified.unwrap_or(0), nanoseconds: 0 };
        self.brought.push(Brought::File(FetchedFile { entry, content: path, _folder: folder }));
        Ok(true)
    }
}

/// The name that a download gets in a directory: the last of its URL's path.
fn file_name(url: &str) -> String {
    let path = url.split(['?', '#']).next().unwrap_or_default();
    let path = path.split_once("://").and_then(|(_, rest)| rest.split_once('/')).map_or("", |(_, path)| path);
    let path = percent_decode_str(path).decode_utf8_lossy();
    let name = path.trim_end_matches('/').rsplit('/').next().unwrap_or_default();
    match name {
        "" | "." | ".." => UNNAMED.into(),
        name if name.contains('\0') => UNNAMED.into(),
        name => name.into(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_download_is_named_by_its_url() {
        for (url, name) in [
            ("https://h/a/b.tar?x=/y", "b.tar"),
            ("https://h/a%20b", "a b"),
            ("https://h/a/", "a"),
            ("https://h/..%2Fetc%2Fpasswd", "passwd"),
            ("https://h/%2e%2e", UNNAMED),
            ("https://h", UNNAMED),
            ("https://h/", UNNAMED),
        ] {
            assert_eq!(file_name(url), name, "{url}");
        }
    }
}
