//! Stored credentials: Docker's `config.json` and credential helpers, podman's `auth.json`.
//!
//! Explicit credentials never come here. A helper that fails is reported, not skipped. Nothing that is secret is ever put into
//! an error.

use std::path::{Path, PathBuf};

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, STANDARD_NO_PAD};
use serde_json::{Map, Value, json};

use super::helper;
use crate::config::CredentialFiles;
use crate::error::{Error, ErrorKind, Result};
use crate::fs;
use crate::reference::DEFAULT_HOST;
use crate::task::Task;

/// The key of Docker Hub in `config.json`.
pub const HUB_KEY: &str = "https://index.docker.io/v1/";
/// Largest file of credentials that is read, in bytes.
const FILE_LIMIT: u64 = 4 << 20;

/// Who we are to a registry.
#[derive(Clone, PartialEq, Eq)]
pub enum Credential {
    /// Name and password.
    Password(String, String),
    /// A refresh token of the token service, and the name it is for, which may be empty.
    Identity(String, String),
    /// A bearer token.
    Token(String),
}

impl Credential {
    /// What a helper or a file has, by the rule that the user `<token>` has an identity token for a password.
    fn of(username: String, secret: String) -> Credential {
        if username == "<token>" {
            return Credential::Identity(String::new(), secret);
        }
        Credential::Password(username, secret)
    }

    /// The user's name, which may be empty.
    pub fn username(&self) -> &str {
        match self {
            Credential::Password(name, _) | Credential::Identity(name, _) => name,
            Credential::Token(_) => "",
        }
    }
}

/// The key that a registry's credentials are stored under.
pub fn key_of(host: &str) -> &str {
    if is_hub(host) { HUB_KEY } else { host }
}

fn is_hub(host: &str) -> bool {
    matches!(host, DEFAULT_HOST | "index.docker.io" | "registry-1.docker.io")
}

/// The host that a key of a file means: older writers put a URL.
fn host_of(key: &str) -> &str {
    let rest = key.strip_prefix("https://").or_else(|| key.strip_prefix("http://")).unwrap_or(key);
    let rest = rest.trim_end_matches('/');
    rest.strip_suffix("/v1").or_else(|| rest.strip_suffix("/v2")).unwrap_or(rest)
}

/// The keys of a file from the most particular to the host itself: `host/team/app`, `host/team`, `host`.
fn keys(host: &str, repository: &str) -> Vec<String> {
    let mut keys = Vec::new();
    let mut path = format!("{host}/{repository}");
    while let Some((shorter, _)) = path.rsplit_once('/') {
        keys.push(path.clone());
        path = shorter.to_owned();
    }
    keys.push(host.to_owned());
    keys.dedup();
    keys
}

/// The stores of credentials.
pub struct Store<'a> {
    files: &'a CredentialFiles,
    task: &'a Task,
}

impl<'a> Store<'a> {
    /// The stores in these files. Waits on helpers end when the task is cancelled.
    pub fn new(files: &'a CredentialFiles, task: &'a Task) -> Self {
        Store { files, task }
    }

    /// The credentials for a repository of a host: from Docker's file, or else podman's. `None` when there are none.
    pub fn find(&self, host: &str, repository: &str) -> Result<Option<Credential>> {
        let docker = self.files.docker.iter();
        for path in docker.chain(&self.files.containers) {
            match self.find_in(path, host, repository) {
                Ok(None) => {}
                // podman's places need not be for us.
                Err(error)
                    if error.kind() == ErrorKind::Permission && self.files.containers.contains(path) => {}
                found => return found,
            }
        }
        Ok(None)
    }

    fn find_in(&self, path: &Path, host: &str, repository: &str) -> Result<Option<Credential>> {
        let Some(file) = read(path)? else { return Ok(None) };
        if let Some(helper) = helper_of(&file, host) {
            if let Some(found) = helper::get(&helper, key_of(host), self.task)? {
                return Ok(Some(Credential::of(found.username, found.secret)));
            }
            if own_helper(&file, host).is_some() {
                return Ok(None);
            }
        }
        let Some(auths) = file.get("auths").and_then(Value::as_object) else { return Ok(None) };
        for key in keys(host, repository) {
            let entry = auths.iter().find(|(known, _)| {
                *known == &key
                    || host_of(known) == key
                    || (key == host && is_hub(host) && is_hub(host_of(known)))
            });
            if let Some((known, entry)) = entry
                && let Some(found) = of_entry(entry).map_err(|why| {
                    Error::new(
                        ErrorKind::InvalidArgument,
                        format!("{}: auths {known:?}: {why}", path.display()),
                    )
                })?
            {
                return Ok(Some(found));
            }
        }
        Ok(None)
    }

