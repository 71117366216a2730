//! The rows of a comparison: what is said of each lab, and in which words.

use fabric_core::compare::{Carrier, Layer, Network, Outcome, Owner, Reach, Relation, Tunnel, Way};

use super::{column::Column, grid::Row, measure::Measured};

/// Where there is nothing to say.
const NOTHING: &str = "-";

/// What a row says of a lab; nothing if it has none of it.
type Cell = fn(&Column) -> Option<String>;

/// The rows for all labs; those of `wide` too.
pub fn rows(columns: &[Column], wide: bool) -> Vec<Row> {
    let mut table = Table { columns, rows: vec![] };
    table.row("LAB", |column| Some(column.lab.clone()));
    table.row("network plugin", |column| Some(network(column)?.network_plugin.to_owned()));
    table.row("  mode", |column| network(column)?.mode.map(str::to_owned));
    table.row("answered", |column| Some(answered(column.measured.as_ref()?)));
    table.row("source seen", |column| Some(way(column)?.source_seen.as_ref()?.address.to_string()));
    table.row("  whose", |column| Some(way(column)?.source_seen.as_ref()?.role.clone()));
    if wide {
        table.row("  place", |column| way(column)?.source_seen.as_ref()?.place.clone());
        table.row("  as sent", |column| Some(way(column)?.source_sent.as_ref()?.address.to_string()));
    }
    table.row("destination", |column| Some(way(column)?.destination_sent.as_ref()?.address.to_string()));
    if wide {
        table.row("  place", |column| way(column)?.destination_sent.as_ref()?.place.clone());
        table.row("  as seen", |column| Some(way(column)?.destination_seen.as_ref()?.address.to_string()));
    }
    table.row("TTL seen", |column| {
        let way = way(column)?;
        seen_and_sent(way.ttl_seen?, way.ttl_sent?)
    });
    table.row("hops", |column| hops(column.measured.as_ref()?, false));
    if wide {
        table.row("  addresses", |column| hops(column.measured.as_ref()?, true));
    }
    table.row("encapsulated", |column| encapsulated(way(column)?));
    if wide {
        table.row("  from, to", |column| outer_addresses(way(column)?));
    }
    table.row("MTU", |column| Some(column.measured.as_ref()?.mtu?.to_string()));
    table.row("MSS seen", |column| {
        let way = way(column)?;
        seen_and_sent(way.mss_seen?, way.mss_sent?)
    });
    table.heading("VNet addresses");
    table.row("  nodes", |column| Some(network(column)?.vnet_addresses.nodes.to_string()));
    table.row("  pods", |column| {
        let addresses = network(column)?.vnet_addresses;
        Some(match addresses.reserved_for_pods {
            0 => "0".to_owned(),
            reserved => format!("{reserved} ({} in use)", addresses.pods),
        })
    });
    table.reached_by(wide);
    table.heading("round trip");
    table.row("  minimum", |column| Some(milliseconds(way(column)?.round_trip?.minimum)));
    table.row("  average", |column| Some(milliseconds(way(column)?.round_trip?.average)));
    table.rows
}

struct Table<'a> {
    columns: &'a [Column],
    rows: Vec<Row>,
}

impl Table<'_> {
    fn row(&mut self, label: &str, cell: Cell) {
        let cells = self.columns.iter().map(|column| cell(column).unwrap_or_else(|| NOTHING.to_owned()));
        self.rows.push(Row { label: label.to_owned(), cells: cells.collect() });
    }

    fn heading(&mut self, label: &str) {
        self.rows.push(Row { label: label.to_owned(), cells: vec![] });
    }

    /// A row for each relation that one of the labs has.
    fn reached_by(&mut self, wide: bool) {
        let reaches = |column: &Column| column.measured.iter().flat_map(|it| it.reached_by.clone()).collect();
        let all: Vec<Vec<Reach>> = self.columns.iter().map(reaches).collect();
        let mut relations: Vec<Relation> = all.iter().flatten().map(|reach| reach.relation).collect();
        relations.sort_unstable();
        relations.dedup();
        if relations.is_empty() {
            return;
        }
        self.heading("reached by");
        for relation in relations {
            let cell = |reaches: &Vec<Reach>| {
                let found = reaches.iter().find(|reach| reach.relation == relation);
                found.map_or_else(|| NOTHING.to_owned(), |reach| reached(reach, wide))
            };
            let cells = all.iter().map(cell).collect();
            self.rows.push(Row { label: format!("  {}", relation.words()), cells });
        }
    }
}

fn network(column: &Column) -> Option<&Network> {
    column.network.as_ref()
}

fn way(column: &Column) -> Option<&Way> {
    column.measured.as_ref().map(|measured| &measured.way)
}

fn seen_and_sent<T: PartialEq + ToString>(seen: T, sent: T) -> Option<String> {
    let [seen, sent] = [seen, sent].map(|it| it.to_string());
    Some(if seen == sent { seen } else { format!("{seen} (sent {sent})") })
}

