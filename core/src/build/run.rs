//! RUN: the command in a container, and what it changed as a layer.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use serde::Serialize;

use super::explain::Inputs;
use super::run_log::Log;
use super::run_mounts::{Ready, RunMounts};
use super::stage::Stage;
use super::steps::changes;
use super::tar::{missing_directories, new_time};
use super::{Build, BuildNetwork, cache_key};
use crate::archive::{Ingested, written};
use crate::config::PROXY_ARGS;
use crate::container::{self, Capabilities, Mount, MountSource, Network, RunSpec, user};
use crate::containers::{DEFAULT_PATH, Workspace, run_mode};
use crate::digest::Digest;
use crate::dockerfile::{Command, Instruction, RunScript};
use crate::error::{Error, ErrorKind, Result, ResultExt};
use crate::event::Event;
use crate::fs;
use crate::layer::{self, LayerWriter, TarWriter, Tree};
use crate::spec::{RunConfig, variable};
use crate::store::ContainerFolder;

/// Where a program that is written in the Dockerfile is found while it runs (BuildKit's place).
const PROGRAMS: &str = "/dev/pipes";

/// A RUN step, ready to be looked up or executed.
struct RunCommand<'f> {
    args: Vec<String>,
    /// A program that is brought in for the run, and the heredoc that it is written in.
    program: Option<Program>,
    /// Build arguments and proxies that the command sees.
    arguments: BTreeMap<String, String>,
    proxies: BTreeMap<String, String>,
    network: Network,
    insecure: bool,
    mounts: RunMounts<'f>,
}

/// A program that is written in the Dockerfile.
#[derive(Serialize)]
struct Program {
    name: String,
    content: String,
}

impl RunCommand<'_> {
    /// What decides what the step makes, but for the files that are mounted.
    fn key(&self, build: &Build<'_>, stage: &Stage, mounts: &[String]) -> Result<Digest> {
        // Every RUN after an ARG depends on its value, mentioned or not; proxies never count.
        cache_key(&(
            stage.state_key(),
            "RUN",
            (&self.args, &self.program),
            &self.arguments,
            (self.network == Network::None, self.insecure, &build.runs.extra_hosts),
            mounts,
            &stage.config.author,
            build.epoch,
        ))
    }

    /// What the step looks at, for who wants to know why it is made.
    fn inputs(&self, build: &Build<'_>, stage: &Stage, mounts: &[String]) -> Inputs<'static> {
        let mut inputs = Inputs::of_text(&self.args.join(" "));
        let network = if self.network == Network::None { "none" } else { "host" };
        let security = if self.insecure { "insecure" } else { "sandbox" };
        let hosts = build.runs.extra_hosts.iter().map(|(host, address)| format!("{host}:{address}"));
        for (key, value) in [
            ("network", network.to_owned()),
            ("security", security.to_owned()),
            ("extra hosts", hosts.collect::<Vec<_>>().join(" ")),
            ("author", stage.config.author.clone()),
            ("SOURCE_DATE_EPOCH", build.epoch.map_or_else(|| "unset".into(), |epoch| epoch.to_string())),
        ] {
            inputs.texts.insert(key.into(), value);
        }
        let arguments = self.arguments.iter();
        inputs.texts.extend(arguments.map(|(name, value)| (format!("argument {name}"), value.clone())));
        inputs.texts.extend(mounts.iter().zip(1..).map(|(mount, n)| (format!("mount {n}"), mount.clone())));
        if let Some(program) = &self.program {
            inputs.texts.insert("script".into(), program.content.clone());
        }
        inputs
    }

    /// The line of history: as Docker has it, build arguments first.
    fn created_by(&self) -> String {
        let shown = match &self.program {
            None => self.args.join(" "),
            Some(Program { name, content }) => format!("{} <<{name}\n{content}{name}", self.args.join(" ")),
        };
        if self.arguments.is_empty() {
            return shown;
        }
        let arguments: Vec<String> =
            self.arguments.iter().map(|(name, value)| format!("{name}={value}")).collect();
        format!("|{} {} {shown}", arguments.len(), arguments.join(" "))
    }
}

