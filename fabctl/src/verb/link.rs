//! `fabctl link`.

use clap::{Args, Subcommand};
use fabric_core::fault;
use fabric_proto::v1::{LinkClear, LinkDown, LinkSet, LinkUp, change_fault_request::Change};

use super::{
    fault::{ChangeFormat, change},
    get::Get,
};
use crate::{cli::Global, output::Format};

/// Break links on purpose: cut them, slow them down, lose packets
///
/// A link joins two interfaces: a pod's eth0 and its end in the node, a VM's eth0 and its port of the
/// virtual switch. A fault stays with the lab, whatever is applied to it, until it is lifted, its link is
/// gone or the lab is deleted. `fabctl apply` keeps it and says `unchanged`.
#[derive(Debug, Args)]
#[command(after_long_help = "\
A link is named by one of its ends, TARGET or TARGET:INTERFACE:
  a, pod/a, node/NAME:cbr0, vm/NAME, machine/NAME, host/NODE:vm0, host/NODE:pa0 …
  Without INTERFACE it is the one that `fabctl tcpdump TARGET` listens to.

Examples:
  fabctl link down pod/a
  fabctl link up pod/a
  fabctl link set pod/a --delay 50ms --jitter 5ms
  fabctl link set node/NAME --loss 10% --rate 10mbit
  fabctl link clear pod/a
  fabctl link list")]
pub struct Link {
    #[command(subcommand)]
    action: Action,
}

#[derive(Debug, Subcommand)]
enum Action {
    Down(Down),
    Up(Up),
    Set(Set),
    Clear(Clear),
    List(List),
}

/// Which link, and how to say what came of it.
#[derive(Debug, Args)]
struct End {
    /// One of the link's ends
    #[arg(value_name = "TARGET[:INTERFACE]")]
    end: String,
    /// How to print
    #[arg(short, long, value_enum)]
    output: Option<ChangeFormat>,
}

/// Set one end of a link down, as `ip link set INTERFACE down` does
///
/// The interface shows `state DOWN` and loses its routes and neighbours; the other end shows NO-CARRIER and
/// keeps them.
#[derive(Debug, Args)]
#[command(after_long_help = "\
Examples:
  fabctl link down pod/a
  fabctl link down node/NAME:cbr0           the bridge of all pods of a kubenet node
  fabctl link down host/NODE:pa0            an Azure host's way to all others")]
struct Down {
    #[command(flatten)]
    end: End,
}

/// Set a link up again, whichever end is down
///
/// Everything comes back that it had lost.
#[derive(Debug, Args)]
#[command(after_long_help = "\
Example:
  fabctl link up pod/a")]
struct Up {
    #[command(flatten)]
    end: End,
}

/// Delay packets, lose them, or hold them to a rate, with netem
///
/// It acts in each direction of the link: a delay of 50ms makes the round trip 100ms longer, and a loss of 10%
/// loses 19% of all pings. tcpdump shows a packet where it is sent only once its delay is over, and a lost one
/// nowhere, as netem stands in front of the wire. What is not named stays as it was set before; 0 takes it
/// away.
#[derive(Debug, Args)]
#[command(after_long_help = "\
Examples:
  fabctl link set pod/a --delay 50ms
  fabctl link set pod/a --delay 50ms --jitter 5ms --loss 0.5%
  fabctl link set node/NAME --rate 10mbit
  fabctl link set pod/a --loss 0            the delay stays

Needs netem in the kernel (sch_netem); `fabctl doctor` says whether it is there.")]
struct Set {
    #[command(flatten)]
    end: End,
    /// Time that each packet waits: 50ms, 300us, 1s; at most 60s
    #[arg(long, value_name = "TIME", value_parser = fault::time)]
    delay: Option<u32>,
    /// How much longer or shorter it may wait; packets can overtake each other
    #[arg(long, value_name = "TIME", value_parser = fault::time)]
    jitter: Option<u32>,
    /// Packets that are lost by chance: 10%, 0.5%
    #[arg(long, value_name = "SHARE", value_parser = fault::loss)]
    loss: Option<u32>,
    /// What gets through in a second: 10mbit, 512kbit
    #[arg(long, value_name = "RATE", value_parser = fault::rate)]
    rate: Option<u64>,
}

/// No longer delay packets, lose them or hold them back
#[derive(Debug, Args)]
#[command(after_long_help = "\
Example:
  fabctl link clear pod/a")]
struct Clear {
    #[command(flatten)]
    end: End,
}

/// Show what is broken on purpose; the same as `fabctl get faults`
#[derive(Debug, Args)]
#[command(after_long_help = "\
Examples:
  fabctl link list
  fabctl link list -o json")]
struct List {
    /// How to print
    #[arg(short, long, value_enum, default_value_t = Format::Table)]
    output: Format,
}

impl Link {
    /// Asks the daemon for it.
    pub async fn run(self, global: &Global) -> anyhow::Result<u8> {
        let (end, wanted) = match self.action {
            Action::Down(Down { end }) => (end, Change::LinkDown(LinkDown {})),
            Action::Up(Up { end }) => (end, Change::LinkUp(LinkUp {})),
            Action::Clear(Clear { end }) => (end, Change::LinkClear(LinkClear {})),
            Action::Set(Set { end, delay, jitter, loss, rate }) => {
                let set = LinkSet {
                    delay_microseconds: delay,
                    jitter_microseconds: jitter,
                    loss_per_million: loss,
                    rate_bits_per_second: rate,
                };
                (end, Change::LinkSet(set))
            }
            Action::List(List { output }) => return Get::faults(output).run(global).await,
        };
        let End { end, output } = end;
        change(global, end, wanted, output).await
    }
}
