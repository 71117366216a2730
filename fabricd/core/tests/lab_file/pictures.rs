//! What pictures of labs show.

use std::{fs, path::Path};

use fabric_core::{
    graph::{Format, draw},
    topology::Topology,
};

use crate::{
    text::{topology, written},
    well_formed,
};

fn lab(name: &str) -> Topology {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../labs");
    topology(&fs::read_to_string(folder.join(name).join("lab.yaml")).unwrap())
}

fn cluster(networks: &str, nodes: u32, pods: u32) -> Topology {
    topology(&format!(
        "apiVersion: fabric/v1\nkind: Lab\nmetadata: {{name: lab}}\nmanagedClusters:\n- name: aks\n  \
         networkProfile: {{{networks}, podCidr: 100.64.0.0/10}}\n  agentPoolProfiles:\n  \
         - {{name: system, count: 2}}\n  - {{name: user, count: {nodes}}}\n---\napiVersion: apps/v1\n\
         kind: Deployment\nmetadata: {{name: web}}\nspec:\n  replicas: {pods}\n  \
         selector: {{matchLabels: {{app: web}}}}\n  template:\n    metadata: {{labels: {{app: web}}}}\n    \
         spec: {{containers: [{{name: a, image: a}}]}}\n"
    ))
}

#[test]
fn labs_look_like_this_to_mermaid_and_graphviz() {
    for name in ["kubenet", "hub-and-spoke", "pod-subnet"] {
        let topology = lab(name);
        insta::assert_snapshot!(format!("{name}_mermaid"), draw(&topology, Format::Mermaid));
        insta::assert_snapshot!(format!("{name}_dot"), draw(&topology, Format::Dot));
    }
}

/// Ways out are few and have many forms.
fn every_way_out() -> Topology {
    topology(include_str!("every_way_out.yaml"))
}

#[test]
fn ways_out_look_like_this_to_mermaid() {
    insta::assert_snapshot!("ways_out_mermaid", draw(&every_way_out(), Format::Mermaid));
}

#[test]
fn subnets_say_what_they_leave_by() {
    let topology = every_way_out();
    let svg = well_formed::texts(&draw(&topology, Format::Svg));
    let out = |subnet: &str| {
        let at = svg.iter().position(|text| text == subnet).unwrap();
        let behind = svg[at..at + 4].iter().find(|text| text.starts_with("out by ") || *text == "no way out");
        behind.cloned().unwrap_or_default()
    };
    let subnets = topology.virtual_networks[0].subnets.iter();
    let told: Vec<_> = subnets.map(|subnet| format!("{}: {}", subnet.name, out(&subnet.name))).collect();
    insta::assert_snapshot!(told.join("\n"), @"
    balanced: out by load balancer of blue
    translated: out by natgw
    nodes: out by load balancer of flat
    pods: out by pods-natgw
    jump: out by own addresses
    inspected: out by 10.224.4.5 nva
    tunnelled: no way out
    closed: no way out
    GatewaySubnet:
    ");
    for address in topology.public_addresses() {
        let address = address.address.to_string();
        assert!(svg.contains(&address), "{address}");
    }
    assert!(!svg.contains(&"198.51.100.99".to_owned()), "nothing has it");
    let mixed = well_formed::texts(&draw(&lab("kubenet"), Format::Svg));
    let nowhere = mixed.iter().filter(|text| *text == "no way out").count();
    assert_eq!(nowhere, 1, "the VM in the nodes' subnet has no load balancer");
}

#[test]
fn without_a_way_out_there_is_no_internet() {
    let topology = topology(
        "apiVersion: fabric/v1\nkind: Lab\nmetadata: {name: lab}\nmanagedClusters:\n- name: aks\n  \
         networkProfile: {outboundType: none}\n  agentPoolProfiles: [{name: one, count: 1}]\n",
    );
    for format in [Format::Svg, Format::Mermaid, Format::Dot] {
        let drawn = draw(&topology, format);
        assert!(!drawn.contains("Internet") && !drawn.contains("way out"), "{drawn}");
    }
}

#[test]
fn many_servers_devices_and_addresses_are_shown_in_part() {
    let numbers = 1..=40;
    let list = |form: fn(u8) -> String| numbers.clone().map(form).collect::<String>();
    let text = format!(
        "apiVersion: fabric/v1\nkind: Lab\nmetadata: {{name: lab}}\ninternet:\n  servers:\n{}publicIPAddresses:\n{}{}\
         natGateways:\n{}virtualNetworks:\n- name: vnet\n  addressPrefixes: [10.0.0.0/8]\n  subnets:\n  \
         - {{name: s, addressPrefix: 10.200.0.0/16}}\n{}virtualMachines:\n{}",
        list(|number| format!("  - {{name: server{number}, ipAddress: 203.0.113.{number}}}\n")),
        list(|number| format!("- {{name: g{number}}}\n")),
        list(|number| format!("- {{name: v{number}}}\n")),
        list(|number| format!("- {{name: gw{number}, publicIPAddresses: [g{number}]}}\n")),
        list(|number| format!(
            "  - {{name: s{number}, addressPrefix: 10.{number}.0.0/16, natGateway: gw{number}}}\n"
        )),
        list(|number| format!("- {{name: vm{number}, subnet: vnet/s, publicIPAddress: v{number}}}\n")),
    );
    let topology = topology(&text);
    well_formed::check(&topology);
    let texts = well_formed::texts(&draw(&topology, Format::Svg));
    for (more, what) in
        [("+ 33 more", "servers"), ("+ 31 more", "ways out"), ("+ 37 more", "public addresses of VMs")]
    {
        let at = texts.iter().position(|text| text == what).unwrap_or_else(|| panic!("{what}"));
        assert_eq!(texts[at - 1], more, "{what}");
    }
}

/// The picture in the README. `FABRIC_UPDATE_PICTURES=1` writes it anew; look at it then.
#[test]
fn the_picture_in_the_documentation_is_current() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/kubenet.svg");
    let drawn = draw(&lab("kubenet"), Format::Svg);
    if std::env::var_os("FABRIC_UPDATE_PICTURES").is_some() {
        fs::write(&path, &drawn).unwrap();
    }
    let written = fs::read_to_string(&path).unwrap_or_default();
    assert!(written == drawn, "docs/kubenet.svg is old; FABRIC_UPDATE_PICTURES=1 makes it anew");
}

