//! Containers with a monitor: their streams, their state, and what is left of them.

use std::io::Write;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

use super::*;

const ALL: Attach = Attach { stdin: true, stdout: true, stderr: true };
const OUTPUT: Attach = Attach { stdin: false, stdout: true, stderr: true };

/// What a conversation gave.
#[derive(Debug)]
struct Said {
    end: Result<End>,
    stdout: String,
    stderr: String,
}

impl Said {
    fn code(&self) -> i32 {
        match self.end {
            Ok(End::Exited(status)) => status.code,
            _ => panic!("{self:?}"),
        }
    }
}

impl Place {
    fn watched(&self, script: &str) -> MonitorSpec {
        let run = self.spec(&["sh", "-c", script]);
        MonitorSpec {
            folder: run.upper.parent().unwrap().to_owned(),
            run,
            tty: None,
            open_stdin: false,
            stdin_once: false,
            detached: false,
            attach: OUTPUT,
            log: LogLimits::default(),
        }
    }

    fn detached(&self, script: &str) -> MonitorSpec {
        MonitorSpec { detached: true, attach: Attach::default(), ..self.watched(script) }
    }
}

fn task() -> Task {
    Task::new().unwrap()
}

fn begin(spec: &MonitorSpec) -> Connection {
    start(spec, &task()).unwrap()
}

fn talk(connection: Connection, stdin: Option<BorrowedFd<'_>>) -> Said {
    let (mut stdout, mut stderr) = (Vec::new(), Vec::new());
    let end = connection.converse(
        stdin,
        &mut |stream, bytes| {
            match stream {
                LogStream::Stdout => stdout.extend_from_slice(bytes),
                LogStream::Stderr => stderr.extend_from_slice(bytes),
            }
            Ok(())
        },
        &task(),
    );
    let text = |bytes| String::from_utf8(bytes).unwrap();
    Said { end, stdout: text(stdout), stderr: text(stderr) }
}

fn exec(args: &[&str]) -> ExecSpec {
    ExecSpec {
        args: args.iter().map(|arg| (*arg).to_owned()).collect(),
        env: vec!["PATH=/bin".to_owned(), "OF=exec".to_owned()],
        cwd: "/".to_owned(),
        user: User::default(),
        tty: None,
        attach: OUTPUT,
        privileged: false,
    }
}

fn executed(folder: &Path, spec: &ExecSpec) -> Said {
    talk(connect(folder).unwrap().unwrap().exec(spec, &task()).unwrap(), None)
}

fn pipe_with(bytes: &[u8]) -> OwnedFd {
    let (reader, writer) = std::io::pipe().unwrap();
    { writer }.write_all(bytes).unwrap();
    reader.into()
}

/// Waits until something is so; it is looked at again and again, since it is another process that makes it so.
fn until(what: &str, mut is_so: impl FnMut() -> bool) {
    let end = Instant::now() + Duration::from_secs(20);
    while !is_so() {
        assert!(Instant::now() < end, "{what}");
        std::thread::sleep(Duration::from_millis(2));
    }
}

fn status(spec: &MonitorSpec) -> Status {
    read_state(&spec.folder).unwrap().status
}

fn end(spec: &MonitorSpec) {
    if let Some(mut connection) = connect(&spec.folder).unwrap() {
        let _ = connection.signal(9);
        connection.wait(&task()).unwrap();
    }
}

/// The `log` fields of a container's log, put together, and how many records there are.
fn logged(folder: &Path, name: &str) -> (String, usize) {
    let text = fs::read_to_string(folder.join(name)).unwrap_or_default();
    let records: Vec<serde_json::Value> =
        text.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    (records.iter().map(|record| record["log"].as_str().unwrap()).collect(), records.len())
}

