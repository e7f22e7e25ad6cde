//! Mounts and limits as the command sees them, and what is left of them.

use std::io::{Read, Write};
use std::os::unix::net::{UnixListener, UnixStream};

use super::*;

fn mount(target: &str, source: MountSource, read_only: bool) -> Mount {
    Mount { target: target.into(), source, read_only }
}

impl Place {
    fn with(&self, script: &str, mounts: Vec<Mount>) -> RunSpec {
        RunSpec { mounts, ..self.spec(&["sh", "-c", script]) }
    }

    fn directory(&self, name: &str) -> PathBuf {
        let path = self.folder.path().join(name);
        fs::create_dir_all(&path).unwrap();
        path
    }
}

#[test]
fn a_mount_is_made_where_it_is_asked_and_written_only_where_it_may_be() {
    let place = Place::new();
    let host = place.directory("host");
    fs::write(host.join("file"), "from the host").unwrap();
    let script = "cat /deep/down/file /file; ! touch /deep/down/x 2>/dev/null && echo > /rw/made && echo ok";
    let ran = ran(&place.with(
        script,
        vec![
            mount("/deep/down", MountSource::Bind(host.clone()), true),
            mount("/file", MountSource::Bind(host.join("file")), true),
            mount("/rw", MountSource::Bind(host.clone()), false),
        ],
    ));
    assert_eq!((ran.code(), ran.stdout.as_str()), (0, "from the hostfrom the hostok\n"));
    assert!(host.join("made").exists());
    // Only what was made to be mounted upon, which the caller takes away.
    let mut changes = ran.changes();
    changes.sort();
    assert_eq!(changes, ["deep", "deep/down", "file", "rw"].map(PathBuf::from));
}

#[test]
fn an_overlay_takes_writes_that_its_layers_never_see() {
    let place = Place::new();
    let (upper, work) = (place.directory("o-upper"), place.directory("o-work"));
    let (top, bottom) = (place.directory("top/sub"), place.directory("bottom/sub"));
    fs::write(top.join("a"), "top").unwrap();
    fs::write(bottom.join("a"), "bottom").unwrap();
    fs::write(bottom.join("b"), "b").unwrap();
    let lowers = vec![top.parent().unwrap().to_owned(), bottom.parent().unwrap().to_owned()];
    let source = MountSource::Overlay { lowers, upper, work, path: "sub".into() };
    let ran = ran(&place.with("cat /m/a /m/b && rm /m/b && echo x > /m/a", vec![mount("/m", source, false)]));
    assert_eq!((ran.code(), ran.stdout.as_str()), (0, "topb"));
    assert_eq!(fs::read_to_string(top.join("a")).unwrap(), "top");
    assert!(bottom.join("b").exists());
}

#[test]
fn a_file_in_memory_has_its_owner_and_mode_and_is_nowhere_else() {
    let place = Place::new();
    let content = b"hunter2".to_vec();
    let source = MountSource::File { content, mode: 0o440, owner: (7, 8) };
    let spec = place.with("cat /run/k; stat -c ' %u:%g:%a' /run/k", vec![mount("/run/k", source, true)]);
    assert!(!format!("{spec:?}").contains("hunter2"));
    let ran = ran(&spec);
    assert_eq!(ran.stdout, "hunter2 7:8:440\n");
    assert_eq!(fs::metadata(ran.upper.join("run/k")).unwrap().len(), 0);
}

#[test]
fn a_link_of_the_image_does_not_lead_a_mount_out_of_the_root() {
    let place = Place::new();
    let host = place.directory("host");
    symlink("/proc/self/cwd/..", place.layer.join("magic")).unwrap();
    symlink("/../../else", place.layer.join("up")).unwrap();
    fs::create_dir(place.layer.join("else")).unwrap();
    let ran_up =
        ran(&place.with("touch /else/x", vec![mount("/up", MountSource::Bind(host.clone()), false)]));
    assert_eq!(ran_up.code(), 0);
    assert!(host.join("x").exists());
    let ran_magic = ran(&place.with("true", vec![mount("/magic/m", MountSource::Bind(host), false)]));
    assert_eq!(ran_magic.result.unwrap_err().kind(), ErrorKind::ContainerFailed);
}

