//! Who the command runs as: IDs, groups, and no capability but those that the container has.

use rustix::io::Errno;
use rustix::process::{Gid, Uid};
use rustix::thread::{
    CapabilitySet, CapabilitySets, clear_ambient_capability_set, remove_capability_from_bounding_set,
    set_capabilities, set_thread_groups, set_thread_res_gid, set_thread_res_uid,
};

use crate::message::Start;
use crate::{Result, Step};

/// Gets a session keyring of its own, so that the caller's keys are not the container's. The filter denies all use of
/// keyrings from then on; a kernel without them has nothing to leave.
pub fn leave_session_keyring() {
    const JOIN_SESSION_KEYRING: libc::c_long = 1;
    // SAFETY: without a name, the call takes no pointer.
    unsafe { libc::syscall(libc::SYS_keyctl, JOIN_SESSION_KEYRING, 0) };
}

/// Takes the IDs of the command's user and gives up every capability that is not its own.
pub fn assume(start: &Start) -> Result<()> {
    let allowed = CapabilitySet::from_bits_retain(start.capabilities);
    drop_bounding_set(start, allowed)?;
    clear_ambient_capability_set().step(|| "clear the ambient capabilities")?;
    let groups: Vec<Gid> = start.groups.iter().map(|gid| Gid::from_raw(*gid)).collect();
    let (uid, gid) = (Uid::from_raw(start.uid), Gid::from_raw(start.gid));
    set_thread_groups(&groups).step(|| "set the groups")?;
    set_thread_res_gid(gid, gid, gid).step(|| "set the group")?;
    set_thread_res_uid(uid, uid, uid).step(|| "set the user")?;
    // Another user than root has none; that he could gain some by a program's file is what the bounding set is for.
    let own = rustix::thread::capabilities(None).step(|| "read the capabilities")?.permitted;
    let own = if uid.is_root() { own.intersection(allowed) } else { CapabilitySet::empty() };
    set_capabilities(
        None,
        CapabilitySets { effective: own, permitted: own, inheritable: CapabilitySet::empty() },
    )
    .step(|| "set the capabilities")
}

fn drop_bounding_set(start: &Start, allowed: CapabilitySet) -> Result<()> {
    for number in 0..64 {
        let capability = CapabilitySet::from_bits_retain(1 << number);
        if allowed.contains(capability) {
            continue;
        }
        match remove_capability_from_bounding_set(capability) {
            Ok(()) => {}
            // The kernel knows no more.
            Err(Errno::INVAL) => break,
            // Without CAP_SETPCAP the bounds around this process are what there is.
            Err(Errno::PERM) if start.chroot => break,
            Err(error) => return Err(error).step(|| "drop capabilities"),
        }
    }
    Ok(())
}
