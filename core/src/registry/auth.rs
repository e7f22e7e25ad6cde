//! Who we are to one address of a registry: its challenge, our credentials, the tokens we got for them.

use std::collections::BTreeMap;
use std::sync::Mutex;
use std::time::{Duration, Instant};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use reqwest::header::{AUTHORIZATION, CONTENT_TYPE, HeaderMap, HeaderValue};
use reqwest::{Method, StatusCode, Url};
use serde::Deserialize;

use super::challenge::Challenge;
use super::credentials::Credential;
use super::failure::{Trouble, refusal};
use super::hosts;
use super::http::{Body, Http, Request};
use super::retry;
use super::runtime::locked;
use crate::error::{Error, ErrorKind, Result};

/// What we call ourselves to a token service.
const CLIENT: &str = "layerkit";
/// The lifetime of a token that does not say (distribution, "Token Authentication Specification").
const DEFAULT_LIFETIME: u64 = 60;
/// A token is renewed so long before it ends, or a fifth of its life if that is shorter.
const MARGIN: Duration = Duration::from_secs(10);
/// Longest answer of a token service, in bytes.
const ANSWER_LIMIT: u64 = 1 << 20;

struct Token {
    value: String,
    renew: Instant,
}

#[derive(Default)]
struct State {
    challenge: Option<Challenge>,
    tokens: BTreeMap<Vec<String>, Token>,
    /// What the token service gave for the next time.
    refresh: Option<String>,
}

/// The authentication of one address.
pub struct Authenticator {
    credential: Option<Credential>,
    /// Whether a refresh token is asked for beside the first token.
    offline: bool,
    state: Mutex<State>,
}

#[derive(Deserialize)]
struct TokenAnswer {
    #[serde(default)]
    token: Option<String>,
    #[serde(default)]
    access_token: Option<String>,
    /// Seconds; some services write them as text.
    #[serde(default)]
    expires_in: serde_json::Value,
    #[serde(default)]
    refresh_token: Option<String>,
}

fn bearer(value: &str) -> Result<HeaderValue> {
    header(&format!("Bearer {value}"))
}

fn header(text: &str) -> Result<HeaderValue> {
    let mut value = HeaderValue::from_str(text)
        .map_err(|_| Error::new(ErrorKind::Unauthorized, "a token has characters that no header may have"))?;
    value.set_sensitive(true);
    Ok(value)
}

fn basic(username: &str, password: &str) -> Result<HeaderValue> {
    header(&format!("Basic {}", STANDARD.encode(format!("{username}:{password}"))))
}

impl Authenticator {
    /// Nothing is known of the address yet.
    pub fn new(credential: Option<Credential>, offline: bool) -> Self {
        Authenticator { credential, offline, state: Mutex::default() }
    }

    /// Whether there are credentials.
    pub fn has_credential(&self) -> bool {
        self.credential.is_some()
    }

    /// Whether there are credentials that a token service gives tokens for.
    pub fn gets_tokens(&self) -> bool {
        matches!(self.credential, Some(Credential::Password(..) | Credential::Identity(..)))
    }

    /// The refresh token that the token service gave, for a login to keep.
    pub fn refresh_token(&self) -> Option<String> {
        locked(&self.state).refresh.clone()
    }