/// The control groups that a process is in, of those that containers have.
fn groups(pid: rustix::process::Pid) -> Vec<PathBuf> {
    let pid = pid.as_raw_nonzero().get().to_string();
    let mut found = Vec::new();
    let mut folders = vec![PathBuf::from("/sys/fs/cgroup")];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(&folder).into_iter().flatten().flatten() {
            let path = entry.path();
            if !entry.file_type().is_ok_and(|kind| kind.is_dir()) {
                continue;
            }
            let processes = fs::read_to_string(path.join("cgroup.procs")).unwrap_or_default();
            if entry.file_name().to_string_lossy().starts_with("layerkit-")
                && processes.lines().any(|line| line == pid)
            {
                found.push(path.clone());
            }
            folders.push(path);
        }
    }
    found
}

fn limited(place: &Place, script: &str) -> RunSpec {
    let limits = Limits { memory: Some(64 << 20), pids: Some(20), ..Limits::default() };
    RunSpec { limits, ..place.spec(&["sh", "-c", script]) }
}

/// Whether control groups can be made here; where not, that is `unsupported`.
fn has_groups() -> bool {
    match ran(&limited(&Place::new(), "true")).result {
        Ok(_) => true,
        Err(error) => {
            assert_eq!(error.kind(), ErrorKind::Unsupported, "{error}");
            false
        }
    }
}

/// Ignored: the victim of the next test.
#[test]
#[ignore = "runs in a process of its own"]
fn sleeps_within_limits() {
    let marker = std::env::var("MARKER").unwrap();
    let _ = ran(&limited(&Place::new(), &format!("exec sleep {marker}")));
}

#[test]
fn the_control_groups_of_a_killed_caller_go_with_its_container() {
    if !has_groups() {
        return;
    }
    let marker = marker();
    let mut caller = in_process("mounts::sleeps_within_limits")
        .env("MARKER", &marker)
        .stdout(Stdio::null())
        .spawn()
        .unwrap();
    wait_for(&marker, 1);
    let groups: Vec<PathBuf> = pids(&marker).into_iter().flat_map(groups).collect();
    assert!(!groups.is_empty());
    caller.kill().unwrap();
    caller.wait().unwrap();
    wait_for(&marker, 0);
    let end = Instant::now() + Duration::from_secs(10);
    while groups.iter().any(|group| group.exists()) {
        assert!(Instant::now() < end, "{groups:?}");
        std::thread::sleep(Duration::from_millis(5));
    }
}

#[test]
fn more_memory_than_allowed_is_a_kill_and_more_processes_do_not_start() {
    if !has_groups() {
        return;
    }
    let place = Place::new();
    // What has no line to print keeps all of it.
    assert_eq!(ran(&limited(&place, "head -c 99999999 /dev/zero | grep x")).code(), 137);
    let mut many = limited(&place, "for i in 1 2 3 4 5 6; do sleep 1 & done; wait");
    many.limits.pids = Some(3);
    assert_ne!(ran(&many).code(), 0);
}

#[test]
fn an_agent_is_reached_through_a_socket_of_the_containers_owner() {
    let place = Place::new();
    let agent = place.folder.path().join("agent");
    let listener = UnixListener::bind(&agent).unwrap();
    std::thread::spawn(move || {
        // The first connection only asks whether somebody is there.
        for stream in listener.incoming().flatten() {
            let mut stream: UnixStream = stream;
            let mut request = [0; 4];
            if stream.read_exact(&mut request).is_ok() {
                stream.write_all(&request).unwrap();
            }
        }
    });
    let relay = AgentRelay::start(&place.directory("relay"), "s", &agent, 0o620, (7, 8)).unwrap();
    let found = fs::metadata(&relay.socket).unwrap();
    assert_eq!((found.uid(), found.gid(), found.mode() & 0o777), (7, 8, 0o620));
    for _ in 0..3 {
        let mut stream = UnixStream::connect(&relay.socket).unwrap();
        stream.write_all(b"ping").unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        assert_eq!(answer, "ping");
    }
    let source = MountSource::Bind(relay.socket.clone());
    let seen =
        ran(&place
            .with("[ -S /run/a/s ] && stat -c %u:%g:%a /run/a/s", vec![mount("/run/a/s", source, false)]));
    assert_eq!(seen.stdout, "7:8:620\n");
    let open = UnixStream::connect(&relay.socket).unwrap();
    drop(relay);
    drop(open);
    let none =
        AgentRelay::start(&place.directory("relay"), "t", &place.folder.path().join("no"), 0o600, (0, 0));
    assert_eq!(none.err().unwrap().kind(), ErrorKind::NotFound);
}
