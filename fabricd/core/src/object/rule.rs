//! Routing policy rules.

use std::fmt;

use ipnet::IpNet;

use crate::name::IfName;

/// A rule that picks a routing table. Conditions that are absent match everything.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rule {
    /// Smaller first; the rule's identity. Not 0, 32766 (the main table) and 32767, the kernel's own.
    pub priority: u32,
    /// The link that the packet came in by; `lo` for packets of the namespace's own.
    pub input: Option<IfName>,
    /// The packet's source.
    pub from: Option<IpNet>,
    /// The mark that packet filter rules have given the packet, all 32 bits of it; not 0.
    pub mark: Option<u32>,
    /// The table to look up.
    pub table: u32,
}

impl fmt::Display for Rule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "rule {} from ", self.priority)?;
        match self.from {
            Some(from) => write!(f, "{from}")?,
            None => f.write_str("all")?,
        }
        if let Some(mark) = self.mark {
            write!(f, " fwmark {mark:#x}")?;
        }
        if let Some(input) = &self.input {
            write!(f, " iif {input}")?;
        }
        write!(f, " lookup {}", self.table)
    }
}
