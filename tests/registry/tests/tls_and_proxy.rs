//! Certificates good and bad, client certificates, HTTP/2, and the proxy that plays Docker Hub.
#![allow(clippy::unwrap_used, missing_docs)] // a test may stop anywhere

mod common;

use std::collections::BTreeMap;
use std::io::{self, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::sync::Arc;

use common::{Response, exchange};
use http_body_util::{BodyExt, Empty};
use layerkit_testing::{Auth, BlobRedirect, Bytes, Options, Proxy, Registry, SearchEntry, Tls};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName};

/// How a client of this registry is set up: its CA, and its client certificate when that is wanted.
fn config(registry: &Registry, identified: bool, protocol: &[u8]) -> Arc<rustls::ClientConfig> {
    let mut roots = rustls::RootCertStore::empty();
    roots.add(CertificateDer::from_pem_slice(registry.ca_pem().unwrap().as_bytes()).unwrap()).unwrap();
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let builder = rustls::ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_root_certificates(roots);
    let mut config = if identified {
        let identity = registry.client_identity().unwrap();
        let certificate = CertificateDer::from_pem_slice(identity.certificate_pem.as_bytes()).unwrap();
        let key = PrivateKeyDer::from_pem_slice(identity.key_pem.as_bytes()).unwrap();
        builder.with_client_auth_cert(vec![certificate], key).unwrap()
    } else {
        builder.with_no_client_auth()
    };
    config.alpn_protocols.push(protocol.to_vec());
    Arc::new(config)
}

/// GET over TLS on a connection that somebody opened.
fn get_over(
    stream: impl Read + Write,
    config: Arc<rustls::ClientConfig>,
    host: &str,
    path: &str,
    headers: &[(&str, &str)],
) -> io::Result<Response> {
    let name = ServerName::try_from(host.split(':').next().unwrap().to_string()).unwrap();
    let connection = rustls::ClientConnection::new(config, name).map_err(io::Error::other)?;
    exchange(&mut rustls::StreamOwned::new(connection, stream), host, "GET", path, headers, b"")
}

fn get(registry: &Registry, identified: bool) -> io::Result<Response> {
    let stream = TcpStream::connect(registry.address())?;
    get_over(stream, config(registry, identified, b"http/1.1"), &registry.host(), "/v2/", &[])
}

#[test]
fn a_client_that_has_the_ca_takes_the_good_certificate_only() {
    for (tls, error) in [
        (Tls::Valid, None),
        (Tls::Expired, Some("Expired")),
        (Tls::WrongName, Some("not valid for name")),
        (Tls::SelfSigned, Some("UnknownIssuer")),
    ] {
        let registry = Registry::start(Options { tls, ..Options::default() }).unwrap();
        assert!(registry.url().starts_with("https://localhost:"));
        match (get(&registry, false), error) {
            (Ok(answer), None) => assert_eq!(answer.status, 200),
            (Err(error), Some(words)) => {
                assert!(error.to_string().to_lowercase().contains(&words.to_lowercase()), "{error}");
            }
            (other, _) => panic!("{tls:?}: {other:?}"),
        }
    }
}

#[test]
fn a_client_certificate_is_demanded_when_that_was_asked_for() {
    let registry =
        Registry::start(Options { tls: Tls::Valid, client_ca: true, ..Options::default() }).unwrap();
    assert_eq!(get(&registry, true).unwrap().status, 200);
    assert!(get(&registry, false).is_err());
}

#[test]
fn http2_is_spoken_when_it_is_offered() {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    for (http2, protocol) in [(true, Some(b"h2".as_slice())), (false, None)] {
        let registry = Registry::start(Options { tls: Tls::Valid, http2, ..Options::default() }).unwrap();
        let path = format!("/v2/a/blobs/{}", registry.put_blob("a", vec![7; 300_000]));
        runtime.block_on(async {
            let mut config = config(&registry, false, b"h2");
            Arc::get_mut(&mut config).unwrap().alpn_protocols.push(b"http/1.1".to_vec());
            let stream = tokio::net::TcpStream::connect(registry.address()).await.unwrap();
            let name = ServerName::try_from("localhost").unwrap();
            let stream = tokio_rustls::TlsConnector::from(config).connect(name, stream).await.unwrap();
            assert_eq!(stream.get_ref().1.alpn_protocol().filter(|found| *found == b"h2"), protocol);
            if !http2 {
                return;
            }
            let executor = hyper_util::rt::TokioExecutor::new();
            let io = hyper_util::rt::TokioIo::new(stream);
            let (mut sender, connection) = hyper::client::conn::http2::handshake(executor, io).await.unwrap();
            tokio::spawn(connection);
            for method in ["GET", "HEAD"] {
                let request = hyper::Request::builder()
                    .method(method)
                    .uri(format!("{}{path}", registry.url()))
                    .body(Empty::<Bytes>::new())
                    .unwrap();
                let answer = sender.send_request(request).await.unwrap();
                assert_eq!(answer.headers()["content-length"], "300000");
                let body = answer.into_body().collect().await.unwrap().to_bytes();
                assert_eq!(body.len(), if method == "GET" { 300_000 } else { 0 });
            }
            assert_eq!(registry.requests()[0].protocol, "HTTP/2.0");
            assert_eq!(registry.requests()[0].host, registry.host());
        });
    }
}

