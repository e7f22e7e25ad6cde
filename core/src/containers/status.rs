//! A container's state in words, as Docker's lists have them.

use std::time::SystemTime;

use jiff::Timestamp;

use crate::container::{State, Status};

/// Docker's word for a status.
pub fn name(status: Status) -> &'static str {
    match status {
        Status::Created => "created",
        Status::Running => "running",
        Status::Paused => "paused",
        Status::Exited => "exited",
    }
}

/// The sentence of lists: `Up 2 minutes`, `Exited (0) 21 seconds ago`.
pub fn sentence(state: &State, now: Timestamp) -> String {
    let since = |time: Option<SystemTime>| {
        let then = time.and_then(|time| Timestamp::try_from(time).ok());
        then.map(|then| ago(now.as_second() - then.as_second()))
    };
    match state.status {
        Status::Created => "Created".into(),
        Status::Running => format!("Up {}", since(state.started).unwrap_or_default()),
        Status::Paused => format!("Up {} (Paused)", since(state.started).unwrap_or_default()),
        Status::Exited => {
            let code = state.code.map_or_else(|| "unknown".to_owned(), |code| code.to_string());
            match since(state.finished) {
                Some(since) => format!("Exited ({code}) {since} ago"),
                None => format!("Exited ({code})"),
            }
        }
    }
}

/// A span of time for people (go-units, `HumanDuration`).
fn ago(seconds: i64) -> String {
    let (minutes, hours) = (seconds / 60, (seconds + 1800) / 3600);
    match () {
        () if seconds < 1 => "Less than a second".into(),
        () if seconds == 1 => "1 second".into(),
        () if seconds < 60 => format!("{seconds} seconds"),
        () if minutes == 1 => "About a minute".into(),
        () if minutes < 60 => format!("{minutes} minutes"),
        () if hours == 1 => "About an hour".into(),
        () if hours < 48 => format!("{hours} hours"),
        () if hours < 24 * 7 * 2 => format!("{} days", hours / 24),
        () if hours < 24 * 30 * 2 => format!("{} weeks", hours / 24 / 7),
        () if hours < 24 * 365 * 2 => format!("{} months", hours / 24 / 30),
        () => format!("{} years", seconds / 3600 / 24 / 365),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spans_are_told_as_docker_tells_them() {
        for (seconds, text) in [
            (0, "Less than a second"),
            (1, "1 second"),
            (21, "21 seconds"),
            (60, "About a minute"),
            (119, "About a minute"),
            (120, "2 minutes"),
            (3599, "59 minutes"),
            (3600, "About an hour"),
            (7200, "2 hours"),
            (47 * 3600, "47 hours"),
            (48 * 3600, "2 days"),
            (14 * 86400, "2 weeks"),
            (60 * 86400, "2 months"),
            (800 * 86400, "2 years"),
        ] {
            assert_eq!(ago(seconds), text, "{seconds}");
        }
    }

    #[test]
    fn a_state_is_a_sentence_and_a_code_that_nobody_knows_is_said_to_be_unknown() {
        let at = |seconds: u64| Some(SystemTime::UNIX_EPOCH + std::time::Duration::from_secs(seconds));
        let now = Timestamp::from_second(1000).unwrap();
        let state = |status, code| State {
            status,
            pid: None,
            started: at(880),
            finished: at(979),
            code,
            oom: false,
            error: String::new(),
        };
        assert_eq!(sentence(&state(Status::Created, None), now), "Created");
        assert_eq!(sentence(&state(Status::Running, None), now), "Up 2 minutes");
        assert_eq!(sentence(&state(Status::Paused, None), now), "Up 2 minutes (Paused)");
        assert_eq!(sentence(&state(Status::Exited, Some(0)), now), "Exited (0) 21 seconds ago");
        assert_eq!(sentence(&state(Status::Exited, None), now), "Exited (unknown) 21 seconds ago");
    }
}
