//! One connection of a client, and how it ends.

use std::{
    io,
    net::{Ipv4Addr, SocketAddr, SocketAddrV4},
    pin::Pin,
    task::{Context, Poll},
    time::Duration,
};

use nix::sys::socket::{getsockopt, setsockopt, sockopt};
use tokio::{
    io::{AsyncRead, AsyncWrite, ReadBuf},
    net::TcpStream,
};

use super::IDLE;

/// How long the kernel may try to bring the last bytes to a client that is silent. Until then the connection
/// keeps its namespace alive, although it is closed.
const LAST_WORDS: Duration = Duration::from_secs(5);

/// A connection. Dropped before it was shut down it is reset, so that nothing of it stays in a place that is
/// to go.
#[derive(Debug)]
pub struct Client {
    stream: TcpStream,
    /// The client's address, as the server sees it.
    pub address: SocketAddr,
    /// The address that it came to.
    pub server: SocketAddr,
    is_shut_down: bool,
}

impl Client {
    /// The connection `stream` from `address`.
    ///
    /// # Errors
    /// If it is gone already.
    pub fn new(stream: TcpStream, address: SocketAddr) -> io::Result<Self> {
        stream.set_nodelay(true)?;
        // Nor is a client kept that takes nothing of what it was sent.
        setsockopt(&stream, sockopt::TcpUserTimeout, &milliseconds(IDLE))?;
        let server = stream.local_addr()?;
        Ok(Self { stream, address, server, is_shut_down: false })
    }

    /// The address that it was sent to before rules redirected it here.
    ///
    /// # Errors
    /// If it was not redirected.
    pub fn redirected_from(&self) -> io::Result<SocketAddrV4> {
        let address = getsockopt(&self.stream, sockopt::OriginalDst)?;
        Ok(SocketAddrV4::new(
            Ipv4Addr::from(u32::from_be(address.sin_addr.s_addr)),
            u16::from_be(address.sin_port),
        ))
    }

    /// Waits until there is something to read, or the end.
    ///
    /// # Errors
    /// If the connection fails.
    pub async fn readable(&self) -> io::Result<()> {
        self.stream.readable().await
    }

    /// Reads what is there now.
    ///
    /// # Errors
    /// `WouldBlock` if nothing is.
    pub fn try_read(&self, buffer: &mut [u8]) -> io::Result<usize> {
        self.stream.try_read(buffer)
    }
}

impl Drop for Client {
    fn drop(&mut self) {
        // Each can fail only where there is no connection any more.
        if self.is_shut_down {
            let _ = setsockopt(&self.stream, sockopt::TcpUserTimeout, &milliseconds(LAST_WORDS));
        } else {
            let _ = self.stream.set_zero_linger();
        }
    }
}

fn milliseconds(time: Duration) -> u32 {
    u32::try_from(time.as_millis()).unwrap_or(u32::MAX)
}

impl AsyncRead for Client {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_read(context, buffer)
    }
}

impl AsyncWrite for Client {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write(context, buffer)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffers: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write_vectored(context, buffers)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.is_shut_down = true;
        Pin::new(&mut self.stream).poll_shutdown(context)
    }
}
