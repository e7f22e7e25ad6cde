//! The option structs of containers as a whole: how they are created and run, listed and pruned. Like those of images, each
//! becomes the JSON object that the core's option struct of the same name reads.

use std::ffi::c_char;

use layerkit::Result;

use crate::arguments::Versioned;
use crate::object::{Object, Options};
use crate::options::{layerkit_pair, layerkit_ulimit};
use crate::registry_options::layerkit_auth;

/// How to create a container. What is not set comes from the image, or is Docker's default.
#[derive(Clone, Copy)]
#[repr(C)]
pub struct layerkit_create_options {
    /// `sizeof(layerkit_create_options)`: set by `LAYERKIT_CREATE_OPTIONS_INIT`.
    pub size: usize,
    /// The command, or the arguments of the entrypoint. NULL: the image's.
    pub command: *const *const c_char,
    /// How many words `command` has.
    pub command_count: usize,
    /// The program that the command is handed to; it sets the image's command aside. NULL: the image's. An array without
    /// elements that is not NULL: none.
    pub entrypoint: *const *const c_char,
    /// How many words `entrypoint` has.
    pub entrypoint_count: usize,
    /// Its name, `[a-zA-Z0-9][a-zA-Z0-9_.-]+`; NULL: a made-up one.
    pub name: *const c_char,
    /// Variables beside the image's: `NAME=value`. A `NAME` alone takes that variable out.
    pub environment: *const *const c_char,
    /// How many variables `environment` has.
    pub environment_count: usize,
    /// The working directory, which is made where it is missing; or NULL.
    pub working_dir: *const c_char,
    /// Who runs the command: `user[:group]`, names or numbers; or NULL.
    pub user: *const c_char,
    /// The host name; NULL: the first 12 digits of the ID.
    pub hostname: *const c_char,
    /// Labels beside the image's.
    pub labels: *const layerkit_pair,
    /// How many `labels` there are.
    pub labels_count: usize,
    /// What of the host is mounted: `source:destination[:ro|rw]`, both absolute. The source is made, as a directory, where it
    /// is missing. A destination alone is a directory of the container's own, which no image that is made of it has.
    pub volumes: *const *const c_char,
    /// How many `volumes` there are.
    pub volumes_count: usize,
    /// Temporary file systems: their paths, and their options (`size=64m,mode=1777`, or an empty string).
    pub tmpfs: *const layerkit_pair,
    /// How many `tmpfs` there are.
    pub tmpfs_count: usize,
    /// The network: `host`, or `none` for nothing but a loopback interface of its own; NULL: `host`.
    pub network: *const c_char,
    /// Ports to be published. There is no network to publish them from: any is `unsupported`.
    pub ports: *const *const c_char,
    /// How many `ports` there are.
    pub ports_count: usize,
    /// Non-zero: the root cannot be written.
    pub read_only: u8,
    /// Capabilities beside Docker's default ones, with or without `CAP_`; `ALL`.
    pub cap_add: *const *const c_char,
    /// How many `cap_add` there are.
    pub cap_add_count: usize,
    /// Capabilities to be taken away; `ALL`.
    pub cap_drop: *const *const c_char,
    /// How many `cap_drop` there are.
    pub cap_drop_count: usize,
    /// Non-zero: every capability, no filter of system calls, nothing hidden, and the host's devices.
    pub privileged: u8,
    /// Non-zero: a small first process that reaps orphans and passes signals on.
    pub init: u8,
    /// Bytes of memory that it may use; 0: no limit.
    pub mem_limit: u64,
    /// Processes and threads that it may have at once; 0 or less: no limit.
    pub pids_limit: i64,
    /// Limits of its processes.
    pub ulimits: *const layerkit_ulimit,
    /// How many `ulimits` there are.
    pub ulimits_count: usize,
    /// Bytes of `/dev/shm`; 0: 64 MiB.
    pub shm_size: u64,
    /// Lines for `/etc/hosts`, `HOST:ADDRESS`.
    pub extra_hosts: *const *const c_char,
    /// How many `extra_hosts` there are.
    pub extra_hosts_count: usize,
    /// The signal that stops it, by name or number; NULL: the image's, or else SIGTERM.
    pub stop_signal: *const c_char,
    /// Non-zero: `stop_timeout` is set. Otherwise it is 10.
    pub has_stop_timeout: u8,
    /// Seconds from that signal to SIGKILL.
    pub stop_timeout: u32,
    /// Non-zero: a terminal.
    pub tty: u8,
    /// Non-zero: keep its standard input open. Otherwise the command reads `/dev/null`, whatever the streams of a call have.
    pub stdin_open: u8,
    /// Non-zero: the end of the input of who attaches first is the end of the command's.
    pub stdin_once: u8,
    /// Non-zero: remove the container when it has ended.
    pub auto_remove: u8,
    /// `os/architecture[/variant]` of the image, or NULL for the host's.
    pub platform: *const c_char,
    /// When the image is pulled: `missing` (when it is not here), `always`, or `never`; NULL: `missing`.
    pub pull: *const c_char,
    /// Credentials for a pull, or NULL: those that are stored.
    pub auth: *const layerkit_auth,
    /// Bytes after which a new log file is begun; 0: 20 MB.
    pub log_max_size: u64,
    /// How many log files are kept; 0: 2.
    pub log_max_file: u32,
}