    /// Stores credentials where Docker would: in the helper that its file names, or in the file itself. Returns where, and
    /// whether they are readable there.
    pub fn store(&self, host: &str, credential: &Credential) -> Result<(String, bool)> {
        let path = self.docker_file()?;
        let mut file = read(path)?.unwrap_or_default();
        let key = key_of(host);
        let (username, secret) = match credential {
            Credential::Password(username, password) => (username.clone(), password.clone()),
            Credential::Identity(_, token) => ("<token>".to_owned(), token.clone()),
            Credential::Token(_) => {
                return Err(Error::new(
                    ErrorKind::InvalidArgument,
                    "a bearer token is not stored: it ends soon",
                ));
            }
        };
        let helper = helper_of(&file, host);
        if let Some(helper) = &helper {
            helper::store(helper, key, &username, &secret, self.task)?;
        }
        let entry = match (credential, &helper) {
            (_, Some(_)) => json!({}),
            (Credential::Identity(name, token), None) => {
                json!({ "auth": STANDARD.encode(format!("{name}:")), "identitytoken": token })
            }
            _ => json!({ "auth": STANDARD.encode(format!("{username}:{secret}")) }),
        };
        let auths = file.entry("auths").or_insert_with(|| json!({}));
        match auths.as_object_mut() {
            Some(auths) => drop(auths.insert(key.to_owned(), entry)),
            None => *auths = json!({ key: entry }),
        }
        write(path, &file)?;
        Ok(match helper {
            Some(helper) => (helper::program(&helper), false),
            None => (path.display().to_string(), true),
        })
    }

    /// Forgets the credentials of a host. Says whether there were any.
    pub fn erase(&self, host: &str) -> Result<bool> {
        let path = self.docker_file()?;
        let Some(mut file) = read(path)? else { return Ok(false) };
        let mut removed = false;
        if let Some(helper) = helper_of(&file, host)
            && helper::get(&helper, key_of(host), self.task)?.is_some()
        {
            helper::erase(&helper, key_of(host), self.task)?;
            removed = true;
        }
        if let Some(auths) = file.get_mut("auths").and_then(Value::as_object_mut) {
            let keys: Vec<String> = auths
                .keys()
                .filter(|key| host_of(key) == host || (is_hub(host) && is_hub(host_of(key))))
                .cloned()
                .collect();
            for key in keys {
                removed |= auths.shift_remove(&key).is_some();
            }
        }
        if removed {
            write(path, &file)?;
        }
        Ok(removed)
    }

    fn docker_file(&self) -> Result<&PathBuf> {
        self.files.docker.as_ref().ok_or_else(|| {
            Error::new(ErrorKind::InvalidArgument, "no place for credentials: set DOCKER_CONFIG or HOME")
        })
    }
}

/// The helper that Docker's file names for a host.
fn helper_of(file: &Map<String, Value>, host: &str) -> Option<String> {
    let named = own_helper(file, host).or_else(|| file.get("credsStore")?.as_str());
    named.filter(|name| !name.is_empty()).map(str::to_owned)
}

/// The helper for this host alone; an empty one is the file itself.
fn own_helper<'a>(file: &'a Map<String, Value>, host: &str) -> Option<&'a str> {
    let helpers = file.get("credHelpers")?.as_object()?;
    helpers.get(host).or_else(|| helpers.get(key_of(host)))?.as_str()
}

/// The credentials of one entry of `auths`; none in an empty one, which a helper leaves.
fn of_entry(entry: &Value) -> std::result::Result<Option<Credential>, String> {
    let text = |key: &str| entry.get(key).and_then(Value::as_str).unwrap_or_default().to_owned();
    let (mut username, mut password) = (text("username"), text("password"));
    let auth = text("auth");
    if !auth.is_empty() {
        let bytes = STANDARD
            .decode(auth.trim_end_matches('\0'))
            .or_else(|_| STANDARD_NO_PAD.decode(auth.trim_end_matches('=')))
            .map_err(|_| "auth is not base64")?;
        let pair = String::from_utf8(bytes).map_err(|_| "auth is not UTF-8")?;
        let (name, secret) = pair.split_once(':').ok_or("auth is no name and password")?;
        (username, password) = (name.to_owned(), secret.trim_end_matches('\0').to_owned());
    }
    let (identity, token) = (text("identitytoken"), text("registrytoken"));
    if !token.is_empty() {
        return Ok(Some(Credential::Token(token)));
    }
    if !identity.is_empty() {
        return Ok(Some(Credential::Identity(username, identity)));
    }
    Ok((!username.is_empty()).then(|| Credential::of(username, password)))
}

fn read(path: &Path) -> Result<Option<Map<String, Value>>> {
    let Some(bytes) = fs::read_optional(path, FILE_LIMIT)? else { return Ok(None) };
    if bytes.iter().all(u8::is_ascii_whitespace) {
        return Ok(Some(Map::new()));
    }
    // The parser's own words could quote a secret: the place is enough.
    serde_json::from_slice(&bytes).map(Some).map_err(|error| {
        Error::new(
            ErrorKind::InvalidArgument,
            format!(
                "{} is not a JSON object: line {}, column {}",
                path.display(),
                error.line(),
                error.column()
            ),
        )
    })
}

