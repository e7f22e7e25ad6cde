//! What a failed request is called: by its cause where the connection failed, by its status and the registry's own code
//! where there was an answer.

use std::error::Error as _;
use std::io;
use std::time::Duration;

use reqwest::StatusCode;
use reqwest::header::RETRY_AFTER;
use serde::Deserialize;

use super::http::Response;
use crate::error::{Error, ErrorKind};

/// Longest body of an error that is looked at, in bytes.
const BODY_LIMIT: u64 = 64 * 1024;
/// Longest text of a registry that is put into a message.
const TEXT_LIMIT: usize = 400;
const CUT_OFF: &str = "the connection was cut off";

/// A failure, and whether the same request may do better in a moment.
#[derive(Debug)]
pub struct Trouble {
    /// What is told.
    pub error: Error,
    /// Whether trying again may help.
    pub passing: bool,
    /// Whether the other side does not speak TLS, or not at this port.
    pub not_tls: bool,
    /// How long the other side wants to be left alone.
    pub wait: Option<Duration>,
}

impl Trouble {
    /// A failure that may pass.
    pub fn passing(error: Error) -> Self {
        Trouble { error, passing: true, not_tls: false, wait: None }
    }
}

impl From<Error> for Trouble {
    fn from(error: Error) -> Self {
        Trouble { error, passing: false, not_tls: false, wait: None }
    }
}

impl From<Trouble> for Error {
    fn from(trouble: Trouble) -> Self {
        trouble.error
    }
}

/// What a failed connection is called. Never shows the URL, which may hold what is secret.
pub fn trouble(error: reqwest::Error, host: &str) -> Trouble {
    let error = error.without_url();
    let mut passing = true;
    let mut not_tls = false;
    let mut kind = ErrorKind::Network;
    let mut reason = None;
    let mut last = error.to_string();
    let mut cause = error.source();
    while let Some(one) = cause {
        last = one.to_string();
        if let Some(tls) = tls_error(one) {
            let (text, plain) = describe_tls(tls);
            (reason, passing, not_tls) = (Some(text), false, plain);
            break;
        }
        // HTTP/2 keeps no more of it than the text.
        if let Some((_, alert)) = last.split_once("received fatal alert: ") {
            (reason, passing) = (Some(describe_alert(alert)), false);
            break;
        }
        if last.contains("dns error") || last.contains("failed to lookup address") {
            (reason, passing) = (Some("no such host: its name is not known".to_owned()), false);
        }
        if last.starts_with("tunnel error") {
            reason = Some(format!("the proxy did not connect us to it ({last})"));
        }
        if let Some(io) = one.downcast_ref::<io::Error>()
            && reason.is_none()
        {
            match io.kind() {
                io::ErrorKind::ConnectionRefused => {
                    (reason, passing) = (Some("connection refused: nothing listens there".to_owned()), false);
                    // Where it may be, plain HTTP has a port of its own.
                    not_tls = true;
                }
                io::ErrorKind::TimedOut => kind = ErrorKind::Timeout,
                io::ErrorKind::UnexpectedEof
                | io::ErrorKind::ConnectionReset
                | io::ErrorKind::ConnectionAborted
                | io::ErrorKind::BrokenPipe => reason = Some(CUT_OFF.to_owned()),
                _ => {}
            }
        }
        if let Some(hyper) = one.downcast_ref::<hyper::Error>()
            && hyper.is_incomplete_message()
        {
            reason = Some(CUT_OFF.to_owned());
        }
        cause = one.source();
    }
    // A server that speaks plain HTTP may just hang up on the first bytes of a handshake.
    not_tls |= error.is_connect() && kind == ErrorKind::Network && reason.as_deref() == Some(CUT_OFF);
    if error.is_timeout() {
        kind = ErrorKind::Timeout;
        passing = !error.is_connect();
        reason.get_or_insert_with(|| "no connection came about in time".to_owned());
    }
    let error = Error::new(kind, format!("{host}: {}", reason.unwrap_or(last))).with("host", host);
    Trouble { passing, not_tls, ..Trouble::passing(error) }
}

