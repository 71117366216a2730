//! The large labs: one pool of nodes, one Deployment, in each network mode.

use std::path::{Path, PathBuf};

use crate::run::Result;

/// The lab's name, whatever its mode: there is only one at a time.
pub const NAME: &str = "large";
/// Its nodes.
pub const NODES: usize = 50;
/// Its pods.
pub const PODS: usize = 1000;

/// How pods are connected.
#[derive(Clone, Copy)]
pub struct Mode {
    /// As the tables say it.
    pub name: &'static str,
    /// Lines of `networkProfile`.
    profile: &'static [&'static str],
    /// Lines of the pool.
    pool: &'static [&'static str],
    /// Lines before the cluster.
    networks: &'static [&'static str],
}

/// The one that is compared with other programs.
pub const KUBENET: Mode =
    Mode { name: "kubenet", profile: &["networkPlugin: kubenet"], pool: &[], networks: &[] };

/// The others.
pub const OTHERS: [Mode; 4] = [
    // The cluster's own subnet, a /16: a node takes 1 + 30 addresses of it.
    Mode { name: "node subnet", profile: &["networkPlugin: azure"], pool: &["maxPods: 30"], networks: &[] },
    Mode {
        name: "pod subnet",
        profile: &["networkPlugin: azure"],
        pool: &["vnetSubnet: aks-vnet/node-subnet", "podSubnet: aks-vnet/pod-subnet"],
        networks: &[
            "virtualNetworks:",
            "- name: aks-vnet",
            "  addressPrefixes: [10.240.0.0/12]",
            "  subnets:",
            "  - name: node-subnet",
            "    addressPrefix: 10.240.0.0/16",
            "  - name: pod-subnet",
            "    addressPrefix: 10.241.0.0/16",
        ],
    },
    Mode {
        name: "overlay",
        profile: &["networkPlugin: azure", "networkPluginMode: overlay", "podCidr: 10.244.0.0/16"],
        pool: &[],
        networks: &[],
    },
    Mode { name: "none", profile: &["networkPlugin: none"], pool: &[], networks: &[] },
];

impl Mode {
    /// Writes the lab's file into a folder of its own below `folder`.
    pub fn write(&self, folder: &Path) -> Result<PathBuf> {
        let lab = folder.join(self.name.replace(' ', "-"));
        std::fs::create_dir(&lab)
            .and_then(|()| std::fs::write(lab.join("lab.yaml"), self.lab()))
            .map_err(|error| format!("cannot write the lab: {error}"))?;
        Ok(lab)
    }

    fn lab(&self) -> String {
        let lines = |indent: &str, lines: &[&str]| -> String {
            lines.iter().map(|line| format!("{indent}{line}\n")).collect()
        };
        let networks = lines("", self.networks);
        let profile = lines("    ", self.profile);
        let pool = lines("    ", self.pool);
        format!(
            "\
apiVersion: fabric/v1
kind: Lab
metadata:
  name: {NAME}
{networks}managedClusters:
- name: aks
  networkProfile:
{profile}  agentPoolProfiles:
  - name: nodepool1
    count: {NODES}
{pool}---
apiVersion: apps/v1
kind: Deployment
metadata:
  name: web
spec:
  replicas: {PODS}
  selector:
    matchLabels:
      app: web
  template:
    metadata:
      labels:
        app: web
    spec:
      containers:
      - name: web
        image: nginx
"
        )
    }
}
