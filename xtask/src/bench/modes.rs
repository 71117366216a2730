//! A thousand pods, in one network mode.

use super::{
    Bench,
    cluster::{self, Mode},
    daemon::{Daemon, Size},
    floor::Floor,
    settle,
    table::{Group, Row, Target, median},
};
use crate::run::Result;

/// The lab in this mode and the bare floor, in turns.
#[derive(Default)]
struct Samples {
    floor_up: Vec<f64>,
    floor_down: Vec<f64>,
    dry_run: Vec<f64>,
    up: Vec<f64>,
    unchanged: Vec<f64>,
    down: Vec<f64>,
}

fn measure(bench: &Bench, daemon: &Daemon, mode: Mode, rounds: usize) -> Result<(Size, Samples)> {
    let lab = mode.write(&bench.folder)?;
    let size = Size::of(&daemon.plan(&lab)?);
    let floor = Floor::new(size);
    let mut samples = Samples::default();
    for _ in bench.rounds(rounds) {
        settle::wait(&bench.folder)?;
        let bare = floor.run()?;
        samples.floor_up.push(bare.up);
        samples.floor_down.push(bare.down);

        settle::wait(&bench.folder)?;
        samples.dry_run.push(daemon.dry_run(&lab)?);
        samples.up.push(daemon.apply(&lab)?.reported);
        samples.unchanged.push(daemon.apply(&lab)?.reported);
        samples.down.push(daemon.delete(cluster::NAME)?.reported);
    }
    settle::wait(&bench.folder)?;
    Ok((size, samples))
}

/// All that is said of the mode that is compared with others; `mininet_host` is what a host of Mininet
/// takes, if that could be measured.
pub fn compared(
    bench: &Bench,
    daemon: &Daemon,
    mode: Mode,
    rounds: usize,
    mininet_host: Option<f64>,
) -> Result<Group> {
    let (size, samples) = measure(bench, daemon, mode, rounds)?;
    let pods: Vec<f64> = samples.up.iter().map(|up| up / cluster::PODS as f64).collect();
    let mut group = group(mode, size);
    group.push(
        Row::new("draw, plan, print: apply --dry-run", samples.dry_run.clone()).target(Target::Below(100.0)),
    );
    let pod = Row::new("up, fabricd, for each pod", pods);
    let pod = match mininet_host {
        Some(host) => pod.faster(host, "a Mininet host").target(Target::FasterThan(10.0)),
        None => pod,
    };
    for row in rows(samples) {
        group.push(row);
    }
    group.push(pod);
    Ok(group)
}

/// The short form, for the modes beside it.
pub fn beside(bench: &Bench, daemon: &Daemon, mode: Mode, rounds: usize) -> Result<Group> {
    let (size, samples) = measure(bench, daemon, mode, rounds)?;
    let mut group = group(mode, size);
    for row in rows(samples) {
        group.push(row);
    }
    Ok(group)
}

fn group(mode: Mode, size: Size) -> Group {
    Group::new(format!("{}, {} nodes, {} pods: {size}", mode.name, cluster::NODES, cluster::PODS))
}

fn rows(samples: Samples) -> [Row; 5] {
    let (floor_up, floor_down) = (median(&samples.floor_up), median(&samples.floor_down));
    let times = |name, samples, floor| Row::new(name, samples).times(floor, "the floor");
    [
        Row::new("up, bare floor", samples.floor_up),
        times("up, fabricd", samples.up, floor_up).target(Target::RatioBelow(2.5)),
        times("apply again, unchanged", samples.unchanged, floor_up).target(Target::Below(100.0)),
        Row::new("down, bare floor", samples.floor_down),
        times("down, fabricd", samples.down, floor_down),
    ]
}