#[test]
fn everything_in_a_lab_is_in_its_picture() {
    insta::glob!("../../../../labs", "*/lab.yaml", |path| {
        let topology = topology(&fs::read_to_string(path).unwrap());
        well_formed::check(&topology);
        let svg = well_formed::texts(&draw(&topology, Format::Svg));
        let drawings = [draw(&topology, Format::Mermaid), draw(&topology, Format::Dot)];
        let shown = |word: &str| {
            // A frontend says what it is for, a pod its namespace if that is another one.
            let names = |text: &str| {
                let text = text.strip_prefix("shop/").unwrap_or(text);
                text.strip_prefix(word).is_some_and(|rest| rest.is_empty() || rest.starts_with(" for "))
            };
            assert!(svg.iter().any(|text| names(text)), "svg: {word}");
            for drawing in &drawings {
                assert!(drawing.contains(word), "{word} in {drawing}");
            }
        };
        for network in &topology.virtual_networks {
            shown(&network.name);
            for subnet in &network.subnets {
                shown(&subnet.name);
                shown(&subnet.address_prefix.to_string());
            }
        }
        for table in &topology.route_tables {
            shown(&table.name);
            table.routes.iter().for_each(|route| shown(&route.address_prefix.to_string()));
        }
        for (_, name, nic) in topology.azure_vms() {
            shown(name);
            shown(&nic.private_ip_address.to_string());
        }
        for pod in topology.managed_clusters.iter().flat_map(written) {
            shown(&pod.name);
            pod.address.iter().for_each(|address| shown(&address.to_string()));
        }
        for server in topology.internet.iter().flat_map(|internet| &internet.servers) {
            shown(&server.name);
            shown(&server.address.to_string());
        }
        for public in topology.public_addresses() {
            shown(&public.address.to_string());
        }
        for site in &topology.on_premises {
            shown(&site.name);
            site.machines.iter().for_each(|machine| shown(&machine.name));
        }
        topology.virtual_network_gateways.iter().for_each(|gateway| shown(&gateway.name));
    });
}

