//! The built command, as a shell sees it: output, exit codes, streams and signals.
#![allow(clippy::disallowed_methods, clippy::unwrap_used)] // a test may stop anywhere, and uses files as anybody does

use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::time::{Duration, Instant};

/// A store and a folder of its own for one test.
struct Bench {
    folder: tempfile::TempDir,
}

impl Bench {
    fn new() -> Self {
        Bench { folder: tempfile::tempdir().unwrap() }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn command(&self, words: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_layerkit"));
        command.arg("--root").arg(self.path("store")).args(words).current_dir(self.folder.path());
        command.stdin(Stdio::null()).env_remove("SOURCE_DATE_EPOCH").env("TZ", "UTC");
        command
    }

    fn run(&self, words: &[&str]) -> Output {
        self.command(words).output().unwrap()
    }

    /// What it printed, of a command that must succeed.
    fn ok(&self, words: &[&str]) -> String {
        let output = self.run(words);
        assert!(output.status.success(), "{words:?}: {}", text(&output.stderr));
        text(&output.stdout)
    }

    /// The exit code and the complaint of a command that must fail.
    fn fails(&self, words: &[&str]) -> (i32, String) {
        let output = self.run(words);
        assert!(!output.status.success(), "{words:?} succeeded");
        (output.status.code().unwrap(), text(&output.stderr))
    }

    /// Asserts that a command fails with this exit code and this among its complaints.
    fn refuses(&self, words: &[&str], code: i32, complaint: &str) {
        let output = self.run(words);
        assert_eq!(output.status.code(), Some(code), "{words:?}");
        assert!(text(&output.stderr).contains(complaint), "{words:?}: {}", text(&output.stderr));
    }

    /// A tar of a root file system, imported under this name.
    fn import(&self, name: &str) -> String {
        self.write_tar("rootfs.tar");
        self.ok(&["import", "rootfs.tar", name]).trim().to_owned()
    }

    fn write_tar(&self, name: &str) {
        let mut tar = tar::Builder::new(std::fs::File::create(self.path(name)).unwrap());
        // Large enough, and hard enough to compress, that the layer is a file of its own in the store.
        let noise: Vec<u8> = (0..1_000_000u32).map(|n| (n.wrapping_mul(2_654_435_761) >> 13) as u8).collect();
        for (path, content) in [("etc/hello", b"hello\n".as_slice()), ("var/noise", &noise)] {
            let mut header = tar::Header::new_gnu();
            header.set_size(content.len() as u64);
            header.set_mode(0o644);
            tar.append_data(&mut header, path, content).unwrap();
        }
        tar.finish().unwrap();
    }

    fn context(&self, dockerfile: &str) {
        std::fs::create_dir_all(self.path("context")).unwrap();
        std::fs::write(self.path("context/Dockerfile"), dockerfile).unwrap();
        std::fs::write(self.path("context/file"), "content\n").unwrap();
    }
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8(bytes.to_vec()).unwrap()
}

/// Waits for a child that must not hang.
fn wait(mut child: Child) -> Output {
    let end = Instant::now() + Duration::from_secs(60);
    while child.try_wait().unwrap().is_none() {
        if Instant::now() > end {
            child.kill().unwrap();
            panic!("the command hangs");
        }
        std::thread::sleep(Duration::from_millis(10));
    }
    child.wait_with_output().unwrap()
}

fn signal(child: &Child, signal: rustix::process::Signal) {
    let pid = rustix::process::Pid::from_child(child);
    rustix::process::kill_process(pid, signal).unwrap();
}

#[test]
fn an_image_goes_through_pipes_and_comes_back_as_the_same_image() {
    let bench = Bench::new();
    let id = bench.import("a:1");
    let saved = bench.run(&["save", "a:1"]);
    assert!(saved.status.success());
    bench.ok(&["rmi", "a:1"]);
    assert_eq!(bench.ok(&["images", "-q"]), "");

    let mut load = bench.command(&["load"]).stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
    load.stdin.take().unwrap().write_all(&saved.stdout).unwrap();
    assert_eq!(text(&wait(load).stdout), "Loaded image: a:1\n");
    assert_eq!(bench.ok(&["images", "-q", "--no-trunc"]).trim(), id);
}

#[test]
fn an_import_takes_its_tar_from_standard_input_and_its_config_from_flags() {
    let bench = Bench::new();
    bench.write_tar("r.tar");
    let words = ["import", "-c", "CMD [\"/x\"]", "--change=ENV A=b", "-m", "by hand", "-", "in:1"];
    let tar = std::fs::File::open(bench.path("r.tar")).unwrap();
    let output = bench.command(&words).stdin(tar).output().unwrap();
    let id = text(&output.stdout);
    assert!(id.starts_with("sha256:") && id.len() == "sha256:".len() + 64 + 1, "{id}");
    let format = "{{.Config.Cmd}} {{.Config.Env}} {{.Comment}} {{.RepoTags}}";
    assert_eq!(bench.ok(&["inspect", "-f", format, "in:1"]), "[/x] [A=b] by hand [in:1]\n");
}

#[test]
fn saving_an_oci_layout_and_unpacking_leave_directories() {
    let bench = Bench::new();
    bench.import("a:1");
    bench.ok(&["save", "--format", "oci-dir", "-o", "layout", "a:1"]);
    assert!(bench.path("layout/index.json").is_file());
    assert_eq!(bench.ok(&["load", "-i", "layout"]), "Loaded image: a:1\n");
    bench.ok(&["unpack", "a:1", "tree"]);
    assert_eq!(std::fs::read_to_string(bench.path("tree/etc/hello")).unwrap(), "hello\n");
    assert_eq!(bench.fails(&["unpack", "a:1", "tree"]).0, 1);
    bench.ok(&["image", "unpack", "--replace", "a:1", "tree"]);
    let (code, complaint) = bench.fails(&["save", "--format", "oci-dir", "a:1"]);
    assert_eq!(code, 1);
    assert_eq!(complaint, "Error: an OCI layout is a directory: name it with the -o flag\n");
}

#[test]
fn the_files_of_an_image_are_listed_written_out_and_compared() {
    let bench = Bench::new();
    bench.import("a:1");
    bench.context("FROM a:1\nCOPY file /etc/\n");
    bench.ok(&["build", "-t=b:1", "context"]);
    assert_eq!(bench.ok(&["ls", "a:1"]), "etc\nvar\n");
    assert_eq!(bench.ok(&["ls", "b:1", "/etc"]), "file\nhello\n");
    let all = "/:\netc\nvar\n\n/etc:\nfile\nhello\n\n/var:\nnoise\n";
    assert_eq!(bench.ok(&["image", "files", "-R", "b:1"]), all);
    let long = bench.ok(&["ls", "-l", "a:1", "etc/hello"]);
    assert!(long.starts_with("-rw-r--r-- 1 0 0 6 ") && long.ends_with(" hello\n"), "{long}");
    let format = "{{.Type}} {{.Path}} {{.Mode}}";
    assert_eq!(bench.ok(&["ls", "--format", format, "a:1", "/etc"]), "file /etc/hello -rw-r--r--\n");
    assert_eq!(bench.ok(&["cat", "a:1", "/etc/hello", "etc/../etc/hello"]), "hello\nhello\n");
    assert_eq!(bench.ok(&["diff", "a:1", "b:1"]), "A /etc/file\n");
    assert_eq!(bench.ok(&["diff", "b:1", "a:1"]), "D /etc/file\n");
    let json = bench.ok(&["diff", "--format", "{{json .}}", "a:1", "b:1"]);
    assert_eq!(json, "{\"Kind\":\"A\",\"Path\":\"/etc/file\"}\n");
    let (code, complaint) = bench.fails(&["cat", "a:1", "/etc"]);
    assert_eq!((code, &*complaint), (1, "Error: /etc of image a:1 is a directory\n"));
    let (code, complaint) = bench.fails(&["ls", "a:1", "/nope"]);
    assert_eq!((code, &*complaint), (1, "Error: no such file or directory in image a:1: /nope\n"));
}

#[test]
fn a_build_prints_its_steps_or_with_quiet_its_id_alone() {
    let bench = Bench::new();
    bench.context("FROM scratch\nARG v\nCOPY file /\nLABEL v=$v\n");
    let printed = bench.ok(&["build", "-t=x:1", "--build-arg", "v=7", "--label", "k=l", "context"]);
    let lines: Vec<_> = printed.lines().collect();
    assert_eq!(lines[0], "Step 1/5 : FROM scratch");
    assert_eq!(lines[lines.len() - 1], "Successfully tagged x:1");
    assert!(lines[lines.len() - 2].starts_with("Successfully built "));
    let id = bench.ok(&["build", "-q", "--build-arg=v=7", "--label=k=l", "--iidfile", "id", "context"]);
    assert_eq!(std::fs::read_to_string(bench.path("id")).unwrap(), id.trim());
    assert_eq!(bench.ok(&["images", "-q", "--no-trunc", "x"]), id);
    assert_eq!(bench.ok(&["inspect", "-f", "{{.Config.Labels}}", "x:1"]), "map[k:l v:7]\n");
}

#[test]
fn a_build_reads_its_context_or_its_dockerfile_from_standard_input() {
    let bench = Bench::new();
    bench.context("FROM nothing-like-it\n");
    bench.write_tar("context.tar");
    for (words, given) in [
        (&["build", "-q", "-t", "a", "-"][..], &b"FROM scratch\nENV a=b\n"[..]),
        (&["build", "-q", "-t", "b", "-f", "-", "context"], b"FROM scratch\nCOPY file /\n"),
        (
            &["build", "-q", "-t", "c", "-f", "etc/hello", "-"],
            &std::fs::read(bench.path("context.tar")).unwrap(),
        ),
    ] {
        let mut build = bench.command(words);
        let mut build =
            build.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        build.stdin.take().unwrap().write_all(given).unwrap();
        let output = wait(build);
        match words[3] {
            // The tar came: its file is no Dockerfile.
            "c" => assert!(text(&output.stderr).contains("hello"), "{}", text(&output.stderr)),
            _ => assert!(output.status.success(), "{words:?}: {}", text(&output.stderr)),
        }
    }
    assert_eq!(bench.ok(&["inspect", "-f", "{{.Config.Env}}", "a"]).split(' ').next_back(), Some("a=b]\n"));
    bench.ok(&["unpack", "b", "out"]);
    assert!(bench.path("out/file").is_file());
}

#[test]
fn what_comes_out_of_a_build_goes_where_the_flags_say() {
    let bench = Bench::new();
    bench.context("FROM scratch\nCOPY file /\n");
    let words =
        ["build", "-o", "out", "--output=type=tar,dest=out.tar", "--metadata-file", "meta", "context"];
    bench.ok(&words);
    assert_eq!(std::fs::read_to_string(bench.path("out/file")).unwrap(), "content\n");
    assert!(std::fs::read_to_string(bench.path("meta")).unwrap().contains("containerimage.digest"));
    let streamed = bench.run(&["build", "-o", "-", "context"]);
    assert!(streamed.status.success(), "{}", text(&streamed.stderr));
    assert_eq!(streamed.stdout, std::fs::read(bench.path("out.tar")).unwrap());
    assert!(text(&streamed.stderr).starts_with("Step 1/2 : FROM scratch\n"));
    let named = bench.ok(&["images", "-q", "--filter", "dangling=false"]);
    assert_eq!(named, "", "nothing was asked for in the store");
}

#[test]
fn what_builds_keep_is_listed_exported_and_pruned() {
    let bench = Bench::new();
    bench.context("FROM scratch\nCOPY file /\n");
    bench.ok(&["build", "context"]);
    bench.write_tar("cache.tar");
    bench.ok(&["builder", "import", "pip", "cache.tar"]);
    let listed = bench.ok(&["builder", "ls", "--format", "{{.ID}} {{.Type}}"]);
    assert!(listed.contains("pip exec.cachemount\n") && listed.contains(" regular\n"), "{listed}");
    bench.ok(&["builder", "export", "-o", "out.tar", "pip"]);
    assert!(bench.path("out.tar").is_file());
    assert!(bench.ok(&["builder", "prune", "-af"]).contains("Total reclaimed space: "));
    assert_eq!(bench.ok(&["builder", "ls", "--format", "{{.ID}}"]), "");
    let failed = bench.run(&["builder", "export", "-o", "out.tar", "pip"]);
    assert!(!failed.status.success() && text(&failed.stderr).contains("pip"), "{}", text(&failed.stderr));
}

#[test]
fn a_build_explains_what_is_not_in_the_cache() {
    let bench = Bench::new();
    bench.context("FROM scratch\nCOPY file /\n");
    bench.ok(&["build", "context"]);
    std::fs::write(bench.path("context/file"), "other\n").unwrap();
    let printed = bench.ok(&["build", "--explain", "context"]);
    assert!(printed.contains("\n ---> Not in the cache: COPY: file: content\n"), "{printed}");
}

#[test]
fn a_dockerfile_is_named_from_where_the_command_was_called() {
    let bench = Bench::new();
    bench.context("FROM nothing-like-it\n");
    std::fs::write(bench.path("other"), "FROM scratch\nCOPY file /\n").unwrap();
    bench.ok(&["build", "-f", "other", "context"]);
    let (code, complaint) = bench.fails(&["build", "-f", "Dockerfile", "context"]);
    assert_eq!(code, 1);
    assert!(complaint.contains("Dockerfile"), "{complaint}");
}

#[test]
fn build_checks_are_told_to_those_who_ask() {
    let bench = Bench::new();
    bench.context("FROM scratch AS Base\nCOPY file /\n");
    let classic = bench.ok(&["build", "context"]);
    assert!(!classic.contains("StageNameCasing"), "{classic}");
    let checked = bench.command(&["build", "--check", "context"]).output().unwrap();
    assert_eq!(checked.status.code(), Some(1));
    let told = String::from_utf8(checked.stdout).unwrap();
    let wanted = "Check complete, 1 warning has been found!\n\nWARNING: StageNameCasing\n\
                  Stage name 'Base' should be lowercase\ncontext/Dockerfile:1:1\n";
    assert_eq!(told, wanted);
    let plain = bench.command(&["build", "--progress=plain", "context"]).output().unwrap();
    let beside = String::from_utf8(plain.stderr).unwrap();
    assert_eq!(beside, "WARNING: StageNameCasing: Stage name 'Base' should be lowercase (line 1)\n");
    let report = bench.ok(&["dockerfile", "parse", "context/Dockerfile"]);
    let report: serde_json::Value = serde_json::from_str(&report).unwrap();
    assert_eq!(report["stages"][0]["instructions"][1]["name"], "COPY");
    bench.context("FROM scratch\n COPPY file /\n");
    bench.refuses(&["build", "context"], 1, "(did you mean COPY?) (Dockerfile:2:2)");
    bench.refuses(&["dockerfile", "parse", "context/Dockerfile"], 1, "(context/Dockerfile:2:2)");
}

#[test]
fn what_cannot_be_done_is_refused_and_never_ignored() {
    let bench = Bench::new();
    bench.context("FROM scratch\nCOPY file /\n");
    for (words, code, complaint) in [
        (&["import", "http://example.com/x.tar"][..], 1, "importing from a URL is not supported yet"),
        (&["build", "--rm=false", "context"], 125, "keeping intermediate containers is not supported"),
        (&["build", "--network=bridge", "context"], 125, "only host and none are supported"),
        (&["build", "--cgroup-parent=x", "context"], 125, "unknown flag: --cgroup-parent"),
        (&["build", "--progress=tty", "context"], 125, "it must be auto, plain or quiet"),
        (&["images", "-f", "x"], 125, "bad format of filter (expected name=value)"),
        (&["images", "-f", "x=y"], 1, "Invalid filter 'x'"),
        (&["build", "context/nowhere"], 1, "unable to prepare context: path \"context/nowhere\" not found"),
        (&["save", "-o", "no/where", "x"], 1, "invalid output path: directory \"no\" does not exist"),
        (&["runs", "x"], 1, "'runs' is not a layerkit command. There are: attach, build, cat, commit, cp,"),
        (&["image", "search"], 1, "'search' is not a layerkit image command. There are: build, cat, diff,"),
        (&["tag", "x"], 1, "\"layerkit tag\" requires exactly 2 arguments."),
    ] {
        bench.refuses(words, code, complaint);
    }
}

#[test]
fn what_a_build_is_asked_is_refused_in_dockers_words_before_it_begins() {
    let bench = Bench::new();
    bench.context("FROM scratch\nCOPY file /\n");
    let size = "flag: invalid size: '64x'";
    for (flags, code, complaint) in [
        (&["-m", "64x"][..], 125, "invalid argument \"64x\" for \"-m, --memory\" flag: invalid size: '64x'"),
        (&["--shm-size=64x"], 125, size),
        (&["--pids-limit=x"], 125, "strconv.ParseInt: parsing \"x\": invalid syntax"),
        (&["--ulimit=nofile"], 125, "flag: invalid ulimit argument: nofile"),
        (&["--secret=src=x"], 1, "Error: secret missing ID\n"),
        (&["--secret=id=x,y=z"], 1, "Error: unexpected key 'y' in 'y=z'\n"),
        (&["--ssh=default="], 1, "Error: invalid empty ssh agent socket: make sure SSH_AUTH_SOCK is set\n"),
        (&["--build-context=x"], 1, "Error: invalid context value: x, expected key=value\n"),
        (&["-o", "dest=x,type"], 1, "Error: invalid value type\n"),
        (&["-o", "dest=x,"], 1, "Error: invalid value \n"),
        (&["--output=a=b,dest=c"], 1, "Error: unexpected key 'a' in 'a=b'\n"),
    ] {
        let words: Vec<_> = ["build"].iter().chain(flags).chain(&["context"]).copied().collect();
        bench.refuses(&words, code, complaint);
    }
    bench.refuses(
        &["build", "-f", "-", "-"],
        1,
        "Error: invalid argument: can't use stdin for both build context and dockerfile\n",
    );
}

#[test]
fn what_registries_are_asked_is_refused_in_dockers_words_before_anybody_is_asked() {
    let bench = Bench::new();
    let content_trust = "for \"--disable-content-trust\" flag: content trust is not supported";
    let not_a_number = "flag: strconv.ParseInt: parsing \"x\": invalid syntax";
    for (words, code, complaint) in [
        (&["pull"][..], 1, "\"layerkit pull\" requires exactly 1 argument."),
        (&["image", "pull", "a", "b"], 1, "\"layerkit pull\" requires exactly 1 argument."),
        (&["pull", "-x", "a"], 125, "unknown shorthand flag: 'x' in -x\nSee 'layerkit pull --help'."),
        (&["pull", "--disable-content-trust=false", "a"], 125, content_trust),
        (&["pull", "Ubuntu"], 1, "Error: invalid reference \"Ubuntu\": repository name must be lowercase"),
        (&["push", "--disable-content-trust=false", "a"], 125, content_trust),
        (&["push", "--chunk-size", "x", "a"], 125, not_a_number),
        (&["image", "push", "a:"], 1, "Error: invalid reference \"a:\""),
        (&["search"], 1, "\"layerkit search\" requires exactly 1 argument."),
        (&["search", "--limit=x", "a"], 125, not_a_number),
        (&["search", "-f", "stars", "a"], 125, "bad format of filter (expected name=value)"),
        (&["login", "a", "b"], 1, "\"layerkit login\" requires at most 1 argument."),
        (&["login", "--password-stdin"], 1, "Error: Must provide --username with --password-stdin\n"),
        (
            &["login", "-u", "me", "-p", "x", "--password-stdin"],
            1,
            "WARNING! Using --password via the CLI is insecure. Use --password-stdin.\n\
             Error: --password and --password-stdin are mutually exclusive\n",
        ),
        (&["login", "-u", "me"], 1, "Error: Cannot perform an interactive login from a non TTY device\n"),
        (&["registry", "login", "-u"], 125, "flag needs an argument: 'u' in -u"),
        (&["registry", "copy", "a"], 1, "\"layerkit registry copy\" requires exactly 2 arguments."),
        (&["registry", "manifest"], 1, "\"layerkit registry manifest\" requires exactly 1 argument."),
        (&["registry", "push"], 1, "'push' is not a layerkit registry command. There are: copy, login,"),
    ] {
        bench.refuses(words, code, complaint);
    }
}

#[test]
fn flags_in_front_of_the_verb_say_how_registries_are_reached() {
    let bench = Bench::new();
    let front = [
        "--insecure-registry=a:5000",
        "--insecure-registry",
        "b:5000",
        "--registry-mirror=http://c",
        "--registry-ca=ca.pem",
        "--config=docker",
    ];
    assert!(bench.ok(&[&front[..], &["images"]].concat()).starts_with("REPOSITORY"));
    for (words, complaint) in [
        (&["--config"][..], "flag needs an argument: --config\nSee 'layerkit --help'.\n"),
        (&["--config=", "images"], "invalid argument \"\" for \"--config\" flag: it is empty\n"),
        (&["--nope", "images"], "unknown flag: --nope\nSee 'layerkit --help'.\n"),
    ] {
        bench.refuses(words, 125, complaint);
    }
    let help = bench.ok(&["--help"]);
    for line in [
        "      --insecure-registry list ",
        "  registry    Talk to registries\n",
        "  pull        Pull an image",
    ] {
        assert!(help.contains(line), "{help}");
    }
}

#[test]
fn a_terminal_that_hid_a_password_shows_what_is_typed_after_ctrl_c() {
    use rustix::termios::{LocalModes, tcgetattr};
    let bench = Bench::new();
    let (_master, terminal) = terminal();
    let shows = || tcgetattr(&terminal).unwrap().local_modes.contains(LocalModes::ECHO);
    assert!(shows());
    let login = bench
        .command(&["login", "-u", "me", "localhost:1"])
        .stdin(terminal.try_clone().unwrap())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let end = Instant::now() + Duration::from_secs(30);
    while shows() {
        assert!(Instant::now() < end, "the password is shown");
        std::thread::sleep(Duration::from_millis(10));
    }
    signal(&login, rustix::process::Signal::INT);
    let output = wait(login);
    assert_eq!(output.status.code(), Some(130), "{}", text(&output.stderr));
    assert_eq!(text(&output.stdout), "Password: \n");
    assert!(shows());
}

/// Both ends of a new terminal.
fn terminal() -> (std::os::fd::OwnedFd, std::fs::File) {
    use rustix::pty::{OpenptFlags, grantpt, openpt, ptsname, unlockpt};
    let master = openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY).unwrap();
    grantpt(&master).unwrap();
    unlockpt(&master).unwrap();
    let name = ptsname(&master, Vec::new()).unwrap();
    let terminal = std::fs::File::options().read(true).write(true).open(name.to_str().unwrap()).unwrap();
    (master, terminal)
}

