//! Every fault, as a client meets it.
#![allow(clippy::unwrap_used, missing_docs)] // a test may stop anywhere

mod common;

use std::net::TcpStream;
use std::time::{Duration, Instant};

use common::{ask, digest, exchange, get, push_blob, send};
use layerkit_testing::{Auth, Fault, FaultRule, Options, Registry};
use serde_json::json;

/// A registry with a blob of ten bytes, and the blob's path.
fn start() -> (Registry, String) {
    let registry = Registry::start(Options::default()).unwrap();
    let digest = registry.put_blob("a", "0123456789");
    (registry, format!("/v2/a/blobs/{digest}"))
}

#[test]
fn a_rule_lets_some_requests_pass_and_ends_after_some() {
    let (registry, path) = start();
    let status = |status| Fault::Status { status, code: None, message: None, retry_after: None };
    registry.fault(FaultRule::new(status(503)).method("get").path("/blobs/").skip(1).times(2));
    registry.fault(FaultRule::new(status(500)).method("GET").path("/blobs/").skip(4));
    let statuses: Vec<u16> = (0..6).map(|_| get(&registry, &path).status).collect();
    assert_eq!(statuses, [200, 503, 503, 200, 500, 500]);
    assert_eq!(ask(&registry, "HEAD", &path, &[], b"").status, 200);
    assert_eq!(get(&registry, "/v2/").status, 200);
    registry.clear_faults();
    assert_eq!(get(&registry, &path).status, 200);
}

#[test]
fn a_connection_drops_after_some_bytes() {
    let (registry, path) = start();
    registry.fault(FaultRule::new(Fault::Drop { after: 4 }).times(1));
    let cut = get(&registry, &path);
    assert_eq!((cut.header("content-length"), cut.complete), (Some("10"), false));
    assert_eq!(cut.body, b"0123");
    assert_eq!(registry.requests()[0].bytes_sent, 4);
    let rest = ask(&registry, "GET", &path, &[("Range", "bytes=4-")], b"");
    assert_eq!((rest.status, rest.body), (206, b"456789".to_vec()));
}

#[test]
fn a_large_body_drops_where_it_was_asked_to() {
    let registry = Registry::start(Options::default()).unwrap();
    let path = format!("/v2/a/blobs/{}", registry.put_blob("a", vec![7; 3 << 20]));
    registry.fault(FaultRule::new(Fault::Drop { after: 2_000_001 }));
    assert_eq!(get(&registry, &path).body.len(), 2_000_001);
}

#[test]
fn an_answer_without_body_is_lost_after_it_was_carried_out() {
    let (registry, _) = start();
    registry.fault(FaultRule::new(Fault::Drop { after: 0 }).method("POST").times(1));
    let path = format!("/v2/a/blobs/uploads/?digest={}", digest(b"x"));
    assert!(send(&registry, "POST", &path, &[], b"x").is_err());
    assert!(registry.has_blob("a", &digest(b"x")));
    assert_eq!(registry.requests()[0].status, 0);
}

#[test]
fn a_truncated_answer_looks_whole() {
    let (registry, path) = start();
    registry.fault(FaultRule::new(Fault::Truncate { after: 4 }));
    let short = get(&registry, &path);
    assert_eq!((short.header("content-length"), short.complete), (Some("4"), true));
}

#[test]
fn one_byte_is_another() {
    let (registry, path) = start();
    for (at, body) in [(0, "1123456789"), (4, "0123556789"), (99, "0123456788")] {
        registry.fault(FaultRule::new(Fault::Corrupt { at }).times(1));
        let bad = get(&registry, &path);
        assert_eq!((bad.complete, String::from_utf8(bad.body).unwrap()), (true, body.into()));
    }
}

#[test]
fn an_answer_is_slow_or_late() {
    let (registry, path) = start();
    registry.fault(FaultRule::new(Fault::Slow { bytes_per_second: 40 }).times(1));
    registry.fault(FaultRule::new(Fault::Delay { ms: 200 }));
    for _ in 0..2 {
        let began = Instant::now();
        assert_eq!(get(&registry, &path).body.len(), 10);
        assert!(began.elapsed() > Duration::from_millis(190), "{:?}", began.elapsed());
    }
}

#[test]
fn an_answer_stalls() {
    let (registry, path) = start();
    registry.fault(FaultRule::new(Fault::Stall { after: 3 }));
    let mut stream = TcpStream::connect(registry.address()).unwrap();
    stream.set_read_timeout(Some(Duration::from_millis(300))).unwrap();
    let began = Instant::now();
    let stuck = exchange(&mut stream, &registry.host(), "GET", &path, &[], b"").unwrap();
    assert_eq!((stuck.body, stuck.complete), (b"012".to_vec(), false));
    assert!(began.elapsed() > Duration::from_millis(290));
    registry.stop();
}

#[test]
fn a_status_has_the_body_and_the_headers_it_was_given() {
    let (registry, path) = start();
    let status = |status, code: Option<&str>, retry_after| Fault::Status {
        status,
        code: code.map(Into::into),
        message: None,
        retry_after,
    };
    registry.fault(FaultRule::new(status(429, None, Some(3))).times(1));
    registry.fault(FaultRule::new(status(404, Some("NAME_UNKNOWN"), None)).times(1));
    registry.fault(FaultRule::new(status(503, None, None)));
    let busy = get(&registry, &path);
    assert_eq!((busy.header("retry-after"), busy.code()), (Some("3"), "TOOMANYREQUESTS".into()));
    assert_eq!(get(&registry, &path).code(), "NAME_UNKNOWN");
    assert_eq!(get(&registry, &path).header("content-type"), Some("text/plain"));
    // An upload that is refused is read, so that its client sees the answer.
    let refused = ask(&registry, "PUT", "/v2/a/blobs/uploads/x", &[], &vec![0; 1 << 20]);
    assert_eq!(refused.status, 503);
}

