//! `RUN --mount`: from the options to what is mounted, and what counts in the cache.
//!
//! Directories and files that are only made to be mounted upon are taken away again when nothing came into them, with those above
//! them (BuildKit does that since 0.11).

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use super::Build;
use super::mount_files::MountFiles;
use super::stage::Stage;
use super::steps::changes;
use crate::container::{AgentRelay, Mount, MountSource};
use crate::dockerfile::{MountType, RunMount, Sharing, parse_mount};
use crate::error::{Error, ErrorKind, Result, ResultExt};
use crate::fs;
use crate::layer::EntryKind;
use crate::spec::{self, variable};
use crate::store::{CacheMount, CacheSharing, ContainerFolder, Lease};

/// The build argument that keeps the cache mounts of builds apart.
pub const CACHE_NAMESPACE: &str = "BUILDKIT_CACHE_MOUNT_NS";

/// The mounts of a step, as they are asked for.
#[derive(Default)]
pub struct RunMounts<'f>(Vec<Asked<'f>>);

struct Asked<'f> {
    options: RunMount,
    /// Where, absolute; `None` for a secret that is a variable only.
    target: Option<PathBuf>,
    /// What a bind shows, or a cache begins with.
    files: Option<MountFiles<'f>>,
}

/// The mounts of a step, ready. What they need stays until this is dropped.
pub struct Ready<'a> {
    /// For the container, sorted by where they go.
    pub mounts: Vec<Mount>,
    /// Variables for the command.
    pub env: Vec<String>,
    lease: Lease<'a>,
    caches: BTreeMap<(String, String), CacheMount>,
    agents: Vec<AgentRelay>,
}

fn failed(message: String) -> Error {
    Error::new(ErrorKind::BuildFailed, message)
}

impl Build<'_> {
    /// Reads the mounts of a step and finds their files.
    pub(super) fn run_mounts(&self, stage: &mut Stage, values: &[String]) -> Result<RunMounts<'_>> {
        let mut asked = Vec::new();
        let mut agents = 0;
        for value in values {
            let changes =
                changes(&mut stage.config.config, &mut stage.cmd_set, self.plan.escape, &stage.arguments);
            let options = parse_mount(value, &|word| changes.expand(word))?;
            let target = match (&options.target, options.kind) {
                (Some(target), _) => Some(target.clone()),
                (None, MountType::Secret) if options.env.is_some() => None,
                (None, MountType::Secret) => {
                    Some(format!("/run/secrets/{}", base_name(&secret_id(&options))))
                }
                (None, _) => Some(format!("/run/buildkit/ssh_agent.{agents}")),
            };
            agents += u32::from(options.kind == MountType::Ssh);
            let target = target.map(|target| spec::join(&stage.config.config.working_dir, &target));
            if target.as_deref() == Some("/") {
                return Err(failed("invalid mount target \"/\"".into()));
            }
            let (from, source) = (options.from.as_deref(), options.source.as_deref());
            let files = match options.kind {
                MountType::Bind => Some(self.mount_files(stage.number, from, source)?),
                MountType::Cache if from.is_some() => Some(self.mount_files(stage.number, from, source)?),
                MountType::Cache if source.is_some_and(|source| source != "/") => {
                    return Err(failed("the source of a cache mount needs a from".into()));
                }
                _ => None,
            };
            let is_file = files.as_ref().is_some_and(|files| files.entry().kind != EntryKind::Directory);
            if options.kind == MountType::Cache && is_file {
                return Err(failed("a cache mount begins with a directory, not with a file".into()));
            }
            asked.push(Asked { options, target: target.map(PathBuf::from), files });
        }
        Ok(RunMounts(asked))
    }

    /// The ID of a cache mount in the store.
    fn cache_id(&self, options: &RunMount) -> String {
        let id = match (&options.id, &options.target) {
            (Some(id), _) => id.clone(),
            (None, target) => spec::join("", target.as_deref().unwrap_or_default()),
        };
        match self.options.buildargs.get(CACHE_NAMESPACE).filter(|namespace| !namespace.is_empty()) {
            Some(namespace) => format!("{namespace}/{id}"),
            None => id,
        }
    }
}

/// The ID of a secret: its source, its ID, or the name of its file.
fn secret_id(options: &RunMount) -> String {
    let given = options.source.as_ref().or(options.id.as_ref());
    given.cloned().unwrap_or_else(|| base_name(options.target.as_deref().unwrap_or_default()))
}

fn base_name(path: &str) -> String {
    Path::new(path).file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default()
}