fn answered(measured: &Measured) -> String {
    let way = &measured.way;
    if let Some(why) = &measured.not_sent {
        format!("no: {why}")
    } else if let Some(refusal) = &way.refused {
        format!("no: {}, says {}", refusal.words, refusal.by.role)
    } else if let Some(last) = &way.last_seen_at {
        format!("no: last seen at {last}")
    } else if way.answered == 0 {
        "no: the answer was lost".to_owned()
    } else if way.answered < way.sent {
        format!("{} of {}", way.answered, way.sent)
    } else {
        "yes".to_owned()
    }
}

/// A line a hop.
fn hops(measured: &Measured, addresses: bool) -> Option<String> {
    let by = |owner: &Owner| if addresses { owner.address.to_string() } else { owner.role.clone() };
    let lines = measured.hops.iter().map(|hop| hop.by.as_ref().map_or_else(|| "*".to_owned(), by));
    let lines: Vec<String> = lines.collect();
    (!lines.is_empty()).then(|| lines.join("\n"))
}

fn encapsulated(way: &Way) -> Option<String> {
    if way.tunnels.is_empty() {
        // A packet that was lost on the way might have been further on.
        return way.arrived().then(|| "nowhere".to_owned());
    }
    let layer = |layer: &Layer| {
        let by = match layer.made_by {
            Carrier::Node => "on the node",
            Carrier::AzureHosts => "between hosts",
        };
        let tunnel = match layer.tunnel {
            Tunnel::Vxlan { vni, .. } => format!("VXLAN {vni}"),
            Tunnel::IpInIp { .. } => "IP in IP".to_owned(),
        };
        let network = layer.network.iter().map(|network| format!(", {network}")).collect::<String>();
        format!("{by}: {tunnel}{network}")
    };
    Some(way.tunnels.iter().map(layer).collect::<Vec<_>>().join("\n"))
}

fn outer_addresses(way: &Way) -> Option<String> {
    let addresses = |layer: &Layer| match layer.tunnel {
        Tunnel::Vxlan { source, destination, .. } | Tunnel::IpInIp { source, destination } => {
            format!("{source}, {destination}")
        }
    };
    let lines: Vec<String> = way.tunnels.iter().map(addresses).collect();
    (!lines.is_empty()).then(|| lines.join("\n"))
}

fn reached(reach: &Reach, wide: bool) -> String {
    let outcome = match reach.outcome {
        Outcome::Answered => "yes",
        Outcome::AnswerLost => "question only",
        Outcome::NotSeen => "no",
    };
    match &reach.seen_from {
        Some(owner) if wide => format!("{outcome}, as {}", owner.address),
        _ => outcome.to_owned(),
    }
}

/// Always five characters and the unit, so that columns stand where they stand whatever was measured.
fn milliseconds(time: f64) -> String {
    let digits = match time {
        ..9.9995 => 3,
        ..99.995 => 2,
        ..999.95 => 1,
        _ => 0,
    };
    format!("{time:5.digits$} ms")
}

#[cfg(test)]
mod tests {
    use std::net::Ipv4Addr;

    use fabric_core::compare::{AddressUse, Hop, Refusal, RoundTrip};

    use super::*;
    use crate::compare::grid;

    fn owner(last: u8, role: &str) -> Owner {
        let place = format!("node/{last}");
        Owner { address: Ipv4Addr::new(10, 224, 0, last), place: Some(place), role: role.to_owned() }
    }

    /// A ping that arrived.
    fn arrived() -> Measured {
        let reach = |relation, outcome, seen_from| Reach {
            relation,
            from: "pod/aks/default/a".to_owned(),
            outcome,
            seen_from,
        };
        let [source, destination] = [4, 5].map(|last| Ipv4Addr::new(100, 64, 0, last));
        let tunnel = |vni| Tunnel::Vxlan { vni, source, destination };
        let layer = |made_by, vni, network: Option<&str>| Layer {
            made_by,
            tunnel: tunnel(vni),
            network: network.map(str::to_owned),
        };
        Measured {
            way: Way {
                sent: 5,
                answered: 5,
                refused: None,
                last_seen_at: None,
                source_sent: Some(owner(9, "client")),
                source_seen: Some(owner(4, "client's node")),
                destination_sent: Some(owner(5, "server")),
                destination_seen: Some(owner(5, "server")),
                ttl_sent: Some(64),
                ttl_seen: Some(62),
                tunnels: vec![
                    layer(Carrier::AzureHosts, 1000, Some("VNet aks-vnet")),
                    layer(Carrier::Node, 42, None),
                ],
                mss_sent: Some(1460),
                mss_seen: Some(1410),
                round_trip: Some(RoundTrip { minimum: 0.12, average: 1.2 }),
            },
            hops: vec![
                Hop { number: 1, by: Some(owner(4, "client's node")) },
                Hop { number: 2, by: None },
                Hop { number: 3, by: Some(owner(5, "server")) },
            ],
            mtu: Some(1500),
            not_sent: None,
            reached_by: vec![
                reach(Relation::PodSameNode, Outcome::Answered, Some(owner(9, "client"))),
                reach(Relation::OnPremises, Outcome::AnswerLost, Some(owner(7, "office"))),
            ],
        }
    }

