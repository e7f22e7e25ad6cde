//! Puts the process under the filter.

use std::io;

use crate::filter;

/// Puts this process and all that come from it under the filter for what has these capabilities. Needs CAP_SYS_ADMIN, since the container may gain
/// privileges (no_new_privs is off, as in Docker).
pub fn install(capabilities: u64) -> io::Result<()> {
    let mut program = filter::program(capabilities);
    let filter = libc::sock_fprog { len: program.len() as u16, filter: program.as_mut_ptr().cast() };
    // SAFETY: `filter` points to `len` instructions, laid out as the kernel's, that live until the call returns.
    let done = unsafe { libc::syscall(libc::SYS_seccomp, libc::SECCOMP_SET_MODE_FILTER, 0, &filter) };
    if done == 0 { Ok(()) } else { Err(io::Error::last_os_error()) }
}
