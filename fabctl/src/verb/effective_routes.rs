//! `fabctl effective-routes`.

use clap::Args;
use fabric_proto::v1::{EffectiveRoute, EffectiveRoutesRequest, Target};
use serde_json::{Value, json};

use crate::{
    cli::Global,
    connection,
    output::{
        self, AnswerFormat,
        table::{self, Look},
    },
};

/// Show the effective routes of a NIC, as `az network nic show-effective-route-table` does
///
/// They are read from the routing table of the Azure host under the VM, as its kernel has them now: what
/// somebody took away or added there by hand is missing or shows.
#[derive(Debug, Args)]
#[command(after_long_help = "\
Targets:
  node/NAME, vm/NAME; for a, pod/a the NIC of the pod's node, or the pods' subnet if that has a route
  table of its own

Examples:
  fabctl effective-routes node/aks-nodepool1-11743156-vmss000000
  fabctl effective-routes vm/device -o wide      also which Azure object each route comes from
  fabctl effective-routes a -o json              in az's shape")]
pub struct EffectiveRoutes {
    /// Whose NIC: a node, VM or pod
    #[arg(value_name = "TARGET")]
    target: String,
    /// How to print
    #[arg(short, long, value_enum, default_value_t = AnswerFormat::Table)]
    output: AnswerFormat,
}

impl EffectiveRoutes {
    /// Asks and prints.
    pub async fn run(self, global: &Global) -> anyhow::Result<u8> {
        let connection = connection::open(global).await?;
        let target = Target { lab: global.lab(), namespace: global.namespace(), name: self.target };
        let request = EffectiveRoutesRequest { target: Some(target) };
        let answer = connection.network().effective_routes(request).await?.into_inner();
        answer.notes.iter().for_each(|note| output::say(note));
        output::answer(self.output, |wide| as_table(&answer.routes, wide), || value(&answer.routes))?;
        Ok(0)
    }
}

fn as_table(routes: &[EffectiveRoute], wide: bool) -> String {
    let mut titles = vec!["Source", "State", "Address Prefix", "Next Hop Type", "Next Hop IP"];
    titles.extend(wide.then_some("Origin"));
    let row = |route: &EffectiveRoute| {
        let EffectiveRoute { source, state, address_prefix, next_hop_type, next_hop_ip_address, .. } = route;
        let mut row: Vec<String> =
            [source, state, address_prefix, next_hop_type, next_hop_ip_address].map(String::clone).into();
        row.extend(wide.then(|| route.origin.clone()));
        row
    };
    table::render(Look::Az, Some(&titles), &routes.iter().map(row).collect::<Vec<_>>())
}

fn value(routes: &[EffectiveRoute]) -> Value {
    let one = |route: &EffectiveRoute| {
        let EffectiveRoute {
            source,
            state,
            address_prefix,
            next_hop_type,
            next_hop_ip_address,
            name,
            disable_bgp_route_propagation,
            origin: _,
        } = route;
        let next_hops: Vec<&String> =
            Some(next_hop_ip_address).filter(|it| !it.is_empty()).into_iter().collect();
        json!({
            "addressPrefix": [address_prefix],
            "disableBgpRoutePropagation": disable_bgp_route_propagation,
            // No lab file can ask for a route that beats gateways' more specific ones.
            "hasBgpOverride": false,
            "name": Some(name).filter(|name| !name.is_empty()),
            "nextHopIpAddress": next_hops,
            "nextHopType": next_hop_type,
            "source": source,
            "state": state,
        })
    };
    json!({ "value": routes.iter().map(one).collect::<Vec<_>>() })
}
