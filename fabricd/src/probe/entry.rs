//! How a program gets into a place.

use std::path::Path;

use fabric_core::{environment::environment, identity, place::Place, topology::Topology};
use fabric_kernel::process::Entry;

/// A program of the daemon's choosing (ping, tcpdump), which needs no process tree of its own.
pub fn direct(netns_dir: &Path, topology: &Topology, place: &Place, command: Vec<String>) -> Entry {
    let identity = identity::identity(topology, place);
    Entry {
        netns: netns_dir.join(place.netns_name(&topology.lab)),
        hostname: identity.hostname,
        files: identity.files,
        contained: false,
        sees_namespaces: !matches!(place, Place::Pod { .. }),
        terminal: false,
        command,
        environment: environment(topology, place),
    }
}

/// A command of the user's, with a process tree of its own that ends with it.
pub fn contained(
    netns_dir: &Path,
    topology: &Topology,
    place: &Place,
    command: Vec<String>,
    term: Option<String>,
) -> Entry {
    let mut entry = direct(netns_dir, topology, place, command);
    (entry.contained, entry.terminal) = (true, term.is_some());
    // What a manifest says of TERM is about its own program.
    entry.environment.extend(term.map(|term| ("TERM".to_owned(), term)));
    entry
}
