//! Sending the packets of a comparison in one lab, and capturing them.

use anyhow::Context;
use fabric_core::compare::{
    Hop, Mark, Point, PointKind, Reach, SYN_PORT, Scene, Seen, Way, hops, interface, reach,
};
use futures::future::{join_all, try_join, try_join_all};
use serde::Serialize;

use super::{connect, probe};
use crate::connection::Connection;

/// Packets whose round trip is measured.
const PACKETS: &str = "5";
/// Seconds between them.
const INTERVAL: &str = "0.05";
/// Seconds that an answer may take.
const PATIENCE: &str = "1";

/// What was found out in one lab.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Measured {
    /// The way of the source's own packets.
    #[serde(flatten)]
    pub way: Way,
    /// Who is on it, by the TTL.
    pub hops: Vec<Hop>,
    /// The MTU of the interface that the packets leave the source by.
    pub mtu: Option<u32>,
    /// Why nothing was sent, in ping's words.
    pub not_sent: Option<String>,
    /// Who reaches the destination.
    pub reached_by: Vec<Reach>,
}

/// Finds it all out. Says what it does to `told`.
///
/// # Errors
/// If a program cannot be started or a capture fails. That packets are lost is no error.
pub async fn measure(
    connection: &Connection,
    scene: &Scene,
    told: impl Fn(&str),
) -> anyhow::Result<Measured> {
    told("ping");
    let points = scene.points();
    let captures = try_join_all(points.iter().map(|point| probe::capture(connection, point))).await?;
    let (source, to) = (&scene.source.place, scene.destination.address);
    let size = Mark::WAY.0.to_string();
    // Alone, since its time is measured.
    let flags = ["-n", "-q", "-c", PACKETS, "-i", INTERVAL, "-W", PATIENCE, "-s", &size];
    let ping = probe::ping(connection, source, to, &flags).await?;
    let (_, mtu) =
        try_join(probe::exec(connection, source, connect::command(to, SYN_PORT)?), mtu(connection, scene))
            .await?;
    let seen = try_join_all(captures.into_iter().map(probe::read)).await?;
    let captures: Vec<(Point, Vec<Seen>)> = points.into_iter().zip(seen).collect();
    let way = Way::of(scene, &captures);

    told("hops, and who reaches it");
    let (hops, reached_by) = others(connection, scene, &way).await?;
    let not_sent = (way.sent == 0).then(|| last_line(&ping));
    Ok(Measured { way, hops, mtu, not_sent, reached_by })
}

/// Pings that end at each router, and pings of everybody else, all at once.
async fn others(connection: &Connection, scene: &Scene, way: &Way) -> anyhow::Result<(Vec<Hop>, Vec<Reach>)> {
    let ends = [PointKind::Source, PointKind::Destination];
    let points: Vec<Point> = scene.points().into_iter().filter(|point| ends.contains(&point.kind)).collect();
    let captures = try_join_all(points.iter().map(|point| probe::capture(connection, point))).await?;

    let to = scene.destination.address;
    let routers = join_all((1..=way.routers()).map(|number| async move {
        let (ttl, size) = (number.to_string(), Mark::hop(number).0.to_string());
        let flags = ["-n", "-q", "-c", "1", "-W", PATIENCE, "-t", &ttl, "-s", &size];
        probe::ping(connection, &scene.source.place, to, &flags).await
    }));
    let askers = try_join_all(scene.askers.iter().enumerate().map(|(number, asker)| async move {
        let size = Mark::asker(number).0.to_string();
        let flags = ["-n", "-q", "-c", "1", "-W", PATIENCE, "-s", &size];
        let ended = probe::ping(connection, &asker.place, to, &flags).await?;
        anyhow::Ok(ended.code == 0)
    }));
    let (routers, answered) = futures::future::join(routers, askers).await;
    routers.into_iter().collect::<anyhow::Result<Vec<_>>>()?;
    let answered = answered?;
    let mut seen = try_join_all(captures.into_iter().map(probe::read)).await?;
    // There is one capture only where both ends are one place.
    let at_destination = seen.pop().context("a way has ends")?;
    let at_source = seen.pop();
    let at_source = at_source.as_deref().unwrap_or(&at_destination);
    Ok((hops(scene, way, at_source), reach(scene, &at_destination, &answered)))
}

/// The MTU of the interface by which the source sends; none if it has no way to the destination.
async fn mtu(connection: &Connection, scene: &Scene) -> anyhow::Result<Option<u32>> {
    let ip = async |words: &[&str]| {
        let command = ["ip", "-j"].iter().chain(words).map(|&word| word.to_owned()).collect();
        probe::exec(connection, &scene.source.place, command).await
    };
    let to = scene.destination.address.to_string();
    let route = ip(&["route", "get", &to]).await?;
    let Some(device) = interface::device(&route.stdout) else { return Ok(None) };
    Ok(interface::mtu(&ip(&["link", "show", "dev", &device]).await?.stdout))
}

/// What a program said last, its complaints first.
fn last_line(ended: &probe::Ended) -> String {
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    let said = [text(&ended.stdout), text(&ended.stderr)].concat();
    let last = said.lines().map(str::trim).rfind(|line| !line.is_empty());
    last.unwrap_or("ping said nothing").trim_start_matches("ping: ").to_owned()
}
