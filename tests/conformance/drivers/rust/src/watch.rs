//! What a request asks to see, and when it wants to be cancelled: made into a [`Task`].

use std::time::Duration;

use layerkit::{CancelToken, Error, ErrorKind, Event, Result, Task};
use serde::Deserialize;
use serde_json::{Map, Value};

use crate::write_line;

/// The keys of a request that concern events and cancellation.
#[derive(Default, Deserialize)]
#[serde(default)]
pub struct Watch {
    events: bool,
    cancel_after: Option<Map<String, Value>>,
    cancelled: bool,
    cancel_after_ms: Option<u64>,
    fail_in_callback: bool,
}

impl Watch {
    /// The task that does what the request asks.
    pub fn task(self, id: u64) -> Result<Task> {
        let token = CancelToken::new()?;
        if self.cancelled {
            token.cancel();
        }
        if let Some(after) = self.cancel_after_ms {
            let token = token.clone();
            std::thread::spawn(move || {
                std::thread::sleep(Duration::from_millis(after));
                token.cancel();
            });
        }
        let task = Task::with_token(token.clone());
        if !self.events && self.cancel_after.is_none() && !self.fail_in_callback {
            return Ok(task);
        }
        Ok(task.on_event(move |event| self.see(id, event, &token)))
    }

    fn see(&self, id: u64, event: &Event, token: &CancelToken) -> Result<()> {
        let value = serde_json::to_value(event)
            .map_err(|error| Error::new(ErrorKind::Callback, format!("event as JSON: {error}")))?;
        let wanted = self.cancel_after.as_ref();
        if wanted.is_some_and(|wanted| wanted.iter().all(|(key, want)| value.get(key) == Some(want))) {
            token.cancel();
        }
        if self.events {
            write_line(id, "event", value);
        }
        if self.fail_in_callback {
            return Err(Error::new(ErrorKind::Callback, "the callback failed"));
        }
        Ok(())
    }
}
