//! Signals that the user sends to fabctl and means for the program in the lab.

use fabric_proto::v1::Signal;
use nix::libc::{SIGINT, SIGQUIT, SIGTERM};
use tokio::{
    signal::unix::{SignalKind, signal},
    sync::mpsc,
};

/// What becomes of SIGTERM.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Terminate {
    /// The program gets SIGINT, and ends in good order.
    AsInterrupt,
    /// The program gets SIGTERM.
    Forward,
}

/// Sends signals on as messages. The second SIGINT or SIGTERM ends fabctl, which ends the call and
/// with it the program in the lab.
///
/// # Errors
/// If signals cannot be caught.
pub fn forward<T: Send + 'static>(
    requests: mpsc::Sender<T>,
    terminate: Terminate,
    message: fn(Signal) -> T,
) -> std::io::Result<()> {
    let mut interrupts = signal(SignalKind::interrupt())?;
    let mut quits = signal(SignalKind::quit())?;
    let mut terminations = signal(SignalKind::terminate())?;
    tokio::spawn(async move {
        let mut asked = false;
        loop {
            let received = tokio::select! {
                _ = interrupts.recv() => SIGINT,
                _ = quits.recv() => SIGQUIT,
                _ = terminations.recv() => SIGTERM,
            };
            if received != SIGQUIT && std::mem::replace(&mut asked, true) {
                std::process::exit(128 + received);
            }
            let number = match (received, terminate) {
                (SIGTERM, Terminate::AsInterrupt) => SIGINT,
                _ => received,
            };
            if requests.send(message(Signal { number })).await.is_err() {
                return;
            }
        }
    });
    Ok(())
}
