//! The Azure Load Balancer carries packets: whom a node sees, which node it is, and what is dropped.

mod world;

use std::{
    io::ErrorKind,
    net::{Ipv4Addr, SocketAddrV4},
};

use fabric_core::place::Place;

use world::World;

crate::tests!(
    overlay_cluster,
    node_subnet_cluster,
    kubenet_cluster,
    flows_stay_and_new_ones_go_elsewhere,
    a_client_stays_with_source_ip,
    datagrams_move,
    without_floating_ip,
    without_an_outbound_rule,
    behind_a_nat_gateway,
    pods_behind_kube_proxy,
    an_outbound_rule_keeps_its_counts,
    health_probes,
);

const WEB: Ipv4Addr = Ipv4Addr::new(203, 0, 113, 10);
const OVERLAY: &str = "networkPlugin: azure, networkPluginMode: overlay, podCidr: 10.244.0.0/16";

fn lab(profile: &str, services: &str) -> String {
    format!(
        "apiVersion: fabric/v1\nkind: Lab\nmetadata: {{name: lb}}\n\
         internet: {{servers: [{{name: web, ipAddress: 203.0.113.10}}, {{name: other, ipAddress: 203.0.113.11}}]}}\n\
         publicIPAddresses: [{{name: nat-ip, ipAddress: 198.51.100.40}}]\n\
         natGateways: [{{name: nat, publicIPAddresses: [nat-ip]}}]\n\
         virtualNetworks:\n- name: vnet\n  addressPrefixes: [10.224.0.0/12]\n  subnets:\n  \
         - {{name: nodes, addressPrefix: 10.224.0.0/24}}\n  \
         - {{name: vms, addressPrefix: 10.226.0.0/24, natGateway: nat}}\n  \
         - {{name: GatewaySubnet, addressPrefix: 10.225.0.0/27}}\n  \
         virtualNetworkPeerings: [{{name: there, remoteVirtualNetwork: spoke, allowGatewayTransit: true}}]\n\
         - name: spoke\n  addressPrefixes: [10.20.0.0/16]\n  subnets: [{{name: vms, addressPrefix: 10.20.0.0/24}}]\n  \
         virtualNetworkPeerings: [{{name: back, remoteVirtualNetwork: vnet}}]\n\
         managedClusters:\n- name: aks\n  networkProfile: {{{profile}}}\n  \
         agentPoolProfiles: [{{name: np, count: 2, scaleSet: aks-np-12345678-vmss, vnetSubnet: vnet/nodes}}]\n\
         virtualMachines:\n- {{name: vm, subnet: vnet/vms}}\n- {{name: far, subnet: spoke/vms}}\n\
         virtualNetworkGateways: [{{name: vpn, virtualNetwork: vnet}}]\n\
         onPremises:\n- {{name: dc, addressPrefixes: [10.1.0.0/16], virtualNetworkGateway: vpn, \
         machines: [{{name: machine, privateIPAddress: 10.1.2.3}}]}}\n{services}"
    )
}

const PUBLIC: &str = "---\napiVersion: v1\nkind: Service\nmetadata: {name: public}\n\
    spec: {type: LoadBalancer, ports: [{name: http, port: 80}, {name: dns, port: 80, protocol: UDP}]}\n";
const INTERNAL: &str = "---\napiVersion: v1\nkind: Service\nmetadata: {name: internal, \
    annotations: {service.beta.kubernetes.io/azure-load-balancer-internal: \"true\"}}\n\
    spec: {type: LoadBalancer, ports: [{port: 8080}]}\n";

fn server(name: &str) -> Place {
    Place::Server { name: name.into() }
}

fn vm(name: &str) -> Place {
    Place::VirtualMachine { name: name.into() }
}

fn machine() -> Place {
    Place::Machine { name: "machine".into() }
}

fn overlay_cluster() {
    everybody_reaches(OVERLAY);
}

fn node_subnet_cluster() {
    everybody_reaches("networkPlugin: azure");
}

fn kubenet_cluster() {
    everybody_reaches("networkPlugin: kubenet");
}

