//! `fabctl conntrack`.

use std::{fmt::Write, net::IpAddr};

use anyhow::Context;
use clap::Args;
use fabric_core::conntrack::{CONNECTIONS_MAX, Connection, Ends, NoFilter, Protocol, Status, Tuple};
use fabric_proto::v1::{
    ConnectionFilter, ConnectionTuple, ListConnectionsRequest, Target, TrackedConnection, connection_tuple,
};
use serde_json::{Value, json};

use crate::{
    cli::Global,
    connection,
    output::{self, AnswerFormat, json, yaml},
};

/// Show the connections that a place tracks and what it translates them into, as `conntrack -L` does
///
/// The kernel of the place is asked by netlink; no program runs there. First stands the packet that began it, then
/// the answer as it comes in: where that is not the first one turned round, addresses or ports are translated, and
/// the answer's `dst` and `dport` are what the other side saw. A place tracks connections only if its rules make
/// it: nodes and whatever translates do, pods and plain VMs do not.
#[derive(Debug, Args)]
#[command(after_long_help = "\
Targets:
  any place: node/NAME, lb/CLUSTER, natgateway/NAME, firewall/NAME, vm/NAME, server/NAME, onprem/SITE,
  host/NODE, a, pod/a …

Examples:
  fabctl conntrack node/aks-nodepool1-11743156-vmss000000
  fabctl conntrack node/NAME -p tcp --dport 80
  fabctl conntrack node/NAME --src-nat                   what is translated
  fabctl conntrack node/NAME --src-nat=10.224.0.4        into this address
  fabctl conntrack node/NAME --src 10.244.0.0/24 -o json")]
pub struct Conntrack {
    /// Whose table
    #[arg(value_name = "TARGET")]
    target: String,
    /// Only of this protocol: tcp, udp, icmp, or a number
    #[arg(short, long = "proto", value_name = "PROTOCOL")]
    protocol: Option<Protocol>,
    /// Only where the first packet came from there
    #[arg(short, long = "src", visible_alias = "orig-src", value_name = "ADDRESS[/LENGTH]", value_parser = network)]
    source: Option<String>,
    /// Only where the first packet went there
    #[arg(short, long = "dst", visible_alias = "orig-dst", value_name = "ADDRESS[/LENGTH]", value_parser = network)]
    destination: Option<String>,
    /// Only where the first packet went to this port
    #[arg(long = "dport", visible_alias = "orig-port-dst", value_name = "PORT")]
    destination_port: Option<u16>,
    /// Only where the source is translated, into this address if one is given
    #[arg(long = "src-nat", value_name = "ADDRESS", num_args = 0..=1, require_equals = true)]
    source_nat: Option<Option<IpAddr>>,
    /// How to print; wide is `conntrack -L -o extended`
    #[arg(short, long, value_enum, default_value_t = AnswerFormat::Table)]
    output: AnswerFormat,
}

impl Conntrack {
    /// Asks and prints.
    pub async fn run(self, global: &Global) -> anyhow::Result<u8> {
        let connection = connection::open(global).await?;
        let target = Target { lab: global.lab(), namespace: global.namespace(), name: self.target.clone() };
        let request = ListConnectionsRequest { target: Some(target), filter: Some(self.filter()) };
        let mut answers = connection.connections().list(request).await?.into_inner();
        let (mut all, mut left_out) = (vec![], 0);
        while let Some(answer) = answers.message().await? {
            left_out = answer.left_out;
            for tracked in answer.connections {
                all.push(read(&tracked).context("the daemon sent a connection that is none")?);
            }
        }
        output::print(&match self.output {
            AnswerFormat::Table => lines(&all, false),
            AnswerFormat::Wide => lines(&all, true),
            AnswerFormat::Json => json::render(&value(&all), 2)?,
            AnswerFormat::Yaml => yaml::render(&value(&all))?,
        })?;
        if all.is_empty() {
            output::say(&format!("No such connection is tracked at {}.", self.target));
        }
        if left_out > 0 {
            output::say(&format!(
                "These are the first {CONNECTIONS_MAX}; {left_out} more are not shown. -p, --src, --dst, --dport \
                 and --src-nat choose others."
            ));
        }
        Ok(0)
    }

