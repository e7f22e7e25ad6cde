//! What a container wrote, read from its log files, also while it goes on writing.
//!
//! The files are Docker's (json-file): a line of JSON for each line of output, or for a part of one. `log` is the newest, `log.1` the one
//! before. What is no UTF-8 is in `raw`, in hexadecimal.

use std::collections::VecDeque;
use std::fs::File;
use std::io::{BufRead, BufReader};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use jiff::{SignedDuration, Timestamp};
use serde::Deserialize;

use super::object::Object;
use super::options::LogsOptions;
use super::streams::ContainerOutput;
use super::watch::Watch;
use crate::container::Status;
use crate::error::{Error, ErrorKind, Result, ResultExt};
use crate::event::LogStream;
use crate::fs;
use crate::store::Store;
use crate::task::Task;

/// Hands over what a container wrote.
pub fn logs(
    store: &Store,
    container: &str,
    options: &LogsOptions,
    output: &mut ContainerOutput<'_>,
    task: &Task,
) -> Result<()> {
    read(&Object::find(store, container)?, options, output, task)
}

/// The same of a container that was found.
pub fn read(
    object: &Object<'_>,
    options: &LogsOptions,
    output: &mut ContainerOutput<'_>,
    task: &Task,
) -> Result<()> {
    if !options.stdout && !options.stderr {
        let message = "Bad parameters: you must choose at least one stream";
        return Err(Error::new(ErrorKind::InvalidArgument, message));
    }
    let mut show = Show::new(options, output)?;
    // Watched before anything is read, so that nothing comes unnoticed.
    let watch = options.follow.then(|| Watch::new(&object.folder)).transpose()?;
    let mut files = Files::open(&object.folder)?;
    let mut kept = VecDeque::new();
    let mut lines = 0;
    while let Some(record) = files.next(task)? {
        match options.tail {
            None if show.put(&record)?.is_over() => return Ok(()),
            None => {}
            Some(tail) if !show.wants(&record) || tail == 0 => {}
            Some(tail) => {
                lines += u64::from(record.ends_line());
                kept.push_back(record);
                // A line that is not whole yet is one, too.
                let open = kept.back().is_some_and(|record| !record.ends_line());
                while lines + u64::from(open) > tail {
                    match kept.pop_front() {
                        Some(record) => lines -= u64::from(record.ends_line()),
                        None => break,
                    }
                }
            }
        }
    }
    for record in kept {
        if show.put(&record)?.is_over() {
            return Ok(());
        }
    }
    let Some(watch) = watch else { return Ok(()) };
    loop {
        // Looked at before the rest is read: what an ended container wrote is all there.
        let ended = match object.state() {
            Ok(state) => !matches!(state.status, Status::Running | Status::Paused),
            Err(error) if error.kind() == ErrorKind::NotFound => true,
            Err(error) => return Err(error),
        };
        while let Some(record) = files.next(task)? {
            if show.put(&record)?.is_over() {
                return Ok(());
            }
        }
        if ended || watch_next(object, &watch, task)? {
            return Ok(());
        }
    }
}

/// Waits until there may be more; `true` when the container's folder is gone. A monitor that is killed writes nothing: its lock tells.
fn watch_next(object: &Object<'_>, watch: &Watch, task: &Task) -> Result<bool> {
    use std::time::{Duration, Instant};
    /// How often it is looked whether the monitor is still there.
    const LOOK: Duration = Duration::from_secs(1);
    loop {
        match watch.next(task, Some(Instant::now() + LOOK)) {
            Ok(seen) => return Ok(seen.gone),
            Err(error) if error.kind() != ErrorKind::Timeout => return Err(error),
            Err(_) if !object.store.container_runs(&object.id)? => return Ok(false),
            Err(_) => {}
        }
    }
}

/// One line of a log file.
#[derive(Debug, Deserialize)]
struct Record {
    log: String,
    stream: String,
    #[serde(deserialize_with = "timestamp")]
    time: Timestamp,
    raw: Option<String>,
}

fn timestamp<'de, D: serde::Deserializer<'de>>(deserializer: D) -> std::result::Result<Timestamp, D::Error> {
    String::deserialize(deserializer)?.parse().map_err(serde::de::Error::custom)
}