/// Who comes to a frontend, and with which address. Nothing is answered beside its ports.
fn everybody_reaches(profile: &str) {
    let world = World::of(&lab(profile, &[PUBLIC, INTERNAL].concat()));
    let (public, internal) = (world.frontend("public"), world.frontend("internal"));
    world.serve(public, 80);
    world.serve(internal, 8080);
    let site = world.topology.on_premises[0].public_address.unwrap();
    let expected = [
        (server("web"), public, 80, WEB),
        (vm("vm"), public, 80, Ipv4Addr::new(198, 51, 100, 40)),
        (machine(), public, 80, site),
        (vm("vm"), internal, 8080, Ipv4Addr::new(10, 226, 0, 4)),
        (vm("far"), internal, 8080, Ipv4Addr::new(10, 20, 0, 4)),
        (machine(), internal, 8080, Ipv4Addr::new(10, 1, 2, 3)),
    ];
    for (from, frontend, port, client) in expected {
        assert_eq!(world.ask(&from, (frontend, port)).1, client, "{from} to {frontend}");
    }
    let web = server("web");
    assert_eq!(world.nodes_of(&web, (public, 80), 24).len(), 2, "both nodes");
    assert_eq!(world.nodes_of(&vm("vm"), (internal, 8080), 24).len(), 2, "both nodes");
    // Its datagrams have a TTL of 2: the internet's router is a hop, what is of Azure is none.
    let seen = world.ask_by_udp(&web, 4000, SocketAddrV4::new(public, 80));
    assert_eq!(seen.1, "203.0.113.10:4000".parse().unwrap());

    assert!(world.is_silent(&web, (public, 81)), "no rule");
    assert!(world.is_silent(&vm("vm"), (internal, 8081)), "no rule");
    assert!(world.is_silent(&web, (internal, 8080)), "private");
    let ping = |from: &Place, to: Ipv4Addr| {
        let netns = from.netns_name(&world.lab.name);
        let to = to.to_string();
        let words = ["netns", "exec", &netns, "ping", "-c", "1", "-W", "1", "-q", &to];
        std::process::Command::new("ip").args(words).output().unwrap().status.success()
    };
    assert!(!ping(&web, public) && !ping(&vm("vm"), internal));
    // The outbound rule goes on.
    let of_cluster = &world.topology.managed_clusters[0].outbound.load_balancer.as_ref().unwrap().frontends;
    world.answer(&web, 9, SocketAddrV4::new(WEB, 80));
    assert_eq!(world.ask(&world.node(0), (WEB, 80)), (9, of_cluster[0].address));
}

fn flows_stay_and_new_ones_go_elsewhere() {
    let mut world = World::of(&lab(OVERLAY, &[PUBLIC, INTERNAL].concat()));
    let (public, internal) = (world.frontend("public"), world.frontend("internal"));
    world.serve(public, 80);
    world.serve(internal, 8080);
    let clients = [(server("web"), (public, 80), "TCP-80"), (vm("vm"), (internal, 8080), "TCP-8080")];
    let mut open: Vec<_> = clients
        .iter()
        .map(|(from, to, _)| {
            let mut all = (0..64).map(|_| world.connect(from, *to).unwrap());
            all.find_map(|mut connection| (connection.ask().unwrap().0 == 0).then_some(connection)).unwrap()
        })
        .collect();
    for ((from, to, rule), connection) in clients.iter().zip(&mut open) {
        let service = if to.0 == public { "public" } else { "internal" };
        world.unhealthy(&format!("default/{service}/{rule}"), &[0]);
        assert_eq!(connection.ask().unwrap().0, 0, "established");
        assert_eq!(world.nodes_of(from, *to, 12), [1].into(), "new ones");
        world.unhealthy(&format!("default/{service}/{rule}"), &[0, 1]);
        assert_eq!(connection.ask().unwrap().0, 0, "established");
        assert!(world.is_silent(from, *to), "nobody is healthy");
        world.unhealthy("default/public/TCP-1", &[]);
        assert_eq!(world.nodes_of(from, *to, 24).len(), 2, "all are again");
    }
    // One node leaves: who stays keeps flows.
    world.resolve(&lab(OVERLAY, &[PUBLIC, INTERNAL].concat()).replace("count: 2", "count: 1"));
    for ((from, to, _), connection) in clients.iter().zip(&mut open) {
        assert_eq!(connection.ask().unwrap().0, 0);
        assert_eq!(world.nodes_of(from, *to, 12), [0].into());
    }
    // After the idle timeout the flow is forgotten.
    let balancer = Place::LoadBalancer { cluster: "aks".into() };
    world.lab.inside(&balancer, &["nft", "flush", "map", "ip", "inbound", "flows"]);
    for connection in &mut open {
        assert_eq!(connection.ask().unwrap_err().kind(), ErrorKind::ConnectionReset);
    }
}

