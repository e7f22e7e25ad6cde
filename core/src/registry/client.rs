//! One registry as an operation sees it: its addresses, tried in order, who we are to each, and what its answers mean.

use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, Ordering};

use bytes::Bytes;
use reqwest::header::{AUTHORIZATION, HeaderMap, HeaderName, HeaderValue, WWW_AUTHENTICATE};
use reqwest::{Method, StatusCode, Url};

use super::auth::Authenticator;
use super::challenge::{self, Challenge};
use super::credentials::{self, Credential};
use super::failure::{Trouble, refusal};
use super::hosts::{self, Endpoint};
use super::http::{Body, Http, Request, Response};
use super::options::Auth;
use super::retry;
use super::runtime::locked;
use crate::config::{self, CredentialFiles};
use crate::error::{Error, ErrorKind, Result};
use crate::reference::Reference;

/// Requests for one thing that are made until it is clear that credentials do not help.
const CHALLENGES: u32 = 2;

/// What a request is for: not every mirror serves everything.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Purpose {
    /// What a tag leads to.
    Resolve,
    /// Something by its digest.
    Pull,
}

/// One request to a registry.
pub struct Call<'a> {
    /// Its method.
    pub method: Method,
    /// Its path behind `/v2/`, or a whole URL that the registry gave.
    pub target: Target<'a>,
    /// Headers beside those that authenticate.
    pub headers: Vec<(HeaderName, String)>,
    /// Its body.
    pub body: Body<'a>,
    /// What a token has to allow.
    pub scopes: &'a [String],
    /// Whether it may be sent again when it failed.
    pub again: bool,
    /// What it asks for, in an error or an event.
    pub what: &'a str,
}

/// Where a request goes.
pub enum Target<'a> {
    /// Behind the `/v2/` of the address, with the query if there is one.
    Path(&'a str),
    /// There, which is at the registry's own address.
    Url(Url),
}

impl<'a> Call<'a> {
    /// A request without a body that may be sent again.
    pub fn new(method: Method, path: &'a str, scopes: &'a [String], what: &'a str) -> Self {
        Call {
            method,
            target: Target::Path(path),
            headers: Vec::new(),
            body: Body::Empty,
            scopes,
            again: true,
            what,
        }
    }

    /// With a header.
    pub fn with(mut self, name: HeaderName, value: impl Into<String>) -> Self {
        self.headers.push((name, value.into()));
        self
    }

    /// With a document for a body.
    pub fn with_bytes(mut self, bytes: Bytes) -> Self {
        self.body = Body::Bytes(bytes);
        self
    }
}

struct Address {
    endpoint: Endpoint,
    /// `http` once it turned out that TLS is not spoken there.
    base: Mutex<Url>,
    auth: Authenticator,
    /// Nothing came from it, or the wrong thing: it is not asked again by this operation.
    down: AtomicBool,
}

/// A registry.
pub struct Client<'a> {
    http: &'a Http<'a>,
    host: String,
    repository: String,
    addresses: Vec<Address>,
}

impl Credential {
    /// The credentials that came with a call.
    pub fn given(auth: &Auth) -> Result<Option<Credential>> {
        let filled = |value: &Option<String>| value.clone().filter(|value| !value.is_empty());
        if let Some(token) = filled(&auth.registry_token) {
            return Ok(Some(Credential::Token(token)));
        }
        if let Some(token) = filled(&auth.identity_token) {
            return Ok(Some(Credential::Identity(auth.username.clone().unwrap_or_default(), token)));
        }
        match (filled(&auth.username), &auth.password) {
            (Some(username), Some(password)) => Ok(Some(Credential::Password(username, password.clone()))),
            (None, None) => Ok(None),
            _ => Err(Error::new(
                ErrorKind::InvalidArgument,
                "credentials are a user name and a password, or a token",
            )),
        }
    }
}

impl<'a> Client<'a> {
    /// The registry of this name, with the credentials of the call or those that are stored.
    pub fn new(http: &'a Http<'a>, name: &Reference, auth: Option<&Auth>) -> Result<Self> {
        let given = auth.map(Credential::given).transpose()?.flatten();
        let files = config::credential_files(http.config().docker_config.as_deref());
        let stored = |host: &str| stored(http, &files, host, name.path());
        Self::with(http, name.host(), name.path(), false, |endpoint, own| match (&given, own) {
            (Some(given), true) => Ok(Some(given.clone())),
            (None, true) => stored(name.host()),
            (_, false) => stored(&endpoint.host()),
        })
    }

    /// The registry itself, with these credentials or none. `offline`: a token for the next time is wanted, too.
    pub fn own(
        http: &'a Http<'a>,
        host: &str,
        credential: Option<Credential>,
        offline: bool,
    ) -> Result<Self> {
        let mut client =
            Self::with(http, host, "", offline, |_, own| Ok(credential.clone().filter(|_| own)))?;
        let own = client.addresses.pop();
        client.addresses = own.into_iter().collect();
        Ok(client)
    }