#[test]
fn output_and_code_come_over_the_connection_that_started_it_and_are_written_down() {
    let place = Place::new();
    let spec = place.watched("echo out; echo err >&2; exit 7");
    let said = talk(begin(&spec), None);
    assert_eq!((said.code(), said.stdout.as_str(), said.stderr.as_str()), (7, "out\n", "err\n"));
    let state = read_state(&spec.folder).unwrap();
    assert_eq!((state.status, state.code, state.pid, state.oom), (Status::Exited, Some(7), None, false));
    assert!(state.started.unwrap() < state.finished.unwrap());
    assert!(connect(&spec.folder).unwrap().is_none());
    let log = fs::read_to_string(spec.folder.join("log")).unwrap();
    let records: Vec<serde_json::Value> =
        log.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let mut streams: Vec<(&str, &str)> = records
        .iter()
        .map(|record| (record["stream"].as_str().unwrap(), record["log"].as_str().unwrap()))
        .collect();
    streams.sort();
    assert_eq!(streams, [("stderr", "err\n"), ("stdout", "out\n")]);
    let time = records[0]["time"].as_str().unwrap();
    let time: jiff::Timestamp = time.parse().unwrap();
    assert!((jiff::Timestamp::now().as_second() - time.as_second()).abs() < 60, "{time}");
    // Nothing of it but what it wrote.
    let mut left: Vec<_> =
        fs::read_dir(&spec.folder).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    left.sort();
    assert_eq!(left, ["lock", "log", "state", "upper", "work"]);
    // And it can be started again.
    assert_eq!(talk(begin(&spec), None).code(), 7);
}

#[test]
fn a_command_that_is_not_there_is_an_error_with_its_code_and_no_run() {
    let place = Place::new();
    for (command, code) in [("nope", 127), ("/etc/hosts", 126)] {
        let mut spec = place.watched("");
        spec.run.args = vec![command.to_owned()];
        let error = start(&spec, &task()).err().unwrap();
        assert_eq!(error.kind(), ErrorKind::ContainerFailed);
        assert_eq!(error.field("exit_code"), Some(&crate::error::Field::Int(code)), "{error}");
        assert!(error.to_string().starts_with(&format!("exec: {command:?}: ")), "{error}");
        let state = read_state(&spec.folder).unwrap();
        assert_eq!((state.status, state.code, state.started), (Status::Created, Some(code as i32), None));
        assert_eq!(state.error, error.to_string());
        let mut spec = place.watched("");
        spec.run.cwd = "/none".to_owned();
        assert!(start(&spec, &task()).err().unwrap().to_string().contains("working directory /none"));
    }
}

#[test]
fn a_detached_container_outlives_its_connection_and_can_be_found_signalled_and_waited_for() {
    let place = Place::new();
    let spec = place.detached("trap 'echo bye; exit 5' TERM; echo ready; while :; do sleep 0.01; done");
    let pid = begin(&spec).pid();
    assert_eq!(read_state(&spec.folder).unwrap().pid, Some(pid));
    assert_eq!(start(&spec, &task()).err().unwrap().kind(), ErrorKind::Conflict);
    until("it is ready", || logged(&spec.folder, "log").0.starts_with("ready"));
    let waiting = connect(&spec.folder).unwrap().unwrap();
    let mut attached = connect(&spec.folder).unwrap().unwrap();
    attached.attach(OUTPUT).unwrap();
    attached.signal(15).unwrap();
    let said = talk(attached, None);
    assert_eq!((said.code(), said.stdout.as_str()), (5, "bye\n"));
    assert_eq!(waiting.wait(&task()).unwrap(), Some(ExitStatus { code: 5 }));
    assert_eq!(logged(&spec.folder, "log").0, "ready\nbye\n");
}

#[test]
fn a_container_in_the_foreground_ends_with_its_connection_and_one_that_is_cancelled_too() {
    let place = Place::new();
    let marker = marker();
    let spec = place.watched(&format!("trap '' TERM HUP INT; sleep {marker} & wait; sleep {marker}"));
    let connection = begin(&spec);
    wait_for(&marker, 1);
    drop(connection);
    wait_for(&marker, 0);
    until("its end is written", || status(&spec) == Status::Exited);
    assert_eq!(read_state(&spec.folder).unwrap().code, Some(137));
    let connection = begin(&spec);
    let task = task();
    task.token().cancel();
    let error = connection.converse(None, &mut |_, _| Ok(()), &task).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Cancelled);
    assert_eq!((processes(&marker), status(&spec)), (0, Status::Exited));
    // So it is when who takes the output fails, and when the start is given up.
    let spec = place.watched(&format!("echo x; sleep {marker}"));
    let refused = || Err(Error::new(ErrorKind::Callback, "no more"));
    let error = begin(&spec).converse(None, &mut |_, _| refused(), &Task::new().unwrap()).unwrap_err();
    assert_eq!((error.kind(), processes(&marker)), (ErrorKind::Callback, 0));
    let error = start(&spec, &task).err().unwrap();
    assert_eq!((error.kind(), processes(&marker)), (ErrorKind::Cancelled, 0));
}

