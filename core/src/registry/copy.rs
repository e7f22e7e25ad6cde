//! Copy from registry to registry: blobs are mounted, or stream through without being kept. The digests stay what they are.

use std::cell::RefCell;
use std::io::Read;
use std::sync::Mutex;

use bytes::Bytes;
use reqwest::Method;
use reqwest::header::RANGE;

use super::client::{Call, Client, Purpose};
use super::download::Told;
use super::http::{Http, Response};
use super::manifests::{self, Fetched, MAX_NESTING, scope};
use super::options::{CopyOptions, CopyReport};
use super::pull::threads;
use super::push::is_foreign;
use super::referrers;
use super::retry::{self, Failures};
use super::runtime::locked;
use super::upload::{BlobSource, Sent, upload};
use crate::digest::Hasher;
use crate::error::{Error, ErrorKind, Result};
use crate::event::Event;
use crate::reference::Reference;
use crate::spec::{Descriptor, Document};
use crate::store::check_blob;

/// Copies what `source` leads to, to the name `destination`.
pub fn copy(http: &Http<'_>, source: &str, destination: &str, options: &CopyOptions) -> Result<CopyReport> {
    let (source, destination) = (named(source)?, named(destination)?);
    let threads = threads(options.concurrency, http)?;
    let copy = Copy {
        from: Client::new(http, &source, options.source_auth.as_ref())?,
        to: Client::new(http, &destination, options.destination_auth.as_ref())?,
        options,
        threads,
        report: Mutex::default(),
    };
    let task = http.runtime().task();
    task.emit(&Event::Resolving { name: source.to_string() })?;
    let mut top = manifests::get(&copy.from, &reference_of(&source))?;
    if let Some(platform) = &options.platform {
        top = manifests::for_platform(&copy.from, top, &platform.parse()?, &source)?;
    }
    if let Some(wanted) = destination.digest().filter(|wanted| *wanted != top.digest) {
        return Err(Error::new(
            ErrorKind::DigestMismatch,
            format!("{source} leads to {}, not to {wanted}, which is to be written", top.digest),
        ));
    }
    copy.tree(&top, &reference_of(&destination), 0)?;
    let mut report = copy.report.into_inner().unwrap_or_default();
    report.digest = top.digest.to_string();
    task.announce(&Event::Pushed {
        name: destination.to_string(),
        digest: report.digest.clone(),
        size: top.bytes.len() as u64,
    });
    Ok(report)
}

fn named(name: &str) -> Result<Reference> {
    Ok(name.parse::<Reference>()?.with_default_tag())
}

fn reference_of(name: &Reference) -> String {
    name.digest().map_or_else(|| name.tag().unwrap_or_default().to_owned(), |digest| digest.to_string())
}

struct Copy<'a> {
    from: Client<'a>,
    to: Client<'a>,
    options: &'a CopyOptions,
    threads: usize,
    report: Mutex<CopyReport>,
}

impl Copy<'_> {
    /// Copies a manifest or index with everything it leads to, and writes it as `reference` in the end.
    fn tree(&self, fetched: &Fetched, reference: &str, depth: u32) -> Result<()> {
        if depth > MAX_NESTING {
            return Err(Error::new(
                ErrorKind::InvalidImage,
                format!("manifest {}: what refers to it is nested too deep", fetched.digest),
            ));
        }
        match &fetched.document {
            Document::Index(index) => {
                for child in &index.manifests {
                    let child = manifests::get_described(&self.from, child)?;
                    self.tree(&child, &child.digest.to_string(), depth + 1)?;
                }
            }
            Document::Manifest(manifest) => {
                let mut blobs = vec![(&manifest.config, false)];
                let layers = manifest.layers.iter().filter(|layer| !is_foreign(layer));
                blobs.extend(layers.map(|layer| (layer, true)));
                blobs.sort_by_key(|(blob, _)| blob.digest);
                blobs.dedup_by_key(|(blob, _)| blob.digest);
                let runtime = self.to.http().runtime();
                runtime.each(self.threads, blobs, |(blob, is_layer)| self.blob(blob, is_layer))?;
            }
        }
        manifests::put(&self.to, reference, &fetched.media_type, &fetched.bytes)?;
        locked(&self.report).manifests += 1;
        if self.options.referrers {
            for descriptor in referrers::list(&self.from, fetched.digest, None)? {
                let referrer = manifests::get_described(&self.from, &descriptor)?;
                self.tree(&referrer, &referrer.digest.to_string(), depth + 1)?;
            }
        }
        Ok(())
    }

    fn blob(&self, blob: &Descriptor, is_layer: bool) -> Result<()> {
        let task = self.to.http().runtime().task();
        let told = if is_layer { Told::new("copy", blob, task) } else { Told::silent(blob, task) };
        let same = self.from.host() == self.to.host() && self.from.repository() != self.to.repository();
        let from = if same { vec![self.from.repository().to_owned()] } else { Vec::new() };
        let source = Remote { client: &self.from, descriptor: blob };
        let sent = upload(&self.to, blob, &from, &source, self.options.chunk_size, told)?;
        let mut report = locked(&self.report);
        match sent {
            Sent::Existed => report.existed += 1,
            Sent::Mounted => report.mounted += 1,
            Sent::Uploaded => {
                report.copied += 1;
                report.bytes += blob.size;
            }
        }
        Ok(())
    }
}