impl Record {
    fn stream(&self) -> LogStream {
        if self.stream == "stderr" { LogStream::Stderr } else { LogStream::Stdout }
    }

    fn ends_line(&self) -> bool {
        self.log.ends_with('\n')
    }

    fn bytes(&self) -> Vec<u8> {
        let raw = self.raw.as_deref().and_then(|raw| {
            let pairs = raw.as_bytes().chunks(2);
            pairs.map(|pair| u8::from_str_radix(std::str::from_utf8(pair).ok()?, 16).ok()).collect()
        });
        raw.unwrap_or_else(|| self.log.clone().into_bytes())
    }
}

/// The log files, as one.
struct Files {
    folder: PathBuf,
    /// Those that are still to be read, the oldest first.
    next: VecDeque<File>,
    current: Option<BufReader<File>>,
    /// A line whose end has not been written yet.
    partial: Vec<u8>,
    /// The newest file that was opened.
    newest: Option<u64>,
}

impl Files {
    fn open(folder: &Path) -> Result<Files> {
        // A rotation in between can show a file twice, never leave one out: the newest first.
        let mut all: Vec<(u64, File)> = Vec::new();
        for number in 0.. {
            let name = if number == 0 { "log".into() } else { format!("log.{number}") };
            match fs::open(&folder.join(name)) {
                Ok(file) => {
                    let inode = inode(&file)?;
                    if all.iter().all(|(known, _)| *known != inode) {
                        all.push((inode, file));
                    }
                }
                Err(error) if error.kind() == ErrorKind::NotFound => break,
                Err(error) => return Err(error),
            }
        }
        let newest = all.first().map(|(inode, _)| *inode);
        let next = all.into_iter().rev().map(|(_, file)| file).collect();
        Ok(Files { folder: folder.to_owned(), next, current: None, partial: Vec::new(), newest })
    }

    /// The next record that is there.
    fn next(&mut self, task: &Task) -> Result<Option<Record>> {
        loop {
            let Some(file) = &mut self.current else {
                match self.next.pop_front() {
                    Some(file) => self.current = Some(BufReader::new(file)),
                    None if self.look_for_newer()? => {}
                    None => return Ok(None),
                }
                continue;
            };
            task.check()?;
            let read = file.read_until(b'\n', &mut self.partial).context(|| "read the container's log")?;
            if self.partial.ends_with(b"\n") {
                let line = std::mem::take(&mut self.partial);
                // A line that a full disk, or a crash, has torn says nothing.
                match serde_json::from_slice(&line) {
                    Ok(record) => return Ok(Some(record)),
                    Err(_) => continue,
                }
            }
            if read > 0 {
                continue;
            }
            // The end of it for now; of one that was rotated for good.
            if self.next.is_empty() && !self.look_for_newer()? {
                return Ok(None);
            }
            let before = self.partial.len();
            if let Some(file) = &mut self.current {
                // What came between the last read and the rotation.
                file.read_until(b'\n', &mut self.partial).context(|| "read the container's log")?;
            }
            if self.partial.len() == before {
                self.partial.clear();
                self.current = None;
            }
        }
    }

    /// Opens what has come to be the newest since. `false` when nothing has.
    fn look_for_newer(&mut self) -> Result<bool> {
        match fs::stat(&self.folder.join("log"))?.map(|found| found.ino()) {
            None => return Ok(false),
            inode if inode == self.newest => return Ok(false),
            Some(_) => {}
        }
        let known = self.newest;
        let mut newer = Vec::new();
        for number in 0.. {
            let name = if number == 0 { "log".into() } else { format!("log.{number}") };
            let file = match fs::open(&self.folder.join(name)) {
                Ok(file) => file,
                Err(error) if error.kind() == ErrorKind::NotFound => break,
                Err(error) => return Err(error),
            };
            let inode = inode(&file)?;
            if Some(inode) == known {
                break;
            }
            newer.push((inode, file));
            // Nothing was read before: then there is but one.
            if known.is_none() && number > 0 {
                continue;
            }
        }
        newer.dedup_by_key(|(inode, _)| *inode);
        self.newest = newer.first().map(|(inode, _)| *inode).or(self.newest);
        let any = !newer.is_empty();
        self.next.extend(newer.into_iter().rev().map(|(_, file)| file));
        Ok(any)
    }
}