#[test]
fn input_goes_in_and_its_end_is_the_end_of_input_where_that_is_asked() {
    let place = Place::new();
    let mut spec = place.watched("cat; echo end");
    (spec.open_stdin, spec.stdin_once, spec.attach) = (true, true, ALL);
    let input = pipe_with(b"some input");
    let said = talk(begin(&spec), Some(input.as_fd()));
    assert_eq!((said.code(), said.stdout.as_str()), (0, "some inputend\n"));
    // Without input, it is empty.
    let said = talk(begin(&place.watched("cat; echo end")), None);
    assert_eq!(said.stdout, "end\n");
    // Where it goes on, another one can send more.
    let mut spec = place.detached("head -c 8; echo; echo done");
    spec.open_stdin = true;
    begin(&spec);
    for (bytes, wanted) in [(&b"1234"[..], None), (b"5678", Some("12345678\ndone\n"))] {
        let mut connection = connect(&spec.folder).unwrap().unwrap();
        connection.attach(ALL).unwrap();
        let input = pipe_with(bytes);
        if wanted.is_some() {
            assert_eq!(talk(connection, Some(input.as_fd())).code(), 0);
            assert_eq!(Some(logged(&spec.folder, "log").0.as_str()), wanted);
        } else {
            let control = connection.control();
            std::thread::scope(|scope| {
                let talking = scope.spawn(|| talk(connection, Some(input.as_fd())));
                std::thread::sleep(Duration::from_millis(50));
                control.detach();
                assert_eq!(talking.join().unwrap().end.unwrap(), End::Detached);
            });
        }
    }
}

#[test]
fn much_input_and_output_flow_at_the_pace_of_who_takes_them() {
    const BYTES: usize = 8 << 20;
    let place = Place::new();
    let mut spec = place.watched("cat");
    (spec.open_stdin, spec.stdin_once, spec.attach) = (true, true, ALL);
    let input = tempfile::tempfile().unwrap();
    (&input).write_all(&vec![b'x'; BYTES]).unwrap();
    std::io::Seek::rewind(&mut &input).unwrap();
    assert_eq!(talk(begin(&spec), Some(input.as_fd())).stdout.len(), BYTES);

    // A client that takes nothing holds the container up.
    let spec = place.watched("dd if=/dev/zero bs=64k count=64 2>/dev/null; echo done >&2");
    let connection = begin(&spec);
    let size = || fs::metadata(spec.folder.join("log")).map_or(0, |found| found.len());
    let mut before = size();
    until("it stands still", || {
        std::thread::sleep(Duration::from_millis(100));
        std::mem::replace(&mut before, size()) == size()
    });
    assert_eq!(status(&spec), Status::Running);
    let said = talk(connection, None);
    assert_eq!((said.stdout.len(), said.stderr.as_str()), (64 * 65536, "done\n"));
}

