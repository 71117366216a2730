//! Cluster IPs and node ports: what is written, what the running lab has given away, then derived ones.
//!
//! The API server chooses at random. Here the choice is derived from the Service's name, so that it stays when
//! others come and go; it leaves the lower part of both ranges to those who write theirs down, as Kubernetes
//! does ("Service ClusterIP allocation", "Avoiding node port collisions").

use std::{collections::BTreeMap, net::Ipv4Addr};

use super::{
    NODE_PORTS, Service,
    manifest::{ClusterIp, Draft},
};
use crate::{
    spec::problem::Problem,
    topology::{ManagedCluster, Standing, derived_name::number},
};

/// Of a node port range of 2,768 the first 86 (`min(max(16, size / 32), 128)`).
const STATIC_NODE_PORTS: u16 = 86;

/// What Services of one cluster have taken.
pub(super) struct Allocation<'c> {
    cluster: &'c ManagedCluster,
    lab: &'c str,
    addresses: BTreeMap<Ipv4Addr, String>,
    node_ports: BTreeMap<u16, String>,
}

impl<'c> Allocation<'c> {
    /// The addresses of the two Services of every cluster are taken.
    pub fn of(lab: &'c str, cluster: &'c ManagedCluster) -> Self {
        let addresses = [
            (super::built_in::api_server(cluster), "default/kubernetes".to_owned()),
            (cluster.dns_service_ip, "kube-system/kube-dns".to_owned()),
        ];
        Self { cluster, lab, addresses: addresses.into(), node_ports: BTreeMap::new() }
    }

    /// Takes what the manifest says.
    pub fn take_written(&mut self, draft: &mut Draft<'_>, problems: &mut Vec<Problem>) {
        let name = draft.service.namespaced_name();
        let at = draft.at.key("spec");
        if let ClusterIp::This(address) = draft.cluster_ip {
            let range = self.cluster.service_cidr;
            let at = at.key("clusterIP");
            let inside = range.hosts().next().is_some() && range.contains(&address);
            if !inside || address == range.network() || address == range.broadcast() {
                let message = format!("{address} is not an address for Services");
                let help = format!("`serviceCidr` of `{}` is {range}", self.cluster.name);
                problems.push(Problem::new(at.span(), message).help(help));
            } else if let Some(other) = self.addresses.get(&address) {
                let message = format!("{address} is taken by the Service `{other}`");
                problems.push(Problem::new(at.span(), message).help("choose another address"));
            } else {
                self.addresses.insert(address, name.clone());
                draft.service.cluster_ip = Some(address);
            }
        }
        let ports: Vec<(u16, _)> = draft
            .service
            .ports
            .iter()
            .enumerate()
            .filter_map(|(index, port)| Some((port.node_port?, at.key("ports").item(index).key("nodePort"))))
            .collect();
        let health = draft.service.health_check_node_port.map(|port| (port, at.key("healthCheckNodePort")));
        for (port, at) in ports.into_iter().chain(health) {
            // TCP and UDP may share a number only in one Service; that is rare enough to be refused.
            if let Some(other) = self.node_ports.insert(port, name.clone()) {
                let message = format!("the node port {port} is taken by the Service `{other}`");
                problems.push(Problem::new(at.span(), message).help("choose another one, or remove it"));
            }
        }
    }

