//! Builds on repositories of git, as contexts and as sources of ADD, with the git command as the peer that makes and serves them.
#![allow(clippy::disallowed_methods, clippy::unwrap_used)]

use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use layerkit::{
    BuildInputs, BuildOptions, BuildResult, Engine, EngineOptions, Error, ErrorKind, Event, Task,
    UnpackOptions,
};

/// A folder with repositories, and an engine.
struct Place {
    folder: tempfile::TempDir,
    engine: Engine,
}

fn git(folder: &Path, arguments: &[&str]) -> String {
    let output = Command::new("git")
        .args(["-c", "user.name=a", "-c", "user.email=a@b", "-c", "init.defaultBranch=main"])
        .args(["-c", "protocol.file.allow=always"])
        .args(arguments)
        .current_dir(folder)
        .envs([("GIT_CONFIG_GLOBAL", "/dev/null"), ("GIT_CONFIG_NOSYSTEM", "1")])
        .output()
        .unwrap();
    assert!(output.status.success(), "git {arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap().trim().to_owned()
}

fn write(path: &Path, text: &str) {
    std::fs::create_dir_all(path.parent().unwrap()).unwrap();
    std::fs::write(path, text).unwrap();
}

impl Place {
    fn new() -> Place {
        let folder = tempfile::tempdir().unwrap();
        let options = EngineOptions { root: Some(folder.path().join("root")), ..EngineOptions::default() };
        Place { engine: Engine::open(&options).unwrap(), folder }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// A repository `x.git` with a Dockerfile and a program, a branch, and a tag that has a message. Returns the commit of `main`.
    fn repository(&self) -> String {
        let work = self.path("x.git");
        write(&work.join("Dockerfile"), "FROM scratch\nCOPY . /\n");
        write(&work.join("run"), "#!/bin/sh\n");
        let executable = std::os::unix::fs::PermissionsExt::from_mode(0o755);
        std::fs::set_permissions(work.join("run"), executable).unwrap();
        write(&work.join("sub/Dockerfile"), "FROM scratch\nCOPY * /sub/\n");
        std::os::unix::fs::symlink("/etc", work.join("out")).unwrap();
        git(&work, &["init", "--quiet"]);
        git(&work, &["add", "."]);
        git(&work, &["commit", "--quiet", "-m", "one"]);
        git(&work, &["tag", "-a", "v1", "-m", "first"]);
        git(&work, &["branch", "side/way"]);
        write(&work.join("second"), "2");
        git(&work, &["add", "."]);
        git(&work, &["commit", "--quiet", "-m", "two"]);
        git(&work, &["rev-parse", "HEAD"])
    }

    fn build(&self, options: &BuildOptions) -> Result<BuildResult, Error> {
        self.engine.images_build(options, BuildInputs::default(), &Task::new().unwrap())
    }

    /// The files of the image that is built on this context.
    fn files(&self, context: &str) -> Result<PathBuf, Error> {
        self.unpacked(&BuildOptions { path: context.into(), ..BuildOptions::default() })
    }

    fn unpacked(&self, options: &BuildOptions) -> Result<PathBuf, Error> {
        let image = self.build(options)?;
        let out = tempfile::tempdir_in(self.folder.path()).unwrap().keep().join("out");
        self.engine.image_unpack(&image.id, &out, &UnpackOptions::default(), &Task::new().unwrap())?;
        Ok(out)
    }

    /// The files of an image that this ADD makes.
    fn added(&self, arguments: &str) -> Result<PathBuf, Error> {
        self.unpacked(&adding(arguments))
    }
}

fn adding(arguments: &str) -> BuildOptions {
    let text = format!("FROM scratch\nADD {arguments}\n");
    BuildOptions { dockerfile_text: Some(text), ..BuildOptions::default() }
}

/// Serves the repositories of a folder. Ends with it.
struct Daemon {
    process: Child,
    url: String,
}

impl Daemon {
    fn start(folder: &Path) -> Daemon {
        let program = Path::new(&git(folder, &["--exec-path"])).join("git-daemon");
        let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let process = Command::new(program)
            .args(["--reuseaddr", "--export-all", "--informative-errors", "--listen=127.0.0.1"])
            .args([format!("--port={port}"), format!("--base-path={}", folder.display())])
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let end = Instant::now() + Duration::from_secs(30);
        while std::net::TcpStream::connect(("127.0.0.1", port)).is_err() {
            assert!(Instant::now() < end, "the daemon does not listen");
            std::thread::sleep(Duration::from_millis(20));
        }
        Daemon { process, url: format!("git://127.0.0.1:{port}") }
    }
}

impl Drop for Daemon {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

#[test]
fn a_repository_is_a_context_by_branch_tag_commit_and_folder() {
    let place = Place::new();
    let commit = place.repository();
    let url = format!("file://{}", place.path("x.git").display());
    let out = place.files(&url).unwrap();
    assert!(out.join("second").exists() && !out.join(".git").exists());
    let mode = |name: &str| {
        std::os::unix::fs::PermissionsExt::mode(&std::fs::metadata(out.join(name)).unwrap().permissions())
            & 0o7777
    };
    assert_eq!((mode("run"), mode("Dockerfile"), mode("sub")), (0o755, 0o644, 0o755));
    for first in ["#v1", "#side/way", "?tag=v1", "?branch=side/way", "#refs/tags/v1"] {
        let out = place.files(&format!("{url}{first}")).unwrap();
        assert!(out.join("run").exists() && !out.join("second").exists(), "{first}");
    }
    for second in [format!("#{commit}"), format!("?ref=main&commit={}", &commit[..9]), "#main".into()] {
        assert!(place.files(&format!("{url}{second}")).unwrap().join("second").exists(), "{second}");
    }
    for folder in ["#:sub", "?subdir=sub", "#main:sub", "#main:../../sub"] {
        let out = place.files(&format!("{url}{folder}")).unwrap();
        assert!(out.join("sub/Dockerfile").exists() && !out.join("run").exists(), "{folder}");
    }
    let contexts = [("x".to_owned(), url)].into();
    let named = Some("FROM scratch\nCOPY --from=x run /\n".to_owned());
    let options = BuildOptions { dockerfile_text: named, contexts, ..BuildOptions::default() };
    assert!(place.unpacked(&options).unwrap().join("run").exists());
}

#[test]
fn a_repository_that_lacks_what_is_asked_for_is_told() {
    let place = Place::new();
    place.repository();
    let url = format!("file://{}", place.path("x.git").display());
    let none = "0123456789012345678901234567890123456789";
    for (url, kind, message) in [
        (format!("{url}#nope"), ErrorKind::NotFound, "does not contain ref nope"),
        (format!("{url}#way"), ErrorKind::NotFound, "does not contain ref way"),
        (format!("{url}#{none}"), ErrorKind::NotFound, "does not contain commit"),
        (format!("{url}#:nope"), ErrorKind::NotFound, "does not contain folder nope"),
        (format!("{url}#:out"), ErrorKind::NotFound, "does not contain folder out"),
        (format!("{url}?commit=0123456"), ErrorKind::DigestMismatch, "expected checksum to match 0123456"),
        (format!("{url}.none"), ErrorKind::NotFound, "failed to fetch file://"),
    ] {
        let error = place.files(&url).unwrap_err();
        assert_eq!((error.kind(), error.to_string().contains(message)), (kind, true), "{url}: {error}");
    }
}

#[test]
fn add_takes_a_repository_and_knows_its_commit() {
    let place = Place::new();
    let commit = place.repository();
    let daemon = Daemon::start(place.folder.path());
    let url = format!("{}/x.git", daemon.url);
    let out = place.added(&format!("{url} /to")).unwrap();
    assert!(out.join("to/second").exists() && !out.join("to/.git").exists());
    let out = place.added(&format!("--keep-git-dir=true {url}#v1:sub /to/")).unwrap();
    assert!(out.join("to/Dockerfile").exists());
    let out = place.added(&format!("--keep-git-dir=true {url} /to/")).unwrap();
    assert_eq!(git(&out.join("to"), &["-c", "safe.directory=*", "rev-parse", "HEAD"]), commit);
    assert_eq!(git(&out.join("to"), &["-c", "safe.directory=*", "status", "--porcelain"]), "");

    assert!(place.added(&format!("--checksum={commit} {url} /")).is_ok());
    let error = place.added(&format!("--checksum=0123456 {url} /")).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::DigestMismatch, "{error}");

    // What keeps git's own files is never the same twice, but the commit is.
    let add = format!("--keep-git-dir=true {url} /to/");
    let first = place.build(&adding(&add)).unwrap();
    let cached = std::sync::Arc::new(std::sync::atomic::AtomicBool::new(false));
    let seen = cached.clone();
    let task = Task::new().unwrap().on_event(move |event| {
        if matches!(event, Event::StepCached { .. }) {
            seen.store(true, std::sync::atomic::Ordering::SeqCst);
        }
        Ok(())
    });
    assert_eq!(place.engine.images_build(&adding(&add), BuildInputs::default(), &task).unwrap(), first);
    assert!(cached.load(std::sync::atomic::Ordering::SeqCst));
    write(&place.path("x.git/third"), "3");
    git(&place.path("x.git"), &["add", "."]);
    git(&place.path("x.git"), &["commit", "--quiet", "-m", "three"]);
    assert_ne!(place.build(&adding(&add)).unwrap(), first);
}

#[test]
fn a_dockerfile_gets_at_no_repository_of_this_machine() {
    let place = Place::new();
    place.repository();
    let error = place.added(&format!("file://{} /to/", place.path("x.git").display())).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::BuildFailed, "{error}");
}

#[test]
fn submodules_come_along_but_not_from_this_machine() {
    let place = Place::new();
    place.repository();
    let daemon = Daemon::start(place.folder.path());
    let super_repository = |name: &str, submodule: &str| {
        let work = place.path(name);
        write(&work.join("own"), "own");
        git(&work, &["init", "--quiet"]);
        git(&work, &["remote", "add", "origin", &format!("{}/{name}", daemon.url)]);
        git(&work, &["submodule", "--quiet", "add", submodule, "below"]);
        git(&work, &["add", "."]);
        git(&work, &["commit", "--quiet", "-m", "with a submodule"]);
        format!("{}/{name}", daemon.url)
    };
    let url = super_repository("super.git", "../x.git");
    let out = place.added(&format!("{url} /")).unwrap();
    assert!(out.join("own").exists() && out.join("below/second").exists());
    assert!(!out.join("below/.git").exists() && !out.join(".git").exists());
    let out = place.added(&format!("{url}?submodules=false /")).unwrap();
    assert!(out.join("own").exists() && !out.join("below/second").exists());

    let local = format!("file://{}", place.path("x.git").display());
    let url = super_repository("evil.git", &local);
    let error = place.added(&format!("{url} /")).unwrap_err();
    assert!(error.to_string().contains("not allowed"), "{error}");
}

#[test]
fn a_cancel_ends_git() {
    let place = Place::new();
    let silent = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("git://{}/x.git", silent.local_addr().unwrap());
    let task = Task::new().unwrap();
    let token = task.token().clone();
    let started = Instant::now();
    let cancel = std::thread::spawn(move || {
        std::thread::sleep(Duration::from_millis(300));
        token.cancel();
    });
    let options = BuildOptions { path: url.into(), ..BuildOptions::default() };
    let error = place.engine.images_build(&options, BuildInputs::default(), &task).unwrap_err();
    cancel.join().unwrap();
    assert_eq!(error.kind(), ErrorKind::Cancelled, "{error}");
    assert!(started.elapsed() < Duration::from_secs(20));
    assert_eq!(std::fs::read_dir(place.path("root/tmp")).unwrap().count(), 0);
}
