//! `fabctl node`.

use clap::{Args, Subcommand};
use fabric_proto::v1::{MachineStart, MachineStop, change_fault_request::Change};

use super::fault::{ChangeFormat, change};
use crate::cli::Global;

/// Stop and start nodes and VMs
///
/// A machine that is stopped gets and sends nothing: its port of the virtual switch is down, and its eth0
/// shows NO-CARRIER. `fabctl get nodes` shows it NotReady; pods stay where they are, as on Kubernetes in the
/// first five minutes. It is a cut, not the end of processes: what runs in it by `fabctl exec` goes on, and
/// pods of one node still reach each other.
#[derive(Debug, Args)]
#[command(after_long_help = "\
Examples:
  fabctl node stop aks-nodepool1-11743156-vmss000001
  fabctl node start aks-nodepool1-11743156-vmss000001
  fabctl node stop vm/db
  fabctl get nodes
  fabctl get faults")]
pub struct Node {
    #[command(subcommand)]
    action: Action,
}

#[derive(Debug, Subcommand)]
enum Action {
    /// Stop a node or VM
    Stop(Machine),
    /// Start it again
    Start(Machine),
}

#[derive(Debug, Args)]
struct Machine {
    /// Its name, or node/NAME, vm/NAME
    #[arg(value_name = "NAME")]
    name: String,
    /// How to print
    #[arg(short, long, value_enum)]
    output: Option<ChangeFormat>,
}

impl Node {
    /// Asks the daemon for it.
    pub async fn run(self, global: &Global) -> anyhow::Result<u8> {
        let (Machine { name, output }, wanted) = match self.action {
            Action::Stop(machine) => (machine, Change::MachineStop(MachineStop {})),
            Action::Start(machine) => (machine, Change::MachineStart(MachineStart {})),
        };
        change(global, name, wanted, output).await
    }
}