#[test]
fn peerings_say_their_state_and_what_they_allow() {
    let svg = well_formed::texts(&draw(&lab("peering-and-hybrid"), Format::Svg));
    let count = |word: &str| svg.iter().filter(|text| *text == word).count();
    assert_eq!((count("Connected"), count("Initiated"), count("VPN")), (2, 1, 1));
    assert_eq!(count("vnet-a uses the gateway of vnet-b"), 1);
    assert_eq!(count("vnet-b has no half of it"), 1);
    let hub = well_formed::texts(&draw(&lab("hub-and-spoke"), Format::Svg));
    assert_eq!(hub.iter().filter(|text| *text == "forwarded traffic both ways").count(), 2);
    // spoke-routes is attached three times, and its route is written once.
    assert_eq!(hub.iter().filter(|text| *text == "spoke-routes").count(), 3);
    assert_eq!(hub.iter().filter(|text| *text == "0.0.0.0/0").count(), 1);
    let nva = well_formed::texts(&draw(&lab("network-virtual-appliance"), Format::Svg));
    assert!(nva.iter().any(|text| text == "forwards: NIC and kernel"));
    assert!(nva.iter().any(|text| text == "forwards: kernel, not NIC"));
}

#[test]
fn overlays_with_one_cidr_are_drawn_as_two_routing_domains() {
    let svg = well_formed::texts(&draw(&lab("two-clusters-one-cidr"), Format::Svg));
    assert_eq!(svg.iter().filter(|text| *text == "Routing domain 10.244.0.0/16").count(), 2);
}

#[test]
fn the_largest_lab_is_shown_in_part_with_the_numbers_of_the_rest() {
    let topology = cluster("networkPlugin: kubenet", 398, 12_000);
    well_formed::check(&topology);
    let svg = draw(&topology, Format::Svg);
    let texts = well_formed::texts(&svg);
    let shown = topology.managed_clusters[0].nodes.iter().filter(|node| texts.contains(&node.name)).count();
    assert!((2..=12).contains(&shown), "{shown}");
    assert!(texts.contains(&format!("+ {} more", 400 - shown)));
    assert!(texts.contains(&format!("with {} pods", (400 - shown) * 30)));
    assert!(texts.contains(&"+ 27 more".to_owned()), "each node shows three of its 30 pods");
    assert!(texts.contains(&"+ 393 more".to_owned()), "the route table shows 7 of its 400 routes");
    assert!(svg.len() < 40_000, "{}", svg.len());
}

#[test]
fn small_clusters_are_shown_whole() {
    let topology = cluster("networkPlugin: azure, networkPluginMode: overlay", 2, 48);
    let texts = well_formed::texts(&draw(&topology, Format::Svg));
    for pod in written(&topology.managed_clusters[0]) {
        assert!(texts.contains(&pod.name), "{}", pod.name);
    }
    assert!(!texts.iter().any(|text| text.starts_with("+ ")), "{texts:?}");
}

#[test]
fn no_name_can_break_out_of_its_place() {
    let hostile = [
        "</text><script>alert(1)</script>",
        "\" onload=\"alert(1)",
        "&amp;]]><!--",
        "\"]; end\n  click f1 href \"javascript:alert(1)\"",
        "`**#34;`\\\" -> x [label=\\N\\\\",
        "\u{0}\u{1b}[31m\u{7f}\u{85}\u{ffff}\u{202e}",
        "数据库 Ünïcode 🐧",
        "",
    ];
    for name in hostile {
        let mut topology = lab("kubenet");
        topology.virtual_networks[0].name = name.to_owned();
        topology.virtual_networks[0].subnets[0].name = name.to_owned();
        topology.route_tables[0].name = name.to_owned();
        topology.virtual_machines[0].name = name.to_owned();
        topology.virtual_network_gateways[0].name = name.to_owned();
        topology.on_premises[0].name = name.to_owned();
        topology.managed_clusters[0].name = name.to_owned();
        topology.managed_clusters[0].nodes[0].name = name.to_owned();
        topology.managed_clusters[0].pods[0].name = name.to_owned();
        topology.managed_clusters[0].pods[0].namespace = name.to_owned();
        well_formed::check(&topology);
        let mut topology = every_way_out();
        topology.nat_gateways[0].name = name.to_owned();
        topology.virtual_machines[0].name = name.to_owned();
        topology.virtual_machines[0].nic.public_address.as_mut().unwrap().name = name.to_owned();
        topology.managed_clusters[0].name = name.to_owned();
        let server = &mut topology.internet.as_mut().unwrap().servers[0];
        (server.name, server.fqdns[0]) = (name.to_owned(), name.to_owned());
        well_formed::check(&topology);
    }
}

#[test]
fn a_load_balancer_shows_the_services_before_which_it_stands() {
    let picture = draw(&topology(include_str!("services.yaml")), Format::Mermaid);
    for frontend in ["198.51.100.2 for web", "198.51.100.77 for local"] {
        assert!(picture.contains(frontend), "{frontend} is not in {picture}");
    }
    assert!(!picture.contains("for internal"), "what is inside of a VNet is no way in from the internet");
}
