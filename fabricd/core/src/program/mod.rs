//! Programs that run in a place as long as the lab does.
//!
//! Which there are follows from the topology; starting them, keeping them alive and what they print is the
//! daemon's.

pub mod container;
mod tinyproxy;

use crate::{fault::Faults, place::Place, topology::Topology};

/// A program of a place.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Program {
    /// Where it runs.
    pub place: Place,
    /// Unique in its place.
    pub name: String,
    /// The program, looked for in `PATH`, and its arguments. No shell reads them.
    pub command: Vec<String>,
    /// Absolute paths and what they hold for this program alone.
    pub files: Vec<(String, String)>,
    /// The TCP port that it serves; it is ready when something listens there. Without one it is ready at once.
    pub port: Option<u16>,
    /// The Debian package that has it, if a lab cannot be made without it.
    pub package: Option<String>,
    /// Its variables, if they are others than those of its place.
    pub environment: Option<Vec<(String, String)>>,
    /// What happens when it ends.
    pub restart: Restart,
    /// The pod that it is a container of, as `CLUSTER/NAMESPACE/NAME`: that is ready only while this runs.
    pub pod: Option<String>,
}

/// What happens when a program ends (`restartPolicy`).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Restart {
    /// It is started again.
    #[default]
    Always,
    /// It is started again unless its exit code is 0.
    OnFailure,
    /// Nothing.
    Never,
}

/// Most programs that the containers of a lab run: each is three processes.
pub const CONTAINER_PROGRAMS_MAX: usize = 250;

/// All programs of a lab with these faults, in the order of the file: a VM that is stopped runs none.
pub fn programs(topology: &Topology, faults: &Faults) -> Vec<Program> {
    let proxies = topology.virtual_machines.iter().filter_map(tinyproxy::of);
    let all = proxies.chain(container::of(topology));
    all.filter(|program| !faults.is_stopped(&program.place)).collect()
}
