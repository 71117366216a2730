//! Nothing overlaps that should not, whatever is in the lab.

use proptest::prelude::*;

use super::{
    super::picture,
    block::{Area, Block, Words},
    sheet::{Route, Sheet},
    text::{Style, shortened},
};
use crate::{
    spec::{Source, load},
    topology::Topology,
};

fn topology(text: &str) -> Topology {
    let source = Source { name: "lab.yaml".into(), text: text.to_owned() };
    load(&[source]).unwrap_or_else(|mistakes| panic!("{mistakes:#?}"))
}

/// What the text covers, by the widths of the widest usual font.
fn area(words: &Words) -> Area {
    let size = words.style.size();
    Area { x: words.x, y: words.y - size + 2, width: words.width(), height: size + 1 }
}

fn contains(outer: Area, inner: Area) -> bool {
    inner.x >= outer.x
        && inner.y >= outer.y
        && inner.right() <= outer.right()
        && inner.bottom() <= outer.bottom()
}

fn overlap(a: Area, b: Area) -> bool {
    a.x < b.right() && b.x < a.right() && a.y < b.bottom() && b.y < a.bottom()
}

fn apart(areas: &[(String, Area)]) {
    for (number, (name, area)) in areas.iter().enumerate() {
        for (other, place) in &areas[..number] {
            assert!(!overlap(*area, *place), "{name} {area:?} and {other} {place:?}");
        }
    }
}

fn check_block(block: &Block) {
    let mut areas = vec![];
    for words in &block.words {
        assert!(contains(block.area, area(words)), "{words:?} in {} {:?}", block.name, block.area);
        areas.push((words.text.clone(), area(words)));
    }
    for inner in &block.blocks {
        assert!(contains(block.area, inner.area), "{} in {}", inner.name, block.name);
        areas.push((inner.name.clone(), inner.area));
        check_block(inner);
    }
    apart(&areas);
    for [from, to] in &block.strokes {
        assert!(from.0 == to.0 || from.1 == to.1, "{} has a slanted line", block.name);
    }
}

/// The stretches of a line, each as an area of no width or height.
fn stretches(route: &Route) -> Vec<Area> {
    let stretch = |pair: &[(i32, i32)]| {
        let ((x1, y1), (x2, y2)) = (pair[0], pair[1]);
        assert!(x1 == x2 || y1 == y2, "a slanted line: {pair:?}");
        Area { x: x1.min(x2), y: y1.min(y2), width: (x1 - x2).abs(), height: (y1 - y2).abs() }
    };
    route.points.windows(2).map(stretch).collect()
}

fn check(topology: &Topology) {
    let sheet = Sheet::of(&picture::of(topology));
    let mut areas: Vec<(String, Area)> =
        sheet.blocks.iter().map(|block| (block.name.clone(), block.area)).collect();
    for words in sheet.routes.iter().flat_map(|route| &route.words) {
        areas.push((words.text.clone(), area(words)));
    }
    apart(&areas);
    let whole = Area { x: 0, y: 0, width: sheet.width, height: sheet.height };
    for (name, area) in &areas {
        assert!(contains(whole, *area), "{name} {area:?} is not on the sheet {whole:?}");
    }
    sheet.blocks.iter().for_each(check_block);
    for route in &sheet.routes {
        let (first, last) = (route.points[0], route.points[route.points.len() - 1]);
        for stretch in stretches(route) {
            for words in sheet.routes.iter().flat_map(|route| &route.words) {
                // A pixel in each direction for the stroke.
                let thick = Area {
                    x: stretch.x,
                    y: stretch.y - 1,
                    width: stretch.width + 1,
                    height: stretch.height + 2,
                };
                assert!(!overlap(thick, area(words)), "{:?} crosses {words:?}", route.points);
            }
            for block in &sheet.blocks {
                let inside = Area {
                    x: block.area.x + 1,
                    y: block.area.y + 1,
                    width: block.area.width - 2,
                    height: block.area.height - 2,
                };
                let ends_here = [first, last].iter().any(|(x, y)| {
                    let point = Area { x: *x, y: *y, width: 0, height: 0 };
                    contains(block.area, point)
                });
                let thick = Area { width: stretch.width + 1, height: stretch.height + 1, ..stretch };
                assert!(ends_here || !overlap(thick, inside), "{:?} crosses {}", route.points, block.name);
            }
        }
    }
}

