//! URLs of git repositories as Docker writes them: `URL#ref:folder`, or `URL?ref=…&subdir=…` (Docker documentation, "Build context",
//! "Git repositories" and "URL queries"). Pure: nobody is asked.

use crate::error::{Error, ErrorKind, Result};
use crate::registry::shown_url;

/// A repository, and what of it is meant.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct GitUrl {
    /// Where it is, as git takes it, without user and password of HTTP.
    pub remote: String,
    /// `user:password` of HTTP, as it stands in the URL.
    pub login: Option<String>,
    /// A branch, tag, or commit; the repository's own choice when none is given.
    pub reference: Option<String>,
    /// What the commit has to begin with.
    pub commit: Option<String>,
    /// The folder in it that is meant.
    pub subdir: Option<String>,
    /// Whether submodules are fetched too.
    pub submodules: bool,
    /// Whether `.git` stays, where the URL says.
    pub keep_git_dir: Option<bool>,
}

/// Who wrote a URL.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Author {
    /// The caller, who may mean a repository on this machine.
    Caller,
    /// A Dockerfile, which may come from anybody: it gets at nothing that the network does not give to everybody.
    Dockerfile,
}

fn invalid(message: String) -> Error {
    Error::new(ErrorKind::InvalidArgument, message)
}

impl GitUrl {
    /// The repository that a text means; `None` when it is not the URL of one.
    pub fn parse(text: &str, author: Author) -> Result<Option<GitUrl>> {
        let end = text.find(['?', '#']).unwrap_or(text.len());
        let (address, rest) = text.split_at(end);
        let scheme = address.split_once("://").map(|(scheme, _)| scheme.to_ascii_lowercase());
        let remote = match scheme.as_deref() {
            Some("http" | "https") if address.ends_with(".git") => address.to_owned(),
            Some("ssh" | "git") => address.to_owned(),
            Some("file") if author == Author::Caller => address.to_owned(),
            None if author == Author::Caller && address.starts_with("github.com/") => {
                format!("https://{address}")
            }
            None if is_scp_like(address) => address.to_owned(),
            _ => return Ok(None),
        };
        if text.chars().any(char::is_control) {
            return Err(invalid(format!("invalid git URL {:?}", shown_url(text))));
        }
        let mut url = GitUrl { remote, submodules: true, ..GitUrl::default() };
        url.take_login();
        let (query, fragment) = match rest.split_once('#') {
            Some((query, fragment)) => (query, fragment),
            None => (rest, ""),
        };
        url.take_query(query.trim_start_matches('?'))?;
        url.take_fragment(fragment)?;
        if let Some(bad) = url.reference.iter().find(|name| name.starts_with('-')) {
            return Err(invalid(format!("invalid git reference {bad:?}")));
        }
        if let Some(commit) = &url.commit {
            check_commit(commit)?;
        }
        Ok(Some(url))
    }

    /// The URL as messages may show it.
    pub fn shown(&self) -> String {
        shown_url(&self.remote)
    }

    /// Moves user and password of HTTP out of the address, so that they are neither among a command's arguments nor in its messages.
    fn take_login(&mut self) {
        let Some((scheme, rest)) = self.remote.split_once("://") else { return };
        if !scheme.to_ascii_lowercase().starts_with("http") {
            return;
        }
        let end = rest.find('/').unwrap_or(rest.len());
        if let Some((login, host)) = rest[..end].rsplit_once('@') {
            let remote = format!("{scheme}://{host}{}", &rest[end..]);
            self.login = Some(login.to_owned());
            self.remote = remote;
        }
    }

    fn take_fragment(&mut self, fragment: &str) -> Result<()> {
        let (reference, subdir) = fragment.split_once(':').unwrap_or((fragment, ""));
        if !reference.is_empty() {
            self.set_reference(reference.to_owned())?;
        }
        if !subdir.is_empty() {
            self.set_subdir(subdir.to_owned())?;
        }
        Ok(())
    }

    fn take_query(&mut self, query: &str) -> Result<()> {
        for (key, value) in form_urlencoded::parse(query.as_bytes()) {
            let value = value.into_owned();
            match key.as_ref() {
                "ref" => self.set_reference(value)?,
                "branch" => self.set_reference(format!("refs/heads/{value}"))?,
                "tag" => self.set_reference(format!("refs/tags/{value}"))?,
                "commit" | "checksum" => {
                    if self.commit.replace(value).is_some() {
                        return Err(invalid("the git URL names two commits".into()));
                    }
                }
                "subdir" => self.set_subdir(value)?,
                "submodules" => self.submodules = flag(&key, &value)?,
                "keep-git-dir" => self.keep_git_dir = Some(flag(&key, &value)?),
                _ => {
                    return Err(invalid(format!("unexpected query {key:?} in the git URL {}", self.shown())));
                }
            }
        }
        Ok(())
    }