/// rustls's error inside an I/O error, however deep.
fn tls_error<'a>(error: &'a (dyn std::error::Error + 'static)) -> Option<&'a rustls::Error> {
    match error.downcast_ref::<io::Error>() {
        Some(io) => tls_error(io.get_ref()?),
        None => error.downcast_ref::<rustls::Error>(),
    }
}

fn describe_tls(error: &rustls::Error) -> (String, bool) {
    use rustls::CertificateError as Bad;
    let text = match error {
        rustls::Error::InvalidCertificate(bad) => match bad {
            Bad::Expired | Bad::ExpiredContext { .. } => "its certificate has expired".to_owned(),
            Bad::NotValidYet | Bad::NotValidYetContext { .. } => {
                "its certificate is not valid yet".to_owned()
            }
            Bad::NotValidForName | Bad::NotValidForNameContext { .. } => {
                "its certificate is for another name".to_owned()
            }
            Bad::UnknownIssuer => {
                "its certificate is signed by an authority that is not trusted here".to_owned()
            }
            Bad::Revoked => "its certificate was revoked".to_owned(),
            other => format!("its certificate is not good: {other}"),
        },
        rustls::Error::InvalidMessage(_) => return ("it does not speak TLS".to_owned(), true),
        rustls::Error::AlertReceived(alert) => describe_alert(&format!("{alert:?}")),
        other => format!("TLS: {other}"),
    };
    (text, false)
}

/// What the other side has against us, by the name of its alert (RFC 8446, "Alert Protocol").
fn describe_alert(alert: &str) -> String {
    match alert {
        "BadCertificate" | "CertificateRequired" | "CertificateUnknown" | "UnknownCA" => {
            format!("it wants another client certificate than ours, or any: {alert}")
        }
        _ => format!("it ended the TLS handshake: {alert}"),
    }
}

/// The error body of the distribution specification, "Error Codes", and of token services.
#[derive(Default, Deserialize)]
#[serde(default)]
struct ErrorBody {
    errors: Vec<OneError>,
    error: Option<serde_json::Value>,
    error_description: Option<String>,
    details: Option<String>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct OneError {
    code: String,
    message: String,
}

/// Statuses of answers that may be another in a moment.
pub fn is_passing(status: StatusCode) -> bool {
    matches!(status.as_u16(), 408 | 429 | 500 | 502 | 503 | 504)
}

/// How long an answer asks to wait (RFC 9110, "Retry-After").
pub fn retry_after(response: &Response<'_>) -> Option<Duration> {
    let text = response.header(RETRY_AFTER)?.trim();
    if let Ok(seconds) = text.parse::<u64>() {
        return Some(Duration::from_secs(seconds));
    }
    let at = jiff::fmt::rfc2822::DateTimeParser::new().parse_timestamp(text).ok()?;
    let wait = at.duration_since(jiff::Timestamp::now());
    Some(Duration::try_from(wait).unwrap_or_default())
}

/// What an answer is called that is not what was asked for. Reads its body.
pub fn refusal(response: Response<'_>, host: &str, repository: &str, what: &str) -> Trouble {
    let status = response.status();
    let wait = retry_after(&response);
    let body = response.bytes(BODY_LIMIT).unwrap_or_default();
    let parsed: ErrorBody = serde_json::from_slice(&body).unwrap_or_default();
    let first = parsed.errors.first();
    let code = first.map(|error| error.code.clone()).filter(|code| !code.is_empty());
    let said = first
        .map(|error| error.message.clone())
        .or(parsed.error_description)
        .or(parsed.details)
        .or_else(|| parsed.error.as_ref().and_then(|error| error.as_str()).map(str::to_owned))
        .filter(|text| !text.is_empty());
    let kind = kind_of(status, code.as_deref());
    let place = if repository.is_empty() { host.to_owned() } else { format!("{host}/{repository}") };
    let mut message = format!("{place}: {what}: {}", meaning(kind, status));
    if let Some(said) = said {
        let said: String = said.chars().filter(|c| !c.is_control()).take(TEXT_LIMIT).collect();
        message = format!("{message} ({said})");
    }
    if let Some(wait) = wait.filter(|_| kind == ErrorKind::RateLimited) {
        message = format!("{message}; it wants to be asked again in {} s", wait.as_secs());
    }
    let mut error = Error::new(kind, message).with("status", i64::from(status.as_u16())).with("host", host);
    if let Some(code) = code {
        error = error.with("registry_code", code);
    }
    if !repository.is_empty() {
        error = error.with("repository", repository);
    }
    Trouble { error, passing: is_passing(status), not_tls: false, wait }
}

/// What kind of failure a status is, with the code that a registry gave for it.
pub fn kind_of(status: StatusCode, code: Option<&str>) -> ErrorKind {
    match (status.as_u16(), code) {
        (429, _) | (_, Some("TOOMANYREQUESTS")) => ErrorKind::RateLimited,
        // Registries call it SIZE_INVALID, which is about other bytes when the status is another.
        (413, _) => ErrorKind::Unsupported,
        (401, Some("DENIED")) | (403, _) => ErrorKind::Denied,
        (401, _) => ErrorKind::Unauthorized,
        (_, Some("DIGEST_INVALID" | "SIZE_INVALID")) => ErrorKind::DigestMismatch,
        (_, Some("MANIFEST_INVALID" | "MANIFEST_BLOB_UNKNOWN")) => ErrorKind::InvalidImage,
        (_, Some("UNSUPPORTED")) | (405 | 415 | 501, _) => ErrorKind::Unsupported,
        (_, Some("NAME_INVALID" | "TAG_INVALID")) => ErrorKind::InvalidReference,
        (404 | 410, _) => ErrorKind::NotFound,
        (400..=499, _) => ErrorKind::InvalidArgument,
        _ => ErrorKind::Network,
    }
}

fn meaning(kind: ErrorKind, status: StatusCode) -> String {
    let number = status.as_u16();
    match kind {
        ErrorKind::RateLimited => "too many requests".into(),
        ErrorKind::Unauthorized => "authentication is required".into(),
        ErrorKind::Denied => "access is denied".into(),
        ErrorKind::NotFound => "not found".into(),
        ErrorKind::Unsupported => "the registry does not support that".into(),
        ErrorKind::DigestMismatch => "the registry got other bytes than the digest is of".into(),
        _ => format!("the registry answered {number} {}", status.canonical_reason().unwrap_or_default()),
    }
}
