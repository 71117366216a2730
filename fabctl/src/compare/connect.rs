//! One TCP connection, tried by fabctl itself in a place of a lab: a program that every machine with
//! fabctl has, and whose SYN is the kernel's own.

use std::{
    env,
    net::{Ipv4Addr, SocketAddr, TcpStream},
    process::ExitCode,
    time::Duration,
};

/// The first argument of the process that only connects.
const NAME: &str = "__connect";
/// How long an answer to the SYN may take; none is needed.
const PATIENCE: Duration = Duration::from_secs(1);

/// The command that sends a SYN to `address` and `port`.
///
/// # Errors
/// If this program's own file is not known.
pub fn command(address: Ipv4Addr, port: u16) -> anyhow::Result<Vec<String>> {
    let own = env::current_exe()?.display().to_string();
    Ok(vec![own, NAME.to_owned(), address.to_string(), port.to_string()])
}

/// Connects, if this process was started for that. Its exit code says whether somebody answered,
/// with a refusal too.
pub fn take_over() -> Option<ExitCode> {
    let mut arguments = env::args().skip(1);
    if arguments.next()? != NAME {
        return None;
    }
    let address: Ipv4Addr = arguments.next()?.parse().ok()?;
    let port: u16 = arguments.next()?.parse().ok()?;
    let tried = TcpStream::connect_timeout(&SocketAddr::from((address, port)), PATIENCE);
    let answered = match tried {
        Ok(_) => true,
        Err(error) => error.kind() == std::io::ErrorKind::ConnectionRefused,
    };
    Some(if answered { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}
