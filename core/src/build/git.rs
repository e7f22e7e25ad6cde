//! Repositories of git as directories: one commit, fetched shallow, with its submodules (BuildKit, "Git sources").

use std::path::{Path, PathBuf};

use super::context::{Context, Files};
use super::git_command::Git;
use super::git_url::{Author, GitUrl};
use crate::error::{Error, ErrorKind, Result};
use crate::fs;
use crate::store::Store;
use crate::task::Task;

/// A commit that is checked out.
pub struct Checkout {
    /// Goes with it.
    pub folder: tempfile::TempDir,
    /// The folder of the repository that was meant.
    pub root: PathBuf,
}

/// Who fetches.
pub struct Access<'a> {
    /// Who named the repository.
    pub author: Author,
    /// The socket of an SSH agent for what a Dockerfile names.
    pub agent: Option<PathBuf>,
    /// Where temporary directories are made.
    pub store: &'a Store,
    /// What cancels it.
    pub task: &'a Task,
}

impl Access<'_> {
    fn git<'b>(&'b self, folder: &'b Path, url: &'b GitUrl) -> Git<'b> {
        Git { folder, url, author: self.author, agent: self.agent.clone(), task: self.task }
    }

    /// The commit that a URL means now. Asks the repository, unless the URL says it.
    pub fn resolve(&self, url: &GitUrl) -> Result<String> {
        let folder = self.store.temporary_directory()?;
        let commit = resolve(&self.git(folder.path(), url), url)?;
        check(url, &commit)?;
        Ok(commit)
    }

    /// Fetches a commit, by default the one that a URL means now.
    pub fn checkout(&self, url: &GitUrl, commit: Option<String>, keep_git_dir: bool) -> Result<Checkout> {
        let folder = self.store.temporary_directory()?;
        let git = self.git(folder.path(), url);
        let commit = match commit {
            Some(commit) => commit,
            None => resolve(&git, url)?,
        };
        check(url, &commit)?;
        let tree = folder.path().join("tree");
        fetch(&git, url, &commit)?;
        if url.submodules && fs::stat(&tree.join(".gitmodules"))?.is_some() {
            git.run(&["-C", "tree", "config", "remote.origin.url", &url.remote])?;
            let update =
                ["-C", "tree", "submodule", "update", "--quiet", "--init", "--recursive", "--depth=1"];
            git.run_for_submodules(&update)?;
        }
        if keep_git_dir {
            git.run(&["-C", "tree", "config", "remote.origin.url", &url.remote])?;
        }
        settle(&tree, keep_git_dir, self.task)?;
        let root = match &url.subdir {
            None => tree,
            Some(subdir) => {
                let inside = Context::of_directory(&tree).resolve(Path::new(subdir))?;
                let root = tree.join(inside);
                if !fs::is_directory(&root) {
                    return Err(missing(url, &format!("folder {subdir}")));
                }
                root
            }
        };
        Ok(Checkout { folder, root })
    }
}

fn missing(url: &GitUrl, what: &str) -> Error {
    Error::new(ErrorKind::NotFound, format!("repository {} does not contain {what}", url.shown()))
}

fn is_commit(reference: &str) -> bool {
    matches!(reference.len(), 40 | 64) && reference.bytes().all(|byte| byte.is_ascii_hexdigit())
}

/// The commit of the URL's reference. Branches come before tags, as `git checkout` has it.
fn resolve(git: &Git<'_>, url: &GitUrl) -> Result<String> {
    let reference = url.reference.as_deref().unwrap_or("HEAD");
    if is_commit(reference) {
        return Ok(reference.to_ascii_lowercase());
    }
    let peeled = format!("{reference}^{{}}");
    let listed = git.run(&["ls-remote", "--", &url.remote, reference, &peeled])?;
    let found = |name: &str| {
        listed
            .lines()
            .find_map(|line| line.split_once('\t').filter(|(_, found)| *found == name))
            .map(|(id, _)| id)
    };
    let full = format!("refs/{}", reference.strip_prefix("refs/").unwrap_or(reference));
    let names = [
        reference.to_owned(),
        format!("refs/heads/{reference}"),
        format!("refs/tags/{reference}^{{}}"),
        format!("refs/tags/{reference}"),
        format!("{full}^{{}}"),
        full,
    ];
    // A tag that was given in full is peeled too.
    let peeled = found(&peeled).filter(|_| reference.starts_with("refs/"));
    let commit = peeled.or_else(|| names.iter().find_map(|name| found(name)));
    match commit.filter(|commit| is_commit(commit)) {
        Some(commit) => Ok(commit.to_owned()),
        None if listed.is_empty() && url.reference.is_none() => Err(missing(url, "a commit")),
        None => Err(missing(url, &format!("ref {reference}"))),
    }
}

fn check(url: &GitUrl, commit: &str) -> Result<()> {
    match &url.commit {
        Some(wanted) if !commit.starts_with(&wanted.to_ascii_lowercase()) => Err(Error::new(
            ErrorKind::DigestMismatch,
            format!("{}: expected checksum to match {wanted}, got {commit}", url.shown()),
        )),
        _ => Ok(()),
    }
}

/// Brings a commit into `tree`: by itself where the other side gives it, or with the branches and tags that lead to it.
fn fetch(git: &Git<'_>, url: &GitUrl, commit: &str) -> Result<()> {
    let format = if commit.len() == 64 { "--object-format=sha256" } else { "--object-format=sha1" };
    git.run(&["init", "--quiet", "--template=", format, "tree"])?;
    let fetch = [
        "-C",
        "tree",
        "fetch",
        "--quiet",
        "--no-tags",
        "--force",
        "--no-recurse-submodules",
        "--update-head-ok",
    ];
    let with = |more: &[&str]| git.run(&[&fetch[..], more].concat());
    if let Err(error) = with(&["--depth=1", "--", &url.remote, commit]) {
        if error.kind() != ErrorKind::BuildFailed && error.kind() != ErrorKind::NotFound {
            return Err(error);
        }
        // Some servers only give what a name leads to.
        with(&["--", &url.remote, "+refs/heads/*:refs/remotes/origin/*", "+refs/tags/*:refs/tags/*"])?;
    }
    git.run(&["-C", "tree", "checkout", "--quiet", "--force", "--detach", commit, "--"]).map_err(
        |error| match error.kind() {
            ErrorKind::BuildFailed => missing(url, &format!("commit {commit}")),
            _ => error,
        },
    )?;
    // The status of a command may be lost to who reaps children, so what is there has the last word.
    match git.run(&["-C", "tree", "rev-parse", "HEAD"])?.trim() == commit {
        true => Ok(()),
        false => Err(missing(url, &format!("commit {commit}"))),
    }
}

/// Gives what was checked out the modes that do not depend on the caller's umask, and takes away what git keeps for itself.
fn settle(folder: &Path, keep_git_dir: bool, task: &Task) -> Result<()> {
    task.check()?;
    for name in fs::list(folder)? {
        let path = folder.join(&name);
        let Some(found) = fs::stat(&path)? else { continue };
        if name == ".git" && !keep_git_dir {
            // A repository cannot hold that name itself: it is the repository's own, or a submodule's.
            if found.is_dir() { fs::remove_tree(&path)? } else { fs::remove_file(&path)? }
        } else if found.is_dir() {
            fs::set_mode(&path, 0o755)?;
            settle(&path, keep_git_dir, task)?;
        } else if found.is_file() {
            let executable = std::os::unix::fs::PermissionsExt::mode(&found.permissions()) & 0o111 != 0;
            fs::set_mode(&path, if executable { 0o755 } else { 0o644 })?;
        }
    }
    Ok(())
}
