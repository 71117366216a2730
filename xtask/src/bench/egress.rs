//! Connections and bytes through each way out, against `iptables -j MASQUERADE`: in the place of the NAT
//! gateway, and between three bare namespaces.

use std::{
    fmt::Write,
    io::{BufRead, BufReader},
    path::Path,
    process::{Child, Command, Stdio},
};

use super::{
    Bench,
    daemon::Daemon,
    script, settle,
    table::{Group, Row, Target, median},
};
use crate::{
    run::{Result, output, run},
    test::target,
};

const NAME: &str = "ways-out";
const ROUNDS: usize = 5;
const CONNECTIONS: u32 = 4_000;
const MEGABYTES: u32 = 2_000;
/// `server/example-com`.
const SERVER: &str = "203.0.113.10";
/// Who sends by the rules that all others are compared with.
const PLAIN: &str = "vm/plain";

/// Who sends, and by which way.
const WAYS: [(&str, &str); 4] = [
    (PLAIN, "MASQUERADE in the place of a NAT gateway"),
    ("node/aks-nodepool1-12345678-vmss000000", "load balancer"),
    ("vm/nat", "NAT gateway, two addresses"),
    ("vm/own", "public address of the VM"),
];

/// Measures all ways in turns.
pub fn measure(bench: &Bench, daemon: &Daemon) -> Result<[Group; 2]> {
    let folder = bench.folder.join(NAME);
    std::fs::create_dir(&folder).map_err(|error| error.to_string())?;
    std::fs::write(folder.join("lab.yaml"), LAB).map_err(|error| error.to_string())?;
    daemon.apply(&folder)?;
    let plain = "nft flush ruleset\n\
        iptables -t nat -A POSTROUTING -o wan -j MASQUERADE\n\
        iptables -t mangle -A PREROUTING -j TTL --ttl-inc 1\n";
    run(daemon.fabctl(&["exec", "natgateway/plain", "--", "sh", "-c", plain]).stdout(Stdio::null()))?;
    let server = Server::start(daemon)?;
    let bare = bench.folder.join("masquerade.sh");
    std::fs::write(&bare, bare_script()).map_err(|error| error.to_string())?;

    let mut connections = vec![vec![]; WAYS.len()];
    let mut bytes = connections.clone();
    let [mut bare_connections, mut bare_bytes] = [const { vec![] }; 2];
    for _ in bench.rounds(ROUNDS) {
        for (number, (sender, _)) in WAYS.iter().enumerate() {
            settle::wait(&bench.folder)?;
            connections[number].push(traffic(daemon, sender, "connect", CONNECTIONS)?);
            bytes[number].push(traffic(daemon, sender, "send", MEGABYTES)?);
        }
        settle::wait(&bench.folder)?;
        let (connected, sent) = run_bare(&bare)?;
        bare_connections.push(connected);
        bare_bytes.push(sent);
    }
    drop(server);
    daemon.delete(NAME)?;
    Ok([
        group(format!("{CONNECTIONS} connections to one server"), connections, bare_connections),
        group(format!("{MEGABYTES} MB by one connection"), bytes, bare_bytes),
    ])
}

fn group(title: String, ways: Vec<Vec<f64>>, bare: Vec<f64>) -> Group {
    let mut group = Group::new(title);
    let bare_median = median(&bare);
    group.push(Row::new("MASQUERADE between three bare namespaces", bare));
    let plain = median(&ways[0]);
    for ((sender, name), samples) in WAYS.into_iter().zip(ways) {
        let row = Row::new(name, samples);
        group.push(if sender == PLAIN {
            row.beside(bare_median, "between bare namespaces")
        } else {
            row.beside(plain, "MASQUERADE in its place").target(Target::FasterThan(0.8))
        });
    }
    group
}

fn program() -> std::path::PathBuf {
    target().join("release/examples/traffic")
}

fn traffic(daemon: &Daemon, sender: &str, what: &str, amount: u32) -> Result<f64> {
    let mut command = daemon.fabctl(&["exec", sender, "--"]);
    let text = output(command.arg(program()).args([what, SERVER, &amount.to_string()]))?;
    text.trim().parse().map_err(|_| format!("traffic says {text:?}"))
}