    fn filter(&self) -> ConnectionFilter {
        ConnectionFilter {
            protocol: self.protocol.map(|protocol| protocol.0.into()),
            source: self.source.clone().unwrap_or_default(),
            destination: self.destination.clone().unwrap_or_default(),
            destination_port: self.destination_port.map(u32::from),
            source_nat: self.source_nat.is_some(),
            source_nat_to: self.source_nat.flatten().map(|address| address.to_string()).unwrap_or_default(),
        }
    }
}

fn network(text: &str) -> Result<String, NoFilter> {
    fabric_core::conntrack::network(text).map(|network| network.to_string())
}

/// As fabric-core has it; `None` if a part is missing or beyond its range.
fn read(tracked: &TrackedConnection) -> Option<Connection> {
    let TrackedConnection { protocol, original, reply, state, timeout_seconds, status, mark, zone, uses } =
        tracked;
    Some(Connection {
        protocol: Protocol(u8::try_from(*protocol).ok()?),
        original: read_tuple(original.as_ref()?)?,
        reply: read_tuple(reply.as_ref()?)?,
        state: if state.is_empty() { None } else { Some(state.parse().ok()?) },
        timeout: *timeout_seconds,
        status: Status(*status),
        mark: *mark,
        zone: u16::try_from(*zone).ok()?,
        uses: *uses,
    })
}

fn read_tuple(tuple: &ConnectionTuple) -> Option<Tuple> {
    let ConnectionTuple { source, destination, ends } = tuple;
    let ends = match ends {
        Some(connection_tuple::Ends::Ports(ports)) => Ends::Ports {
            source: u16::try_from(ports.source).ok()?,
            destination: u16::try_from(ports.destination).ok()?,
        },
        Some(connection_tuple::Ends::Icmp(icmp)) => Ends::Icmp {
            kind: u8::try_from(icmp.r#type).ok()?,
            code: u8::try_from(icmp.code).ok()?,
            id: u16::try_from(icmp.id).ok()?,
        },
        None => Ends::Nothing,
    };
    Some(Tuple { source: source.parse().ok()?, destination: destination.parse().ok()?, ends })
}

fn lines(connections: &[Connection], extended: bool) -> String {
    let mut text = String::new();
    for connection in connections {
        // Writing into memory cannot fail.
        let _ = if extended { writeln!(text, "{connection:#}") } else { writeln!(text, "{connection}") };
    }
    text
}

fn value(connections: &[Connection]) -> Value {
    let tuple = |tuple: &Tuple| {
        let Tuple { source, destination, ends } = tuple;
        let mut value = json!({ "source": source, "destination": destination });
        match ends {
            Ends::Ports { source, destination } => {
                value["sourcePort"] = json!(source);
                value["destinationPort"] = json!(destination);
            }
            Ends::Icmp { kind, code, id } => {
                value["icmpType"] = json!(kind);
                value["icmpCode"] = json!(code);
                value["icmpId"] = json!(id);
            }
            Ends::Nothing => {}
        }
        value
    };
    let one = |connection: &Connection| {
        let Connection { protocol, original, reply, state, timeout, status, mark, zone, uses: _ } =
            connection;
        json!({
            "protocol": protocol.to_string(),
            "protocolNumber": protocol.0,
            "state": state.map(|state| state.to_string()),
            "timeoutSeconds": timeout,
            "original": tuple(original),
            "reply": tuple(reply),
            "flags": status.names().collect::<Vec<_>>(),
            "mark": mark,
            "zone": zone,
        })
    };
    connections.iter().map(one).collect()
}
