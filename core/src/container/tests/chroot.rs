//! Commands in a copied root, by chroot alone.

use super::*;

/// A copied root of its own for a script.
fn spec(script: &str) -> (Place, RunSpec) {
    let place = Place::new();
    let mut spec = place.spec(&["sh", "-c", script]);
    spec.isolation = Isolation::Chroot;
    spec.lowers.clear();
    let copied = Command::new("cp").arg("-a").arg(place.layer.join(".")).arg(&spec.upper).status().unwrap();
    assert!(copied.success());
    (place, spec)
}

fn sh(script: &str) -> Ran {
    ran(&spec(script).1)
}

#[test]
fn a_command_runs_in_its_root_with_its_environment_and_output() {
    let (_place, mut spec) =
        spec("pwd; echo $GREETING; echo err >&2; id -u; cat /etc/hostname; ls /; exit 3");
    fs::create_dir(spec.upper.join("srv")).unwrap();
    spec.cwd = "/srv".to_owned();
    spec.user = User { uid: 33, gid: 34, groups: vec![34], home: "/".to_owned() };
    let ran = ran(&spec);
    assert_eq!((ran.code(), ran.stderr.as_str()), (3, "err\n"));
    assert_eq!(ran.stdout, "/srv\nhello there\n33\n0123456789ab\nbin\ndev\netc\nproc\nsrv\nsys\n");
}

#[test]
fn devices_open_and_nothing_of_what_was_put_in_stays() {
    let script = "echo x > /dev/null; head -c 4 /dev/zero | wc -c; head -c 2 /dev/urandom | wc -c
        echo gone > /dev/shm/x; touch /proc/x /sys/x; echo x > /etc/resolv.conf; mkdir /etc/hosts.d; rm /etc/hosts
        mkdir /etc/hosts";
    let (_place, spec) = spec(script);
    for folder in ["dev", "etc", "proc"] {
        fs::create_dir(spec.upper.join(folder)).unwrap();
    }
    fs::write(spec.upper.join("dev/own"), "image's").unwrap();
    fs::write(spec.upper.join("etc/hosts"), "image's").unwrap();
    symlink("/nowhere", spec.upper.join("etc/resolv.conf")).unwrap();
    let times = |name: &str| fs::symlink_metadata(spec.upper.join(name)).unwrap().modified().unwrap();
    let before = [times(""), times("dev"), times("proc")];
    let ran = ran(&spec);
    assert_eq!((ran.code(), ran.stdout.as_str(), ran.stderr.as_str()), (0, "4\n2\n", ""));
    let mut changes = ran.changes();
    changes.retain(|path| !path.starts_with("bin"));
    changes.sort();
    let wanted = ["dev", "dev/own", "etc", "etc/hosts", "etc/hosts.d", "etc/resolv.conf", "proc"];
    assert_eq!(changes, wanted.map(PathBuf::from));
    assert_eq!(fs::read_to_string(spec.upper.join("etc/hosts")).unwrap(), "image's");
    assert_eq!(before, [times(""), times("dev"), times("proc")]);
    assert_eq!(fs::read_dir(&spec.work).unwrap().count(), 0);
}

#[test]
fn a_directory_for_the_name_files_goes_again_unless_something_is_in_it() {
    let has_etc = |script| {
        let (_place, spec) = spec(script);
        let ran = ran(&spec);
        assert_eq!(ran.code(), 0);
        ran.changes().iter().filter(|path| path.starts_with("etc")).count()
    };
    assert_eq!(has_etc("grep -c 0123456789ab /etc/hosts"), 0);
    assert_eq!(has_etc("touch /etc/new"), 2);
    assert_eq!(has_etc("rm -r /etc"), 0);
    assert_eq!(has_etc("rm -r /etc; echo x > /etc"), 1);
}

#[test]
fn whatever_was_started_ends_with_the_command() {
    let marker = marker();
    let (_place, spec) = spec(&format!(
        "sleep {marker} & (setsid sh -c 'sleep {marker} > /dev/null 2>&1 & sleep {marker} & wait' > /dev/null 2>&1 &)
         for i in 1 2 3 4 5 6 7 8; do (sleep {marker} > /dev/null 2>&1 &); done; echo done"
    ));
    let ran = ran(&spec);
    assert_eq!((ran.code(), ran.stdout.as_str(), processes(&marker)), (0, "done\n", 0));
}

#[test]
fn a_command_that_goes_on_starting_others_ends_too() {
    let marker = marker();
    let (_place, spec) = spec(&format!(
        "f() {{ (f & sleep 0.01; sleep {marker}) > /dev/null 2>&1 & }}; f; sleep 0.2; echo done"
    ));
    let ran = ran(&spec);
    assert_eq!((ran.code(), ran.stdout.as_str(), processes(&marker)), (0, "done\n", 0));
}

#[test]
fn cancelling_ends_the_whole_tree() {
    let marker = marker();
    let script =
        format!("trap '' TERM INT HUP; (setsid sleep {marker} &); sh -c 'sleep {marker}; true' & wait");
    let (_place, spec) = spec(&script);
    let task = Task::new().unwrap();
    std::thread::scope(|scope| {
        let running = scope.spawn(|| run(&spec, &task, &mut |_, _| Ok(())));
        wait_for(&marker, 2);
        task.token().cancel();
        assert_eq!(running.join().unwrap().unwrap_err().kind(), ErrorKind::Cancelled);
        assert_eq!(processes(&marker), 0);
    });
}

/// Ignored: the victim of the next test.
#[test]
#[ignore = "runs in a process of its own"]
fn sleeps_in_a_chroot() {
    let marker = std::env::var("MARKER").unwrap();
    sh(&format!("(setsid sleep {marker} > /dev/null 2>&1 &); exec sleep {marker}"));
}

#[test]
fn the_processes_of_a_killed_caller_end() {
    let marker = marker();
    let mut caller = in_process("chroot::sleeps_in_a_chroot")
        .env("MARKER", &marker)
        .stdout(Stdio::null())
        .spawn()
        .unwrap();
    wait_for(&marker, 2);
    caller.kill().unwrap();
    caller.wait().unwrap();
    wait_for(&marker, 0);
}

#[test]
fn what_docker_forbids_is_forbidden_where_the_filter_can_be_installed() {
    for forbidden in ["mount -t tmpfs none /bin", "unshare -U true", "unshare -m true", "hostname other"] {
        assert_ne!(sh(forbidden).code(), 0, "{forbidden}");
    }
}

#[test]
fn a_working_directory_that_is_missing_is_an_error_that_names_it() {
    let (_place, mut spec) = spec("true");
    spec.cwd = "/none".to_owned();
    let error = ran(&spec).result.unwrap_err();
    assert!(error.to_string().contains("working directory /none"), "{error}");
    assert!(!spec.upper.join("dev").exists());
}
