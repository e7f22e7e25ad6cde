//! Logging in: passwords, tokens and what they grant, identity tokens.
#![allow(clippy::unwrap_used, missing_docs)] // a test may stop anywhere

mod common;

use std::collections::BTreeMap;
use std::time::Duration;

use base64::Engine;
use common::{Response, ask, get, push_blob};
use layerkit_testing::{Auth, Authorization, Options, Registry, TokenField};

fn options(auth: Auth) -> Options {
    let users = BTreeMap::from([("ann".to_string(), "secret".to_string())]);
    Options { auth, users, ..Options::default() }
}

fn basic(user: &str, password: &str) -> String {
    format!("Basic {}", base64::prelude::BASE64_STANDARD.encode(format!("{user}:{password}")))
}

fn with(registry: &Registry, method: &str, path: &str, authorization: &str) -> Response {
    ask(registry, method, path, &[("Authorization", authorization)], b"")
}

/// A token for these scopes, as the header that carries it.
fn token(registry: &Registry, scopes: &[&str], login: Option<&str>) -> String {
    let query: String = scopes.iter().map(|scope| format!("&scope={scope}")).collect();
    let headers: Vec<(&str, &str)> = login.iter().map(|login| ("Authorization", *login)).collect();
    let answer = ask(registry, "GET", &format!("/token?service=test{query}"), &headers, b"");
    assert_eq!(answer.status, 200, "{answer:?}");
    format!("Bearer {}", answer.json()["token"].as_str().unwrap())
}

#[test]
fn a_password_opens_everything_but_what_is_denied() {
    let registry =
        Registry::start(Options { denied: vec!["closed".into()], ..options(Auth::Basic) }).unwrap();
    let refused = get(&registry, "/v2/");
    assert_eq!((refused.status, refused.code()), (401, "UNAUTHORIZED".into()));
    assert!(refused.header("www-authenticate").unwrap().starts_with("Basic realm="));
    assert_eq!(with(&registry, "GET", "/v2/", &basic("ann", "wrong")).status, 401);
    let login = basic("ann", "secret");
    assert_eq!(with(&registry, "GET", "/v2/", &login).status, 200);
    push_blob(&registry, "open", b"x", &[("Authorization", &login)]);
    let denied = with(&registry, "GET", "/v2/closed/tags/list", &login);
    assert_eq!((denied.status, denied.code()), (403, "DENIED".into()));
    let log = registry.requests();
    assert_eq!((log[0].authorization, log[1].authorization), (Authorization::None, Authorization::Basic));
    assert!(!serde_json::to_string(&log).unwrap().contains(&login["Basic ".len()..]));
}

#[test]
fn a_challenge_leads_to_a_token_that_opens_what_it_names() {
    let registry = Registry::start(options(Auth::Token)).unwrap();
    registry.put_blob("team/app", "x");
    let path = "/v2/team/app/tags/list";
    let refused = get(&registry, path);
    let expected = format!(
        "Bearer realm=\"{}/token\",service=\"test\",scope=\"repository:team/app:pull\"",
        registry.url()
    );
    assert_eq!((refused.status, refused.header("www-authenticate")), (401, Some(expected.as_str())));

    let login = basic("ann", "secret");
    let pull = token(&registry, &["repository:team/app:pull"], Some(&login));
    assert_eq!(with(&registry, "GET", path, &pull).status, 200);
    assert_eq!(with(&registry, "GET", "/v2/", &pull).status, 200);
    let push = with(&registry, "POST", "/v2/team/app/blobs/uploads/", &pull);
    assert_eq!(push.status, 401);
    assert!(
        push.header("www-authenticate")
            .unwrap()
            .ends_with(",scope=\"repository:team/app:pull,push\",error=\"insufficient_scope\"")
    );
    let push = token(&registry, &["repository:team/app:pull,push"], Some(&login));
    push_blob(&registry, "team/app", b"y", &[("Authorization", &push)]);
    let wrong = with(&registry, "GET", "/token?service=test", &basic("ann", "no"));
    assert_eq!((wrong.status, wrong.code()), (401, "UNAUTHORIZED".into()));
    assert_eq!(get(&registry, "/token?service=other").status, 400);
    assert_eq!(registry.requests().last().unwrap().authorization, Authorization::None);
}

