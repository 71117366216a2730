//! The way of one ping: what its packets were at each station.

use std::collections::BTreeMap;

use serde::Serialize;

use super::{
    Mark, SYN_PORT,
    frame::{IcmpError, Payload, Seen, Tunnel},
    owner::Owner,
    scene::{Point, PointKind, Scene},
};

/// Routers that are looked for at most, as traceroute does.
const HOPS_MAX: u8 = 30;

/// What captures along the way tell.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Way {
    /// Questions that left the source.
    pub sent: usize,
    /// Answers that came back to it.
    pub answered: usize,
    /// Who refused them, if somebody said so.
    pub refused: Option<Refusal>,
    /// The last station that saw the questions, if the destination did not.
    pub last_seen_at: Option<String>,
    /// The source address as sent.
    pub source_sent: Option<Owner>,
    /// The source address that the destination saw.
    pub source_seen: Option<Owner>,
    /// The destination address as sent.
    pub destination_sent: Option<Owner>,
    /// The destination address that the destination saw.
    pub destination_seen: Option<Owner>,
    /// The TTL as sent.
    pub ttl_sent: Option<u8>,
    /// The TTL that the destination saw.
    pub ttl_seen: Option<u8>,
    /// The tunnels that the packets were in; none if they were bare everywhere.
    pub tunnels: Vec<Layer>,
    /// The maximum segment size in the TCP SYN as sent.
    pub mss_sent: Option<u16>,
    /// The maximum segment size that the destination saw.
    pub mss_seen: Option<u16>,
    /// How long answers took.
    pub round_trip: Option<RoundTrip>,
}

/// A router's word that it could not deliver.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Refusal {
    /// In ping's words.
    pub words: String,
    /// Who said it.
    pub by: Owner,
}

/// One tunnel, and who has made it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Layer {
    /// Who.
    pub made_by: Carrier,
    /// What a capture shows of it.
    #[serde(flatten)]
    pub tunnel: Tunnel,
    /// The VNet or overlay that Azure carries in it.
    pub network: Option<String>,
}

/// Who puts packets into a tunnel.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub enum Carrier {
    /// The VM or node itself: the tunnel is there already where Azure takes the packet over.
    Node,
    /// Azure's hosts: nobody in a VM sees it.
    AzureHosts,
}

/// Round trip times in milliseconds, by the source's own capture.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct RoundTrip {
    /// The shortest.
    pub minimum: f64,
    /// The mean.
    pub average: f64,
}

/// One station that the TTL counts.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Hop {
    /// From 1.
    pub number: u8,
    /// Who answered; none if nobody did.
    pub by: Option<Owner>,
}

impl Way {
    /// Reads the captures of `scene`'s points, in their order.
    pub fn of(scene: &Scene, captures: &[(Point, Vec<Seen>)]) -> Self {
        let at_source = captures.first().map_or(&[][..], |(_, seen)| seen);
        let at_destination = last_place(scene, captures);
        let sent = at_source.iter().find(|seen| is_question(seen));
        let arrived = at_destination.iter().find(|seen| is_question(seen) && seen.tunnels.is_empty());
        let owner = |address| scene.owner(address);
        Self {
            sent: count(at_source, |payload| match payload {
                Payload::EchoRequest { sequence, .. } => Some(sequence),
                _ => None,
            }),
            answered: count(at_source, |payload| match payload {
                Payload::EchoReply { sequence, .. } => Some(sequence),
                _ => None,
            }),
            refused: at_source.iter().find_map(|seen| refusal(scene, seen)),
            last_seen_at: match arrived {
                Some(_) => None,
                None => captures
                    .iter()
                    .rev()
                    .find(|(_, seen)| seen.iter().any(is_question))
                    .map(|(point, _)| scene.name(point)),
            },
            source_sent: sent.map(|seen| owner(seen.source)),
            source_seen: arrived.map(|seen| owner(seen.source)),
            destination_sent: sent.map(|seen| owner(seen.destination)),
            destination_seen: arrived.map(|seen| owner(seen.destination)),
            ttl_sent: sent.map(|seen| seen.ttl),
            ttl_seen: arrived.map(|seen| seen.ttl),
            tunnels: layers(scene, captures),
            mss_sent: at_source.iter().find_map(syn).flatten(),
            mss_seen: at_destination.iter().filter(|seen| seen.tunnels.is_empty()).find_map(syn).flatten(),
            round_trip: round_trip(&trips(at_source)),
        }
    }

    /// Whether the destination saw the questions.
    pub fn arrived(&self) -> bool {
        self.source_seen.is_some()
    }

    /// Routers between the ends, by what they have taken of the TTL.
    pub fn routers(&self) -> u8 {
        match (self.ttl_sent, self.ttl_seen) {
            (Some(sent), Some(seen)) => sent.saturating_sub(seen).min(HOPS_MAX),
            _ => 0,
        }
    }
}