/// A blob of another registry.
struct Remote<'a, 'b> {
    client: &'a Client<'b>,
    descriptor: &'a Descriptor,
}

impl BlobSource for Remote<'_, '_> {
    fn open(&self, offset: u64) -> Result<Box<dyn Read + '_>> {
        Ok(Box::new(RemoteReader {
            client: self.client,
            descriptor: self.descriptor,
            at: offset,
            skip: 0,
            failures: Failures::from(offset),
            answer: RefCell::new(None),
            chunk: Bytes::new(),
            hasher: (offset == 0).then(Hasher::default),
        }))
    }
}

/// Reads a blob while it comes, and asks for the rest when it breaks off.
struct RemoteReader<'a, 'b> {
    client: &'a Client<'b>,
    descriptor: &'a Descriptor,
    at: u64,
    /// Bytes that come although they are known.
    skip: u64,
    failures: Failures,
    answer: RefCell<Option<Response<'b>>>,
    chunk: Bytes,
    hasher: Option<Hasher>,
}

impl RemoteReader<'_, '_> {
    fn ask(&mut self) -> Result<()> {
        let path = format!("{}/blobs/{}", self.client.repository(), self.descriptor.digest);
        let (scopes, what) = (scope(self.client.repository(), "pull"), self.descriptor.digest.to_string());
        let mut call = Call::new(Method::GET, &path, &scopes, &what);
        if self.at > 0 {
            call = call.with(RANGE, format!("bytes={}-", self.at));
        }
        let response = self.client.fetch(Purpose::Pull, &call, Ok)?;
        self.skip = if response.status() == reqwest::StatusCode::PARTIAL_CONTENT { 0 } else { self.at };
        *self.answer.borrow_mut() = Some(response);
        Ok(())
    }

    /// The next bytes; none at the end.
    fn next(&mut self) -> Result<Bytes> {
        loop {
            if self.at >= self.descriptor.size {
                if let Some(hasher) = self.hasher.take() {
                    check_blob(self.descriptor.digest, self.descriptor.size, hasher.finish())
                        .map_err(|error| error.with("host", self.client.host()))?;
                }
                return Ok(Bytes::new());
            }
            if self.answer.borrow().is_none() {
                self.ask()?;
            }
            let chunk = match self.answer.borrow_mut().as_mut() {
                Some(answer) => answer.chunk(),
                None => Ok(None),
            };
            let broken = match chunk {
                Ok(Some(mut chunk)) => {
                    let over = self.skip.min(chunk.len() as u64);
                    self.skip -= over;
                    let mut chunk = chunk.split_off(over as usize);
                    chunk.truncate(usize::try_from(self.descriptor.size - self.at).unwrap_or(usize::MAX));
                    if chunk.is_empty() {
                        continue;
                    }
                    self.at += chunk.len() as u64;
                    if let Some(hasher) = &mut self.hasher {
                        hasher.update(&chunk);
                    }
                    return Ok(chunk);
                }
                Ok(None) => super::failure::Trouble::passing(Error::new(
                    ErrorKind::Network,
                    format!(
                        "blob {} ends after {} of {} bytes",
                        self.descriptor.digest, self.at, self.descriptor.size
                    ),
                )),
                Err(trouble) => trouble,
            };
            *self.answer.borrow_mut() = None;
            let http = self.client.http();
            let failure = self.failures.another(self.at, http).filter(|_| broken.passing);
            let Some(failure) = failure else { return Err(broken.error) };
            let what = self.descriptor.digest.to_string();
            retry::pause(http, &what, &broken, retry::backoff(failure))?;
        }
    }
}

impl Read for RemoteReader<'_, '_> {
    fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
        if self.chunk.is_empty() {
            self.chunk = self.next().map_err(Error::into_io)?;
        }
        let taken = self.chunk.split_to(buffer.len().min(self.chunk.len()));
        buffer[..taken.len()].copy_from_slice(&taken);
        Ok(taken.len())
    }
}
