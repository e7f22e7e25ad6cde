//! Docker's default seccomp profile as a filter program, for this architecture and its 32-bit sibling.
//!
//! Allowed numbers are kept as ranges. A call that the profile does not allow fails with EPERM; one that is newer than
//! the profile with ENOSYS, so that programs fall back to an older one.
//!
//! Pure, so that the library's tests can include it and try every call.

use super::syscalls::{ALLOWED, NO, WITH};

const EPERM: u32 = 1;
const ENOSYS: u32 = 38;
/// The last number of the kernel that the profile was written for; from 424 on, numbers are the same everywhere.
const NEWEST: u32 = 466;
/// The flags of clone(2) that make namespaces.
const CLONE_NAMESPACES: u32 = 0x7e02_0000;
const AF_VSOCK: u32 = 40;
const CAP_SYS_ADMIN: u32 = 21;
/// The personalities that change nothing a container could abuse: Linux, 32-bit Linux, both with 64-bit uname, and asking.
const PERSONALITIES: [u32; 5] = [0, 0x0008, 0x0002_0000, 0x0002_0008, 0xffff_ffff];

/// An architecture: its audit number, its column in the table, and its calls that depend on an argument.
struct Arch {
    audit: u32,
    column: usize,
    clone: u32,
    clone3: u32,
    personality: u32,
    socket: u32,
}

#[cfg(target_arch = "x86_64")]
const ARCHES: [Arch; 2] = [
    Arch { audit: 0xc000_003e, column: 0, clone: 56, clone3: 435, personality: 135, socket: 41 },
    Arch { audit: 0x4000_0003, column: 1, clone: 120, clone3: 435, personality: 136, socket: 359 },
];
#[cfg(target_arch = "aarch64")]
const ARCHES: [Arch; 2] = [
    Arch { audit: 0xc000_00b7, column: 2, clone: 220, clone3: 435, personality: 92, socket: 198 },
    Arch { audit: 0x4000_0028, column: 3, clone: 120, clone3: 435, personality: 136, socket: 281 },
];

// Offsets in `struct seccomp_data`. Both architectures are little-endian: an argument's low half comes first. The
// kernel looks at no more of the arguments that are looked at here.
const NUMBER: u32 = 0;
const ARCHITECTURE: u32 = 4;
const ARGUMENT_0: u32 = 16;

// Classic BPF (linux/bpf_common.h): load a word, compute, jump, return, each with a constant.
pub const LOAD: u16 = 0x20;
pub const AND: u16 = 0x54;
pub const GOTO: u16 = 0x05;
pub const IF_EQUAL: u16 = 0x15;
pub const IF_GREATER: u16 = 0x25;
pub const IF_AT_LEAST: u16 = 0x35;
pub const RETURN: u16 = 0x06;

// What a filter returns (linux/seccomp.h).
pub const ALLOW: u32 = 0x7fff_0000;
const ERRNO: u32 = 0x0005_0000;
const KILL_PROCESS: u32 = 0x8000_0000;

/// `struct sock_filter`.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct Instruction {
    /// What to do.
    pub code: u16,
    /// How many instructions a jump skips when it is taken.
    pub jt: u8,
    /// And when not.
    pub jf: u8,
    /// The constant.
    pub k: u32,
}

fn fail(errno: u32) -> u32 {
    ERRNO | errno
}

fn op(code: u16, k: u32) -> Instruction {
    Instruction { code, jt: 0, jf: 0, k }
}

/// A jump that skips `jt` instructions when it holds and `jf` when not.
fn jump(code: u16, k: u32, jt: u8, jf: u8) -> Instruction {
    Instruction { code, jt, jf, k }
}

/// `body`, only for the call of this number. It has to end the filter.
fn only(number: u32, body: Vec<Instruction>) -> Vec<Instruction> {
    let mut block = vec![jump(IF_EQUAL, number, 0, body.len() as u8)];
    block.extend(body);
    block
}

