//! Bars for layers on a terminal's standard error, nothing elsewhere.

use std::collections::HashMap;
use std::io::IsTerminal;
use std::sync::{Mutex, PoisonError};

use indicatif::{MultiProgress, ProgressBar, ProgressStyle};
use layerkit::{Event, LayerState, Task};
use rustix::termios::LocalModes;

use crate::cancel;
use crate::failure::Outcome;
use crate::render::listing::shown_id;
use crate::terminal::Silence;

/// A task that Ctrl-C and SIGTERM cancel.
pub fn task() -> Outcome<Task> {
    let task = Task::new()?;
    cancel::on_signals(task.token().clone())?;
    Ok(task)
}

/// The same, with a bar for each layer where somebody sees them.
pub fn task_with_bars() -> Outcome<Task> {
    let task = task()?;
    if !std::io::stderr().is_terminal() {
        return Ok(task);
    }
    let (bars, quiet) = (Bars::default(), quiet_keys());
    Ok(task.on_event(move |event| {
        // Lives as long as the bars.
        let _ = &quiet;
        bars.show(event);
        Ok(())
    }))
}

/// Keeps the terminal from writing `^C` behind the bars: it would wrap, and the bars be drawn a line too low.
pub fn quiet_keys() -> Option<Silence<'static>> {
    Silence::in_foreground(rustix::stdio::stderr(), LocalModes::ECHOCTL)
}

/// What draws a bar.
pub const BAR_CHARS: &str = "=> ";

/// A layer whose size is known, and one whose size is not.
pub const BAR: &str = "{prefix}: {msg} [{bar:50}] {decimal_bytes}/{decimal_total_bytes}";
pub const COUNTER: &str = "{prefix}: {msg} {decimal_bytes}";

/// One bar for each layer under way.
#[derive(Default)]
pub struct Bars {
    all: MultiProgress,
    by_layer: Mutex<HashMap<String, ProgressBar>>,
}

impl Bars {
    /// Draws what an event tells of a layer.
    pub fn show(&self, event: &Event) {
        let Event::Layer { operation, id, state, bytes, total } = event else { return };
        let mut by_layer = self.by_layer.lock().unwrap_or_else(PoisonError::into_inner);
        let bar = by_layer.entry(id.clone()).or_insert_with(|| {
            let bar = ProgressBar::no_length().with_style(style(COUNTER)).with_message(doing(operation));
            self.all.add(bar.with_prefix(shown_id(id, false)))
        });
        if *total > 0 && bar.length().is_none() {
            bar.set_length(*total);
            bar.set_style(style(BAR).progress_chars(BAR_CHARS));
        }
        bar.set_position(*bytes);
        if matches!(state, LayerState::Done | LayerState::Exists | LayerState::Mounted) {
            bar.finish_and_clear();
        }
    }
}

impl Drop for Bars {
    /// The lines that follow begin on a clean screen.
    fn drop(&mut self) {
        // Only fails when the terminal is gone.
        let _ = self.all.clear();
    }
}

fn doing(operation: &str) -> &'static str {
    match operation {
        "copy" => "Copying",
        "import" => "Importing",
        "load" => "Loading layer",
        "save" => "Saving layer",
        "unpack" => "Unpacking",
        "export" => "Exporting",
        _ => "Working",
    }
}

/// A style of bars; the plain one for a template that cannot be followed.
pub fn style(template: &str) -> ProgressStyle {
    ProgressStyle::with_template(template).unwrap_or_else(|_| ProgressStyle::default_bar())
}
