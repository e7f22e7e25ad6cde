//! The operations on containers.

use std::io::Write;
use std::os::fd::OwnedFd;

use layerkit::{ContainerStreams, Engine, Error, ErrorKind, LogStream, Result as LibraryResult, Task};
use serde_json::{Value, json};

use crate::operations::Args;
use crate::streams::Place;
use crate::{Answer, Failure};

/// What a container wrote, by stream.
#[derive(Default)]
struct Written {
    stdout: Vec<u8>,
    stderr: Vec<u8>,
    /// A stream of the caller's that fails at its first bytes.
    fails: bool,
}

impl Written {
    fn take(&mut self, stream: LogStream, bytes: &[u8]) -> LibraryResult<()> {
        if self.fails {
            return Err(Error::new(ErrorKind::Callback, "the caller's stream failed"));
        }
        match stream {
            LogStream::Stdout => self.stdout.extend_from_slice(bytes),
            LogStream::Stderr => self.stderr.extend_from_slice(bytes),
        }
        Ok(())
    }

    fn with(&self, mut answer: Value) -> Value {
        let text = |bytes: &[u8]| Value::from(String::from_utf8_lossy(bytes));
        if let Some(object) = answer.as_object_mut() {
            object.insert("stdout".into(), text(&self.stdout));
            object.insert("stderr".into(), text(&self.stderr));
        }
        answer
    }
}

/// A pipe that gives this text and then ends. What does not fit into it is written as it is read.
fn input(text: String) -> Result<OwnedFd, Failure> {
    let (reader, mut writer) = std::io::pipe().map_err(|error| Failure::Driver(error.to_string()))?;
    std::thread::spawn(move || writer.write_all(text.as_bytes()));
    Ok(reader.into())
}

/// Calls `op`, which runs with streams, and answers what was written beside the report.
fn attached<T: serde::Serialize>(
    args: &mut Args,
    call: impl FnOnce(&mut Args, ContainerStreams<'_>) -> Result<T, Failure>,
) -> Answer {
    let stdin = args.take_optional::<String>("stdin")?.map(input).transpose()?;
    let fails = args.take_optional("output_fails")?.unwrap_or(false);
    let mut written = Written { fails, ..Written::default() };
    let mut take = |stream: LogStream, bytes: &[u8]| written.take(stream, bytes);
    let report = call(args, ContainerStreams { stdin, output: Some(&mut take), control: None })?;
    Ok(written.with(json!(report)))
}

/// Calls `op` on `engine`.
pub fn call(engine: &Engine, op: &str, mut args: Args, task: &Task) -> Answer {
    match op {
        "containers_create" => {
            let image: String = args.take("image")?;
            return Ok(json!(engine.containers_create(&image, &args.options()?, task)?));
        }
        "containers_run" => {
            let image: String = args.take("image")?;
            return attached(&mut args, |args, streams| {
                let options = std::mem::take(args).options()?;
                Ok(engine.containers_run(&image, &options, streams, task)?)
            });
        }
        "containers_list" => return Ok(json!(engine.containers_list(&args.options()?)?)),
        "containers_prune" => return Ok(json!(engine.containers_prune(&args.options()?, task)?)),
        _ => {}
    }
    let container: String = args.take("container")?;
    match op {
        "containers_get" => {
            args.none_left()?;
            Ok(json!(engine.containers_get(&container)?))
        }
        "container_start" => attached(&mut args, |args, streams| {
            let options = std::mem::take(args).options()?;
            Ok(engine.container_start(&container, &options, streams, task)?)
        }),
        "container_attach" => attached(&mut args, |args, streams| {
            let options = std::mem::take(args).options()?;
            Ok(engine.container_attach(&container, &options, streams, task)?)
        }),
        "container_exec" => attached(&mut args, |args, streams| {
            let options = std::mem::take(args).options()?;
            Ok(engine.container_exec(&container, &options, streams, task)?)
        }),
        "container_wait" => Ok(json!(engine.container_wait(&container, &args.options()?, task)?)),
        "container_stop" => Ok(json!(engine.container_stop(&container, &args.options()?, task)?)),
        "container_restart" => Ok(json!(engine.container_restart(&container, &args.options()?, task)?)),
        "container_kill" => Ok(json!(engine.container_kill(&container, &args.options()?)?)),
        "container_pause" | "container_unpause" => {
            args.none_left()?;
            Ok(json!(match op {
                "container_pause" => engine.container_pause(&container)?,
                _ => engine.container_unpause(&container)?,
            }))
        }
        "container_resize" => {
            let (rows, cols) = (args.take("rows")?, args.take("cols")?);
            args.none_left()?;
            Ok(json!(engine.container_resize(&container, rows, cols)?))
        }
        "container_logs" => {
            let fails = args.take_optional("output_fails")?.unwrap_or(false);
            let mut written = Written { fails, ..Written::default() };
            let mut take = |stream: LogStream, bytes: &[u8]| written.take(stream, bytes);
            engine.container_logs(&container, &args.options()?, &mut take, task)?;
            Ok(written.with(json!({})))
        }
        "container_top" => {
            args.none_left()?;
            Ok(json!(engine.container_top(&container)?))
        }
        "container_rename" => {
            let name: String = args.take("name")?;
            args.none_left()?;
            Ok(json!(engine.container_rename(&container, &name)?))
        }
        "container_remove" => Ok(json!(engine.container_remove(&container, &args.options()?)?)),
        "container_inspect" => {
            args.none_left()?;
            Ok(engine.container_inspect(&container)?)
        }
        "container_commit" => {
            Ok(json!({ "id": engine.container_commit(&container, &args.options()?, task)? }))
        }
        "container_diff" => {
            args.none_left()?;
            Ok(json!(engine.container_diff(&container, task)?))
        }
        "container_export" => {
            let target = args.take::<Place>("target")?.target()?;
            args.none_left()?;
            Ok(json!(engine.container_export(&container, target, task)?))
        }
        "container_stat" => {
            let path: String = args.take("path")?;
            args.none_left()?;
            Ok(json!(engine.container_stat(&container, &path)?))
        }
        "container_get_archive" => {
            let (path, target): (String, Place) = (args.take("path")?, args.take("target")?);
            args.none_left()?;
            Ok(json!(engine.container_get_archive(&container, &path, target.target()?, task)?))
        }
        "container_put_archive" => {
            let (path, source): (String, Place) = (args.take("path")?, args.take("source")?);
            let source = source.source()?;
            Ok(json!(engine.container_put_archive(&container, &path, source, &args.options()?, task)?))
        }
        _ => Err(Failure::Driver(format!("unknown operation {op:?}"))),
    }
}
