//! Every kernel object that a lab needs, with the Azure or Kubernetes object that asks for it.
//!
//! Drawing cannot fail: what could be wrong was found when the topology was resolved. No choice is
//! left for later.

mod azure_cni;
mod azure_firewall;
pub(crate) mod azure_host;
mod edge;
mod firewall_rules;
mod gateway;
mod internet;
mod iptables;
mod kubenet;
pub(crate) mod load_balancer;
mod nat_gateway;
mod on_premises;
pub(crate) mod overlay;
mod own_cni;
mod physical;
mod platform;
mod sysctls;
pub(crate) mod underlay;
mod virtual_machine;
mod virtual_network;
mod virtual_switch;
pub(crate) mod way_out;

use std::{collections::BTreeMap, fmt, net::IpAddr, sync::Arc};

use crate::{
    kernel::Machine,
    name::IfName,
    object::{Key, Mac, NeighbourKind, Object},
    place::Place,
    topology::{ManagedCluster, NetworkPlugin, Topology},
};
pub use load_balancer::FAILED as SNAT_FAILED;
pub use on_premises::router_address;
pub use platform::ADDRESS as PLATFORM_ADDRESS;
pub use underlay::RoutingDomain;

/// Learned neighbours that a lab may bring along and still leave most of the machine-wide table,
/// which has 1,024 places by default (`gc_thresh3`), to what its traffic teaches.
const LEARNED_NEIGHBOURS: usize = 512;

/// Draws a lab for a kernel like `machine`.
pub fn draw(topology: &Topology, machine: Machine) -> Blueprint {
    let mut blueprint = Blueprint::default();
    if topology.virtual_networks.is_empty() {
        return blueprint;
    }
    let addresses = physical::PhysicalAddresses::give(topology);
    underlay::draw(&mut blueprint, machine);
    for number in 0..topology.virtual_networks.len() {
        platform::draw(&mut blueprint, topology, &addresses, number, machine);
    }
    internet::draw(&mut blueprint, topology, &addresses, machine);
    for number in 0..topology.managed_clusters.len() {
        load_balancer::draw(&mut blueprint, topology, &addresses, number, machine);
    }
    for number in 0..topology.nat_gateways.len() {
        nat_gateway::draw(&mut blueprint, topology, &addresses, number, machine);
    }
    for number in 0..topology.azure_firewalls.len() {
        azure_firewall::draw(&mut blueprint, topology, &addresses, number, machine);
    }
    for number in 0..topology.virtual_network_gateways.len() {
        gateway::draw(&mut blueprint, topology, &addresses, number, machine);
    }
    for number in 0..topology.on_premises.len() {
        on_premises::draw(&mut blueprint, topology, number, machine);
    }
    for (place, name, nic) in topology.azure_vms() {
        virtual_machine::draw(
            &mut blueprint,
            topology,
            (&place, nic),
            topology.routes_packets(&place),
            machine,
        );
        azure_host::draw(&mut blueprint, topology, &addresses, (&place, name, nic), machine);
    }
    for cluster in &topology.managed_clusters {
        draw_nodes(&mut blueprint, topology, cluster, machine);
    }
    spare_the_neighbour_table(&mut blueprint);
    blueprint
}

/// What the network plugin and Kubernetes' components make on the nodes, and the pods.
fn draw_nodes(blueprint: &mut Blueprint, topology: &Topology, cluster: &ManagedCluster, machine: Machine) {
    let cause: Arc<str> = Arc::from(format!("managedCluster/{}", cluster.name));
    let mut rules = iptables::NodeRules::new(topology, cluster);
    for (number, node) in cluster.nodes.iter().enumerate() {
        let place = Place::Node { name: node.name.clone() };
        blueprint.add(&place, &cause, rules.of(number));
        match cluster.network_plugin {
            NetworkPlugin::Kubenet => kubenet::draw(blueprint, cluster, number, machine),
            NetworkPlugin::NodeSubnet | NetworkPlugin::PodSubnet | NetworkPlugin::Overlay => {
                azure_cni::draw(blueprint, topology, cluster, number, machine);
            }
            NetworkPlugin::None => own_cni::draw(blueprint, cluster, number, machine),
        }
        // metrics-server, on the first node, asks every kubelet of its subnet.
        let asked_by = if number == 0 { &cluster.nodes[1..] } else { &cluster.nodes[..1] };
        for other in asked_by.iter().filter(|other| other.nic.subnet == node.nic.subnet) {
            let address = IpAddr::V4(other.nic.private_ip_address);
            let eth0 = virtual_machine::eth0();
            virtual_machine::seed(blueprint, &place, &cause, eth0, address, Mac::AZURE_SWITCH);
        }
    }
}

