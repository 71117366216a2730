//! `fabctl next-hop`.

use clap::Args;
use fabric_proto::v1::{NextHopRequest, NextHopResponse, Target};
use serde_json::{Value, json};

use crate::{
    cli::Global,
    connection,
    output::{
        self, AnswerFormat,
        table::{self, Look},
    },
};

/// Say where Azure sends a packet, as `az network watcher show-next-hop` does
///
/// The kernel of the Azure host under the source is asked, and names the route that it would take; no packet
/// is sent. The next hop of a packet is nothing about its way inside of the VM, nor whether it may pass.
#[derive(Debug, Args)]
#[command(after_long_help = "\
Next hop types:
  VnetLocal, VnetPeering, VirtualNetworkGateway, VirtualAppliance, Internet, None
  RoutingDomain   pods of the same overlay; Network Watcher does not see this
  Platform        an address of Azure itself, which no route changes; nor this

Examples:
  fabctl next-hop a c
  fabctl next-hop vm/device 203.0.113.10 -o wide     also which prefix of which object decided
  fabctl next-hop node/aks-nodepool1-11743156-vmss000000 machine/server -o json")]
pub struct NextHop {
    /// Where from: a node, VM or pod
    #[arg(value_name = "SOURCE")]
    source: String,
    /// Where to: a target, or an IPv4 address
    #[arg(value_name = "DESTINATION")]
    destination: String,
    /// How to print
    #[arg(short, long, value_enum, default_value_t = AnswerFormat::Table)]
    output: AnswerFormat,
}

impl NextHop {
    /// Asks and prints.
    pub async fn run(self, global: &Global) -> anyhow::Result<u8> {
        let connection = connection::open(global).await?;
        let source = Target { lab: global.lab(), namespace: global.namespace(), name: self.source };
        let request = NextHopRequest { source: Some(source), destination: self.destination };
        let answer = connection.network().next_hop(request).await?.into_inner();
        answer.notes.iter().for_each(|note| output::say(note));
        output::answer(self.output, |wide| as_table(&answer, wide), || value(&answer))?;
        Ok(0)
    }
}

/// One row. As in az's tables, what is null has no column.
fn as_table(answer: &NextHopResponse, wide: bool) -> String {
    let NextHopResponse {
        next_hop_type,
        next_hop_ip_address,
        route_table_id,
        address_prefix,
        origin,
        notes: _,
    } = answer;
    let mut cells = vec![
        ("NextHopIpAddress", next_hop_ip_address),
        ("NextHopType", next_hop_type),
        ("RouteTableId", route_table_id),
    ];
    if wide {
        cells.extend([("AddressPrefix", address_prefix), ("Origin", origin)]);
    }
    cells.retain(|(_, cell)| !cell.is_empty());
    let (titles, row): (Vec<_>, Vec<_>) =
        cells.into_iter().map(|(title, cell)| (title, cell.clone())).unzip();
    table::render(Look::Az, Some(&titles), &[row])
}

fn value(answer: &NextHopResponse) -> Value {
    let NextHopResponse { next_hop_type, next_hop_ip_address, route_table_id, .. } = answer;
    json!({
        "nextHopIpAddress": Some(next_hop_ip_address).filter(|it| !it.is_empty()),
        "nextHopType": next_hop_type,
        "routeTableId": route_table_id,
    })
}