    /// `none`, `basic` or `bearer`: what the address asked for.
    pub fn scheme(&self) -> &'static str {
        match locked(&self.state).challenge {
            None => "none",
            Some(Challenge::Basic) => "basic",
            Some(Challenge::Bearer { .. }) => "bearer",
        }
    }

    /// Takes note of a challenge. Says whether trying again can help: not when what it asks for was already sent.
    pub fn challenged(&self, challenge: Option<Challenge>, scopes: &[String], sent: bool) -> bool {
        let mut state = locked(&self.state);
        // A token that was good a moment ago may have been revoked, or have ended by another clock.
        let had_token = state.tokens.remove(scopes).is_some();
        let Some(challenge) = challenge else { return false };
        let can = match &challenge {
            Challenge::Basic => matches!(self.credential, Some(Credential::Password(..))) && !sent,
            Challenge::Bearer { error, .. } => !sent || (had_token && error != "insufficient_scope"),
        };
        state.challenge = Some(challenge);
        can
    }

    /// The header that goes with a request that needs these scopes; none as long as nobody asked for one.
    pub fn header(
        &self,
        http: &Http<'_>,
        scopes: &[String],
        what: &str,
    ) -> Result<Option<HeaderValue>, Trouble> {
        if let Some(Credential::Token(token)) = &self.credential {
            return Ok(Some(bearer(token)?));
        }
        // Held while a token is fetched, so that several layers ask for one token once.
        let mut state = locked(&self.state);
        let challenge = match &state.challenge {
            None => return Ok(None),
            Some(Challenge::Basic) => {
                return match &self.credential {
                    Some(Credential::Password(username, password)) => Ok(Some(basic(username, password)?)),
                    _ => Ok(None),
                };
            }
            Some(challenge) => challenge.clone(),
        };
        if let Some(token) = state.tokens.get(scopes).filter(|token| Instant::now() < token.renew) {
            return Ok(Some(bearer(&token.value)?));
        }
        let Challenge::Bearer { realm, service, scopes: asked, .. } = challenge else { return Ok(None) };
        // What the request needs, and what the challenge asks for.
        let mut all = [scopes, &asked].concat();
        all.sort();
        all.dedup();
        let answer = self.fetch(http, &realm, &service, &all, state.refresh.as_deref(), what)?;
        let value =
            answer.token.or(answer.access_token).filter(|token| !token.is_empty()).ok_or_else(|| {
                Error::new(
                    ErrorKind::Unauthorized,
                    format!("{what}: the token service answered without a token"),
                )
            })?;
        let lifetime = answer.expires_in.as_f64().or_else(|| answer.expires_in.as_str()?.parse().ok());
        let lifetime = lifetime.filter(|seconds| *seconds > 0.0).unwrap_or(DEFAULT_LIFETIME as f64);
        let lifetime = Duration::try_from_secs_f64(lifetime).unwrap_or(Duration::from_secs(DEFAULT_LIFETIME));
        let renew = Instant::now() + lifetime - MARGIN.min(lifetime / 5);
        let header = bearer(&value)?;
        state.tokens.insert(scopes.to_vec(), Token { value, renew });
        if answer.refresh_token.is_some() {
            state.refresh = answer.refresh_token;
        }
        Ok(Some(header))
    }

    fn fetch(
        &self,
        http: &Http<'_>,
        realm: &str,
        service: &str,
        scopes: &[String],
        refresh: Option<&str>,
        what: &str,
    ) -> Result<TokenAnswer, Trouble> {
        let mut url = Url::parse(realm).map_err(|error| {
            Error::new(
                ErrorKind::Network,
                format!("{what}: the registry names no token service: {realm:?}: {error}"),
            )
        })?;
        let host = hosts::authority(&url);
        if url.scheme() != "https" && !hosts::may_be_plain(http.config(), &host) {
            return Err(Error::new(
                ErrorKind::Network,
                format!("{what}: the registry's token service {host} is not encrypted"),
            )
            .into());
        }
        let endpoint = hosts::Endpoint::of(http.config(), url.clone())?;
        let identity = match &self.credential {
            Some(Credential::Identity(_, token)) => Some(token.as_str()),
            _ => refresh,
        };
        let mut headers = HeaderMap::new();
        let request = match identity {
            Some(token) => {
                let form = form(&[
                    ("grant_type", "refresh_token"),
                    ("service", service),
                    ("client_id", CLIENT),
                    ("scope", &scopes.join(" ")),
                    ("refresh_token", token),
                ]);
                headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/x-www-form-urlencoded"));
                Request {
                    method: Method::POST,
                    url,
                    headers,
                    body: Body::Bytes(Bytes::from(form)),
                    stays_plain: false,
                }
            }
            None => {
                {
                    let mut query = url.query_pairs_mut();
                    if !service.is_empty() {
                        query.append_pair("service", service);
                    }
                    for scope in scopes {
                        query.append_pair("scope", scope);
                    }
                    query.append_pair("client_id", CLIENT);
                    if let Some(Credential::Password(username, _)) = &self.credential {
                        query.append_pair("account", username);
                    }
                    if self.offline {
                        query.append_pair("offline_token", "true");
                    }
                }
                if let Some(Credential::Password(username, password)) = &self.credential {
                    headers.insert(AUTHORIZATION, basic(username, password)?);
                }
                Request { method: Method::GET, url, headers, body: Body::Empty, stays_plain: false }
            }
        };
        let response = retry::send(http, &request, &endpoint.tls, true, &host)?;
        if !response.status().is_success() {
            let denied = response.status() == StatusCode::UNAUTHORIZED && self.has_credential();
            let mut trouble = refusal(response, &host, "", what);
            if denied {
                trouble.error = Error::new(
                    ErrorKind::Unauthorized,
                    format!("{host}: {what}: incorrect username or password"),
                )
                .with("status", 401)
                .with("host", host);
            } else if trouble.error.kind() == ErrorKind::NotFound {
                // What is not there is the token service, and not what a token was wanted for.
                trouble.error = trouble.error.as_kind(ErrorKind::Unauthorized).context("ask for a token");
            }
            return Err(trouble);
        }
        let bytes = response.bytes(ANSWER_LIMIT)?;
        // The parser's own words could quote a token.
        serde_json::from_slice(&bytes).map_err(|_| {
            Error::new(
                ErrorKind::Unauthorized,
                format!("{host}: {what}: the token service's answer is not JSON"),
            )
            .into()
        })
    }
}

/// `application/x-www-form-urlencoded`.
fn form(fields: &[(&str, &str)]) -> String {
    let Ok(mut url) = Url::parse("http://form.invalid/") else { return String::new() };
    url.query_pairs_mut().extend_pairs(fields.iter().filter(|(_, value)| !value.is_empty()));
    url.query().unwrap_or_default().to_owned()
}
