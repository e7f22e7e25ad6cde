//! Asking somebody at a terminal. A wait for an answer ends when the task is cancelled, so that Ctrl-C leaves the terminal as
//! it was.

use std::io;
use std::os::fd::AsFd;

use layerkit::Task;
use rustix::event::{PollFd, PollFlags, poll};
use rustix::io::Errno;
use rustix::termios::LocalModes;

use crate::failure::{Failure, Outcome};
use crate::output;
use crate::terminal::Silence;

/// The answer to a question on standard output.
pub fn ask(question: &str, task: &Task) -> Outcome<String> {
    output::text(question)?;
    read_line(&io::stdin(), task)
}

/// The same, of a terminal that does not show it.
pub fn ask_secret(question: &str, task: &Task) -> Outcome<String> {
    let input = io::stdin();
    let silence = Silence::over(input.as_fd(), LocalModes::ECHO).map_err(unreadable)?;
    output::text(question)?;
    let answer = read_line(&input, task);
    drop(silence);
    // Nor does it show the end of the line.
    output::text("\n")?;
    answer
}

/// A line without its end. Nothing behind it is read.
fn read_line(input: &impl AsFd, task: &Task) -> Outcome<String> {
    let mut line = Vec::new();
    let mut byte = [0];
    loop {
        let mut wait = [PollFd::new(input, PollFlags::IN), PollFd::new(task.token(), PollFlags::IN)];
        match poll(&mut wait, None) {
            Ok(_) => task.check()?,
            Err(Errno::INTR) => continue,
            Err(error) => return Err(unreadable(error)),
        }
        match rustix::io::read(input, &mut byte) {
            Ok(0) => break,
            Ok(_) if byte == *b"\n" => break,
            Ok(_) => line.extend(byte),
            Err(Errno::INTR) => {}
            Err(error) => return Err(unreadable(error)),
        }
    }
    if line.ends_with(b"\r") {
        line.pop();
    }
    String::from_utf8(line).map_err(|_| Failure::Message("standard input is not UTF-8".to_owned()))
}

fn unreadable(error: Errno) -> Failure {
    Failure::Message(format!("standard input: {}", io::Error::from(error)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use layerkit::ErrorKind;

    #[test]
    fn a_line_is_read_without_its_end_and_nothing_behind_it() {
        let (reader, writer) = rustix::pipe::pipe().unwrap();
        rustix::io::write(&writer, b" me \r\nsecret\nrest").unwrap();
        drop(writer);
        let task = Task::new().unwrap();
        for line in [" me ", "secret", "rest", ""] {
            assert_eq!(read_line(&reader, &task).unwrap(), line);
        }
    }

    #[test]
    fn a_wait_for_an_answer_ends_when_it_is_cancelled() {
        let (reader, _writer) = rustix::pipe::pipe().unwrap();
        let task = Task::new().unwrap();
        task.token().cancel();
        match read_line(&reader, &task) {
            Err(Failure::Library(error)) => assert_eq!(error.kind(), ErrorKind::Cancelled),
            other => panic!("{other:?}"),
        }
    }
}
