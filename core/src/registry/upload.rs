//! Blobs that go: not at all when they are there, mounted where another repository has them, in one request or in pieces,
//! resumed where a request broke off (OCI distribution specification 1.1, "Pushing Blobs").

use std::cell::RefCell;
use std::io::Read;

use reqwest::header::{CONTENT_RANGE, CONTENT_TYPE, HeaderName, LOCATION, RANGE};
use reqwest::{Method, StatusCode, Url};

use super::client::{Call, Client, Target};
use super::download::Told;
use super::failure::Trouble;
use super::http::{Body, Response};
use super::manifests::scope;
use super::retry::{self, Failures};
use crate::error::{Error, ErrorKind, Field, Result};
use crate::event::LayerState;
use crate::spec::Descriptor;

/// The least a registry takes as a piece that is not the last.
const CHUNK_MIN: HeaderName = HeaderName::from_static("oci-chunk-min-length");
const OCTETS: &str = "application/octet-stream";
/// The first size that is tried with a registry that refuses a blob in one request, and the smallest.
const LARGEST_CHUNK: u64 = 64 << 20;
const SMALLEST_CHUNK: u64 = 64 << 10;

/// Where the bytes of a blob come from.
pub trait BlobSource {
    /// The bytes from `offset` on. Those of a whole blob are checked at their end.
    fn open(&self, offset: u64) -> Result<Box<dyn Read + '_>>;
}

/// How a blob came to be in the registry.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Sent {
    /// It was there.
    Existed,
    /// From another repository.
    Mounted,
    /// By us.
    Uploaded,
}

/// Sees to it that a blob is in the repository. `from` are other repositories of the same registry that have it.
pub fn upload(
    client: &Client<'_>,
    descriptor: &Descriptor,
    from: &[String],
    source: &dyn BlobSource,
    chunk_size: Option<u64>,
    told: Told<'_>,
) -> Result<Sent> {
    if exists(client, descriptor)? {
        told.tell(LayerState::Exists, 0)?;
        return Ok(Sent::Existed);
    }
    let mut session = None;
    for other in from {
        match mount(client, descriptor, other)? {
            Mount::Done => {
                told.tell(LayerState::Mounted, 0)?;
                return Ok(Sent::Mounted);
            }
            // The registry would rather have the bytes.
            Mount::Session(started) => {
                session = Some(started);
                break;
            }
            Mount::Refused => {}
        }
    }
    let session = match session {
        Some(session) => session,
        None => begin(client)?,
    };
    // Once the registry takes it: of several blobs that it refuses, which one is told of would be a matter of luck.
    told.tell(LayerState::Started, 0)?;
    Upload { client, descriptor, source, told: RefCell::new(told), session, offset: 0 }.run(chunk_size)?;
    Ok(Sent::Uploaded)
}

fn scopes(client: &Client<'_>) -> Vec<String> {
    scope(client.repository(), "pull,push")
}

fn exists(client: &Client<'_>, descriptor: &Descriptor) -> Result<bool> {
    let path = format!("{}/blobs/{}", client.repository(), descriptor.digest);
    let (scopes, what) = (scopes(client), descriptor.digest.to_string());
    let response = client.send(&Call::new(Method::HEAD, &path, &scopes, &what), &[StatusCode::NOT_FOUND])?;
    Ok(response.status() != StatusCode::NOT_FOUND)
}

/// An upload that the registry knows of.
struct Session {
    location: Url,
    chunk_min: u64,
}

impl Session {
    fn of(response: &Response<'_>, before: Option<&Session>) -> Result<Session> {
        let chunk_min = response.header(CHUNK_MIN).and_then(|length| length.trim().parse().ok());
        let location = match response.header(LOCATION) {
            // It may be relative, and its query belongs to it.
            Some(location) => response.url().join(location).map_err(|error| {
                Error::new(
                    ErrorKind::Network,
                    format!("the registry's upload location {location:?}: {error}"),
                )
            })?,
            None => before.map(|before| before.location.clone()).ok_or_else(|| {
                Error::new(ErrorKind::Network, "the registry began an upload without saying where")
            })?,
        };
        Ok(Session { location, chunk_min: chunk_min.or(before.map(|before| before.chunk_min)).unwrap_or(0) })
    }
}

