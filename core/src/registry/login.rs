//! Login, logout and ping: is a registry there, does it know us, and where that is remembered.

use reqwest::header::HeaderName;
use reqwest::{Method, StatusCode};

use super::client::{Call, Client};
use super::credentials::{self, Credential, key_of};
use super::http::Http;
use super::options::{Auth, LoginOptions, LoginReport, LogoutReport, PingReport, RegistryOptions};
use crate::config;
use crate::error::{Error, ErrorKind, Result};
use crate::reference::{DEFAULT_HOST, is_host};

const VERSION: HeaderName = HeaderName::from_static("docker-distribution-api-version");

/// The host that a server's name or URL means; empty is Docker Hub.
fn host_of(server: &str) -> Result<String> {
    let rest = server.strip_prefix("https://").or_else(|| server.strip_prefix("http://")).unwrap_or(server);
    let host = rest.split('/').next().unwrap_or_default();
    match host {
        "" if server.is_empty() => Ok(DEFAULT_HOST.to_owned()),
        "index.docker.io" | "registry-1.docker.io" => Ok(DEFAULT_HOST.to_owned()),
        host if is_host(host) => Ok(host.to_owned()),
        _ => Err(Error::new(ErrorKind::InvalidReference, format!("{server:?} is not a registry"))),
    }
}

/// Checks credentials with the registry, and stores them if they are good.
pub fn login(http: &Http<'_>, server: &str, options: &LoginOptions) -> Result<LoginReport> {
    let host = host_of(server)?;
    let files = config::credential_files(http.config().docker_config.as_deref());
    let store = credentials::Store::new(&files, http.runtime().task());
    let auth = Auth {
        username: options.username.clone(),
        password: options.password.clone(),
        identity_token: options.identity_token.clone(),
        registry_token: None,
    };
    let credential = match Credential::given(&auth)? {
        Some(given) => given,
        None => store.find(&host, "")?.ok_or_else(|| {
            Error::new(ErrorKind::NotFound, format!("no credentials are stored for {}", key_of(&host)))
        })?,
    };
    let client = Client::own(http, &host, Some(credential.clone()), true)?;
    client.send(&version_call(&[]), &[]).map_err(|trouble| refused(trouble.error))?;
    let refresh = client.own_auth().and_then(super::auth::Authenticator::refresh_token);
    let username = credential.username().to_owned();
    let kept = match (refresh, credential) {
        (Some(token), _) => Credential::Identity(username.clone(), token),
        (None, credential) => credential,
    };
    let (stored, plain) = store.store(&host, &kept)?;
    Ok(LoginReport { server: key_of(&host).to_owned(), username, stored, plain })
}

/// A registry that turns credentials away says so in many ways.
fn refused(error: Error) -> Error {
    match error.kind() {
        ErrorKind::Unauthorized | ErrorKind::Denied => {
            error.as_kind(ErrorKind::Unauthorized).context("login")
        }
        _ => error,
    }
}

/// Forgets what is stored for a registry.
pub fn logout(http: &Http<'_>, server: &str) -> Result<LogoutReport> {
    let host = host_of(server)?;
    let files = config::credential_files(http.config().docker_config.as_deref());
    let removed = credentials::Store::new(&files, http.runtime().task()).erase(&host)?;
    Ok(LogoutReport { server: key_of(&host).to_owned(), removed })
}

/// The request that every registry of the protocol's second version answers.
fn version_call<'a>(scopes: &'a [String]) -> Call<'a> {
    Call::new(Method::GET, "", scopes, "version of the protocol")
}

/// Asks a registry whether it is there. Without credentials it need not let us in.
pub fn ping(http: &Http<'_>, server: &str, options: &RegistryOptions) -> Result<PingReport> {
    let host = host_of(server)?;
    let client = Client::known(http, &host, options.auth.as_ref())?;
    let anonymous = !client.has_credential();
    let version = match client.send(&version_call(&[]), &[]) {
        Ok(response) => response.header(VERSION).unwrap_or_default().to_owned(),
        Err(trouble) if anonymous && trouble.error.kind() == ErrorKind::Unauthorized => String::new(),
        Err(trouble)
            if trouble.error.field("status").is_some() && trouble.error.kind() == ErrorKind::NotFound =>
        {
            return Err(trouble
                .error
                .as_kind(ErrorKind::Unsupported)
                .context("it does not speak version 2 of the distribution protocol"));
        }
        Err(trouble) => return Err(trouble.error),
    };
    let mut url = client.own_url().map(|url| url.to_string()).unwrap_or_default();
    url.truncate(url.trim_end_matches("/v2/").len());
    let auth = client.own_auth().map_or("none", super::auth::Authenticator::scheme).to_owned();
    Ok(PingReport { url, version, auth })
}

/// Deletes a tag, or a manifest with its tags.
pub fn delete(http: &Http<'_>, name: &str, options: &RegistryOptions) -> Result<()> {
    let reference: crate::reference::Reference = name.parse()?;
    let target = match (reference.tag(), reference.digest()) {
        (_, Some(digest)) => digest.to_string(),
        (Some(tag), None) => tag.to_owned(),
        // What goes is to be said: nobody means `latest` by nothing here.
        (None, None) => {
            return Err(Error::new(
                ErrorKind::InvalidReference,
                format!("{name}: what is deleted is a tag or a digest, and it has neither"),
            ));
        }
    };
    let client = Client::new(http, &reference, options.auth.as_ref())?;
    let path = format!("{}/manifests/{target}", client.repository());
    let scopes = super::manifests::scope(client.repository(), "delete");
    let what = format!("manifest {target}");
    let call = Call::new(Method::DELETE, &path, &scopes, &what);
    // Not made again: whether it was the first that deleted could not be told.
    match client.send(&Call { again: false, ..call }, &[StatusCode::ACCEPTED]) {
        Ok(_) => Ok(()),
        Err(trouble) => Err(match trouble.error.kind() {
            // Registries of before the specification's version 1.1 want a digest here.
            ErrorKind::DigestMismatch | ErrorKind::InvalidArgument | ErrorKind::Unsupported
                if reference.digest().is_none() =>
            {
                let why = format!(
                    "{} does not delete tags; by its digest the manifest can go, with all its tags",
                    client.host()
                );
                trouble
                    .error
                    .fields()
                    .iter()
                    .fold(Error::new(ErrorKind::Unsupported, why), |error, (name, value)| {
                        error.with(name, value.clone())
                    })
            }
            _ => trouble.error,
        }),
    }
}