/// The kernel's neighbour table is one for the whole machine: a large lab's entries are marked so
/// that they do not count.
fn spare_the_neighbour_table(blueprint: &mut Blueprint) {
    let parts = || blueprint.places.values().flat_map(BTreeMap::values);
    if parts().filter(|part| part.object.is_seed()).count() <= LEARNED_NEIGHBOURS {
        return;
    }
    for part in blueprint.places.values_mut().flat_map(BTreeMap::values_mut) {
        if let Object::Neighbour(neighbour) = &mut part.object
            && let NeighbourKind::Learned(mac) = neighbour.kind
        {
            neighbour.kind = NeighbourKind::LearnedExternally(mac);
        }
    }
}

/// One object and why it is there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Part {
    /// The object.
    pub object: Object,
    /// What asks for it, such as `routeTable/aks-agentpool-11743156-routetable/…`.
    pub cause: Arc<str>,
}

/// All objects of one lab.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Blueprint {
    /// By place, then by identity.
    pub places: BTreeMap<Place, BTreeMap<Key, Part>>,
}

impl Blueprint {
    /// Adds an object.
    ///
    /// # Panics
    /// In debug builds, if the place already has one of this identity: two parts of the drawing
    /// disagree.
    pub fn add(&mut self, place: &Place, cause: &Arc<str>, object: Object) {
        let key = object.key();
        let part = Part { object, cause: cause.clone() };
        let objects = match self.places.get_mut(place) {
            Some(objects) => objects,
            None => self.places.entry(place.clone()).or_default(),
        };
        let before = objects.insert(key, part);
        debug_assert!(before.is_none(), "{place}: drawn twice: {before:?}");
    }

    /// The part of this identity.
    pub fn get(&self, place: &Place, key: &Key) -> Option<&Part> {
        self.places.get(place)?.get(key)
    }

    /// Whether there is one of this identity.
    pub fn has(&self, place: &Place, key: &Key) -> bool {
        self.get(place, key).is_some()
    }

    /// What asks for the part of this identity; empty if there is none.
    pub fn cause(&self, place: &Place, key: &Key) -> Arc<str> {
        self.get(place, key).map_or_else(|| Arc::from(""), |part| part.cause.clone())
    }

    /// The same without some places, and without the veth pairs that lead to them.
    #[must_use]
    pub fn without(&self, places: &[Place]) -> Self {
        let mut rest = self.clone();
        rest.places.retain(|place, _| !places.contains(place));
        for parts in rest.places.values_mut() {
            let lost: Vec<IfName> = parts
                .values()
                .filter_map(|part| match &part.object {
                    Object::Veth(veth) if places.contains(&veth.peer.place) => Some(veth.link.name.clone()),
                    _ => None,
                })
                .collect();
            let is_lost = |name: &IfName| lost.contains(name);
            parts.retain(|key, part| {
                !matches!(key, Key::Link(name) if is_lost(name))
                    && !part.object.needs_link().is_some_and(is_lost)
            });
        }
        rest
    }

    /// The number of objects.
    pub fn len(&self) -> usize {
        self.places.values().map(BTreeMap::len).sum()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.places.is_empty()
    }
}

impl fmt::Display for Blueprint {
    /// A block a place, a line an object; rule sets in full. This is what the snapshots hold.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (place, parts) in &self.places {
            writeln!(f, "{place}")?;
            for part in parts.values() {
                writeln!(f, "  {}  # {}", part.object, part.cause)?;
                if let Object::Ruleset(ruleset) = &part.object {
                    for line in ruleset.text.lines() {
                        writeln!(f, "  | {line}")?;
                    }
                }
            }
        }
        Ok(())
    }
}