#[test]
fn removing_goes_on_after_a_failure_and_force_forgives_what_is_not_there() {
    let bench = Bench::new();
    bench.import("a:1");
    bench.ok(&["tag", "a:1", "b:1"]);
    let output = bench.run(&["rmi", "nope", "a:1"]);
    assert_eq!(output.status.code(), Some(1));
    assert_eq!(text(&output.stdout), "Untagged: a:1\n");
    assert_eq!(text(&output.stderr), "Error: No such image: nope\n");
    let output = bench.run(&["image", "rm", "-f", "nope"]);
    assert_eq!(output.status.code(), Some(0));
    assert_eq!(text(&output.stderr), "Error: No such image: nope\n");
}

#[test]
fn pruning_asks_first_and_can_be_rehearsed() {
    let bench = Bench::new();
    bench.import("a:1");
    let declined = bench.ok(&["image", "prune", "-a"]);
    assert!(declined.ends_with("Are you sure you want to continue? [y/N] Total reclaimed space: 0B\n"));
    assert!(bench.ok(&["image", "prune", "-a", "--dry-run"]).starts_with("Would delete:\nuntagged: a:1\n"));
    assert_eq!(bench.ok(&["images", "-q"]).lines().count(), 1);
    assert!(bench.ok(&["system", "prune", "-a", "-f"]).starts_with("Deleted Images:\nuntagged: a:1\n"));
    assert_eq!(bench.ok(&["images", "-q"]), "");
}

