//! The programs that fabricd runs, and those that learners will want.

use std::process::{Command, Stdio};

use super::Check;
use crate::programs;

/// Name, the argument that makes it tell its version, its Debian package, and what it is for if labs
/// work without it.
const PROGRAMS: [(&str, &str, &str, Option<&str>); 10] = [
    ("iptables-nft-restore", "--version", "iptables", None),
    ("nft", "--version", "nftables", None),
    ("tcpdump", "--version", "tcpdump", None),
    ("ping", "-V", "iputils-ping", None),
    ("ip", "-V", "iproute2", None),
    ("traceroute", "--version", "traceroute", Some("for the exercises that use it")),
    ("curl", "--version", "curl", Some("to ask servers whom they see")),
    ("dig", "-v", "bind9-dnsutils", Some("to ask DNS servers what they know")),
    ("ipset", "--version", "ipset", Some("to look at network policies")),
    ("tinyproxy", "-v", "tinyproxy-bin", Some("for VMs that are HTTP proxies")),
];

pub(super) fn checks() -> Vec<Check> {
    let mut checks: Vec<_> = PROGRAMS
        .into_iter()
        .map(|(name, argument, package, optional)| {
            let advice = format!("apt-get install {package}");
            match (version(name, argument), optional) {
                (Some(version), _) => Check::ok(name, version),
                (None, None) => Check::failed(name, "not installed", advice),
                (None, Some(purpose)) => Check::warning(name, format!("not installed: {purpose}"), advice),
            }
        })
        .collect();
    checks.push(alternative());
    checks
}

/// What a learner's `iptables` shows must be what fabricd loads.
fn alternative() -> Check {
    const NAME: &str = "iptables variant";
    const ADVICE: &str = "update-alternatives --set iptables /usr/sbin/iptables-nft";
    match version("iptables", "--version") {
        Some(version) if version.contains("nf_tables") => Check::ok(NAME, version),
        Some(version) => Check::warning(NAME, format!("{version}: does not show the rules of nodes"), ADVICE),
        None => Check::failed(NAME, "not installed", "apt-get install iptables"),
    }
}

/// The first line that the program says of itself; `None` if it is not there.
fn version(name: &str, argument: &str) -> Option<String> {
    let mut command = Command::new(programs::find(name)?);
    let output = command.arg(argument).stdin(Stdio::null()).output().ok()?;
    let text = if output.stdout.is_empty() { output.stderr } else { output.stdout };
    Some(String::from_utf8_lossy(&text).lines().next().unwrap_or_default().trim().to_owned())
}
