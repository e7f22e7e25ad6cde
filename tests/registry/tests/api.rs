//! What Distribution Spec v1.1 says of blobs, uploads, manifests and lists, and the options that take parts of it away.
#![allow(clippy::unwrap_used, missing_docs)] // a test may stop anywhere

mod common;

use std::net::TcpStream;

use common::{OCI_INDEX, OCI_MANIFEST, ask, digest, exchange, get, push_blob};
use layerkit_testing::{BlobRedirect, Options, Registry, SearchEntry};
use serde_json::json;

fn start() -> Registry {
    Registry::start(Options::default()).unwrap()
}

fn manifest(config: &str, extra: serde_json::Value) -> Vec<u8> {
    let mut manifest = json!({
        "schemaVersion": 2,
        "mediaType": OCI_MANIFEST,
        "config": { "mediaType": "application/vnd.example+json", "digest": config, "size": 2 },
        "layers": [],
    });
    for (name, value) in extra.as_object().unwrap() {
        manifest[name] = value.clone();
    }
    manifest.to_string().into_bytes()
}

#[test]
fn an_image_that_was_pushed_is_pulled_byte_for_byte_on_one_connection() {
    let registry = start();
    let config = push_blob(&registry, "team/app", b"{}", &[]);
    let bytes = manifest(&config, json!({}));
    let put = ask(&registry, "PUT", "/v2/team/app/manifests/v1", &[("Content-Type", OCI_MANIFEST)], &bytes);
    assert_eq!((put.status, put.header("docker-content-digest")), (201, Some(digest(&bytes).as_str())));
    assert_eq!(registry.tags("team/app"), ["v1"]);
    assert_eq!(registry.manifest("team/app", "v1").unwrap().1, bytes);

    registry.clear_requests();
    let mut stream = TcpStream::connect(registry.address()).unwrap();
    let mut ask = |method: &str, path: &str| {
        exchange(&mut stream, &registry.host(), method, path, &[("User-Agent", "me/1")], b"").unwrap()
    };
    let base = ask("GET", "/v2/");
    assert_eq!(base.header("docker-distribution-api-version"), Some("registry/2.0"));
    let head = ask("HEAD", "/v2/team/app/manifests/v1");
    assert_eq!(head.header("content-length"), Some(bytes.len().to_string().as_str()));
    let pulled = ask("GET", &format!("/v2/team/app/manifests/{}", digest(&bytes)));
    assert_eq!((pulled.header("content-type"), &pulled.body), (Some(OCI_MANIFEST), &bytes));
    assert_eq!(ask("GET", &format!("/v2/team/app/blobs/{config}")).body, b"{}");

    let log = registry.requests();
    assert_eq!(log.iter().map(|request| request.status).collect::<Vec<_>>(), [200, 200, 200, 200]);
    assert_eq!(
        log.iter().map(|request| request.bytes_sent).collect::<Vec<_>>(),
        [2, 0, bytes.len() as u64, 2]
    );
    assert_eq!((log[0].user_agent.as_deref(), &log[0].host), (Some("me/1"), &registry.host()));
    assert_eq!(registry.peak_in_flight(), 1);
}

#[test]
fn a_range_is_a_part_and_one_outside_the_blob_is_refused() {
    let registry = start();
    let path = format!("/v2/a/blobs/{}", registry.put_blob("a", "0123456789"));
    for (range, body, content_range) in [
        ("bytes=2-4", "234", "bytes 2-4/10"),
        ("bytes=7-", "789", "bytes 7-9/10"),
        ("bytes=-2", "89", "bytes 8-9/10"),
        ("bytes=8-99", "89", "bytes 8-9/10"),
    ] {
        let part = ask(&registry, "GET", &path, &[("Range", range)], b"");
        assert_eq!((part.status, part.header("content-range")), (206, Some(content_range)));
        assert_eq!(part.body, body.as_bytes());
    }
    let outside = ask(&registry, "GET", &path, &[("Range", "bytes=10-")], b"");
    assert_eq!((outside.status, outside.header("content-range")), (416, Some("bytes */10")));
    assert_eq!(registry.requests()[0].range.as_deref(), Some("bytes=2-4"));

    let registry = Registry::start(Options { ranges: false, ..Options::default() }).unwrap();
    let path = format!("/v2/a/blobs/{}", registry.put_blob("a", "0123456789"));
    let whole = ask(&registry, "GET", &path, &[("Range", "bytes=2-4")], b"");
    assert_eq!((whole.status, whole.body.len()), (200, 10));
}

