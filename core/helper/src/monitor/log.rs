//! The container's output as Docker's json-file driver writes it: a line of JSON for each line of output, and for what came without its end.
//!
//! What is no UTF-8 is replaced in `log`, as Docker does, and kept as it was in `raw`, in hexadecimal.

use std::fmt::Write;
use std::os::fd::OwnedFd;
use std::time::{SystemTime, UNIX_EPOCH};

use rustix::fs::{AtFlags, Mode, OFlags, fstat, openat, renameat, unlinkat};
use rustix::io::Errno;

use crate::frames::STDERR;
use crate::{Result, Step};

/// The most bytes of a line of JSON's `log`, as in Docker.
const LONGEST: usize = 16 << 10;
const FILE: &str = "log";

/// The log, open to be written.
pub struct Log {
    file: Option<OwnedFd>,
    size: u64,
    limit: u64,
    files: u32,
    /// Beginnings of characters, of standard output and of standard error.
    begun: [Vec<u8>; 2],
    out: String,
}

impl Log {
    /// Opens it, to go on where an earlier run ended.
    pub fn open(folder: &OwnedFd, limit: u64, files: u32) -> Result<Log> {
        let file = open(folder).step(|| "open the container's log")?;
        let size = fstat(&file).step(|| "stat the container's log")?.st_size as u64;
        let begun = [Vec::new(), Vec::new()];
        Ok(Log { file: Some(file), size, limit, files: files.max(1), begun, out: String::new() })
    }

    /// Writes output of a stream. Where there is no room for it, it is lost: the container goes on.
    pub fn write(&mut self, folder: &OwnedFd, stream: u32, bytes: &[u8]) {
        let begun = &mut self.begun[usize::from(stream == STDERR)];
        let whole = match begun.is_empty() {
            true => None,
            false => Some([std::mem::take(begun).as_slice(), bytes].concat()),
        };
        let bytes = whole.as_deref().unwrap_or(bytes);
        let (bytes, rest) = bytes.split_at(bytes.len() - begun_character(bytes));
        self.begun[usize::from(stream == STDERR)] = rest.to_vec();
        self.records(folder, stream, bytes);
    }

    /// Writes what is left.
    pub fn finish(&mut self, folder: &OwnedFd) {
        for (stream, begun) in
            [crate::frames::STDOUT, STDERR].into_iter().zip(std::mem::take(&mut self.begun))
        {
            self.records(folder, stream, &begun);
        }
    }

    fn records(&mut self, folder: &OwnedFd, stream: u32, bytes: &[u8]) {
        let time = now();
        let name = if stream == STDERR { "stderr" } else { "stdout" };
        for line in bytes.split_inclusive(|byte| *byte == b'\n') {
            let mut rest = line;
            while !rest.is_empty() {
                let mut end = rest.len().min(LONGEST);
                if end < rest.len() {
                    end -= begun_character(&rest[..end]);
                }
                let (piece, after) = rest.split_at(end);
                rest = after;
                let start = self.out.len();
                record(&mut self.out, name, &time, piece);
                let length = (self.out.len() - start) as u64;
                if self.limit > 0 && self.size > 0 && self.size + length > self.limit {
                    let record = self.out.split_off(start);
                    self.flush();
                    self.rotate(folder);
                    self.out = record;
                }
                self.size += length;
            }
        }
        self.flush();
    }

    fn flush(&mut self) {
        let mut rest = self.out.as_bytes();
        while let Some(file) = self.file.as_ref().filter(|_| !rest.is_empty()) {
            match rustix::io::write(file, rest) {
                Ok(n) => rest = &rest[n..],
                Err(Errno::INTR) => {}
                Err(_) => break,
            }
        }
        self.out.clear();
    }

    /// `log` becomes `log.1`, that `log.2`, and so on; the last one goes.
    fn rotate(&mut self, folder: &OwnedFd) {
        let name = |number: u32| if number == 0 { FILE.to_owned() } else { format!("{FILE}.{number}") };
        let _ = unlinkat(folder, name(self.files - 1), AtFlags::empty());
        for number in (1..self.files).rev() {
            let _ = renameat(folder, name(number - 1), folder, name(number));
        }
        self.file = open(folder).ok();
        self.size = 0;
    }
}

fn open(folder: &OwnedFd) -> rustix::io::Result<OwnedFd> {
    let flags = OFlags::WRONLY | OFlags::CREATE | OFlags::APPEND | OFlags::CLOEXEC | OFlags::NOFOLLOW;
    openat(folder, FILE, flags, Mode::RUSR | Mode::WUSR)
}

/// How many of the last bytes are the beginning of a character whose end is missing.
fn begun_character(bytes: &[u8]) -> usize {
    let at_most = bytes.len().min(3);
    (1..=at_most)
        .find(|count| {
            let first = bytes[bytes.len() - count];
            let wanted = match first {
                0xc2..=0xdf => 2,
                0xe0..=0xef => 3,
                0xf0..=0xf4 => 4,
                _ => 0,
            };
            wanted > *count
        })
        .filter(|count| bytes[bytes.len() - count + 1..].iter().all(|byte| byte & 0xc0 == 0x80))
        .unwrap_or(0)
}

fn record(out: &mut String, stream: &str, time: &str, bytes: &[u8]) {
    out.push_str("{\"log\":\"");
    let text = String::from_utf8_lossy(bytes);
    for character in text.chars() {
        match character {
            '"' => out.push_str("\\\""),
            '\\' => out.push_str("\\\\"),
            '\n' => out.push_str("\\n"),
            '\r' => out.push_str("\\r"),
            '\t' => out.push_str("\\t"),
            '\0'..='\x1f' | '\u{2028}' | '\u{2029}' => {
                let _ = write!(out, "\\u{:04x}", character as u32);
            }
            other => out.push(other),
        }
    }
    let _ = write!(out, "\",\"stream\":\"{stream}\"");
    if matches!(text, std::borrow::Cow::Owned(_)) {
        out.push_str(",\"raw\":\"");
        for byte in bytes {
            let _ = write!(out, "{byte:02x}");
        }
        out.push('"');
    }
    let _ = writeln!(out, ",\"time\":\"{time}\"}}");
}

/// The time as RFC 3339 has it, with nanoseconds, in UTC.
fn now() -> String {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    let (days, second) = (since.as_secs() / 86_400, since.as_secs() % 86_400);
    let (year, month, day) = date(days as i64);
    let (hour, minute, second) = (second / 3600, second / 60 % 60, second % 60);
    format!("{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}.{:09}Z", since.subsec_nanos())
}

/// The date of a day since 1970, by counting from March on, so that the leap day is a year's last.
fn date(days: i64) -> (i64, i64, i64) {
    let days = days + 719_468;
    let (era, day_of_era) = (days.div_euclid(146_097), days.rem_euclid(146_097));
    let year = (day_of_era - day_of_era / 1460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year + year / 4 - year / 100);
    let month = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * month + 2) / 5 + 1;
    let month = if month < 10 { month + 3 } else { month - 9 };
    (year + era * 400 + i64::from(month <= 2), month, day)
}
