//! Every case, through the Rust driver.
#![allow(clippy::unwrap_used, clippy::disallowed_methods)]

use std::path::{Path, PathBuf};
use std::process::Command;

use layerkit_conformance::{Options, run_suite};

/// Builds the driver into the folder that this test was built into, and returns its path.
fn driver() -> PathBuf {
    let status = Command::new(env!("CARGO"))
        .args(["build", "--quiet", "--package", "layerkit-conformance-driver"])
        .status()
        .unwrap();
    assert!(status.success(), "the driver does not build");
    let test = std::env::current_exe().unwrap();
    test.parent().and_then(Path::parent).unwrap().join("layerkit-conformance-driver")
}

#[test]
fn every_case_holds_in_rust() {
    let suite = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let options = Options {
        drivers: vec![("rust".into(), driver().display().to_string())],
        cases: suite.join("cases"),
        suite,
        filter: None,
        same_build: false,
        allow_missing: true,
        busybox: "/bin/busybox".into(),
        verbose: false,
    };
    let mut printed = Vec::new();
    let totals = run_suite(&options, &mut |line| printed.push(line.to_owned())).unwrap();
    assert_eq!(totals.failed, 0, "{}", printed.join("\n"));
}
