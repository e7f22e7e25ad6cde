//! The methods of the core on one container: options are its JSON, answers are its JSON.

use layerkit::{Engine, KillOptions, Result, Target};
use napi::Env;
use napi_derive::napi;
use serde::Serialize;

use crate::engine::{NativeEngine, Origin, parse, source};
use crate::operation::{Call, Listener, Operation};
use crate::stream::Writer;

/// Calls `body` with the operation's stream as its target, and sees the last bytes off.
fn stream<T: Serialize>(call: &mut Call, body: impl FnOnce(Target) -> Result<T>) -> Result<T> {
    let writer = Writer::new(call.conversation());
    let done = body(Target::Stream(Box::new(writer.clone())))?;
    writer.finish()?;
    Ok(done)
}

impl NativeEngine {
    /// Starts a call that the core answers at once.
    fn ask<T: Serialize>(
        &self,
        env: Env,
        listener: Listener<'_>,
        body: impl FnOnce(&Engine) -> Result<T> + Send + 'static,
    ) -> napi::Result<Operation> {
        self.run(env, listener, false, move |engine, _| body(engine))
    }
}

#[napi]
#[allow(clippy::missing_errors_doc)] // errors of the core go through the listener
impl NativeEngine {
    /// A container in Docker's JSON shape.
    #[napi(catch_unwind)]
    pub fn container_inspect(
        &self,
        env: Env,
        container: String,
        listener: Listener<'_>,
    ) -> napi::Result<Operation> {
        self.ask(env, listener, move |engine| engine.container_inspect(&container))
    }

    /// Waits for a container.
    #[napi(catch_unwind)]
    pub fn container_wait(
        &self,
        env: Env,
        container: String,
        options: String,
        listener: Listener<'_>,
    ) -> napi::Result<Operation> {
        self.run(env, listener, false, move |engine, call| {
            engine.container_wait(&container, &parse(&options)?, &call.task())
        })
    }

    /// Stops a container.
    #[napi(catch_unwind)]
    pub fn container_stop(
        &self,
        env: Env,
        container: String,
        options: String,
        listener: Listener<'_>,
    ) -> napi::Result<Operation> {
        self.run(env, listener, false, move |engine, call| {
            engine.container_stop(&container, &parse(&options)?, &call.task())
        })
    }

    /// Stops a container and starts it.
    #[napi(catch_unwind)]
    pub fn container_restart(
        &self,
        env: Env,
        container: String,
        options: String,
        events: bool,
        listener: Listener<'_>,
    ) -> napi::Result<Operation> {
        self.run(env, listener, events, move |engine, call| {
            engine.container_restart(&container, &parse(&options)?, &call.task())
        })
    }

    /// Sends a container a signal.
    #[napi(catch_unwind)]
    pub fn container_kill(
        &self,
        env: Env,
        container: String,
        signal: Option<String>,
        listener: Listener<'_>,
    ) -> napi::Result<Operation> {
        self.ask(env, listener, move |engine| engine.container_kill(&container, &KillOptions { signal }))
    }

    /// Pauses a container.
    #[napi(catch_unwind)]
    pub fn container_pause(
        &self,
        env: Env,
        container: String,
        listener: Listener<'_>,
    ) -> napi::Result<Operation> {
        self.ask(env, listener, move |engine| engine.container_pause(&container))
    }

    /// Lets it go on.
    #[napi(catch_unwind)]
    pub fn container_unpause(
        &self,
        env: Env,
        container: String,
        listener: Listener<'_>,
    ) -> napi::Result<Operation> {
        self.ask(env, listener, move |engine| engine.container_unpause(&container))
    }

    /// Tells a container's terminal its size.
    #[napi(catch_unwind)]
    pub fn container_resize(
        &self,
        env: Env,
        container: String,
        rows: u16,
        cols: u16,
        listener: Listener<'_>,
    ) -> napi::Result<Operation> {
        self.ask(env, listener, move |engine| engine.container_resize(&container, rows, cols))
    }

    /// The processes of a container.
    #[napi(catch_unwind)]
    pub fn container_top(
        &self,
        env: Env,
        container: String,
        listener: Listener<'_>,
    ) -> napi::Result<Operation> {
        self.ask(env, listener, move |engine| engine.container_top(&container))
    }

    /// Gives a container another name.
    #[napi(catch_unwind)]
    pub fn container_rename(
        &self,
        env: Env,
        container: String,
        name: String,
        listener: Listener<'_>,
    ) -> napi::Result<Operation> {
        self.ask(env, listener, move |engine| engine.container_rename(&container, &name))
    }

    /// Removes a container.
    #[napi(catch_unwind)]
    pub fn container_remove(
        &self,
        env: Env,
        container: String,
        options: String,
        listener: Listener<'_>,
    ) -> napi::Result<Operation> {
        self.ask(env, listener, move |engine| engine.container_remove(&container, &parse(&options)?))
    }

    /// Makes an image of a container; the answer is its ID.
    #[napi(catch_unwind)]
    pub fn container_commit(
        &self,
        env: Env,
        container: String,
        options: String,
        events: bool,
        listener: Listener<'_>,
    ) -> napi::Result<Operation> {
        self.run(env, listener, events, move |engine, call| {
            engine.container_commit(&container, &parse(&options)?, &call.task())
        })
    }

    /// What differs between a container and its image.
    #[napi(catch_unwind)]
    pub fn container_diff(
        &self,
        env: Env,
        container: String,
        listener: Listener<'_>,
    ) -> napi::Result<Operation> {
        self.run(env, listener, false, move |engine, call| engine.container_diff(&container, &call.task()))
    }

    /// Writes the file system of a container to the operation's stream.
    #[napi(catch_unwind)]
    pub fn container_export(
        &self,
        env: Env,
        container: String,
        listener: Listener<'_>,
    ) -> napi::Result<Operation> {
        self.run(env, listener, false, move |engine, mut call| {
            let task = call.task();
            stream(&mut call, |target| engine.container_export(&container, target, &task))
        })
    }

    /// What stands at a path of a container.
    #[napi(catch_unwind)]
    pub fn container_stat(
        &self,
        env: Env,
        container: String,
        path: String,
        listener: Listener<'_>,
    ) -> napi::Result<Operation> {
        self.ask(env, listener, move |engine| engine.container_stat(&container, &path))
    }

    /// Writes what stands at a path of a container to the operation's stream.
    #[napi(catch_unwind)]
    pub fn container_get_archive(
        &self,
        env: Env,
        container: String,
        path: String,
        listener: Listener<'_>,
    ) -> napi::Result<Operation> {
        self.run(env, listener, false, move |engine, mut call| {
            let task = call.task();
            stream(&mut call, |target| engine.container_get_archive(&container, &path, target, &task))
        })
    }

    /// Lays a tar into a directory of a container.
    #[napi(catch_unwind)]
    #[allow(clippy::too_many_arguments)] // napi knows no struct of borrowed bytes
    pub fn container_put_archive(
        &self,
        env: Env,
        container: String,
        path: String,
        from: Origin<'_>,
        options: String,
        events: bool,
        listener: Listener<'_>,
    ) -> napi::Result<Operation> {
        let source = source(from);
        self.run(env, listener, events, move |engine, mut call| {
            let (source, task) = (source(&mut call), call.task());
            engine.container_put_archive(&container, &path, source, &parse(&options)?, &task)
        })
    }
}
