//! The registry for tests: `layerkit/testing` is made of this. Starting and stopping it are operations of their own thread;
//! the rest looks at memory, and answers at once.

use std::sync::{Arc, OnceLock};

use layerkit::{Error, ErrorKind, Result};
use layerkit_testing::{FaultRule, Options, Registry};
use napi::bindgen_prelude::Buffer;
use napi::{Env, Status};
use napi_derive::napi;
use serde::Serialize;

use crate::engine::parse;
use crate::operation::{Listener, Operation, start};

/// A registry, which `start` starts.
#[napi]
pub struct NativeRegistry(Arc<OnceLock<Registry>>);

/// A manifest that the registry has.
#[napi(object)]
pub struct NativeManifest {
    /// Its media type.
    pub media_type: String,
    /// Its bytes.
    pub data: Buffer,
}

fn refused(wrong: impl ToString) -> napi::Error {
    napi::Error::new(Status::InvalidArg, wrong.to_string())
}

fn json(value: &impl Serialize) -> napi::Result<String> {
    serde_json::to_string(value).map_err(|error| napi::Error::new(Status::GenericFailure, error.to_string()))
}

fn started(options: &str) -> Result<Registry> {
    let options: Options = parse(options)?;
    let wrong = |wrong| Error::new(ErrorKind::InvalidArgument, format!("options: {wrong}"));
    options.check().map_err(wrong)?;
    Registry::start(options).map_err(|failed| Error::new(ErrorKind::Io, failed))
}

impl NativeRegistry {
    fn here(&self) -> napi::Result<&Registry> {
        self.0.get().ok_or_else(|| refused("the registry has not started: use Registry.start"))
    }
}

#[napi]
#[allow(clippy::missing_errors_doc)] // arguments of the wrong type, and rules that are none
impl NativeRegistry {
    /// A registry that has not started.
    #[napi(constructor, catch_unwind)]
    #[allow(clippy::new_without_default)]
    pub fn new() -> Self {
        NativeRegistry(Arc::default())
    }

    /// Starts it.
    #[napi(catch_unwind)]
    pub fn start(&self, env: Env, options: String, listener: Listener<'_>) -> napi::Result<Operation> {
        let slot = Arc::clone(&self.0);
        start(env, listener, false, move |_| {
            slot.set(started(&options)?)
                .map_err(|_| Error::new(ErrorKind::InvalidArgument, "the registry has started"))
        })
    }

    /// Stops it.
    #[napi(catch_unwind)]
    pub fn stop(&self, env: Env, listener: Listener<'_>) -> napi::Result<Operation> {
        let slot = Arc::clone(&self.0);
        start(env, listener, false, move |_| {
            slot.get().map(Registry::stop);
            Ok(())
        })
    }

    /// What does not change while it runs, as JSON: `host`, `url`, `proxy_url`, `ca_pem`, `client_identity`.
    #[napi(catch_unwind)]
    pub fn facts(&self) -> napi::Result<String> {
        let registry = self.here()?;
        json(&serde_json::json!({
            "host": registry.host(),
            "url": registry.url(),
            "proxy_url": registry.proxy_url(),
            "ca_pem": registry.ca_pem(),
            "client_identity": registry.client_identity(),
        }))
    }

    /// Adds a fault rule, which is JSON.
    #[napi(catch_unwind)]
    pub fn fault(&self, rule: String) -> napi::Result<()> {
        let rule: FaultRule = parse(&rule).map_err(refused)?;
        self.here()?.fault(rule);
        Ok(())
    }

    /// Removes all fault rules.
    #[napi(catch_unwind)]
    pub fn clear_faults(&self) -> napi::Result<()> {
        self.here()?.clear_faults();
        Ok(())
    }

    /// The requests that arrived, as JSON.
    #[napi(catch_unwind)]
    pub fn requests(&self) -> napi::Result<String> {
        json(&self.here()?.requests())
    }

    /// Forgets the requests that arrived.
    #[napi(catch_unwind)]
    pub fn clear_requests(&self) -> napi::Result<()> {
        self.here()?.clear_requests();
        Ok(())
    }

    /// The most requests that were being handled at the same time.
    #[napi(catch_unwind)]
    pub fn peak_in_flight(&self) -> napi::Result<u32> {
        Ok(u32::try_from(self.here()?.peak_in_flight()).unwrap_or(u32::MAX))
    }

    /// Stores a blob; the answer is its digest.
    #[napi(catch_unwind)]
    pub fn put_blob(&self, repository: String, data: &[u8]) -> napi::Result<String> {
        Ok(self.here()?.put_blob(&repository, data.to_vec()))
    }

    /// A blob.
    #[napi(catch_unwind)]
    pub fn blob(&self, repository: String, digest: String) -> napi::Result<Option<Buffer>> {
        Ok(self.here()?.blob(&repository, &digest).map(|bytes| bytes.to_vec().into()))
    }

    /// Whether there is a blob.
    #[napi(catch_unwind)]
    pub fn has_blob(&self, repository: String, digest: String) -> napi::Result<bool> {
        Ok(self.here()?.has_blob(&repository, &digest))
    }

    /// Removes a blob; the answer is whether it was there.
    #[napi(catch_unwind)]
    pub fn remove_blob(&self, repository: String, digest: String) -> napi::Result<bool> {
        Ok(self.here()?.remove_blob(&repository, &digest))
    }

    /// Stores a manifest; the answer is its digest.
    #[napi(catch_unwind)]
    pub fn put_manifest(
        &self,
        repository: String,
        reference: String,
        media_type: String,
        data: &[u8],
    ) -> napi::Result<String> {
        Ok(self.here()?.put_manifest(&repository, &reference, &media_type, data.to_vec()))
    }

    /// A manifest.
    #[napi(catch_unwind)]
    pub fn manifest(&self, repository: String, reference: String) -> napi::Result<Option<NativeManifest>> {
        let found = self.here()?.manifest(&repository, &reference);
        Ok(found.map(|(media_type, bytes)| NativeManifest { media_type, data: bytes.to_vec().into() }))
    }

    /// The tags of a repository.
    #[napi(catch_unwind)]
    pub fn tags(&self, repository: String) -> napi::Result<Vec<String>> {
        Ok(self.here()?.tags(&repository))
    }
}
