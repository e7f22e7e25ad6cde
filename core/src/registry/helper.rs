//! Credential helpers: programs named `docker-credential-NAME` that keep secrets (docker-credential-helpers, "README").
//!
//! A helper gets its request on standard input and answers on standard output. It has limited time, and is ended with the task.

use std::io::{Read, Write};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::io::Errno;
use serde::Deserialize;
use serde_json::json;

use crate::error::{Error, ErrorKind, Result, ResultExt};
use crate::task::Task;

/// How long a helper may take: it may have to ask its user.
const PATIENCE: Duration = Duration::from_secs(60);
/// How often a helper that runs is looked after.
const SLICE: Duration = Duration::from_millis(100);
/// Longest answer of a helper, in bytes.
const ANSWER_LIMIT: usize = 1 << 20;
/// Bytes that a new pipe takes without a reader.
const PIPE: usize = 64 * 1024;
/// What helpers say when they do not know a registry.
const UNKNOWN: &str = "credentials not found in native keychain";

/// What a helper keeps for a registry.
#[derive(Deserialize)]
pub struct Kept {
    /// The user, or `<token>`.
    #[serde(rename = "Username", default)]
    pub username: String,
    /// Password or token.
    #[serde(rename = "Secret", default)]
    pub secret: String,
}

/// The program of a helper.
pub fn program(helper: &str) -> String {
    format!("docker-credential-{helper}")
}

/// What is kept for a registry; `None` when the helper has nothing.
pub fn get(helper: &str, server: &str, task: &Task) -> Result<Option<Kept>> {
    match call(helper, "get", server.as_bytes().to_vec(), task) {
        Ok(answer) => {
            let kept: Kept = serde_json::from_slice(&answer)
                .map_err(|_| failed(helper, "get", "its answer is not what a helper answers"))?;
            Ok((!kept.username.is_empty()).then_some(kept))
        }
        Err(error) if error.to_string().contains(UNKNOWN) => Ok(None),
        Err(error) => Err(error),
    }
}

/// Keeps credentials.
pub fn store(helper: &str, server: &str, username: &str, secret: &str, task: &Task) -> Result<()> {
    let request = json!({ "ServerURL": server, "Username": username, "Secret": secret });
    call(helper, "store", request.to_string().into_bytes(), task).map(drop)
}

/// Forgets credentials.
pub fn erase(helper: &str, server: &str, task: &Task) -> Result<()> {
    call(helper, "erase", server.as_bytes().to_vec(), task).map(drop)
}

fn failed(helper: &str, verb: &str, why: &str) -> Error {
    Error::new(ErrorKind::Unauthorized, format!("credential helper {} {verb}: {why}", program(helper)))
}

fn call(helper: &str, verb: &str, request: Vec<u8>, task: &Task) -> Result<Vec<u8>> {
    if helper.contains('/') {
        return Err(failed(helper, verb, "its name is no program's name"));
    }
    let mut child = Command::new(program(helper))
        .arg(verb)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .map_err(|error| failed(helper, verb, &error.to_string()))?;
    let answer = converse(&mut child, helper, verb, &request, task);
    if answer.is_err() {
        // Only fails for one that has ended.
        let _ = child.kill();
    }
    let status = child.wait();
    let answer = answer?;
    match status {
        Ok(status) if !status.success() => {
            // By convention the reason is on standard output. A helper that fails has no secret to tell.
            let reason: String = String::from_utf8_lossy(&answer).trim().chars().take(400).collect();
            Err(failed(helper, verb, if reason.is_empty() { "it failed" } else { &reason }))
        }
        // Where the host reaps children itself the status is lost, and the answer has to do.
        _ => Ok(answer),
    }
}

/// Hands the request over and reads the answer, until the helper closes its output or has ended.
fn converse(child: &mut Child, helper: &str, verb: &str, request: &[u8], task: &Task) -> Result<Vec<u8>> {
    if request.len() > PIPE {
        return Err(failed(helper, verb, "the credentials are too long"));
    }
    if let Some(mut input) = child.stdin.take() {
        // It fits into the pipe, so this waits for nobody. A helper that does not read says itself what is wrong.
        let _ = input.write_all(request);
    }
    let Some(mut output) = child.stdout.take() else { return Ok(Vec::new()) };
    let end = Instant::now() + PATIENCE;
    let (mut answer, mut buffer, mut ended) = (Vec::new(), [0; 4096], false);
    loop {
        task.check()?;
        let left = end.saturating_duration_since(Instant::now()).min(SLICE);
        if left.is_zero() {
            let why = format!("it took more than {} s", PATIENCE.as_secs());
            return Err(failed(helper, verb, &why).as_kind(ErrorKind::Timeout));
        }
        let mut waits = [PollFd::new(&output, PollFlags::IN), PollFd::new(task.token(), PollFlags::IN)];
        let left = Timespec { tv_sec: 0, tv_nsec: left.subsec_nanos().max(1).into() };
        match poll(&mut waits, Some(&left)) {
            Ok(_) | Err(Errno::INTR) => {}
            Err(error) => return Err(Error::io(format!("wait for {}", program(helper)), error)),
        }
        if waits[0].revents().is_empty() {
            if ended {
                return Ok(answer);
            }
            // Something that it started may hold its output open; what it wrote itself is there by then.
            ended = child.try_wait().is_ok_and(|status| status.is_some());
            continue;
        }
        let read = output.read(&mut buffer).context(|| format!("read the answer of {}", program(helper)))?;
        answer.extend_from_slice(&buffer[..read]);
        if read == 0 {
            return Ok(answer);
        }
        if answer.len() > ANSWER_LIMIT {
            return Err(failed(helper, verb, "its answer does not end"));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_helper_that_is_not_there_is_reported_by_its_name() {
        let task = Task::new().unwrap();
        let Err(error) = get("layerkit-no-such-helper", "x", &task) else { panic!("it is there") };
        assert_eq!(error.kind(), ErrorKind::Unauthorized);
        assert!(error.to_string().contains("docker-credential-layerkit-no-such-helper get"), "{error}");
        assert!(get("../x", "x", &task).is_err());
    }
}
