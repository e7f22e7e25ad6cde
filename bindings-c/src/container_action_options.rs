//! The option structs of what is done with one container. Each becomes the JSON object that the core's option struct of the
//! same name reads.

use std::ffi::c_char;

use layerkit::Result;

use crate::arguments::Versioned;
use crate::object::{Object, Options};

/// How to start a container.
#[derive(Clone, Copy)]
#[repr(C)]
pub struct layerkit_start_options {
    /// `sizeof(layerkit_start_options)`: set by `LAYERKIT_START_OPTIONS_INIT`.
    pub size: usize,
    /// Non-zero: attach to it before the command begins, and return when it has ended.
    pub attach: u8,
    /// Lines of its terminal to begin with; 0: not known.
    pub tty_rows: u16,
    /// Characters in a line of it; 0: not known.
    pub tty_cols: u16,
}

/// What of a container that runs to attach to.
#[derive(Clone, Copy)]
#[repr(C)]
pub struct layerkit_attach_options {
    /// `sizeof(layerkit_attach_options)`: set by `LAYERKIT_ATTACH_OPTIONS_INIT`.
    pub size: usize,
    /// Non-zero: without its standard output.
    pub no_stdout: u8,
    /// Non-zero: without its standard error.
    pub no_stderr: u8,
    /// Non-zero: what it has written so far, first.
    pub logs: u8,
}

/// How to wait.
#[derive(Clone, Copy)]
#[repr(C)]
pub struct layerkit_wait_options {
    /// `sizeof(layerkit_wait_options)`: set by `LAYERKIT_WAIT_OPTIONS_INIT`.
    pub size: usize,
    /// For what: `not-running` (at once for one that was never started or has ended), `next-exit`, or `removed`; NULL:
    /// `not-running`.
    pub condition: *const c_char,
    /// Non-zero: `timeout_ms` is set. Otherwise the wait has no end of its own.
    pub has_timeout_ms: u8,
    /// Milliseconds after which the wait is given up with `timeout`.
    pub timeout_ms: u64,
}

/// How to stop a container, or stop and start it again.
#[derive(Clone, Copy)]
#[repr(C)]
pub struct layerkit_stop_options {
    /// `sizeof(layerkit_stop_options)`: set by `LAYERKIT_STOP_OPTIONS_INIT`.
    pub size: usize,
    /// Non-zero: `timeout` is set. Otherwise the container's `stop_timeout` counts, or else 10.
    pub has_timeout: u8,
    /// Seconds from its stop signal to SIGKILL.
    pub timeout: u32,
}

/// How to send a signal.
#[derive(Clone, Copy)]
#[repr(C)]
pub struct layerkit_kill_options {
    /// `sizeof(layerkit_kill_options)`: set by `LAYERKIT_KILL_OPTIONS_INIT`.
    pub size: usize,
    /// By name (`SIGHUP`, `hup`) or number; NULL: SIGKILL.
    pub signal: *const c_char,
}

/// Which part of what a container wrote to show.
#[derive(Clone, Copy)]
#[repr(C)]
pub struct layerkit_logs_options {
    /// `sizeof(layerkit_logs_options)`: set by `LAYERKIT_LOGS_OPTIONS_INIT`.
    pub size: usize,
    /// Non-zero: without its standard output.
    pub no_stdout: u8,
    /// Non-zero: without its standard error.
    pub no_stderr: u8,
    /// Non-zero: go on until it has ended.
    pub follow: u8,
    /// Non-zero: `tail` is set. Otherwise all lines are shown.
    pub has_tail: u8,
    /// Only so many lines from the end.
    pub tail: u64,
    /// Only what was written at that time or later: RFC 3339, seconds since 1970 with fraction, or an age such as `10m`; or NULL.
    pub since: *const c_char,
    /// Only what was written before that time; or NULL.
    pub until: *const c_char,
    /// Non-zero: each line begins with the time when it was written (RFC 3339, nine digits of fraction).
    pub timestamps: u8,
}