fn a_client_stays_with_source_ip() {
    let sticky = PUBLIC.replace("{type:", "{sessionAffinity: ClientIP, type:");
    let world = World::of(&lab(OVERLAY, &sticky));
    let public = world.frontend("public");
    world.serve(public, 80);
    for name in ["web", "other"] {
        assert_eq!(world.nodes_of(&server(name), (public, 80), 16).len(), 1, "{name}");
    }
}

fn datagrams_move() {
    let mut world = World::of(&lab(OVERLAY, PUBLIC));
    let public = SocketAddrV4::new(world.frontend("public"), 80);
    world.serve(*public.ip(), 80);
    let web = server("web");
    let before: Vec<usize> = (5000..5020).map(|port| world.ask_by_udp(&web, port, public).0).collect();
    assert!(before.contains(&0) && before.contains(&1));
    world.unhealthy("default/public/UDP-80", &[0]);
    let after = (5000..5020).map(|port| world.ask_by_udp(&web, port, public).0);
    assert_eq!(after.collect::<Vec<_>>(), [1; 20]);
    // Back again, everyone is where he was.
    world.unhealthy("default/public/UDP-80", &[]);
    let again = (5000..5020).map(|port| world.ask_by_udp(&web, port, public).0);
    assert_eq!(again.collect::<Vec<_>>(), before);
}

/// Azure translates in the backend's host: the node sees its own address and node port.
fn without_floating_ip() {
    let annotation = "service.beta.kubernetes.io/azure-disable-load-balancer-floating-ip: \"true\"";
    let services = [
        PUBLIC
            .replace("{name: public}", &format!("{{name: public, annotations: {{{annotation}}}}}"))
            .replace("port: 80}, {", "port: 80, nodePort: 30080}, {"),
        INTERNAL
            .replace("annotations: {", &format!("annotations: {{{annotation}, "))
            .replace("port: 8080", "port: 8080, nodePort: 30081"),
    ];
    let world = World::of(&lab(OVERLAY, &services.concat()));
    let (public, internal) = (world.frontend("public"), world.frontend("internal"));
    for number in 0..2 {
        let address = world.node_address(number);
        world.answer(&world.node(number), number, SocketAddrV4::new(address, 30080));
        world.answer(&world.node(number), number, SocketAddrV4::new(address, 30081));
    }
    let (web, vm) = (server("web"), vm("vm"));
    assert_eq!(world.ask(&web, (public, 80)).1, WEB);
    assert_eq!(world.nodes_of(&web, (public, 80), 24).len(), 2);
    assert_eq!(world.ask(&vm, (internal, 8080)).1, Ipv4Addr::new(10, 226, 0, 4));
    assert_eq!(world.ask(&machine(), (internal, 8080)).1, Ipv4Addr::new(10, 1, 2, 3));
    assert_eq!(world.nodes_of(&vm, (internal, 8080), 24).len(), 2);
}

fn without_an_outbound_rule() {
    let mut world = World::of(&lab(&format!("{OVERLAY}, outboundType: none"), PUBLIC));
    let public = world.frontend("public");
    world.serve(public, 80);
    let web = server("web");
    assert_eq!(world.nodes_of(&web, (public, 80), 24).len(), 2);
    let address = SocketAddrV4::new(WEB, 80);
    world.answer(&web, 9, address);
    assert!(world.connect(&vm("vm"), address).is_some());
    assert!(
        world
            .inside(&world.node(0), || std::net::TcpStream::connect_timeout(
                &address.into(),
                std::time::Duration::from_millis(700)
            ))
            .is_err()
    );
    // It takes the rule up, and lays it down.
    for profile in [OVERLAY.to_owned(), format!("{OVERLAY}, outboundType: none")] {
        world.resolve(&lab(&profile, PUBLIC));
        assert_eq!(world.nodes_of(&web, (public, 80), 24).len(), 2);
        let has = world.topology.managed_clusters[0].outbound.load_balancer.is_some();
        if has {
            assert_eq!(world.ask(&world.node(0), address).0, 9);
        }
    }
}

/// What begins on the nodes has another way out than what they answer.
fn behind_a_nat_gateway() {
    let text = lab(&format!("{OVERLAY}, outboundType: userAssignedNATGateway"), &[PUBLIC, INTERNAL].concat());
    let nodes = "{name: nodes, addressPrefix: 10.224.0.0/24";
    let world = World::of(&text.replace(nodes, &format!("{nodes}, natGateway: nat")));
    let (public, internal) = (world.frontend("public"), world.frontend("internal"));
    world.serve(public, 80);
    world.serve(internal, 8080);
    let web = server("web");
    assert_eq!(world.ask(&web, (public, 80)).1, WEB);
    assert_eq!(world.ask(&machine(), (internal, 8080)).1, Ipv4Addr::new(10, 1, 2, 3));
    world.answer(&web, 9, SocketAddrV4::new(WEB, 80));
    assert_eq!(world.ask(&world.node(0), (WEB, 80)).1, Ipv4Addr::new(198, 51, 100, 40));
}

