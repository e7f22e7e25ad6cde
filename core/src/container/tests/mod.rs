//! Containers as a command inside and a caller outside see them. They need root, as running containers does.
#![allow(clippy::disallowed_methods)] // makes layers by hand and looks at what is left of them

mod chroot;
mod monitor;
mod mounts;
mod seccomp;

use std::fs;
use std::os::unix::fs::{MetadataExt, PermissionsExt, symlink};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use super::*;

const ID: &str = "0123456789abcdef0123456789abcdef";
const APPLETS: &[&str] = &[
    "cat", "chmod", "chown", "cp", "cut", "dd", "echo", "env", "find", "grep", "head", "hostname", "id",
    "ip", "kill", "ls", "mkdir", "mknod", "mount", "ps", "pwd", "rm", "setsid", "sh", "sleep", "stat",
    "stty", "touch", "tty", "true", "unshare", "wc",
];

/// A layer with busybox, and places for any number of containers.
struct Place {
    folder: tempfile::TempDir,
    layer: PathBuf,
}

/// What a run gave.
#[derive(Debug)]
struct Ran {
    result: Result<ExitStatus>,
    stdout: String,
    stderr: String,
    upper: PathBuf,
}

impl Ran {
    fn code(&self) -> i32 {
        self.result.as_ref().unwrap_or_else(|error| panic!("{error}\n{}", self.stderr)).code
    }

    /// The paths that the run left in its upper directory.
    fn changes(&self) -> Vec<PathBuf> {
        let mut found = Vec::new();
        let mut folders = vec![self.upper.clone()];
        while let Some(folder) = folders.pop() {
            for entry in fs::read_dir(folder).unwrap() {
                let path = entry.unwrap().path();
                if path.symlink_metadata().unwrap().is_dir() {
                    folders.push(path.clone());
                }
                found.push(path.strip_prefix(&self.upper).unwrap().to_owned());
            }
        }
        found
    }
}

/// Ends what a test that failed has left running.
impl Drop for Place {
    fn drop(&mut self) {
        for entry in fs::read_dir(self.folder.path()).into_iter().flatten().flatten() {
            if let Ok(Some(mut connection)) = connect(&entry.path()) {
                let _ = connection.signal(9);
            }
        }
    }
}

fn busybox() -> PathBuf {
    std::env::split_paths(&std::env::var_os("PATH").unwrap())
        .map(|folder| folder.join("busybox"))
        .find(|path| path.exists())
        .expect("busybox is in PATH (package busybox-static)")
}

impl Place {
    fn new() -> Place {
        let folder = tempfile::tempdir().unwrap();
        let layer = folder.path().join("layer");
        fs::create_dir_all(layer.join("bin")).unwrap();
        fs::copy(busybox(), layer.join("bin/busybox")).unwrap();
        for applet in APPLETS {
            symlink("busybox", layer.join("bin").join(applet)).unwrap();
        }
        Place { folder, layer }
    }

    fn spec(&self, args: &[&str]) -> RunSpec {
        let container = tempfile::Builder::new().prefix("c").tempdir_in(self.folder.path()).unwrap().keep();
        let (upper, work) = (container.join("upper"), container.join("work"));
        fs::create_dir(&upper).unwrap();
        fs::create_dir(&work).unwrap();
        RunSpec {
            id: ID.to_owned(),
            isolation: Isolation::Overlay,
            lowers: vec![self.layer.clone()],
            upper,
            work,
            args: args.iter().map(|arg| (*arg).to_owned()).collect(),
            env: vec!["PATH=/bin".to_owned(), "GREETING=hello there".to_owned()],
            cwd: "/".to_owned(),
            user: User::default(),
            network: Network::Host,
            mounts: Vec::new(),
            insecure: false,
            limits: Limits::default(),
            extra_hosts: Vec::new(),
            hostname: None,
            capabilities: Capabilities::default(),
            privileged: false,
            read_only: false,
            init: false,
        }
    }

    fn sh(&self, script: &str) -> Ran {
        ran(&self.spec(&["sh", "-c", script]))
    }
}