#[test]
fn chunks_come_in_order_and_the_status_tells_where_to_go_on() {
    let registry = start();
    let begun = ask(&registry, "POST", "/v2/a/blobs/uploads/", &[], b"");
    let at = begun.location(&registry);
    let first = ask(&registry, "PATCH", &at, &[("Content-Range", "0-4")], b"01234");
    assert_eq!((first.status, first.header("range")), (202, Some("0-4")));
    let wrong = ask(&registry, "PATCH", &at, &[("Content-Range", "7-8")], b"78");
    assert_eq!((wrong.status, wrong.header("range")), (416, Some("0-4")));
    let status = get(&registry, &at);
    assert_eq!((status.status, status.header("range")), (204, Some("0-4")));
    assert_eq!(ask(&registry, "PATCH", &at, &[], b"56").status, 202);
    let digest = digest(b"0123456789");
    let put = ask(&registry, "PUT", &format!("{at}?digest={digest}"), &[("Content-Range", "7-9")], b"789");
    assert_eq!(put.status, 201);
    assert!(registry.has_blob("a", &digest));
    assert_eq!(get(&registry, &at).code(), "BLOB_UPLOAD_UNKNOWN");

    let cancelled = ask(&registry, "POST", "/v2/a/blobs/uploads/", &[], b"").location(&registry);
    assert_eq!(ask(&registry, "DELETE", &cancelled, &[], b"").status, 204);
    assert_eq!(get(&registry, &cancelled).status, 404);
}

#[test]
fn an_upload_with_another_digest_is_refused_and_one_post_is_enough() {
    let registry = start();
    let path = format!("/v2/a/blobs/uploads/?digest={}", digest(b"x"));
    assert_eq!(ask(&registry, "POST", &path, &[], b"y").code(), "DIGEST_INVALID");
    assert_eq!(ask(&registry, "POST", &path, &[], b"x").status, 201);
    assert!(registry.has_blob("a", &digest(b"x")));
}

#[test]
fn a_mount_takes_a_blob_of_another_repository_or_becomes_an_upload() {
    let registry = start();
    let digest = registry.put_blob("base", "layer");
    let path = format!("/v2/app/blobs/uploads/?mount={digest}&from=base");
    assert_eq!(ask(&registry, "POST", &path, &[], b"").status, 201);
    assert!(registry.has_blob("app", &digest));
    let elsewhere = path.replace("from=base", "from=other");
    assert_eq!(ask(&registry, "POST", &elsewhere, &[], b"").status, 202);

    let registry = Registry::start(Options { mount: false, ..Options::default() }).unwrap();
    registry.put_blob("base", "layer");
    let answer = ask(&registry, "POST", &path, &[], b"");
    assert_eq!(answer.status, 202);
    assert!(answer.header("location").is_some());
}

#[test]
fn uploads_have_the_limits_that_were_asked_for() {
    let options = Options {
        chunk_min_length: Some(4),
        max_request_size: Some(6),
        relative_location: true,
        ..Options::default()
    };
    let registry = Registry::start(options).unwrap();
    let begun = ask(&registry, "POST", "/v2/a/blobs/uploads/", &[], b"");
    assert_eq!(begun.header("oci-chunk-min-length"), Some("4"));
    let at = begun.header("location").unwrap();
    let bare = at.split('?').next().unwrap();
    assert!(at.starts_with("/v2/a/") && at.contains("?_state="));
    assert_eq!(ask(&registry, "PATCH", bare, &[], b"0123").status, 400);
    assert_eq!(ask(&registry, "PATCH", at, &[], b"0123456").status, 413);
    assert_eq!(ask(&registry, "PATCH", at, &[], b"0123").header("range"), Some("0-3"));
    assert_eq!(ask(&registry, "PATCH", at, &[], b"45").status, 202);
    assert_eq!(ask(&registry, "PATCH", at, &[], b"6789").status, 416, "a short chunk is the last one");
    let put = ask(&registry, "PUT", &format!("{at}&digest={}", digest(b"012345")), &[], b"");
    assert_eq!(put.status, 201);

    let registry = Registry::start(Options { chunked: false, ..Options::default() }).unwrap();
    let at = ask(&registry, "POST", "/v2/a/blobs/uploads/", &[], b"").location(&registry);
    assert_eq!(ask(&registry, "PATCH", &at, &[], b"0123").code(), "UNSUPPORTED");
    push_blob(&registry, "a", b"0123", &[]);
}