#[test]
fn nothing_overlaps_in_any_lab() {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/../../labs");
    let labs = std::fs::read_dir(folder).unwrap().map(|lab| lab.unwrap().path().join("lab.yaml"));
    let mut texts: Vec<String> = labs.filter_map(|lab| std::fs::read_to_string(lab).ok()).collect();
    texts.push(include_str!("../../../tests/lab_file/every_way_out.yaml").to_owned());
    assert!(texts.len() > 10, "{}", texts.len());
    texts.iter().for_each(|text| check(&topology(text)));
}

#[test]
fn a_text_has_the_width_of_dejavu_sans() {
    // 109.5 pixels, by the advance widths in the font file.
    assert_eq!(Style::Note.width("the quick brown fox"), 110);
    assert_eq!(Style::Address.width("10.0.0.1"), 8 * 637 * 11 / 1000 + 1);
    assert_eq!(shortened("aks-nodepool1-11743156-vmss000000", 20), "aks-nodepo…mss000000");
    assert_eq!(shortened("short", 20), "short");
}

/// Any number of VNets with any peerings, gateways, sites and contents.
fn lab() -> impl Strategy<Value = String> {
    let networks = 1..8_usize;
    let halves = prop::collection::btree_set((0..8_usize, 0..8_usize), 0..16);
    let sites = prop::collection::vec(0..8_usize, 0..5);
    let vms = prop::collection::vec((0..8_usize, any::<bool>(), any::<bool>(), 1..60_usize), 0..30);
    let cluster = prop::option::of((0..8_usize, 1..30_u32, 0..80_u32, 0..5_usize));
    let ways_out = (prop::collection::vec(0..8_usize, 0..14), 0..5_usize, 0..14_usize);
    let whole = (networks, halves, sites, vms, cluster, any::<bool>(), ways_out);
    whole.prop_map(|(count, halves, sites, vms, cluster, tables, (gateways, own, servers))| {
        let mut text = "apiVersion: fabric/v1\nkind: Lab\nmetadata: {name: any}\nvirtualNetworks:\n".to_owned();
        for network in 0..count {
            let table = if tables { ", routeTable: rt" } else { "" };
            text += &format!(
                "- name: vnet{network}\n  addressPrefixes: [10.{network}.0.0/16]\n  subnets:\n  \
                 - {{name: s, addressPrefix: 10.{network}.0.0/18{table}}}\n  \
                 - {{name: GatewaySubnet, addressPrefix: 10.{network}.255.0/24}}\n"
            );
            for (number, _) in gateways.iter().enumerate().filter(|(_, home)| *home % count == network) {
                text += &format!(
                    "  - {{name: t{number}, addressPrefix: 10.{network}.{}.0/24, natGateway: gateway{number}}}\n",
                    100 + number
                );
            }
            let own: Vec<usize> = halves
                .iter()
                .filter(|(from, to)| *from == network && from != to && *to < count)
                .map(|(_, to)| *to)
                .collect();
            if !own.is_empty() {
                text += "  virtualNetworkPeerings:\n";
            }
            for to in own {
                let forwarded = (to + network) % 2 == 0;
                text += &format!(
                    "  - {{name: to{to}, remoteVirtualNetwork: vnet{to}, allowForwardedTraffic: {forwarded}}}\n"
                );
            }
        }
        if tables {
            text += "routeTables:\n- {name: rt, routes: [{name: d, addressPrefix: 0.0.0.0/0, nextHopType: None}]}\n";
        }
        text += "publicIPAddresses:\n";
        let owners = (0..gateways.len()).map(|number| format!("g{number}"));
        owners.chain((0..own).map(|number| format!("v{number}"))).for_each(|name| text += &format!("- {{name: {name}}}\n"));
        text += "- {name: idle}\n";
        if !gateways.is_empty() {
            text += "natGateways:\n";
        }
        for number in 0..gateways.len() {
            text += &format!("- {{name: gateway{number}, publicIPAddresses: [g{number}]}}\n");
        }
        if servers > 0 {
            text += "internet:\n  servers:\n";
        }
        for number in 1..=servers {
            let name = "x".repeat(5 * number);
            text += &format!("  - {{name: {name}, ipAddress: 203.0.113.{number}, fqdns: [{name}.{name}.example]}}\n");
        }
        if let Some((network, nodes, _, plugin)) = cluster {
            let profile = [
                "networkPlugin: kubenet, podCidr: 172.20.0.0/16",
                "networkPlugin: azure, networkPluginMode: overlay, podCidr: 172.20.0.0/16",
                "networkPlugin: azure",
                "networkPlugin: none",
                "networkPlugin: kubenet, podCidr: 172.20.0.0/16",
            ][plugin];
            text += &format!(
                "managedClusters:\n- name: aks\n  networkProfile: {{{profile}, serviceCidr: 172.29.0.0/16, dnsServiceIP: 172.29.0.10}}\n  \
                 agentPoolProfiles:\n  - {{name: pool, count: {nodes}, vnetSubnet: vnet{}/s}}\n",
                network % count
            );
        }
        if !vms.is_empty() {
            text += "virtualMachines:\n";
        }
        for (number, (network, nic, kernel, length)) in vms.iter().enumerate() {
            let public = if number < own { format!("publicIPAddress: v{number}, ") } else { String::new() };
            text += &format!(
                "- {{name: w{number}{}, subnet: vnet{}/s, {public}enableIPForwarding: {nic}, sysctls: {{net.ipv4.ip_forward: \"{}\"}}}}\n",
                "w".repeat(*length),
                network % count,
                u8::from(*kernel)
            );
        }
        let homes: std::collections::BTreeSet<usize> = sites.iter().map(|site| site % count).collect();
        if !homes.is_empty() {
            text += "virtualNetworkGateways:\n";
            for home in &homes {
                text += &format!("- {{name: gw{home}, virtualNetwork: vnet{home}}}\n");
            }
            text += "onPremises:\n";
            for (number, site) in sites.iter().enumerate() {
                text += &format!(
                    "- {{name: site{number}, addressPrefixes: [192.168.{number}.0/24], virtualNetworkGateway: gw{}, \
                     machines: [{{name: m{number}, privateIPAddress: 192.168.{number}.9}}]}}\n",
                    site % count
                );
            }
        }
        if let Some((.., replicas, _)) = cluster {
            text += &format!(
                "---\napiVersion: apps/v1\nkind: Deployment\nmetadata: {{name: web}}\nspec:\n  replicas: {replicas}\n  \
                 selector: {{matchLabels: {{app: web}}}}\n  template:\n    metadata: {{labels: {{app: web}}}}\n    \
                 spec: {{containers: [{{name: a, image: a}}]}}\n"
            );
        }
        text
    })
}

proptest! {
    #![proptest_config(ProptestConfig {
        failure_persistence: None, max_global_rejects: 200, ..ProptestConfig::with_cases(200)
    })]

    #[test]
    fn nothing_overlaps_in_any_other_lab(text in lab()) {
        let source = Source { name: "lab.yaml".into(), text };
        // A few have more pods than fit.
        let topology = load(&[source]);
        prop_assume!(topology.is_ok());
        check(&topology.unwrap());
    }
}