fn ran(spec: &RunSpec) -> Ran {
    let (mut stdout, mut stderr) = (Vec::new(), Vec::new());
    let result = run(spec, &Task::new().unwrap(), &mut |stream, bytes| {
        match stream {
            LogStream::Stdout => stdout.extend_from_slice(bytes),
            LogStream::Stderr => stderr.extend_from_slice(bytes),
        }
        Ok(())
    });
    let text = |bytes| String::from_utf8(bytes).unwrap();
    Ran { result, stdout: text(stdout), stderr: text(stderr), upper: spec.upper.clone() }
}

/// The processes of this machine that have `marker` in their command line.
fn processes(marker: &str) -> usize {
    pids(marker).len()
}

fn pids(marker: &str) -> Vec<rustix::process::Pid> {
    let has_marker = |entry: &fs::DirEntry| {
        let line = fs::read(entry.path().join("cmdline")).unwrap_or_default();
        line.split(|byte| *byte == 0).any(|argument| argument == marker.as_bytes())
    };
    fs::read_dir("/proc")
        .unwrap()
        .filter_map(|entry| entry.ok().filter(has_marker)?.file_name().to_str()?.parse().ok())
        .filter_map(rustix::process::Pid::from_raw)
        .collect()
}

fn kill(pid: rustix::process::Pid) {
    rustix::process::kill_process(pid, rustix::process::Signal::KILL).unwrap();
}

/// Waits until there are as many processes with `marker` as there should be.
fn wait_for(marker: &str, wanted: usize) {
    let end = Instant::now() + Duration::from_secs(20);
    while processes(marker) != wanted {
        assert!(Instant::now() < end, "{} processes of {marker}, not {wanted}", processes(marker));
        std::thread::sleep(Duration::from_millis(5));
    }
}

/// A number of seconds to sleep that no other test has, to find its process by.
fn marker() -> String {
    static NEXT: std::sync::atomic::AtomicU32 = std::sync::atomic::AtomicU32::new(0);
    let next = NEXT.fetch_add(1, Ordering::Relaxed);
    format!("{}{next:03}", 100_000 + std::process::id())
}

/// Runs one of the ignored tests below in a process of its own.
fn in_process(test: &str) -> Command {
    let mut command = Command::new(std::env::current_exe().unwrap());
    command.args(["--ignored", "--exact", "--nocapture", &format!("container::tests::{test}")]);
    command
}

#[test]
fn containers_are_supported_where_these_tests_run() {
    for isolation in [Isolation::Overlay, Isolation::Chroot] {
        is_supported(isolation, tempfile::tempdir().unwrap().path()).unwrap();
    }
}

#[test]
fn the_exit_code_is_the_commands() {
    let place = Place::new();
    assert_eq!(ran(&place.spec(&["true"])).code(), 0);
    assert_eq!(place.sh("exit 3").code(), 3);
    assert_eq!(place.sh("sh -c 'kill -TERM $$'; exit $?").code(), 143);
}

#[test]
fn a_command_that_a_signal_ended_has_128_and_its_number() {
    let place = Place::new();
    let marker = marker();
    let spec = place.spec(&["sleep", &marker]);
    std::thread::scope(|scope| {
        let running = scope.spawn(|| ran(&spec));
        wait_for(&marker, 1);
        pids(&marker).into_iter().for_each(kill);
        assert_eq!(running.join().unwrap().code(), 137);
    });
}

#[test]
fn a_command_that_cannot_start_is_an_exit_with_a_line_that_says_why() {
    let place = Place::new();
    fs::write(place.layer.join("bin/text"), "no program").unwrap();
    fs::set_permissions(place.layer.join("bin/text"), fs::Permissions::from_mode(0o755)).unwrap();
    for (command, code, line) in [
        ("nope", 127, "exec: \"nope\": executable file not found in $PATH\n"),
        ("/bin/nope", 127, "exec: \"/bin/nope\": stat /bin/nope: no such file or directory\n"),
        ("/etc/hosts", 126, "exec: \"/etc/hosts\": permission denied\n"),
        ("/bin/text", 126, "exec: \"/bin/text\": exec format error\n"),
    ] {
        let ran = ran(&place.spec(&[command]));
        assert_eq!((ran.code(), ran.stderr.as_str()), (code, line));
    }
}