#[test]
fn the_log_has_whole_characters_keeps_what_is_none_and_is_rotated() {
    let place = Place::new();
    let said = talk(begin(&place.watched("true")), None);
    assert_eq!(said.code(), 0);
    let spec =
        place.watched(r#"printf '\303'; sleep 0.05; printf '\244"\t\n'; printf 'x\377\n'; printf end"#);
    talk_bytes(begin(&spec));
    let text = fs::read_to_string(spec.folder.join("log")).unwrap();
    let records: Vec<serde_json::Value> =
        text.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(logged(&spec.folder, "log").0, "ä\"\t\nx\u{fffd}\nend");
    assert!(records.iter().any(|record| record["raw"] == "78ff0a"), "{text}");

    let mut spec = place.watched("i=0; while [ $i -lt 100 ]; do echo line $i; i=$((i+1)); done");
    spec.log = LogLimits { max_size: 2000, max_file: 3 };
    assert_eq!(talk(begin(&spec), None).code(), 0);
    let logs = ["log.2", "log.1", "log"].map(|name| logged(&spec.folder, name).0);
    let all = logs.concat();
    assert!(all.ends_with("line 98\nline 99\n"));
    let first: u32 = all.lines().next().unwrap().strip_prefix("line ").unwrap().parse().unwrap();
    assert_eq!(all.lines().count() as u32, 100 - first);
    assert!(!spec.folder.join("log.3").exists());
    for name in ["log", "log.1", "log.2"] {
        assert!(fs::metadata(spec.folder.join(name)).unwrap().len() <= 2000);
    }
}

fn talk_bytes(connection: Connection) {
    assert!(matches!(
        connection.converse(None, &mut |_, _| Ok(()), &task()).unwrap(),
        End::Exited(ExitStatus { code: 0 })
    ));
}

#[test]
fn a_terminal_is_one_and_has_the_size_that_it_is_given() {
    let place = Place::new();
    let script = "[ -t 0 ] && [ -t 1 ] && [ -t 2 ] && echo terminal; tty; [ -c /dev/console ] && stty size
        trap 'stty size; exit 3' WINCH; echo ready; while :; do sleep 0.01; done";
    let mut spec = place.watched(script);
    (spec.tty, spec.open_stdin, spec.attach) = (Some(Window { rows: 33, cols: 99 }), true, ALL);
    let connection = begin(&spec);
    let control = connection.control();
    let mut text = String::new();
    let end = connection
        .converse(
            None,
            &mut |_, bytes| {
                let was_ready = text.contains("ready");
                text.push_str(std::str::from_utf8(bytes).unwrap());
                if text.contains("ready") && !was_ready {
                    control.resize(Window { rows: 44, cols: 111 });
                }
                Ok(())
            },
            &task(),
        )
        .unwrap();
    assert_eq!(end, End::Exited(ExitStatus { code: 3 }));
    assert_eq!(text, "terminal\r\n/dev/pts/0\r\n33 99\r\nready\r\n44 111\r\n");
}

#[test]
fn what_is_typed_into_a_terminal_arrives_and_interrupts() {
    let place = Place::new();
    let mut spec =
        place.watched("trap 'echo int; exit 9' INT; read line; echo got $line; while :; do sleep 0.01; done");
    (spec.tty, spec.open_stdin, spec.attach) = (Some(Window::default()), true, ALL);
    let connection = begin(&spec);
    let (reader, mut writer) = std::io::pipe().unwrap();
    let (reader, mut text) = (OwnedFd::from(reader), String::new());
    writer.write_all(b"hello\n").unwrap();
    let end = connection.converse(
        Some(reader.as_fd()),
        &mut |_, bytes| {
            let had = text.contains("got hello");
            text.push_str(std::str::from_utf8(bytes).unwrap());
            if text.contains("got hello") && !had {
                writer.write_all(b"\x03").unwrap();
            }
            Ok(())
        },
        &task(),
    );
    assert_eq!(end.unwrap(), End::Exited(ExitStatus { code: 9 }), "{text}");
    assert!(text.ends_with("int\r\n"), "{text}");
}

#[test]
fn other_commands_run_in_the_container_as_who_and_where_they_are_asked() {
    let place = Place::new();
    let mut spec = place.detached("cd /bin; sleep 1000; true");
    spec.run.network = Network::None;
    spec.run.limits = Limits::default().rlimit("nofile", 77, 77).unwrap();
    begin(&spec);
    let script = "id; pwd; echo $OF; hostname; ulimit -n; cat /proc/1/cmdline | head -c 2; ip -o link | wc -l; ls /proc/self/fd
        grep -E '^(CapEff|CapBnd|Seccomp:)' /proc/self/status; exit 4";
    let mut command = exec(&["sh", "-c", script]);
    command.cwd = "/bin".to_owned();
    command.user = User { uid: 33, gid: 34, groups: vec![34], home: "/".to_owned() };
    let said = executed(&spec.folder, &command);
    assert_eq!(said.code(), 4, "{said:?}");
    let wanted = "uid=33 gid=34 groups=34\n/bin\nexec\n0123456789ab\n77\nsh1\n0\n1\n2\n3\n\
        CapEff:\t0000000000000000\nCapBnd:\t00000000a80425fb\nSeccomp:\t2\n";
    assert_eq!(said.stdout, wanted, "{}", said.stderr);
    // As root, it sees the others; with all privileges, all of them.
    let said = executed(
        &spec.folder,
        &exec(&["sh", "-c", "grep CapEff /proc/self/status; ps | grep -c 'sleep 1000'"]),
    );
    assert_eq!(said.stdout.lines().next(), Some("CapEff:\t00000000a80425fb"));
    let said = executed(
        &spec.folder,
        &ExecSpec { privileged: true, ..exec(&["grep", "CapEff", "/proc/self/status"]) },
    );
    let own = fs::read_to_string("/proc/self/status").unwrap();
    assert_eq!(said.stdout.lines().next(), own.lines().find(|line| line.starts_with("CapEff")));
    // One that is not there.
    let error = connect(&spec.folder).unwrap().unwrap().exec(&exec(&["nope"]), &task()).err().unwrap();
    assert_eq!(error.field("exit_code"), Some(&crate::error::Field::Int(127)), "{error}");
    // Input, and its end.
    let input = pipe_with(b"to the exec");
    let command = ExecSpec { attach: ALL, ..exec(&["cat"]) };
    let connection = connect(&spec.folder).unwrap().unwrap().exec(&command, &task()).unwrap();
    assert_eq!(talk(connection, Some(input.as_fd())).stdout, "to the exec");
    // A terminal of its own.
    let command =
        ExecSpec { tty: Some(Window { rows: 5, cols: 6 }), ..exec(&["sh", "-c", "tty; stty size"]) };
    assert_eq!(executed(&spec.folder, &command).stdout, "/dev/pts/0\r\n5 6\r\n");
    // Many at once.
    std::thread::scope(|scope| {
        let running: Vec<_> = (0..20)
            .map(|number| {
                let folder = &spec.folder;
                scope.spawn(move || {
                    executed(folder, &exec(&["sh", "-c", &format!("echo {number}; exit {number}")]))
                })
            })
            .collect();
        for (number, running) in running.into_iter().enumerate() {
            let said = running.join().unwrap();
            assert_eq!((said.code(), said.stdout), (number as i32, format!("{number}\n")));
        }
    });
    // A signal of its connection is its own.
    let mut connection =
        connect(&spec.folder).unwrap().unwrap().exec(&exec(&["sleep", "1000"]), &task()).unwrap();
    connection.signal(15).unwrap();
    assert_eq!(talk(connection, None).code(), 143);
    assert_eq!(status(&spec), Status::Running);
    // All end with the container.
    let connection =
        connect(&spec.folder).unwrap().unwrap().exec(&exec(&["sleep", "1000"]), &task()).unwrap();
    end(&spec);
    assert_eq!(talk(connection, None).code(), 137);
}

#[test]
fn a_pause_stops_everything_and_is_undone() {
    let place = Place::new();
    let spec = place.detached("while :; do echo x; sleep 0.01; done");
    begin(&spec);
    let size = || fs::metadata(spec.folder.join("log")).map_or(0, |found| found.len());
    until("it runs", || size() > 0);
    let mut connection = connect(&spec.folder).unwrap().unwrap();
    connection.pause().unwrap();
    assert_eq!(status(&spec), Status::Paused);
    assert_eq!(connection.pause().unwrap_err().kind(), ErrorKind::Conflict);
    let refused = connect(&spec.folder).unwrap().unwrap().exec(&exec(&["true"]), &task());
    assert_eq!(refused.err().unwrap().to_string(), "the container is paused");
    let before = size();
    std::thread::sleep(Duration::from_millis(100));
    assert_eq!(size(), before);
    connection.unpause().unwrap();
    assert_eq!(status(&spec), Status::Running);
    assert_eq!(connection.unpause().unwrap_err().kind(), ErrorKind::Conflict);
    until("it goes on", || size() > before);
    // A kill ends it while it stands still, too.
    connection.pause().unwrap();
    let groups = groups_written(&spec);
    end(&spec);
    assert_eq!(read_state(&spec.folder).unwrap().code, Some(137));
    assert!(groups.iter().all(|group| !group.exists()), "{groups:?}");
}

fn groups_written(spec: &MonitorSpec) -> Vec<PathBuf> {
    let text = fs::read_to_string(spec.folder.join("state")).unwrap();
    text.lines().filter_map(|line| line.strip_prefix("cgroup ")).map(PathBuf::from).collect()
}

fn monitor_of(spec: &MonitorSpec) -> rustix::process::Pid {
    let text = fs::read_to_string(spec.folder.join("state")).unwrap();
    let pid = text.lines().find_map(|line| line.strip_prefix("monitor ")).unwrap();
    rustix::process::Pid::from_raw(pid.parse().unwrap()).unwrap()
}

#[test]
fn of_a_killed_monitor_nothing_is_left_and_nobody_knows_the_code() {
    let place = Place::new();
    for paused in [false, true] {
        let marker = marker();
        let mut spec = place.detached(&format!("sleep {marker} & sleep {marker}"));
        spec.run.limits.pids = Some(50);
        begin(&spec);
        wait_for(&marker, 2);
        let mut connection = connect(&spec.folder).unwrap().unwrap();
        if paused {
            connection.pause().unwrap();
        }
        let groups = groups_written(&spec);
        assert!(!groups.is_empty());
        kill(monitor_of(&spec));
        assert_eq!(connection.wait(&task()).unwrap(), None);
        let state = read_state(&spec.folder).unwrap();
        assert_eq!((state.status, state.code, state.pid), (Status::Exited, None, None));
        assert!(state.finished.is_some());
        wait_for(&marker, 0);
        assert!(groups.iter().all(|group| !group.exists()), "{groups:?}");
        assert!(connect(&spec.folder).unwrap().is_none());
        // It can be started again.
        let again =
            MonitorSpec { run: RunSpec { args: vec!["true".into()], ..spec.run.clone() }, ..spec.clone() };
        assert_eq!(begin(&again).wait(&task()).unwrap(), Some(ExitStatus { code: 0 }));
    }
}

/// Ignored: the victim of the next test.
#[test]
#[ignore = "runs in a process of its own"]
fn starts_and_waits() {
    let place = Place::new();
    let marker = std::env::var("MARKER").unwrap();
    let detached = std::env::var("DETACHED").is_ok();
    let spec = MonitorSpec { detached, ..place.watched(&format!("sleep {marker}")) };
    let connection = begin(&spec);
    fs::write(std::env::var("FOLDER_IN").unwrap(), spec.folder.to_str().unwrap()).unwrap();
    let _ = connection.wait(&task());
}

#[test]
fn the_end_of_a_killed_caller_is_the_end_of_a_container_in_the_foreground_alone() {
    for detached in [false, true] {
        let marker = marker();
        let told = tempfile::NamedTempFile::new().unwrap();
        let mut caller = in_process("monitor::starts_and_waits");
        caller.env("MARKER", &marker).env("FOLDER_IN", told.path()).stdout(Stdio::null());
        if detached {
            caller.env("DETACHED", "1");
        }
        let mut caller = caller.spawn().unwrap();
        wait_for(&marker, 1);
        until("it is told where", || fs::metadata(told.path()).unwrap().len() > 0);
        let folder = PathBuf::from(fs::read_to_string(told.path()).unwrap());
        caller.kill().unwrap();
        caller.wait().unwrap();
        if detached {
            std::thread::sleep(Duration::from_millis(50));
            assert_eq!(read_state(&folder).unwrap().status, Status::Running);
            connect(&folder).unwrap().unwrap().signal(9).unwrap();
        }
        wait_for(&marker, 0);
        until("its end is written", || read_state(&folder).unwrap().code == Some(137));
        fs::remove_dir_all(folder.parent().unwrap()).unwrap();
    }
}

#[test]
fn many_starts_from_several_threads_leave_nothing() {
    let place = Place::new();
    let count = |what: &str| fs::read_dir(what).unwrap().count();
    let children = || {
        let me = format!("\t{}", std::process::id());
        let processes = fs::read_dir("/proc")
            .unwrap()
            .filter_map(|entry| fs::read_to_string(entry.ok()?.path().join("status")).ok());
        processes
            .filter(|text| text.lines().any(|line| line.starts_with("PPid:") && line.ends_with(&me)))
            .count()
    };
    std::thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| {
                for _ in 0..50 {
                    let said = talk(begin(&place.watched("echo $$")), None);
                    assert_eq!((said.code(), said.stdout.as_str()), (0, "1\n"));
                }
            });
        }
    });
    // Other tests of this process open descriptors, too: what 200 starts would leave is more.
    assert!(count("/proc/self/fd") < 200 && children() < 100);
    let folder = place.folder.path().to_str().unwrap();
    assert!(!fs::read_to_string("/proc/self/mountinfo").unwrap().contains(folder));
}

