//! Builds the helper program (`helper/`) that the library carries: static, so that it runs wherever the library does, and
//! by a cargo of its own, since its profile and flags are not those of the outer build.
//!
//! Works the same under plain cargo, maturin and napi, with nothing to call by hand.
#![allow(clippy::disallowed_methods)] // a build script reads cargo's variables and writes to OUT_DIR

use std::path::{Path, PathBuf};
use std::process::Command;
use std::{env, fs};

fn main() {
    // Nothing else: a change in src/ must not build the helper again.
    println!("cargo::rerun-if-changed=helper");
    println!("cargo::rerun-if-changed=build.rs");
    let out = PathBuf::from(variable("OUT_DIR"));
    let sources = PathBuf::from(variable("CARGO_MANIFEST_DIR")).join("helper");
    let project = out.join("helper");
    write_project(&sources, &project);
    let program = build(&project, &variable("TARGET"), &out.join("helper-target"));
    println!("cargo::rustc-env=LAYERKIT_HELPER={}", program.display());
}

fn variable(name: &str) -> String {
    env::var(name).unwrap_or_else(|error| panic!("{name}: {error}"))
}

/// The manifest has another name in the repository, because cargo leaves folders with a manifest out of a package.
fn write_project(sources: &Path, project: &Path) {
    let template = fs::read_to_string(sources.join("Cargo.toml.in")).expect("read helper/Cargo.toml.in");
    let place = sources.join("src");
    let place = place.to_str().expect("the path of the sources is UTF-8");
    fs::create_dir_all(project).expect("create the helper's project");
    fs::write(project.join("Cargo.toml"), template.replace("@SOURCES@", place)).expect("write Cargo.toml");
    fs::copy(sources.join("Cargo.lock"), project.join("Cargo.lock")).expect("copy Cargo.lock");
}

fn build(project: &Path, target: &str, folder: &Path) -> PathBuf {
    let mut cargo = Command::new(variable("CARGO"));
    cargo
        .args(["build", "--release", "--locked", "--quiet"])
        // Given explicitly, so that the flags below go to the program alone and not to its build scripts.
        .args(["--target", target])
        .arg("--target-dir")
        .arg(folder)
        .current_dir(project);
    // The outer build's settings (wrappers, flags, profiles) are not for this program; how crates are fetched is.
    let linker = format!("CARGO_TARGET_{}_LINKER", target.to_uppercase().replace('-', "_"));
    let keep =
        ["CARGO_HOME", "CARGO_HTTP_", "CARGO_NET_", "CARGO_REGISTR", "CARGO_SOURCE_", "RUSTUP_", &linker];
    let starts_with = |name: &str, prefixes: &[&str]| prefixes.iter().any(|prefix| name.starts_with(prefix));
    for (name, _) in env::vars_os() {
        let Some(name) = name.to_str() else { continue };
        if starts_with(name, &["CARGO", "RUST", "__CARGO"]) && !starts_with(name, &keep) {
            cargo.env_remove(name);
        }
    }
    cargo.env("RUSTFLAGS", "-C target-feature=+crt-static -C relocation-model=static");
    let status = cargo.status().expect("start cargo for the helper");
    assert!(
        status.success(),
        "the helper program did not build ({status}); it needs the C library's static files (libc.a)"
    );
    folder.join(target).join("release/layerkit-helper")
}