/// How to run a command in a new container.
#[derive(Clone, Copy)]
#[repr(C)]
pub struct layerkit_run_options {
    /// `sizeof(layerkit_run_options)`: set by `LAYERKIT_RUN_OPTIONS_INIT`.
    pub size: usize,
    /// How the container is created, or NULL for the defaults. Unless it is detached, `stdin_open` means `stdin_once` too.
    pub create: *const layerkit_create_options,
    /// Non-zero: return once the command runs; it outlives the caller.
    pub detach: u8,
    /// Lines of the terminal to begin with; 0: not known.
    pub tty_rows: u16,
    /// Characters in a line of it; 0: not known.
    pub tty_cols: u16,
}

/// Which containers a list shows.
#[derive(Clone, Copy)]
#[repr(C)]
pub struct layerkit_container_list_options {
    /// `sizeof(layerkit_container_list_options)`: set by `LAYERKIT_CONTAINER_LIST_OPTIONS_INIT`.
    pub size: usize,
    /// Non-zero: also those that do not run.
    pub all: u8,
    /// Only so many, the newest; those that do not run count too. 0: no limit.
    pub limit: u32,
    /// Non-zero: also how much each has written (`size_rw` and `size_root_fs` of its JSON), which takes a walk through its files.
    pub with_size: u8,
    /// Docker's filters, a key as often as it has values: `id`, `name` (regular expressions of letters, digits, `.`, `*`, `^`
    /// and `$` alone, found anywhere), `label` (`key` or `key=value`; all must hold), `status` (`created`, `running`, `paused`,
    /// `restarting`, `removing`, `exited`, `dead`), `ancestor` (an image, or what was built on it), `exited` (an exit code),
    /// `before` and `since` (a container).
    pub filters: *const layerkit_pair,
    /// How many `filters` there are.
    pub filters_count: usize,
}

/// Which stopped containers to remove.
#[derive(Clone, Copy)]
#[repr(C)]
pub struct layerkit_container_prune_options {
    /// `sizeof(layerkit_container_prune_options)`: set by `LAYERKIT_CONTAINER_PRUNE_OPTIONS_INIT`.
    pub size: usize,
    /// Docker's filters, a key as often as it has values: `label`, `label!` (`key` or `key=value`), `until` (created before:
    /// RFC 3339, seconds since 1970, or an age such as `24h`).
    pub filters: *const layerkit_pair,
    /// How many `filters` there are.
    pub filters_count: usize,
}