#[test]
fn a_process_1_that_is_no_command_reaps_and_hands_signals_on() {
    let place = Place::new();
    let mut spec = place.watched("[ $$ != 1 ] && (sleep 0.01 &) ; sleep 0.1; ps | grep -c Z; trap 'exit 6' TERM; kill -TERM 1; sleep 5");
    spec.run.init = true;
    let said = talk(begin(&spec), None);
    assert_eq!(said.code(), 6, "{said:?}");
    let mut spec = place.watched("");
    (spec.run.init, spec.run.args) = (true, vec!["nope".to_owned()]);
    let error = start(&spec, &task()).err().unwrap();
    assert_eq!(error.field("exit_code"), Some(&crate::error::Field::Int(127)), "{error}");
}

#[test]
fn memory_that_is_used_up_is_told() {
    let place = Place::new();
    let mut spec = place.watched("head -c 99999999 /dev/zero | grep x; exit 3");
    spec.run.limits.memory = Some(32 << 20);
    match start(&spec, &task()) {
        Err(error) => assert_eq!(error.kind(), ErrorKind::Unsupported, "{error}"),
        Ok(connection) => {
            let said = talk(connection, None);
            let state = read_state(&spec.folder).unwrap();
            assert!(state.oom && state.code == Some(3), "{state:?} {said:?}");
        }
    }
}

