//! Blobs that come: fetched once among all processes, resumed where they broke off, checked while they stream.

use std::time::{Duration, Instant};

use reqwest::header::{CONTENT_RANGE, RANGE};
use reqwest::{Method, StatusCode};

use super::client::{Call, Client, Purpose};
use super::failure::Trouble;
use super::http::Response;
use super::manifests::scope;
use super::retry::{self, Failures};
use crate::error::{Error, ErrorKind, Field, Result};
use crate::event::{Event, LayerState};
use crate::spec::Descriptor;
use crate::store::{Claim, Lease, PartialBlob, Store};
use crate::task::Task;

/// How often it is looked whether a blob that another process fetches is there.
const LOOK: Duration = Duration::from_millis(100);
/// The least time between two events of one blob.
const TELL: Duration = Duration::from_millis(100);

/// Says how far a blob has come.
pub struct Told<'a> {
    operation: &'static str,
    descriptor: &'a Descriptor,
    task: &'a Task,
    last: Instant,
    silent: bool,
}

impl<'a> Told<'a> {
    /// For a blob that is a layer of `operation`.
    pub fn new(operation: &'static str, descriptor: &'a Descriptor, task: &'a Task) -> Self {
        Told { operation, descriptor, task, last: Instant::now(), silent: false }
    }

    /// For a blob that nobody hears of.
    pub fn silent(descriptor: &'a Descriptor, task: &'a Task) -> Self {
        Told { silent: true, ..Self::new("", descriptor, task) }
    }

    /// Sends an event.
    pub fn tell(&self, state: LayerState, bytes: u64) -> Result<()> {
        if self.silent {
            return self.task.check();
        }
        let (operation, id, total) =
            (self.operation, self.descriptor.digest.to_string(), self.descriptor.size);
        self.task.emit(&Event::Layer { operation, id, state, bytes, total })
    }

    /// Sends an event of progress, unless there was one a moment ago.
    pub fn progress(&mut self, bytes: u64) -> Result<()> {
        if self.last.elapsed() < TELL {
            return Ok(());
        }
        self.last = Instant::now();
        self.tell(LayerState::Progress, bytes)
    }
}

/// Sees to it that a blob is in the store: it is here, another process fetches it, or this one does.
pub fn download(
    store: &Store,
    client: &Client<'_>,
    lease: &Lease<'_>,
    descriptor: &Descriptor,
    mut told: Told<'_>,
) -> Result<()> {
    let digest = descriptor.digest;
    loop {
        match store.claim(lease, digest)? {
            Claim::Here => {
                return told.tell(LayerState::Exists, 0);
            }
            Claim::Theirs => client.http().runtime().sleep(LOOK)?,
            Claim::Ours => break,
        }
    }
    let fetched = fetch(store, client, lease, descriptor, &mut told);
    if fetched.is_err() {
        store.release(lease, digest)?;
    }
    fetched?;
    told.tell(LayerState::Done, descriptor.size)
}

fn fetch(
    store: &Store,
    client: &Client<'_>,
    lease: &Lease<'_>,
    descriptor: &Descriptor,
    told: &mut Told<'_>,
) -> Result<()> {
    told.tell(LayerState::Started, 0)?;
    let mut damaged = false;
    loop {
        let mut partial =
            store.partial(descriptor.digest, descriptor.size, client.http().runtime().task())?;
        receive_all(client, descriptor, &mut partial, told)?;
        match partial.finish() {
            Ok(blob) => return store.add_claimed(lease, blob),
            // What an earlier process left may have been torn, and bytes go wrong on the way.
            Err(error) if error.kind() == ErrorKind::DigestMismatch && !damaged => {
                damaged = true;
                client.pass_over_mirrors();
                let trouble = Trouble::passing(error);
                retry::pause(client.http(), &descriptor.digest.to_string(), &trouble, retry::backoff(1))?;
            }
            Err(error) => {
                return Err(error.with("host", client.host()).with("repository", client.repository()));
            }
        }
    }
}

/// Fetches what is missing, as often as it breaks off and still gets on well.
fn receive_all(
    client: &Client<'_>,
    descriptor: &Descriptor,
    partial: &mut PartialBlob,
    told: &mut Told<'_>,
) -> Result<()> {
    let path = format!("{}/blobs/{}", client.repository(), descriptor.digest);
    let scopes = scope(client.repository(), "pull");
    let what = descriptor.digest.to_string();
    let mut failures = Failures::from(partial.written());
    while partial.written() < descriptor.size || descriptor.size == 0 {
        let from = partial.written();
        let mut call = Call::new(Method::GET, &path, &scopes, &what);
        if from > 0 {
            call = call.with(RANGE, format!("bytes={from}-"));
        }
        let received =
            client.fetch(Purpose::Pull, &call, |response| receive(response, descriptor, partial, told));
        let trouble = match received {
            Ok(()) => return Ok(()),
            Err(trouble) => trouble,
        };
        if from > 0 && trouble.error.field("status") == Some(&Field::Int(416)) {
            partial.restart()?;
        } else if !trouble.passing {
            return Err(trouble.error);
        }
        let Some(failure) = failures.another(partial.written(), client.http()) else {
            return Err(trouble.error);
        };
        retry::pause(client.http(), &what, &trouble, retry::backoff(failure))?;
    }
    Ok(())
}

/// Takes the bytes of one answer that are not there yet.
fn receive(
    mut response: Response<'_>,
    descriptor: &Descriptor,
    partial: &mut PartialBlob,
    told: &mut Told<'_>,
) -> Result<(), Trouble> {
    let start = match response.status() {
        StatusCode::PARTIAL_CONTENT => {
            let range = response.header(CONTENT_RANGE).unwrap_or_default();
            range_start(range).ok_or_else(|| {
                Error::new(
                    ErrorKind::Network,
                    format!("the registry answered with a range that is none: {range:?}"),
                )
            })?
        }
        // Ranges are not to be had here: what is there already is read over.
        _ => 0,
    };
    if start > partial.written() {
        return Err(Error::new(
            ErrorKind::Network,
            format!("the registry answered with bytes from {start} on instead of {}", partial.written()),
        )
        .into());
    }
    if let Some(length) = response.length()
        && start + length > descriptor.size
    {
        return Err(Error::new(
            ErrorKind::DigestMismatch,
            format!(
                "blob {} has {} bytes there instead of {}",
                descriptor.digest,
                start + length,
                descriptor.size
            ),
        )
        .into());
    }
    let mut skip = partial.written() - start;
    while let Some(chunk) = response.chunk()? {
        let over = skip.min(chunk.len() as u64);
        skip -= over;
        partial.write(&chunk[over as usize..])?;
        told.progress(partial.written())?;
    }
    if partial.written() < descriptor.size {
        return Err(Trouble::passing(Error::new(
            ErrorKind::Network,
            format!(
                "blob {} ends after {} of {} bytes",
                descriptor.digest,
                partial.written(),
                descriptor.size
            ),
        )));
    }
    Ok(())
}

/// Where a range begins: `bytes 100-199/200`.
fn range_start(header: &str) -> Option<u64> {
    header.trim().strip_prefix("bytes")?.trim_start().split('-').next()?.trim().parse().ok()
}
