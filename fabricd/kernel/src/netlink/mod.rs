//! Netlink: the messages of each kind of object, and a transport that reports every refusal.
//!
//! The transport is our own because it must never say "done" without the kernel's word: each batch
//! ends with an acknowledgement, each refusal is matched to the message that it is about, and a lost
//! answer is an error after [`socket::PATIENCE`].

pub(crate) mod address;
mod batch;
pub(crate) mod connected_route;
pub(crate) mod conntrack;
mod dump;
pub(crate) mod flow_log;
pub(crate) mod generation;
pub(crate) mod link;
pub(crate) mod neighbour;
pub(crate) mod nsid;
pub(crate) mod qdisc;
pub(crate) mod route;
pub(crate) mod rule;
mod socket;

use netlink_packet_core::{NLM_F_CREATE, NLM_F_EXCL, NLM_F_REPLACE, NLM_F_REQUEST};
use netlink_packet_route::RouteNetlinkMessage;

pub(crate) use batch::{Batch, Refused};
pub(crate) use socket::Socket;

/// A message that changes something, with the flags that say how.
pub(crate) struct Request {
    pub(crate) message: RouteNetlinkMessage,
    pub(crate) flags: u16,
}

impl Request {
    /// Makes something that must not be there yet.
    pub(crate) fn create(message: RouteNetlinkMessage) -> Self {
        Self { message, flags: NLM_F_REQUEST | NLM_F_CREATE | NLM_F_EXCL }
    }

    /// Makes something, or puts it in the place of what has the same identity.
    pub(crate) fn replace(message: RouteNetlinkMessage) -> Self {
        Self { message, flags: NLM_F_REQUEST | NLM_F_CREATE | NLM_F_REPLACE }
    }

    /// Changes or removes something that is there.
    pub(crate) fn change(message: RouteNetlinkMessage) -> Self {
        Self { message, flags: NLM_F_REQUEST }
    }
}
