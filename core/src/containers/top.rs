//! The processes of a container, read from /proc.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use super::object::Object;
use super::report::TopReport;
use crate::container::Status;
use crate::error::Result;
use crate::fs;
use crate::store::Store;

/// More than a file of /proc that is read here has, in bytes.
const LIMIT: u64 = 1 << 20;
/// Ticks of a clock in a second, as /proc counts them everywhere that Linux runs today (`USER_HZ`).
const TICKS: u64 = 100;

const TITLES: [&str; 8] = ["UID", "PID", "PPID", "C", "STIME", "TTY", "TIME", "CMD"];

/// The processes of a container that runs.
pub fn top(store: &Store, container: &str) -> Result<TopReport> {
    let object = Object::find(store, container)?;
    let state = object.state()?;
    let pid = state.pid.filter(|_| matches!(state.status, Status::Running | Status::Paused));
    let Some(first) = pid else { return Err(object.not_running()) };
    let all = processes()?;
    let mut members = BTreeSet::from([first]);
    let namespace = namespace(first);
    let own = namespace.is_some() && namespace != namespace_of_ours();
    if own {
        members.extend(all.keys().filter(|pid| self::namespace(**pid) == namespace));
    } else {
        // Without a namespace of its own: what descends from its first process.
        loop {
            let more = all.values().filter(|process| members.contains(&process.parent)).map(|one| one.pid);
            let more: Vec<u32> = more.filter(|pid| !members.contains(pid)).collect();
            if more.is_empty() {
                break;
            }
            members.extend(more);
        }
    }
    let users = users()?;
    let uptime = uptime()?;
    let rows = members.iter().filter_map(|pid| all.get(pid)).map(|process| process.row(&users, uptime));
    Ok(TopReport { titles: TITLES.map(str::to_owned).to_vec(), processes: rows.collect() })
}

/// A process, as /proc tells of it.
struct Process {
    pid: u32,
    parent: u32,
    uid: u32,
    terminal: u64,
    /// Seconds of processor time.
    time: u64,
    /// Seconds from the machine's start to the process's.
    started: u64,
    command: String,
}

impl Process {
    fn read(pid: u32) -> Option<Process> {
        use std::os::unix::fs::MetadataExt;
        let folder = Path::new("/proc").join(pid.to_string());
        let stat = fs::read(&folder.join("stat"), LIMIT).ok()?;
        let stat = String::from_utf8_lossy(&stat).into_owned();
        let (before, after) = stat.rsplit_once(')')?;
        let name = before.split_once('(')?.1;
        let fields: Vec<&str> = after.split_whitespace().collect();
        let number = |n: usize| fields.get(n).and_then(|field| field.parse::<i64>().ok());
        let words = fs::read(&folder.join("cmdline"), LIMIT).unwrap_or_default();
        let words: Vec<_> = words.split(|byte| *byte == 0).filter(|word| !word.is_empty()).collect();
        let command = match words.is_empty() {
            true => format!("[{name}]"),
            false => String::from_utf8_lossy(&words.join(&b' ')).into_owned(),
        };
        Some(Process {
            pid,
            parent: u32::try_from(number(1)?).ok()?,
            uid: fs::stat(&folder).ok()??.uid(),
            terminal: u64::try_from(number(4)?).unwrap_or(0),
            time: u64::try_from(number(11)? + number(12)?).unwrap_or(0) / TICKS,
            started: u64::try_from(number(19)?).unwrap_or(0) / TICKS,
            command,
        })
    }

    fn row(&self, users: &BTreeMap<u32, String>, uptime: u64) -> Vec<String> {
        let age = uptime.saturating_sub(self.started).max(1);
        let started = jiff::Timestamp::now().as_second() - age as i64;
        let started = jiff::Timestamp::from_second(started).unwrap_or(jiff::Timestamp::UNIX_EPOCH);
        let clock = jiff::tz::TimeZone::UTC.to_datetime(started);
        let (seconds, minutes, hours) = (self.time % 60, self.time / 60 % 60, self.time / 3600);
        vec![
            users.get(&self.uid).cloned().unwrap_or_else(|| self.uid.to_string()),
            self.pid.to_string(),
            self.parent.to_string(),
            (self.time * 100 / age).min(99).to_string(),
            format!("{:02}:{:02}", clock.hour(), clock.minute()),
            terminal(self.terminal),
            format!("{hours:02}:{minutes:02}:{seconds:02}"),
            self.command.clone(),
        ]
    }
}

fn terminal(device: u64) -> String {
    // The major numbers of pseudo terminals begin at 136.
    let (major, minor) = ((device >> 8) & 0xfff, (device & 0xff) | ((device >> 12) & 0xf_ff00));
    match (device, major) {
        (0, _) => "?".into(),
        (_, 136..=143) => format!("pts/{}", (major - 136) * 256 + minor),
        (_, 4) => format!("tty{minor}"),
        _ => "?".into(),
    }
}

fn processes() -> Result<BTreeMap<u32, Process>> {
    let names = fs::list(Path::new("/proc"))?;
    let pids = names.iter().filter_map(|name| name.to_str()?.parse::<u32>().ok());
    Ok(pids.filter_map(Process::read).map(|process| (process.pid, process)).collect())
}

fn namespace(pid: u32) -> Option<std::path::PathBuf> {
    fs::read_link(&Path::new("/proc").join(pid.to_string()).join("ns/pid")).ok()
}

fn namespace_of_ours() -> Option<std::path::PathBuf> {
    fs::read_link(Path::new("/proc/self/ns/pid")).ok()
}

/// Names of the host's users: a process is told by the host's table, as `docker top` does.
fn users() -> Result<BTreeMap<u32, String>> {
    let table = fs::read_optional(Path::new("/etc/passwd"), LIMIT)?.unwrap_or_default();
    let table = String::from_utf8_lossy(&table).into_owned();
    let entry = |line: &str| {
        let mut fields = line.split(':');
        let name = fields.next()?.to_owned();
        Some((fields.nth(1)?.parse().ok()?, name))
    };
    let mut users = BTreeMap::new();
    for (uid, name) in table.lines().filter_map(entry) {
        users.entry(uid).or_insert(name);
    }
    Ok(users)
}

fn uptime() -> Result<u64> {
    let text = fs::read(Path::new("/proc/uptime"), LIMIT)?;
    let text = String::from_utf8_lossy(&text).into_owned();
    Ok(text.split('.').next().and_then(|seconds| seconds.parse().ok()).unwrap_or(0))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn this_process_is_told_as_ps_would_tell_it() {
        let own = Process::read(std::process::id()).unwrap();
        let row = own.row(&users().unwrap(), uptime().unwrap());
        assert_eq!(row.len(), TITLES.len());
        assert_eq!(row[1], std::process::id().to_string());
        assert!(processes().unwrap().contains_key(&own.parent));
        assert_eq!((terminal(0).as_str(), terminal(0x8803).as_str()), ("?", "pts/3"));
    }
}
