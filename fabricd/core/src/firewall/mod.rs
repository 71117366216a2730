//! Azure Firewall: its classic rules, what they decide, and what its log says.
//!
//! Order of processing (Azure "Azure Firewall rule processing logic"): NAT rules, then network rules, then
//! application rules, each by priority; the first match ends it, and what matches nothing is denied.

pub mod application;
pub mod log;
mod rule;

pub use rule::{
    Action, Addresses, ApplicationProtocol, ApplicationRule, Collection, Fqdns, NatRule, NetworkRule, Ports,
    Protocol, Rules, Scheme,
};

/// Most characters that the names of a collection and of a rule in it have together: the kernel's log carries
/// both in its prefix of 127 (`NF_LOG_PREFIXLEN`), with an address and port beside them.
pub const NAMES_MAX: usize = 100;

/// The port in the firewall's place where what no network rule matched is handed to the daemon.
pub const PROXY_PORT: u16 = 8470;

/// The group of the kernel's log (`NFLOG`) that decisions go to.
pub const LOG_GROUP: u16 = 1;

/// Ports on which application rules decide, whether one names them or not: a TCP connection to them is taken
/// by the firewall first (Azure Firewall FAQ, "Why can a TCP ping … successfully connect …").
const WEB: [u16; 2] = [80, 443];

impl Rules {
    /// The TCP ports on which application rules decide, ascending.
    pub fn application_ports(&self) -> Vec<u16> {
        let rules = self.application.iter().flat_map(|collection| &collection.rules);
        let named = rules.flat_map(|rule| rule.protocols.iter().map(|protocol| protocol.port));
        let all: std::collections::BTreeSet<u16> = named.chain(WEB).collect();
        all.into_iter().collect()
    }
}
