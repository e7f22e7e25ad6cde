//! Where a registry is reached: its own address and its mirrors, from the configuration, Docker's `certs.d` and
//! containerd's `hosts.toml` (containerd, "docs/hosts.md"). Asks nothing of the network.

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::path::{Path, PathBuf};

use reqwest::Url;
use serde::Deserialize;

use super::tls::TlsSettings;
use crate::config::RegistryConfig;
use crate::error::{Error, ErrorKind, Result};
use crate::fs;
use crate::reference::DEFAULT_HOST;

/// The host that has the data of Docker Hub.
const HUB_DATA: &str = "registry-1.docker.io";
/// Where certificates and `hosts.toml` are looked for when the configuration does not say.
const CERTS_DIRS: [&str; 3] = ["/etc/docker/certs.d", "/etc/containers/certs.d", "/etc/containerd/certs.d"];
/// The folder of what holds for hosts that have none of their own.
const DEFAULT_FOLDER: &str = "_default";
/// Largest `hosts.toml` that is read, in bytes.
const HOSTS_LIMIT: u64 = 1 << 20;

/// One address of a registry.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Endpoint {
    /// Its address, up to and with the `/v2/` of the protocol.
    pub base: Url,
    /// Whether plain HTTP is tried when TLS is not spoken there.
    pub may_be_plain: bool,
    /// How it is checked.
    pub tls: TlsSettings,
    /// Headers that go with every request.
    pub headers: Vec<(String, String)>,
    /// Whether it serves what tags lead to.
    pub resolve: bool,
    /// Whether it serves blobs and manifests by digest.
    pub pull: bool,
    /// The registry that it is a mirror of, when it wants to be told (containerd's `ns`).
    pub namespace: Option<String>,
}

impl Endpoint {
    /// An address with what the configuration and Docker's `certs.d` say of its host.
    pub fn of(config: &RegistryConfig, base: Url) -> Result<Endpoint> {
        let host = authority(&base);
        let mut tls = docker_certificates(config, &host)?;
        tls.authorities.extend(config.ca_files.iter().cloned());
        tls.skip_verify = is_named_insecure(config, &host);
        Ok(Endpoint {
            may_be_plain: base.scheme() == "https" && may_be_plain(config, &host),
            base,
            tls,
            headers: Vec::new(),
            resolve: true,
            pull: true,
            namespace: None,
        })
    }

    /// Its host and port, as a registry is named.
    pub fn host(&self) -> String {
        authority(&self.base)
    }
}

/// Host and port of a URL, the port only where it is not the scheme's own.
pub fn authority(url: &Url) -> String {
    match (url.host_str(), url.port()) {
        (Some(host), Some(port)) => format!("{host}:{port}"),
        (host, _) => host.unwrap_or_default().to_owned(),
    }
}

/// The host without its port.
fn bare(host: &str) -> &str {
    match host.strip_prefix('[') {
        Some(rest) => rest.split_once(']').map_or(rest, |(address, _)| address),
        None => host.rsplit_once(':').map_or(host, |(name, _)| name),
    }
}

/// Whether a host is this machine itself.
pub fn is_loopback(host: &str) -> bool {
    let name = bare(host);
    name.eq_ignore_ascii_case("localhost")
        || name.parse::<IpAddr>().is_ok_and(|address| address.is_loopback())
}

/// Whether a host may be spoken to without TLS.
pub fn may_be_plain(config: &RegistryConfig, host: &str) -> bool {
    is_loopback(host) || is_named_insecure(config, host)
}

fn is_named_insecure(config: &RegistryConfig, host: &str) -> bool {
    config
        .insecure
        .iter()
        .any(|named| named.eq_ignore_ascii_case(host) || named.eq_ignore_ascii_case(bare(host)))
}

