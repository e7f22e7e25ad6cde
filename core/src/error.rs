//! The one error type: a kind, a message, context that is added on the way up, and fields a program can act on.
//!
//! Knows nothing of the operations that fail. The string code of a kind is the same in every language.

use std::fmt;

/// What went wrong, in one of the codes that every language shares.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
#[allow(missing_docs)] // the codes speak for themselves; DESIGN.md, "Errors", has the table
pub enum ErrorKind {
    InvalidArgument,
    InvalidReference,
    NotFound,
    AlreadyExists,
    Conflict,
    Unauthorized,
    Denied,
    RateLimited,
    Network,
    Timeout,
    DigestMismatch,
    InvalidImage,
    Unsupported,
    DockerfileSyntax,
    BuildFailed,
    ContainerFailed,
    NoSpace,
    Permission,
    Io,
    Cancelled,
    Callback,
    Internal,
}

impl ErrorKind {
    /// Every kind with its code, in the order of DESIGN.md. Bindings build their tables from it.
    pub const ALL: &'static [(ErrorKind, &'static str)] = &[
        (ErrorKind::InvalidArgument, "invalid_argument"),
        (ErrorKind::InvalidReference, "invalid_reference"),
        (ErrorKind::NotFound, "not_found"),
        (ErrorKind::AlreadyExists, "already_exists"),
        (ErrorKind::Conflict, "conflict"),
        (ErrorKind::Unauthorized, "unauthorized"),
        (ErrorKind::Denied, "denied"),
        (ErrorKind::RateLimited, "rate_limited"),
        (ErrorKind::Network, "network"),
        (ErrorKind::Timeout, "timeout"),
        (ErrorKind::DigestMismatch, "digest_mismatch"),
        (ErrorKind::InvalidImage, "invalid_image"),
        (ErrorKind::Unsupported, "unsupported"),
        (ErrorKind::DockerfileSyntax, "dockerfile_syntax"),
        (ErrorKind::BuildFailed, "build_failed"),
        (ErrorKind::ContainerFailed, "container_failed"),
        (ErrorKind::NoSpace, "no_space"),
        (ErrorKind::Permission, "permission"),
        (ErrorKind::Io, "io"),
        (ErrorKind::Cancelled, "cancelled"),
        (ErrorKind::Callback, "callback"),
        (ErrorKind::Internal, "internal"),
    ];

    /// The code of this kind, such as `not_found`.
    pub fn code(self) -> &'static str {
        Self::ALL.iter().find(|(kind, _)| *kind == self).map_or("internal", |(_, code)| code)
    }

    /// The kind with this code.
    pub fn from_code(code: &str) -> Option<ErrorKind> {
        Self::ALL.iter().find(|(_, c)| *c == code).map(|(kind, _)| *kind)
    }
}

/// The value of an error's field.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize)]
#[serde(untagged)]
pub enum Field {
    /// A number: `status`, `line`, `column`, `exit_code`.
    Int(i64),
    /// A text: `registry_code`, `file`, `instruction`, `rule`, `command`, `output_tail`, `image`, `container`.
    Text(String),
}

impl From<i64> for Field {
    fn from(value: i64) -> Self {
        Field::Int(value)
    }
}

impl From<&str> for Field {
    fn from(value: &str) -> Self {
        Field::Text(value.to_owned())
    }
}

impl From<String> for Field {
    fn from(value: String) -> Self {
        Field::Text(value)
    }
}

/// An error: what kind, what happened, where, and what a program may want to know of it.
///
/// Displays as `context: context: message`, outermost context first.
#[derive(Debug)]
pub struct Error(Box<Inner>);

#[derive(Debug)]
struct Inner {
    kind: ErrorKind,
    message: String,
    context: Vec<String>,
    fields: Vec<(&'static str, Field)>,
    source: Option<Box<dyn std::error::Error + Send + Sync>>,
}

/// A result whose error is [`Error`].
pub type Result<T, E = Error> = std::result::Result<T, E>;

impl Error {
    /// A new error of this kind.
    pub fn new(kind: ErrorKind, message: impl Into<String>) -> Self {
        Error(Box::new(Inner {
            kind,
            message: message.into(),
            context: Vec::new(),
            fields: Vec::new(),
            source: None,
        }))
    }

