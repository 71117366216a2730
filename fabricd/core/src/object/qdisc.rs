//! netem, the queueing discipline that makes a link slow, lossy or narrow.

use std::fmt;

use super::LinkRef;
use crate::fault::Impairment;

/// Packets that wait at the same time, as `tc` has it where nobody says otherwise. A burst of TCP
/// segments (GSO) is one.
pub const NETEM_LIMIT: u32 = 1000;

/// netem as the root queueing discipline of a link: it acts on what the link sends.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Netem {
    /// The link.
    pub link: LinkRef,
    /// Packets that may wait; what comes beyond is lost. Blueprints have [`NETEM_LIMIT`].
    pub limit: u32,
    /// What happens to them.
    pub impairment: Impairment,
}

impl fmt::Display for Netem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { link, limit, impairment } = self;
        write!(f, "qdisc netem dev {link} limit {limit} {impairment}")
    }
}