    /// The same with the credentials of a call, or else those that are stored for the registry.
    pub fn known(http: &'a Http<'a>, host: &str, auth: Option<&Auth>) -> Result<Self> {
        let credential = match auth.map(Credential::given).transpose()?.flatten() {
            Some(given) => Some(given),
            None => {
                let files = config::credential_files(http.config().docker_config.as_deref());
                stored(http, &files, host, "")?
            }
        };
        Self::own(http, host, credential, false)
    }

    /// Whether there are credentials for the registry itself.
    pub fn has_credential(&self) -> bool {
        self.own_auth().is_some_and(Authenticator::has_credential)
    }

    fn with(
        http: &'a Http<'a>,
        host: &str,
        repository: &str,
        offline: bool,
        credential: impl Fn(&Endpoint, bool) -> Result<Option<Credential>>,
    ) -> Result<Self> {
        let endpoints = hosts::endpoints(http.config(), host)?;
        let count = endpoints.len();
        let addresses = endpoints.into_iter().enumerate().map(|(at, endpoint)| {
            Ok(Address {
                auth: Authenticator::new(credential(&endpoint, at + 1 == count)?, offline),
                base: Mutex::new(endpoint.base.clone()),
                endpoint,
                down: AtomicBool::new(false),
            })
        });
        let addresses = addresses.collect::<Result<Vec<_>>>()?;
        Ok(Client { http, host: host.to_owned(), repository: repository.to_owned(), addresses })
    }

    /// The connections it uses.
    pub fn http(&self) -> &'a Http<'a> {
        self.http
    }

    /// The registry's name.
    pub fn host(&self) -> &str {
        &self.host
    }

    /// The repository's path.
    pub fn repository(&self) -> &str {
        &self.repository
    }

    /// The registry's own address, as far as it is known.
    pub fn own_url(&self) -> Option<Url> {
        self.addresses.last().map(|own| locked(&own.base).clone())
    }

    /// How the registry's own address authenticates.
    pub fn own_auth(&self) -> Option<&Authenticator> {
        self.addresses.last().map(|own| &own.auth)
    }