#[test]
fn output_comes_on_its_stream_and_input_is_empty() {
    let ran = Place::new().sh("echo out; echo err >&2; cat; echo end");
    assert_eq!((ran.stdout.as_str(), ran.stderr.as_str()), ("out\nend\n", "err\n"));
}

#[test]
fn the_command_sees_its_environment_and_directory_and_nothing_of_the_callers() {
    let place = Place::new();
    fs::create_dir(place.layer.join("srv")).unwrap();
    let mut spec = place.spec(&["sh", "-c", "env; pwd; hostname; umask; echo $$; ls /proc/self/fd"]);
    spec.cwd = "/srv".to_owned();
    // sh sets PWD and SHLVL; ls has the directory it reads open.
    let mut lines: Vec<String> = ran(&spec).stdout.lines().map(str::to_owned).collect();
    lines.retain(|line| !line.starts_with("PWD=") && !line.starts_with("SHLVL="));
    let wanted =
        ["PATH=/bin", "GREETING=hello there", "/srv", "0123456789ab", "0022", "1", "0", "1", "2", "3"];
    lines.sort();
    let mut wanted = wanted.map(str::to_owned).to_vec();
    wanted.sort();
    assert_eq!(lines, wanted);
}

#[test]
fn a_working_directory_that_is_missing_is_an_error_that_names_it() {
    let mut spec = Place::new().spec(&["true"]);
    spec.cwd = "/none".to_owned();
    let error = ran(&spec).result.unwrap_err();
    // The layer has gone with its place: that is found out first, and named as well.
    assert_eq!(error.kind(), ErrorKind::ContainerFailed);
    let place = Place::new();
    let mut spec = place.spec(&["true"]);
    spec.cwd = "/none".to_owned();
    let error = ran(&spec).result.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::ContainerFailed);
    assert!(error.to_string().contains("working directory /none"), "{error}");
}

#[test]
fn another_user_has_its_ids_and_no_capabilities() {
    let place = Place::new();
    let mut spec = place.spec(&["sh", "-c", "id; grep CapEff /proc/self/status"]);
    spec.user = User { uid: 33, gid: 34, groups: vec![34, 4], home: "/".to_owned() };
    assert_eq!(ran(&spec).stdout, "uid=33 gid=34 groups=4,34\nCapEff:\t0000000000000000\n");
}

#[test]
fn without_a_network_there_is_a_loopback_that_works_and_no_more() {
    let place = Place::new();
    let mut spec = place.spec(&["sh", "-c", "ip -o link | wc -l; ip -o addr show lo | grep -c 127.0.0.1"]);
    spec.network = Network::None;
    assert_eq!(ran(&spec).stdout, "1\n1\n");
}

#[test]
fn privileges_are_dockers_default() {
    let ran = Place::new().sh("grep -E '^(Cap|Seccomp:|NoNewPrivs)' /proc/self/status");
    let fields: Vec<(&str, &str)> = ran.stdout.lines().filter_map(|line| line.split_once(":\t")).collect();
    assert_eq!(
        fields,
        [
            ("CapInh", "0000000000000000"),
            ("CapPrm", "00000000a80425fb"),
            ("CapEff", "00000000a80425fb"),
            ("CapBnd", "00000000a80425fb"),
            ("CapAmb", "0000000000000000"),
            ("NoNewPrivs", "0"),
            ("Seccomp", "2"),
        ]
    );
}

/// What no container may do that was given nothing more.
const FORBIDDEN: &[&str] = &[
    "mount -t tmpfs none /bin",
    "unshare -U true",
    "unshare -m true",
    "mknod /sda b 8 0 && cat /sda",
    "mknod /dev/shm/null c 1 3 && echo x > /dev/shm/null",
    "echo 1 > /proc/sys/vm/drop_caches",
    "echo b > /proc/sysrq-trigger",
    "touch /sys/x",
    "hostname other",
];