    /// Takes what the Service has in the running lab, where its manifest leaves it open.
    pub fn keep(&mut self, draft: &mut Draft<'_>, standing: &Standing) {
        let Some(lease) = standing.service(&self.cluster.name, &draft.service) else { return };
        let name = draft.service.namespaced_name();
        let range = self.cluster.service_cidr;
        let address = lease.cluster_ip.filter(|it| range.contains(it) && !self.addresses.contains_key(it));
        if let (ClusterIp::Any, Some(address)) = (&draft.cluster_ip, address) {
            self.addresses.insert(address, name.clone());
            draft.service.cluster_ip = Some(address);
        }
        if draft.wants_node_ports {
            let keys: Vec<String> = draft.service.ports.iter().map(Service::rule_name).collect();
            for (port, key) in draft.service.ports.iter_mut().zip(keys) {
                let had = lease.node_ports.get(&key).filter(|had| !self.node_ports.contains_key(had));
                if let (None, Some(had)) = (port.node_port, had) {
                    self.node_ports.insert(*had, name.clone());
                    port.node_port = Some(*had);
                }
            }
        }
        let had = lease.health_check_node_port.filter(|had| !self.node_ports.contains_key(had));
        if let (true, None, Some(had)) =
            (draft.service.wants_health_check(), draft.service.health_check_node_port, had)
        {
            self.node_ports.insert(had, name);
            draft.service.health_check_node_port = Some(had);
        }
    }

    /// Gives what is still open.
    pub fn give(&mut self, draft: &mut Draft<'_>, problems: &mut Vec<Problem>) {
        let name = draft.service.namespaced_name();
        let seed = format!("{}/{}/{name}", self.lab, self.cluster.name);
        if matches!(draft.cluster_ip, ClusterIp::Any) && draft.service.cluster_ip.is_none() {
            draft.service.cluster_ip = self.free_address(&seed);
            match draft.service.cluster_ip {
                Some(address) => drop(self.addresses.insert(address, name.clone())),
                None => {
                    let range = self.cluster.service_cidr;
                    let message = format!("{range} has no address left for the Service `{name}`");
                    let help = "take a larger `serviceCidr`";
                    problems.push(Problem::new(draft.at.key("metadata").span(), message).help(help));
                }
            }
        }
        let mut wanted: Vec<(String, &mut Option<u16>)> = vec![];
        let needs_health_check = draft.service.wants_health_check();
        if draft.wants_node_ports {
            for port in &mut draft.service.ports {
                let key = Service::rule_name(port);
                wanted.push((key, &mut port.node_port));
            }
        }
        if needs_health_check {
            wanted.push(("health".to_owned(), &mut draft.service.health_check_node_port));
        }
        for (key, port) in wanted.into_iter().filter(|(_, port)| port.is_none()) {
            *port = free_node_port(&self.node_ports, &format!("{seed}/{key}"));
            match *port {
                Some(given) => drop(self.node_ports.insert(given, name.clone())),
                None => {
                    let message = format!("no node port is left for the Service `{name}`");
                    problems.push(Problem::new(draft.at.key("metadata").span(), message));
                }
            }
        }
    }

    fn free_address(&self, seed: &str) -> Option<Ipv4Addr> {
        let range = self.cluster.service_cidr;
        let first = u32::from(range.network()) + 1;
        let size = (u32::from(range.broadcast()) - u32::from(range.network())).saturating_sub(1);
        let fixed = (size / 16).clamp(16, 256).min(size);
        let free = |offset: u32| {
            let address = Ipv4Addr::from(first + offset);
            (!self.addresses.contains_key(&address)).then_some(address)
        };
        let upper = probe(seed, size - fixed).find_map(|offset| free(fixed + offset));
        upper.or_else(|| (0..fixed).find_map(free))
    }
}

fn free_node_port(taken: &BTreeMap<u16, String>, seed: &str) -> Option<u16> {
    let first = *NODE_PORTS.start() + STATIC_NODE_PORTS;
    let size = u32::from(*NODE_PORTS.end() - first) + 1;
    let upper = probe(seed, size).filter_map(|offset| Some(first + u16::try_from(offset).ok()?));
    upper.chain(*NODE_PORTS.start()..first).find(|port| !taken.contains_key(port))
}

/// All numbers below `size`, from a derived one on.
fn probe(seed: &str, size: u32) -> impl Iterator<Item = u32> {
    let begin = if size == 0 { 0 } else { u32::try_from(number(&[seed]) % u64::from(size)).unwrap_or(0) };
    (0..size)
        .map(move |step| u32::try_from((u64::from(begin) + u64::from(step)) % u64::from(size)).unwrap_or(0))
}
