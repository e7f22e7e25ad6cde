//! The methods of the core that speak to registries: options are its JSON, answers are its JSON.

use napi::Env;
use napi_derive::napi;
use serde::Deserialize;

use crate::engine::{NativeEngine, parse};
use crate::operation::{Listener, Operation};

/// The options of what has none: those that are given all the same are refused, as everywhere.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct NoOptions {}

#[napi]
#[allow(clippy::missing_errors_doc)] // errors of the core go through the listener
impl NativeEngine {
    /// Pulls an image, or every tag of a repository.
    #[napi(catch_unwind)]
    pub fn images_pull(
        &self,
        env: Env,
        name: String,
        options: String,
        events: bool,
        listener: Listener<'_>,
    ) -> napi::Result<Operation> {
        self.run(env, listener, events, move |engine, call| {
            engine.images_pull(&name, &parse(&options)?, &call.task())
        })
    }

    /// Pushes a name, or every tag of a repository.
    #[napi(catch_unwind)]
    pub fn images_push(
        &self,
        env: Env,
        name: String,
        options: String,
        events: bool,
        listener: Listener<'_>,
    ) -> napi::Result<Operation> {
        self.run(env, listener, events, move |engine, call| {
            engine.images_push(&name, &parse(&options)?, &call.task())
        })
    }

    /// Searches a registry.
    #[napi(catch_unwind)]
    pub fn images_search(
        &self,
        env: Env,
        term: String,
        options: String,
        events: bool,
        listener: Listener<'_>,
    ) -> napi::Result<Operation> {
        self.run(env, listener, events, move |engine, call| {
            engine.images_search(&term, &parse(&options)?, &call.task())
        })
    }

    /// Pushes every name of an image.
    #[napi(catch_unwind)]
    pub fn image_push(
        &self,
        env: Env,
        image: String,
        options: String,
        events: bool,
        listener: Listener<'_>,
    ) -> napi::Result<Operation> {
        self.run(env, listener, events, move |engine, call| {
            engine.image_push(&image, &parse(&options)?, &call.task())
        })
    }

    /// Checks credentials and stores them.
    #[napi(catch_unwind)]
    pub fn registry_login(
        &self,
        env: Env,
        server: String,
        options: String,
        events: bool,
        listener: Listener<'_>,
    ) -> napi::Result<Operation> {
        self.run(env, listener, events, move |engine, call| {
            engine.registry_login(&server, &parse(&options)?, &call.task())
        })
    }

    /// Forgets credentials.
    #[napi(catch_unwind)]
    pub fn registry_logout(
        &self,
        env: Env,
        server: String,
        options: String,
        events: bool,
        listener: Listener<'_>,
    ) -> napi::Result<Operation> {
        self.run(env, listener, events, move |engine, call| {
            let NoOptions {} = parse(&options)?;
            engine.registry_logout(&server, &call.task())
        })
    }

    /// Asks a registry whether it is there.
    #[napi(catch_unwind)]
    pub fn registry_ping(
        &self,
        env: Env,
        server: String,
        options: String,
        events: bool,
        listener: Listener<'_>,
    ) -> napi::Result<Operation> {
        self.run(env, listener, events, move |engine, call| {
            engine.registry_ping(&server, &parse(&options)?, &call.task())
        })
    }

    /// The tags of a repository.
    #[napi(catch_unwind)]
    pub fn registry_tags(
        &self,
        env: Env,
        repository: String,
        options: String,
        events: bool,
        listener: Listener<'_>,
    ) -> napi::Result<Operation> {
        self.run(env, listener, events, move |engine, call| {
            engine.registry_tags(&repository, &parse(&options)?, &call.task())
        })
    }

    /// A manifest or index as the registry has it.
    #[napi(catch_unwind)]
    pub fn registry_manifest(
        &self,
        env: Env,
        name: String,
        options: String,
        events: bool,
        listener: Listener<'_>,
    ) -> napi::Result<Operation> {
        self.run(env, listener, events, move |engine, call| {
            engine.registry_manifest(&name, &parse(&options)?, &call.task())
        })
    }

    /// Descriptors of what refers to a manifest.
    #[napi(catch_unwind)]
    pub fn registry_referrers(
        &self,
        env: Env,
        name: String,
        options: String,
        events: bool,
        listener: Listener<'_>,
    ) -> napi::Result<Operation> {
        self.run(env, listener, events, move |engine, call| {
            engine.registry_referrers(&name, &parse(&options)?, &call.task())
        })
    }

    /// Copies from registry to registry.
    #[napi(catch_unwind)]
    pub fn registry_copy(
        &self,
        env: Env,
        source: String,
        destination: String,
        options: String,
        events: bool,
        listener: Listener<'_>,
    ) -> napi::Result<Operation> {
        self.run(env, listener, events, move |engine, call| {
            engine.registry_copy(&source, &destination, &parse(&options)?, &call.task())
        })
    }

    /// Deletes a tag or a manifest.
    #[napi(catch_unwind)]
    pub fn registry_delete(
        &self,
        env: Env,
        name: String,
        options: String,
        events: bool,
        listener: Listener<'_>,
    ) -> napi::Result<Operation> {
        self.run(env, listener, events, move |engine, call| {
            engine.registry_delete(&name, &parse(&options)?, &call.task())
        })
    }
}
