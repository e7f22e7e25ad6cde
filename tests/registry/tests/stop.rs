//! Stopping leaves nothing behind. Alone in its process, because it counts the threads of that.
#![allow(clippy::unwrap_used, missing_docs)] // a test may stop anywhere

mod common;

use std::io::Read;
use std::net::TcpStream;
use std::time::Duration;

use common::get;
use layerkit_testing::{BlobRedirect, Fault, FaultRule, Options, Proxy, Registry, Tls};

fn threads() -> usize {
    std::fs::read_dir("/proc/self/task").unwrap().count()
}

fn descriptors() -> usize {
    std::fs::read_dir("/proc/self/fd").unwrap().count()
}

#[test]
fn a_registry_that_stops_leaves_no_thread_and_no_socket() {
    let before = (threads(), descriptors());
    let all = Options {
        tls: Tls::Valid,
        blob_redirect: BlobRedirect::OtherHost,
        proxy: Some(Proxy { hosts: vec!["registry-1.docker.io".into()] }),
        ..Options::default()
    };
    let registry = Registry::start(all).unwrap();
    assert_eq!(threads(), before.0 + 1);
    drop(registry);
    assert_eq!((threads(), descriptors()), before);

    let registry = Registry::start(Options::default()).unwrap();
    let path = format!("/v2/a/blobs/{}", registry.put_blob("a", "0123456789"));
    assert_eq!(get(&registry, &path).status, 200);
    registry.fault(FaultRule::new(Fault::Stall { after: 3 }));
    let mut stuck = TcpStream::connect(registry.address()).unwrap();
    std::io::Write::write_all(&mut stuck, format!("GET {path} HTTP/1.1\r\nHost: x\r\n\r\n").as_bytes())
        .unwrap();
    std::thread::sleep(Duration::from_millis(100));
    registry.stop();
    registry.stop();
    let _ = stuck.read_to_end(&mut Vec::new());
    drop(stuck);
    assert_eq!((threads(), descriptors()), before);
    assert!(TcpStream::connect(registry.address()).is_err());
    assert_eq!(registry.requests().len(), 2);

    // Dropped where blocking on a runtime would panic.
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let registry = Registry::start(Options::default()).unwrap();
        assert_eq!(threads(), before.0 + 1);
        drop(registry);
    });
    drop(runtime);
    assert_eq!((threads(), descriptors()), before);
}