fn inode(file: &File) -> Result<u64> {
    Ok(file.metadata().context(|| "stat the container's log")?.ino())
}

/// Whether more may be wanted.
#[derive(Clone, Copy, PartialEq, Eq)]
enum More {
    Wanted,
    Over,
}

impl More {
    fn is_over(self) -> bool {
        self == More::Over
    }
}

/// What is shown, and how.
struct Show<'a, 'b> {
    options: &'a LogsOptions,
    since: Option<Timestamp>,
    until: Option<Timestamp>,
    /// Whether the last record of a stream ended a line.
    at_start: [bool; 2],
    output: &'a mut ContainerOutput<'b>,
}

impl<'a, 'b> Show<'a, 'b> {
    fn new(options: &'a LogsOptions, output: &'a mut ContainerOutput<'b>) -> Result<Self> {
        let time = |text: &Option<String>| text.as_deref().map(time).transpose();
        let (since, until) = (time(&options.since)?, time(&options.until)?);
        Ok(Show { options, since, until, at_start: [true; 2], output })
    }

    fn wants(&self, record: &Record) -> bool {
        let stream = match record.stream() {
            LogStream::Stdout => self.options.stdout,
            LogStream::Stderr => self.options.stderr,
        };
        stream
            && self.since.is_none_or(|since| record.time >= since)
            && self.until.is_none_or(|until| record.time < until)
    }

    fn put(&mut self, record: &Record) -> Result<More> {
        if self.until.is_some_and(|until| record.time >= until) {
            return Ok(More::Over);
        }
        if !self.wants(record) {
            return Ok(More::Wanted);
        }
        let stream = record.stream();
        let at_start = &mut self.at_start[usize::from(stream == LogStream::Stderr)];
        let mut bytes = record.bytes();
        if self.options.timestamps && *at_start {
            bytes.splice(0..0, format!("{:.9} ", record.time).into_bytes());
        }
        *at_start = record.ends_line();
        (self.output)(stream, &bytes)?;
        Ok(More::Wanted)
    }
}

/// A time: RFC 3339, seconds since 1970 with fraction, or an age as Go writes it.
fn time(text: &str) -> Result<Timestamp> {
    let seconds = || {
        let seconds: f64 = text.parse().ok()?;
        let whole = SignedDuration::try_from_secs_f64(seconds).ok()?;
        Timestamp::UNIX_EPOCH.checked_add(whole).ok()
    };
    let age = || {
        let age: SignedDuration = text.parse().ok()?;
        Timestamp::now().checked_sub(age).ok()
    };
    let day = || format!("{text}T00:00:00Z").parse().ok();
    let zone = || format!("{text}Z").parse().ok();
    text.parse().ok().or_else(seconds).or_else(age).or_else(day).or_else(zone).ok_or_else(|| {
        let message = format!("{text:?} is no time: RFC 3339, seconds since 1970, or an age such as 10m");
        Error::new(ErrorKind::InvalidArgument, message)
    })
}

#[cfg(test)]
mod tests {
    #![allow(clippy::disallowed_methods)]

    use std::fmt::Write;

    use super::*;

    fn line(second: u32, stream: &str, text: &str) -> String {
        let text = serde_json::to_string(text).unwrap();
        format!("{{\"log\":{text},\"stream\":\"{stream}\",\"time\":\"2026-01-01T00:00:{second:02}.5Z\"}}\n")
    }

    /// Reads a folder's logs without a container.
    fn shown(folder: &Path, options: &LogsOptions) -> String {
        let mut text = String::new();
        let mut take = |stream: LogStream, bytes: &[u8]| {
            let mark = if stream == LogStream::Stderr { "!" } else { "" };
            let _ = write!(text, "{mark}{}", String::from_utf8_lossy(bytes));
            Ok(())
        };
        let store = Store::open(&folder.join("root"), crate::config::Limits::default()).unwrap();
        let object = Object {
            store: &store,
            id: "x".into(),
            name: "x".into(),
            image: crate::digest::Digest::of(b""),
            settings: super::super::settings::Settings::default(),
            folder: folder.to_owned(),
        };
        read(&object, options, &mut take, &Task::new().unwrap()).unwrap();
        text
    }

