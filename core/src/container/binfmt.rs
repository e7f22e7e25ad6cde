//! Whether the kernel executes programs of a platform: its own, or one that an interpreter is registered for
//! (binfmt_misc, `Documentation/admin-guide/binfmt-misc.rst` of Linux).

use std::path::Path;

use crate::error::{Error, ErrorKind, Result};
use crate::fs;
use crate::platform::Platform;

const REGISTERED: &str = "/proc/sys/fs/binfmt_misc";
/// More than any registration has, in bytes.
const LIMIT: u64 = 64 * 1024;

/// Architectures with the machine, class and byte order of their programs (ELF header).
const MACHINES: [(&str, u16, u8, u8); 10] = [
    ("386", 3, 1, 1),
    ("amd64", 62, 2, 1),
    ("arm", 40, 1, 1),
    ("arm64", 183, 2, 1),
    ("loong64", 258, 2, 1),
    ("mips64le", 8, 2, 1),
    ("ppc64le", 21, 2, 1),
    ("riscv64", 243, 2, 1),
    ("s390x", 22, 2, 2),
    ("mips64", 8, 2, 2),
];

/// `unsupported` when programs of this platform cannot be executed here.
pub fn can_run(platform: &Platform) -> Result<()> {
    let host = Platform::host();
    let unsupported = |message: String| Err(Error::new(ErrorKind::Unsupported, message));
    if platform.os != host.os && !platform.os.is_empty() {
        return unsupported(format!("programs for {platform} cannot run on {}", host.os));
    }
    // 32-bit programs are what the kernel of a 64-bit machine executes itself.
    let native = match (host.architecture.as_str(), platform.architecture.as_str()) {
        (_, "") | ("amd64", "386") => true,
        (host, wanted) => host == wanted,
    };
    if native {
        return Ok(());
    }
    let Some(header) = header(&platform.architecture) else {
        return unsupported(format!("{platform} is no platform that programs are known of"));
    };
    for name in fs::list(Path::new(REGISTERED))? {
        if name == "register" || name == "status" {
            continue;
        }
        // It may be taken back at any moment.
        let Some(text) = fs::read_optional(&Path::new(REGISTERED).join(&name), LIMIT)? else { continue };
        let text = String::from_utf8_lossy(&text);
        match Registration::parse(&text) {
            Some(found) if found.takes(&header) && found.fixed => return Ok(()),
            Some(found) if found.takes(&header) => {
                return unsupported(format!(
                    "{} runs programs for {platform}, but is registered without the flag F, and a container does not have it",
                    found.interpreter
                ));
            }
            _ => {}
        }
    }
    unsupported(format!(
        "RUN needs an interpreter (binfmt_misc) for {platform}: none is registered on this {host} host"
    ))
}

/// The beginning of a program.
fn header(architecture: &str) -> Option<[u8; 20]> {
    let (_, machine, class, order) = MACHINES.iter().find(|(name, ..)| *name == architecture)?;
    let half = |number: u16| if *order == 1 { number.to_le_bytes() } else { number.to_be_bytes() };
    let mut header = [0; 20];
    header[..4].copy_from_slice(b"\x7fELF");
    header[4..7].copy_from_slice(&[*class, *order, 1]);
    header[16..18].copy_from_slice(&half(2));
    header[18..20].copy_from_slice(&half(*machine));
    Some(header)
}

/// One interpreter.
struct Registration {
    interpreter: String,
    /// Flag F: it was opened when it was registered, and need not be in the container.
    fixed: bool,
    offset: usize,
    magic: Vec<u8>,
    mask: Vec<u8>,
}

impl Registration {
    /// Reads what the kernel shows; `None` for one that is switched off or goes by names.
    fn parse(text: &str) -> Option<Registration> {
        let value = |name: &str| text.lines().find_map(|line| line.strip_prefix(name)).map(str::trim);
        if text.lines().next() != Some("enabled") {
            return None;
        }
        let magic = bytes(value("magic ")?)?;
        Some(Registration {
            interpreter: value("interpreter ")?.to_owned(),
            fixed: value("flags:").is_some_and(|flags| flags.contains('F')),
            offset: value("offset ")?.parse().ok()?,
            mask: match value("mask ") {
                Some(mask) => bytes(mask)?,
                None => vec![0xff; magic.len()],
            },
            magic,
        })
    }

    fn takes(&self, header: &[u8]) -> bool {
        let Some(part) = header.get(self.offset..self.offset + self.magic.len()) else { return false };
        part.iter().zip(&self.magic).zip(&self.mask).all(|((byte, magic), mask)| (byte ^ magic) & mask == 0)
    }
}

fn bytes(hex: &str) -> Option<Vec<u8>> {
    let digits = hex.as_bytes().chunks(2);
    digits.map(|pair| u8::from_str_radix(std::str::from_utf8(pair).ok()?, 16).ok()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const AARCH64: &str = "enabled\ninterpreter /usr/bin/qemu-aarch64-static\nflags: OCF\noffset 0\n\
        magic 7f454c460201010000000000000000000200b700\nmask ffffffffffffff00fffffffffffffffffeffffff\n";

    #[test]
    fn an_interpreter_is_known_by_the_programs_it_takes() {
        let found = Registration::parse(AARCH64).unwrap();
        assert!(found.fixed && found.takes(&header("arm64").unwrap()));
        assert!(
            ["arm", "amd64", "riscv64", "s390x"].iter().all(|other| !found.takes(&header(other).unwrap()))
        );
        assert!(Registration::parse(&AARCH64.replacen("enabled", "disabled", 1)).is_none());
        assert!(!Registration::parse(&AARCH64.replace("OCF", "OC")).unwrap().fixed);
    }

    #[test]
    fn the_host_runs_its_own_programs_and_no_others_of_another_system() {
        can_run(&Platform::host()).unwrap();
        let other = Platform { os: "windows".into(), ..Platform::host() };
        assert_eq!(can_run(&other).unwrap_err().kind(), ErrorKind::Unsupported);
    }
}
