//! The same topology by a shell script of `ip` commands, as one would write it by hand.

use std::{collections::BTreeSet, fmt::Write, path::Path, process::Command};

use super::UpDown;
use crate::run::{Result, output, uid};

/// A script that makes namespaces, links, addresses, routes, routing rules and neighbours of a plan,
/// takes them away, and prints the time before, between and after. Kernel parameters, nft and iptables
/// rules are left out: the script has less to do than fabricd.
pub struct Script {
    /// What the shell reads.
    pub text: String,
    /// How many times `ip` is run to make it all.
    pub commands: usize,
}

impl Script {
    /// Translates a plan.
    pub fn of(plan: &str) -> Result<Self> {
        let mut namespaces = BTreeSet::new();
        let mut commands = vec![];
        for line in plan.lines() {
            let Some((place, rest)) = line.strip_prefix("+ ").and_then(|line| line.split_once(": ")) else {
                continue;
            };
            let (object, _cause) = rest.split_once("  #").unwrap_or((rest, ""));
            let plain =
                |text: &str| text.bytes().all(|b| b.is_ascii_alphanumeric() || b" -_.,:/=+".contains(&b));
            if !plain(place) || !plain(object) {
                return Err(format!("no script can be made of this line: {line}"));
            }
            let words: Vec<&str> = object.split(' ').collect();
            let namespace = name(place);
            commands.extend(translate(&namespace, &words)?);
            namespaces.insert(namespace);
        }
        let mut text = "set -e\nmount -t tmpfs tmpfs /run\nmkdir /run/netns\ndate +%s%N\n".to_owned();
        for command in &commands {
            let _ = writeln!(text, "{command}");
        }
        text += "date +%s%N\n";
        for namespace in &namespaces {
            let _ = writeln!(text, "ip netns delete {namespace}");
        }
        text += "date +%s%N\n";
        Ok(Self { text, commands: commands.len() })
    }
}

fn name(place: &str) -> String {
    place.replace('/', "-")
}

fn translate(namespace: &str, words: &[&str]) -> Result<Vec<String>> {
    let command = |text: String| Ok(vec![format!("ip -n {namespace} {text}")]);
    match words {
        ["namespace"] => {
            Ok(vec![format!("ip netns add {namespace}"), format!("ip -n {namespace} link set dev lo up")])
        }
        ["sysctl" | "nft" | "iptables", ..] => Ok(vec![]),
        ["bridge", link, rest @ ..] => {
            let (snooping, rest) = match rest {
                [rest @ .., "mcast_snooping"] => (1, rest),
                rest => (0, rest),
            };
            command(format!("link add {link} {} type bridge mcast_snooping {snooping}", rest.join(" ")))
        }
        ["veth", link, near @ .., "peer", place, peer, "index", index, "address", mac] => {
            let (near, there) = (near.join(" "), name(place));
            let far = format!("{peer} index {index} address {mac} netns {there}");
            command(format!("link add {link} {near} type veth peer name {far}"))
        }
        ["vxlan", link, "index", index, "address", mac, "mtu", mtu, rest @ ..] => {
            let (own, rest) = (format!("index {index} address {mac} mtu {mtu}"), rest.join(" "));
            command(format!("link add {link} {own} type vxlan {rest} dstport 4789"))
        }
        ["port", link, "master", bridge] => command(format!("link set dev {link} master {bridge}")),
        ["up", link, rest @ ..] => command(format!("link set dev {link} up {}", rest.join(" "))),
        ["address", rest @ ..] => command(format!("address add {}", rest.join(" "))),
        ["rule", priority, rest @ ..] => command(format!("rule add priority {priority} {}", rest.join(" "))),
        ["route", rest @ ..] => command(format!("route add {}", rest.join(" "))),
        ["neighbour", "proxy", rest @ ..] => command(format!("neighbour add proxy {}", rest.join(" "))),
        ["neighbour", rest @ .., "permanent"] => {
            command(format!("neighbour add {} nud permanent", rest.join(" ")))
        }
        ["neighbour", rest @ ..] => command(format!("neighbour add {} extern_learn", rest.join(" "))),
        other => Err(format!("no script can be made of `{}`", other.join(" "))),
    }
}

/// Runs it in namespaces of its own.
pub fn run(file: &Path) -> Result<UpDown> {
    let mut command = Command::new("timeout");
    command.args(["--kill-after", "1", "60"]);
    in_namespaces(&mut command)?;
    let times = output(command.arg("sh").arg(file))?;
    let times: Vec<f64> = times.lines().filter_map(|line| line.trim().parse().ok()).collect();
    match times[..] {
        [first, second, third] => Ok(UpDown { up: (second - first) / 1e6, down: (third - second) / 1e6 }),
        _ => Err(format!("it says {times:?}")),
    }
}

/// Adds what moves the rest of the command into network, mount and process namespaces that end with it.
/// Nothing that it does reaches the machine's own network, and all that it starts ends with it.
pub fn in_namespaces(command: &mut Command) -> Result {
    command.args(["unshare", "--net", "--mount", "--pid", "--fork", "--kill-child", "--mount-proc"]);
    if uid()? != 0 {
        command.arg("--map-root-user");
    }
    Ok(())
}
