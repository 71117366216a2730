//! What the kubelet and containerd write on every node.
//!
//! Source: aks-facts 1.1 (hint and canary chains, FORWARD policy ACCEPT set by containerd's unit) and
//! 3.3 (KUBE-FIREWALL), Kubernetes 1.27 and later.

use super::{Rules, Table};

pub fn write(rules: &mut Rules) {
    rules.chain(Table::Mangle, "KUBE-IPTABLES-HINT");
    for table in [Table::Mangle, Table::Filter, Table::Nat] {
        rules.chain(table, "KUBE-KUBELET-CANARY");
    }
    for chain in ["INPUT", "OUTPUT"] {
        rules.append(Table::Filter, chain, "-j KUBE-FIREWALL");
    }
    rules.append(
        Table::Filter,
        "KUBE-FIREWALL",
        "! -s 127.0.0.0/8 -d 127.0.0.0/8 -m comment --comment \"block incoming localnet connections\" -m conntrack ! --ctstate RELATED,ESTABLISHED,DNAT -j DROP",
    );
}
