use super::*;

#[test]
fn nodes_and_pods_look_as_in_kubectl() {
    insta::assert_snapshot!(show(Kind::Nodes), @r#"
    {
      "apiVersion": "v1",
      "kind": "Node",
      "metadata": {
        "annotations": {
          "fabricd/outbound": "none"
        },
        "labels": {
          "agentpool": "nodepool1",
          "kubernetes.azure.com/agentpool": "nodepool1",
          "kubernetes.io/hostname": "aks-nodepool1-11743156-vmss000000",
          "kubernetes.io/os": "linux"
        },
        "name": "aks-nodepool1-11743156-vmss000000"
      },
      "spec": {
        "podCIDR": "10.244.0.0/24",
        "podCIDRs": [
          "10.244.0.0/24"
        ]
      },
      "status": {
        "addresses": [
          {
            "address": "10.224.0.4",
            "type": "InternalIP"
          },
          {
            "address": "aks-nodepool1-11743156-vmss000000",
            "type": "Hostname"
          }
        ],
        "capacity": {
          "pods": "110"
        },
        "conditions": [
          {
            "status": "True",
            "type": "Ready"
          }
        ],
        "nodeInfo": {
          "kubeletVersion": "v1.30",
          "operatingSystem": "linux",
          "osImage": "Ubuntu 22.04.5 LTS"
        }
      }
    }
    "#);
    let pod = &list(&topology(), &Faults::default(), Kind::Pods, Some("default"), Some("a"))[0].object;
    insta::assert_snapshot!(serde_json::to_string_pretty(pod).unwrap(), @r#"
    {
      "apiVersion": "v1",
      "kind": "Pod",
      "metadata": {
        "labels": {
          "app": "a"
        },
        "name": "a",
        "namespace": "default"
      },
      "spec": {
        "containers": [
          {
            "image": "busybox",
            "name": "shell"
          }
        ],
        "nodeName": "aks-nodepool1-11743156-vmss000000"
      },
      "status": {
        "conditions": [
          {
            "status": "True",
            "type": "Initialized"
          },
          {
            "status": "True",
            "type": "Ready"
          },
          {
            "status": "True",
            "type": "ContainersReady"
          },
          {
            "status": "True",
            "type": "PodScheduled"
          }
        ],
        "containerStatuses": [
          {
            "image": "busybox",
            "name": "shell",
            "ready": true,
            "started": true
          }
        ],
        "hostIP": "10.224.0.4",
        "hostIPs": [
          {
            "ip": "10.224.0.4"
          }
        ],
        "phase": "Running",
        "podIP": "10.244.0.5",
        "podIPs": [
          {
            "ip": "10.244.0.5"
          }
        ]
      }
    }
    "#);
    insta::assert_snapshot!(show(Kind::Deployments), @r#"
    {
      "apiVersion": "apps/v1",
      "kind": "Deployment",
      "metadata": {
        "name": "web",
        "namespace": "default"
      },
      "spec": {
        "replicas": 1,
        "selector": {
          "matchLabels": {
            "app": "web"
          }
        },
        "template": {}
      },
      "status": {
        "availableReplicas": 1,
        "readyReplicas": 1,
        "replicas": 1,
        "updatedReplicas": 1
      }
    }
    "#);
    insta::assert_snapshot!(serde_json::to_string_pretty(&lab(&topology(), 3).object).unwrap(), @r#"
    {
      "apiVersion": "fabric/v1",
      "kind": "Lab",
      "metadata": {
        "generation": 3,
        "name": "kubenet"
      },
      "status": {
        "managedClusters": 1,
        "nodes": 1,
        "onPremises": 1,
        "pods": 3,
        "virtualMachines": 1,
        "virtualNetworks": 1
      }
    }
    "#);
}
