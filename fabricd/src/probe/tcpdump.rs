//! Captures: tcpdump at one place, or at several with what they see merged.

use std::{io, path::Path};

use fabric_core::{
    capture::arguments::{self, ArgumentError, PLACES_MAX},
    name::IfName,
    place::Place,
    target::TargetError,
};
use tokio::sync::mpsc;

use super::{
    entry::direct,
    process::{self, Control, Input, Lifeline, Output, Process},
    several::{self, Shape},
};
use crate::lab::Lab;

/// What a client asks for.
#[derive(Debug)]
pub struct CaptureRequest {
    /// Where to listen; at least one.
    pub places: Vec<CapturePlace>,
    /// tcpdump's own flags.
    pub arguments: Vec<String>,
    /// The filter expression, which may be empty.
    pub filter: String,
    /// What comes out.
    pub format: Format,
    /// Whether the order of time matters more than that a packet is shown at once.
    pub in_order: bool,
}

/// One place to listen at.
#[derive(Clone, Debug)]
pub struct CapturePlace {
    /// How its lines and interface blocks are named.
    pub label: String,
    /// Which place.
    pub place: Place,
    /// Which interface there; `any` is all.
    pub interface: String,
}

/// What a capture is sent as.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    /// tcpdump's text.
    Text,
    /// The classic file format.
    Pcap,
    /// pcapng.
    Pcapng,
}

/// What comes out of a capture.
#[derive(Debug)]
pub enum CaptureEvent {
    /// Text or bytes, tcpdump's messages, and last its exit code.
    Output(Output),
    /// Packets that are sent from now on are seen at every place.
    Listening,
}

/// A running capture, which ends when its events are no longer wanted.
pub struct Capture {
    /// What comes out of it.
    pub events: mpsc::Receiver<CaptureEvent>,
    /// Signals for tcpdump, by number.
    pub signals: mpsc::Sender<i32>,
}

/// Why a capture cannot begin.
#[derive(Debug, thiserror::Error)]
pub enum CaptureError {
    /// A flag or the filter is refused.
    #[error(transparent)]
    Arguments(#[from] ArgumentError),
    /// There is no such place.
    #[error(transparent)]
    Target(#[from] TargetError),
    /// That can be no interface's name.
    #[error("`{0}` is no interface name")]
    Interface(String),
    /// None, or too many.
    #[error("a capture has 1 to {PLACES_MAX} places")]
    Places,
    /// The classic format has room for one place.
    #[error("several places need pcapng")]
    Format,
    /// tcpdump could not be started.
    #[error("cannot start tcpdump")]
    Start(#[source] io::Error),
}

/// Starts tcpdump at all places of `request`.
///
/// # Errors
/// If the request is refused or tcpdump cannot be started.
pub fn capture(netns_dir: &Path, lab: &Lab, request: CaptureRequest) -> Result<Capture, CaptureError> {
    let CaptureRequest { places, arguments, filter, format, in_order } = request;
    if !(1..=PLACES_MAX).contains(&places.len()) {
        return Err(CaptureError::Places);
    }
    for place in &places {
        IfName::new(&*place.interface).map_err(|_| CaptureError::Interface(place.interface.clone()))?;
    }
    arguments::check_filter(&filter)?;
    let flags = arguments::flags(&arguments)?;
    let alone = places.len() == 1;
    let (own, shape) = match format {
        Format::Text if alone => (arguments.clone(), None),
        Format::Pcap if alone => (binary(&arguments), None),
        Format::Pcap => return Err(CaptureError::Format),
        Format::Text => {
            let mut own = vec!["-tt".to_owned()];
            own.extend(flags.rest.iter().cloned());
            // Two places see a packet within a microsecond.
            own.push("--nano".to_owned());
            (own, Some(Shape::Text { style: flags.time, nanoseconds: flags.nanoseconds }))
        }
        Format::Pcapng => (binary(&flags.rest), Some(Shape::Pcapng)),
    };
    let buffer = BUFFER_MAX.min(BUFFERS_MAX / places.len());
    let start = |place: &CapturePlace| {
        let command = command(&place.interface, buffer, &own, &filter);
        let entry = direct(netns_dir, &lab.topology, &place.place, command);
        let lifeline = Lifeline { place: place.place.clone(), open_places: lab.open_places.clone() };
        process::run(&entry, Input::None, lifeline).map_err(CaptureError::Start)
    };
    let processes = places.iter().map(start).collect::<Result<Vec<_>, _>>()?;
    let labels = places.into_iter().map(|place| place.label).collect();
    let (sender, events) = mpsc::channel(64);
    let (signals, received) = mpsc::channel(4);
    match (shape, processes) {
        (Some(shape), processes) => {
            tokio::spawn(several::merge(processes, labels, (shape, in_order), flags.count, sender, received));
        }
        (None, mut processes) => {
            if let Some(process) = processes.pop() {
                tokio::spawn(pass_on(process, sender, received));
            }
        }
    }
    Ok(Capture { events, signals })
}

/// Room for packets that tcpdump has not read yet, in KiB. In immediate mode libpcap keeps a whole snapshot
/// length, 256 KiB, for each: with its own 2 MiB every burst of more than eight would lose some.
const BUFFER_MAX: usize = 32 * 1024;
/// The same for all places of a capture together.
const BUFFERS_MAX: usize = 8 * BUFFER_MAX;

/// `-Z root`: there is no other user in a user namespace. `--immediate-mode`: packets come out as they
/// come in, not in blocks of a second. `-B`: a later one of the user's own counts.
fn command(interface: &str, buffer: usize, own: &[String], filter: &str) -> Vec<String> {
    let buffer = buffer.to_string();
    let fixed = ["tcpdump", "-Z", "root", "--immediate-mode", "-B", &buffer, "-l", "-i", interface];
    let mut command: Vec<String> = fixed.map(str::to_owned).into();
    command.extend(own.iter().cloned());
    if !filter.is_empty() {
        command.extend(["--".to_owned(), filter.to_owned()]);
    }
    command
}

fn binary(flags: &[String]) -> Vec<String> {
    let mut own: Vec<String> = ["-U", "-w", "-"].map(str::to_owned).into();
    own.extend(flags.iter().cloned());
    own
}

/// One place: everything as tcpdump has it.
async fn pass_on(mut process: Process, events: mpsc::Sender<CaptureEvent>, mut signals: mpsc::Receiver<i32>) {
    let mut said = Vec::new();
    let mut listening = false;
    let mut open = true;
    loop {
        let output = tokio::select! {
            output = process.output.recv() => match output {
                Some(output) => output,
                None => return,
            },
            signal = signals.recv(), if open => {
                match signal {
                    Some(number) => { let _ = process.control.send(Control::Signal(number)).await; }
                    None => open = false,
                }
                continue;
            }
            () = events.closed() => return,
        };
        let mut begins = false;
        if let Output::Stderr(bytes) = &output
            && !listening
        {
            said.extend_from_slice(bytes);
            begins = is_listening(&said);
        }
        if events.send(CaptureEvent::Output(output)).await.is_err() {
            return;
        }
        if begins {
            listening = true;
            if events.send(CaptureEvent::Listening).await.is_err() {
                return;
            }
        }
    }
}

/// Whether tcpdump has said that its socket is there.
pub fn is_listening(said: &[u8]) -> bool {
    const WORDS: &[u8] = b"listening on ";
    let line = said.windows(WORDS.len()).position(|window| window == WORDS);
    line.is_some_and(|at| said[at..].contains(&b'\n'))
}
