//! The choice of an endpoint: the chains KUBE-SVC and KUBE-SVL of a Service port, and KUBE-SEP of each endpoint.

use std::borrow::Cow;

use super::{
    super::{Rules, Table},
    affinity,
    detect_local::DetectLocal,
    service_port::{Backend, Facts, ServicePort},
};

/// Writes the chains that `port` needs on the node of `facts`; in a large cluster without comments.
pub fn write(
    rules: &mut Rules,
    port: &ServicePort<'_>,
    facts: &Facts<'_>,
    detect_local: Option<&DetectLocal>,
    large_cluster: bool,
) {
    if !facts.has_endpoints {
        return;
    }
    let ServicePort { name, hash, protocol, .. } = port;
    let cluster_chain = format!("KUBE-SVC-{hash}");
    let local_chain = format!("KUBE-SVL-{hash}");
    let comment = |text: std::fmt::Arguments<'_>| -> Cow<'static, str> {
        if large_cluster { "".into() } else { format!("-m comment --comment \"{text}\" ").into() }
    };

    // What comes to the cluster IP from elsewhere may have to leave the node again.
    if let Some(detect_local) = detect_local.filter(|_| facts.has_internal) {
        let chain = if port.is_internal_policy_local() { &local_chain } else { &cluster_chain };
        let foreign = format!("{} ", detect_local.if_not_local(port.cluster_ip));
        let packets = port.packets_to(&foreign, &format!("{name} cluster IP"));
        rules.append(Table::Nat, chain, format_args!("{packets} -j KUBE-MARK-MASQ"));
    }
    for (chain, backends) in [(&cluster_chain, &facts.cluster), (&local_chain, &facts.local)] {
        for backend in backends.iter().filter(|_| port.affinity.is_some()) {
            let comment = comment(format_args!("{name} -> {}", backend.text));
            let remembered = affinity::remembered(backend, port.affinity.unwrap_or_default());
            rules.append(Table::Nat, chain, format_args!("{comment}{remembered}-j {}", backend.chain));
        }
        for (number, backend) in backends.iter().enumerate() {
            let comment = comment(format_args!("{name} -> {}", backend.text));
            let chance = affinity::chance(backends.len() - number);
            rules.append(Table::Nat, chain, format_args!("{comment}{chance}-j {}", backend.chain));
        }
    }

    // The local ones are among those of the cluster, if these are used.
    let reachable: &[&Backend] = if facts.cluster.is_empty() { &facts.local } else { &facts.cluster };
    for backend in reachable {
        let Backend { text, address, chain, .. } = backend;
        let comment = comment(format_args!("{name}"));
        // A pod that comes back to itself must not see its own address.
        let own = format_args!("-s {address}/32 {comment}-j KUBE-MARK-MASQ");
        rules.append(Table::Nat, chain, own);
        let remember = port.affinity.map(|_| affinity::remember(backend)).unwrap_or_default();
        let rule =
            format_args!("-p {protocol} {comment}{remember}-m {protocol} -j DNAT --to-destination {text}");
        rules.append(Table::Nat, chain, rule);
    }
}