/// Who answered the pings that ended early, by what the source saw; the destination comes last.
pub fn hops(scene: &Scene, way: &Way, at_source: &[Seen]) -> Vec<Hop> {
    let router = |number: u8| {
        let about_it = |seen: &&Seen| match seen.payload {
            Payload::Error { error: IcmpError::TimeExceeded, quoted_length } => {
                Mark::hop(number).is_on(quoted_length)
            }
            _ => false,
        };
        at_source.iter().find(about_it).map(|seen| scene.owner(seen.source))
    };
    let mut hops: Vec<Hop> = (1..=way.routers()).map(|number| Hop { number, by: router(number) }).collect();
    if let Some(destination) = &way.destination_seen {
        hops.push(Hop { number: way.routers() + 1, by: Some(destination.clone()) });
    }
    hops
}

/// What was seen where the destination is; that may be where the source is, too.
fn last_place<'a>(scene: &Scene, captures: &'a [(Point, Vec<Seen>)]) -> &'a [Seen] {
    let at =
        captures.iter().find(|(point, _)| point.place == scene.destination.place && point.interface == "any");
    at.map_or(&[], |(_, seen)| seen)
}

fn is_question(seen: &Seen) -> bool {
    matches!(seen.payload, Payload::EchoRequest { .. }) && Mark::WAY.is_on(seen.total_length)
}

/// How many packets of the ping are of the kind that `sequence` knows, each once: several interfaces
/// of a place may see one packet.
fn count(seen: &[Seen], sequence: fn(Payload) -> Option<u16>) -> usize {
    let marked = seen.iter().filter(|seen| Mark::WAY.is_on(seen.total_length));
    let mut sequences: Vec<u16> = marked.filter_map(|seen| sequence(seen.payload)).collect();
    sequences.sort_unstable();
    sequences.dedup();
    sequences.len()
}

fn refusal(scene: &Scene, seen: &Seen) -> Option<Refusal> {
    match seen.payload {
        Payload::Error { error: error @ IcmpError::Unreachable(_), quoted_length }
            if Mark::WAY.is_on(quoted_length) =>
        {
            Some(Refusal { words: error.words(), by: scene.owner(seen.source) })
        }
        _ => None,
    }
}

fn syn(seen: &Seen) -> Option<Option<u16>> {
    match seen.payload {
        Payload::Syn { port: SYN_PORT, mss } => Some(mss),
        _ => None,
    }
}

/// The tunnels that nodes make are seen at nodes; what there is more between Azure's hosts is Azure's.
fn layers(scene: &Scene, captures: &[(Point, Vec<Seen>)]) -> Vec<Layer> {
    let deepest = |at_hosts: bool| {
        let captures = captures.iter().filter(move |(point, _)| {
            matches!(point.kind, PointKind::SourceHost | PointKind::DestinationHost) == at_hosts
        });
        let questions = captures.flat_map(|(_, seen)| seen).filter(|seen| is_question(seen));
        let mut deepest = &[][..];
        for Seen { tunnels, .. } in questions {
            // Of equals the first, which is the nearest to the source.
            if tunnels.len() > deepest.len() {
                deepest = tunnels;
            }
        }
        deepest
    };
    let (on_nodes, between_hosts) = (deepest(false), deepest(true));
    let azures = &between_hosts[..between_hosts.len().saturating_sub(on_nodes.len())];
    let node = |tunnel: &Tunnel| Layer { made_by: Carrier::Node, tunnel: *tunnel, network: None };
    let azure = |tunnel: &Tunnel| Layer {
        made_by: Carrier::AzureHosts,
        tunnel: *tunnel,
        network: match tunnel {
            Tunnel::Vxlan { vni, .. } => scene.network(*vni).map(str::to_owned),
            Tunnel::IpInIp { .. } => None,
        },
    };
    azures.iter().map(azure).chain(on_nodes.iter().map(node)).collect()
}

/// From question to answer, in milliseconds, for each answered packet.
fn trips(at_source: &[Seen]) -> Vec<f64> {
    let mut questions = BTreeMap::new();
    let mut trips = BTreeMap::new();
    for seen in at_source.iter().filter(|seen| Mark::WAY.is_on(seen.total_length)) {
        match seen.payload {
            Payload::EchoRequest { identifier, sequence } => {
                questions.entry((identifier, sequence)).or_insert(seen.time);
            }
            Payload::EchoReply { identifier, sequence } => {
                if let Some(asked) = questions.get(&(identifier, sequence)) {
                    trips.entry((identifier, sequence)).or_insert(seen.time - asked);
                }
            }
            _ => {}
        }
    }
    #[expect(clippy::cast_precision_loss, reason = "nobody waits for 2^53 ns, which are 104 days")]
    let milliseconds = |nanoseconds: i64| nanoseconds as f64 / 1e6;
    trips.into_values().map(milliseconds).collect()
}

fn round_trip(trips: &[f64]) -> Option<RoundTrip> {
    let minimum = trips.iter().copied().min_by(f64::total_cmp)?;
    #[expect(clippy::cast_precision_loss, reason = "a ping of a few packets")]
    let average = trips.iter().sum::<f64>() / trips.len() as f64;
    Some(RoundTrip { minimum, average })
}
