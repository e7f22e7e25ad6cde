//! A driver: a child process that is asked one thing at a time, and looked at from outside.

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::time::{Duration, Instant};

use serde::Deserialize;
use serde_json::{Map, Value, json};

use crate::Result;

/// How long one call may take.
const PATIENCE: Duration = Duration::from_secs(120);
/// How long what a call leaves behind may take to go: threads that end, destructors that run later.
const SETTLE: Duration = Duration::from_secs(3);

/// An error as a driver reports it.
#[derive(Clone, Debug, PartialEq, Deserialize)]
pub struct Failure {
    /// Its code.
    pub code: String,
    /// The whole text.
    pub message: String,
    /// Its fields.
    #[serde(default)]
    pub fields: Map<String, Value>,
    /// The class, where the language has one.
    #[serde(default)]
    pub class: Option<String>,
}

/// The end of one request: what it returned and the events before.
#[derive(Debug)]
pub struct Answer {
    /// The result.
    pub outcome: Result<Value, Failure>,
    /// The events, in order.
    pub events: Vec<Value>,
}

/// What a driver holds of the operating system: descriptors by what they point to, children by their id.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Holdings {
    descriptors: BTreeMap<String, usize>,
    children: Vec<u32>,
}

/// A running driver.
pub struct Driver {
    child: Child,
    requests: Option<ChildStdin>,
    lines: Receiver<String>,
    next: u64,
}

impl Driver {
    /// Starts `command`, with a home of its own so that nothing of the user's is touched.
    pub fn start(command: &str, home: &Path) -> Result<Driver> {
        let mut child = Command::new("sh")
            .args(["-c", &format!("exec {command}")])
            .env("LAYERKIT_ROOT", home.join("default-root"))
            .env("HOME", home)
            .env_remove("SOURCE_DATE_EPOCH")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .map_err(|error| format!("start {command:?}: {error}"))?;
        let requests = child.stdin.take();
        let output = child.stdout.take().ok_or("the driver has no output")?;
        let (send, lines) = channel();
        std::thread::spawn(move || {
            for line in BufReader::new(output).lines().map_while(std::io::Result::ok) {
                if send.send(line).is_err() {
                    break;
                }
            }
        });
        Ok(Driver { child, requests, lines, next: 1 })
    }

    /// Asks, and waits for the answer. An error means that the driver broke the protocol and cannot be used any more.
    pub fn ask(&mut self, mut request: Map<String, Value>) -> Result<Answer> {
        let id = self.next;
        self.next += 1;
        request.insert("id".to_owned(), json!(id));
        let line = Value::Object(request).to_string();
        let requests = self.requests.as_mut().ok_or("the driver was told to end")?;
        writeln!(requests, "{line}")
            .and_then(|()| requests.flush())
            .map_err(|error| format!("the driver does not take requests: {error}"))?;
        let deadline = Instant::now() + PATIENCE;
        let mut events = Vec::new();
        loop {
            let line = self.line(deadline)?;
            let mut answer: Map<String, Value> =
                serde_json::from_str(&line).map_err(|error| format!("no JSON object: {error}: {line}"))?;
            if answer.remove("id") != Some(json!(id)) {
                return Err(format!("an answer to something that was not asked: {line}"));
            }
            if let Some(event) = answer.remove("event") {
                events.push(event);
            } else if let Some(value) = answer.remove("ok") {
                return Ok(Answer { outcome: Ok(value), events });
            } else if let Some(error) = answer.remove("error") {
                let failure = serde_json::from_value(error).map_err(|why| format!("{why}: {line}"))?;
                return Ok(Answer { outcome: Err(failure), events });
            } else {
                return Err(format!("neither event, ok nor error: {line}"));
            }
        }
    }