#[test]
fn a_root_that_is_read_only_leaves_what_is_mounted_writable() {
    let place = Place::new();
    let host = place.folder.path().join("made/by/start");
    let mut spec = place.watched(
        "for f in /x /bin/x /etc/hosts; do echo > $f && echo wrote $f; done 2>/dev/null
        echo > /t/x && echo > /v/x && echo > /dev/shm/x && stat -c %a /t; cp /bin/busybox /t/b && /t/b true || echo noexec",
    );
    spec.run.read_only = true;
    spec.run.mounts = vec![
        parse_tmpfs("/t", "size=4m,mode=750").unwrap(),
        parse_volume(&format!("{}:/v", host.display())).unwrap(),
    ];
    let said = talk(begin(&spec), None);
    assert_eq!(said.stdout, "750\nnoexec\n", "{}", said.stderr);
    assert!(host.join("x").exists());
    assert_eq!(fs::metadata(&host).unwrap().permissions().mode() & 0o777, 0o755);
}

#[test]
fn what_a_container_may_do_is_what_it_was_given() {
    let place = Place::new();
    let with = |capabilities: (&[&str], &[&str]), privileged: bool, script: &str| {
        let list = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect::<Vec<_>>();
        let mut spec = place.watched(script);
        spec.run.capabilities = Capabilities::resolve(&list(capabilities.0), &list(capabilities.1)).unwrap();
        spec.run.privileged = privileged;
        talk(begin(&spec), None)
    };
    let mount = "mount -t tmpfs none /bin && echo mounted";
    assert_eq!(with((&[], &[]), false, mount).stdout, "");
    assert_eq!(with((&["SYS_ADMIN"], &[]), false, mount).stdout, "mounted\n");
    assert_ne!(with((&[], &["CHOWN"]), false, "chown 1 /bin/busybox").code(), 0);
    assert_eq!(
        with((&[], &["ALL"]), false, "grep CapBnd /proc/self/status").stdout,
        "CapBnd:\t0000000000000000\n"
    );
    let said = with(
        (&[], &[]),
        true,
        "grep Seccomp: /proc/self/status; touch /sys/x 2>&1 | grep -c Permission; mknod /n c 1 3 && echo > /n && echo opens; ls /dev | wc -l",
    );
    let lines: Vec<&str> = said.stdout.lines().collect();
    assert_eq!(lines[0], "Seccomp:\t0");
    assert_eq!(lines[2], "opens", "{said:?}");
    let here = fs::read_dir("/dev").unwrap().count();
    assert!(lines[3].parse::<usize>().unwrap() + 10 > here, "{said:?} {here}");
}

