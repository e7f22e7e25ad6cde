//! The runner notices drivers that break the protocol, leak, or answer what is not so.
#![allow(clippy::unwrap_used, clippy::disallowed_methods)]

use std::fs;
use std::path::Path;

use layerkit_conformance::{Options, Totals, run_suite};

const OPS: &str = r#"{
  "version": "0.1.0", "languages": ["rust"], "cannot": {},
  "operations": {
    "engine_open": {"since": "0.1.0", "args": [], "options": "EngineOptions", "infallible": "here"},
    "engine_close": {"since": "0.1.0", "args": [], "infallible": "here"},
    "images_get": {"since": "0.1.0", "args": ["image"]},
    "images_import": {"since": "0.1.0", "args": ["source"], "options": "x", "infallible": "here"},
    "system_verify": {"since": "0.1.0", "args": [], "infallible": "here"}
  },
  "errors": {"not_found": {"since": "0.1.0"}}
}"#;

const CASE: &str = r#"{"name": "a name that is not there is not found", "steps": [
  {"call": "images_get", "args": {"image": "nope"}, "fails": {"code": "not_found", "message": "nope", "fields": {"a": 1}}}
]}"#;

/// A driver as a shell script: right in everything, but for what `on_get` and `on_handles` do.
fn script(on_get: &str, on_handles: &str) -> String {
    format!(
        r#"while IFS= read -r line; do
  id=${{line##*\"id\":}}; id=${{id%%[!0-9]*}}
  case $line in
    *'"op":"hello"'*) answer='"ok":{{"language":"rust","version":"0.1.0","operations":["engine_open","engine_close","images_get","images_import","system_verify"],"errors":["not_found"]}}' ;;
    *'"op":"handles"'*) answer='"ok":0'; {on_handles} ;;
    *'"op":"system_verify"'*) answer='"ok":{{"problems":[]}}' ;;
    *'"op":"images_get"'*) answer='"error":{{"code":"not_found","message":"no nope","fields":{{"a":1}}}}'; {on_get} ;;
    *) answer='"ok":null' ;;
  esac
  printf '{{"id":%s,%s}}\n' "$id" "$answer"
done
"#
    )
}

/// Runs one case through these drivers; `ops` is the list of operations.
fn run_drivers(ops: &str, scripts: &[(&str, &str)], case: &str, allow_missing: bool) -> (Totals, String) {
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name);
    fs::create_dir(path("cases")).unwrap();
    fs::write(path("ops.json"), ops).unwrap();
    fs::write(path("cases/one.json"), case).unwrap();
    let mut drivers = Vec::new();
    for (language, script) in scripts {
        fs::write(path(language), script).unwrap();
        drivers.push(((*language).to_owned(), format!("sh {}", path(language).display())));
    }
    let options = Options {
        drivers,
        suite: folder.path().to_owned(),
        cases: path("cases"),
        filter: None,
        same_build: false,
        allow_missing,
        busybox: Path::new("/bin/busybox").to_owned(),
        verbose: false,
    };
    let mut printed = String::new();
    let totals = run_suite(&options, &mut |line| printed.push_str(line)).unwrap();
    (totals, printed)
}

fn run_with(script: &str, case: &str) -> (Totals, String) {
    run_drivers(OPS, &[("rust", script)], case, false)
}

fn noticed(on_get: &str, on_handles: &str) -> String {
    let (totals, printed) = run_with(&script(on_get, on_handles), CASE);
    assert!(totals.failed > 0, "nothing was noticed");
    printed
}

#[test]
fn a_driver_that_does_everything_right_passes() {
    let (totals, printed) = run_with(&script(":", ":"), CASE);
    assert_eq!(totals.failed, 0, "{printed}");
    assert!(totals.passed >= 4);
}

#[test]
fn a_wrong_answer_is_noticed_with_what_was_wanted() {
    let printed = noticed(r#"answer='"ok":{}'"#, ":");
    assert!(printed.contains("step 1 (images_get): wanted failure not_found, got success"), "{printed}");
    let wrong_field = r#"answer='"error":{"code":"not_found","message":"nope","fields":{"a":2}}'"#;
    assert!(noticed(wrong_field, ":").contains(".a: wanted 1, got 2"));
    let wrong_code = r#"answer='"error":{"code":"driver","message":"nope","fields":{"a":1}}'"#;
    assert!(noticed(wrong_code, ":").contains("wanted code not_found"));
}

#[test]
fn a_handle_that_is_alive_is_noticed() {
    assert!(noticed(":", r#"answer='"ok":1'"#).contains("handle(s) are alive"));
}

#[test]
fn a_descriptor_that_stays_open_is_noticed() {
    assert!(noticed("exec 7</dev/null", ":").contains("/dev/null"));
}

#[test]
fn a_child_process_that_stays_is_noticed() {
    assert!(noticed("sleep 20 >&2 &", ":").contains("child process"));
}

#[test]
fn a_driver_that_dies_is_noticed_and_started_again() {
    let two = format!("[{CASE}, {}]", CASE.replace("a name that", "another that"));
    let (totals, printed) = run_with(&script("exit 3", ":"), &two);
    assert_eq!(printed.matches("the driver ended").count(), 2, "{printed}");
    assert!(totals.failed >= 2);
}

#[test]
fn an_answer_that_is_no_protocol_is_noticed() {
    assert!(noticed("echo hello", ":").contains("no JSON object"));
    assert!(noticed("id=99", ":").contains("not asked"));
}

#[test]
fn a_known_failure_that_passes_is_noticed() {
    let case = CASE.replace(r#""steps""#, r#""known_failure": "it is hard", "steps""#);
    let (totals, printed) = run_with(&script(":", ":"), &case);
    assert!(totals.failed > 0 && printed.contains("known failure: it is hard"), "{printed}");
}

#[test]
fn a_missing_driver_is_noticed_unless_allowed() {
    let ops = OPS.replace(r#"["rust"]"#, r#"["rust", "c"]"#);
    for (allow_missing, failures) in [(false, 1), (true, 0)] {
        let (totals, printed) = run_drivers(&ops, &[("rust", &script(":", ":"))], CASE, allow_missing);
        assert_eq!(totals.failed, failures, "{printed}");
    }
}

#[test]
fn a_language_that_shows_something_else_is_noticed() {
    let ops = OPS.replace(r#"["rust"]"#, r#"["rust", "c"]"#);
    let case = r#"{"name": "gets", "same": ["id"], "steps": [
        {"call": "images_get", "args": {"image": "a"}, "returns": {"id": "${id}"}},
        {"call": "images_get", "args": {"image": "a"}, "returns": {"id": "${id}"}}]}"#;
    let shows = |id: &str| script(&format!(r#"answer='"ok":{{"id":"{id}"}}'"#), ":");
    let other = shows("2").replace(r#""language":"rust""#, r#""language":"c""#);
    for (second, noticed) in [(other.replace(r#""id":"2""#, r#""id":"1""#), false), (other, true)] {
        let (_, printed) = run_drivers(&ops, &[("rust", &shows("1")), ("c", &second)], case, false);
        assert_eq!(printed.contains("every language shows the same"), noticed, "{printed}");
    }
}

#[test]
fn a_code_that_nothing_provokes_is_noticed() {
    let case = r#"{"name": "opens", "steps": []}"#;
    let (totals, printed) = run_with(&script(":", ":"), case);
    assert!(totals.failed > 0 && printed.contains("no case provokes the error code not_found"), "{printed}");
    assert!(printed.contains("no case has images_get fail"));
}
