//! What is there without any Service: the jumps from the built-in chains, and the chains that they lead to.
//!
//! Source: aks-facts 3.3.

use super::super::{Rules, Table};

/// Writes the jumps and all chains.
pub fn write(rules: &mut Rules) {
    write_jumps(rules);
    rules.chain(Table::Mangle, "KUBE-PROXY-CANARY");
    for chain in [
        "KUBE-EXTERNAL-SERVICES",
        "KUBE-NODEPORTS",
        "KUBE-PROXY-CANARY",
        "KUBE-PROXY-FIREWALL",
        "KUBE-SERVICES",
    ] {
        rules.chain(Table::Filter, chain);
    }
    for rule in [
        "-m conntrack --ctstate INVALID -j DROP",
        "-m comment --comment \"kubernetes forwarding rules\" -m mark --mark 0x4000/0x4000 -j ACCEPT",
        "-m comment --comment \"kubernetes forwarding conntrack rule\" -m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT",
    ] {
        rules.append(Table::Filter, "KUBE-FORWARD", rule);
    }
    for chain in ["KUBE-NODEPORTS", "KUBE-PROXY-CANARY"] {
        rules.chain(Table::Nat, chain);
    }
    rules.append(Table::Nat, "KUBE-MARK-MASQ", "-j MARK --set-xmark 0x4000/0x4000");
    for rule in [
        "-m mark ! --mark 0x4000/0x4000 -j RETURN",
        "-j MARK --set-xmark 0x4000/0x0",
        "-m comment --comment \"kubernetes service traffic requiring SNAT\" -j MASQUERADE --random-fully",
    ] {
        rules.append(Table::Nat, "KUBE-POSTROUTING", rule);
    }
}

/// Writes what must stand behind the rules of all Services.
pub fn write_last(rules: &mut Rules) {
    rules.append(
        Table::Nat,
        "KUBE-SERVICES",
        "-m comment --comment \"kubernetes service nodeports; NOTE: this must be the last rule in this chain\" -m addrtype --dst-type LOCAL -j KUBE-NODEPORTS",
    );
}

fn write_jumps(rules: &mut Rules) {
    const FIREWALL: &str = "-m conntrack --ctstate NEW -m comment --comment \"kubernetes load balancer firewall\" -j KUBE-PROXY-FIREWALL";
    const PORTALS: &str =
        "-m conntrack --ctstate NEW -m comment --comment \"kubernetes service portals\" -j KUBE-SERVICES";
    const EXTERNAL: &str = "-m conntrack --ctstate NEW -m comment --comment \"kubernetes externally-visible service portals\" -j KUBE-EXTERNAL-SERVICES";
    for (chain, rule) in [
        ("INPUT", FIREWALL),
        ("INPUT", "-m comment --comment \"kubernetes health check service ports\" -j KUBE-NODEPORTS"),
        ("INPUT", EXTERNAL),
        ("FORWARD", FIREWALL),
        ("FORWARD", "-m comment --comment \"kubernetes forwarding rules\" -j KUBE-FORWARD"),
        ("FORWARD", PORTALS),
        ("FORWARD", EXTERNAL),
        ("OUTPUT", FIREWALL),
        ("OUTPUT", PORTALS),
    ] {
        rules.append(Table::Filter, chain, rule);
    }
    for chain in ["PREROUTING", "OUTPUT"] {
        let rule = "-m comment --comment \"kubernetes service portals\" -j KUBE-SERVICES";
        rules.append(Table::Nat, chain, rule);
    }
    let rule = "-m comment --comment \"kubernetes postrouting rules\" -j KUBE-POSTROUTING";
    rules.append(Table::Nat, "POSTROUTING", rule);
}
