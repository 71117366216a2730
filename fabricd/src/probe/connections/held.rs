//! Connections that stand, until they are closed.

use std::{
    io,
    sync::{
        Arc,
        atomic::{AtomicU32, Ordering},
    },
    time::Duration,
};

use nix::sys::socket::{setsockopt, sockopt};
use tokio::{io::AsyncWriteExt, net::TcpStream, sync::watch, task::JoinSet, time::timeout};

use super::attempt::Connection;

/// How long the other side may take to end too. Who gets no answer would be answered with RST otherwise.
const PATIENCE: Duration = Duration::from_secs(1);
/// How long, in milliseconds, the kernel may go on telling the other side of the end: until then a connection
/// that is closed keeps its namespace alive.
const LAST_WORDS: u32 = 5_000;

/// How a connection ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Farewell {
    /// In good order.
    Fin,
    /// At once; nothing stays in the kernel.
    Reset,
}

/// Connections, each with a task that reads what nobody asks for and sees its end.
pub struct Held {
    tasks: JoinSet<()>,
    farewell: watch::Sender<Option<Farewell>>,
    lost: Arc<AtomicU32>,
}

impl Default for Held {
    fn default() -> Self {
        Self { tasks: JoinSet::new(), farewell: watch::Sender::new(None), lost: Arc::default() }
    }
}

impl Held {
    /// Holds one more.
    pub fn hold(&mut self, connection: Connection) {
        let (mut farewell, lost) = (self.farewell.subscribe(), self.lost.clone());
        self.tasks.spawn(async move {
            match connection {
                Connection::Udp(_socket) => {
                    let _ = farewell.wait_for(Option::is_some).await;
                }
                Connection::Tcp(stream) => {
                    let farewell = tokio::select! {
                        () = end(&stream) => {
                            lost.fetch_add(1, Ordering::Relaxed);
                            return;
                        }
                        // An error means that the holder has gone.
                        said = farewell.wait_for(Option::is_some) => said.ok().and_then(|said| *said),
                    };
                    close(stream, farewell.unwrap_or(Farewell::Reset)).await;
                }
            }
        });
    }

    /// Closes all, and says how many had ended before.
    pub async fn close(mut self, farewell: Farewell) -> u32 {
        self.farewell.send_replace(Some(farewell));
        while self.tasks.join_next().await.is_some() {}
        self.lost.load(Ordering::Relaxed)
    }
}

async fn close(mut stream: TcpStream, farewell: Farewell) {
    // Each can fail only where there is no connection any more.
    match farewell {
        Farewell::Reset => {
            let _ = stream.set_zero_linger();
        }
        Farewell::Fin => {
            let _ = setsockopt(&stream, sockopt::TcpUserTimeout, &LAST_WORDS);
            let _ = stream.shutdown().await;
            let _ = timeout(PATIENCE, end(&stream)).await;
        }
    }
}

/// Returns when the other side has ended, or the connection has.
async fn end(stream: &TcpStream) {
    let mut portion = [0; 512];
    loop {
        if stream.readable().await.is_err() {
            return;
        }
        match stream.try_read(&mut portion) {
            Ok(1..) => {}
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
            Ok(0) | Err(_) => return,
        }
    }
}
