//! Whose SNAT ports are asked for.

use super::{Allocation, allocations};
use crate::{
    place::Place,
    target::{self, TargetError},
    topology::Topology,
};

/// The allocations that `target` has to do with: those of a load balancer or NAT gateway, or those that a node or
/// VM, or a pod by its node, may leave by. Which of several it does leave by, the precedence of Azure decides.
///
/// # Errors
/// If there is no such target, or it has neither ports nor a NIC.
pub fn allocations_of(
    topology: &Topology,
    namespace: &str,
    target: &str,
) -> Result<Vec<Allocation>, TargetError> {
    let mut all = allocations(topology);
    let device = target::find(topology, namespace, target)?;
    if matches!(device, Place::LoadBalancer { .. } | Place::NatGateway { .. }) {
        all.retain(|allocation| allocation.device == device);
        return Ok(all);
    }
    let behind = target::network_interface(topology, namespace, target)?;
    let node = topology
        .managed_clusters
        .iter()
        .flat_map(|cluster| {
            cluster.nodes.iter().map(move |node| &cluster.agent_pools[node.pool]).zip(&cluster.nodes)
        })
        .find(|(_, node)| node.name == behind.vm);
    let pods = node.and_then(|(pool, _)| pool.pod_subnet).filter(|_| behind.pod.is_some());
    let subnet = topology.subnet(pods.unwrap_or(behind.nic.subnet));
    let gateway = subnet.nat_gateway.map(|index| topology.nat_gateways[index].name.clone());
    let gateway = gateway.map(|name| Place::NatGateway { name });
    all.retain(|allocation| match &allocation.node {
        Some(node) => node == behind.vm,
        None => Some(&allocation.device) == gateway.as_ref(),
    });
    Ok(all)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::spec::{self, Source};

    fn of(lab: &str, target: &str) -> String {
        let topology =
            spec::load(&[Source { name: "lab.yaml".into(), text: lab.to_owned() }]).expect("a lab");
        match allocations_of(&topology, "default", target) {
            Ok(all) => {
                let line = |it: &Allocation| {
                    let node = it.node.as_deref().unwrap_or("*");
                    format!("{} {node} {} {}-{}", it.device, it.address, it.first, it.last)
                };
                all.iter().map(line).collect::<Vec<_>>().join("\n")
            }
            Err(error) => error.to_string(),
        }
    }

    #[test]
    fn a_target_has_the_ports_that_it_may_leave_by() {
        let lab = include_str!("../../../../tests/egress/load-balancer.yaml");
        let node = "aks-overlay-12345678-vmss000001";
        let own = format!("lb/overlay {node} 198.51.100.14 1088-1151");
        for target in [node, &format!("node/{node}"), "pod/overlay/default/b"] {
            assert_eq!(of(lab, target), own, "{target}");
        }
        let all = of(lab, "lb/overlay");
        assert_eq!(all.lines().count(), 2);
        assert!(all.ends_with(&own), "{all}");
        assert_eq!(of(lab, "vm/near"), "");
        assert!(of(lab, "machine/server").contains("has no Azure network interface"));
        assert!(of(lab, "lb/nobody").contains("has no `lb/nobody`"));

        let lab = include_str!("../../../../tests/egress/nat-gateway.yaml");
        let all = of(lab, "pod/kubenet/default/a");
        assert!(all.starts_with("natgateway/") && all.ends_with(" 1024-65535"), "{all}");
    }
}