/// A command to execute in a container that runs.
#[derive(Clone, Copy)]
#[repr(C)]
pub struct layerkit_exec_options {
    /// `sizeof(layerkit_exec_options)`: set by `LAYERKIT_EXEC_OPTIONS_INIT`.
    pub size: usize,
    /// The command and its arguments.
    pub command: *const *const c_char,
    /// How many words `command` has.
    pub command_count: usize,
    /// Variables beside the container's.
    pub environment: *const *const c_char,
    /// How many variables `environment` has.
    pub environment_count: usize,
    /// The working directory; NULL: the container's.
    pub working_dir: *const c_char,
    /// Who runs it; NULL: as the container.
    pub user: *const c_char,
    /// Non-zero: every capability, and no filter of system calls.
    pub privileged: u8,
    /// Non-zero: a terminal.
    pub tty: u8,
    /// Lines of the terminal to begin with; 0: not known.
    pub tty_rows: u16,
    /// Characters in a line of it; 0: not known.
    pub tty_cols: u16,
    /// Non-zero: return once it runs; what it writes is lost.
    pub detach: u8,
}

/// How to remove a container.
#[derive(Clone, Copy)]
#[repr(C)]
pub struct layerkit_container_remove_options {
    /// `sizeof(layerkit_container_remove_options)`: set by `LAYERKIT_CONTAINER_REMOVE_OPTIONS_INIT`.
    pub size: usize,
    /// Non-zero: kill it first if it runs.
    pub force: u8,
    /// Non-zero: also its anonymous volumes, which go with it anyway: taken for Docker's users.
    pub volumes: u8,
}

/// How to make an image of a container.
#[derive(Clone, Copy)]
#[repr(C)]
pub struct layerkit_commit_options {
    /// `sizeof(layerkit_commit_options)`: set by `LAYERKIT_COMMIT_OPTIONS_INIT`.
    pub size: usize,
    /// The repository of the image's name, or NULL for none.
    pub repository: *const c_char,
    /// The tag of it; NULL: `latest`.
    pub tag: *const c_char,
    /// The comment in the image's history, or NULL.
    pub message: *const c_char,
    /// Who made it, or NULL.
    pub author: *const c_char,
    /// Dockerfile instructions that set the config: `CMD`, `ENTRYPOINT`, `ENV`, `EXPOSE`, `HEALTHCHECK`, `LABEL`, `ONBUILD`,
    /// `STOPSIGNAL`, `USER`, `VOLUME`, `WORKDIR`.
    pub changes: *const *const c_char,
    /// How many `changes` there are.
    pub changes_count: usize,
    /// Non-zero: let all that runs in it go on during the commit.
    pub no_pause: u8,
    /// How the new layer is compressed: `gzip`, `zstd` or `none`; NULL: `gzip`.
    pub compression: *const c_char,
    /// Non-zero: `source_date_epoch` is set. Otherwise `SOURCE_DATE_EPOCH` of the environment counts, or else the clock.
    pub has_source_date_epoch: u8,
    /// Seconds since 1970 for the image's time of creation, and for files that are later.
    pub source_date_epoch: i64,
}

/// How to lay files into a container.
#[derive(Clone, Copy)]
#[repr(C)]
pub struct layerkit_put_archive_options {
    /// `sizeof(layerkit_put_archive_options)`: set by `LAYERKIT_PUT_ARCHIVE_OPTIONS_INIT`.
    pub size: usize,
    /// Non-zero: refuse to replace a directory by something else, and something else by a directory.
    pub no_overwrite_dir_non_dir: u8,
}