#[test]
fn what_docker_forbids_is_forbidden() {
    let place = Place::new();
    for forbidden in FORBIDDEN {
        assert_ne!(place.sh(forbidden).code(), 0, "{forbidden}");
    }
    assert_eq!(place.sh("ls /sys/firmware; cat /proc/keys /proc/timer_list").stdout, "");
    assert_eq!(place.sh("echo x > /dev/null && head -c 4 /dev/zero | wc -c").stdout, "4\n");
}

#[test]
fn nothing_of_the_run_stays_in_the_upper_directory() {
    let folder = tempfile::tempdir().unwrap();
    let place = Place { layer: folder.path().join("bare"), folder };
    fs::create_dir(&place.layer).unwrap();
    fs::copy(busybox(), place.layer.join("busybox")).unwrap();
    let ran = ran(&place.spec(&["/busybox", "true"]));
    assert_eq!(ran.code(), 0);
    assert_eq!(ran.changes(), Vec::<PathBuf>::new());
}

#[test]
fn name_files_are_there_for_the_run_and_what_is_written_to_them_is_lost() {
    let place = Place::new();
    let ran = place.sh("cat /etc/hostname; grep -c 0123456789ab /etc/hosts; echo x > /etc/resolv.conf");
    assert_eq!((ran.code(), ran.stdout.as_str()), (0, "0123456789ab\n1\n"));
    assert_eq!(ran.changes(), Vec::<PathBuf>::new());
}

#[test]
fn a_resolv_conf_that_is_a_link_is_covered_wherever_it_points() {
    let place = Place::new();
    fs::create_dir(place.layer.join("etc")).unwrap();
    symlink("../run/systemd/resolve/stub-resolv.conf", place.layer.join("etc/resolv.conf")).unwrap();
    symlink("/bin/sh", place.layer.join("etc/hosts")).unwrap();
    let ran = place.sh("cat /etc/resolv.conf; head -c 4 /bin/sh | grep -c ELF");
    let host = fs::read_to_string("/etc/resolv.conf").unwrap_or_default();
    assert_eq!((ran.code(), ran.stdout.clone()), (0, format!("{host}1\n")));
    assert_eq!(ran.changes(), Vec::<PathBuf>::new());
}

#[test]
fn what_a_layer_deleted_is_mounted_upon_all_the_same() {
    use rustix::fs::{CWD, FileType, Mode, XattrFlags, mknodat, setxattr};
    let place = Place::new();
    fs::create_dir(place.layer.join("etc")).unwrap();
    fs::write(place.layer.join("etc/resolv.conf"), "old").unwrap();
    let script = "grep -c 0123456789ab /etc/hosts; ls /etc | wc -l; stat -c %a /etc; ls /proc/self/status; cat /etc/resolv.conf";
    let host = fs::read_to_string("/etc/resolv.conf").unwrap_or_default();
    for opaque in [false, true] {
        let above = place.folder.path().join(format!("above {opaque}"));
        fs::create_dir_all(above.join("etc")).unwrap();
        fs::set_permissions(above.join("etc"), fs::Permissions::from_mode(0o750)).unwrap();
        let mut deleted = vec!["proc"];
        if opaque {
            setxattr(above.join("etc"), "trusted.overlay.opaque", b"y", XattrFlags::empty()).unwrap();
        } else {
            deleted.extend(["etc/hosts", "etc/resolv.conf"]);
        }
        for path in deleted {
            mknodat(CWD, above.join(path), FileType::CharacterDevice, Mode::empty(), 0).unwrap();
        }
        let mut spec = place.spec(&["sh", "-c", script]);
        spec.lowers.insert(0, above);
        let ran = ran(&spec);
        assert_eq!((ran.code(), ran.stdout.as_str()), (0, &*format!("1\n3\n750\n/proc/self/status\n{host}")));
        assert_eq!(ran.changes(), Vec::<PathBuf>::new());
    }
}

#[test]
fn a_link_in_the_place_of_proc_is_refused() {
    let place = Place::new();
    symlink("/bin", place.layer.join("proc")).unwrap();
    let error = place.sh("true").result.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::ContainerFailed);
    assert!(error.to_string().contains("/proc"), "{error}");
}

