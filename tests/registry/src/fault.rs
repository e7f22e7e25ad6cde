//! Faults: what goes wrong, with which requests, and how often. Only the choice of the fault is here; `service` and
//! `body` carry it out.

use serde::{Deserialize, Serialize};

/// When a fault happens. Rules are tried in the order they were given. Every rule that matches a request counts it,
/// and the first one that is due makes its fault happen: one request has one fault at most.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct FaultRule {
    /// The method of the requests; any when absent.
    #[serde(default)]
    pub method: Option<String>,
    /// A part of their path with query, as the log has it; any when absent.
    #[serde(default)]
    pub path: Option<String>,
    /// How many matching requests pass first.
    #[serde(default)]
    pub skip: u32,
    /// How many of them fail then; for ever when absent.
    #[serde(default)]
    pub times: Option<u32>,
    /// What goes wrong.
    pub fault: Fault,
}

impl FaultRule {
    /// `fault` with every request, for ever.
    pub fn new(fault: Fault) -> Self {
        Self { method: None, path: None, skip: 0, times: None, fault }
    }

    /// Only with requests of this method.
    pub fn method(mut self, method: &str) -> Self {
        self.method = Some(method.into());
        self
    }

    /// Only with requests whose path with query contains this.
    pub fn path(mut self, part: &str) -> Self {
        self.path = Some(part.into());
        self
    }

    /// Let so many matching requests pass first.
    pub fn skip(mut self, requests: u32) -> Self {
        self.skip = requests;
        self
    }

    /// Then fail only so many.
    pub fn times(mut self, requests: u32) -> Self {
        self.times = Some(requests);
        self
    }

    fn matches(&self, method: &str, path: &str) -> bool {
        self.method.as_ref().is_none_or(|wanted| wanted.eq_ignore_ascii_case(method))
            && self.path.as_ref().is_none_or(|part| path.contains(part.as_str()))
    }
}

/// What goes wrong.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum Fault {
    /// The connection breaks after so many bytes of the answer's body, whose full `Content-Length` was announced. An
    /// answer without body is lost whole: the request was carried out, and the client does not learn it.
    Drop {
        /// Bytes of the body that arrive.
        #[serde(default)]
        after: u64,
    },
    /// The answer is shorter and looks whole: its `Content-Length` is the short one.
    Truncate {
        /// Bytes of the body that are left.
        after: u64,
    },
    /// One byte of the answer's body is another.
    Corrupt {
        /// Its position; the last byte when the body is not that long.
        at: u64,
    },
    /// The answer's body comes slowly.
    Slow {
        /// How slowly.
        bytes_per_second: u64,
    },
    /// The answer's body stops coming. The connection stays until the client goes or the registry stops.
    Stall {
        /// Bytes of the body that arrive.
        #[serde(default)]
        after: u64,
    },
    /// The request waits before it is looked at, besides the latency of the options.
    Delay {
        /// Milliseconds.
        ms: u64,
    },
    /// The request is not carried out, and answered so. 401, 403 and 429 have the usual error body, others have one only when
    /// `code` or `message` is given, as what stands before a registry does not speak its language.
    Status {
        /// The HTTP status.
        status: u16,
        /// The code of the error body.
        #[serde(default)]
        code: Option<String>,
        /// The message of the error body.
        #[serde(default)]
        message: Option<String>,
        /// Seconds for `Retry-After`.
        #[serde(default)]
        retry_after: Option<u64>,
    },
    /// 401 with the usual challenge, whatever login was sent: as if the token had just expired.
    Unauthorized,
    /// Another `Content-Type`.
    ContentType {
        /// Its value.
        value: String,
    },
    /// Another `Docker-Content-Digest`.
    DigestHeader {
        /// Its value.
        value: String,
    },
    /// 307 to somewhere else.
    Redirect {
        /// The `Location`.
        location: String,
    },
    /// The `Range` of the request is ignored.
    NoRange,
    /// The connection breaks when so many bytes of the request's body have come. An upload session keeps those.
    RefuseUploadAfter {
        /// Bytes that are taken.
        bytes: u64,
    },
    /// The answer lacks a header. Without `Content-Length`, its end is only known by the transfer encoding.
    RemoveHeader {
        /// The header's name.
        name: String,
    },
}

/// The rules of a registry with their counts.
#[derive(Default)]
pub(crate) struct Faults {
    rules: Vec<Counted>,
}

struct Counted {
    rule: FaultRule,
    seen: u32,
    fired: u32,
}

impl Faults {
    pub(crate) fn add(&mut self, rule: FaultRule) {
        self.rules.push(Counted { rule, seen: 0, fired: 0 });
    }

    pub(crate) fn clear(&mut self) {
        self.rules.clear();
    }

    /// Counts the request, and says what goes wrong with it.
    pub(crate) fn next(&mut self, method: &str, path: &str) -> Option<Fault> {
        let mut chosen = None;
        for counted in self.rules.iter_mut().filter(|counted| counted.rule.matches(method, path)) {
            let due = counted.seen >= counted.rule.skip
                && counted.rule.times.is_none_or(|times| counted.fired < times);
            counted.seen = counted.seen.saturating_add(1);
            if due && chosen.is_none() {
                counted.fired = counted.fired.saturating_add(1);
                chosen = Some(counted.rule.fault.clone());
            }
        }
        chosen
    }
}