/// The addresses of a registry in the order they are tried: mirrors, then its own.
pub fn endpoints(config: &RegistryConfig, host: &str) -> Result<Vec<Endpoint>> {
    for folder in folders(config, host).into_iter().chain(folders(config, DEFAULT_FOLDER)) {
        let path = folder.join("hosts.toml");
        if let Some(bytes) = unless_closed(config, fs::read_optional(&path, HOSTS_LIMIT))? {
            return from_hosts_file(config, host, &path, &bytes);
        }
    }
    let own = own_endpoint(config, host)?;
    let mut found = Vec::new();
    if host == DEFAULT_HOST {
        for mirror in &config.mirrors {
            let base = base_of(mirror, false).map_err(|why| {
                Error::new(ErrorKind::InvalidArgument, format!("a mirror of Docker Hub: {why}"))
            })?;
            found.push(Endpoint::of(config, base)?);
        }
    }
    found.push(own);
    Ok(found)
}

fn own_endpoint(config: &RegistryConfig, host: &str) -> Result<Endpoint> {
    let address = if host == DEFAULT_HOST { HUB_DATA } else { host };
    let base = base_of(&format!("https://{address}"), false)
        .map_err(|why| Error::new(ErrorKind::InvalidReference, format!("{host:?} is not a host: {why}")))?;
    let mut endpoint = Endpoint::of(config, base)?;
    if host != authority(&endpoint.base) {
        // Docker Hub is named otherwise than its data host, and a port of a name may be the scheme's own.
        endpoint.tls.skip_verify |= is_named_insecure(config, host);
        endpoint.may_be_plain |= may_be_plain(config, host);
        let tls = docker_certificates(config, host)?;
        endpoint.tls.authorities.extend(tls.authorities);
        endpoint.tls.client = endpoint.tls.client.or(tls.client);
    }
    Ok(endpoint)
}

/// The address with the `/v2/` of the protocol behind it, unless it has a path that is to stay as it is.
fn base_of(address: &str, override_path: bool) -> std::result::Result<Url, String> {
    let address = if address.contains("://") { address.to_owned() } else { format!("https://{address}") };
    let mut url = Url::parse(&address).map_err(|error| error.to_string())?;
    if !matches!(url.scheme(), "http" | "https") || url.host_str().is_none_or(str::is_empty) {
        return Err("an http or https URL is wanted".into());
    }
    let path = url.path().trim_end_matches('/').to_owned();
    let path =
        if override_path || path.ends_with("/v2") { format!("{path}/") } else { format!("{path}/v2/") };
    url.set_path(&path);
    url.set_query(None);
    Ok(url)
}

/// The folders that may hold what is particular to a host.
fn folders(config: &RegistryConfig, host: &str) -> Vec<PathBuf> {
    let roots = match &config.certs_dirs {
        Some(roots) => roots.clone(),
        None => CERTS_DIRS.iter().map(PathBuf::from).collect(),
    };
    let mut names = vec![host.to_owned()];
    if let Some((name, port)) = host.rsplit_once(':') {
        names.insert(0, format!("{name}_{port}_"));
    }
    roots.iter().flat_map(|root| names.iter().map(|name| root.join(name))).collect()
}

/// The system's folders need not be for everybody: what is closed to us there is as good as not there.
fn unless_closed<T: Default>(config: &RegistryConfig, result: Result<T>) -> Result<T> {
    match result {
        Err(error) if config.certs_dirs.is_none() && error.kind() == ErrorKind::Permission => {
            Ok(T::default())
        }
        other => other,
    }
}

/// Docker's layout: `*.crt` are authorities, a `NAME.cert` and the `NAME.key` beside it are shown when asked.
fn docker_certificates(config: &RegistryConfig, host: &str) -> Result<TlsSettings> {
    let mut tls = TlsSettings::default();
    for folder in folders(config, host) {
        for name in unless_closed(config, fs::list(&folder))? {
            let path = folder.join(&name);
            match path.extension().and_then(|extension| extension.to_str()) {
                Some("crt") => tls.authorities.push(path),
                Some("cert") => {
                    let key = path.with_extension("key");
                    if fs::stat(&key)?.is_none() {
                        return Err(Error::new(
                            ErrorKind::InvalidArgument,
                            format!("{}: there is no key {} beside it", path.display(), key.display()),
                        ));
                    }
                    tls.client.get_or_insert((path, key));
                }
                _ => {}
            }
        }
    }
    Ok(tls)
}

/// One value or a list of them.
#[derive(Debug, Deserialize)]
#[serde(untagged)]
enum OneOrMany<T> {
    One(T),
    Many(Vec<T>),
}