// SAFETY: every struct here is repr(C) and begins with its size, and zero is valid for every other field.
unsafe impl Versioned for layerkit_start_options {}
// SAFETY: as above.
unsafe impl Versioned for layerkit_attach_options {}
// SAFETY: as above.
unsafe impl Versioned for layerkit_wait_options {}
// SAFETY: as above.
unsafe impl Versioned for layerkit_stop_options {}
// SAFETY: as above.
unsafe impl Versioned for layerkit_kill_options {}
// SAFETY: as above.
unsafe impl Versioned for layerkit_logs_options {}
// SAFETY: as above.
unsafe impl Versioned for layerkit_exec_options {}
// SAFETY: as above.
unsafe impl Versioned for layerkit_container_remove_options {}
// SAFETY: as above.
unsafe impl Versioned for layerkit_commit_options {}
// SAFETY: as above.
unsafe impl Versioned for layerkit_put_archive_options {}

impl Options for layerkit_start_options {
    unsafe fn describe(&self, object: &mut Object) -> Result<()> {
        object.flag("attach", self.attach);
        object.terminal(self.tty_rows, self.tty_cols);
        Ok(())
    }
}

impl Options for layerkit_attach_options {
    unsafe fn describe(&self, object: &mut Object) -> Result<()> {
        object.set("stdout", self.no_stdout == 0);
        object.set("stderr", self.no_stderr == 0);
        object.flag("logs", self.logs);
        Ok(())
    }
}

impl Options for layerkit_wait_options {
    unsafe fn describe(&self, object: &mut Object) -> Result<()> {
        object.number_with("timeout_ms", self.has_timeout_ms, self.timeout_ms);
        // SAFETY: as the caller promises.
        unsafe { object.text("condition", self.condition) }
    }
}

impl Options for layerkit_stop_options {
    unsafe fn describe(&self, object: &mut Object) -> Result<()> {
        object.number_with("timeout", self.has_timeout, self.timeout);
        Ok(())
    }
}

impl Options for layerkit_kill_options {
    unsafe fn describe(&self, object: &mut Object) -> Result<()> {
        // SAFETY: as the caller promises.
        unsafe { object.text("signal", self.signal) }
    }
}

impl Options for layerkit_logs_options {
    unsafe fn describe(&self, object: &mut Object) -> Result<()> {
        object.set("stdout", self.no_stdout == 0);
        object.set("stderr", self.no_stderr == 0);
        object.flag("follow", self.follow);
        object.number_with("tail", self.has_tail, self.tail);
        object.flag("timestamps", self.timestamps);
        // SAFETY: as the caller promises.
        unsafe {
            object.text("since", self.since)?;
            object.text("until", self.until)
        }
    }
}

impl Options for layerkit_exec_options {
    unsafe fn describe(&self, object: &mut Object) -> Result<()> {
        object.flag("privileged", self.privileged);
        object.flag("tty", self.tty);
        object.terminal(self.tty_rows, self.tty_cols);
        object.flag("detach", self.detach);
        // SAFETY: as the caller promises.
        unsafe {
            object.texts("command", self.command, self.command_count)?;
            object.texts("environment", self.environment, self.environment_count)?;
            object.text("working_dir", self.working_dir)?;
            object.text("user", self.user)
        }
    }
}

impl Options for layerkit_container_remove_options {
    unsafe fn describe(&self, object: &mut Object) -> Result<()> {
        object.flag("force", self.force);
        object.flag("volumes", self.volumes);
        Ok(())
    }
}

impl Options for layerkit_commit_options {
    unsafe fn describe(&self, object: &mut Object) -> Result<()> {
        object.set("pause", self.no_pause == 0);
        object.number_with("source_date_epoch", self.has_source_date_epoch, self.source_date_epoch);
        // SAFETY: as the caller promises.
        unsafe {
            object.text("repository", self.repository)?;
            object.text("tag", self.tag)?;
            object.text("message", self.message)?;
            object.text("author", self.author)?;
            object.texts("changes", self.changes, self.changes_count)?;
            object.text("compression", self.compression)
        }
    }
}

impl Options for layerkit_put_archive_options {
    unsafe fn describe(&self, object: &mut Object) -> Result<()> {
        object.flag("no_overwrite_dir_non_dir", self.no_overwrite_dir_non_dir);
        Ok(())
    }
}