    fn set_reference(&mut self, reference: String) -> Result<()> {
        match self.reference.replace(reference) {
            None => Ok(()),
            Some(_) => Err(invalid(format!("the git URL {} names two references", self.shown()))),
        }
    }

    fn set_subdir(&mut self, subdir: String) -> Result<()> {
        match self.subdir.replace(subdir) {
            None => Ok(()),
            Some(_) => Err(invalid(format!("the git URL {} names two folders", self.shown()))),
        }
    }
}

/// Refuses what cannot begin a commit.
pub fn check_commit(commit: &str) -> Result<()> {
    match (7..=64).contains(&commit.len()) && commit.bytes().all(|byte| byte.is_ascii_hexdigit()) {
        true => Ok(()),
        false => Err(invalid(format!("invalid checksum of a commit: {commit:?}"))),
    }
}

fn flag(key: &str, value: &str) -> Result<bool> {
    match value {
        "" | "1" | "true" => Ok(true),
        "0" | "false" => Ok(false),
        _ => Err(invalid(format!("{key}={value:?} in a git URL is neither true nor false"))),
    }
}

/// Whether a text has SSH's short form, `user@host:path`.
fn is_scp_like(text: &str) -> bool {
    let Some((user, rest)) = text.split_once('@') else { return false };
    let Some((host, path)) = rest.split_once(':') else { return false };
    let word = |text: &str, more: &str| {
        !text.is_empty()
            && !text.starts_with('-')
            && text.chars().all(|c| c.is_ascii_alphanumeric() || more.contains(c))
    };
    word(user, "_-.") && word(host, "_-.") && !path.is_empty()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parsed(text: &str) -> GitUrl {
        GitUrl::parse(text, Author::Caller).unwrap().unwrap()
    }

    #[test]
    fn a_reference_and_a_folder_are_taken_from_fragment_or_query() {
        for (text, remote, reference, subdir) in [
            ("https://h/x.git", "https://h/x.git", None, None),
            ("https://h/x.git#v1:a/b", "https://h/x.git", Some("v1"), Some("a/b")),
            ("https://h/x.git#:a", "https://h/x.git", None, Some("a")),
            ("https://h/x.git?branch=b&subdir=d", "https://h/x.git", Some("refs/heads/b"), Some("d")),
            ("https://h/x.git?tag=v1", "https://h/x.git", Some("refs/tags/v1"), None),
            ("git@h:x/y.git#r", "git@h:x/y.git", Some("r"), None),
            ("ssh://git@h/x#r", "ssh://git@h/x", Some("r"), None),
            ("git://h/x", "git://h/x", None, None),
            ("github.com/x/y#r", "https://github.com/x/y", Some("r"), None),
            ("file:///x/y", "file:///x/y", None, None),
        ] {
            let url = parsed(text);
            assert_eq!(
                (url.remote.as_str(), url.reference.as_deref(), url.subdir.as_deref()),
                (remote, reference, subdir),
                "{text}"
            );
        }
        assert_eq!(parsed("https://h/x.git?commit=abcdef0").commit.as_deref(), Some("abcdef0"));
        assert_eq!(parsed("https://h/x.git?keep-git-dir=1&submodules=false").keep_git_dir, Some(true));
    }

    #[test]
    fn what_is_no_repository_is_left_to_others() {
        for text in ["https://h/x.tar", "./x.git", "/x.git", "x", "a@b", "C:\\x@y:z", "ftp://h/x.git"] {
            assert_eq!(GitUrl::parse(text, Author::Caller).unwrap(), None, "{text}");
        }
        for text in ["file:///x.git", "github.com/x/y"] {
            assert_eq!(GitUrl::parse(text, Author::Dockerfile).unwrap(), None, "{text}");
        }
    }

    #[test]
    fn a_login_goes_neither_to_git_nor_into_messages() {
        let url = parsed("https://me:s3cret@h:1/x.git#r");
        assert_eq!((url.remote.as_str(), url.login.as_deref()), ("https://h:1/x.git", Some("me:s3cret")));
        let error = GitUrl::parse("https://me:s3cret@h/x.git?what=1", Author::Caller).unwrap_err();
        assert!(!error.to_string().contains("s3cret"), "{error}");
    }

    #[test]
    fn contradictions_and_options_in_disguise_are_refused() {
        for text in [
            "https://h/x.git?ref=a&branch=b",
            "https://h/x.git?ref=a#b",
            "https://h/x.git?subdir=a#:b",
            "https://h/x.git#--upload-pack=x",
            "https://h/x.git?commit=xyz",
            "https://h/x.git?nope=1",
            "https://h/x\n.git",
        ] {
            assert!(GitUrl::parse(text, Author::Caller).is_err(), "{text}");
        }
    }
}
