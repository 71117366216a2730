//! Who reaches the destination at its own address.

use serde::{Serialize, Serializer};

use super::{
    Mark,
    frame::{Payload, Seen},
    owner::Owner,
    scene::{End, Scene, cluster_of, node_of},
};
use crate::{
    dns::is_coredns,
    place::Place,
    topology::{SubnetIndex, Topology},
};

/// What somebody is to the destination.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Relation {
    /// A pod behind the destination's node.
    PodSameNode,
    /// A pod of the same cluster behind another node.
    PodOtherNode,
    /// A pod of another cluster.
    PodOtherCluster,
    /// A pod, where the destination is in no cluster.
    Pod,
    /// The node that the destination is behind.
    ItsNode,
    /// Another node of the cluster.
    OtherNode,
    /// A node of another cluster.
    NodeOtherCluster,
    /// A node, where the destination is in no cluster.
    Node,
    /// A VM in the subnet of the destination, or of its node.
    VmSameSubnet,
    /// A VM in another subnet of the VNet.
    VmOtherSubnet,
    /// A VM in another VNet.
    VmOtherVnet,
    /// A VM, where the destination is on premises.
    Vm,
    /// A machine on premises.
    OnPremises,
}

impl Relation {
    /// Its words.
    pub fn words(self) -> &'static str {
        match self {
            Self::PodSameNode => "pod, same node",
            Self::PodOtherNode => "pod, other node",
            Self::PodOtherCluster => "pod, other cluster",
            Self::Pod => "pod",
            Self::ItsNode => "its node",
            Self::OtherNode => "other node",
            Self::NodeOtherCluster => "node, other cluster",
            Self::Node => "node",
            Self::VmSameSubnet => "VM, same subnet",
            Self::VmOtherSubnet => "VM, other subnet",
            Self::VmOtherVnet => "VM, other VNet",
            Self::Vm => "VM",
            Self::OnPremises => "on premises",
        }
    }
}

impl Serialize for Relation {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.words())
    }
}

/// One who is asked to ping the destination.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Asker {
    /// What it is to the destination.
    pub relation: Relation,
    /// Where it is.
    pub place: Place,
}

/// What came of it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Reach {
    /// What the asker is to the destination.
    pub relation: Relation,
    /// Who asked.
    pub from: String,
    /// How it ended.
    pub outcome: Outcome,
    /// The source that the destination saw, and whose it is.
    pub seen_from: Option<Owner>,
}

/// How a ping ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub enum Outcome {
    /// The destination saw the question, and the asker the answer.
    Answered,
    /// The destination saw the question; its answer was lost.
    AnswerLost,
    /// The destination saw nothing: an answer, if there was one, came from a namesake.
    NotSeen,
}

/// One of each relation that the lab has, in the order of [`Relation`]: the first of the file.
pub(super) fn askers(topology: &Topology, destination: &End) -> Vec<Asker> {
    let place = &destination.place;
    let cluster = cluster_of(topology, place).map(|cluster| cluster.name.as_str());
    let node = destination.node.as_ref().or(Some(place));
    let vm = |place: &Place| topology.azure_vms().find(|(it, ..)| it == place).map(|(_, _, nic)| nic.subnet);
    let subnet = node.and_then(vm);

    let mut found = vec![];
    for of in &topology.managed_clusters {
        // CoreDNS is in every cluster, and of interest to nobody who has no other pod there.
        let pods =
            of.pods.iter().filter(|pod| !pod.host_network && pod.address.is_some() && !is_coredns(pod));
        for pod in pods.map(|pod| of.pod_place(pod)) {
            let relation = match cluster {
                None => Relation::Pod,
                Some(name) if name != of.name => Relation::PodOtherCluster,
                Some(_) if node_of(topology, &pod).as_ref() == node => Relation::PodSameNode,
                Some(_) => Relation::PodOtherNode,
            };
            found.push(Asker { relation, place: pod });
        }
        for it in of.nodes.iter().map(|node| Place::Node { name: node.name.clone() }) {
            let relation = match cluster {
                None => Relation::Node,
                Some(name) if name != of.name => Relation::NodeOtherCluster,
                Some(_) if Some(&it) == node => Relation::ItsNode,
                Some(_) => Relation::OtherNode,
            };
            found.push(Asker { relation, place: it });
        }
    }
    for vm in &topology.virtual_machines {
        let relation = of_vm(vm.nic.subnet, subnet);
        found.push(Asker { relation, place: Place::VirtualMachine { name: vm.name.clone() } });
    }
    for machine in topology.on_premises.iter().flat_map(|site| &site.machines) {
        let place = Place::Machine { name: machine.name.clone() };
        found.push(Asker { relation: Relation::OnPremises, place });
    }
    found.retain(|asker| asker.place != *place);
    found.sort_by_key(|asker| asker.relation);
    found.dedup_by_key(|asker| asker.relation);
    found
}

fn of_vm(own: SubnetIndex, destination: Option<SubnetIndex>) -> Relation {
    match destination {
        None => Relation::Vm,
        Some(subnet) if subnet == own => Relation::VmSameSubnet,
        Some(subnet) if subnet.virtual_network == own.virtual_network => Relation::VmOtherSubnet,
        Some(_) => Relation::VmOtherVnet,
    }
}

/// What came of the pings of `scene`'s askers: `seen` at the destination, and whether each asker's
/// ping was `answered`.
pub fn reach(scene: &Scene, seen: &[Seen], answered: &[bool]) -> Vec<Reach> {
    let askers = scene.askers.iter().enumerate();
    askers
        .map(|(number, Asker { relation, place })| {
            let mark = Mark::asker(number);
            let question = seen.iter().find(|seen| {
                matches!(seen.payload, Payload::EchoRequest { .. })
                    && seen.tunnels.is_empty()
                    && mark.is_on(seen.total_length)
            });
            let outcome = match question {
                None => Outcome::NotSeen,
                Some(_) if answered.get(number) == Some(&true) => Outcome::Answered,
                Some(_) => Outcome::AnswerLost,
            };
            let seen_from = question.map(|question| scene.owner(question.source));
            Reach { relation: *relation, from: place.to_string(), outcome, seen_from }
        })
        .collect()
}