/// The whole way, as on AKS: a node that has no pod masquerades, and with `externalTrafficPolicy: Local` the pod
/// sees the client.
fn pods_behind_kube_proxy() {
    let pods = "---\napiVersion: apps/v1\nkind: Deployment\nmetadata: {name: web}\nspec: {replicas: 2, \
        selector: {matchLabels: {app: web}}, template: {metadata: {labels: {app: web}}, \
        spec: {containers: [{name: web, image: nginx}]}}}\n";
    let behind = |service: &str, policy: &str| {
        let spec = format!("{{externalTrafficPolicy: {policy}, selector: {{app: web}}, type:");
        service.replace("{type:", &spec).replace("port: 80}", "port: 80, targetPort: 8080}")
    };
    let services = |policy| [behind(PUBLIC, policy), behind(INTERNAL, policy)].concat();
    for profile in [OVERLAY, "networkPlugin: azure", "networkPlugin: kubenet"] {
        let mut world = World::with_kube_proxy(&lab(profile, &[pods, &services("Cluster")].concat()));
        let (public, internal) = (world.frontend("public"), world.frontend("internal"));
        let cluster = &world.topology.managed_clusters[0];
        for (number, pod) in cluster.pods.iter().enumerate() {
            world.answer(&cluster.pod_place(pod), number, SocketAddrV4::new(pod.address.unwrap(), 8080));
        }
        let nodes: Vec<Ipv4Addr> = (0..2).map(|node| world.node_address(node)).collect();
        let web = server("web");
        for (from, to) in
            [(&web, (public, 80)), (&vm("vm"), (internal, 8080)), (&machine(), (internal, 8080))]
        {
            assert_eq!(world.nodes_of(from, to, 24).len(), 2, "{from}: both pods");
            let client = world.ask(from, to).1;
            assert!(
                nodes.contains(&client) || client.octets()[..2] == [10, 244],
                "{from} is seen as {client}"
            );
        }
        // On a node nothing goes to the load balancer.
        assert_eq!(world.nodes_of(&world.node(0), (public, 80), 24).len(), 2);
        world.resolve(&lab(profile, &[pods, &services("Local")].concat()));
        assert_eq!(world.ask(&web, (public, 80)).1, WEB);
        assert_eq!(world.ask(&vm("vm"), (internal, 8080)).1, Ipv4Addr::new(10, 226, 0, 4));
        assert_eq!(world.ask(&machine(), (internal, 8080)).1, Ipv4Addr::new(10, 1, 2, 3));
    }
}

/// A change of frontends leaves the ports in use and the failures counted as they are.
fn an_outbound_rule_keeps_its_counts() {
    let mut world = World::of(&lab(OVERLAY, PUBLIC));
    let address = SocketAddrV4::new(WEB, 80);
    world.answer(&server("web"), 9, address);
    let _connection = world.connect(&world.node(0), address).unwrap();
    world.unhealthy("default/public/TCP-80", &[0]);
    let balancer = Place::LoadBalancer { cluster: "aks".into() };
    let used = world.lab.inside(&balancer, &["nft", "list", "set", "ip", "outbound", "used"]);
    assert!(used.contains("203.0.113.10"), "{used}");
}

/// They come from 168.63.129.16, and their answers go there, whatever the routes.
fn health_probes() {
    let world = World::of(&lab(OVERLAY, PUBLIC));
    let platform = Place::Platform { virtual_network: "vnet".into() };
    let address = SocketAddrV4::new(world.node_address(1), 30080);
    world.answer(&world.node(1), 1, address);
    assert_eq!(world.ask(&platform, address), (1, Ipv4Addr::new(168, 63, 129, 16)));
    // Refused at once, where nothing listens.
    let refused = world.inside(&platform, || {
        let address = std::net::SocketAddr::from((address.ip().to_owned(), 30081));
        std::net::TcpStream::connect_timeout(&address, std::time::Duration::from_secs(10))
    });
    assert_eq!(refused.unwrap_err().kind(), ErrorKind::ConnectionRefused);
    // Nobody else begins a conversation there.
    assert!(world.is_silent(&world.node(0), (Ipv4Addr::new(168, 63, 129, 16), 81)));
}