#[test]
fn errors_have_the_codes_of_the_specification() {
    let registry = start();
    registry.put_blob("a", "x");
    let missing = digest(b"missing");
    assert_eq!(get(&registry, "/v2/none/manifests/v1").code(), "NAME_UNKNOWN");
    assert_eq!(get(&registry, "/v2/none/tags/list").code(), "NAME_UNKNOWN");
    assert_eq!(get(&registry, "/v2/a/manifests/v1").code(), "MANIFEST_UNKNOWN");
    assert_eq!(get(&registry, &format!("/v2/a/blobs/{missing}")).code(), "BLOB_UNKNOWN");
    assert_eq!(get(&registry, "/v2/a/blobs/sha256:12").code(), "DIGEST_INVALID");
    assert_eq!(get(&registry, "/v2/A/tags/list").code(), "NAME_INVALID");
    assert_eq!(get(&registry, "/v2/a__b/c-d.e/tags/list").code(), "NAME_UNKNOWN");
    let bytes = manifest(&missing, json!({}));
    let put = ask(&registry, "PUT", "/v2/a/manifests/v1", &[("Content-Type", OCI_MANIFEST)], &bytes);
    assert_eq!((put.status, put.code()), (400, "MANIFEST_BLOB_UNKNOWN".into()));
    let put = ask(&registry, "PUT", "/v2/a/manifests/v1", &[("Content-Type", OCI_INDEX)], &bytes);
    assert_eq!(put.code(), "MANIFEST_INVALID");
}

#[test]
fn what_is_deleted_is_gone_unless_deletion_is_off() {
    let registry = start();
    let blob = registry.put_blob("a", "x");
    let own = registry.put_manifest("a", "v1", OCI_MANIFEST, "{}");
    registry.put_manifest("a", "v2", OCI_MANIFEST, "{}");
    assert_eq!(ask(&registry, "DELETE", "/v2/a/manifests/v1", &[], b"").status, 202);
    assert_eq!(registry.tags("a"), ["v2"]);
    assert_eq!(ask(&registry, "DELETE", &format!("/v2/a/manifests/{own}"), &[], b"").status, 202);
    assert!(registry.tags("a").is_empty());
    assert_eq!(ask(&registry, "DELETE", &format!("/v2/a/blobs/{blob}"), &[], b"").status, 202);
    assert!(!registry.has_blob("a", &blob));

    let registry = Registry::start(Options { tag_delete: false, ..Options::default() }).unwrap();
    let own = registry.put_manifest("a", "v1", OCI_MANIFEST, "{}");
    assert_eq!(ask(&registry, "DELETE", "/v2/a/manifests/v1", &[], b"").code(), "UNSUPPORTED");
    assert_eq!(ask(&registry, "DELETE", &format!("/v2/a/manifests/{own}"), &[], b"").status, 202);
}

/// Follows `Link` from `path`, and returns what is under `name` on every page.
fn pages(registry: &Registry, path: &str, name: &str) -> Vec<Vec<serde_json::Value>> {
    let mut next = Some(path.to_string());
    let mut pages = Vec::new();
    while let Some(path) = next {
        let page = get(registry, &path);
        assert_eq!(page.status, 200, "{path}");
        pages.push(page.json()[name].as_array().unwrap().clone());
        next = page.header("link").map(|link| link[1..].split('>').next().unwrap().into());
    }
    pages
}

#[test]
fn lists_come_in_pages() {
    let registry = Registry::start(Options { page_size: Some(2), ..Options::default() }).unwrap();
    for tag in ["c", "a", "b", "d", "e"] {
        registry.put_manifest("one", tag, OCI_MANIFEST, "{}");
    }
    registry.put_blob("two", "x");
    registry.put_blob("zoo/three", "x");
    assert_eq!(pages(&registry, "/v2/one/tags/list", "tags"), [vec!["a", "b"], vec!["c", "d"], vec!["e"]]);
    assert_eq!(pages(&registry, "/v2/one/tags/list?n=1", "tags").len(), 5);
    assert_eq!(pages(&registry, "/v2/one/tags/list?n=9&last=c", "tags"), [vec!["d", "e"]]);
    assert_eq!(pages(&registry, "/v2/_catalog", "repositories"), [vec!["one", "two"], vec!["zoo/three"]]);
    assert_eq!(get(&registry, "/v2/one/tags/list?n=x").status, 400);

    let registry = Registry::start(Options { catalog: false, ..Options::default() }).unwrap();
    assert_eq!(get(&registry, "/v2/_catalog").status, 404);
}

