//! The local time zone, as tcpdump shows times in it.

/// Seconds that local time is ahead of UTC at the moment.
pub fn utc_offset_seconds() -> i32 {
    // SAFETY: `time` may be given a null pointer; `localtime_r` writes only the `tm` it is given, which
    // may begin as zeros, and reads the time through a pointer that lives until it returns.
    let seconds = unsafe {
        let now = libc::time(std::ptr::null_mut());
        let mut local: libc::tm = std::mem::zeroed();
        if libc::localtime_r(&raw const now, &raw mut local).is_null() { 0 } else { local.tm_gmtoff }
    };
    i32::try_from(seconds).unwrap_or(0)
}
