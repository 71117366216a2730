//! What reaches programs of an HTTP proxy, and what runs as one.

use fabric_core::{
    environment::environment, fault::Faults, place::Place, program::programs, topology::Topology,
};

use crate::text::topology;

fn lab(profile: &str, config: &str, more: &str) -> Topology {
    topology(&format!(
        "apiVersion: fabric/v1\nkind: Lab\nmetadata: {{name: lab}}\nmanagedClusters:\n- name: aks\n  \
         networkProfile: {profile}\n  httpProxyConfig: {config}\n  \
         agentPoolProfiles: [{{name: a, count: 1, scaleSet: aks-a-1-vmss}}]\n{more}"
    ))
}

fn no_proxy(lab: &Topology) -> String {
    lab.managed_clusters[0].http_proxy.as_ref().unwrap().effective_no_proxy.join(",")
}

const PROXY: &str = "{httpProxy: 'http://10.224.0.100:3128/'}";

fn pod(name: &str, more: &str, env: &str) -> String {
    format!(
        "---\napiVersion: v1\nkind: Pod\nmetadata: {{name: {name}{more}}}\n\
         spec: {{containers: [{{name: a, image: a, env: [{env}]}}, {{name: b, image: b, env: [{{name: B, value: b}}]}}]}}\n"
    )
}

fn of(lab: &Topology, place: &str) -> Vec<String> {
    let variables = environment(lab, &place.parse::<Place>().unwrap());
    variables.into_iter().map(|(name, value)| format!("{name}={value}")).collect()
}

#[test]
fn aks_adds_what_a_cluster_reaches_without_a_proxy() {
    let fixed = "localhost,127.0.0.1,169.254.169.254,168.63.129.16,konnectivity,";
    let managed = lab("{networkPlugin: kubenet}", PROXY, "");
    let rest = no_proxy(&managed).strip_prefix(fixed).unwrap().to_owned();
    let (server, ranges) = rest.split_once(',').unwrap();
    assert!(server.starts_with("aks-") && server.ends_with(".hcp.westeurope.azmk8s.io"), "{server}");
    assert_eq!(ranges, "10.224.0.0/12,10.244.0.0/16,10.0.0.0/16");

    // In a VNet of the user's the nodes' subnets are there too, and without podCidr no pods.
    let network = "virtualNetworks: [{name: vnet, addressPrefixes: [10.9.0.0/16], \
                   subnets: [{name: s, addressPrefix: 10.9.1.0/24}]}]\n";
    let own =
        lab("{networkPlugin: azure}", "{httpsProxy: 'http://p:1', noProxy: [a, 10.0.0.0/16, a]}", network);
    let ranges = "10.9.0.0/16,10.9.1.0/24,10.0.0.0/16,a";
    assert!(no_proxy(&own).ends_with(&format!(".azmk8s.io,{ranges}")), "{}", no_proxy(&own));
}

#[test]
fn nodes_and_pods_have_all_six_variables_unless_they_opt_out() {
    let opted_out = ", annotations: {kubernetes.azure.com/no-http-proxy-vars: 'true'}";
    let pods = [
        pod("plain", "", ""),
        pod("out", opted_out, "{name: A, value: a}"),
        pod(
            "own",
            "",
            "{name: no_proxy, value: x}, {name: HTTP_PROXY, valueFrom: {fieldRef: {fieldPath: a}}}, {name: A}",
        ),
    ];
    let lab = lab("{networkPlugin: kubenet}", PROXY, &pods.concat());
    let no_proxy = no_proxy(&lab);
    let url = "http://10.224.0.100:3128/";
    let all = [
        format!("HTTP_PROXY={url}"),
        format!("http_proxy={url}"),
        format!("HTTPS_PROXY={url}"),
        format!("https_proxy={url}"),
        format!("NO_PROXY={no_proxy}"),
        format!("no_proxy={no_proxy}"),
    ];
    assert_eq!(of(&lab, "pod/aks/default/plain"), all);
    assert_eq!(of(&lab, "node/aks-a-1-vmss000000"), all);
    assert_eq!(of(&lab, "pod/aks/default/out"), ["A=a"]);
    let own = [&["no_proxy=x".to_owned(), "A=".to_owned()], &all[1..5]].concat();
    assert_eq!(of(&lab, "pod/aks/default/own"), own);
    assert_eq!(of(&lab, "host/aks-a-1-vmss000000"), [""; 0]);
}

#[test]
fn a_vm_that_is_a_proxy_runs_one() {
    let vms = "virtualMachines:\n- {name: one, subnet: vnet/s, httpProxy: {}}\n- {name: two, subnet: vnet/s}\n\
               - {name: three, subnet: vnet/s, httpProxy: {port: 8080}}\n";
    let networks = "virtualNetworks: [{name: vnet, addressPrefixes: [10.9.0.0/16], subnets: [{name: s, addressPrefix: 10.9.1.0/24}]}]\n";
    let lab =
        topology(&format!("apiVersion: fabric/v1\nkind: Lab\nmetadata: {{name: lab}}\n{networks}{vms}"));
    let programs = programs(&lab, &Faults::default());
    let shown: Vec<(String, Option<u16>)> =
        programs.iter().map(|program| (program.place.to_string(), program.port)).collect();
    assert_eq!(shown, [("vm/one".to_owned(), Some(3128)), ("vm/three".to_owned(), Some(8080))]);
    assert_eq!(programs[0].command, ["tinyproxy", "-d", "-c", "/etc/tinyproxy-fabric.conf"]);
    let (path, text) = &programs[1].files[0];
    assert_eq!(path, "/etc/tinyproxy-fabric.conf");
    assert_eq!(text, "Port 8080\nUser 65534\nGroup 65534\nTimeout 600\nMaxClients 100\nLogLevel Connect\n");
}
