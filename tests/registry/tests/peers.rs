//! Somebody else's client has the last word on whether this is a registry: skopeo.
#![allow(clippy::unwrap_used, clippy::disallowed_methods, missing_docs)] // a test may stop anywhere

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::process::Command;

use layerkit_testing::{Auth, BlobRedirect, Options, Proxy, Registry, Tls};
use serde_json::json;

fn skopeo(arguments: &[&str]) -> String {
    skopeo_with(&[], arguments)
}

fn skopeo_with(environment: &[(&str, &str)], arguments: &[&str]) -> String {
    let mut command = Command::new("skopeo");
    command.args(arguments).envs(environment.iter().copied());
    let output = command.output().unwrap();
    assert!(output.status.success(), "{arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap()
}

/// Puts an image of one config and two layers that look compressed.
fn put_image(registry: &Registry, repository: &str) -> Vec<u8> {
    let config = json!({
        "architecture": "amd64", "os": "linux", "config": {},
        "rootfs": { "type": "layers", "diff_ids": [
            format!("sha256:{}", "1".repeat(64)), format!("sha256:{}", "2".repeat(64)),
        ] },
    });
    let descriptor = |media_type: &str, bytes: Vec<u8>| {
        let size = bytes.len();
        let digest = registry.put_blob(repository, bytes);
        json!({ "mediaType": media_type, "size": size, "digest": digest })
    };
    let layer = "application/vnd.oci.image.layer.v1.tar+gzip";
    let manifest = json!({
        "schemaVersion": 2,
        "mediaType": "application/vnd.oci.image.manifest.v1+json",
        "config": descriptor("application/vnd.oci.image.config.v1+json", config.to_string().into_bytes()),
        "layers": [
            descriptor(layer, [b"\x1f\x8b\x08\x00".to_vec(), vec![1; 200_000]].concat()),
            descriptor(layer, [b"\x1f\x8b\x08\x00".to_vec(), vec![2; 100]].concat()),
        ],
    })
    .to_string()
    .into_bytes();
    for tag in ["v1", "v2", "v3"] {
        registry.put_manifest(
            repository,
            tag,
            "application/vnd.oci.image.manifest.v1+json",
            manifest.clone(),
        );
    }
    manifest
}

fn folder(name: &str) -> PathBuf {
    let folder = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join(format!("{name}-{}", std::process::id()));
    std::fs::create_dir_all(&folder).unwrap();
    folder
}

#[test]
fn skopeo_copies_from_a_redirecting_registry_to_one_with_tls_and_tokens() {
    let source = Options { blob_redirect: BlobRedirect::OtherHost, page_size: Some(2), ..Options::default() };
    let source = Registry::start(source).unwrap();
    let manifest = put_image(&source, "team/app");
    let target = Registry::start(Options {
        tls: Tls::Valid,
        client_ca: true,
        auth: Auth::Token,
        users: BTreeMap::from([("ann".into(), "secret".into())]),
        relative_location: true,
        ..Options::default()
    })
    .unwrap();
    let folder = folder("certificates");
    let identity = target.client_identity().unwrap();
    std::fs::write(folder.join("ca.crt"), target.ca_pem().unwrap()).unwrap();
    std::fs::write(folder.join("client.cert"), identity.certificate_pem).unwrap();
    std::fs::write(folder.join("client.key"), identity.key_pem).unwrap();

    let certificates = format!("--dest-cert-dir={}", folder.display());
    let from = format!("docker://{}/team/app:v1", source.host());
    let to = format!("docker://{}/copy/app:v1", target.host());
    let flags = ["--insecure-policy", "copy", "--preserve-digests", "--src-tls-verify=false"];
    let login = "--dest-creds=ann:secret";
    skopeo(&[&flags[..], &[&certificates, login, &from, &to]].concat());
    std::fs::remove_dir_all(&folder).unwrap();

    assert_eq!(target.manifest("copy/app", "v1").unwrap().1, manifest);
    let listed =
        skopeo(&["list-tags", "--tls-verify=false", &format!("docker://{}/team/app", source.host())]);
    let listed: serde_json::Value = serde_json::from_str(&listed).unwrap();
    assert_eq!(listed["Tags"], json!(["v1", "v2", "v3"]));
}

#[test]
fn skopeo_pulls_from_docker_hub_when_the_proxy_plays_it() {
    let hosts = ["registry-1.docker.io", "auth.docker.io"].map(Into::into).to_vec();
    let hub = Registry::start(Options {
        auth: Auth::Token,
        anonymous_pull: true,
        blob_redirect: BlobRedirect::OtherHost,
        proxy: Some(Proxy { hosts }),
        ..Options::default()
    })
    .unwrap();
    let manifest = put_image(&hub, "library/played");
    let folder = folder("hub");
    let ca = folder.join("ca.pem");
    std::fs::write(&ca, hub.ca_pem().unwrap()).unwrap();
    let proxy = hub.proxy_url().unwrap();
    let auth_file = folder.join("none.json");
    std::fs::write(&auth_file, "{}").unwrap();
    let environment = [
        ("HTTPS_PROXY", proxy.as_str()),
        ("NO_PROXY", ""),
        ("SSL_CERT_FILE", ca.to_str().unwrap()),
        ("REGISTRY_AUTH_FILE", auth_file.to_str().unwrap()),
    ];
    let to = format!("dir:{}", folder.join("image").display());
    skopeo_with(&environment, &["--insecure-policy", "copy", "docker://docker.io/library/played:v1", &to]);
    assert_eq!(std::fs::read(folder.join("image/manifest.json")).unwrap(), manifest);
    std::fs::remove_dir_all(&folder).unwrap();
    assert!(hub.requests().iter().any(|request| request.host == "production.cloudflare.docker.com"));
}