impl Build<'_> {
    /// RUN: from the cache, or executed.
    pub(super) fn run(&self, stage: &mut Stage, instruction: &Instruction, n: u32) -> Result<()> {
        let mut command = self.command(stage, instruction)?;
        let lease = self.store.lease();
        let key = command.mounts.key(self, &lease, false)?;
        let mut keys = vec![command.key(self, stage, &key)?];
        if self.try_cache(stage, keys[0], n)? {
            return Ok(());
        }
        if command.mounts.has_images() {
            // Another image, but what is mounted of it may be the same.
            let key = command.mounts.key(self, &lease, true)?;
            keys.push(command.key(self, stage, &key)?);
            if self.try_cache(stage, keys[1], n)? {
                let id = stage.id();
                return self
                    .store
                    .db()
                    .write_relaxed(|db| id.map_or(Ok(()), |id| self.store.remember(db, keys[0], id)));
            }
        }
        self.explain(stage, instruction, &command.inputs(self, stage, &key), n)?;
        let Some(image) = stage.id() else {
            return Err(Error::new(
                ErrorKind::BuildFailed,
                "RUN in an empty image: there is nothing to execute",
            ));
        };
        container::can_run(&stage.config.platform())?;
        run_mode(self.store)?;
        let folder = self.store.create_container(image)?;
        self.task.emit(&Event::StepRunning { n, container: folder.id.clone() })?;
        let workspace = Workspace::prepare(self.store, &stage.layers, folder.upper(), &lease, self.task)?;
        self.make_working_directory(stage, &workspace)?;
        let binds = command.mounts.has_files();
        let mounts = std::mem::take(&mut command.mounts).prepare(self, stage, &folder)?;
        let stubs = stubs(stage.tree(self.store)?, &folder.upper(), &mounts)?;
        self.execute_in(stage, &command, &folder, &workspace, &mounts, n)?;
        drop(mounts);
        layer::remove_stubs(&folder.upper(), &stubs)?;
        let layer = self.take_layer(stage, &workspace)?;
        let chain = layer.as_ref().map(|(_, layer)| {
            let below = stage.layers.last().map(|layer| layer.chain_id);
            Digest::chain(below, layer.diff_id)
        });
        // Files of the context may have changed while the command looked at them: then nobody knows what it saw.
        if binds && self.command(stage, instruction)?.mounts.key(self, &lease, false)? != key {
            let message = "files that were mounted changed during the step: it is not remembered";
            self.task.emit(&Event::warning(message))?;
            keys.clear();
        }
        self.commit(stage, command.created_by(), layer, &keys)?;
        if let Some(chain_id) = chain.filter(|_| self.epoch.is_none()) {
            // What was written is the unpacked layer, but for times that an epoch moved.
            workspace.keep(chain_id)?;
        }
        let container = folder.id.clone();
        drop(folder);
        self.task.emit(&Event::ContainerRemoved { n, container })
    }

    fn command(&self, stage: &mut Stage, instruction: &Instruction) -> Result<RunCommand<'_>> {
        let Command::Run { mounts, network, security, devices, .. } = &instruction.command else {
            return Err(Error::new(ErrorKind::Internal, "not a RUN"));
        };
        if !devices.is_empty() {
            let message =
                "RUN --device is not supported: it needs devices that are described to BuildKit (CDI)";
            return Err(Error::new(ErrorKind::Unsupported, message));
        }
        let network = match (network.as_deref(), self.options.network) {
            (Some("none"), _) | (None | Some("default"), BuildNetwork::None) => Network::None,
            (_, BuildNetwork::None) => {
                let message = "RUN --network=host in a build that was given no network";
                return Err(Error::new(ErrorKind::BuildFailed, message));
            }
            _ => Network::Host,
        };
        let insecure = security.as_deref() == Some("insecure");
        if insecure && !self.runs.insecure {
            let message = "RUN --security=insecure is not allowed: the build has to be given allow \"security.insecure\"";
            return Err(Error::new(ErrorKind::BuildFailed, message));
        }
        let (args, program) = match instruction.command.run_script() {
            Some(RunScript::Command(command)) => {
                let changes =
                    changes(&mut stage.config.config, &mut stage.cmd_set, self.plan.escape, &stage.arguments);
                (changes.wrapped(&command), None)
            }
            Some(RunScript::Program { name, content }) => {
                let name = name.replace('/', "_");
                (vec![format!("{PROGRAMS}/{name}")], Some(Program { name, content }))
            }
            None => (Vec::new(), None),
        };
        if args.is_empty() {
            return Err(Error::new(ErrorKind::DockerfileSyntax, "RUN requires at least one argument"));
        }
        let mounts = self.run_mounts(stage, mounts)?;
        let env = &stage.config.config.env;
        let proxies: BTreeMap<String, String> = self
            .options
            .buildargs
            .iter()
            .filter(|(name, _)| PROXY_ARGS.contains(&name.as_str()) && !stage.arguments.contains_key(*name))
            .map(|(name, value)| (name.clone(), value.clone()))
            .collect();
        self.unused().retain(|name| !PROXY_ARGS.contains(&name.as_str()));
        let arguments = stage
            .arguments
            .iter()
            .filter(|(name, _)| variable(env, name).is_none())
            .map(|(name, value)| (name.clone(), value.clone()))
            .collect();
        Ok(RunCommand { args, program, arguments, proxies, network, insecure, mounts })
    }

    /// A base image may name a working directory that it does not have: Docker makes it in the container.
    fn make_working_directory(&self, stage: &mut Stage, workspace: &Workspace<'_>) -> Result<()> {
        let path = stage.config.config.working_dir.clone();
        let tree = stage.tree(self.store)?;
        let items = missing_directories(tree, Path::new(path.trim_start_matches('/')), new_time(self.epoch))?;
        if items.is_empty() {
            return Ok(());
        }
        let mut tar = TarWriter::new(Vec::new());
        for item in items.iter() {
            tar.append(&item.entry, &mut std::io::empty())?;
        }
        let tar = tar.finish()?;
        workspace.apply(stage.tree(self.store)?, tar.as_slice())
    }

    /// Runs the command; another exit code than 0 is `build_failed` with the last lines of its output.
    fn execute_in(
        &self,
        stage: &mut Stage,
        command: &RunCommand<'_>,
        folder: &ContainerFolder<'_>,
        workspace: &Workspace<'_>,
        mounts: &Ready<'_>,
        n: u32,
    ) -> Result<()> {
        let config = stage.config.config.clone();
        let passwd = stage.read_unpacked(self.store, workspace.unpacked.clone(), "etc/passwd")?;
        let group = stage.read_unpacked(self.store, workspace.unpacked.clone(), "etc/group")?;
        let user = user::resolve(&config.user, &passwd, &group)?;
        let mut env = environment(&config, command, &folder.id, &user.home);
        env.extend(mounts.env.iter().cloned());
        let mut all = mounts.mounts.clone();
        all.extend(command.program.as_ref().map(Program::mount));
        let spec = RunSpec {
            id: folder.id.clone(),
            isolation: workspace.isolation,
            lowers: workspace.lowers.clone(),
            upper: folder.upper(),
            work: folder.work(),
            args: command.args.clone(),
            env,
            cwd: if config.working_dir.is_empty() { "/".into() } else { config.working_dir.clone() },
            user,
            network: command.network,
            mounts: all,
            insecure: command.insecure,
            limits: self.runs.limits.clone(),
            extra_hosts: self.runs.extra_hosts.clone(),
            hostname: None,
            capabilities: Capabilities::default(),
            privileged: false,
            read_only: false,
            init: false,
        };
        let mut log = Log::new(self, n);
        let status = container::run(&spec, self.task, &mut |stream, bytes| log.write(stream, bytes))?;
        log.finish()?;
        if status.code == 0 {
            return Ok(());
        }
        let shown = command.args.join(" ");
        Err(Error::new(
            ErrorKind::BuildFailed,
            format!("The command '{shown}' returned a non-zero code: {}", status.code),
        )
        .with("command", shown)
        .with("exit_code", i64::from(status.code))
        .with("output_tail", log.tail()))
    }

    /// What the container changed, as a layer; `None` when it changed nothing.
    fn take_layer(&self, stage: &mut Stage, workspace: &Workspace<'_>) -> Result<Option<Ingested>> {
        let mut writer = LayerWriter::new(self.store.blob_writer(), self.options.compression.into())?;
        let toc = workspace.diff(stage.tree(self.store)?, self.epoch, &mut writer);
        let toc = toc.context(|| "read what the command changed")?;
        if toc.entries.is_empty() { Ok(None) } else { written(writer, toc).map(Some) }
    }
}

