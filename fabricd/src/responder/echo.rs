//! Port 7, and ports of pods without HTTP: whom the server sees, and back whatever comes.

use std::{io, time::Duration};

use fabric_core::listener::{Listener, Protocol, answer};
use tokio::{
    io::AsyncWriteExt,
    net::UdpSocket,
    time::{error::Elapsed, timeout},
};

use super::client::Client;

/// Bytes that are given back at once.
const PORTION: usize = 4_096;

/// Datagrams that are answered before others have their turn.
const AT_ONCE: usize = 64;

/// Speaks with one client until it ends, or nothing has moved for the time `idle`.
///
/// # Errors
/// If the connection fails or is idle.
pub async fn stream(mut client: Client, idle: Duration) -> io::Result<()> {
    let greeting = answer::greeting(client.address);
    timeout(idle, client.write_all(greeting.as_bytes())).await.map_err(too_long)??;
    loop {
        timeout(idle, client.readable()).await.map_err(too_long)??;
        // Thousands of connections wait, and few have something to say: only these have memory for it.
        let mut portion = vec![0; PORTION];
        match client.try_read(&mut portion) {
            Ok(0) => return client.shutdown().await,
            Ok(length) => {
                timeout(idle, client.write_all(&portion[..length])).await.map_err(too_long)??;
            }
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
            Err(error) => return Err(error),
        }
    }
}

fn too_long(_: Elapsed) -> io::Error {
    io::ErrorKind::TimedOut.into()
}

/// Answers each datagram, for ever.
///
/// # Errors
/// If the socket can no longer be waited for.
pub async fn datagrams(listener: &Listener, socket: &UdpSocket) -> io::Result<()> {
    loop {
        socket.readable().await?;
        answer_some(listener, socket);
        tokio::task::yield_now().await;
    }
}

fn answer_some(listener: &Listener, socket: &UdpSocket) {
    let mut payload = vec![0; answer::DATAGRAM_MAX];
    for _ in 0..AT_ONCE {
        match socket.try_recv_from(&mut payload) {
            Ok((length, client)) => {
                // Datagrams may get lost: one whose way back is full or missing is.
                let answer = match &listener.protocol {
                    Protocol::Pod(server) => server.datagram(client, &payload[..length]),
                    _ => Some(answer::datagram(client, &payload[..length])),
                };
                let _ = answer.map(|answer| socket.try_send_to(&answer, client));
            }
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => return,
            // Told of an earlier answer, such as that nobody has taken it.
            Err(_) => {}
        }
    }
}
