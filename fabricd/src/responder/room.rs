//! How many connections there is room for.

use std::{
    fs::File,
    io,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use fabric_core::listener::Listener;
use futures::FutureExt;
use nix::errno::Errno;
use tokio::{
    net::TcpListener,
    sync::{OwnedSemaphorePermit, Semaphore},
};

/// Most connections that are held in all, of all labs. With fewer than 16,384 files allowed it is half of them:
/// the other half is for the daemon's own work.
pub const CONNECTIONS_MAX: usize = 8_192;

/// Most connections that one socket holds.
pub const LISTENER_CONNECTIONS_MAX: usize = 4_096;

/// How long to wait when the machine has no room for another file.
const PAUSE: Duration = Duration::from_millis(100);

/// Room for connections. Who finds none is refused with a reset; nobody is sent away for another.
#[derive(Debug)]
pub struct Room {
    all: Arc<Semaphore>,
    /// Closed to have room for one file, which is then refused.
    spare: Mutex<Option<File>>,
    all_max: usize,
}

/// One socket's part of the room.
#[derive(Debug)]
pub struct Part {
    free: Arc<Semaphore>,
    /// Whether somebody has been refused and been written of.
    is_known_full: AtomicBool,
}

impl Default for Part {
    fn default() -> Self {
        let free = Arc::new(Semaphore::new(LISTENER_CONNECTIONS_MAX));
        Self { free, is_known_full: AtomicBool::new(false) }
    }
}

/// A taken place. It is free again when this is dropped.
#[derive(Debug)]
pub struct Taken {
    _in_all: OwnedSemaphorePermit,
    _here: OwnedSemaphorePermit,
}

impl Room {
    /// All of it is free. `files` is how many files the daemon may have open.
    pub fn new(files: u64) -> Self {
        let half = usize::try_from(files / 2).unwrap_or(usize::MAX);
        let all_max = half.min(CONNECTIONS_MAX);
        Self { all: Arc::new(Semaphore::new(all_max)), spare: Mutex::new(spare()), all_max }
    }

    /// A place for one more connection of the socket `listener`, whose part is `part`.
    pub fn take(&self, part: &Part, listener: &Listener) -> Option<Taken> {
        let here = part.free.clone().try_acquire_owned().ok();
        let taken = here.zip(self.all.clone().try_acquire_owned().ok());
        if taken.is_none() {
            // Once each time that it is full, not for each of thousands.
            if !part.is_known_full.swap(true, Ordering::Relaxed) {
                tracing::warn!(%listener, "no room for more connections: new ones are reset");
            }
        } else if self.is_half_free(part) {
            part.is_known_full.store(false, Ordering::Relaxed);
        }
        taken.map(|(here, in_all)| Taken { _in_all: in_all, _here: here })
    }

    fn is_half_free(&self, part: &Part) -> bool {
        let half = |semaphore: &Semaphore, max: usize| semaphore.available_permits() >= max / 2;
        half(&part.free, LISTENER_CONNECTIONS_MAX) && half(&self.all, self.all_max)
    }

    /// After an error of accepting: whoever waits is refused, if it was for lack of files.
    pub async fn refuse_for(&self, error: &io::Error, listener: &TcpListener) {
        // Of the connection that was to come: it is gone already.
        if matches!(error.kind(), io::ErrorKind::ConnectionAborted | io::ErrorKind::Interrupted) {
            return;
        }
        if is_shortage(error) && self.refuse_one(listener) {
            return;
        }
        tokio::time::sleep(PAUSE).await;
    }

    /// Says whether nobody waits any more, or one less.
    fn refuse_one(&self, listener: &TcpListener) -> bool {
        let mut kept = self.spare.lock().unwrap_or_else(PoisonError::into_inner);
        drop(kept.take());
        let refused = match listener.accept().now_or_never() {
            Some(Ok((stream, _))) => {
                let _ = stream.set_zero_linger();
                true
            }
            // Somebody else has had the room.
            Some(Err(_)) => false,
            // The kernel looks for room before it looks whether anybody is there.
            None => true,
        };
        *kept = spare();
        refused
    }
}

fn is_shortage(error: &io::Error) -> bool {
    let errno = error.raw_os_error().map(Errno::from_raw);
    matches!(errno, Some(Errno::EMFILE | Errno::ENFILE))
}

fn spare() -> Option<File> {
    File::open("/dev/null").ok()
}