impl Program {
    fn mount(&self) -> Mount {
        Mount {
            target: Path::new(PROGRAMS).join(&self.name),
            source: MountSource::File {
                content: self.content.clone().into_bytes(),
                mode: 0o755,
                owner: (0, 0),
            },
            read_only: true,
        }
    }
}

/// What is neither in the image nor made by us yet, and will be made to be mounted upon.
fn stubs(tree: &Tree, upper: &Path, mounts: &Ready<'_>) -> Result<Vec<PathBuf>> {
    let mut stubs = Vec::new();
    for mount in &mounts.mounts {
        let target = mount.target.strip_prefix("/").unwrap_or(&mount.target);
        let target = tree.resolve(target, true)?;
        for path in target.ancestors().filter(|path| !path.as_os_str().is_empty()) {
            if tree.get(path).is_some() || fs::stat(&upper.join(path))?.is_some() {
                break;
            }
            stubs.push(path.to_owned());
        }
    }
    Ok(stubs)
}

fn environment(config: &RunConfig, command: &RunCommand<'_>, id: &str, home: &str) -> Vec<String> {
    let mut env = Vec::new();
    if variable(&config.env, "PATH").is_none() {
        env.push(DEFAULT_PATH.to_owned());
    }
    env.push(format!("HOSTNAME={:.12}", id));
    if variable(&config.env, "HOME").is_none() {
        env.push(format!("HOME={home}"));
    }
    let arguments = command.arguments.iter().chain(&command.proxies);
    env.extend(arguments.map(|(name, value)| format!("{name}={value}")));
    env.extend(config.env.iter().cloned());
    env
}
