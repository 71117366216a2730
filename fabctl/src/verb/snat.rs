//! `fabctl snat`.

use clap::Args;
use fabric_core::conntrack::Protocol;
use fabric_proto::v1::{SnatDestination, SnatRequest, SnatUsage, Target};
use serde_json::{Value, json};

use crate::{
    cli::Global,
    connection,
    output::{
        self, AnswerFormat,
        table::{self, Look},
    },
};

/// Show SNAT ports: who has how many of an outbound address, and how many are in use
///
/// A connection to the internet by a load balancer or NAT gateway has a port of an outbound address for its own. A
/// port serves one connection to each destination (address, port and protocol): when all are in use for one of
/// them, the next connection there gets no answer, while others still work. USED counts the ports that any
/// connection has, FAILED the packets for which there was none; a SYN that is repeated counts each time. A closed
/// connection has no port any more.
#[derive(Debug, Args)]
#[command(after_long_help = "\
A node * means all who share the ports: those of a NAT gateway's subnets. Its FAILED is not counted.

In Azure these are the load balancer's metrics Allocated SNAT Ports, Used SNAT Ports, and SNAT Connection Count
with the state Failed.

Targets:
  lb/CLUSTER, natgateway/NAME; node/NAME, vm/NAME, a, pod/a for what they may leave by

Examples:
  fabctl snat
  fabctl snat node/NAME --by-destination
  fabctl snat lb/aks -o json
  fabctl connections open a 203.0.113.10:80 --count 65 --while 'fabctl snat a'")]
pub struct Snat {
    /// Whose ports [default: all of the lab]
    #[arg(value_name = "TARGET")]
    target: Option<String>,
    /// A line for each destination instead: connections there, ports that are left for it
    #[arg(short = 'd', long)]
    by_destination: bool,
    /// How to print; wide shows devices too
    #[arg(short, long, value_enum, default_value_t = AnswerFormat::Table)]
    output: AnswerFormat,
}

impl Snat {
    /// Asks and prints.
    pub async fn run(self, global: &Global) -> anyhow::Result<u8> {
        let connection = connection::open(global).await?;
        let name = self.target.clone().unwrap_or_default();
        let target = Target { lab: global.lab(), namespace: global.namespace(), name };
        let request = SnatRequest { target: Some(target) };
        let mut answers = connection.connections().snat(request).await?.into_inner();
        let mut all = vec![];
        while let Some(usage) = answers.message().await? {
            all.push(usage);
        }
        let table = |wide: bool| match (all.is_empty(), self.by_destination) {
            (true, _) => String::new(),
            (false, true) => by_destination(&all, wide),
            (false, false) => as_table(&all, wide),
        };
        output::answer(self.output, table, || value(&all))?;
        if all.is_empty() {
            output::say(&match &self.target {
                Some(target) => format!("{target} leaves by no load balancer and no NAT gateway."),
                None => "Nobody leaves by a load balancer or NAT gateway in this lab.".to_owned(),
            });
        }
        let left_out: u64 = all.iter().map(|usage| usage.destinations_left_out).sum();
        let told = self.by_destination || matches!(self.output, AnswerFormat::Json | AnswerFormat::Yaml);
        if left_out > 0 && told {
            output::say(&format!(
                "{left_out} more destinations, those with least connections, are not shown."
            ));
        }
        Ok(0)
    }
}

/// Ports that all share belong to no node.
fn node(usage: &SnatUsage) -> String {
    if usage.node.is_empty() { "*".to_owned() } else { usage.node.clone() }
}

fn count(number: Option<u64>) -> String {
    number.map_or_else(|| "-".to_owned(), |number| number.to_string())
}

fn as_table(all: &[SnatUsage], wide: bool) -> String {
    let mut titles = vec!["NODE", "OUTBOUND", "PORTS", "ALLOCATED", "USED", "FREE", "FAILED"];
    titles.extend(wide.then_some(["CONNECTIONS", "DEVICE"]).into_iter().flatten());
    let row = |usage: &SnatUsage| {
        let mut row = vec![
            node(usage),
            usage.address.clone(),
            format!("{}-{}", usage.first_port, usage.last_port),
            usage.allocated.to_string(),
            usage.used.to_string(),
            usage.free.to_string(),
            count(usage.failed),
        ];
        if wide {
            let connections: u32 = usage.destinations.iter().map(|it| it.connections).sum();
            row.extend([connections.to_string(), usage.device.clone()]);
        }
        row
    };
    table::render(Look::Kubectl, Some(&titles), &all.iter().map(row).collect::<Vec<_>>())
}

fn by_destination(all: &[SnatUsage], wide: bool) -> String {
    let mut titles = vec!["NODE", "OUTBOUND", "DESTINATION", "PROTOCOL", "CONNECTIONS", "FREE", "FAILED"];
    titles.extend(wide.then_some("DEVICE"));
    let row = |(usage, destination): (&SnatUsage, &SnatDestination)| {
        let mut row = vec![
            node(usage),
            usage.address.clone(),
            place_and_port(destination),
            protocol(destination),
            destination.connections.to_string(),
            destination.free.to_string(),
            count(destination.failed),
        ];
        row.extend(wide.then(|| usage.device.clone()));
        row
    };
    let each = all.iter().flat_map(|usage| usage.destinations.iter().map(move |to| (usage, to)));
    table::render(Look::Kubectl, Some(&titles), &each.map(row).collect::<Vec<_>>())
}

fn place_and_port(destination: &SnatDestination) -> String {
    let SnatDestination { address, port, .. } = destination;
    if address.contains(':') { format!("[{address}]:{port}") } else { format!("{address}:{port}") }
}

fn protocol(destination: &SnatDestination) -> String {
    u8::try_from(destination.protocol).map(|number| Protocol(number).to_string()).unwrap_or_default()
}

fn value(all: &[SnatUsage]) -> Value {
    let to = |it: &SnatDestination| {
        json!({
            "address": it.address,
            "port": it.port,
            "protocol": protocol(it),
            "connections": it.connections,
            "free": it.free,
            "failed": it.failed,
        })
    };
    let one = |it: &SnatUsage| {
        json!({
            "device": it.device,
            "node": Some(&it.node).filter(|node| !node.is_empty()),
            "outboundAddress": it.address,
            "firstPort": it.first_port,
            "lastPort": it.last_port,
            "allocatedPorts": it.allocated,
            "usedPorts": it.used,
            "freePorts": it.free,
            "failed": it.failed,
            "destinations": it.destinations.iter().map(to).collect::<Vec<_>>(),
        })
    };
    all.iter().map(one).collect()
}