    /// The same, refused by somebody.
    fn refused() -> Measured {
        let mut measured = arrived();
        let way = &mut measured.way;
        way.refused = Some(Refusal { words: "net unreachable".into(), by: owner(1, "onprem/dc") });
        (way.answered, way.source_seen, way.ttl_seen, way.mss_seen) = (0, None, None, None);
        (way.destination_seen, way.round_trip) = (None, None);
        way.tunnels.clear();
        measured.hops.clear();
        measured.reached_by =
            vec![Reach { outcome: Outcome::NotSeen, seen_from: None, ..measured.reached_by.remove(1) }];
        measured
    }

    fn columns() -> Vec<Column> {
        let network = |network_plugin, mode, reserved_for_pods| Network {
            cluster: "aks".to_owned(),
            network_plugin,
            mode,
            vnet_addresses: AddressUse { nodes: 2, reserved_for_pods, pods: 3 },
        };
        let column = |lab: &str, network, measured| Column {
            lab: lab.to_owned(),
            path: format!("{lab}.yaml"),
            network: Some(network),
            measured,
            error: None,
        };
        vec![
            column("azure-cni", network("azure", Some("node subnet"), 60), Some(arrived())),
            column("kubenet", network("kubenet", None, 0), Some(refused())),
            column("elsewhere", network("none", None, 0), None),
        ]
    }

    #[test]
    fn labs_stand_side_by_side() {
        insta::assert_snapshot!(grid::render(&rows(&columns(), false), 80), @r"
        LAB               azure-cni           kubenet            elsewhere
        network plugin    azure               kubenet            none
          mode            node subnet         -                  -
        answered          yes                 no: net            -
                                              unreachable, says
                                              onprem/dc
        source seen       10.224.0.4          -                  -
          whose           client's node       -                  -
        destination       10.224.0.5          10.224.0.5         -
        TTL seen          62 (sent 64)        -                  -
        hops              client's node       -                  -
                          *
                          server
        encapsulated      between hosts:      -                  -
                          VXLAN 1000, VNet
                          aks-vnet
                          on the node: VXLAN
                          42
        MTU               1500                1500               -
        MSS seen          1410 (sent 1460)    -                  -
        VNet addresses
          nodes           2                   2                  2
          pods            60 (3 in use)       0                  0
        reached by
          pod, same node  yes                 -                  -
          on premises     question only       no                 -
        round trip
          minimum         0.120 ms            -                  -
          average         1.200 ms            -                  -
        ");
        insta::assert_snapshot!(grid::render(&rows(&columns(), true), usize::MAX), @r"
        LAB               azure-cni                                 kubenet                              elsewhere
        network plugin    azure                                     kubenet                              none
          mode            node subnet                               -                                    -
        answered          yes                                       no: net unreachable, says onprem/dc  -
        source seen       10.224.0.4                                -                                    -
          whose           client's node                             -                                    -
          place           node/4                                    -                                    -
          as sent         10.224.0.9                                10.224.0.9                           -
        destination       10.224.0.5                                10.224.0.5                           -
          place           node/5                                    node/5                               -
          as seen         10.224.0.5                                -                                    -
        TTL seen          62 (sent 64)                              -                                    -
        hops              client's node                             -                                    -
                          *
                          server
          addresses       10.224.0.4                                -                                    -
                          *
                          10.224.0.5
        encapsulated      between hosts: VXLAN 1000, VNet aks-vnet  -                                    -
                          on the node: VXLAN 42
          from, to        100.64.0.4, 100.64.0.5                    -                                    -
                          100.64.0.4, 100.64.0.5
        MTU               1500                                      1500                                 -
        MSS seen          1410 (sent 1460)                          -                                    -
        VNet addresses
          nodes           2                                         2                                    2
          pods            60 (3 in use)                             0                                    0
        reached by
          pod, same node  yes, as 10.224.0.9                        -                                    -
          on premises     question only, as 10.224.0.7              no                                   -
        round trip
          minimum         0.120 ms                                  -                                    -
          average         1.200 ms                                  -                                    -
        ");
    }

    #[test]
    fn a_ping_without_an_answer_says_why() {
        let answered = |change: fn(&mut Measured)| {
            let mut measured = arrived();
            change(&mut measured);
            super::answered(&measured)
        };
        assert_eq!(answered(|_| ()), "yes");
        assert_eq!(answered(|it| it.way.answered = 4), "4 of 5");
        assert_eq!(answered(|it| it.way.answered = 0), "no: the answer was lost");
        assert_eq!(answered(|it| it.way.last_seen_at = Some("x".into())), "no: last seen at x");
        assert_eq!(answered(|it| it.not_sent = Some("no way".into())), "no: no way");
    }

    /// `docs/normalising.md` takes them out only with two blanks before them.
    #[test]
    fn times_have_one_width() {
        let shown = [0.0004, 0.123, 9.9996, 12.3456, 99.996, 100.04, 2345.6].map(milliseconds);
        assert_eq!(
            shown,
            ["0.000 ms", "0.123 ms", "10.00 ms", "12.35 ms", "100.0 ms", "100.0 ms", " 2346 ms"]
        );
    }
}