#[test]
fn a_mount_needs_the_source_too() {
    let registry = Registry::start(options(Auth::Token)).unwrap();
    let digest = registry.put_blob("base", "layer");
    let path = format!("/v2/app/blobs/uploads/?mount={digest}&from=base");
    let login = basic("ann", "secret");
    let one = token(&registry, &["repository:app:pull,push"], Some(&login));
    let refused = with(&registry, "POST", &path, &one);
    assert_eq!(refused.status, 401);
    let challenge = refused.header("www-authenticate").unwrap();
    assert!(challenge.contains("scope=\"repository:app:pull,push repository:base:pull\""), "{challenge}");
    let both = ["repository:app:pull,push", "repository:base:pull"];
    assert_eq!(with(&registry, "POST", &path, &token(&registry, &both, Some(&login))).status, 201);
    // In a GET each scope has a parameter of its own.
    let joined = token(&registry, &[&both.join("%20")], Some(&login));
    assert_eq!(with(&registry, "POST", &path, &joined).status, 401);
}

#[test]
fn a_token_expires() {
    let registry = Registry::start(Options { token_lifetime: Some(0.3), ..options(Auth::Token) }).unwrap();
    registry.put_blob("a", "x");
    let login = basic("ann", "secret");
    let pull = token(&registry, &["repository:a:pull"], Some(&login));
    assert_eq!(with(&registry, "GET", "/v2/a/tags/list", &pull).status, 200);
    std::thread::sleep(Duration::from_millis(400));
    let refused = with(&registry, "GET", "/v2/a/tags/list", &pull);
    assert_eq!(refused.status, 401);
    assert!(refused.header("www-authenticate").unwrap().contains("error=\"invalid_token\""));
}

#[test]
fn nobody_in_particular_may_pull_only_when_that_is_allowed() {
    let open = Registry::start(Options { anonymous_pull: true, ..options(Auth::Token) }).unwrap();
    let closed = Registry::start(options(Auth::Token)).unwrap();
    for (registry, status) in [(&open, 200), (&closed, 401)] {
        registry.put_blob("a", "x");
        let pull = token(registry, &["repository:a:pull,push"], None);
        assert_eq!(with(registry, "GET", "/v2/a/tags/list", &pull).status, status);
        assert_eq!(with(registry, "POST", "/v2/a/blobs/uploads/", &pull).status, 401);
    }
}

#[test]
fn a_grant_may_be_narrower_and_the_token_in_another_field() {
    let narrow = Options {
        narrow_grant: Some(vec!["pull".into()]),
        token_field: TokenField::AccessToken,
        token_lifetime: Some(100.0),
        ..options(Auth::Token)
    };
    let registry = Registry::start(narrow).unwrap();
    registry.put_blob("a", "x");
    let path = "/token?service=test&scope=repository:a:pull,push";
    let answer = with(&registry, "GET", path, &basic("ann", "secret")).json();
    assert_eq!((answer.get("token"), &answer["expires_in"]), (None, &100.into()));
    let token = format!("Bearer {}", answer["access_token"].as_str().unwrap());
    assert_eq!(with(&registry, "GET", "/v2/a/tags/list", &token).status, 200);
    assert_eq!(with(&registry, "POST", "/v2/a/blobs/uploads/", &token).status, 401);
}

#[test]
fn an_identity_token_stands_for_a_password() {
    let registry = Registry::start(Options { identity_tokens: true, ..options(Auth::Token) }).unwrap();
    registry.put_blob("a", "x");
    let login = basic("ann", "secret");
    let path = "/token?service=test&offline_token=true";
    let offered = with(&registry, "GET", path, &login).json();
    let post = |form: &str| ask(&registry, "POST", "/token", &[], form.as_bytes());
    let common = "service=test&client_id=tests&scope=repository:a:pull+repository:b:pull,push";
    let password = "grant_type=password&username=ann&password=secret&access_type=offline";
    let posted = post(&format!("{common}&{password}")).json();
    for refresh in [&offered["refresh_token"], &posted["refresh_token"]] {
        let form = format!("{common}&grant_type=refresh_token&refresh_token={}", refresh.as_str().unwrap());
        let answer = post(&form).json();
        assert_eq!(answer["scope"], "repository:a:pull repository:b:pull,push");
        let token = format!("Bearer {}", answer["access_token"].as_str().unwrap());
        assert_eq!(with(&registry, "GET", "/v2/a/tags/list", &token).status, 200);
        assert_eq!(with(&registry, "POST", "/v2/b/blobs/uploads/", &token).status, 202);
    }
    assert_eq!(post(&format!("{common}&grant_type=refresh_token&refresh_token=made-up")).status, 401);
    assert_eq!(post("service=test&grant_type=password&username=ann&password=secret").status, 400);

    let without = Registry::start(options(Auth::Token)).unwrap();
    assert_eq!(ask(&without, "POST", "/token", &[], common.as_bytes()).status, 404);
    assert_eq!(with(&without, "GET", path, &login).json().get("refresh_token"), None);
}
