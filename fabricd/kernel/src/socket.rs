//! Sockets of a place, for the daemon itself.
//!
//! A socket belongs for ever to the namespace of the thread that opened it, wherever it is used later. So a
//! thread enters the place, opens, and ends; and the socket is read and written by whoever has it. It keeps
//! the namespace alive: it must be closed before the place is removed.

use std::{io, path::Path, thread};

use fabric_core::{name::LabName, place::Place};

use crate::namespace::Namespace;

/// Runs `work` on a thread of its own that has entered `place` of `lab`, whose namespaces are named in
/// `netns_dir`. Blocking; the calling thread stays where it is.
///
/// # Errors
/// `NotFound` if there is no such place, else that of entering it or of `work`.
pub fn in_place<T: Send>(
    netns_dir: &Path,
    lab: &LabName,
    place: &Place,
    work: impl FnOnce() -> io::Result<T> + Send,
) -> io::Result<T> {
    let path = netns_dir.join(place.netns_name(lab));
    thread::scope(|scope| {
        let worker = thread::Builder::new().spawn_scoped(scope, || {
            // A file without a namespace is what a crash leaves.
            let namespace = Namespace::open(&path)?.ok_or(io::ErrorKind::NotFound)?;
            namespace.enter()?;
            drop(namespace);
            work()
        })?;
        worker.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic))
    })
}
