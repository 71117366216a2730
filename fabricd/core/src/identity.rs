//! What a place calls itself, and whom it asks for names: hostname, `/etc/hosts`, `/etc/resolv.conf`.

use crate::{
    dns,
    place::Place,
    topology::{Machine, Topology},
};

/// Where names are looked up: in the place's own files, then by its own DNS servers, whatever the machine does
/// (`systemd-resolved`, mDNS). Users and groups are the machine's. Source: `base-files` and `libc-bin` of Debian.
const NSSWITCH: &str = "passwd: files\ngroup: files\nshadow: files\nhosts: files dns\nnetworks: files\n\
     protocols: files\nservices: files\nethers: files\nrpc: files\n";

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
            files(name, &loopback_hosts(name), &dns::of_vm(topology, network).to_string())
        }
        Place::Machine { name } => {
            let has = |machine: &Machine| machine.name == *name;
            let site = topology.on_premises.iter().find(|site| site.machines.iter().any(has));
            let resolv_conf = site.map(dns::of_machine).unwrap_or_default();
            files(name, &loopback_hosts(name), &resolv_conf.to_string())
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
            file("/etc/nsswitch.conf", NSSWITCH),
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
    files(&hostname, &hosts, &dns::of_pod(topology, cluster, pod).to_string())
}

fn loopback_hosts(hostname: &str) -> String {
    format!("127.0.0.1\tlocalhost\n127.0.1.1\t{hostname}\n::1\tlocalhost ip6-localhost ip6-loopback\n")
}
