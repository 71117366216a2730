//! Limits of the machine that a large lab meets.

use super::Check;
use crate::{isolation::read_number, open_files};

pub(super) fn checks(neighbour_limit: Option<u32>) -> Vec<Check> {
    vec![open_files(), neighbours(neighbour_limit), connections()]
}

fn open_files() -> Check {
    const NAME: &str = "open files";
    let limit = match open_files::limit() {
        Ok(limit) => limit,
        Err(error) => return Check::warning(NAME, error.to_string(), ""),
    };
    let found = limit.to_string();
    if limit >= 4096 {
        return Check::ok(NAME, found);
    }
    Check::warning(NAME, format!("{found}: too few for a lab of hundreds of pods"), "ulimit -n 65536")
}

/// The kernel has one table for all namespaces together.
fn neighbours(limit: Option<u32>) -> Check {
    const NAME: &str = "neighbour table";
    match limit.or_else(|| read_number("/proc/sys/net/ipv4/neigh/default/gc_thresh3")) {
        Some(limit) if limit >= 8192 => Check::ok(NAME, format!("{limit} entries")),
        Some(limit) => Check::warning(
            NAME,
            format!("{limit} entries for the whole machine: large labs can stall"),
            "on the machine, as root: sysctl -w net.ipv4.neigh.default.gc_thresh3=65536",
        ),
        None => Check::warning(NAME, "its limit is seen in the machine's own namespace only", ""),
    }
}

fn connections() -> Check {
    const NAME: &str = "connection tracking";
    match read_number("/proc/sys/net/netfilter/nf_conntrack_max") {
        Some(limit) if limit >= 65536 => Check::ok(NAME, format!("{limit} connections")),
        Some(limit) => Check::warning(
            NAME,
            format!("{limit} connections for each namespace"),
            "on the machine, as root: sysctl -w net.netfilter.nf_conntrack_max=262144",
        ),
        None => Check::warning(NAME, "not loaded yet", "modprobe nf_conntrack"),
    }
}
