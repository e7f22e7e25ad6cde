//! COPY and ADD: the instructions. Where their sources are, where these go and what the cache is asked for is for the modules
//! beside.

use super::chmod::Mode;
use super::context::Files;
use super::copy_key::Keys;
use super::explain::Inputs;
use super::image_files::ImageFiles;
use super::items::Items;
use super::named::Opened;
use super::plan::find_stage;
use super::sources::{Inline, Source, find};
use super::stage::{Stage, StepLayer};
use super::steps::changes;
use super::tar::{hash_contents, new_time, write_layer};
use super::target::{Placing, Target};
use super::unpack::{Unpacked, is_archive};
use super::{Build, cache_key};
use crate::archive::Ingested;
use crate::container::user;
use crate::digest::Digest;
use crate::dockerfile::{CopyArgs, Ignore, Instruction};
use crate::error::{Error, ErrorKind, Result, ResultExt};
use crate::event::Event;
use crate::layer::{Entry, EntryKind, Tree};
use crate::spec;

fn failed(message: String) -> Error {
    Error::new(ErrorKind::BuildFailed, message)
}

impl Build<'_> {
    /// COPY, from the context, a stage or an image, or of what the Dockerfile itself has.
    pub(super) fn copy(
        &self,
        stage: &mut Stage,
        instruction: &Instruction,
        args: &CopyArgs,
        n: u32,
    ) -> Result<()> {
        self.refuse_remote(stage, args)?;
        let inline = self.inline(stage, args)?;
        let Some(from) = &args.from else {
            let mut sources = self.find(stage, args, self.context, false)?;
            sources.extend(inline.sources());
            return self.place(stage, instruction, args, &sources, n);
        };
        let mut image = match find_stage(&self.plan.stages[..stage.number], from) {
            Some(number) => match self.finished(number)?.image {
                Some((id, manifest)) => Stage::open(self.store, id, manifest)?,
                None => return Err(failed(format!("stage {from} is empty"))),
            },
            None => {
                let platform = &self.plan.stages[stage.number].platform;
                match self.named_context(from, platform)? {
                    Some(Opened::Files(context)) => {
                        let mut sources = self.find(stage, args, &**context, false)?;
                        sources.extend(inline.sources());
                        return self.place(stage, instruction, args, &sources, n);
                    }
                    Some(Opened::Image(image)) => self.open_image(image, platform)?,
                    None => self.open_image(from, platform)?,
                }
            }
        };
        let lease = self.store.lease();
        let snapshots = image.snapshots(self.store, &lease, self.task)?;
        let files = ImageFiles { tree: image.tree(self.store)?, snapshots };
        let mut sources = self.find(stage, args, &files, true)?;
        sources.extend(inline.sources());
        self.place(stage, instruction, args, &sources, n)
    }

    /// ADD: like COPY from the context, but a local tar, told by its content, is unpacked.
    pub(super) fn add(
        &self,
        stage: &mut Stage,
        instruction: &Instruction,
        args: &CopyArgs,
        n: u32,
    ) -> Result<()> {
        if let Some(remote) = self.remote_sources(stage, args)? {
            return self.add_remote(stage, instruction, args, remote, n);
        }
        let inline = self.inline(stage, args)?;
        let mut sources = self.find(stage, args, self.context, false)?;
        if args.unpack != Some(false) {
            for source in &mut sources {
                let path = source.files.resolve(&source.path)?;
                source.is_archive = is_archive(source.files, &path, self.store.limits())?;
            }
        }
        sources.extend(inline.sources());
        self.place(stage, instruction, args, &sources, n)
    }

    /// What the words of an instruction mean among these files.
    pub(super) fn find<'f>(
        &self,
        stage: &mut Stage,
        args: &CopyArgs,
        files: &'f dyn Files,
        keeps_owner: bool,
    ) -> Result<Vec<Source<'f>>> {
        let mut sources = Vec::new();
        for word in &args.sources {
            sources.extend(find(files, &self.expand(stage, word)?, args.parents, keeps_owner)?);
        }
        Ok(sources)
    }

    /// The heredocs of an instruction as files.
    pub(super) fn inline(&self, stage: &mut Stage, args: &CopyArgs) -> Result<Inline> {
        let mut inline = Inline::default();
        for heredoc in &args.heredocs {
            let content = match heredoc.expand {
                true => {
                    let config = &mut stage.config.config;
                    changes(config, &mut stage.cmd_set, self.plan.escape, &stage.arguments)
                        .expand_text(&heredoc.content)?
                }
                false => heredoc.content.clone(),
            };
            let name = &heredoc.name;
            if name.contains('/') || name == "." || name == ".." {
                return Err(failed(format!("a heredoc cannot be a file named {name:?}")));
            }
            let entry = Entry { mtime: new_time(self.epoch), ..Entry::new(name, EntryKind::File, 0o644) };
            inline.add(entry, content);
        }
        Ok(inline)
    }

    /// Puts sources into the image: from the cache, or as a new layer.
    pub(super) fn place(
        &self,
        stage: &mut Stage,
        instruction: &Instruction,
        args: &CopyArgs,
        sources: &[Source<'_>],
        n: u32,
    ) -> Result<()> {
        let word = self.expand(stage, &args.destination)?;
        let destination = spec::join(&stage.config.config.working_dir, &word);
        let how = self.placing(stage, args, &word)?;
        let many = args.sources.len() + args.heredocs.len() > 1 || sources.len() > 1;
        if many && !how.is_directory {
            return Err(failed(format!(
                "When using {} with more than one source file, the destination must be a directory and end with a /",
                instruction.name
            )));
        }
        let (parent, author) = (stage.state_key(), stage.config.author.clone());
        let kind = kind(sources)?;
        let mut keys = Keys::new(self, instruction, (&parent, &author), args.link, &destination, kind)?;
        let what = || format!("{} failed", instruction.name);
        let made = if sources.iter().any(|source| source.is_archive) {
            let shown: Vec<_> =
                sources.iter().map(|source| (source.path.to_string_lossy(), source.is_archive)).collect();
            keys.of_archives(&shown);
            self.place_unpacked(stage, (instruction, &destination, &how), sources, &keys, n).context(what)?
        } else {
            let items = self.target(stage, &destination, &how, args.link, |target| {
                sources.iter().try_for_each(|source| target.put(source))
            });
            self.place_cached(stage, instruction, items.context(what)?, &destination, &keys, n)?
        };
        let Some((layer, key)) = made else { return Ok(()) };
        let known = match (args.link, &layer) {
            (false, _) => vec![key, keys.text],
            (true, Some(_)) => vec![linked_key(&parent, &author, key)?, key, keys.text],
            // There is no layer that could be put on another parent.
            (true, None) => vec![linked_key(&parent, &author, key)?],
        };
        self.commit(stage, keys.created_by(key, &destination), layer, &known)
    }

    /// What the flags and the destination say of how things are put.
    fn placing(&self, stage: &mut Stage, args: &CopyArgs, destination: &str) -> Result<Placing> {
        let owner = match &args.chown {
            Some(owner) => Some(self.owner(stage, owner, args.link)?),
            None => None,
        };
        let mode = match &args.chmod {
            Some(mode) => Some(Mode::parse(&self.expand(stage, mode)?)?),
            None => None,
        };
        let exclude = args.exclude.iter().map(|word| self.expand(stage, word)).collect::<Result<Vec<_>>>()?;
        Ok(Placing {
            is_directory: args.parents
                || destination.ends_with('/')
                || destination.ends_with("/.")
                || destination == ".",
            owner,
            mode,
            exclude: Ignore::from_patterns(exclude)
                .map_err(|error| error.as_kind(ErrorKind::InvalidArgument))
                .context(|| "read --exclude")?,
            time: new_time(self.epoch),
        })
    }

    /// What has to be in the layer after `put` has put everything. With `--link` nothing below the layer is looked at.
    fn target<'f>(
        &self,
        stage: &mut Stage,
        destination: &str,
        how: &Placing,
        link: bool,
        put: impl FnOnce(&mut Target<'_, 'f>) -> Result<()>,
    ) -> Result<Items<'f>> {
        let nothing = Tree::default();
        let tree = if link { &nothing } else { &*stage.tree(self.store)? };
        let mut target = Target::new(tree, destination, how)?;
        put(&mut target)?;
        Ok(target.into_items())
    }

    /// The layer of these items with its key; `None` when the cache had it and the stage has become that image.
    fn place_cached(
        &self,
        stage: &mut Stage,
        instruction: &Instruction,
        items: Items<'_>,
        destination: &str,
        keys: &Keys,
        n: u32,
    ) -> Result<Option<(Option<Ingested>, Digest)>> {
        let known = !self.ignores_cache(stage)
            && (self.shared.knows(keys.text)
                || self.store.db().read(|db| self.store.is_cached(db, keys.text))?);
        if known {
            let key = keys.of_items(&items, &hash_contents(self, &items)?);
            if self.reuse(stage, key, destination, keys, n)? {
                return Ok(None);
            }
        }
        if items.is_empty() {
            let key = keys.of_items(&items, &[]);
            if self.reuse(stage, key, destination, keys, n)? {
                return Ok(None);
            }
            self.explain(stage, instruction, &Inputs::of_files(destination, &items, &[]), n)?;
            return Ok(Some((None, key)));
        }
        let made = write_layer(self, items)?;
        let key = keys.of_items(&made.items, &made.digests);
        // The same contents under another text.
        if self.reuse(stage, key, destination, keys, n)? {
            return Ok(None);
        }
        self.explain(stage, instruction, &Inputs::of_files(destination, &made.items, &made.digests), n)?;
        Ok(Some((Some(made.into_layer()), key)))
    }

    /// [`Build::place_cached`] for sources of which some are archives: the cache is asked for the archives as they are.
    fn place_unpacked(
        &self,
        stage: &mut Stage,
        (instruction, destination, how): (&Instruction, &str, &Placing),
        sources: &[Source<'_>],
        keys: &Keys,
        n: u32,
    ) -> Result<Option<(Option<Ingested>, Digest)>> {
        let unopened = self.target(stage, destination, how, true, |target| {
            sources.iter().try_for_each(|source| match source.is_archive {
                true => target.put_unopened(source),
                false => target.put(source),
            })
        })?;
        let digests = hash_contents(self, &unopened)?;
        let key = keys.of_items(&unopened, &digests);
        if self.reuse(stage, key, destination, keys, n)? {
            return Ok(None);
        }
        self.explain(stage, instruction, &Inputs::of_files(destination, &unopened, &digests), n)?;
        let mut unpacked = Vec::new();
        for source in sources {
            unpacked.push(if source.is_archive { Some(Unpacked::new(self, source)?) } else { None });
        }
        let archives: Vec<Option<(&Unpacked, ImageFiles<'_>)>> = unpacked
            .iter()
            .map(|archive| archive.as_ref().map(|archive| (archive, archive.files())))
            .collect();
        let items = self.target(stage, destination, how, keys.link, |target| {
            for (source, archive) in sources.iter().zip(&archives) {
                match archive {
                    Some((archive, files)) => target.put_archive(archive, files, how.owner)?,
                    None => target.put(source)?,
                }
            }
            Ok(())
        })?;
        let layer = if items.is_empty() { None } else { Some(write_layer(self, items)?.into_layer()) };
        if hash_contents(self, &unopened)? != digests {
            return Err(failed("an archive was changed while it was unpacked".into()));
        }
        Ok(Some((layer, key)))
    }

    /// Takes the step from the cache: its image, or with `--link` its layer, put on another parent.
    fn reuse(&self, stage: &mut Stage, key: Digest, destination: &str, keys: &Keys, n: u32) -> Result<bool> {
        if !keys.link {
            return self.try_cache(stage, key, n);
        }
        let linked = linked_key(&stage.state_key(), &stage.config.author, key)?;
        if self.try_cache(stage, linked, n)? {
            return Ok(true);
        }
        let Some(layer @ StepLayer::Known(..)) = self.cached_layer(stage, key)? else { return Ok(false) };
        self.commit_layer(stage, keys.created_by(key, destination), Some(layer), &[linked, key, keys.text])?;
        self.task.emit(&Event::StepCached { n })?;
        Ok(true)
    }

    /// Expands a word with the stage's environment and arguments.
    pub(super) fn expand(&self, stage: &mut Stage, word: &str) -> Result<String> {
        changes(&mut stage.config.config, &mut stage.cmd_set, self.plan.escape, &stage.arguments).expand(word)
    }

    /// The owner of `--chown`, looked up in the image where it is a name.
    fn owner(&self, stage: &mut Stage, word: &str, link: bool) -> Result<(u32, u32)> {
        let owner = self.expand(stage, word)?;
        let numeric = owner.split(':').all(|part| part.parse::<u32>().is_ok());
        if link && !numeric {
            return Err(failed(format!(
                "--chown={owner} with --link: only numbers are possible, since names are looked up in the layers below"
            )));
        }
        let (passwd, group) = if numeric {
            Default::default()
        } else {
            (
                stage.read_file(self.store, "etc/passwd", self.task)?,
                stage.read_file(self.store, "etc/group", self.task)?,
            )
        };
        user::chown_ids(&owner, &passwd, &group)
    }
}

/// The key of a `--link` step on this parent: `layer` is the key of its layer on any.
fn linked_key(parent: &str, author: &str, layer: Digest) -> Result<Digest> {
    cache_key(&("linked", parent, author, layer.to_string()))
}

/// What history calls the sources.
fn kind(sources: &[Source<'_>]) -> Result<&'static str> {
    Ok(match sources {
        [one] => match one.look()? {
            Some((_, found)) if found.entry.kind == EntryKind::Directory => "dir",
            _ => "file",
        },
        _ => "multi",
    })
}
