//! What helps to understand a failure: the network of the places that took part.

use std::{collections::BTreeSet, fmt::Write};

use super::world::World;

const PLACES: [&str; 7] = ["pod/", "node/", "vm/", "machine/", "host/", "gateway/", "onprem/"];

/// Addresses, routes and rules of the places that `script` names, else of all nodes.
pub async fn of(world: &mut World, script: &str) -> String {
    let pods = listed(world, "pods").await;
    let named = targets(script, &pods);
    let targets = if named.is_empty() { listed(world, "nodes").await } else { named };
    let mut out = String::new();
    for target in targets {
        let rules: &[&str] =
            if target.starts_with("node/") { &["iptables-save"] } else { &["nft", "list", "ruleset"] };
        for command in [&["ip", "-br", "addr"], &["ip", "route"] as &[&str], rules] {
            let mut words = vec!["exec", target.as_str(), "--"];
            words.extend(command);
            let Ok(ran) = world.fabctl(&words).await else { return out };
            // Of iptables-save only tables and rules.
            let is_noise = |line: &&str| line.starts_with(['#', ':']) || *line == "COMMIT";
            let lines: Vec<&str> = ran.output.lines().filter(|line| !is_noise(line)).collect();
            if lines.is_empty() {
                continue;
            }
            let _ = writeln!(out, "  {target}: {}", command.join(" "));
            for line in lines {
                let _ = writeln!(out, "    {line}");
            }
        }
    }
    out
}

/// All objects of a kind, as `KIND/NAME`.
async fn listed(world: &mut World, kind: &str) -> BTreeSet<String> {
    let Ok(ran) = world.fabctl(&["get", kind, "-o", "name"]).await else { return BTreeSet::new() };
    ran.output.lines().filter(|line| line.contains('/') && !line.contains(' ')).map(str::to_owned).collect()
}

/// The places that stand in a command, without their interfaces; a pod's may be its bare name.
fn targets(script: &str, pods: &BTreeSet<String>) -> BTreeSet<String> {
    let words = script.split(|c: char| c.is_whitespace() || "'\"|;&()<>`".contains(c));
    let words = words.filter_map(|word| word.split(':').next());
    let target = |word: &str| {
        let pod = format!("pod/{word}");
        if pods.contains(&pod) {
            return Some(pod);
        }
        // A variable's value is known to the shell alone.
        let place = PLACES.iter().any(|place| word.starts_with(place) && word.len() > place.len());
        (place && !word.contains('$')).then(|| word.to_owned())
    };
    words.filter_map(target).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_are_found_in_commands() {
        let script = "fabctl tcpdump pod/a node/n:cbr0 'host/n' -- icmp | grep x; fabctl exec vm/device -- cat pod/ node/$N; fabctl ping client:eth0";
        let pods = BTreeSet::from(["pod/client".to_owned()]);
        let found: Vec<_> = targets(script, &pods).into_iter().collect();
        assert_eq!(found, ["host/n", "node/n", "pod/a", "pod/client", "vm/device"]);
    }
}
