//! The log of a firewall's rules, from the kernel to its readers.

use std::{io, os::fd::OwnedFd};

use fabric_core::firewall::log::{Packet, Prefix};
use fabric_kernel::flow_log::{Logged, receive};
use tokio::{io::Interest, net::UnixDatagram};

use crate::flow_log::FlowLog;

/// Writes down what `socket` is told, for ever.
///
/// # Errors
/// If the socket cannot be read.
pub async fn write_down(socket: OwnedFd, log: &FlowLog) -> io::Result<()> {
    // Whatever its family: all that is asked of it is whether there is something to read.
    let socket = UnixDatagram::from_std(socket.into())?;
    loop {
        for Logged { prefix, packet } in socket.async_io(Interest::READABLE, || receive(&socket)).await? {
            // A learner's own rules may log there too.
            if let Some((prefix, packet)) = Prefix::parse(&prefix).zip(Packet::parse(&packet)) {
                log.write(prefix.entry(&packet));
            }
        }
    }
}