impl<T: Clone> OneOrMany<T> {
    fn list(&self) -> Vec<T> {
        match self {
            OneOrMany::One(one) => vec![one.clone()],
            OneOrMany::Many(many) => many.clone(),
        }
    }
}

/// A file with certificate and key, several of them, or pairs of files.
#[derive(Debug, Deserialize)]
#[serde(untagged)]
enum ClientFiles {
    One(PathBuf),
    Many(Vec<OneOrMany<PathBuf>>),
}

/// What `hosts.toml` says of one host. What it may say beside that is for containerd alone.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct HostTable {
    capabilities: Option<Vec<String>>,
    ca: Option<OneOrMany<PathBuf>>,
    client: Option<ClientFiles>,
    skip_verify: Option<bool>,
    header: BTreeMap<String, OneOrMany<String>>,
    override_path: bool,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct HostsFile {
    server: Option<String>,
    #[serde(flatten)]
    own: HostTable,
    /// In the order of the file, which is the order they are tried in.
    host: toml::Table,
}

fn from_hosts_file(config: &RegistryConfig, host: &str, path: &Path, bytes: &[u8]) -> Result<Vec<Endpoint>> {
    let bad = |why: String| Error::new(ErrorKind::InvalidArgument, format!("{}: {why}", path.display()));
    let text = std::str::from_utf8(bytes).map_err(|error| bad(error.to_string()))?;
    let file: HostsFile = toml::from_str(text).map_err(|error| bad(error.message().to_owned()))?;
    let folder = fs::parent(path);
    let mut found = Vec::new();
    for (address, table) in file.host {
        let table: HostTable =
            table.try_into().map_err(|error| bad(format!("host {address:?}: {}", error.message())))?;
        let base = base_of(&address, table.override_path).map_err(|why| bad(format!("host: {why}")))?;
        let mut endpoint = Endpoint::of(config, base)?;
        endpoint.namespace = Some(host.to_owned());
        apply(&mut endpoint, &table, folder).map_err(bad)?;
        found.push(endpoint);
    }
    let mut own = match &file.server {
        Some(address) => {
            let mut base =
                base_of(address, file.own.override_path).map_err(|why| bad(format!("server: {why}")))?;
            if base.host_str() == Some(DEFAULT_HOST) {
                base.set_host(Some(HUB_DATA)).map_err(|error| bad(format!("server: {error}")))?;
            }
            let mut own = Endpoint::of(config, base)?;
            own.namespace = (own.host() != host && own.host() != HUB_DATA).then(|| host.to_owned());
            own
        }
        None => own_endpoint(config, host)?,
    };
    apply(&mut own, &file.own, folder).map_err(bad)?;
    found.push(own);
    Ok(found)
}

