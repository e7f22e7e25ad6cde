//! How a pull or a push is told: on standard output, a line for each change of a layer as Docker writes them; on a terminal,
//! one line for each layer, which changes. What the words are, the verbs know.

use std::collections::HashMap;
use std::io::{self, IsTerminal};
use std::sync::{Mutex, PoisonError};

use indicatif::{MultiProgress, ProgressBar};
use layerkit::{Error, Event, Task};

use crate::failure::Outcome;
use crate::output;
use crate::progress::{BAR, BAR_CHARS, COUNTER, quiet_keys, style, task};
use crate::render::listing::shown_id;

/// What an event makes known.
#[derive(Debug, PartialEq, Eq)]
pub enum Said {
    /// A line by itself.
    Line(String),
    /// A layer's new state.
    State {
        /// Digest of the layer.
        id: String,
        /// The words for it.
        words: String,
        /// Nothing follows it.
        last: bool,
    },
    /// How far a layer has come: for bars alone.
    Progress {
        /// Digest of the layer.
        id: String,
        /// What is being done.
        words: &'static str,
        /// Bytes done so far.
        bytes: u64,
        /// Bytes in all, or 0.
        total: u64,
    },
}

impl Said {
    /// A new state of a layer that others follow.
    pub fn state(id: &str, words: impl Into<String>) -> Self {
        Said::State { id: id.to_owned(), words: words.into(), last: false }
    }

    /// The state in which a layer stays.
    pub fn last(id: &str, words: impl Into<String>) -> Self {
        Said::State { id: id.to_owned(), words: words.into(), last: true }
    }

    /// What a request that is made again is to Docker. One for a layer is a state of that layer.
    pub fn retrying(what: &str, wait_ms: u64) -> Self {
        let seconds = wait_ms.div_ceil(1000);
        let plural = if seconds == 1 { "" } else { "s" };
        let words = format!("Retrying in {seconds} second{plural}");
        if what.starts_with("sha256:") {
            return Said::state(what, words);
        }
        Said::Line(format!("{what}: {words}"))
    }

    /// The line it is where there is no terminal.
    pub fn plain(&self) -> Option<String> {
        match self {
            Said::Line(line) => Some(line.clone()),
            Said::State { id, words, .. } => Some(format!("{}: {words}", shown_id(id, false))),
            Said::Progress { .. } => None,
        }
    }
}

/// A task whose events are told in the words of `teller`.
pub fn task_told(teller: impl FnMut(&Event) -> Vec<Said> + Send + 'static) -> Outcome<Task> {
    let bars = output::is_terminal() && io::stderr().is_terminal();
    let told = Mutex::new((teller, bars.then(LayerBars::default), bars.then(quiet_keys)));
    Ok(task()?.on_event(move |event| {
        let (teller, bars, _) = &mut *told.lock().unwrap_or_else(PoisonError::into_inner);
        for said in teller(event) {
            let shown = match bars {
                Some(bars) => bars.show(&said),
                None => said.plain().map_or(Ok(()), output::line),
            };
            shown.map_err(|error| Error::io("standard output", error))?;
        }
        Ok(())
    }))
}

/// A line on the terminal for each layer of the image under way. Those that are done stay on the screen.
#[derive(Default)]
struct LayerBars {
    all: MultiProgress,
    by_layer: HashMap<String, ProgressBar>,
}

impl LayerBars {
    fn show(&mut self, said: &Said) -> io::Result<()> {
        match said {
            Said::Line(line) => {
                // Whatever is finished stands above the line, and a later layer below it.
                if self.by_layer.values().all(ProgressBar::is_finished) {
                    *self = LayerBars::default();
                }
                return self.all.suspend(|| output::line(line));
            }
            Said::State { id, words, last } => {
                let bar = self.bar(id);
                bar.set_style(style("{prefix}: {msg}"));
                match last {
                    true => bar.finish_with_message(words.clone()),
                    false => bar.set_message(words.clone()),
                }
            }
            Said::Progress { id, words, bytes, total } => {
                let bar = self.bar(id);
                if *total > 0 {
                    bar.set_length(*total);
                    bar.set_style(style(BAR).progress_chars(BAR_CHARS));
                } else {
                    bar.set_style(style(COUNTER));
                }
                bar.set_message(*words);
                bar.set_position(*bytes);
            }
        }
        Ok(())
    }

    fn bar(&mut self, id: &str) -> ProgressBar {
        if let Some(bar) = self.by_layer.get(id) {
            return bar.clone();
        }
        let bar = ProgressBar::no_length().with_style(style("{prefix}: {msg}"));
        let bar = self.all.add(bar.with_prefix(shown_id(id, false)));
        self.by_layer.insert(id.to_owned(), bar.clone());
        bar
    }
}

impl Drop for LayerBars {
    /// What a failure broke off stays on the screen as it was, and what is said of it stands below.
    fn drop(&mut self) {
        for bar in self.by_layer.values().filter(|bar| !bar.is_finished()) {
            bar.abandon();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_retry_is_told_in_seconds_and_of_a_layer_where_it_is_one() {
        for (what, wait, line) in [
            ("sha256:aed15891ba52aaaa", 5000, "aed15891ba52: Retrying in 5 seconds"),
            ("sha256:aed15891ba52aaaa", 1000, "aed15891ba52: Retrying in 1 second"),
            ("ubuntu:16.04", 1001, "ubuntu:16.04: Retrying in 2 seconds"),
        ] {
            assert_eq!(Said::retrying(what, wait).plain().as_deref(), Some(line));
        }
    }

    #[test]
    fn progress_is_no_line() {
        let progress = Said::Progress { id: "sha256:1".into(), words: "Downloading", bytes: 1, total: 2 };
        assert_eq!(progress.plain(), None);
        assert_eq!(Said::last("sha256:1", "Pull complete").plain().as_deref(), Some("1: Pull complete"));
    }
}
