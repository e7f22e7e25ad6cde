//! The `layerkit` command: Docker's verbs and flags over the layerkit library. It parses and renders; whatever there is to
//! decide, the library decides.

mod cancel;
mod failure;
mod flags;
mod output;
mod progress;
mod prompt;
mod render;
mod stdin;
mod terminal;
mod told;
mod verbs;

use std::process::ExitCode;

fn main() -> ExitCode {
    let words = std::env::args_os().skip(1).collect();
    match verbs::run(words) {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => failure.report(),
    }
}
