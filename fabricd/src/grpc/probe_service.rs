//! ping, tcpdump, exec and logs.

use std::{path::PathBuf, sync::Arc};

use fabric_core::{
    kernel::Kernel,
    target::{self, default_interface},
};
use fabric_proto::v1::{
    self, exec_request, exec_response, logs_response, ping_request, ping_response,
    probe_service_server::ProbeService, tcpdump_request, tcpdump_response,
};
use futures::StreamExt;
use tokio_stream::wrappers::ReceiverStream;
use tonic::{Request, Response, Status, Streaming};

use super::{
    Responses,
    incoming::{first, forward, or_default},
    status::{ToStatus, missing, not_started},
};
use crate::{
    lab::Registry,
    probe::{self, CaptureRequest, Control, Format, Input, Lifeline, Output},
    program::{Heard, Line},
};

/// Most arguments of a command, and their length together, as far as a kernel would take them.
const ARGUMENTS_MAX: usize = 1024;
const ARGUMENTS_BYTES_MAX: usize = 128 * 1024;

pub struct ProbeApi<K> {
    pub registry: Arc<Registry<K>>,
    pub netns_dir: PathBuf,
}

#[tonic::async_trait]
impl<K: Kernel> ProbeService for ProbeApi<K> {
    type ExecStream = Responses<v1::ExecResponse>;
    type PingStream = Responses<v1::PingResponse>;
    type TcpdumpStream = Responses<v1::TcpdumpResponse>;
    type LogsStream = Responses<v1::LogsResponse>;

    async fn exec(
        &self,
        request: Request<Streaming<v1::ExecRequest>>,
    ) -> Result<Response<Self::ExecStream>, Status> {
        let mut requests = request.into_inner();
        let Some(exec_request::Message::Start(start)) = first(&mut requests).await?.message else {
            return Err(missing("start"));
        };
        let v1::ExecStart { target, command, stdin, terminal, term } = start;
        check_arguments(&command)?;
        if command.is_empty() {
            return Err(missing("command"));
        }
        let v1::Target { lab, namespace, name } = target.ok_or_else(|| missing("target"))?;
        let lab = self.registry.select(&lab).map_err(|error| error.to_status())?;
        let place =
            target::find(&lab.topology, or_default(&namespace), &name).map_err(|error| error.to_status())?;
        let (input, term) = match terminal {
            Some(size) => {
                let term = if term.is_empty() { "xterm".to_owned() } else { term };
                (Input::Terminal(cells(size.rows), cells(size.columns)), Some(term))
            }
            None if stdin => (Input::Piped, None),
            None => (Input::None, None),
        };
        let entry = probe::contained(&self.netns_dir, &lab.topology, &place, command, term);
        let lifeline = Lifeline { place, open_places: lab.open_places.clone() };
        let process = probe::run(&entry, input, lifeline).map_err(|error| not_started(&error))?;
        tokio::spawn(forward(requests, process.control, |request: v1::ExecRequest| {
            Some(match request.message? {
                exec_request::Message::Start(_) => return None,
                exec_request::Message::Stdin(bytes) => Control::Stdin(bytes),
                exec_request::Message::StdinClosed(v1::StdinClosed {}) => Control::StdinClosed,
                exec_request::Message::Signal(v1::Signal { number }) => Control::Signal(number),
                exec_request::Message::Resize(v1::TerminalSize { rows, columns }) => {
                    Control::Resize(cells(rows), cells(columns))
                }
            })
        }));
        let responses = ReceiverStream::new(process.output).map(|output| {
            let message = match output {
                Output::Stdout(bytes) => exec_response::Message::Stdout(bytes),
                Output::Stderr(bytes) => exec_response::Message::Stderr(bytes),
                Output::Exited(code) => exec_response::Message::Exited(v1::Exited { code }),
            };
            Ok(v1::ExecResponse { message: Some(message) })
        });
        Ok(Response::new(responses.boxed()))
    }

    async fn ping(
        &self,
        request: Request<Streaming<v1::PingRequest>>,
    ) -> Result<Response<Self::PingStream>, Status> {
        let mut requests = request.into_inner();
        let Some(ping_request::Message::Start(start)) = first(&mut requests).await?.message else {
            return Err(missing("start"));
        };
        let v1::PingStart { source, destination, arguments } = start;
        check_arguments(&arguments)?;
        let v1::Target { lab, namespace, name } = source.ok_or_else(|| missing("source"))?;
        let namespace = or_default(&namespace);
        let lab = self.registry.select(&lab).map_err(|error| error.to_status())?;
        let place = target::find(&lab.topology, namespace, &name).map_err(|error| error.to_status())?;
        let address =
            target::address(&lab.topology, namespace, &destination).map_err(|error| error.to_status())?;
        let mut command = vec!["ping".to_owned()];
        command.extend(arguments);
        command.extend(["--".to_owned(), address.to_string()]);
        let entry = probe::direct(&self.netns_dir, &lab.topology, &place, command);
        let lifeline = Lifeline { place, open_places: lab.open_places.clone() };
        let process = probe::run(&entry, Input::None, lifeline).map_err(|error| not_started(&error))?;
        tokio::spawn(forward(requests, process.control, |request: v1::PingRequest| {
            match request.message? {
                ping_request::Message::Signal(v1::Signal { number }) => Some(Control::Signal(number)),
                ping_request::Message::Start(_) => None,
            }
        }));
        let responses = ReceiverStream::new(process.output).map(|output| {
            let message = match output {
                Output::Stdout(bytes) => ping_response::Message::Stdout(bytes),
                Output::Stderr(bytes) => ping_response::Message::Stderr(bytes),
                Output::Exited(code) => ping_response::Message::Exited(v1::Exited { code }),
            };
            Ok(v1::PingResponse { message: Some(message) })
        });
        Ok(Response::new(responses.boxed()))
    }