#[test]
fn referrers_are_listed_by_kind_and_in_pages() {
    let registry = Registry::start(Options { page_size: Some(1), ..Options::default() }).unwrap();
    let config = registry.put_blob("a", "{}");
    let subject = digest(b"subject");
    let subject_field = json!({ "mediaType": OCI_MANIFEST, "digest": subject, "size": 7 });
    for (tag, kind) in [("one", "application/sbom+json"), ("two", "application/sbom+json"), ("three", "x/y")]
    {
        let extra = json!({
            "subject": subject_field, "artifactType": kind, "annotations": { "tag": tag },
        });
        let path = format!("/v2/a/manifests/{tag}");
        let put = ask(&registry, "PUT", &path, &[("Content-Type", OCI_MANIFEST)], &manifest(&config, extra));
        assert_eq!((put.status, put.header("oci-subject")), (201, Some(subject.as_str())));
    }
    let path = format!("/v2/a/referrers/{subject}");
    assert_eq!(pages(&registry, &path, "manifests").len(), 3);
    let filtered = format!("{path}?artifactType=application%2Fsbom%2Bjson");
    let found = pages(&registry, &filtered, "manifests").concat();
    assert_eq!(found.len(), 2);
    assert!(found.iter().all(|entry| entry["artifactType"] == "application/sbom+json"));
    assert!(found.iter().any(|entry| entry["annotations"]["tag"] == "one"));
    let answer = get(&registry, &filtered);
    assert_eq!(answer.header("oci-filters-applied"), Some("artifactType"));
    assert_eq!(answer.header("content-type"), Some(OCI_INDEX));
    let none = get(&registry, &format!("/v2/nobody/referrers/{subject}"));
    assert_eq!((none.status, none.json()["manifests"].clone()), (200, json!([])));

    let registry = Registry::start(Options { referrers: false, ..Options::default() }).unwrap();
    let config = registry.put_blob("a", "{}");
    let bytes = manifest(&config, json!({ "subject": subject_field }));
    let put = ask(&registry, "PUT", "/v2/a/manifests/v1", &[("Content-Type", OCI_MANIFEST)], &bytes);
    assert_eq!((put.status, put.header("oci-subject")), (201, None));
    assert_eq!(get(&registry, &path).status, 404);
}

#[test]
fn blobs_may_live_elsewhere_where_no_login_is_taken() {
    for (kind, status) in [(BlobRedirect::Same, 200), (BlobRedirect::OtherHost, 400)] {
        let registry = Registry::start(Options { blob_redirect: kind, ..Options::default() }).unwrap();
        let digest = registry.put_blob("a", "bytes");
        let sent = get(&registry, &format!("/v2/a/blobs/{digest}"));
        assert_eq!(sent.status, 307);
        let location = sent.location(&registry);
        let path = &location[location.find("/cdn/").unwrap()..];
        let host = location[..location.len() - path.len()].trim_start_matches("http://");
        let host = if host.is_empty() { registry.host() } else { host.into() };
        let ask = |headers: &[(&str, &str)], path: &str| {
            let mut stream = TcpStream::connect(host.replace("localhost", "127.0.0.1")).unwrap();
            exchange(&mut stream, &host, "GET", path, headers, b"").unwrap()
        };
        assert_eq!(ask(&[("Range", "bytes=1-")], path).body, b"ytes");
        assert_eq!(ask(&[("Authorization", "Bearer x")], path).status, status);
        assert_eq!(ask(&[], path.split('?').next().unwrap()).status, 400);
        assert_eq!(registry.requests()[1].host, host);
    }
}

#[test]
fn search_answers_as_docker_hub_does() {
    let entry =
        |name: &str, stars| SearchEntry { name: name.into(), star_count: stars, ..SearchEntry::default() };
    let search = Some(vec![entry("alpine", 9), entry("team/alpine-git", 2), entry("debian", 5)]);
    let registry = Registry::start(Options { search, ..Options::default() }).unwrap();
    let found = get(&registry, "/v1/search?q=alpine&n=1").json();
    assert_eq!((&found["num_results"], &found["num_pages"]), (&json!(2), &json!(2)));
    assert_eq!(found["results"].as_array().unwrap().len(), 1);
    assert_eq!(found["results"][0]["name"], "alpine");
    assert_eq!(get(&start(), "/v1/search?q=alpine").status, 404);
}

#[test]
fn waiting_requests_wait_side_by_side() {
    let registry = Registry::start(Options { latency_ms: 300, ..Options::default() }).unwrap();
    let began = std::time::Instant::now();
    std::thread::scope(|scope| {
        for _ in 0..5 {
            scope.spawn(|| assert_eq!(get(&registry, "/v2/").status, 200));
        }
    });
    assert!(began.elapsed() < std::time::Duration::from_millis(1200));
    assert_eq!(registry.peak_in_flight(), 5);
}