/// Writes the file anew, for its owner only; atomic. A link stays one: what it leads to is replaced.
fn write(path: &Path, file: &Map<String, Value>) -> Result<()> {
    use std::io::Write;
    let path = fs::absolute(path).unwrap_or_else(|_| path.to_owned());
    fs::create_dir_all(fs::parent(&path))?;
    let text = serde_json::to_string_pretty(file)
        .map_err(|error| Error::new(ErrorKind::Internal, format!("write credentials: {error}")))?
        .replace("\n  ", "\n\t");
    let mut new = fs::AtomicFile::create_private(&path)?;
    new.write_all(text.as_bytes()).map_err(|error| Error::io(format!("write {}", path.display()), error))?;
    new.place()
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::PermissionsExt;

    fn place(folder: &Path, text: &str) -> CredentialFiles {
        let path = folder.join("config.json");
        std::io::Write::write_all(&mut fs::create_new(&path).unwrap(), text.as_bytes()).unwrap();
        CredentialFiles { docker: Some(path), containers: Vec::new() }
    }

    fn found(text: &str, host: &str, repository: &str) -> Option<(String, String)> {
        let folder = tempfile::tempdir().unwrap();
        let files = place(folder.path(), text);
        match Store::new(&files, &Task::new().unwrap()).find(host, repository).unwrap()? {
            Credential::Password(name, password) => Some((name, password)),
            Credential::Identity(name, token) => Some((format!("identity {name}"), token)),
            Credential::Token(token) => Some(("token".into(), token)),
        }
    }

    fn pair(name: &str, secret: &str) -> Option<(String, String)> {
        Some((name.to_owned(), secret.to_owned()))
    }

    #[test]
    fn keys_of_every_writer_are_found() {
        // "a:b", "c:d:e"
        let file = r#"{"auths": {
            "https://index.docker.io/v1/": {"auth": "YTpi"},
            "https://reg.example/v2/": {"auth": "YzpkOmU="},
            "plain.example:5000": {"username": "x", "password": "y"},
            "id.example": {"auth": "YTo=", "identitytoken": "long"},
            "tok.example": {"registrytoken": "bear"},
            "empty.example": {},
            "quay.io": {"auth": "YTpi"},
            "quay.io/team": {"username": "team", "password": "t"}}}"#;
        assert_eq!(found(file, "docker.io", "library/x"), pair("a", "b"));
        assert_eq!(found(file, "reg.example", "x"), pair("c", "d:e"));
        assert_eq!(found(file, "plain.example:5000", "x"), pair("x", "y"));
        assert_eq!(found(file, "id.example", "x"), pair("identity a", "long"));
        assert_eq!(found(file, "tok.example", "x"), pair("token", "bear"));
        assert_eq!(found(file, "empty.example", "x"), None);
        assert_eq!(found(file, "other.example", "x"), None);
        assert_eq!(found(file, "quay.io", "team/app"), pair("team", "t"));
        assert_eq!(found(file, "quay.io", "teams/app"), pair("a", "b"));
    }

    #[test]
    fn a_login_keeps_what_else_is_in_the_file_and_a_logout_takes_only_its_own() {
        let folder = tempfile::tempdir().unwrap();
        let files = place(
            folder.path(),
            r#"{"HttpHeaders": {"X": "y"}, "auths": {"other.example": {"auth": "YTpi"}}}"#,
        );
        let path = files.docker.clone().unwrap();
        let task = Task::new().unwrap();
        let store = Store::new(&files, &task);
        let credential = Credential::Password("me".into(), "pass".into());
        assert_eq!(store.store("docker.io", &credential).unwrap(), (path.display().to_string(), true));
        let mode = std::fs::metadata(&path).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
        let file = read(&path).unwrap().unwrap();
        assert_eq!(file["HttpHeaders"]["X"], "y");
        assert_eq!(file["auths"][HUB_KEY]["auth"], STANDARD.encode("me:pass"));
        assert!(store.find("docker.io", "library/x").unwrap() == Some(credential));
        assert!(store.erase("docker.io").unwrap());
        assert!(!store.erase("docker.io").unwrap());
        let file = read(&path).unwrap().unwrap();
        assert_eq!(file["auths"], json!({"other.example": {"auth": "YTpi"}}));
    }

    #[test]
    fn a_broken_file_is_named_without_what_is_in_it() {
        let folder = tempfile::tempdir().unwrap();
        let files = place(folder.path(), r#"{"auths": {"x": {"auth": secret}}}"#);
        let task = Task::new().unwrap();
        let Err(error) = Store::new(&files, &task).find("x", "y") else { panic!("it is accepted") };
        assert_eq!(error.kind(), ErrorKind::InvalidArgument);
        assert!(
            error.to_string().contains("config.json") && !error.to_string().contains("secret"),
            "{error}"
        );
    }
}
