//! Connections that are opened on purpose, and held.
//!
//! A thread opens the sockets in the place; from there on they belong to the runtime. They are closed when the
//! caller asks for it or goes, and when their place goes: they would keep its namespace alive.

mod attempt;
mod held;
mod tally;

use std::{
    collections::VecDeque,
    io,
    net::SocketAddr,
    path::{Path, PathBuf},
    time::Duration,
};

use fabric_core::{name::LabName, place::Place};
use fabric_kernel::{open_files, socket::in_place};
use futures::{StreamExt, stream::FuturesUnordered};
use tokio::{
    sync::mpsc,
    time::{Interval, MissedTickBehavior, interval},
};

use self::{
    attempt::{Connection, Socket, attempt},
    held::{Farewell, Held},
};
pub use self::{
    attempt::{Failure, FailureKind},
    tally::Tally,
};
use super::Lifeline;
use crate::lab::Lab;

/// Most connections of one call.
pub const COUNT_MAX: u32 = 16_384;
/// Most that are on their way at the same time.
pub const PARALLEL_MAX: u32 = 1_024;
/// Longest time that one may take.
pub const TIMEOUT_MAX: Duration = Duration::from_secs(300);
/// Most that are begun in a second, where that is limited at all.
pub const RATE_MAX: u32 = 100_000;

/// Files that connections leave to the daemon's other work.
const FILES_RESERVED: u64 = 256;
/// Sockets that are opened by one thread in the place.
const BATCH: usize = 256;
/// Between two reports of how far it is.
const REPORT: Duration = Duration::from_millis(100);

/// What a client asks for.
#[derive(Clone, Debug)]
pub struct Wanted {
    /// Where from.
    pub place: Place,
    /// Where to.
    pub destination: SocketAddr,
    /// Over what.
    pub transport: Transport,
    /// How many, 1 to [`COUNT_MAX`].
    pub count: u32,
    /// How long each may take, up to [`TIMEOUT_MAX`].
    pub timeout: Duration,
    /// How many may be on their way at the same time, 1 to [`PARALLEL_MAX`].
    pub parallel: u32,
    /// How many are begun in a second, 1 to [`RATE_MAX`]; as fast as it goes if none.
    pub per_second: Option<u32>,
    /// After how many failures no more are begun; never if none.
    pub stop_after: Option<u32>,
    /// The first's source port, the second has the next; the kernel chooses if none.
    pub source_port: Option<u16>,
    /// Close with RST instead of FIN.
    pub reset: bool,
}

/// What a connection is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Transport {
    /// A TCP connection.
    Tcp,
    /// A UDP socket of its own, from which a datagram was sent and answered.
    Udp,
}

/// What happens.
#[derive(Clone, Debug)]
pub enum OpenEvent {
    /// So far.
    Progress(Tally),
    /// No more will be opened; those that are open are held.
    Opened(Tally),
    /// Last: all are closed.
    Closed {
        /// How many had ended before, by the other side or by what is between.
        lost: u32,
        /// Whether they were closed because their place goes.
        place_gone: bool,
    },
}

/// Why connections cannot be opened.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// A number is out of its range.
    #[error("{0}")]
    OutOfRange(String),
    /// The daemon may not have that many files open.
    #[error(
        "the daemon may have {limit} files open and has {in_use}: that leaves room for {room} connections; \
         start it with a higher `ulimit -n`, or as a service with a higher LimitNOFILE"
    )]
    Files {
        /// Its limit.
        limit: u64,
        /// Files that it has open.
        in_use: u64,
        /// Connections that there is room for.
        room: u64,
    },
    /// A socket could not be opened in the place.
    #[error("cannot open a socket at {place}")]
    Socket {
        /// The place.
        place: Place,
        /// The kernel's answer.
        source: io::Error,
    },
}

/// Connections that are being opened or held. They are closed when their events are no longer wanted.
pub struct Connections {
    /// What happens to them.
    pub events: mpsc::Receiver<Result<OpenEvent, OpenError>>,
    /// Closes them.
    pub close: mpsc::Sender<()>,
}

/// Begins to open what is `wanted`.
///
/// # Errors
/// If a number is out of range, or there is no room for so many.
pub fn open(netns_dir: &Path, lab: &Lab, wanted: Wanted) -> Result<Connections, OpenError> {
    check(&wanted)?;
    let (sender, events) = mpsc::channel(16);
    let (close, closing) = mpsc::channel(1);
    let door = Door { netns_dir: netns_dir.to_owned(), lab: lab.topology.lab.clone() };
    let lifeline = Lifeline { place: wanted.place.clone(), open_places: lab.open_places.clone() };
    tokio::spawn(run(door, wanted, sender, closing, lifeline));
    Ok(Connections { events, close })
}