/// Docker Hub, as far as tests want it.
fn hub() -> Registry {
    let hosts = ["registry-1.docker.io", "auth.docker.io", "index.docker.io"];
    let options = Options {
        auth: Auth::Token,
        users: BTreeMap::from([("ann".into(), "secret".into())]),
        anonymous_pull: true,
        blob_redirect: BlobRedirect::OtherHost,
        search: Some(vec![SearchEntry { name: "alpine".into(), ..SearchEntry::default() }]),
        proxy: Some(Proxy { hosts: hosts.map(Into::into).to_vec() }),
        ..Options::default()
    };
    Registry::start(options).unwrap()
}

/// GET of a URL of one of the proxy's hosts, through a tunnel.
fn get_through(registry: &Registry, host: &str, path: &str, headers: &[(&str, &str)]) -> Response {
    let mut stream = through(registry);
    let target = format!("{host}:443");
    let opened = exchange(&mut stream, &target, "CONNECT", &target, &[], b"").unwrap();
    assert_eq!(opened.status, 200);
    get_over(stream, config(registry, false, b"http/1.1"), host, path, headers).unwrap()
}

fn through(registry: &Registry) -> TcpStream {
    let proxy: SocketAddr = registry.proxy_url().unwrap().trim_start_matches("http://").parse().unwrap();
    TcpStream::connect(proxy).unwrap()
}

#[test]
fn the_proxy_plays_docker_hub() {
    let registry = hub();
    let digest = registry.put_blob("library/alpine", "layer");
    let path = format!("/v2/library/alpine/blobs/{digest}");
    let refused = get_through(&registry, "registry-1.docker.io", &path, &[]);
    assert_eq!(
        refused.header("www-authenticate").unwrap(),
        "Bearer realm=\"https://auth.docker.io/token\",service=\"registry.docker.io\",\
         scope=\"repository:library/alpine:pull\""
    );
    let query = "/token?service=registry.docker.io&scope=repository:library/alpine:pull";
    let token = get_through(&registry, "auth.docker.io", query, &[]).json();
    let bearer = format!("Bearer {}", token["token"].as_str().unwrap());
    let login = [("Authorization", bearer.as_str())];
    let sent = get_through(&registry, "registry-1.docker.io", &path, &login);
    let location = sent.header("location").unwrap();
    let cdn = "production.cloudflare.docker.com";
    let signed = location.strip_prefix(&format!("https://{cdn}")).unwrap();
    assert_eq!(get_through(&registry, cdn, signed, &login).status, 400);
    assert_eq!(get_through(&registry, cdn, signed, &[]).body, b"layer");
    let found = get_through(&registry, "index.docker.io", "/v1/search?q=alp", &[]).json();
    assert_eq!(found["results"][0]["name"], "alpine");

    let log = registry.requests();
    let first: Vec<(&str, &str, &str)> = log
        .iter()
        .take(2)
        .map(|request| (request.method.as_str(), request.host.as_str(), request.path.as_str()))
        .collect();
    assert_eq!(
        first,
        [
            ("CONNECT", "registry-1.docker.io:443", "registry-1.docker.io:443"),
            ("GET", "registry-1.docker.io", path.as_str()),
        ]
    );
}

#[test]
fn the_proxy_knows_no_other_host() {
    let registry = hub();
    for target in ["example.com:443", "registry-1.docker.io:80", "localhost:443"] {
        let refused = exchange(&mut through(&registry), target, "CONNECT", target, &[], b"").unwrap();
        assert_eq!(refused.status, 502);
    }
    for (url, status) in [("http://index.docker.io/v1/search?q=x", 200), ("http://example.com/", 502)] {
        let answer = exchange(&mut through(&registry), "ignored", "GET", url, &[], b"").unwrap();
        assert_eq!(answer.status, status);
    }
    assert_eq!(registry.requests()[3].host, "index.docker.io");
    // The registry's own port is no proxy.
    let mut direct = TcpStream::connect(registry.address()).unwrap();
    let target = "registry-1.docker.io:443";
    assert_eq!(exchange(&mut direct, target, "CONNECT", target, &[], b"").unwrap().status, 405);
}
