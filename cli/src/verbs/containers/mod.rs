//! Containers: what their verbs look like, and which function of the library each is.

mod attached;
mod commit;
mod copy;
mod create;
mod detach_keys;
mod exec;
mod lifecycle;
mod list;
mod logs;
mod look;
mod run;

pub use attached::size_of_terminal;
pub use commit::COMMIT;
pub use copy::{COPY, EXPORT};
pub use create::CREATE;
pub use exec::EXEC;
pub use lifecycle::{ATTACH, KILL, PAUSE, PRUNE, REMOVE, RENAME, RESTART, START, STOP, UNPAUSE, WAIT};
pub use list::LIST;
pub use logs::LOGS;
pub use look::{INSPECT, TOP};
pub use run::RUN;

use layerkit::{Engine, Result};

use crate::failure::{Failure, Outcome};
use crate::output;

/// Does something with each container and prints what was given for those that it was done with; the others are complained of at the end.
fn each(names: &[String], mut work: impl FnMut(&str) -> Result<()>) -> Outcome {
    let mut errors = Vec::new();
    for name in names {
        match work(name) {
            Ok(()) => output::line(name)?,
            Err(error) => errors.push(error),
        }
    }
    for error in &errors {
        output::complain(format_args!("Error: {error}"));
    }
    if errors.is_empty() { Ok(()) } else { Err(Failure::Said) }
}

/// Whether a container has a terminal and an open input.
fn streams_of(engine: &Engine, container: &str) -> Outcome<(bool, bool)> {
    let config = engine.container_inspect(container)?;
    let is_on = |key: &str| config["Config"][key].as_bool().unwrap_or(false);
    Ok((is_on("Tty"), is_on("OpenStdin")))
}