fn check(wanted: &Wanted) -> Result<(), OpenError> {
    let range = |what: &str, number: u32, max: u32| {
        let error = || OpenError::OutOfRange(format!("{what} must be 1 to {max}, not {number}"));
        (1..=max).contains(&number).then_some(()).ok_or_else(error)
    };
    range("the number of connections", wanted.count, COUNT_MAX)?;
    range("how many are on their way together", wanted.parallel, PARALLEL_MAX)?;
    if let Some(rate) = wanted.per_second {
        range("how many are begun in a second", rate, RATE_MAX)?;
    }
    if wanted.timeout.is_zero() || wanted.timeout > TIMEOUT_MAX {
        let most = TIMEOUT_MAX.as_secs();
        return Err(OpenError::OutOfRange(format!("the time for a connection must be up to {most} s")));
    }
    if wanted.destination.port() == 0 {
        return Err(OpenError::OutOfRange("the destination's port must be 1 to 65535".to_owned()));
    }
    if wanted.source_port.is_some_and(|first| first == 0 || u32::from(first) + wanted.count > 65_536) {
        let text = "source ports must be 1 to 65535, the last one too";
        return Err(OpenError::OutOfRange(text.to_owned()));
    }
    // Where nobody says how many there may be, the kernel will.
    if let (Ok(limit), Ok(in_use)) = (open_files::limit(), open_files::in_use()) {
        let room = limit.saturating_sub(in_use + FILES_RESERVED);
        if u64::from(wanted.count) > room {
            return Err(OpenError::Files { limit, in_use, room });
        }
    }
    Ok(())
}

/// The way into the lab's places.
struct Door {
    netns_dir: PathBuf,
    lab: LabName,
}

/// Why connections end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum End {
    Asked,
    PlaceGone,
    CallerGone,
}

type Events = mpsc::Sender<Result<OpenEvent, OpenError>>;

async fn run(
    door: Door,
    wanted: Wanted,
    events: Events,
    mut closing: mpsc::Receiver<()>,
    mut lifeline: Lifeline,
) {
    let mut held = Held::default();
    let mut tally = Tally::new(wanted.count);
    let ending = async {
        tokio::select! {
            () = asked(&mut closing) => End::Asked,
            () = lifeline.end() => End::PlaceGone,
            () = events.closed() => End::CallerGone,
        }
    };
    tokio::pin!(ending);
    let early = tokio::select! {
        end = &mut ending => Some(end),
        result = open_all(&door, &wanted, &events, &mut tally, &mut held) => {
            if let Err(error) = result {
                held.close(Farewell::Reset).await;
                let _ = events.send(Err(error)).await;
                return;
            }
            None
        }
    };
    let _ = events.send(Ok(OpenEvent::Opened(tally))).await;
    let end = match early {
        Some(end) => end,
        None => ending.await,
    };
    // What waits for its last acknowledgement would keep a namespace alive.
    let reset = wanted.reset || end == End::PlaceGone;
    let lost = held.close(if reset { Farewell::Reset } else { Farewell::Fin }).await;
    let _ = events.send(Ok(OpenEvent::Closed { lost, place_gone: end == End::PlaceGone })).await;
}

async fn asked(closing: &mut mpsc::Receiver<()>) {
    // A caller who says nothing more may still listen.
    if closing.recv().await.is_none() {
        std::future::pending::<()>().await;
    }
}

/// One after the other is begun, so that their order is that of their numbers.
async fn open_all(
    door: &Door,
    wanted: &Wanted,
    events: &Events,
    tally: &mut Tally,
    held: &mut Held,
) -> Result<(), OpenError> {
    let mut pace = wanted.per_second.map(|rate| {
        let mut pace = interval(Duration::from_secs(1) / rate);
        pace.set_missed_tick_behavior(MissedTickBehavior::Delay);
        pace
    });
    let mut report = interval(REPORT);
    report.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let (mut begun, mut sockets, mut attempts) = (0, VecDeque::new(), FuturesUnordered::new());
    loop {
        let more = begun < wanted.count && wanted.stop_after.is_none_or(|most| tally.failed() < most);
        if !more && attempts.is_empty() {
            return Ok(());
        }
        let begin = more && attempts.len() < wanted.parallel as usize;
        if begin && sockets.is_empty() {
            sockets = open_sockets(door, wanted, begun).await?;
        }
        tokio::select! {
            biased;
            Some((number, result)) = attempts.next(), if !attempts.is_empty() => {
                let result: Result<Connection, Failure> = result;
                tally.count(number, result.as_ref().err());
                if let Ok(connection) = result {
                    held.hold(connection);
                }
            }
            _ = report.tick() => {
                // A caller who is slow to listen misses some.
                let _ = events.try_send(Ok(OpenEvent::Progress(tally.clone())));
            }
            () = next(&mut pace), if begin => {
                if let Some(socket) = sockets.pop_front() {
                    begun += 1;
                    let (number, destination, timeout) = (begun, wanted.destination, wanted.timeout);
                    attempts.push(async move { (number, attempt(socket, destination, timeout).await) });
                }
            }
        }
    }
}

async fn next(pace: &mut Option<Interval>) {
    if let Some(pace) = pace {
        pace.tick().await;
    }
}

/// Sockets for the next ones behind the first `begun`.
async fn open_sockets(door: &Door, wanted: &Wanted, begun: u32) -> Result<VecDeque<Socket>, OpenError> {
    let (netns_dir, lab, wanted) = (door.netns_dir.clone(), door.lab.clone(), wanted.clone());
    let place = wanted.place.clone();
    let opened = tokio::task::spawn_blocking(move || {
        let open = |index: u32| {
            let port = wanted.source_port.map(|first| u16::try_from(u32::from(first) + index));
            let port = port.transpose().map_err(io::Error::other)?;
            Socket::open(wanted.transport, wanted.destination, port)
        };
        in_place(&netns_dir, &lab, &wanted.place, || (begun..wanted.count).take(BATCH).map(open).collect())
    });
    let opened = opened.await.map_err(io::Error::other).flatten();
    opened.map_err(|source| OpenError::Socket { place, source })
}