#[test]
fn a_login_that_was_good_is_refused() {
    let registry = Registry::start(Options { auth: Auth::Token, ..Options::default() }).unwrap();
    let path = format!("/v2/a/blobs/{}", registry.put_blob("a", "0123456789"));
    registry.fault(FaultRule::new(Fault::Unauthorized).times(1));
    let refused = ask(&registry, "GET", &path, &[("Authorization", "Bearer good")], b"");
    assert_eq!(refused.status, 401);
    let challenge = refused.header("www-authenticate").unwrap();
    assert!(challenge.starts_with("Bearer realm=\"http://127.0.0.1:"), "{challenge}");
    assert!(challenge.contains(r#"service="test",scope="repository:a:pull""#), "{challenge}");

    // Where nobody logs in there is no token service that a client could be sent to.
    let (registry, path) = start();
    registry.fault(FaultRule::new(Fault::Unauthorized).times(1));
    let refused = get(&registry, &path);
    assert_eq!((refused.status, refused.header("www-authenticate")), (401, Some("Basic realm=\"test\"")));
}

#[test]
fn headers_lie_or_are_missing() {
    let (registry, path) = start();
    registry.fault(FaultRule::new(Fault::ContentType { value: "text/html".into() }).times(1));
    registry.fault(FaultRule::new(Fault::DigestHeader { value: digest(b"no") }).times(1));
    registry.fault(FaultRule::new(Fault::RemoveHeader { name: "Docker-Content-Digest".into() }).times(1));
    registry.fault(FaultRule::new(Fault::RemoveHeader { name: "Content-Length".into() }).times(1));
    assert_eq!(get(&registry, &path).header("content-type"), Some("text/html"));
    assert_eq!(get(&registry, &path).header("docker-content-digest"), Some(digest(b"no").as_str()));
    assert_eq!(get(&registry, &path).header("docker-content-digest"), None);
    let open = get(&registry, &path);
    assert_eq!((open.header("content-length"), open.complete, open.body.len()), (None, true, 10));
}

#[test]
fn a_request_is_sent_elsewhere_or_its_range_ignored() {
    let (registry, path) = start();
    registry.fault(FaultRule::new(Fault::Redirect { location: "http://elsewhere/".into() }).times(1));
    registry.fault(FaultRule::new(Fault::NoRange).times(1));
    let sent = get(&registry, &path);
    assert_eq!((sent.status, sent.header("location")), (307, Some("http://elsewhere/")));
    assert_eq!(ask(&registry, "GET", &path, &[("Range", "bytes=1-2")], b"").body.len(), 10);
    assert_eq!(ask(&registry, "GET", &path, &[("Range", "bytes=1-2")], b"").body.len(), 2);
}

#[test]
fn an_upload_that_was_cut_goes_on_where_it_was() {
    let (registry, _) = start();
    let blob = vec![b'x'; 300_000];
    let at = ask(&registry, "POST", "/v2/a/blobs/uploads/", &[], b"").location(&registry);
    registry.fault(FaultRule::new(Fault::RefuseUploadAfter { bytes: 100_000 }).method("PATCH").times(1));
    assert!(send(&registry, "PATCH", &at, &[], &blob).is_err());
    assert_eq!(registry.requests()[1].bytes_received, 100_000);
    assert_eq!(get(&registry, &at).header("range"), Some("0-99999"));
    let range = [("Content-Range", "100000-299999")];
    assert_eq!(ask(&registry, "PATCH", &at, &range, &blob[100_000..]).status, 202);
    let path = format!("{at}?digest={}", digest(&blob));
    assert_eq!(ask(&registry, "PUT", &path, &[], b"").status, 201);
    push_blob(&registry, "a", &blob, &[]);
}

#[test]
fn rules_and_options_are_plain_json() {
    let rule: FaultRule = serde_json::from_value(json!({
        "method": "GET", "path": "/blobs/", "skip": 1, "times": 2, "fault": { "drop": { "after": 9 } },
    }))
    .unwrap();
    assert_eq!(rule, FaultRule::new(Fault::Drop { after: 9 }).method("GET").path("/blobs/").skip(1).times(2));
    let rule: FaultRule = serde_json::from_value(json!({ "fault": "no_range" })).unwrap();
    assert_eq!(serde_json::to_value(&rule).unwrap()["fault"], "no_range");
    let options: Options = serde_json::from_value(json!({ "auth": "token", "token_lifetime": 0.5 })).unwrap();
    assert_eq!(options.token_lifetime, Some(0.5));
    for wrong in [
        json!({ "fault": { "drop": { "before": 1 } } }),
        json!({ "fault": "no_range", "tmies": 1 }),
        json!({ "fault": "explode" }),
    ] {
        assert!(serde_json::from_value::<FaultRule>(wrong).is_err());
    }
    assert!(serde_json::from_value::<Options>(json!({ "colour": 1 })).is_err());
    assert!(Registry::start(Options { client_ca: true, ..Options::default() }).is_err());
}