impl RunMounts<'_> {
    /// Whether there are files of images, whose contents are worth a look when their IDs are not known.
    pub fn has_images(&self) -> bool {
        self.0.iter().any(|asked| {
            asked.counts() && asked.files.as_ref().is_some_and(|files| files.identity().is_some())
        })
    }

    /// Whether files of a context are among them.
    pub fn has_files(&self) -> bool {
        let is_live =
            |asked: &Asked<'_>| asked.files.as_ref().is_some_and(|files| files.identity().is_none());
        self.0.iter().any(is_live)
    }

    /// What decides in the cache: all options, and what binds show. `contents`: the contents of images' files, not their IDs.
    pub fn key(&mut self, build: &Build<'_>, lease: &Lease<'_>, contents: bool) -> Result<Vec<String>> {
        let mut key = Vec::new();
        for asked in &mut self.0 {
            key.push(format!("{:?} {:?}", asked.options, asked.target));
            if !asked.counts() {
                continue;
            }
            if let Some(files) = &mut asked.files {
                let identity = files.identity().filter(|_| !contents);
                key.push(identity.map_or_else(|| files.content_key(build, lease), Ok)?);
            }
        }
        Ok(key)
    }

    /// Makes the mounts ready; waits for caches that somebody else has locked.
    pub fn prepare<'a>(
        mut self,
        build: &'a Build<'_>,
        stage: &Stage,
        folder: &ContainerFolder<'_>,
    ) -> Result<Ready<'a>> {
        let mut ready = Ready {
            mounts: Vec::new(),
            env: Vec::new(),
            lease: build.store.lease(),
            caches: BTreeMap::new(),
            agents: Vec::new(),
        };
        self.lock_caches(build, &mut ready)?;
        self.0.sort_by(|a, b| a.target.cmp(&b.target));
        for (number, asked) in self.0.iter_mut().enumerate() {
            let place = format!("mount.{number}");
            let source = match asked.options.kind {
                MountType::Tmpfs => Some(MountSource::Tmpfs(asked.options.size)),
                MountType::Bind => asked.bind(build, &ready.lease, folder, &place)?,
                MountType::Cache => ready
                    .caches
                    .get(&asked.cache_key(build))
                    .map(|cache| MountSource::Bind(cache.path.clone())),
                MountType::Secret => asked.secret(build, &mut ready.env)?,
                MountType::Ssh => asked.agent(build, stage, folder, &place, &mut ready)?,
            };
            let read_only = asked.options.read_only && asked.options.kind != MountType::Ssh
                || asked.options.kind == MountType::Secret;
            if let (Some(source), Some(target)) = (source, asked.target.clone()) {
                ready.mounts.push(Mount { target, source, read_only });
            }
        }
        Ok(ready)
    }

    /// Takes the caches in an order that all steps keep, so that no two of them wait for each other.
    fn lock_caches(&mut self, build: &Build<'_>, ready: &mut Ready<'_>) -> Result<()> {
        let mut caches: Vec<&mut Asked<'_>> =
            self.0.iter_mut().filter(|asked| asked.options.kind == MountType::Cache).collect();
        caches.sort_by_cached_key(|asked| asked.cache_key(build));
        for asked in caches {
            let key = asked.cache_key(build);
            if ready.caches.contains_key(&key) {
                continue;
            }
            let sharing = match asked.options.sharing {
                Sharing::Shared => CacheSharing::Shared,
                Sharing::Private => CacheSharing::Private,
                Sharing::Locked => CacheSharing::Locked,
            };
            let Asked { options, files, .. } = asked;
            let lease = &ready.lease;
            let cache = build
                .store
                .cache_mount(&key.0, &key.1, sharing, build.task, &mut |data| {
                    let mut owner = (0, 0);
                    if let Some(files) = files {
                        files.copy_to(build, lease, data)?;
                        owner = (files.entry().uid, files.entry().gid);
                        fs::set_mode(data, files.entry().mode)?;
                    }
                    fs::set_owner(data, options.uid.unwrap_or(owner.0), options.gid.unwrap_or(owner.1))?;
                    options.mode.map_or(Ok(()), |mode| fs::set_mode(data, mode & 0o7777))
                })
                .context(|| format!("cache mount {}", key.0))?;
            ready.caches.insert(key, cache);
        }
        Ok(())
    }
}

