//! The file in which a monitor writes how its container is: a line for each fact, `key value`.
//!
//! This file is part of both programs.

/// What is in it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Written {
    /// `created`, `running`, `paused` or `exited`.
    pub status: String,
    /// Process 1, as the host counts; 0 when it does not run.
    pub pid: u32,
    /// The monitor.
    pub monitor: u32,
    /// When it started: seconds and nanoseconds since 1970.
    pub started: Option<(u64, u32)>,
    /// When it ended.
    pub finished: Option<(u64, u32)>,
    /// How it ended.
    pub code: Option<i32>,
    /// Whether memory was used up.
    pub oom: bool,
    /// Why the command could not be started.
    pub error: String,
    /// The boot of the machine.
    pub boot: String,
    /// The directories of its control groups.
    pub cgroups: Vec<String>,
    /// The directory of a root that has to be put back as it was, and where what was in the way is kept.
    pub furnished: Option<(String, String)>,
}

/// The name of the file, in the container's folder.
pub const FILE: &str = "state";
/// Under which it is written.
pub const FRESH: &str = "state.new";

impl Written {
    /// The whole file.
    pub fn encode(&self) -> String {
        let mut lines = Vec::new();
        let mut line = |key: &str, value: &str| lines.push(format!("{key} {}\n", value.replace('\n', " ")));
        line("status", &self.status);
        if self.pid > 0 {
            line("pid", &self.pid.to_string());
        }
        if self.monitor > 0 {
            line("monitor", &self.monitor.to_string());
        }
        for (key, time) in [("started", self.started), ("finished", self.finished)] {
            if let Some((seconds, nanoseconds)) = time {
                line(key, &format!("{seconds}.{nanoseconds:09}"));
            }
        }
        if let Some(code) = self.code {
            line("code", &code.to_string());
        }
        if self.oom {
            line("oom", "1");
        }
        for (key, text) in [("error", &self.error), ("boot", &self.boot)] {
            if !text.is_empty() {
                line(key, text);
            }
        }
        self.cgroups.iter().for_each(|path| line("cgroup", path));
        if let Some((root, aside)) = &self.furnished {
            line("root", root);
            line("aside", aside);
        }
        lines.concat()
    }

    /// Reads it; what is not known is left out.
    pub fn decode(text: &str) -> Written {
        let mut found = Written::default();
        let (mut root, mut aside) = (None, None);
        for line in text.lines() {
            let Some((key, value)) = line.split_once(' ') else { continue };
            match key {
                "status" => found.status = value.to_owned(),
                "pid" => found.pid = value.parse().unwrap_or(0),
                "monitor" => found.monitor = value.parse().unwrap_or(0),
                "started" => found.started = time(value),
                "finished" => found.finished = time(value),
                "code" => found.code = value.parse().ok(),
                "oom" => found.oom = value == "1",
                "error" => found.error = value.to_owned(),
                "boot" => found.boot = value.to_owned(),
                "cgroup" => found.cgroups.push(value.to_owned()),
                "root" => root = Some(value.to_owned()),
                "aside" => aside = Some(value.to_owned()),
                _ => {}
            }
        }
        found.furnished = root.zip(aside);
        found
    }
}

fn time(text: &str) -> Option<(u64, u32)> {
    let (seconds, nanoseconds) = text.split_once('.')?;
    Some((seconds.parse().ok()?, nanoseconds.parse().ok()?))
}
