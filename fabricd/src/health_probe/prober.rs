//! The task that asks: when each probe is due, a few at a time.

use std::{
    collections::{BTreeMap, BTreeSet},
    future::pending,
    io,
    net::TcpStream,
    sync::Arc,
    time::Duration,
};

use fabric_core::{health_probe::HealthProbe, kernel::Kernel, name::LabName, place::Place};
use futures::{StreamExt, future::BoxFuture, stream::FuturesUnordered};
use tokio::{
    sync::oneshot,
    time::{Instant, MissedTickBehavior, interval, sleep_until},
};

use super::{Report, asking::ask, tally::Health};
use crate::program::Programs;

/// Questions that are open at the same time: each is a file.
const OPEN_MAX: usize = 256;

/// Questions that are begun together, and the time until the next ones: 640 in a second. With more than that,
/// each is asked less often than its period says.
const TOGETHER: usize = 64;
const PAUSE: Duration = Duration::from_millis(100);

/// New probes are asked first within this time, one after the other.
const SPREAD: Duration = Duration::from_secs(1);

/// How often it is looked whether programs of containers run.
const LOOK: Duration = Duration::from_millis(250);

/// Asks what is to be asked in one lab.
pub struct Prober<K> {
    pub kernel: Arc<K>,
    pub lab: LabName,
    pub programs: Arc<Programs>,
    pub health: Health,
    pub report: Report,
}

type Answers = FuturesUnordered<BoxFuture<'static, (usize, Result<(), String>)>>;

impl<K: Kernel> Prober<K> {
    /// Asks until it is stopped. No socket is open then.
    pub async fn run(mut self, mut stop: oneshot::Receiver<()>) -> Health {
        let mut due = self.first();
        let mut asked_at: BTreeMap<usize, Instant> = BTreeMap::new();
        let mut answers = Answers::new();
        let mut next = Instant::now();
        let mut looks = interval(LOOK);
        looks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let has_containers = self.programs.has_containers();
        let report = self.report.clone();
        loop {
            let wake = due.first().map(|(at, _)| (*at).max(next)).filter(|_| answers.len() < OPEN_MAX);
            tokio::select! {
                biased;
                _ = &mut stop => return self.health,
                permit = report.reserve(), if self.health.has_news() => match permit {
                    Ok(permit) => permit.send(self.health.news()),
                    // The lab has no owner any more.
                    Err(_) => return self.health,
                },
                Some((number, answer)) = answers.next(), if !answers.is_empty() => {
                    self.health.count(number, answer);
                    let period = Duration::from_secs(self.health.probe(number).rhythm.period.into());
                    let asked = asked_at.remove(&number).unwrap_or_else(Instant::now);
                    due.insert((asked + period, number));
                }
                _ = looks.tick(), if has_containers => {
                    let down = self.programs.down();
                    self.health.programs(down);
                }
                () = until(wake) => {
                    let now = Instant::now();
                    next = now + PAUSE;
                    let mut numbers = vec![];
                    while let Some((at, number)) = due.first().copied()
                        && at <= now
                        && numbers.len() < TOGETHER
                    {
                        due.pop_first();
                        asked_at.insert(number, now);
                        numbers.push(number);
                    }
                    for (number, stream) in self.begin(numbers).await {
                        let probe = self.health.probe(number).clone();
                        answers.push(Box::pin(async move { (number, ask(&probe, stream).await) }));
                    }
                }
            }
        }
    }

    /// When each probe is asked first. A lab with thousands does not ask them all at once.
    fn first(&self) -> BTreeSet<(Instant, usize)> {
        let (now, all) = (Instant::now(), self.health.probes().count().max(1));
        let all = u32::try_from(all).unwrap_or(u32::MAX);
        let times = (0..).zip(self.health.probes()).map(|(number, probe): (u32, &HealthProbe)| {
            let delay = Duration::from_secs(probe.rhythm.initial_delay.into());
            (now + delay + SPREAD * number / all, number as usize)
        });
        times.collect()
    }

    /// Opens the connections, those of one place together.
    async fn begin(&self, numbers: Vec<usize>) -> Vec<(usize, io::Result<TcpStream>)> {
        let mut by_place: BTreeMap<Place, Vec<usize>> = BTreeMap::new();
        for number in numbers {
            by_place.entry(self.health.probe(number).from.clone()).or_default().push(number);
        }
        let wanted: Vec<(Place, Vec<_>)> = by_place
            .iter()
            .map(|(place, numbers)| {
                let ends = |number: &usize| {
                    let probe = self.health.probe(*number);
                    (probe.source, probe.to)
                };
                (place.clone(), numbers.iter().map(ends).collect())
            })
            .collect();
        let (kernel, lab) = (self.kernel.clone(), self.lab.clone());
        let opening = tokio::task::spawn_blocking(move || {
            let open = |(place, wanted): &(Place, Vec<_>)| match kernel.connect(&lab, place, wanted) {
                Ok(streams) => streams,
                Err(error) => {
                    tracing::debug!(%lab, %place, %error, "cannot ask from there");
                    wanted.iter().map(|_| Err(io::ErrorKind::NotConnected.into())).collect()
                }
            };
            wanted.iter().map(open).collect::<Vec<Vec<io::Result<TcpStream>>>>()
        });
        let opened = opening.await.unwrap_or_default().into_iter().flatten();
        by_place.into_values().flatten().zip(opened).collect()
    }
}

async fn until(wake: Option<Instant>) {
    match wake {
        Some(at) => sleep_until(at).await,
        None => pending().await,
    }
}