    fn line(&mut self, deadline: Instant) -> Result<String> {
        match self.lines.recv_timeout(deadline.saturating_duration_since(Instant::now())) {
            Ok(line) => Ok(line),
            Err(RecvTimeoutError::Timeout) => Err(format!("no answer within {} s", PATIENCE.as_secs())),
            Err(RecvTimeoutError::Disconnected) => {
                let status = self.child.wait().map_or_else(|error| error.to_string(), |s| s.to_string());
                Err(format!("the driver ended: {status}"))
            }
        }
    }

    /// Asks for something that cannot fail.
    pub fn must(&mut self, request: Value) -> Result<Value> {
        let Value::Object(map) = request else { return Err("a request is an object".to_owned()) };
        let shown = Value::Object(map.clone());
        self.ask(map)?.outcome.map_err(|failure| format!("{shown}: {}: {}", failure.code, failure.message))
    }

    /// What the process holds now.
    pub fn holdings(&self) -> Holdings {
        Holdings { descriptors: descriptors(self.child.id()), children: children(self.child.id()) }
    }

    /// What the process holds more than `before`, once it had time to let go.
    pub fn leaked(&self, before: &Holdings) -> Option<String> {
        let deadline = Instant::now() + SETTLE;
        loop {
            let leaked = self.holdings().more_than(before)?;
            if Instant::now() > deadline {
                return Some(leaked);
            }
            std::thread::sleep(Duration::from_millis(20));
        }
    }

    /// Ends it by closing its input; the exit code must be 0.
    pub fn end(mut self) -> Result<()> {
        self.requests = None;
        let deadline = Instant::now() + SETTLE * 3;
        while Instant::now() < deadline {
            match self.child.try_wait() {
                Ok(Some(status)) if status.success() => return Ok(()),
                Ok(Some(status)) => return Err(format!("ended with {status}")),
                Ok(None) => std::thread::sleep(Duration::from_millis(10)),
                Err(error) => return Err(error.to_string()),
            }
        }
        Err("does not end when its input does".to_owned())
    }
}

impl Drop for Driver {
    fn drop(&mut self) {
        // Both fail only when it has ended already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Holdings {
    fn more_than(&self, before: &Holdings) -> Option<String> {
        let mut more = Vec::new();
        for (target, count) in &self.descriptors {
            let had = before.descriptors.get(target).copied().unwrap_or(0);
            if *count > had {
                more.push(format!("{} descriptor(s) of {target}", count - had));
            }
        }
        let new = self.children.iter().filter(|id| !before.children.contains(id));
        more.extend(new.map(|id| format!("child process {id} ({})", command_of(*id))));
        (!more.is_empty()).then(|| more.join(", "))
    }
}

/// Open descriptors by what they point to; numbers of pipes and sockets taken away.
fn descriptors(process: u32) -> BTreeMap<String, usize> {
    let mut found = BTreeMap::new();
    let Ok(entries) = std::fs::read_dir(format!("/proc/{process}/fd")) else { return found };
    for entry in entries.flatten() {
        if let Ok(target) = std::fs::read_link(entry.path()) {
            let target = target.to_string_lossy().into_owned();
            let kind = ["pipe:", "socket:"].into_iter().find(|kind| target.starts_with(kind));
            *found.entry(kind.map_or(target.clone(), str::to_owned)).or_default() += 1;
        }
    }
    found
}

fn children(process: u32) -> Vec<u32> {
    let Ok(entries) = std::fs::read_dir("/proc") else { return Vec::new() };
    let ids = entries.flatten().filter_map(|entry| entry.file_name().to_str()?.parse().ok());
    ids.filter(|id| parent_of(*id) == Some(process)).collect()
}

fn parent_of(process: u32) -> Option<u32> {
    let stat = std::fs::read_to_string(format!("/proc/{process}/stat")).ok()?;
    // The command stands in parentheses and may hold anything; state and parent follow it.
    stat.rsplit_once(')')?.1.split_whitespace().nth(1)?.parse().ok()
}

fn command_of(process: u32) -> String {
    std::fs::read_to_string(format!("/proc/{process}/comm")).unwrap_or_default().trim().to_owned()
}
