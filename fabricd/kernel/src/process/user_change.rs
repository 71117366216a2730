//! Programs that give up root's rights where there is nobody else to become.
//!
//! A user namespace that an ordinary user makes holds one user and group, 0, and may not change
//! supplementary groups (user_namespaces(7)). tcpdump asks for all that as soon as it is started by
//! root, and ends if it is refused. So these calls are answered with success and do nothing: whoever
//! makes them has no right that the caller of fabricd has not.

use std::{fs, io};

use libc::{BPF_ABS, BPF_JEQ, BPF_JMP, BPF_K, BPF_LD, BPF_RET, BPF_W, sock_filter, sock_fprog};

#[cfg(target_arch = "x86_64")]
const ARCHITECTURE: u32 = 0xc000_003e;
#[cfg(target_arch = "aarch64")]
const ARCHITECTURE: u32 = 0xc000_00b7;

const ANSWERED: [libc::c_long; 7] = [
    libc::SYS_setgroups,
    libc::SYS_setuid,
    libc::SYS_setgid,
    libc::SYS_setreuid,
    libc::SYS_setregid,
    libc::SYS_setresuid,
    libc::SYS_setresgid,
];

/// Offsets in `struct seccomp_data`.
const NUMBER: u32 = 0;
const ARCH: u32 = 4;

/// Answers the calls for this process and what it starts, if it is in such a namespace. Elsewhere, and
/// on other processors, it does nothing.
///
/// # Errors
/// If the kernel has no seccomp filters.
pub(super) fn answer() -> io::Result<()> {
    let denied = fs::read_to_string("/proc/self/setgroups").is_ok_and(|text| text.trim() == "deny");
    if !denied || cfg!(not(any(target_arch = "x86_64", target_arch = "aarch64"))) {
        return Ok(());
    }
    #[cfg(any(target_arch = "x86_64", target_arch = "aarch64"))]
    install(&mut filter())?;
    Ok(())
}

#[cfg(any(target_arch = "x86_64", target_arch = "aarch64"))]
fn filter() -> Vec<sock_filter> {
    let calls = u8::try_from(ANSWERED.len()).unwrap_or(u8::MAX);
    // Jumps count the instructions that are skipped.
    let mut program = vec![
        instruction(BPF_LD | BPF_W | BPF_ABS, ARCH, 0, 0),
        instruction(BPF_JMP | BPF_JEQ | BPF_K, ARCHITECTURE, 0, calls + 1),
        instruction(BPF_LD | BPF_W | BPF_ABS, NUMBER, 0, 0),
    ];
    for (index, call) in (0..).zip(ANSWERED) {
        let call = u32::try_from(call).unwrap_or(u32::MAX);
        program.push(instruction(BPF_JMP | BPF_JEQ | BPF_K, call, calls - index, 0));
    }
    program.push(instruction(BPF_RET | BPF_K, libc::SECCOMP_RET_ALLOW, 0, 0));
    // The "error" 0 is success.
    program.push(instruction(BPF_RET | BPF_K, libc::SECCOMP_RET_ERRNO, 0, 0));
    program
}

#[cfg(any(target_arch = "x86_64", target_arch = "aarch64"))]
fn instruction(code: u32, value: u32, if_true: u8, if_false: u8) -> sock_filter {
    sock_filter { code: u16::try_from(code).unwrap_or(0), jt: if_true, jf: if_false, k: value }
}

#[cfg(any(target_arch = "x86_64", target_arch = "aarch64"))]
fn install(filter: &mut [sock_filter]) -> io::Result<()> {
    let program = sock_fprog { len: u16::try_from(filter.len()).unwrap_or(0), filter: filter.as_mut_ptr() };
    // SAFETY: the kernel copies the program through the pointers, which live until the call returns.
    let result =
        unsafe { libc::prctl(libc::PR_SET_SECCOMP, libc::SECCOMP_MODE_FILTER, &raw const program, 0, 0) };
    if result == 0 { Ok(()) } else { Err(io::Error::last_os_error()) }
}