fn apply(endpoint: &mut Endpoint, table: &HostTable, folder: &Path) -> std::result::Result<(), String> {
    if let Some(capabilities) = &table.capabilities {
        let has = |name: &str| capabilities.iter().any(|capability| capability == name);
        (endpoint.pull, endpoint.resolve) = (has("pull"), has("resolve"));
    }
    endpoint.tls.authorities.extend(table.ca.iter().flat_map(OneOrMany::list).map(|path| folder.join(path)));
    let files = match &table.client {
        None => Vec::new(),
        Some(ClientFiles::One(file)) => vec![file.clone()],
        Some(ClientFiles::Many(many)) => many.first().map(OneOrMany::list).unwrap_or_default(),
    };
    if let Some(certificate) = files.first() {
        // Without a file of its own the key is in that of the certificate.
        let key = files.get(1).filter(|key| !key.as_os_str().is_empty()).unwrap_or(certificate);
        endpoint.tls.client = Some((folder.join(certificate), folder.join(key)));
    }
    if let Some(skip_verify) = table.skip_verify {
        endpoint.tls.skip_verify = skip_verify;
    }
    for (name, values) in &table.header {
        endpoint.headers.extend(values.list().into_iter().map(|value| (name.clone(), value)));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn config() -> RegistryConfig {
        RegistryConfig { certs_dirs: Some(Vec::new()), ..RegistryConfig::default() }
    }

    fn addresses(config: &RegistryConfig, host: &str) -> Vec<String> {
        endpoints(config, host).unwrap().into_iter().map(|endpoint| endpoint.base.to_string()).collect()
    }

    #[test]
    fn only_loopback_and_what_is_named_may_be_plain() {
        let config = RegistryConfig { insecure: vec!["old.example:5000".into()], ..config() };
        for (host, plain) in [
            ("localhost:5000", true),
            ("127.0.0.1", true),
            ("127.9.9.9:1", true),
            ("[::1]:5000", true),
            ("old.example:5000", true),
            ("old.example", false),
            ("10.0.0.1:5000", false),
            ("docker.io", false),
            ("localhost.example:5000", false),
        ] {
            assert_eq!(endpoints(&config, host).unwrap()[0].may_be_plain, plain, "{host}");
        }
        assert!(endpoints(&config, "old.example:5000").unwrap()[0].tls.skip_verify);
        assert!(!endpoints(&config, "localhost:5000").unwrap()[0].tls.skip_verify);
    }

    #[test]
    fn docker_hub_has_a_host_of_its_own_for_data_and_mirrors_stand_before_it() {
        let config = RegistryConfig { mirrors: vec!["http://mirror.example:5000".into()], ..config() };
        assert_eq!(
            addresses(&config, "docker.io"),
            ["http://mirror.example:5000/v2/", "https://registry-1.docker.io/v2/"]
        );
        assert_eq!(addresses(&config, "quay.io"), ["https://quay.io/v2/"]);
        let mirror = &endpoints(&config, "docker.io").unwrap()[0];
        assert!(mirror.pull && mirror.resolve);
    }

    #[test]
    fn a_hosts_file_says_where_and_how() {
        let folder = tempfile::tempdir().unwrap();
        let host = folder.path().join("quay.io");
        fs::create_dir_all(&host).unwrap();
        let text = r#"
            server = "https://quay.example"
            [host."http://a.example:5000"]
              capabilities = ["pull"]
            [host."https://b.example/prefix/v2"]
              ca = "b.pem"
              override_path = true
              skip_verify = true
              client = [["c.cert", "c.key"]]
              [host."https://b.example/prefix/v2".header]
                x-team = ["one", "two"]
        "#;
        std::io::Write::write_all(&mut fs::create_new(&host.join("hosts.toml")).unwrap(), text.as_bytes())
            .unwrap();
        let config = RegistryConfig { certs_dirs: Some(vec![folder.path().to_owned()]), ..config() };
        assert_eq!(
            addresses(&config, "quay.io"),
            ["http://a.example:5000/v2/", "https://b.example/prefix/v2/", "https://quay.example/v2/"]
        );
        let found = endpoints(&config, "quay.io").unwrap();
        assert!(found[0].pull && !found[0].resolve);
        assert_eq!(found[1].tls.authorities, [host.join("b.pem")]);
        assert_eq!(found[1].tls.client, Some((host.join("c.cert"), host.join("c.key"))));
        assert!(found[1].tls.skip_verify);
        assert_eq!(found[1].headers.len(), 2);
        assert_eq!(found[0].namespace.as_deref(), Some("quay.io"));
    }

    #[test]
    fn certificates_lie_where_docker_has_them() {
        let folder = tempfile::tempdir().unwrap();
        let host = folder.path().join("reg.example:5000");
        fs::create_dir_all(&host).unwrap();
        for name in ["ca.crt", "client.cert"] {
            fs::create_new(&host.join(name)).unwrap();
        }
        let config = RegistryConfig { certs_dirs: Some(vec![folder.path().to_owned()]), ..config() };
        let error = endpoints(&config, "reg.example:5000").unwrap_err();
        assert!(error.to_string().contains("client.key"), "{error}");
        fs::create_new(&host.join("client.key")).unwrap();
        let tls = endpoints(&config, "reg.example:5000").unwrap().remove(0).tls;
        assert_eq!(tls.authorities, [host.join("ca.crt")]);
        assert_eq!(tls.client, Some((host.join("client.cert"), host.join("client.key"))));
    }
}