    #[test]
    fn files_are_read_from_the_oldest_on_and_choices_are_made_line_by_line() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path();
        std::fs::write(path.join("log.1"), [line(1, "stdout", "one\n"), line(2, "stderr", "two\n")].concat())
            .unwrap();
        let newest = [line(3, "stdout", "th"), line(4, "stdout", "ree\n"), line(5, "stdout", "last")];
        std::fs::write(path.join("log"), newest.concat()).unwrap();
        let all = LogsOptions::default;
        assert_eq!(shown(path, &all()), "one\n!two\nthree\nlast");
        assert_eq!(shown(path, &LogsOptions { stderr: false, ..all() }), "one\nthree\nlast");
        assert_eq!(shown(path, &LogsOptions { tail: Some(2), ..all() }), "three\nlast");
        assert_eq!(shown(path, &LogsOptions { tail: Some(0), ..all() }), "");
        assert_eq!(shown(path, &LogsOptions { tail: Some(99), ..all() }), "one\n!two\nthree\nlast");
        let since = Some("2026-01-01T00:00:03Z".into());
        assert_eq!(shown(path, &LogsOptions { since, ..all() }), "three\nlast");
        let until = Some("1767225602.5".into());
        assert_eq!(shown(path, &LogsOptions { until, ..all() }), "one\n");
        let timestamps = LogsOptions { timestamps: true, tail: Some(2), ..all() };
        let wanted = "2026-01-01T00:00:03.500000000Z three\n2026-01-01T00:00:05.500000000Z last";
        assert_eq!(shown(path, &timestamps), wanted);
    }

    #[test]
    fn torn_lines_are_left_out_and_bytes_that_are_no_text_come_as_they_were() {
        let folder = tempfile::tempdir().unwrap();
        let raw = "{\"log\":\"a\u{fffd}\\n\",\"stream\":\"stdout\",\"raw\":\"61ff0a\",\"time\":\"2026-01-01T00:00:01Z\"}\n";
        std::fs::write(folder.path().join("log"), format!("{{\"log\":\"x\n{raw}{{\"log\":")).unwrap();
        let mut files = Files::open(folder.path()).unwrap();
        let task = Task::new().unwrap();
        let record = files.next(&task).unwrap().unwrap();
        assert_eq!(record.bytes(), b"a\xff\n");
        assert!(files.next(&task).unwrap().is_none());
    }

    #[test]
    fn what_is_written_and_rotated_meanwhile_is_read_once() {
        let folder = tempfile::tempdir().unwrap();
        let (log, old) = (folder.path().join("log"), folder.path().join("log.1"));
        std::fs::write(&log, line(1, "stdout", "1\n")).unwrap();
        let mut files = Files::open(folder.path()).unwrap();
        let task = Task::new().unwrap();
        let mut next = || files.next(&task).unwrap().map(|record| record.log);
        assert_eq!((next().as_deref(), next()), (Some("1\n"), None));
        std::fs::write(&log, [line(1, "stdout", "1\n"), line(2, "stdout", "2\n")].concat()).unwrap();
        std::fs::rename(&log, &old).unwrap();
        std::fs::write(&log, line(3, "stdout", "3\n")).unwrap();
        assert_eq!((next().as_deref(), next().as_deref(), next()), (Some("2\n"), Some("3\n"), None));
    }

    #[test]
    fn times_are_dates_seconds_or_ages() {
        assert_eq!(time("1970-01-01T00:00:10Z").unwrap().as_second(), 10);
        assert_eq!(time("1970-01-02").unwrap().as_second(), 86400);
        assert_eq!(time("12.5").unwrap().as_millisecond(), 12500);
        let ago = Timestamp::now().as_second() - time("1h").unwrap().as_second();
        assert!((3599..=3601).contains(&ago));
        assert_eq!(time("soon").unwrap_err().kind(), ErrorKind::InvalidArgument);
    }
}
