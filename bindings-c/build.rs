//! Gives the shared library its SONAME, which carries the version of the ABI and which cargo does not set.

fn main() {
    println!("cargo::rerun-if-changed=build.rs");
    println!("cargo::rustc-cdylib-link-arg=-Wl,-soname,liblayerkit.so.0");
}