    async fn tcpdump(
        &self,
        request: Request<Streaming<v1::TcpdumpRequest>>,
    ) -> Result<Response<Self::TcpdumpStream>, Status> {
        let mut requests = request.into_inner();
        let Some(tcpdump_request::Message::Start(start)) = first(&mut requests).await?.message else {
            return Err(missing("start"));
        };
        let format = match start.format() {
            v1::CaptureFormat::Unspecified => return Err(missing("format")),
            v1::CaptureFormat::Text => Format::Text,
            v1::CaptureFormat::Pcap => Format::Pcap,
            v1::CaptureFormat::Pcapng => Format::Pcapng,
        };
        let v1::TcpdumpStart { lab, namespace, places, arguments, filter, format: _, in_order } = start;
        check_arguments(&arguments)?;
        let lab = self.registry.select(&lab).map_err(|error| error.to_status())?;
        let places = places.into_iter().map(|text| {
            let (name, interface) = match text.split_once(':') {
                Some((name, interface)) => (name.to_owned(), Some(interface.to_owned())),
                None => (text.clone(), None),
            };
            let place = target::find(&lab.topology, or_default(&namespace), &name)?;
            let interface = interface.unwrap_or_else(|| default_interface(&place).to_owned());
            Ok(probe::CapturePlace { label: format!("{name}:{interface}"), place, interface })
        });
        let places =
            places.collect::<Result<Vec<_>, target::TargetError>>().map_err(|error| error.to_status())?;
        let request = CaptureRequest { places, arguments, filter, format, in_order };
        let probe::Capture { events, signals } =
            probe::capture(&self.netns_dir, &lab, request).map_err(|error| error.to_status())?;
        tokio::spawn(forward(requests, signals, |request: v1::TcpdumpRequest| match request.message? {
            tcpdump_request::Message::Signal(v1::Signal { number }) => Some(number),
            tcpdump_request::Message::Start(_) => None,
        }));
        let responses = ReceiverStream::new(events).map(|event| {
            let message = match event {
                probe::CaptureEvent::Output(Output::Stdout(bytes)) => {
                    tcpdump_response::Message::Stdout(bytes)
                }
                probe::CaptureEvent::Output(Output::Stderr(bytes)) => {
                    tcpdump_response::Message::Stderr(bytes)
                }
                probe::CaptureEvent::Output(Output::Exited(code)) => {
                    tcpdump_response::Message::Exited(v1::Exited { code })
                }
                probe::CaptureEvent::Listening => tcpdump_response::Message::Listening(v1::Listening {}),
            };
            Ok(v1::TcpdumpResponse { message: Some(message) })
        });
        Ok(Response::new(responses.boxed()))
    }

    async fn logs(&self, request: Request<v1::LogsRequest>) -> Result<Response<Self::LogsStream>, Status> {
        let v1::LogsRequest { target, program, follow, tail } = request.into_inner();
        let v1::Target { lab, namespace, name } = target.ok_or_else(|| missing("target"))?;
        let lab = self.registry.select(&lab).map_err(|error| error.to_status())?;
        let place =
            target::find(&lab.topology, or_default(&namespace), &name).map_err(|error| error.to_status())?;
        let log = lab.programs.log(&place, &program).map_err(|error| error.to_status())?;
        let tail = tail.map(|tail| usize::try_from(tail).unwrap_or(usize::MAX));
        let responses = log.read(tail, follow).map(|heard| {
            let message = match heard {
                Heard::Line(line) => {
                    let Line { unix_microseconds, text } = &*line;
                    let line = v1::LogLine { unix_microseconds: *unix_microseconds, text: text.clone() };
                    logs_response::Message::Line(line)
                }
                Heard::Missed(lines) => logs_response::Message::Missed(v1::MissedLines { lines }),
            };
            Ok(v1::LogsResponse { message: Some(message) })
        });
        Ok(Response::new(responses.boxed()))
    }
}

fn check_arguments(arguments: &[String]) -> Result<(), Status> {
    let bytes: usize = arguments.iter().map(String::len).sum();
    if arguments.len() > ARGUMENTS_MAX || bytes > ARGUMENTS_BYTES_MAX {
        return Err(Status::invalid_argument(format!(
            "at most {ARGUMENTS_MAX} arguments of {ARGUMENTS_BYTES_MAX} bytes in all are taken"
        )));
    }
    if arguments.iter().any(|argument| argument.contains('\0')) {
        return Err(Status::invalid_argument("an argument holds a zero byte"));
    }
    Ok(())
}

/// A terminal's size in the kernel's width.
fn cells(number: u32) -> u16 {
    u16::try_from(number).unwrap_or(u16::MAX)
}
