//! The helper's seccomp filter, tried call by call as the kernel would.

#[path = "../../../helper/src/filter.rs"]
mod filter;
#[path = "../../../helper/src/syscalls.rs"]
mod syscalls;

use filter::{ALLOW, AND, GOTO, IF_AT_LEAST, IF_EQUAL, IF_GREATER, Instruction, LOAD, RETURN};

const DEFAULT: u64 = super::message::DEFAULT_CAPABILITIES;
const EPERM: u32 = 0x0005_0001;
const ENOSYS: u32 = 0x0005_0026;

#[cfg(target_arch = "x86_64")]
const ARCHES: [(u32, usize); 2] = [(0xc000_003e, 0), (0x4000_0003, 1)];
#[cfg(target_arch = "aarch64")]
const ARCHES: [(u32, usize); 2] = [(0xc000_00b7, 2), (0x4000_0028, 3)];

/// What the program answers to a call with this first argument.
fn answer(program: &[Instruction], arch: u32, number: u32, argument: u32) -> u32 {
    let (mut at, mut value) = (0, 0);
    loop {
        let Instruction { code, jt, jf, k } = program[at];
        at += 1;
        let mut jump = |taken| at += usize::from(if taken { jt } else { jf });
        match code {
            LOAD => value = [number, arch, 0, 0, argument][k as usize / 4],
            AND => value &= k,
            IF_EQUAL => jump(value == k),
            IF_GREATER => jump(value > k),
            IF_AT_LEAST => jump(value >= k),
            GOTO => at += k as usize,
            RETURN => return k,
            other => panic!("unknown instruction {other:#x}"),
        }
    }
}

#[test]
fn exactly_the_calls_of_the_list_are_allowed_on_both_architectures() {
    let program = filter::program(DEFAULT);
    for (arch, column) in ARCHES {
        // Those that depend on their arguments are in the next test.
        let special = |number: u32| match column {
            0 => [56, 435, 135, 41].contains(&number),
            1 => [120, 435, 136, 359].contains(&number),
            2 => [220, 435, 92, 198].contains(&number),
            _ => [120, 435, 136, 281].contains(&number),
        };
        for number in (0..1000).chain(0xf_0000..0xf_0010).filter(|number| !special(*number)) {
            let listed = syscalls::ALLOWED.iter().any(|(_, numbers)| numbers[column] == number);
            let wanted = match number {
                _ if listed => ALLOW,
                0..=466 => EPERM,
                _ => ENOSYS,
            };
            assert_eq!(answer(&program, arch, number, 0), wanted, "{arch:#x} {number}");
        }
    }
    assert_ne!(answer(&program, 0x1234, 0, 0), ALLOW, "another architecture");
    assert!(program.len() < 4096, "the kernel takes no longer program");
}

#[test]
#[cfg(target_arch = "x86_64")]
fn some_calls_are_allowed_with_harmless_arguments_only() {
    let program = filter::program(DEFAULT);
    let ask = |number, argument| answer(&program, 0xc000_003e, number, argument);
    const SIGCHLD: u32 = 17;
    for (name, number, argument, wanted) in [
        ("fork by clone", 56, SIGCHLD, ALLOW),
        ("a thread", 56, 0x003d_0f00, ALLOW),
        ("clone of a user namespace", 56, 0x1000_0000 | SIGCHLD, EPERM),
        ("clone of a mount namespace", 56, 0x0002_0000 | SIGCHLD, EPERM),
        ("clone3", 435, 0, ENOSYS),
        ("asking the personality", 135, 0xffff_ffff, ALLOW),
        ("no address randomisation", 135, 0x0004_0000, EPERM),
        ("an internet socket", 41, 2, ALLOW),
        ("a socket to the hypervisor", 41, 40, EPERM),
        ("unshare", 272, 0, EPERM),
        ("mount", 165, 0, EPERM),
        ("bpf", 321, 0, EPERM),
        ("keyctl", 250, 0, EPERM),
        ("io_uring_setup", 425, 0, EPERM),
        ("open_by_handle_at", 304, 0, EPERM),
        ("chroot", 161, 0, ALLOW),
        ("ptrace", 101, 0, ALLOW),
        ("a call of the x32 interface", 0x4000_0000, 0, ENOSYS),
    ] {
        assert_eq!(ask(number, argument), wanted, "{name}");
    }
}

#[test]
#[cfg(target_arch = "x86_64")]
fn a_capability_brings_the_calls_that_need_it_and_no_others() {
    const SYS_ADMIN: u64 = 1 << 21;
    const SYS_TIME: u64 = 1 << 25;
    let answers = |capabilities: u64| {
        let program = filter::program(capabilities);
        [(165, 0), (56, 0x1000_0011), (435, 0), (227, 0), (246, 0), (0, 0)]
            .map(|(number, argument)| answer(&program, 0xc000_003e, number, argument))
    };
    // mount, clone of a user namespace, clone3, clock_settime, kexec_load, read
    assert_eq!(answers(DEFAULT), [EPERM, EPERM, ENOSYS, EPERM, EPERM, ALLOW]);
    assert_eq!(answers(DEFAULT | SYS_ADMIN), [ALLOW, ALLOW, ALLOW, EPERM, EPERM, ALLOW]);
    assert_eq!(answers(DEFAULT | SYS_TIME), [EPERM, EPERM, ENOSYS, ALLOW, EPERM, ALLOW]);
    assert!(filter::program(u64::MAX).len() < 4096);
}

#[test]
fn no_number_is_listed_twice() {
    for column in 0..4 {
        let mut numbers: Vec<u32> = syscalls::ALLOWED.iter().map(|(_, numbers)| numbers[column]).collect();
        numbers.retain(|number| *number != syscalls::NO);
        let count = numbers.len();
        numbers.sort_unstable();
        numbers.dedup();
        // sync_file_range2 is another name of arm_sync_file_range.
        assert!(count - numbers.len() <= usize::from(column == 3), "column {column}");
    }
}
