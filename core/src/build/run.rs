//! RUN: the command in a container, and what it changed as a layer.

use std::collections::{BTreeMap, VecDeque};
use std::path::{Path, PathBuf};

use super::stage::{DEFAULT_PATH, Stage};
use super::steps::changes;
use super::tar::{missing_directories, new_time};
use super::{Build, BuildNetwork, cache_key};
use crate::archive::{Ingested, written};
use crate::config::PROXY_ARGS;
use crate::container::{self, Network, RunSpec, user};
use crate::digest::Digest;
use crate::dockerfile::{Command, Instruction};
use crate::error::{Error, ErrorKind, Result, ResultExt};
use crate::event::{Event, LogStream};
use crate::fs;
use crate::layer::{self, LayerWriter, TarWriter};
use crate::spec::{RunConfig, variable};
use crate::store::ContainerFolder;

/// How much of a failed command's output its error has: the last lines, and of them the last bytes.
const TAIL_LINES: usize = 20;
const TAIL_BYTES: usize = 4096;

/// Whether steps can run here, or why not.
pub fn run_support() -> Result<()> {
    container::is_supported()
}

/// A RUN step, ready to be looked up or executed.
struct RunCommand {
    args: Vec<String>,
    /// Build arguments and proxies that the command sees.
    arguments: BTreeMap<String, String>,
    proxies: BTreeMap<String, String>,
    network: Network,
}

impl Build<'_> {
    /// RUN: from the cache, or executed.
    pub(super) fn run(&self, stage: &mut Stage, instruction: &Instruction, n: u32) -> Result<()> {
        let command = self.command(stage, instruction)?;
        // Every RUN after an ARG depends on its value, mentioned or not; proxies never count.
        let key = cache_key(&(
            stage.parent_key(),
            "RUN",
            &command.args,
            &command.arguments,
            &stage.config.author,
            self.epoch,
        ))?;
        if self.try_cache(stage, key, n)? {
            return Ok(());
        }
        let Some(image) = stage.id() else {
            return Err(Error::new(
                ErrorKind::BuildFailed,
                "RUN in an empty image: there is nothing to execute",
            ));
        };
        container::is_supported()?;
        let folder = self.store.create_container(image)?;
        self.task.emit(&Event::StepRunning { n, container: folder.id.clone() })?;
        let lease = self.store.lease();
        let mut lowers = stage.snapshots(self.store, &lease, self.task)?;
        lowers.reverse();
        self.make_working_directory(stage, &folder, &lowers)?;
        self.execute_in(stage, &command, &folder, lowers, n)?;
        let layer = self.take_layer(stage, &folder)?;
        let chain = layer.as_ref().map(|(_, layer)| {
            let below = stage.layers.last().map(|layer| layer.chain_id);
            Digest::chain(below, layer.diff_id)
        });
        let created_by = created_by(&command);
        self.commit(stage, created_by, layer, &[key])?;
        if let Some(chain_id) = chain.filter(|_| self.epoch.is_none()) {
            // What was written is the unpacked layer, but for times that an epoch moved.
            let snapshot = self.store.temporary_directory()?;
            fs::rename(&folder.upper(), &snapshot.path().join("fs"))?;
            self.store.add_snapshot(chain_id, snapshot)?;
        }
        let container = folder.id.clone();
        drop(folder);
        self.task.emit(&Event::ContainerRemoved { n, container })
    }

    fn command(&self, stage: &mut Stage, instruction: &Instruction) -> Result<RunCommand> {
        let Command::Run { command, mounts, network, security, devices, heredocs } = &instruction.command
        else {
            return Err(Error::new(ErrorKind::Internal, "not a RUN"));
        };
        let flags = [
            ("--mount", !mounts.is_empty()),
            ("--security", security.is_some()),
            ("--device", !devices.is_empty()),
            ("with a heredoc", !heredocs.is_empty()),
        ];
        if let Some((flag, _)) = flags.iter().find(|(_, given)| *given) {
            return Err(Error::new(ErrorKind::Unsupported, format!("RUN {flag} is not supported yet")));
        }
        let network = match (network.as_deref(), self.options.network) {
            (Some("none"), _) | (None | Some("default"), BuildNetwork::None) => Network::None,
            (_, BuildNetwork::None) => {
                let message = "RUN --network=host in a build that was given no network";
                return Err(Error::new(ErrorKind::BuildFailed, message));
            }
            _ => Network::Host,
        };
        let args = changes(&mut stage.config.config, &mut stage.cmd_set, self.plan.escape, &stage.arguments)
            .wrapped(command);
        if args.is_empty() {
            return Err(Error::new(ErrorKind::DockerfileSyntax, "RUN requires at least one argument"));
        }
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
        Ok(RunCommand { args, arguments, proxies, network })
    }

    /// A base image may name a working directory that it does not have: Docker makes it in the container.
    fn make_working_directory(
        &self,
        stage: &mut Stage,
        folder: &ContainerFolder<'_>,
        lowers: &[PathBuf],
    ) -> Result<()> {
        let path = stage.config.config.working_dir.clone();
        let tree = stage.tree(self.store)?;
        let items = missing_directories(tree, Path::new(path.trim_start_matches('/')), new_time(self.epoch))?;
        if items.is_empty() {
            return Ok(());
        }
        let mut tar = TarWriter::new(Vec::new());
        for item in items.values() {
            tar.append(&item.entry, &mut std::io::empty())?;
        }
        let tar = tar.finish()?;
        layer::apply_overlay(&folder.upper(), lowers, tree, tar.as_slice(), self.store.limits(), self.task)
    }

    /// Runs the command; another exit code than 0 is `build_failed` with the last lines of its output.
    fn execute_in(
        &self,
        stage: &mut Stage,
        command: &RunCommand,
        folder: &ContainerFolder<'_>,
        lowers: Vec<PathBuf>,
        n: u32,
    ) -> Result<()> {
        let config = stage.config.config.clone();
        let snapshots: Vec<PathBuf> = lowers.iter().rev().cloned().collect();
        let passwd = stage.read_unpacked(self.store, snapshots.clone(), "etc/passwd")?;
        let group = stage.read_unpacked(self.store, snapshots, "etc/group")?;
        let user = user::resolve(&config.user, &passwd, &group)?;
        let spec = RunSpec {
            id: folder.id.clone(),
            lowers,
            upper: folder.upper(),
            work: folder.work(),
            args: command.args.clone(),
            env: environment(&config, command, &folder.id, &user.home),
            cwd: if config.working_dir.is_empty() { "/".into() } else { config.working_dir.clone() },
            user,
            network: command.network,
        };
        let mut log = Log { build: self, n, tail: VecDeque::new(), partial: [Vec::new(), Vec::new()] };
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
    fn take_layer(&self, stage: &mut Stage, folder: &ContainerFolder<'_>) -> Result<Option<Ingested>> {
        let mut writer = LayerWriter::new(self.store.blob_writer(), self.options.compression.into())?;
        let tree = stage.tree(self.store)?;
        let toc = layer::diff_overlay(&folder.upper(), tree, self.epoch, &mut writer, self.task)
            .context(|| "read what the command changed")?;
        if toc.entries.is_empty() { Ok(None) } else { written(writer, toc).map(Some) }
    }
}