fn begin(client: &Client<'_>) -> Result<Session> {
    let path = format!("{}/blobs/uploads/", client.repository());
    let scopes = scopes(client);
    // Made again it begins another upload, and the registry forgets the one before.
    let response = client.send(&Call::new(Method::POST, &path, &scopes, "upload"), &[])?;
    Session::of(&response, None)
}

enum Mount {
    Done,
    Session(Session),
    Refused,
}

fn mount(client: &Client<'_>, descriptor: &Descriptor, from: &str) -> Result<Mount> {
    let path = format!("{}/blobs/uploads/?mount={}&from={from}", client.repository(), descriptor.digest);
    let mut scopes = scopes(client);
    scopes.extend(scope(from, "pull"));
    let what = descriptor.digest.to_string();
    match client.send(&Call::new(Method::POST, &path, &scopes, &what), &[]) {
        Ok(response) if response.status() == StatusCode::CREATED => Ok(Mount::Done),
        Ok(response) => Session::of(&response, None).map(Mount::Session),
        // Not allowed there, or not there any more: the bytes go.
        Err(trouble) => match trouble.error.kind() {
            ErrorKind::Cancelled | ErrorKind::Network | ErrorKind::Timeout | ErrorKind::RateLimited => {
                Err(trouble.error)
            }
            _ => Ok(Mount::Refused),
        },
    }
}

/// An upload under way.
struct Upload<'a, 'b> {
    client: &'a Client<'b>,
    descriptor: &'a Descriptor,
    source: &'a dyn BlobSource,
    told: RefCell<Told<'a>>,
    session: Session,
    /// What the registry has, as far as is known.
    offset: u64,
}

fn status_of(trouble: &Trouble) -> i64 {
    match trouble.error.field("status") {
        Some(Field::Int(status)) => *status,
        _ => 0,
    }
}

