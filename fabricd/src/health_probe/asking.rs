//! One question and its answer, in the words of the kubelet.

use std::{io, net::TcpStream, time::Duration};

use fabric_core::health_probe::{HealthProbe, Question, Subject};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    time::timeout,
};

/// Most bytes of an answer that are read for its status.
const HEAD_MAX: u64 = 1024;

/// Asks by a connection that was begun.
///
/// # Errors
/// Why it is no good answer, as the kubelet says it.
pub async fn ask(probe: &HealthProbe, begun: io::Result<TcpStream>) -> Result<(), String> {
    let patience = Duration::from_secs(probe.rhythm.timeout.into());
    let told = match timeout(patience, ask_by(probe, begun)).await {
        Ok(Ok(None)) => return Ok(()),
        Ok(Ok(Some(status))) => format!("HTTP probe failed with statuscode: {status}"),
        Ok(Err(error)) => failure(probe, &words(&error)),
        Err(_) => failure(
            probe,
            match probe.question {
                Question::Tcp => "i/o timeout",
                Question::Http { .. } => {
                    "context deadline exceeded (Client.Timeout exceeded while awaiting headers)"
                }
            },
        ),
    };
    Err(match probe.subject {
        Subject::Pod { .. } => format!("Readiness probe failed: {told}"),
        Subject::Backend { .. } => format!("Health probe failed: {told}"),
    })
}

fn failure(probe: &HealthProbe, words: &str) -> String {
    let to = probe.to;
    match &probe.question {
        Question::Tcp => format!("dial tcp {to}: {words}"),
        Question::Http { path, .. } => format!("Get \"http://{to}{path}\": {words}"),
    }
}

fn words(error: &io::Error) -> String {
    match error.kind() {
        io::ErrorKind::ConnectionRefused => "connect: connection refused".to_owned(),
        io::ErrorKind::HostUnreachable => "connect: no route to host".to_owned(),
        io::ErrorKind::NetworkUnreachable => "connect: network is unreachable".to_owned(),
        io::ErrorKind::ConnectionReset => "read: connection reset by peer".to_owned(),
        io::ErrorKind::UnexpectedEof => "EOF".to_owned(),
        _ => error.to_string(),
    }
}

/// The status of an answer that is not good.
async fn ask_by(probe: &HealthProbe, begun: io::Result<TcpStream>) -> io::Result<Option<u16>> {
    let mut stream = tokio::net::TcpStream::from_std(begun?)?;
    stream.writable().await?;
    if let Some(error) = stream.take_error()? {
        return Err(error);
    }
    // The kernel may say that something can be written before there is a connection.
    stream.peer_addr()?;
    let Question::Http { path, user_agent, headers, last_good } = &probe.question else { return Ok(None) };
    let mut request = format!("GET {path} HTTP/1.1\r\n");
    let has = |name: &str| headers.iter().any(|(known, _)| known.eq_ignore_ascii_case(name));
    let own =
        [("Host", probe.to.to_string()), ("User-Agent", user_agent.clone()), ("Accept", "*/*".to_owned())];
    let own = own.into_iter().filter(|(name, _)| !has(name)).map(|(name, value)| (name.to_owned(), value));
    for (name, value) in own.chain(headers.iter().cloned()) {
        request.push_str(&format!("{name}: {value}\r\n"));
    }
    request.push_str("Connection: close\r\n\r\n");
    stream.write_all(request.as_bytes()).await?;
    let mut head = vec![];
    let mut reader = (&mut stream).take(HEAD_MAX);
    while !head.contains(&b'\n') {
        if reader.read_buf(&mut head).await? == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
    }
    let status = status(&head).ok_or_else(|| io::Error::other("malformed HTTP response"))?;
    Ok((!(200..=*last_good).contains(&status)).then_some(status))
}

/// Of a line such as `HTTP/1.1 200 OK`.
fn status(head: &[u8]) -> Option<u16> {
    let line = std::str::from_utf8(head.split(|byte| *byte == b'\n').next()?).ok()?;
    let (version, rest) = line.split_once(' ')?;
    version.starts_with("HTTP/1.").then(|| rest.get(..3)?.parse().ok()).flatten()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_status_is_read_from_the_first_line() {
        assert_eq!(status(b"HTTP/1.1 200 OK\r\nA: b\r\n"), Some(200));
        assert_eq!(status(b"HTTP/1.0 503\r\n"), Some(503));
        for bad in [&b"HTTP/1.1 2\r\n"[..], b"SSH-2.0-x\r\n", b"\n", b"\xff\n", b"HTTP/2 200\n"] {
            assert_eq!(status(bad), None, "{bad:?}");
        }
    }
}