#[test]
fn the_systems_verbs_say_what_the_store_is() {
    let bench = Bench::new();
    bench.import("a:1");
    assert!(bench.ok(&["system", "verify"]).ends_with(": no problem\n"));
    assert!(bench.ok(&["system", "df"]).starts_with("TYPE "));
    assert_eq!(bench.ok(&["info", "-f", "{{.images}}"]), "1\n");
    assert!(bench.ok(&["system", "info"]).contains(&format!("Root: {}", bench.path("store").display())));
    assert_eq!(bench.ok(&["version"]), bench.ok(&["--version"]));
}

#[test]
fn a_damaged_store_fails_its_verification() {
    let bench = Bench::new();
    bench.import("a:1");
    let layer = files_below(&bench.path("store/blobs")).into_iter();
    damage(&layer.max_by_key(|path| path.metadata().unwrap().len()).unwrap());
    let output = bench.run(&["system", "verify"]);
    assert_eq!(output.status.code(), Some(1));
    assert!(text(&output.stdout).contains("blob_corrupt"), "{}", text(&output.stdout));
    assert!(bench.ok(&["system", "verify", "--repair"]).contains("(repaired)"));
    assert!(bench.ok(&["system", "verify"]).ends_with(": no problem\n"));
}

fn files_below(folder: &Path) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    entries.flat_map(|path| if path.is_dir() { files_below(&path) } else { vec![path] }).collect()
}

