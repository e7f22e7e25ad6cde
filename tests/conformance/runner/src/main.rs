//! `conformance`: runs the cases through drivers. See tests/conformance/README.md.

use std::path::PathBuf;
use std::process::ExitCode;

use clap::Parser;
use layerkit_conformance::{Options, run_suite};

/// Runs the conformance cases through the drivers of every language.
#[derive(Parser)]
#[command(version)]
struct Arguments {
    /// A driver: its language and the command line that starts it.
    #[arg(long = "driver", value_name = "NAME=COMMAND", required = true, value_parser = name_and_command)]
    drivers: Vec<(String, String)>,
    /// The folder of tests/conformance: `ops.json` and `cases/`.
    #[arg(long, default_value = concat!(env!("CARGO_MANIFEST_DIR"), "/.."))]
    suite: PathBuf,
    /// The folder of the cases; `cases` of the suite when none is given.
    #[arg(long)]
    cases: Option<PathBuf>,
    /// Only cases whose name contains this text.
    #[arg(long)]
    filter: Option<String>,
    /// Only the cases that must come out the same in every language.
    #[arg(long)]
    same_build: bool,
    /// Do not fail when a language has no driver.
    #[arg(long)]
    allow_missing: bool,
    /// A static busybox.
    #[arg(long, default_value = "/bin/busybox")]
    busybox: PathBuf,
    /// Name every case, with the time it took.
    #[arg(long, short)]
    verbose: bool,
}

fn name_and_command(text: &str) -> Result<(String, String), String> {
    match text.split_once('=') {
        Some((name, command)) if !command.trim().is_empty() => Ok((name.to_owned(), command.to_owned())),
        _ => Err("NAME=COMMAND is wanted".to_owned()),
    }
}

#[allow(clippy::print_stdout, clippy::print_stderr)] // this is a command
fn main() -> ExitCode {
    let arguments = Arguments::parse();
    let cases = arguments.cases.unwrap_or_else(|| arguments.suite.join("cases"));
    let options = Options {
        drivers: arguments.drivers,
        suite: arguments.suite,
        cases,
        filter: arguments.filter,
        same_build: arguments.same_build,
        allow_missing: arguments.allow_missing,
        busybox: arguments.busybox,
        verbose: arguments.verbose,
    };
    match run_suite(&options, &mut |line| println!("{line}")) {
        Ok(totals) => {
            println!("{totals}");
            if totals.failed == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE }
        }
        Err(error) => {
            eprintln!("conformance: {error}");
            ExitCode::from(2)
        }
    }
}