    /// An error of the operating system, with the kind its number calls for (`not_found`, `permission`, `no_space`,
    /// `already_exists`, else `io`).
    pub fn io(what: impl Into<String>, source: impl Into<std::io::Error>) -> Self {
        let source = source.into();
        // An I/O error that carries one of ours (a stream of a callback, a cancelled read) is that error.
        let source = match source.downcast::<Error>() {
            Ok(ours) => return ours.context(what),
            Err(other) => other,
        };
        use std::io::ErrorKind as Io;
        let kind = match source.kind() {
            Io::NotFound => ErrorKind::NotFound,
            Io::PermissionDenied | Io::ReadOnlyFilesystem => ErrorKind::Permission,
            Io::StorageFull | Io::QuotaExceeded | Io::FileTooLarge => ErrorKind::NoSpace,
            Io::AlreadyExists => ErrorKind::AlreadyExists,
            _ => ErrorKind::Io,
        };
        let mut error = Error::new(kind, format!("{}: {source}", what.into()));
        error.0.source = Some(Box::new(source));
        error
    }

    /// Adds what was being done, in front of the message.
    #[must_use]
    pub fn context(mut self, context: impl Into<String>) -> Self {
        self.0.context.push(context.into());
        self
    }

    /// Sets a field; a field that is already there is kept, since it is nearer to the cause.
    #[must_use]
    pub fn with(mut self, name: &'static str, value: impl Into<Field>) -> Self {
        if self.field(name).is_none() {
            self.0.fields.push((name, value.into()));
        }
        self
    }

    /// The same error as another kind.
    #[must_use]
    pub fn as_kind(mut self, kind: ErrorKind) -> Self {
        self.0.kind = kind;
        self
    }

    /// What kind of error this is.
    pub fn kind(&self) -> ErrorKind {
        self.0.kind
    }

    /// The code of its kind, such as `not_found`.
    pub fn code(&self) -> &'static str {
        self.0.kind.code()
    }

    /// The fields, in the order they were set.
    pub fn fields(&self) -> &[(&'static str, Field)] {
        &self.0.fields
    }

    /// One field.
    pub fn field(&self, name: &str) -> Option<&Field> {
        self.0.fields.iter().find(|(n, _)| *n == name).map(|(_, value)| value)
    }

    /// Wraps it for an interface that can only carry I/O errors; [`Error::io`] unwraps it again.
    pub fn into_io(self) -> std::io::Error {
        std::io::Error::other(self)
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for context in self.0.context.iter().rev() {
            write!(f, "{context}: ")?;
        }
        f.write_str(&self.0.message)
    }
}

impl std::error::Error for Error {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        self.0.source.as_deref().map(|source| source as _)
    }
}

/// Context on the way up.
pub trait ResultExt<T> {
    /// Adds what was being done to the error, if there is one.
    fn context<S: Into<String>>(self, what: impl FnOnce() -> S) -> Result<T>;
}

impl<T> ResultExt<T> for Result<T> {
    fn context<S: Into<String>>(self, what: impl FnOnce() -> S) -> Result<T> {
        self.map_err(|error| error.context(what()))
    }
}

impl<T> ResultExt<T> for std::io::Result<T> {
    fn context<S: Into<String>>(self, what: impl FnOnce() -> S) -> Result<T> {
        self.map_err(|error| Error::io(what(), error))
    }
}

impl<T> ResultExt<T> for rustix::io::Result<T> {
    fn context<S: Into<String>>(self, what: impl FnOnce() -> S) -> Result<T> {
        self.map_err(|error| Error::io(what(), error))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_kind_has_a_code_of_its_own_and_comes_back_from_it() {
        for (kind, code) in ErrorKind::ALL {
            assert_eq!(kind.code(), *code);
            assert_eq!(ErrorKind::from_code(code), Some(*kind));
        }
        assert_eq!(ErrorKind::ALL.len(), 22);
    }

    #[test]
    fn an_error_survives_a_trip_through_io() {
        let error = Error::new(ErrorKind::Cancelled, "cancelled");
        let back = Error::io("read layer", error.into_io());
        assert_eq!(back.kind(), ErrorKind::Cancelled);
        assert_eq!(back.to_string(), "read layer: cancelled");
    }

    #[test]
    fn context_reads_from_the_outside_in() {
        let error = Error::new(ErrorKind::Io, "short read").context("layer 2").context("load x.tar");
        assert_eq!(error.to_string(), "load x.tar: layer 2: short read");
    }
}