fn damage(path: &Path) {
    let mut bytes = std::fs::read(path).unwrap();
    let middle = bytes.len() / 2;
    bytes[middle] ^= 0xff;
    std::fs::remove_file(path).unwrap();
    std::fs::write(path, bytes).unwrap();
}

#[test]
fn a_reader_that_goes_away_ends_the_command_quietly() {
    let bench = Bench::new();
    bench.import("a:1");
    for words in [&["save", "a:1"][..], &["inspect", "a:1"], &["--help"]] {
        let (reader, writer) = rustix::pipe::pipe().unwrap();
        drop(reader);
        let output = bench.command(words).stdout(writer).stderr(Stdio::piped()).output().unwrap();
        assert_eq!(output.status.code(), Some(141), "{words:?}");
        assert_eq!(text(&output.stderr), "", "{words:?}");
    }
}

#[test]
fn a_signal_cancels_an_import_that_waits_for_its_input_and_leaves_nothing() {
    for (name, number, code) in
        [("INT", rustix::process::Signal::INT, 130), ("TERM", rustix::process::Signal::TERM, 143)]
    {
        let bench = Bench::new();
        let mut import = bench
            .command(&["import", "-", "never:1"])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        // Held open: the import waits for more.
        let mut input = import.stdin.take().unwrap();
        input.write_all(&[0; 100]).unwrap();
        std::thread::sleep(Duration::from_millis(500));
        signal(&import, number);
        let output = wait(import);
        assert_eq!(output.status.code(), Some(code), "{name}: {}", text(&output.stderr));
        assert!(text(&output.stderr).contains("cancelled"), "{}", text(&output.stderr));
        drop(input);
        assert_eq!(bench.ok(&["images", "-aq"]), "");
        assert!(bench.ok(&["system", "verify"]).ends_with(": no problem\n"));
    }
}