impl<'b> Upload<'_, 'b> {
    fn run(mut self, chunk_size: Option<u64>) -> Result<()> {
        let size = self.descriptor.size;
        // `None`: everything that is left in one request.
        let mut chunk = chunk_size.map(|chunk| chunk.max(1));
        let mut may_chunk = true;
        let mut failures = Failures::default();
        loop {
            let trouble = match self.advance(chunk.map(|chunk| chunk.max(self.session.chunk_min))) {
                Ok(true) => return self.told.borrow().tell(LayerState::Done, size),
                Ok(false) => continue,
                Err(trouble) => trouble,
            };
            match status_of(&trouble) {
                413 => {
                    let smaller = chunk.map_or(LARGEST_CHUNK.min(size.div_ceil(2)), |chunk| chunk / 2);
                    if !may_chunk || smaller < SMALLEST_CHUNK.max(self.session.chunk_min) {
                        return Err(trouble.error);
                    }
                    chunk = Some(smaller);
                    self.restart()?;
                    continue;
                }
                // Pieces are not to be had here.
                400 | 404 | 405 | 416 | 501 if chunk.is_some() && may_chunk && self.offset == 0 => {
                    (chunk, may_chunk) = (None, false);
                    self.restart()?;
                    continue;
                }
                404 | 416 => {}
                _ if trouble.passing => {}
                _ => return Err(trouble.error),
            }
            if self.recover()? {
                return self.told.borrow().tell(LayerState::Done, size);
            }
            let failure = failures.another(self.offset, self.client.http());
            let Some(wait) = failure.and_then(|failure| retry::wait_for(&trouble, failure)) else {
                return Err(trouble.error);
            };
            retry::pause(self.client.http(), &self.descriptor.digest.to_string(), &trouble, wait)?;
        }
    }

    /// Does the next request. Says whether the blob is there now.
    fn advance(&mut self, chunk: Option<u64>) -> Result<bool, Trouble> {
        let (size, from) = (self.descriptor.size, self.offset);
        let left = size - from;
        // The last piece ends the upload: as one of its own it might be too short for the registry.
        if chunk.is_none_or(|chunk| left <= chunk) {
            let mut location = self.session.location.clone();
            location.query_pairs_mut().append_pair("digest", &self.descriptor.digest.to_string());
            self.request(Method::PUT, location, from, left)?;
            return Ok(true);
        }
        let end = chunk.map_or(size, |chunk| from + chunk);
        let response = self.request(Method::PATCH, self.session.location.clone(), from, end - from)?;
        self.session = Session::of(&response, Some(&self.session))?;
        self.offset = response.header(RANGE).and_then(received).unwrap_or(end).min(end);
        Ok(false)
    }

    fn request(&self, method: Method, url: Url, from: u64, length: u64) -> Result<Response<'b>, Trouble> {
        let scopes = scopes(self.client);
        let what = self.descriptor.digest.to_string();
        let open = || -> Result<Box<dyn Read + '_>> {
            let reader = self.source.open(from)?;
            Ok(Box::new(Counted { reader, at: from, told: &self.told }))
        };
        let mut call = Call::new(method.clone(), "", &scopes, &what).with(CONTENT_TYPE, OCTETS);
        call.target = Target::Url(url);
        // A failure leaves the registry with a part that has to be asked for first.
        call.again = false;
        if method == Method::PATCH || (from > 0 && length > 0) {
            call = call.with(CONTENT_RANGE, format!("{from}-{}", from + length - 1));
        }
        if length > 0 {
            call.body = Body::Stream(length, &open);
        }
        self.client.send(&call, &[])
    }

    /// Finds out what the registry has. Says whether it has the blob.
    fn recover(&mut self) -> Result<bool> {
        let scopes = scopes(self.client);
        let what = self.descriptor.digest.to_string();
        let mut call = Call::new(Method::GET, "", &scopes, &what);
        call.target = Target::Url(self.session.location.clone());
        let known = match self.client.send(&call, &[]) {
            Ok(response) => {
                let session = Session::of(&response, Some(&self.session))?;
                response.header(RANGE).and_then(received).map(|offset| (session, offset))
            }
            Err(trouble) if trouble.error.kind() == ErrorKind::Cancelled => return Err(trouble.error),
            Err(_) => None,
        };
        match known {
            Some((session, offset)) if offset <= self.descriptor.size => {
                (self.session, self.offset) = (session, offset);
                Ok(false)
            }
            // The session is gone: perhaps because it was complete, and only the answer was lost.
            _ => {
                if exists(self.client, self.descriptor)? {
                    return Ok(true);
                }
                self.restart()?;
                Ok(false)
            }
        }
    }

    fn restart(&mut self) -> Result<()> {
        self.offset = 0;
        self.session = begin(self.client)?;
        Ok(())
    }
}

/// How many bytes the registry has: `0-99` are a hundred. `0-0` is what registries say of one byte, and of none.
fn received(range: &str) -> Option<u64> {
    let last: u64 = range.trim().trim_start_matches("bytes=").rsplit_once('-')?.1.trim().parse().ok()?;
    Some(if last == 0 { 0 } else { last + 1 })
}

/// Tells of the bytes that are read through it.
struct Counted<'a, 'b> {
    reader: Box<dyn Read + 'a>,
    at: u64,
    told: &'a RefCell<Told<'b>>,
}

impl Read for Counted<'_, '_> {
    fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
        let read = self.reader.read(buffer)?;
        self.at += read as u64;
        self.told.borrow_mut().progress(self.at).map_err(Error::into_io)?;
        Ok(read)
    }
}