#[test]
fn the_root_looks_as_in_the_topmost_layer() {
    let place = Place::new();
    fs::set_permissions(&place.layer, fs::Permissions::from_mode(0o751)).unwrap();
    let ran = place.sh("stat -c %a /; touch /new");
    assert_eq!(ran.stdout, "751\n");
    assert_eq!(ran.changes(), [Path::new("new")]);
    assert_eq!(fs::metadata(&ran.upper).unwrap().mode() & 0o7777, 0o751);
}

#[test]
fn more_layers_than_an_old_mount_call_takes_are_merged_in_order() {
    let place = Place::new();
    let mut spec = place.spec(&["sh", "-c", "cat /top; ls /each | wc -l"]);
    for n in 0..130 {
        let layer =
            place.folder.path().join(format!("layer with a long name, number {n}: {}", "x".repeat(200)));
        fs::create_dir_all(layer.join("each")).unwrap();
        fs::write(layer.join("top"), format!("{n}\n")).unwrap();
        fs::write(layer.join("each").join(n.to_string()), "").unwrap();
        spec.lowers.insert(0, layer);
    }
    assert_eq!(ran(&spec).stdout, "129\n130\n");
}

#[test]
fn an_upper_directory_is_in_one_container_at_a_time() {
    let place = Place::new();
    let marker = marker();
    let spec = place.spec(&["sleep", &marker]);
    let task = Task::new().unwrap();
    std::thread::scope(|scope| {
        let first = scope.spawn(|| run(&spec, &task, &mut |_, _| Ok(())));
        wait_for(&marker, 1);
        assert_eq!(ran(&spec).result.unwrap_err().kind(), ErrorKind::Conflict);
        task.token().cancel();
        assert_eq!(first.join().unwrap().unwrap_err().kind(), ErrorKind::Cancelled);
    });
}

#[test]
fn cancelling_ends_the_whole_tree_at_once() {
    let place = Place::new();
    let marker = marker();
    let script = format!("trap '' TERM INT HUP; sleep {marker} & sh -c 'sleep {marker}; true' & wait");
    let spec = place.spec(&["sh", "-c", &script]);
    let task = Task::new().unwrap();
    std::thread::scope(|scope| {
        let running = scope.spawn(|| run(&spec, &task, &mut |_, _| Ok(())));
        wait_for(&marker, 2);
        let begun = Instant::now();
        task.token().cancel();
        assert_eq!(running.join().unwrap().unwrap_err().kind(), ErrorKind::Cancelled);
        assert_eq!(processes(&marker), 0);
        assert!(begun.elapsed() < Duration::from_secs(2), "{:?}", begun.elapsed());
    });
}

#[test]
fn a_task_that_is_cancelled_before_starts_nothing() {
    let place = Place::new();
    let task = Task::new().unwrap();
    task.token().cancel();
    let spec = place.spec(&["touch", "/x"]);
    assert_eq!(run(&spec, &task, &mut |_, _| Ok(())).unwrap_err().kind(), ErrorKind::Cancelled);
    assert!(!spec.upper.join("x").exists());
}

#[test]
fn a_receiver_that_fails_ends_the_container_with_its_error() {
    let place = Place::new();
    let marker = marker();
    let spec = place.spec(&["sh", "-c", &format!("echo x; sleep {marker}")]);
    let refuse = |_: LogStream, _: &[u8]| Err(Error::new(ErrorKind::Callback, "no more"));
    let error = run(&spec, &Task::new().unwrap(), &mut { refuse }).unwrap_err();
    assert_eq!((error.kind(), processes(&marker)), (ErrorKind::Callback, 0));
}

#[test]
fn what_a_command_leaves_in_the_background_ends_with_it() {
    let place = Place::new();
    let marker = marker();
    let begun = Instant::now();
    let ran = place.sh(&format!("sleep {marker} & sleep {marker} > /dev/null 2>&1 & echo done"));
    assert_eq!((ran.code(), ran.stdout.as_str(), processes(&marker)), (0, "done\n", 0));
    assert!(begun.elapsed() < Duration::from_secs(10));
}