    /// Asks the addresses that serve a purpose, one after the other, until `take` has made something of an answer. Only the last
    /// is asked again after a failure: what stands in for another has to answer at once.
    ///
    /// `take` gets only answers of success. What it fails with counts like a failure of the address: a mirror that gives the
    /// wrong bytes is passed over. The last failure is the one that is told.
    pub fn fetch<T>(
        &self,
        purpose: Purpose,
        call: &Call<'_>,
        mut take: impl FnMut(Response<'a>) -> Result<T, Trouble>,
    ) -> Result<T, Trouble> {
        let serves = |address: &&Address| match purpose {
            Purpose::Resolve => address.endpoint.resolve,
            Purpose::Pull => address.endpoint.pull,
        };
        let last = self.addresses.len().saturating_sub(1);
        let mut failure = None;
        for (at, address) in self.addresses.iter().enumerate() {
            if at < last && (!serves(&address) || address.down.load(Ordering::Relaxed)) {
                continue;
            }
            let taken = self.ask(address, call, &[], at == last).and_then(&mut take);
            match taken.map_err(|trouble| self.told(trouble)) {
                Ok(value) => return Ok(value),
                Err(trouble) if trouble.error.kind() == ErrorKind::Cancelled => return Err(trouble),
                Err(trouble) => {
                    let dead = matches!(trouble.error.kind(), ErrorKind::Network | ErrorKind::Timeout);
                    if dead && at < last {
                        address.down.store(true, Ordering::Relaxed);
                    }
                    failure = Some(trouble);
                }
            }
        }
        Err(failure.unwrap_or_else(|| {
            Error::new(ErrorKind::Unsupported, format!("{}: no address serves this", self.host)).into()
        }))
    }

    /// From now on only the registry's own address is asked: a mirror gave bytes that are not what they should be.
    pub fn pass_over_mirrors(&self) {
        if let Some((_, mirrors)) = self.addresses.split_last() {
            mirrors.iter().for_each(|mirror| mirror.down.store(true, Ordering::Relaxed));
        }
    }

    /// Asks the registry's own address. Answers of success are returned, and those with a status that is expected.
    pub fn send(&self, call: &Call<'_>, expected: &[StatusCode]) -> Result<Response<'a>, Trouble> {
        match self.addresses.last() {
            Some(own) => self.ask(own, call, expected, true),
            None => Err(Error::new(ErrorKind::Internal, "a registry without an address").into()),
        }
    }

    fn ask(
        &self,
        address: &Address,
        call: &Call<'_>,
        expected: &[StatusCode],
        again: bool,
    ) -> Result<Response<'a>, Trouble> {
        let told = |trouble: Trouble| self.told(trouble);
        let mut challenges = 0;
        loop {
            let authorization = address.auth.header(self.http, call.scopes, call.what).map_err(told)?;
            let sent = authorization.is_some();
            let response = self.ask_once(address, call, authorization, again).map_err(told)?;
            let status = response.status();
            if status.is_success() || expected.contains(&status) {
                return Ok(response);
            }
            let (mut scope_is_missing, mut is_wrong) = (false, false);
            if status == StatusCode::UNAUTHORIZED {
                let challenge = challenge::parse(response.headers(WWW_AUTHENTICATE));
                challenges += 1;
                scope_is_missing = sent
                    && address.auth.gets_tokens()
                    && matches!(&challenge, Some(Challenge::Bearer { error, .. }) if error != "invalid_token");
                is_wrong = sent && challenge == Some(Challenge::Basic);
                if address.auth.challenged(challenge, call.scopes, sent) && challenges <= CHALLENGES {
                    continue;
                }
            }
            let mut trouble = refusal(response, &address.endpoint.host(), &self.repository, call.what);
            if scope_is_missing {
                // We are known, and still it is not for us.
                trouble.error = trouble.error.as_kind(ErrorKind::Denied);
            }
            if is_wrong {
                trouble.error = trouble.error.context("incorrect username or password");
            }
            return Err(told(trouble));
        }
    }

    fn ask_once(
        &self,
        address: &Address,
        call: &Call<'_>,
        authorization: Option<HeaderValue>,
        again: bool,
    ) -> Result<Response<'a>, Trouble> {
        let mut headers = HeaderMap::new();
        for (name, value) in &call.headers {
            let value = value.parse::<HeaderValue>().map_err(|_| {
                Error::new(
                    ErrorKind::InvalidArgument,
                    format!("{}: a header cannot hold {value:?}", call.what),
                )
            })?;
            headers.append(name, value);
        }
        if let Some(authorization) = authorization {
            headers.insert(AUTHORIZATION, authorization);
        }
        loop {
            let base = locked(&address.base).clone();
            let url = match &call.target {
                Target::Path(path) => {
                    let mut url = base.join(path).map_err(|error| {
                        Error::new(
                            ErrorKind::Internal,
                            format!("{}: {path:?} is no path: {error}", call.what),
                        )
                    })?;
                    if let Some(namespace) = &address.endpoint.namespace {
                        url.query_pairs_mut().append_pair("ns", namespace);
                    }
                    url
                }
                Target::Url(url) => self.safe(url.clone(), &base)?,
            };
            // What a registry gives may lead elsewhere: what authenticates stays here, and what is configured for here.
            let here = hosts::authority(&url) == hosts::authority(&base);
            let mut headers = headers.clone();
            let tls = if here {
                for (name, value) in &address.endpoint.headers {
                    if let (Ok(name), Ok(value)) = (name.parse::<HeaderName>(), value.parse::<HeaderValue>())
                    {
                        headers.append(name, value);
                    }
                }
                address.endpoint.tls.clone()
            } else {
                headers.remove(AUTHORIZATION);
                Endpoint::of(self.http.config(), url.clone())?.tls
            };
            let body = match &call.body {
                Body::Empty => Body::Empty,
                Body::Bytes(bytes) => Body::Bytes(bytes.clone()),
                Body::Stream(length, open) => Body::Stream(*length, *open),
            };
            let request = Request { method: call.method.clone(), url, headers, body, stays_plain: false };
            match retry::send(self.http, &request, &tls, call.again && again, call.what) {
                Err(trouble)
                    if trouble.not_tls && address.endpoint.may_be_plain && base.scheme() == "https" =>
                {
                    let mut plain = base;
                    // Cannot fail: both schemes are of the web.
                    let _ = plain.set_scheme("http");
                    *locked(&address.base) = plain;
                }
                other => return other,
            }
        }
    }

    /// A URL that the registry gave. One behind a proxy may not know that it is reached by HTTPS; what goes elsewhere is not sent
    /// without it.
    fn safe(&self, mut url: Url, base: &Url) -> Result<Url> {
        if base.scheme() != "https" || url.scheme() == "https" {
            return Ok(url);
        }
        if url.host_str() == base.host_str() {
            // Cannot fail: both schemes are of the web.
            let _ = url.set_scheme("https");
            return Ok(url);
        }
        Err(Error::new(
            ErrorKind::Network,
            format!("{} sends on to {}, which is not encrypted", self.host, hosts::authority(&url)),
        ))
    }

    /// Says where it was, in a failure that does not yet. A cancel happened nowhere.
    fn told(&self, mut trouble: Trouble) -> Trouble {
        if trouble.error.kind() == ErrorKind::Cancelled {
            return trouble;
        }
        trouble.error = trouble.error.with("host", self.host.as_str());
        if !self.repository.is_empty() {
            trouble.error = trouble.error.with("repository", self.repository.as_str());
        }
        trouble
    }
}

fn stored(
    http: &Http<'_>,
    files: &CredentialFiles,
    host: &str,
    repository: &str,
) -> Result<Option<Credential>> {
    credentials::Store::new(files, http.runtime().task()).find(host, repository)
}