// SAFETY: every struct here is repr(C) and begins with its size, and zero is valid for every other field.
unsafe impl Versioned for layerkit_create_options {}
// SAFETY: as above.
unsafe impl Versioned for layerkit_run_options {}
// SAFETY: as above.
unsafe impl Versioned for layerkit_container_list_options {}
// SAFETY: as above.
unsafe impl Versioned for layerkit_container_prune_options {}

impl Options for layerkit_create_options {
    unsafe fn describe(&self, object: &mut Object) -> Result<()> {
        object.flag("read_only", self.read_only);
        object.flag("privileged", self.privileged);
        object.flag("init", self.init);
        object.flag("tty", self.tty);
        object.flag("stdin_open", self.stdin_open);
        object.flag("stdin_once", self.stdin_once);
        object.flag("auto_remove", self.auto_remove);
        object.number("mem_limit", self.mem_limit);
        object.set("pids_limit", self.pids_limit);
        object.number("shm_size", self.shm_size);
        object.number_with("stop_timeout", self.has_stop_timeout, self.stop_timeout);
        object.number("log_max_size", self.log_max_size);
        object.number("log_max_file", self.log_max_file);
        // SAFETY: as the caller promises.
        unsafe {
            self.describe_texts(object)?;
            self.describe_arrays(object)?;
            object.map("labels", self.labels, self.labels_count)?;
            object.map("tmpfs", self.tmpfs, self.tmpfs_count)?;
            object.object("auth", self.auth)
        }
    }
}

impl layerkit_create_options {
    /// The fields that are texts.
    ///
    /// # Safety
    /// As for [`Options::describe`].
    unsafe fn describe_texts(&self, object: &mut Object) -> Result<()> {
        // SAFETY: as the caller promises.
        unsafe {
            object.text("name", self.name)?;
            object.text("working_dir", self.working_dir)?;
            object.text("user", self.user)?;
            object.text("hostname", self.hostname)?;
            object.text("network", self.network)?;
            object.text("stop_signal", self.stop_signal)?;
            object.text("platform", self.platform)?;
            object.text("pull", self.pull)
        }
    }

    /// The fields that are arrays.
    ///
    /// # Safety
    /// As for [`Options::describe`].
    unsafe fn describe_arrays(&self, object: &mut Object) -> Result<()> {
        // SAFETY: as the caller promises.
        unsafe {
            object.texts_if_any("command", self.command, self.command_count)?;
            object.texts_if_any("entrypoint", self.entrypoint, self.entrypoint_count)?;
            object.texts("environment", self.environment, self.environment_count)?;
            object.texts("volumes", self.volumes, self.volumes_count)?;
            object.texts("ports", self.ports, self.ports_count)?;
            object.texts("cap_add", self.cap_add, self.cap_add_count)?;
            object.texts("cap_drop", self.cap_drop, self.cap_drop_count)?;
            object.texts("extra_hosts", self.extra_hosts, self.extra_hosts_count)?;
            object.ulimits("ulimits", self.ulimits, self.ulimits_count)
        }
    }
}

impl Options for layerkit_run_options {
    unsafe fn describe(&self, object: &mut Object) -> Result<()> {
        object.flag("detach", self.detach);
        object.terminal(self.tty_rows, self.tty_cols);
        // SAFETY: as the caller promises.
        unsafe { object.merged("create", self.create) }
    }
}

impl Options for layerkit_container_list_options {
    unsafe fn describe(&self, object: &mut Object) -> Result<()> {
        object.flag("all", self.all);
        object.number("limit", self.limit);
        object.flag("size", self.with_size);
        // SAFETY: as the caller promises.
        unsafe { object.lists("filters", self.filters, self.filters_count) }
    }
}

impl Options for layerkit_container_prune_options {
    unsafe fn describe(&self, object: &mut Object) -> Result<()> {
        // SAFETY: as the caller promises.
        unsafe { object.lists("filters", self.filters, self.filters_count) }
    }
}
