use std::process::Stdio;

use crate::{fabctl, fake::Fake, run};

#[test]
fn kubernetes_objects_look_as_in_kubectl() {
    let fake = Fake::start();
    insta::assert_snapshot!(run(&fake, "get pods"), @"
    NAME   READY   STATUS    IP            NODE
    a      1/1     Running   10.244.0.15   n0
    b      1/1     Running   10.244.0.16   n0
    [0]
    ");
    insta::assert_snapshot!(run(&fake, "get po -A -o wide"), @"
    NAMESPACE   NAME   READY   STATUS    IP            NODE   NODE-IP      IMAGES
    default     a      1/1     Running   10.244.0.15   n0     10.224.0.4   busybox
    default     b      1/1     Running   10.244.0.16   n0     10.224.0.4   busybox
    web         c      1/1     Running   10.244.0.17   n0     10.224.0.4   busybox
    [0]
    ");
    insta::assert_snapshot!(run(&fake, "get pods -n web --no-headers"), @"
    c   1/1   Running   10.244.0.17   n0
    [0]
    ");
    insta::assert_snapshot!(run(&fake, "get pods -o name"), @"
    pod/a
    pod/b
    [0]
    ");
    insta::assert_snapshot!(run(&fake, "get pod a -o yaml"), @r#"
    apiVersion: v1
    kind: Pod
    metadata:
      name: a
      namespace: default
    spec:
      containers:
      - image: busybox
        name: shell
      nodeName: n0
    status:
      conditions:
      - status: "True"
        type: ContainersReady
      hostIP: "10.224.0.4"
      phase: Running
      podIP: "10.244.0.15"
    [0]
    "#);
    insta::assert_snapshot!(run(&fake, "get pods -n web -o json"), @r#"
    {
        "apiVersion": "v1",
        "items": [
            {
                "apiVersion": "v1",
                "kind": "Pod",
                "metadata": {
                    "name": "c",
                    "namespace": "web"
                },
                "spec": {
                    "containers": [
                        {
                            "image": "busybox",
                            "name": "shell"
                        }
                    ],
                    "nodeName": "n0"
                },
                "status": {
                    "conditions": [
                        {
                            "status": "True",
                            "type": "ContainersReady"
                        }
                    ],
                    "hostIP": "10.224.0.4",
                    "phase": "Running",
                    "podIP": "10.244.0.17"
                }
            }
        ],
        "kind": "List"
    }
    [0]
    "#);
    insta::assert_snapshot!(run(&fake, "describe pod a"), @"
    Name:        a
    Namespace:   default
    Node:        n0/10.224.0.4
    Status:      Running
    IP:          10.244.0.15
    Containers:
      shell:
        Image:  busybox
    Conditions:
      Type              Status
      ContainersReady   True
    [0]
    ");
}

#[test]
fn azure_objects_look_as_in_az() {
    let fake = Fake::start();
    insta::assert_snapshot!(run(&fake, "get vnets"), @"
    Name      NumSubnets    Prefixes
    --------  ------------  -------------
    aks-vnet  1             10.224.0.0/12
    [0]
    ");
    insta::assert_snapshot!(run(&fake, "get vnets -o json"), @r#"
    [
      {
        "addressSpace": {
          "addressPrefixes": [
            "10.224.0.0/12"
          ]
        },
        "name": "aks-vnet",
        "subnets": [
          {}
        ],
        "type": "Microsoft.Network/virtualNetworks"
      }
    ]
    [0]
    "#);
    insta::assert_snapshot!(run(&fake, "get all"), @"
    Name                     NumSubnets    Prefixes
    -----------------------  ------------  -------------
    virtualnetwork/aks-vnet  1             10.224.0.0/12

    NAME    READY   STATUS    IP            NODE
    pod/a   1/1     Running   10.244.0.15   n0
    pod/b   1/1     Running   10.244.0.16   n0
    [0]
    ");
}

#[test]
fn what_is_not_there_is_said_so() {
    let fake = Fake::start();
    insta::assert_snapshot!(run(&fake, "get pods -n nothing"), @"
    ! No resources found in nothing namespace.
    [0]
    ");
    insta::assert_snapshot!(run(&fake, "get nodes"), @"
    ! No resources found.
    [0]
    ");
    insta::assert_snapshot!(run(&fake, "get nodes -o json"), @r#"
    {
        "apiVersion": "v1",
        "items": [],
        "kind": "List"
    }
    [0]
    "#);
    insta::assert_snapshot!(run(&fake, "get pod a x"), @r#"
    NAME   READY   STATUS    IP            NODE
    a      1/1     Running   10.244.0.15   n0
    ! error: pods "x" not found
    [1]
    "#);
    insta::assert_snapshot!(run(&fake, "get podd"), @"
    ! error: there is no kind `podd`; did you mean `pod`?; `fabctl get --help` lists the kinds
    [64]
    ");
    insta::assert_snapshot!(run(&fake, "get pods --lab other"), @"
    ! error: there is no lab `other`
    [1]
    ");
}

#[test]
fn a_reader_that_goes_away_is_no_error() {
    let fake = Fake::start();
    let (reader, writer) = std::io::pipe().unwrap();
    drop(reader);
    let mut command = fabctl();
    command.arg("--socket").arg(fake.socket()).args(["get", "pods"]);
    let output = command.stdout(writer).stderr(Stdio::piped()).output().unwrap();
    assert_eq!(String::from_utf8_lossy(&output.stderr), "");
    assert!(output.status.success());
}
