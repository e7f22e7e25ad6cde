//! How a command ends when it does not end well: what goes to standard error, and the exit code.

use std::error::Error as _;
use std::io;
use std::process::ExitCode;

use layerkit::{Error, ErrorKind, Field};

use crate::{cancel, output};

/// The exit code of a program that SIGPIPE ended.
const BROKEN_PIPE: u8 = 141;

/// Why a command failed.
#[derive(Debug)]
pub enum Failure {
    /// The library said so.
    Library(Error),
    /// The command line is wrong; Docker's text and exit code.
    Usage {
        /// All of what goes to standard error.
        text: String,
        /// 125 for a flag, 1 for the arguments.
        code: u8,
    },
    /// The command itself has a reason.
    Message(String),
    /// Standard output cannot be written.
    Output(io::Error),
    /// Everything has been said.
    Said,
    /// The command of a container ended with this exit code.
    Ended(u8),
    /// A container could not be created or started.
    Container(Error),
}

/// What a command's function returns.
pub type Outcome<T = ()> = Result<T, Failure>;

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        Failure::Library(error)
    }
}

impl From<io::Error> for Failure {
    fn from(error: io::Error) -> Self {
        Failure::Output(error)
    }
}

impl Failure {
    /// Writes what there is to say, and returns the exit code.
    pub fn report(self) -> ExitCode {
        match self {
            Failure::Library(error) if is_broken_pipe(&error) => return BROKEN_PIPE.into(),
            Failure::Output(error) if error.kind() == io::ErrorKind::BrokenPipe => {
                return BROKEN_PIPE.into();
            }
            Failure::Library(error) => {
                output::complain(format_args!("Error: {error}{}", place(&error)));
                return exit_code(&error).into();
            }
            Failure::Usage { text, code } => {
                output::complain(text);
                return code.into();
            }
            Failure::Message(message) => output::complain(format_args!("Error: {message}")),
            Failure::Output(error) => output::complain(format_args!("Error: standard output: {error}")),
            Failure::Said => {}
            Failure::Ended(code) => return code.into(),
            Failure::Container(error) => {
                output::complain(format_args!("Error: {error}"));
                return container_exit_code(&error).into();
            }
        }
        ExitCode::FAILURE
    }
}

/// Where in the Dockerfile a build failed; of its grammar, as editors take it.
fn place(error: &Error) -> String {
    let file = match error.field("file") {
        Some(Field::Text(file)) => Some(file.as_str()),
        _ => None,
    };
    match (error.kind(), file, error.field("line"), error.field("column")) {
        (ErrorKind::BuildFailed, file, Some(Field::Int(line)), _) => {
            format!(" ({} line {line})", file.unwrap_or("Dockerfile"))
        }
        (ErrorKind::DockerfileSyntax, Some(file), Some(Field::Int(line)), Some(Field::Int(column))) => {
            format!(" ({file}:{line}:{column})")
        }
        _ => String::new(),
    }
}

/// A build step's own exit code, as Docker has it; what a shell makes of the signal that cancelled; 1 otherwise.
fn exit_code(error: &Error) -> u8 {
    match (error.kind(), error.field("exit_code")) {
        (ErrorKind::BuildFailed, Some(Field::Int(code))) => {
            u8::try_from(*code).ok().filter(|code| *code != 0).unwrap_or(1)
        }
        (ErrorKind::Cancelled, _) => cancel::exit_code(),
        _ => 1,
    }
}

/// 127 and 126 for a command that is not there or cannot be executed, and 125 for all else, as Docker's `run` has it.
fn container_exit_code(error: &Error) -> u8 {
    match (error.kind(), error.field("exit_code")) {
        (ErrorKind::ContainerFailed, Some(Field::Int(code @ (126 | 127)))) => *code as u8,
        (ErrorKind::Cancelled, _) => cancel::exit_code(),
        _ => 125,
    }
}

fn is_broken_pipe(error: &Error) -> bool {
    error
        .source()
        .and_then(|source| source.downcast_ref::<io::Error>())
        .is_some_and(|source| source.kind() == io::ErrorKind::BrokenPipe)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_failed_build_ends_with_the_exit_code_of_its_step() {
        let error = |code: i64| Error::new(ErrorKind::BuildFailed, "x").with("exit_code", code);
        assert_eq!(exit_code(&error(3)), 3);
        assert_eq!(exit_code(&error(0)), 1);
        assert_eq!(exit_code(&error(-1)), 1);
        assert_eq!(exit_code(&Error::new(ErrorKind::NotFound, "x").with("exit_code", 3)), 1);
    }

    #[test]
    fn a_reader_that_went_away_is_told_from_other_errors() {
        let pipe = |kind: io::ErrorKind| Error::io("write", io::Error::from(kind));
        assert!(is_broken_pipe(&pipe(io::ErrorKind::BrokenPipe)));
        assert!(!is_broken_pipe(&pipe(io::ErrorKind::StorageFull)));
    }
}