/// The line of history: as Docker has it, build arguments first.
fn created_by(command: &RunCommand) -> String {
    let shown = command.args.join(" ");
    if command.arguments.is_empty() {
        return shown;
    }
    let arguments: Vec<String> =
        command.arguments.iter().map(|(name, value)| format!("{name}={value}")).collect();
    format!("|{} {} {shown}", arguments.len(), arguments.join(" "))
}

fn environment(config: &RunConfig, command: &RunCommand, id: &str, home: &str) -> Vec<String> {
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

/// Output on its way to the events, cut at line ends, and the end of it for an error.
struct Log<'a> {
    build: &'a Build<'a>,
    n: u32,
    tail: VecDeque<String>,
    partial: [Vec<u8>; 2],
}

impl Log<'_> {
    fn write(&mut self, stream: LogStream, bytes: &[u8]) -> Result<()> {
        let partial = &mut self.partial[usize::from(stream == LogStream::Stderr)];
        partial.extend_from_slice(bytes);
        // A line that does not end (a progress bar) goes out in pieces.
        const LONGEST: usize = 64 * 1024;
        let end = match partial.iter().rposition(|byte| *byte == b'\n') {
            Some(end) => end + 1,
            None if partial.len() >= LONGEST => partial.len(),
            None => return Ok(()),
        };
        let text: Vec<u8> = partial.drain(..end).collect();
        self.emit(stream, &text)
    }

    fn finish(&mut self) -> Result<()> {
        for stream in [LogStream::Stdout, LogStream::Stderr] {
            let text = std::mem::take(&mut self.partial[usize::from(stream == LogStream::Stderr)]);
            if !text.is_empty() {
                self.emit(stream, &text)?;
            }
        }
        Ok(())
    }

    fn emit(&mut self, stream: LogStream, text: &[u8]) -> Result<()> {
        let text = String::from_utf8_lossy(text).into_owned();
        for line in text.lines() {
            if self.tail.len() == TAIL_LINES {
                self.tail.pop_front();
            }
            self.tail.push_back(line.to_owned());
        }
        self.build.task.emit(&Event::StepLog { n: self.n, stream, text })
    }

    fn tail(&self) -> String {
        let text = self.tail.iter().map(String::as_str).collect::<Vec<_>>().join("\n");
        let start = (text.len().saturating_sub(TAIL_BYTES)..text.len())
            .find(|start| text.is_char_boundary(*start))
            .unwrap_or(text.len());
        text[start..].to_owned()
    }
}