/// Takes connections until the value goes.
struct Server(Child);

impl Server {
    fn start(daemon: &Daemon) -> Result<Self> {
        let mut command = daemon.fabctl(&["exec", "-i", "server/example-com", "--"]);
        command.arg(program()).arg("serve").stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut child = command.spawn().map_err(|error| format!("cannot start fabctl: {error}"))?;
        let stdout = child.stdout.take().ok_or("no output")?;
        let server = Self(child);
        let mut line = String::new();
        BufReader::new(stdout).read_line(&mut line).map_err(|error| error.to_string())?;
        if line.trim() == "ready" { Ok(server) } else { Err(format!("traffic says {line:?}")) }
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        drop(self.0.stdin.take());
        let _ = self.0.wait();
    }
}

fn bare_script() -> String {
    let mut text = "set -e\nmount -t tmpfs tmpfs /run\nmkdir /run/netns\n".to_owned();
    for command in [
        "netns add client",
        "netns add router",
        "netns add server",
        "-n router link add inside type veth peer name eth0 netns client",
        "-n router link add outside type veth peer name eth0 netns server",
        "-n router address add 10.224.0.1/24 dev inside",
        "-n router address add 203.0.113.1/24 dev outside",
        "-n client address add 10.224.0.4/24 dev eth0",
        "-n server address add 203.0.113.10/24 dev eth0",
        "-n router link set inside up",
        "-n router link set outside up",
        "-n client link set eth0 up",
        "-n server link set eth0 up",
        "-n client route add default via 10.224.0.1",
        "netns exec router sysctl -qw net.ipv4.ip_forward=1",
        "netns exec router iptables -t nat -A POSTROUTING -o outside -j MASQUERADE",
    ] {
        let _ = writeln!(text, "ip {command}");
    }
    let program = program();
    let program = program.display();
    // The reader of the pipe goes on when the server is ready; all of it ends with the namespaces.
    let _ = write!(
        text,
        "mkfifo /run/ready /run/open\nip netns exec server {program} serve < /run/open > /run/ready &\n\
         exec 3> /run/open\nread line < /run/ready\n\
         ip netns exec client {program} connect {SERVER} {CONNECTIONS}\n\
         ip netns exec client {program} send {SERVER} {MEGABYTES}\n"
    );
    text
}

fn run_bare(file: &Path) -> Result<(f64, f64)> {
    let mut command = Command::new("timeout");
    command.args(["--kill-after", "1", "60"]);
    script::in_namespaces(&mut command)?;
    let text = output(command.arg("sh").arg(file))?;
    let times: Vec<f64> = text.lines().filter_map(|line| line.trim().parse().ok()).collect();
    match times[..] {
        [connected, sent] => Ok((connected, sent)),
        _ => Err(format!("it says {text:?}")),
    }
}

const LAB: &str = "\
apiVersion: fabric/v1
kind: Lab
metadata: {name: ways-out}
publicIPAddresses: [{name: nat-1}, {name: nat-2}, {name: plain-1}, {name: own-1}]
natGateways:
- {name: natgw, publicIPAddresses: [nat-1, nat-2]}
- {name: plain, publicIPAddresses: [plain-1]}
virtualNetworks:
- name: vnet
  addressPrefixes: [10.224.0.0/16]
  subnets:
  - {name: nodes, addressPrefix: 10.224.0.0/24}
  - {name: nat, addressPrefix: 10.224.1.0/24, natGateway: natgw}
  - {name: plain, addressPrefix: 10.224.2.0/24, natGateway: plain}
managedClusters:
- name: aks
  networkProfile: {loadBalancerProfile: {allocatedOutboundPorts: 64000}}
  agentPoolProfiles:
  - {name: nodepool1, count: 1, vnetSubnet: vnet/nodes, scaleSet: aks-nodepool1-12345678-vmss}
virtualMachines:
- {name: nat, subnet: vnet/nat}
- {name: plain, subnet: vnet/plain}
- {name: own, subnet: vnet/nodes, publicIPAddress: own-1}
";