#[test]
fn a_lot_of_output_streams_through() {
    let place = Place::new();
    let spec = place.spec(&["dd", "if=/dev/zero", "bs=1000000", "count=100"]);
    let (mut total, mut largest) = (0, 0);
    let status = run(&spec, &Task::new().unwrap(), &mut |stream, bytes| {
        if stream == LogStream::Stdout {
            total += bytes.len();
            largest = largest.max(bytes.len());
        }
        Ok(())
    });
    assert_eq!((status.unwrap().code, total), (0, 100_000_000));
    assert!(largest <= BUFFER);
}

#[test]
fn several_threads_run_containers_at_once() {
    let place = Place::new();
    std::thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| {
                for n in 0..13 {
                    assert_eq!(place.sh(&format!("echo {n}; exit {n}")).code(), n);
                }
            });
        }
    });
}

/// Ignored: the victim of the next test.
#[test]
#[ignore = "runs in a process of its own"]
fn sleeps_in_a_container() {
    let place = Place::new();
    let marker = std::env::var("MARKER").unwrap();
    let _ = place.sh(&format!("sleep {marker} & exec sleep {marker}"));
}

#[test]
fn the_containers_of_a_killed_caller_end() {
    let marker = marker();
    let mut caller =
        in_process("sleeps_in_a_container").env("MARKER", &marker).stdout(Stdio::null()).spawn().unwrap();
    wait_for(&marker, 2);
    caller.kill().unwrap();
    caller.wait().unwrap();
    wait_for(&marker, 0);
}

/// Ignored: its only child is the helper of its only container.
#[test]
#[ignore = "runs in a process of its own"]
fn loses_its_helper() {
    let place = Place::new();
    let marker = marker();
    let spec = place.spec(&["sh", "-c", &format!("sleep {marker} > /dev/null 2>&1 & exec sleep {marker}")]);
    std::thread::scope(|scope| {
        let running = scope.spawn(|| ran(&spec));
        wait_for(&marker, 2);
        let children = children();
        let helpers = children.split_whitespace().map(|pid| pid.parse().unwrap());
        helpers.filter_map(rustix::process::Pid::from_raw).for_each(kill);
        let error = running.join().unwrap().result.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::ContainerFailed);
        wait_for(&marker, 0);
    });
}

#[test]
fn a_container_ends_with_its_helper_and_that_is_an_error() {
    let output = in_process("loses_its_helper").output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stdout));
}

/// The IDs of this process's children.
fn children() -> String {
    let tasks = fs::read_dir("/proc/self/task").unwrap();
    tasks.map(|task| fs::read_to_string(task.unwrap().path().join("children")).unwrap()).collect()
}

/// Ignored: counts what its own process has, so it runs alone in one.
#[test]
#[ignore = "runs in a process of its own"]
fn leaves_nothing_in_its_process() {
    let open = || fs::read_dir("/proc/self/fd").unwrap().count();
    let threads = || fs::read_dir("/proc/self/task").unwrap().count();
    let mounts = || fs::read_to_string("/proc/self/mountinfo").unwrap();
    let place = Place::new();
    let before = (open(), children(), threads(), mounts());
    for code in 0..10 {
        assert_eq!(place.sh(&format!("echo x; exit {code}")).code(), code);
    }
    assert!(ran(&RunSpec { cwd: "/none".to_owned(), ..place.spec(&["true"]) }).result.is_err());
    is_supported(Isolation::Overlay, tempfile::tempdir().unwrap().path()).unwrap();
    assert_eq!(before, (open(), children(), threads(), mounts()));
}

#[test]
fn no_descriptor_child_thread_or_mount_stays_behind() {
    let output = in_process("leaves_nothing_in_its_process").output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stdout));
}

#[test]
fn a_caller_that_ignores_its_children_gets_exit_codes_all_the_same() {
    let test = in_process("leaves_nothing_in_its_process");
    let output = Command::new("sh")
        .args(["-c", "trap '' CHLD; exec \"$@\"", "sh"])
        .arg(test.get_program())
        .args(test.get_args())
        .output()
        .unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stdout));
}
