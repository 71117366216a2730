//! What a place calls itself, and whom it asks for names: hostname, `/etc/hosts`, `/etc/resolv.conf`.

use std::fmt::Write;

use sha2::{Digest, Sha256};

use crate::{
    blueprint::PLATFORM_ADDRESS,
    place::Place,
    topology::{ManagedCluster, Pod, Topology},
};

/// The files and name that a program in a place sees.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Identity {
    /// Its hostname.
    pub hostname: String,
    /// Absolute paths and their contents.
    pub files: Vec<(String, String)>,
}

/// The identity of `place`, which is one of the lab's.
pub fn identity(topology: &Topology, place: &Place) -> Identity {
    match place {
        Place::Pod { cluster, namespace, name } => pod_identity(topology, cluster, namespace, name),
        Place::Node { name } | Place::VirtualMachine { name } => {
            let nics = topology.azure_vms();
            let network = nics
                .into_iter()
                .find(|(at, ..)| at == place)
                .map_or(0, |(_, _, nic)| nic.subnet.virtual_network);
            let search = internal_domain(&topology.virtual_networks[network].name);
            let resolv_conf = format!("nameserver {PLATFORM_ADDRESS}\nsearch {search}\n");
            files(name, &vm_hosts(topology, name), &resolv_conf)
        }
        other => {
            let text = other.to_string();
            let hostname = text.rsplit('/').next().unwrap_or_default();
            files(hostname, &loopback_hosts(hostname), "")
        }
    }
}

fn files(hostname: &str, hosts: &str, resolv_conf: &str) -> Identity {
    let file = |path: &str, contents: &str| (path.to_owned(), contents.to_owned());
    Identity {
        hostname: hostname.to_owned(),
        files: vec![
            file("/etc/hostname", &format!("{hostname}\n")),
            file("/etc/hosts", hosts),
            file("/etc/resolv.conf", resolv_conf),
        ],
    }
}

fn pod_identity(topology: &Topology, cluster: &str, namespace: &str, name: &str) -> Identity {
    let cluster = topology.managed_clusters.iter().find(|known| known.name == cluster);
    let pod = cluster.and_then(|cluster| {
        let pod = cluster.pods.iter().find(|pod| pod.namespace == namespace && pod.name == name);
        Some((cluster, pod?))
    });
    let Some((cluster, pod)) = pod else { return files(name, &loopback_hosts(name), "") };
    let hostname =
        pod.manifest.spec.as_ref().and_then(|spec| spec.hostname.clone()).unwrap_or_else(|| name.to_owned());
    // As the kubelet writes it (pkg/kubelet/kubelet_pods.go, managedHostsFileContent).
    let hosts = "# Kubernetes-managed hosts file.\n127.0.0.1\tlocalhost\n::1\tlocalhost ip6-localhost ip6-loopback\n\
         fe00::\tip6-localnet\nfe00::\tip6-mcastprefix\nfe00::1\tip6-allnodes\nfe00::2\tip6-allrouters\n";
    let own = pod.address.map(|address| format!("{address}\t{hostname}\n")).unwrap_or_default();
    let hosts = hosts.to_owned() + &own;
    files(&hostname, &hosts, &pod_resolv_conf(topology, cluster, pod))
}

/// Source: aks-facts 5.1, the order of the lines too.
fn pod_resolv_conf(topology: &Topology, cluster: &ManagedCluster, pod: &Pod) -> String {
    let network = cluster.nodes[pod.node].nic.subnet.virtual_network;
    let domain = internal_domain(&topology.virtual_networks[network].name);
    let policy = pod.manifest.spec.as_ref().and_then(|spec| spec.dns_policy.as_deref());
    if policy == Some("Default") {
        return format!("nameserver {PLATFORM_ADDRESS}\nsearch {domain}\n");
    }
    let namespace = &pod.namespace;
    format!(
        "search {namespace}.svc.cluster.local svc.cluster.local cluster.local {domain}\nnameserver {}\noptions ndots:5\n",
        cluster.dns_service_ip
    )
}

fn loopback_hosts(hostname: &str) -> String {
    format!("127.0.0.1\tlocalhost\n127.0.1.1\t{hostname}\n::1\tlocalhost ip6-localhost ip6-loopback\n")
}

/// Until Azure DNS answers, VMs know each other's names and those of servers on the internet from this file
/// (docs/fidelity.md).
fn vm_hosts(topology: &Topology, hostname: &str) -> String {
    let mut hosts = loopback_hosts(hostname);
    for (_, name, nic) in topology.azure_vms() {
        let _ = writeln!(hosts, "{}\t{name}.internal.cloudapp.net {name}", nic.private_ip_address);
    }
    let servers = topology.internet.iter().flat_map(|internet| &internet.servers);
    for server in servers.filter(|server| !server.fqdns.is_empty()) {
        let _ = writeln!(hosts, "{}\t{}", server.address, server.fqdns.join(" "));
    }
    hosts
}

/// The DNS suffix that Azure gives a VNet: 26 characters, two to four more, and
/// `internal.cloudapp.net` (aks-facts 1.1); here derived from the VNet's name.
fn internal_domain(virtual_network: &str) -> String {
    const ALPHABET: &[u8; 32] = b"abcdefghijklmnopqrstuvwxyz012345";
    let hash = Sha256::digest(virtual_network.as_bytes());
    let id: String = hash.iter().take(26).map(|byte| char::from(ALPHABET[usize::from(byte % 32)])).collect();
    format!("{id}.bx.internal.cloudapp.net")
}
