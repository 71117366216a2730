//! The large lab: one pool of nodes, one Deployment.

use std::path::{Path, PathBuf};

use crate::run::Result;

/// The lab's name.
pub const NAME: &str = "large";
/// Its nodes.
pub const NODES: usize = 50;
/// Its pods.
pub const PODS: usize = 1000;

/// Writes its file into a folder of its own below `folder`.
pub fn write(folder: &Path) -> Result<PathBuf> {
    let text = format!(
        "\
apiVersion: fabric/v1
kind: Lab
metadata:
  name: {NAME}
managedClusters:
- name: aks
  networkProfile:
    networkPlugin: kubenet
  agentPoolProfiles:
  - name: nodepool1
    count: {NODES}
---
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
    );
    let lab = folder.join(NAME);
    std::fs::create_dir(&lab)
        .and_then(|()| std::fs::write(lab.join("lab.yaml"), text))
        .map_err(|error| format!("cannot write the lab: {error}"))?;
    Ok(lab)
}
