//! `/etc/hosts` and `/etc/resolv.conf` as a container sees them, made from the host's.
//!
//! Pure, but for the one function that reads the host's files.

use std::path::Path;

use super::Network;
use crate::error::Result;
use crate::fs;

/// More than any such file has, in bytes.
const LIMIT: u64 = 1 << 20;

const LOOPBACK: &str = "127.0.0.1\tlocalhost\n\
    ::1\tlocalhost ip6-localhost ip6-loopback\n\
    fe00::0\tip6-localnet\n\
    ff00::0\tip6-mcastprefix\n\
    ff02::1\tip6-allnodes\n\
    ff02::2\tip6-allrouters\n";

/// The two files: `hosts`, with these lines more, and `resolv.conf`.
pub fn read(network: Network, hostname: &str, extra: &[(String, String)]) -> Result<(Vec<u8>, Vec<u8>)> {
    let host = |path: &str| fs::read_optional(Path::new(path), LIMIT).map(Option::unwrap_or_default);
    let (mut hosts, resolv_conf) = match network {
        Network::Host => (hosts(Some(&host("/etc/hosts")?), hostname), host("/etc/resolv.conf")?),
        Network::None => (hosts(None, hostname), Vec::new()),
    };
    for (name, address) in extra {
        hosts.extend_from_slice(format!("{address}\t{name}\n").as_bytes());
    }
    Ok((hosts, resolv_conf))
}

/// The host's names, or those of a loopback interface alone, and the container's own name.
fn hosts(host: Option<&[u8]>, hostname: &str) -> Vec<u8> {
    let mut file = host.filter(|file| !file.is_empty()).unwrap_or(LOOPBACK.as_bytes()).to_vec();
    if file.last().is_some_and(|byte| *byte != b'\n') {
        file.push(b'\n');
    }
    if !hostname.is_empty() {
        file.extend_from_slice(format!("127.0.0.1\t{hostname}\n").as_bytes());
    }
    file
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(bytes: Vec<u8>) -> String {
        String::from_utf8(bytes).unwrap()
    }

    #[test]
    fn on_the_hosts_network_its_names_are_known() {
        let file = text(hosts(Some(b"10.0.0.1 registry"), "abc"));
        assert_eq!(file, "10.0.0.1 registry\n127.0.0.1\tabc\n");
    }

    #[test]
    fn without_a_network_only_the_loopback_has_names() {
        let file = text(hosts(None, "abc"));
        assert!(file.starts_with("127.0.0.1\tlocalhost\n"));
        assert!(file.ends_with("127.0.0.1\tabc\n"));
        assert_eq!(read(Network::None, "abc", &[]).unwrap().1, b"");
    }
}