/// The allowed numbers of an architecture as ranges, both ends included, in order.
fn ranges(arch: &Arch, capabilities: u64) -> Vec<(u32, u32)> {
    let granted =
        WITH.iter().filter(|(number, _)| has(capabilities, *number)).flat_map(|(_, calls)| calls.iter());
    let mut numbers: Vec<u32> =
        ALLOWED.iter().chain(granted).map(|(_, numbers)| numbers[arch.column]).collect();
    numbers.retain(|number| *number != NO);
    numbers.sort_unstable();
    let mut ranges: Vec<(u32, u32)> = Vec::new();
    for number in numbers {
        match ranges.last_mut() {
            Some((_, end)) if number <= *end + 1 => *end = number.max(*end),
            _ => ranges.push((number, number)),
        }
    }
    ranges
}

/// Allows the numbers of a range, fails those below it, and goes on with those above.
fn allow_range((first, last): (u32, u32), below: u32) -> [Instruction; 4] {
    [jump(IF_GREATER, last, 3, 0), jump(IF_AT_LEAST, first, 0, 1), op(RETURN, ALLOW), op(RETURN, fail(below))]
}

fn has(capabilities: u64, number: u32) -> bool {
    capabilities & (1 << number) != 0
}

/// The program for one architecture.
fn block(arch: &Arch, capabilities: u64) -> Vec<Instruction> {
    let mut out = vec![op(LOAD, NUMBER)];
    if has(capabilities, CAP_SYS_ADMIN) {
        // Who may make namespaces may make them in any way.
        [arch.clone, arch.clone3]
            .into_iter()
            .for_each(|call| out.extend(only(call, vec![op(RETURN, ALLOW)])));
    } else {
        out.extend(confined_clone(arch));
    }
    out.extend(by_argument(arch));
    // 32-bit arm has calls of its own far above the others.
    let (known, private): (Vec<_>, Vec<_>) =
        ranges(arch, capabilities).into_iter().partition(|(first, _)| *first <= NEWEST);
    known.into_iter().for_each(|range| out.extend(allow_range(range, EPERM)));
    out.extend([jump(IF_GREATER, NEWEST, 1, 0), op(RETURN, fail(EPERM))]);
    private.into_iter().for_each(|range| out.extend(allow_range(range, ENOSYS)));
    out.push(op(RETURN, fail(ENOSYS)));
    out
}

/// Processes and threads, but no namespaces.
fn confined_clone(arch: &Arch) -> Vec<Instruction> {
    let mut out = only(
        arch.clone,
        vec![
            op(LOAD, ARGUMENT_0),
            op(AND, CLONE_NAMESPACES),
            jump(IF_EQUAL, 0, 1, 0),
            op(RETURN, fail(EPERM)),
            op(RETURN, ALLOW),
        ],
    );
    // Its flags are in memory, where a filter cannot look: C libraries fall back to clone.
    out.extend(only(arch.clone3, vec![op(RETURN, fail(ENOSYS))]));
    out
}

/// Calls that some arguments are allowed of.
fn by_argument(arch: &Arch) -> Vec<Instruction> {
    let mut personality = vec![op(LOAD, ARGUMENT_0)];
    for allowed in PERSONALITIES {
        personality.extend([jump(IF_EQUAL, allowed, 0, 1), op(RETURN, ALLOW)]);
    }
    personality.push(op(RETURN, fail(EPERM)));
    let mut out = only(arch.personality, personality);
    out.extend(only(
        arch.socket,
        vec![
            op(LOAD, ARGUMENT_0),
            jump(IF_EQUAL, AF_VSOCK, 0, 1),
            op(RETURN, fail(EPERM)),
            op(RETURN, ALLOW),
        ],
    ));
    out
}

/// The whole program, for what has these capabilities (each the bit of its number): some calls are only good for who has one.
pub fn program(capabilities: u64) -> Vec<Instruction> {
    let mut out = vec![op(LOAD, ARCHITECTURE)];
    for arch in &ARCHES {
        let block = block(arch, capabilities);
        // A conditional jump reaches 255 instructions, a plain one any number.
        out.extend([jump(IF_EQUAL, arch.audit, 1, 0), op(GOTO, block.len() as u32)]);
        out.extend(block);
    }
    out.push(op(RETURN, KILL_PROCESS));
    out
}
