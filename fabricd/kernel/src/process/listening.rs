//! Whether somebody in a place serves a port.

use std::{fs, io, path::Path, thread};

use crate::namespace::Namespace;

/// `TCP_LISTEN` of the kernel, as `/proc/net/tcp` writes it.
const LISTEN: &str = "0A";

/// Whether a socket of the namespace `netns` listens on the TCP port, at whatever address. Blocking.
///
/// # Errors
/// If the namespace cannot be entered or read.
pub fn listens(netns: &Path, port: u16) -> io::Result<bool> {
    // A thread of its own, since it ends in another namespace than it began in.
    let looking = thread::scope(|scope| scope.spawn(|| look(netns, port)).join());
    looking.unwrap_or_else(|_| Err(io::Error::other("the thread panicked")))
}

fn look(netns: &Path, port: u16) -> io::Result<bool> {
    let namespace = Namespace::open(netns)?.ok_or_else(|| io::Error::other("the file is no namespace"))?;
    namespace.enter()?;
    // The second is missing where there is no IPv6.
    let tables = ["tcp", "tcp6"].map(|table| fs::read_to_string(format!("/proc/thread-self/net/{table}")));
    Ok(tables.into_iter().flatten().any(|table| has_listener(&table, port)))
}

/// Lines are `sl local_address rem_address st …`, addresses with their ports in hexadecimal digits.
fn has_listener(table: &str, port: u16) -> bool {
    table.lines().skip(1).any(|line| {
        let mut fields = line.split_ascii_whitespace().skip(1);
        let local = fields.next().and_then(|local| local.rsplit_once(':'));
        let local = local.and_then(|(_, port)| u16::from_str_radix(port, 16).ok());
        local == Some(port) && fields.nth(1) == Some(LISTEN)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_listeners_of_the_port_count() {
        let table = "  sl  local_address rem_address   st tx_queue\n\
            \x20  0: 00000000:0C38 00000000:0000 0A 00000000:00000000\n\
            \x20  1: 0400E00A:01BB 0A00E00A:8000 01 00000000:00000000\n";
        assert!(has_listener(table, 3128));
        assert!(!has_listener(table, 443), "that is a connection");
        assert!(!has_listener(table, 80));
    }
}
