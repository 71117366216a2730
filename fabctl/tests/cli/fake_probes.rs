//! Programs in the places of a daemon that is none.

use std::sync::atomic::{AtomicUsize, Ordering};

use fabric_proto::v1::{probe_service_server::ProbeService, *};
use tokio::sync::mpsc;
use tokio_stream::wrappers::ReceiverStream;
use tonic::{Request, Response, Status, Streaming};

use crate::fake::{Answers, answers};

/// What a terminal sends for Ctrl-D; the canned command ends at it.
const CONTROL_D: u8 = 4;

pub struct CannedProbes;

/// Says what it was asked; to `http://web`, three pods answer one after the other, and the fourth request is
/// refused. Nobody is at `http://nowhere`, and `http://wrong` is none.
fn curl(target: &Target, command: &[String]) -> Vec<exec_response::Message> {
    static REQUESTS: AtomicUsize = AtomicUsize::new(0);
    use exec_response::Message;
    let said = |text: &str| Message::Stderr(text.as_bytes().to_vec());
    let exited = |code| Message::Exited(Exited { code });
    let url = command.iter().skip_while(|word| *word != "--url").nth(1).unwrap();
    match url.as_str() {
        "http://web" => match REQUESTS.fetch_add(1, Ordering::Relaxed) % 4 {
            3 => vec![
                said("*   connect to 10.0.0.9 port 80 failed: Connection refused\ncurl: (7) Failed\n"),
                exited(7),
            ],
            number => {
                let json = format!(
                    "{{\"pod\":\"web-{number}\",\"node\":\"n0\",\"client\":\"10.0.0.{number}:999\"}}\n"
                );
                vec![Message::Stdout(json.into_bytes()), exited(0)]
            }
        },
        "http://nowhere" => vec![said("curl: (6) Could not resolve host: nowhere\n"), exited(6)],
        "http://wrong" => vec![said("curl: (3) URL using bad/illegal format or missing URL\n"), exited(3)],
        _ => {
            let Target { lab, namespace, name } = target;
            let text = format!("{lab}:{namespace}:{name} {}\n", command.join(" "));
            vec![Message::Stdout(text.into_bytes()), exited(0)]
        }
    }
}

async fn next(requests: &mut Streaming<ExecRequest>, stdin: bool) -> Option<exec_request::Message> {
    if stdin { requests.message().await.unwrap()?.message } else { None }
}

#[tonic::async_trait]
impl ProbeService for CannedProbes {
    type ExecStream = Answers<ExecResponse>;
    type PingStream = Answers<PingResponse>;
    type TcpdumpStream = Answers<TcpdumpResponse>;
    type LogsStream = Answers<LogsResponse>;

    /// Says what it was asked, and with `-f` that the client was too slow.
    async fn logs(&self, request: Request<LogsRequest>) -> Result<Response<Self::LogsStream>, Status> {
        use logs_response::Message;
        let LogsRequest { target, program, follow, tail } = request.into_inner();
        let Target { lab, namespace, name } = target.unwrap();
        let text = format!("{lab}:{namespace}:{name} {program:?} {tail:?}");
        let mut all = vec![Message::Line(LogLine { unix_microseconds: 1_700_000_000_000_001, text })];
        if follow {
            all.push(Message::Missed(MissedLines { lines: 12 }));
        }
        Ok(answers(all.into_iter().map(|message| Ok(LogsResponse { message: Some(message) })).collect()))
    }

    /// Says what it was asked, gives back the input, and ends with 7.
    async fn exec(
        &self,
        request: Request<Streaming<ExecRequest>>,
    ) -> Result<Response<Self::ExecStream>, Status> {
        let mut requests = request.into_inner();
        let Some(exec_request::Message::Start(start)) = requests.message().await?.and_then(|one| one.message)
        else {
            return Err(Status::invalid_argument("no start"));
        };
        let (sender, receiver) = mpsc::channel(8);
        let send = |message| Ok(ExecResponse { message: Some(message) });
        tokio::spawn(async move {
            use exec_response::Message;
            let target = start.target.unwrap();
            if start.command[0] == "curl" {
                for message in curl(&target, &start.command) {
                    let _ = sender.send(send(message)).await;
                }
                return;
            }
            let size = start.terminal.map(|size| format!(" {} {}x{}", start.term, size.rows, size.columns));
            let size = size.unwrap_or_default();
            let asked = format!("{} {:?} stdin={}{size}\n", target.name, start.command, start.stdin);
            let _ = sender.send(send(Message::Stdout(asked.into_bytes()))).await;
            while let Some(message) = next(&mut requests, start.stdin).await {
                match message {
                    exec_request::Message::Stdin(bytes) if bytes == [CONTROL_D] => break,
                    exec_request::Message::Stdin(bytes) => {
                        let _ = sender.send(send(Message::Stdout(bytes))).await;
                    }
                    exec_request::Message::Resize(size) => {
                        let text = format!("{}x{}\n", size.rows, size.columns);
                        let _ = sender.send(send(Message::Stdout(text.into_bytes()))).await;
                    }
                    _ => break,
                }
            }
            let _ = sender.send(send(Message::Stderr(b"done\n".to_vec()))).await;
            let _ = sender.send(send(Message::Exited(Exited { code: 7 }))).await;
        });
        Ok(Response::new(Box::pin(ReceiverStream::new(receiver))))
    }

    /// Says what it was asked; with `-c` ends with 1, without waits for a signal.
    async fn ping(
        &self,
        request: Request<Streaming<PingRequest>>,
    ) -> Result<Response<Self::PingStream>, Status> {
        let mut requests = request.into_inner();
        let Some(ping_request::Message::Start(start)) = requests.message().await?.and_then(|one| one.message)
        else {
            return Err(Status::invalid_argument("no start"));
        };
        let (sender, receiver) = mpsc::channel(8);
        let send = |message| Ok(PingResponse { message: Some(message) });
        tokio::spawn(async move {
            use ping_response::Message;
            let PingStart { source, destination, arguments } = start;
            let Target { lab, namespace, name } = source.unwrap();
            let asked = format!("PING from {lab}:{namespace}:{name} to {destination} {arguments:?}\n");
            let _ = sender.send(send(Message::Stdout(asked.into_bytes()))).await;
            if !arguments.contains(&"-c".to_owned()) {
                let signal = requests.message().await.unwrap();
                let _ =
                    sender.send(send(Message::Stdout(format!("{:?}\n", signal.unwrap()).into_bytes()))).await;
            }
            let _ = sender.send(send(Message::Exited(Exited { code: 1 }))).await;
        });
        Ok(Response::new(Box::pin(ReceiverStream::new(receiver))))
    }

    /// Gives back what it was asked as the capture.
    async fn tcpdump(
        &self,
        request: Request<Streaming<TcpdumpRequest>>,
    ) -> Result<Response<Self::TcpdumpStream>, Status> {
        use tcpdump_response::Message;
        let first = request.into_inner().message().await?.and_then(|one| one.message);
        let Some(tcpdump_request::Message::Start(start)) = first else {
            return Err(Status::invalid_argument("no start"));
        };
        if start.places.iter().any(|place| place.starts_with("nowhere")) {
            return Err(Status::not_found("lab `kubenet` has no `nowhere`"));
        }
        let send = |message| Ok(TcpdumpResponse { message: Some(message) });
        Ok(answers(vec![
            send(Message::Stderr(b"listening on eth0\n".to_vec())),
            send(Message::Listening(Listening {})),
            send(Message::Stdout(format!("{start:?}\n").into_bytes())),
            send(Message::Exited(Exited { code: 0 })),
        ]))
    }
}
