//! The programs of the distribution that labs need.

use std::{
    io::{IsTerminal, Write, stdin, stdout},
    process::Command,
};

use crate::run::{Result, installed, run, uid};

/// Program, and the Debian package that has it.
const NEEDED: [(&str, &str); 10] = [
    ("ip", "iproute2"),
    ("iptables-nft-restore", "iptables"),
    ("nft", "nftables"),
    ("tcpdump", "tcpdump"),
    ("ping", "iputils-ping"),
    ("traceroute", "traceroute"),
    ("arp", "net-tools"),
    ("curl", "curl"),
    ("tinyproxy", "tinyproxy-bin"),
    ("dig", "bind9-dnsutils"),
];

/// Installs what is missing. As root or with CI=true it just does; on a terminal it asks; elsewhere it
/// says what to do.
pub fn ensure() -> Result {
    let missing: Vec<&str> =
        NEEDED.iter().filter(|(program, _)| !installed(program)).map(|(_, package)| *package).collect();
    if missing.is_empty() {
        return Ok(());
    }
    let root = uid()? == 0;
    let by_hand = format!(
        "{}apt-get install -y --no-install-recommends {}",
        if root { "" } else { "sudo " },
        missing.join(" ")
    );
    if !installed("apt-get") {
        return Err(format!("these are missing: {}; install them and try again", missing.join(", ")));
    }
    let ci = std::env::var_os("CI").is_some_and(|value| value == "true");
    if !root && !ci {
        if !stdin().is_terminal() {
            return Err(format!("packages are missing; run\n  {by_hand}"));
        }
        print!("Labs need {}. Run `{by_hand}`? [Y/n] ", missing.join(", "));
        let _ = stdout().flush();
        let mut answer = String::new();
        stdin().read_line(&mut answer).map_err(|error| error.to_string())?;
        if !matches!(answer.trim().to_lowercase().as_str(), "" | "y" | "yes") {
            return Err(format!("then install them yourself:\n  {by_hand}"));
        }
    }
    println!("xtask: installing {}", missing.join(", "));
    apt(root, &["update", "-qq"])?;
    let mut install = vec!["install", "-y", "-qq", "--no-install-recommends"];
    install.extend(missing);
    apt(root, &install).map_err(|error| format!("{error}; by hand:\n  {by_hand}"))
}

fn apt(root: bool, arguments: &[&str]) -> Result {
    let mut command = Command::new(if root { "apt-get" } else { "sudo" });
    if !root {
        command.arg("apt-get");
    }
    run(command.args(arguments).env("DEBIAN_FRONTEND", "noninteractive").stdin(std::process::Stdio::null()))
}
