//! The methods of the core that make containers and take part in what runs in them: options are its JSON, answers are its JSON.
//!
//! `stdout` and `stderr` are the numbers of the operation's streams that take what the command writes, none for what nobody wants.

use std::os::fd::OwnedFd;

use layerkit::{ContainerStreams, Engine, LogStream, Result, Task};
use napi::Env;
use napi_derive::napi;
use serde::Serialize;

use crate::engine::{NativeEngine, parse};
use crate::input::NativeInput;
use crate::operation::{Call, Listener, Operation};
use crate::stream::Outlets;

/// What an operation that is attached needs beside its options.
struct Streams {
    stdin: Option<OwnedFd>,
    stdout: Option<u32>,
    stderr: Option<u32>,
}

impl NativeEngine {
    /// Starts a call that takes part in the streams of a command.
    fn converse<T: Serialize>(
        &self,
        env: Env,
        listener: Listener<'_>,
        events: bool,
        streams: Streams,
        body: impl FnOnce(&Engine, ContainerStreams<'_>, &Task) -> Result<T> + Send + 'static,
    ) -> napi::Result<Operation> {
        self.run(env, listener, events, move |engine, mut call: Call| {
            let (task, control) = (call.task(), Some(call.control()));
            let outlets = Outlets::new(&mut call, streams.stdout, streams.stderr);
            let mut output = move |from: LogStream, bytes: &[u8]| outlets.write(from, bytes);
            body(engine, ContainerStreams { stdin: streams.stdin, output: Some(&mut output), control }, &task)
        })
    }
}

#[napi]
#[allow(clippy::missing_errors_doc)] // errors of the core go through the listener
#[allow(clippy::too_many_arguments)] // napi knows no struct of borrowed classes
impl NativeEngine {
    /// Creates a container.
    #[napi(catch_unwind)]
    pub fn containers_create(
        &self,
        env: Env,
        image: String,
        options: String,
        events: bool,
        listener: Listener<'_>,
    ) -> napi::Result<Operation> {
        self.run(env, listener, events, move |engine, call| {
            engine.containers_create(&image, &parse(&options)?, &call.task())
        })
    }

    /// Runs a command in a new container.
    #[napi(catch_unwind)]
    pub fn containers_run(
        &self,
        env: Env,
        image: String,
        options: String,
        stdin: Option<&NativeInput>,
        stdout: Option<u32>,
        stderr: Option<u32>,
        events: bool,
        listener: Listener<'_>,
    ) -> napi::Result<Operation> {
        let streams = Streams { stdin: stdin.and_then(NativeInput::take), stdout, stderr };
        self.converse(env, listener, events, streams, move |engine, streams, task| {
            engine.containers_run(&image, &parse(&options)?, streams, task)
        })
    }

    /// The containers.
    #[napi(catch_unwind)]
    pub fn containers_list(
        &self,
        env: Env,
        options: String,
        listener: Listener<'_>,
    ) -> napi::Result<Operation> {
        self.run(env, listener, false, move |engine, _| engine.containers_list(&parse(&options)?))
    }

    /// One container.
    #[napi(catch_unwind)]
    pub fn containers_get(
        &self,
        env: Env,
        container: String,
        listener: Listener<'_>,
    ) -> napi::Result<Operation> {
        self.run(env, listener, false, move |engine, _| engine.containers_get(&container))
    }

    /// Removes containers that do not run.
    #[napi(catch_unwind)]
    pub fn containers_prune(
        &self,
        env: Env,
        options: String,
        events: bool,
        listener: Listener<'_>,
    ) -> napi::Result<Operation> {
        self.run(env, listener, events, move |engine, call| {
            engine.containers_prune(&parse(&options)?, &call.task())
        })
    }

    /// Starts a container, and attaches to it if the options say so.
    #[napi(catch_unwind)]
    pub fn container_start(
        &self,
        env: Env,
        container: String,
        options: String,
        stdin: Option<&NativeInput>,
        stdout: Option<u32>,
        stderr: Option<u32>,
        events: bool,
        listener: Listener<'_>,
    ) -> napi::Result<Operation> {
        let streams = Streams { stdin: stdin.and_then(NativeInput::take), stdout, stderr };
        self.converse(env, listener, events, streams, move |engine, streams, task| {
            engine.container_start(&container, &parse(&options)?, streams, task)
        })
    }

    /// Attaches to a container that runs.
    #[napi(catch_unwind)]
    pub fn container_attach(
        &self,
        env: Env,
        container: String,
        options: String,
        stdin: Option<&NativeInput>,
        stdout: Option<u32>,
        stderr: Option<u32>,
        listener: Listener<'_>,
    ) -> napi::Result<Operation> {
        let streams = Streams { stdin: stdin.and_then(NativeInput::take), stdout, stderr };
        self.converse(env, listener, false, streams, move |engine, streams, task| {
            engine.container_attach(&container, &parse(&options)?, streams, task)
        })
    }

    /// Executes a command in a container that runs.
    #[napi(catch_unwind)]
    pub fn container_exec(
        &self,
        env: Env,
        container: String,
        options: String,
        stdin: Option<&NativeInput>,
        stdout: Option<u32>,
        stderr: Option<u32>,
        listener: Listener<'_>,
    ) -> napi::Result<Operation> {
        let streams = Streams { stdin: stdin.and_then(NativeInput::take), stdout, stderr };
        self.converse(env, listener, false, streams, move |engine, streams, task| {
            engine.container_exec(&container, &parse(&options)?, streams, task)
        })
    }

    /// Hands over what a container wrote.
    #[napi(catch_unwind)]
    pub fn container_logs(
        &self,
        env: Env,
        container: String,
        options: String,
        stdout: u32,
        stderr: u32,
        listener: Listener<'_>,
    ) -> napi::Result<Operation> {
        self.run(env, listener, false, move |engine, mut call| {
            let outlets = Outlets::new(&mut call, Some(stdout), Some(stderr));
            let mut output = move |from: LogStream, bytes: &[u8]| outlets.write(from, bytes);
            engine.container_logs(&container, &parse(&options)?, &mut output, &call.task())
        })
    }
}
