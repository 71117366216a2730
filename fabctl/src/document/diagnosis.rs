//! What helps to understand a failure: the network of the places that took part.

use std::{collections::BTreeSet, fmt::Write};

use super::world::World;

const PLACES: [&str; 7] = ["pod/", "node/", "vm/", "machine/", "host/", "gateway/", "onprem/"];

/// Addresses, routes and rules of the places that `script` names, else of all nodes.
pub async fn of(world: &mut World, script: &str) -> String {
    let named = targets(script);
    let targets = if named.is_empty() { nodes(world).await } else { named };
    let mut out = String::new();
    for target in targets {
        let rules: &[&str] =
            if target.starts_with("node/") { &["iptables-save"] } else { &["nft", "list", "ruleset"] };
        for command in [&["ip", "-br", "addr"], &["ip", "route"] as &[&str], rules] {
            let mut words = vec!["exec", target.as_str(), "--"];
            words.extend(command);
            let Ok(ran) = world.fabctl(&words).await else { return out };
            if ran.output.trim().is_empty() {
                continue;
            }
            let _ = writeln!(out, "  {target}: {}", command.join(" "));
            for line in ran.output.lines() {
                let _ = writeln!(out, "    {line}");
            }
        }
    }
    out
}

async fn nodes(world: &mut World) -> BTreeSet<String> {
    let Ok(ran) = world.fabctl(&["get", "nodes", "-o", "name"]).await else { return BTreeSet::new() };
    ran.output.lines().filter(|line| line.starts_with("node/")).map(str::to_owned).collect()
}

/// The places that stand in a command, without their interfaces.
fn targets(script: &str) -> BTreeSet<String> {
    let words = script.split(|c: char| c.is_whitespace() || "'\"|;&()<>`".contains(c));
    let targets = words.filter(|word| PLACES.iter().any(|place| word.starts_with(place) && word.len() > place.len()));
    // A variable's value is known to the shell alone.
    targets.filter(|word| !word.contains('$')).filter_map(|word| word.split(':').next()).map(str::to_owned).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_are_found_in_commands() {
        let script = "fabctl tcpdump pod/a node/n:cbr0 'host/n' -- icmp | grep x; fabctl exec vm/device -- cat pod/ node/$N";
        let found: Vec<_> = targets(script).into_iter().collect();
        assert_eq!(found, ["host/n", "node/n", "pod/a", "vm/device"]);
    }
}
