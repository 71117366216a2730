//! Packet filter and NAT rules: all of one program in one namespace, loaded in one transaction.

mod difference;

use std::{fmt, sync::Arc};

pub use difference::difference;

/// Whose language the rules are in.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Program {
    /// `nft -f`: the Azure side.
    Nft,
    /// `iptables-nft-restore`: what stands on AKS nodes.
    Iptables,
}

/// A whole rule set. It replaces what the namespace had of that program.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ruleset {
    /// Its language.
    pub program: Program,
    /// Its text, with no value in it that a name could break out of.
    pub text: Arc<str>,
}

impl fmt::Display for Ruleset {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let program = match self.program {
            Program::Nft => "nft",
            Program::Iptables => "iptables",
        };
        write!(f, "{program} rules, {} lines", self.text.lines().count())
    }
}