#[test]
fn a_working_directory_does_not_lead_out_through_a_descriptor() {
    let place = Place::new();
    for number in 0..24 {
        for suffix in ["", "/..", "/../../.."] {
            let mut spec = place.watched("pwd; ls /work/.. ; ls");
            spec.run.cwd = format!("/proc/self/fd/{number}{suffix}");
            assert!(start(&spec, &task()).is_err(), "{}", spec.run.cwd);
            let mut direct = place.spec(&["true"]);
            direct.cwd = spec.run.cwd.clone();
            assert!(ran(&direct).result.is_err(), "{}", direct.cwd);
        }
    }
    let spec = place.detached("sleep 1000");
    begin(&spec);
    for number in 0..24 {
        let command = ExecSpec { cwd: format!("/proc/self/fd/{number}"), ..exec(&["pwd"]) };
        let result = connect(&spec.folder).unwrap().unwrap().exec(&command, &task());
        assert!(result.is_err(), "{number}");
    }
    end(&spec);
}

#[test]
fn by_chroot_a_container_runs_too_as_far_as_that_goes() {
    let place = Place::new();
    let marker = marker();
    let mut spec = place.detached(&format!("echo out; (sleep {marker} > /dev/null 2>&1 &); sleep {marker}"));
    spec.run.isolation = Isolation::Chroot;
    spec.run.lowers.clear();
    let copied =
        Command::new("cp").arg("-a").arg(place.layer.join(".")).arg(&spec.run.upper).status().unwrap();
    assert!(copied.success());
    begin(&spec);
    wait_for(&marker, 2);
    let said = executed(&spec.folder, &exec(&["sh", "-c", "ls /; exit 4"]));
    assert_eq!((said.code(), said.stdout.as_str()), (4, "bin\ndev\netc\nproc\nsys\n"));
    let mut connection = connect(&spec.folder).unwrap().unwrap();
    connection.pause().unwrap();
    connection.unpause().unwrap();
    connection.signal(15).unwrap();
    assert_eq!(connection.wait(&task()).unwrap(), Some(ExitStatus { code: 143 }));
    assert_eq!(processes(&marker), 0);
    let state = read_state(&spec.folder).unwrap();
    assert_eq!((state.status, state.code), (Status::Exited, Some(143)));
    assert_eq!(logged(&spec.folder, "log").0, "out\n");
    // What the run had of its own has gone.
    let mut left: Vec<_> =
        fs::read_dir(&spec.run.upper).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    left.sort();
    assert_eq!(left, ["bin"]);
    assert_eq!(fs::read_dir(&spec.run.work).unwrap().count(), 0);
    // A terminal is the host's.
    let mut spec = MonitorSpec { tty: Some(Window::default()), detached: false, attach: OUTPUT, ..spec };
    spec.run.args = ["sh", "-c", "[ -t 0 ] && echo terminal"].map(str::to_owned).to_vec();
    assert_eq!(talk(begin(&spec), None).stdout, "terminal\r\n");
    spec.run.read_only = true;
    assert_eq!(start(&spec, &task()).err().unwrap().kind(), ErrorKind::Unsupported);
}

#[test]
fn what_is_forbidden_to_the_container_is_forbidden_to_its_other_commands_and_volumes_bring_no_devices() {
    let place = Place::new();
    let mut spec = place.detached("sleep 1000");
    spec.run.mounts = vec![parse_volume("/dev:/host").unwrap(), parse_volume("/proc:/hostproc:ro").unwrap()];
    begin(&spec);
    for forbidden in FORBIDDEN.iter().copied().chain([
        "echo > /host/null",
        "head -c 1 /host/zero",
        "echo 1 > /hostproc/sys/vm/drop_caches",
        "kill -9 $(grep -l layerkit-watch /proc/[0-9]*/comm | head -n 1 | cut -d/ -f3)",
        "ls /proc/1/root/work",
        "cat /proc/kcore /proc/keys | grep .",
        "[ $(ls -d /proc/[0-9]* | wc -l) -gt 8 ]",
    ]) {
        assert_ne!(executed(&spec.folder, &exec(&["sh", "-c", forbidden])).code(), 0, "{forbidden}");
    }
    end(&spec);
}