impl Asked<'_> {
    /// Whether its files decide what the step makes. What a cache holds never does.
    fn counts(&self) -> bool {
        self.options.kind == MountType::Bind
    }

    /// The ID of a cache, and what it begins with.
    fn cache_key(&self, build: &Build<'_>) -> (String, String) {
        let base = self.files.as_ref().and_then(MountFiles::identity).unwrap_or_default();
        (build.cache_id(&self.options), base)
    }

    fn bind(
        &mut self,
        build: &Build<'_>,
        lease: &Lease<'_>,
        folder: &ContainerFolder<'_>,
        place: &str,
    ) -> Result<Option<MountSource>> {
        let writable = !self.options.read_only;
        let Some(files) = &mut self.files else { return Ok(None) };
        if let MountFiles::Context { files: context, path, entry, whole: true, .. } = files
            && let Some(on_disk) = super::context::Files::on_disk(*context, &*path)
        {
            if !writable {
                return Ok(Some(MountSource::Bind(on_disk)));
            }
            let (lower, path) = match entry.kind {
                EntryKind::Directory => (on_disk, PathBuf::new()),
                _ => {
                    (fs::parent(&on_disk).to_owned(), PathBuf::from(on_disk.file_name().unwrap_or_default()))
                }
            };
            return overlay(folder, place, vec![lower], path).map(Some);
        }
        match files {
            MountFiles::Context { entry, items, .. } => {
                let copy = folder.directory(place)?;
                let name = items
                    .iter()
                    .next()
                    .map(|item| item.entry.path.clone())
                    .filter(|_| entry.kind != EntryKind::Directory);
                let mode = entry.mode;
                let is_directory = entry.kind == EntryKind::Directory;
                files.copy_to(build, lease, &copy)?;
                if is_directory {
                    fs::set_mode(&copy, mode)?;
                }
                Ok(Some(MountSource::Bind(name.map_or_else(|| copy.clone(), |name| copy.join(name)))))
            }
            MountFiles::Image { image, path, .. } => {
                let mut lowers = image.snapshots(build.store, lease, build.task)?;
                lowers.reverse();
                overlay(folder, place, lowers, path.clone()).map(Some)
            }
        }
    }

    fn secret(&self, build: &Build<'_>, env: &mut Vec<String>) -> Result<Option<MountSource>> {
        let id = secret_id(&self.options);
        let Some(content) = build.runs.secrets.get(&id) else {
            return match self.options.required {
                true => Err(failed(format!("secret {id}: not found"))),
                false => Ok(None),
            };
        };
        if let Some(name) = &self.options.env {
            let Ok(text) = std::str::from_utf8(content) else {
                return Err(failed(format!("secret {id}: it is no text, and cannot be the variable {name}")));
            };
            env.push(format!("{name}={text}"));
        }
        let (uid, gid) = (self.options.uid.unwrap_or(0), self.options.gid.unwrap_or(0));
        let mode = self.options.mode.unwrap_or(0o400) & 0o7777;
        Ok(Some(MountSource::File { content: content.clone(), mode, owner: (uid, gid) }))
    }

    fn agent(
        &self,
        build: &Build<'_>,
        stage: &Stage,
        folder: &ContainerFolder<'_>,
        place: &str,
        ready: &mut Ready<'_>,
    ) -> Result<Option<MountSource>> {
        let id = self.options.id.as_deref().unwrap_or("default");
        let Some(agent) = build.runs.agents.get(id) else {
            return match self.options.required {
                true => Err(failed(format!("SSH agent {id}: not found"))),
                false => Ok(None),
            };
        };
        let (uid, gid) = (self.options.uid.unwrap_or(0), self.options.gid.unwrap_or(0));
        let mode = self.options.mode.unwrap_or(0o600) & 0o7777;
        let relay = AgentRelay::start(&folder.directory(place)?, "agent", agent, mode, (uid, gid))?;
        let socket = relay.socket.clone();
        if let (true, Some(target)) = (ready.agents.is_empty(), &self.target)
            && variable(&stage.config.config.env, "SSH_AUTH_SOCK").is_none()
        {
            ready.env.push(format!("SSH_AUTH_SOCK={}", target.display()));
        }
        ready.agents.push(relay);
        Ok(Some(MountSource::Bind(socket)))
    }
}

/// An overlay whose changes go with the container.
fn overlay(
    folder: &ContainerFolder<'_>,
    place: &str,
    mut lowers: Vec<PathBuf>,
    path: PathBuf,
) -> Result<MountSource> {
    if lowers.is_empty() {
        lowers.push(folder.directory(&format!("{place}.empty"))?);
    }
    let (upper, work) =
        (folder.directory(&format!("{place}.upper"))?, folder.directory(&format!("{place}.work"))?);
    Ok(MountSource::Overlay { lowers, upper, work, path })
}
