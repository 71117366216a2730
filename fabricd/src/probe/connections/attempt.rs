//! One connection that is tried.

use std::{
    io,
    net::{Ipv4Addr, Ipv6Addr, SocketAddr},
    time::Duration,
};

use nix::errno::Errno;
use tokio::{
    net::{TcpSocket, TcpStream, UdpSocket},
    time::timeout,
};

use super::Transport;

/// What a datagram says.
const QUESTION: &[u8] = b"fabctl connections open\n";

/// A socket that belongs to its place, and not to the runtime yet.
pub enum Socket {
    Tcp(TcpSocket),
    Udp(std::net::UdpSocket),
}

/// A connection that stands.
pub enum Connection {
    Tcp(TcpStream),
    Udp(UdpSocket),
}

/// Why a connection does not stand.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Failure {
    /// In general.
    pub kind: FailureKind,
    /// As the end of a sentence: `timed out after 3 s`.
    pub text: String,
}

/// Why a connection does not stand, in general.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum FailureKind {
    /// Nobody has answered.
    TimedOut,
    /// Nobody listens there.
    Refused,
    /// Somebody on the way, or the place itself, knows no way.
    Unreachable,
    /// Something else, such as a source port that is taken.
    Other,
}

impl Socket {
    /// Opens one in the calling thread's namespace.
    pub fn open(transport: Transport, destination: SocketAddr, source_port: Option<u16>) -> io::Result<Self> {
        let any =
            if destination.is_ipv4() { Ipv4Addr::UNSPECIFIED.into() } else { Ipv6Addr::UNSPECIFIED.into() };
        let source = SocketAddr::new(any, source_port.unwrap_or(0));
        match transport {
            Transport::Tcp => {
                let socket = if destination.is_ipv4() { TcpSocket::new_v4()? } else { TcpSocket::new_v6()? };
                if source_port.is_some() {
                    // A connection that was closed a minute ago still has its port otherwise.
                    socket.set_reuseaddr(true)?;
                    socket.bind(source)?;
                }
                Ok(Self::Tcp(socket))
            }
            Transport::Udp => {
                let socket = std::net::UdpSocket::bind(source)?;
                socket.set_nonblocking(true)?;
                Ok(Self::Udp(socket))
            }
        }
    }
}

/// Connects; a SYN is repeated by the kernel meanwhile, a datagram is not.
pub async fn attempt(
    socket: Socket,
    destination: SocketAddr,
    patience: Duration,
) -> Result<Connection, Failure> {
    match timeout(patience, connect(socket, destination)).await {
        Ok(Ok(connection)) => Ok(connection),
        Ok(Err(error)) if error.kind() == io::ErrorKind::TimedOut => Err(timed_out(patience)),
        Ok(Err(error)) => Err(Failure::of(&error)),
        Err(_) => Err(timed_out(patience)),
    }
}

async fn connect(socket: Socket, destination: SocketAddr) -> io::Result<Connection> {
    match socket {
        Socket::Tcp(socket) => socket.connect(destination).await.map(Connection::Tcp),
        Socket::Udp(socket) => {
            let socket = UdpSocket::from_std(socket)?;
            socket.connect(destination).await?;
            socket.send(QUESTION).await?;
            // What does not fit is thrown away: that there is an answer is all that counts.
            socket.recv(&mut [0; 16]).await?;
            Ok(Connection::Udp(socket))
        }
    }
}

fn timed_out(patience: Duration) -> Failure {
    let text = match patience.subsec_millis() {
        0 => format!("timed out after {} s", patience.as_secs()),
        _ => format!("timed out after {} ms", patience.as_millis()),
    };
    Failure { kind: FailureKind::TimedOut, text }
}

impl Failure {
    fn of(error: &io::Error) -> Self {
        let kind = match error.kind() {
            io::ErrorKind::ConnectionRefused => FailureKind::Refused,
            io::ErrorKind::HostUnreachable | io::ErrorKind::NetworkUnreachable => FailureKind::Unreachable,
            _ => FailureKind::Other,
        };
        let reason = error.raw_os_error().map(|number| Errno::from_raw(number).desc().to_owned());
        let reason = reason.unwrap_or_else(|| error.to_string());
        let text = match kind {
            FailureKind::Refused => "refused".to_owned(),
            FailureKind::Unreachable => format!("unreachable ({reason})"),
            FailureKind::TimedOut | FailureKind::Other => reason,
        };
        Self { kind, text }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn failures_are_told_in_words() {
        let of = |errno: Errno| {
            let failure = Failure::of(&io::Error::from(errno));
            (failure.kind, failure.text)
        };
        assert_eq!(of(Errno::ECONNREFUSED), (FailureKind::Refused, "refused".to_owned()));
        let (kind, text) = of(Errno::EHOSTUNREACH);
        assert_eq!((kind, text.as_str()), (FailureKind::Unreachable, "unreachable (No route to host)"));
        assert_eq!(of(Errno::ENETUNREACH).0, FailureKind::Unreachable);
        assert_eq!(of(Errno::EADDRINUSE), (FailureKind::Other, "Address already in use".to_owned()));
        assert_eq!(timed_out(Duration::from_secs(3)).text, "timed out after 3 s");
        assert_eq!(timed_out(Duration::from_millis(1500)).text, "timed out after 1500 ms");
    }
}
