//! Trying again: what may be tried again, how long to wait, and that somebody hears of it.

use std::time::Duration;

use super::failure::{Trouble, is_passing, refusal, retry_after};
use super::http::{Http, Request, Response};
use super::tls::TlsSettings;
use crate::error::Result;
use crate::event::Event;
use crate::fs;

/// The first wait; it doubles from time to time.
const FIRST: Duration = Duration::from_millis(200);
/// The longest wait of our own.
const LONGEST: Duration = Duration::from_secs(10);
/// The longest wait that a registry may ask for. One that wants longer is told as it is.
const LONGEST_ASKED: Duration = Duration::from_secs(60);

/// Bytes that have to come before the next failure counts as the first again. A connection that brings less each time would
/// keep an operation for ever.
const PROGRESS: u64 = 64 * 1024;

/// Counts the failures of a transfer that goes on where it broke off.
#[derive(Default)]
pub struct Failures {
    furthest: u64,
    count: u32,
}

impl Failures {
    /// The transfer had come this far before.
    pub fn from(start: u64) -> Self {
        Failures { furthest: start, count: 0 }
    }

    /// It broke off at this byte: the number of this failure, from 1, since it last got on. `None` to give up.
    pub fn another(&mut self, at: u64, http: &Http<'_>) -> Option<u32> {
        if at >= self.furthest + PROGRESS {
            *self = Failures::from(at);
        }
        self.count += 1;
        (self.count <= http.config().retries).then_some(self.count)
    }
}

/// How long to wait before try number `attempt` (from 1): twice as long each time, half of it by chance, so that many
/// clients do not come back at once.
pub fn backoff(attempt: u32) -> Duration {
    let full = FIRST.saturating_mul(1 << attempt.saturating_sub(1).min(16)).min(LONGEST);
    let mut chance = [128];
    // Without chance the wait is as good.
    let _ = fs::random(&mut chance);
    full / 2 + full * u32::from(chance[0]) / 512
}

/// How long to wait after this failure, which was number `attempt`; `None` when the other side wants to be left alone for longer
/// than anybody waits.
pub fn wait_for(trouble: &Trouble, attempt: u32) -> Option<Duration> {
    match trouble.wait {
        Some(asked) if asked > LONGEST_ASKED => None,
        asked => Some(backoff(attempt).max(asked.unwrap_or_default())),
    }
}

/// How long to wait after this failure; `None` to give up.
pub fn wait_after(trouble: &Trouble, attempt: u32, http: &Http<'_>) -> Option<Duration> {
    (trouble.passing && attempt <= http.config().retries).then(|| wait_for(trouble, attempt))?
}

/// Says that something is tried again, and waits.
pub fn pause(http: &Http<'_>, what: &str, trouble: &Trouble, wait: Duration) -> Result<()> {
    let runtime = http.runtime();
    runtime.task().emit(&Event::Retrying {
        what: what.to_owned(),
        reason: trouble.error.to_string(),
        wait_ms: u64::try_from(wait.as_millis()).unwrap_or(u64::MAX),
    })?;
    runtime.sleep(wait)
}

/// Does something again as long as its failures may pass: for what goes wrong behind a request that itself went well.
pub fn repeat<T>(http: &Http<'_>, what: &str, mut work: impl FnMut() -> Result<T, Trouble>) -> Result<T> {
    let mut attempt = 1;
    loop {
        let trouble = match work() {
            Ok(value) => return Ok(value),
            Err(trouble) => trouble,
        };
        match wait_after(&trouble, attempt, http) {
            None => return Err(trouble.error),
            Some(wait) => pause(http, what, &trouble, wait)?,
        }
        attempt += 1;
    }
}

/// Sends a request; one that may be sent again is, as long as its failures may pass. An answer with a status that
/// may pass is a failure here; other answers are returned as they are. A failure that is returned was tried often enough.
pub fn send<'a>(
    http: &Http<'a>,
    request: &Request<'_>,
    settings: &TlsSettings,
    again: bool,
    what: &str,
) -> Result<Response<'a>, Trouble> {
    let mut attempt = 1;
    loop {
        let trouble = match http.send(request, settings) {
            Ok(response) if is_passing(response.status()) => {
                let wait = retry_after(&response);
                let host = super::hosts::authority(&request.url);
                Trouble { wait, ..refusal(response, &host, "", what) }
            }
            Ok(response) => return Ok(response),
            // Where the other side does not speak TLS there is another way to try.
            Err(trouble) if trouble.not_tls => return Err(trouble),
            Err(trouble) => trouble,
        };
        match wait_after(&trouble, attempt, http).filter(|_| again) {
            None => return Err(Trouble { passing: trouble.passing && !again, ..trouble }),
            Some(wait) => pause(http, what, &trouble, wait)?,
        }
        attempt += 1;
    }
}
