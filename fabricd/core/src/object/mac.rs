//! Link-layer addresses.

use std::fmt;

use sha2::{Digest, Sha256};

/// An Ethernet address.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Mac(pub [u8; 6]);

impl Mac {
    /// The address that every ARP question of an Azure VM is answered with: the virtual switch's.
    /// Source: aks-facts 2.3, captures on AKS nodes.
    pub const AZURE_SWITCH: Self = Self([0x12, 0x34, 0x56, 0x78, 0x9a, 0xbc]);

    /// What Azure CNI gives to the node's end of each pod's veth pair, since August 2022.
    /// Source: aks-facts 1.2.
    pub const AZURE_CNI: Self = Self([0xaa; 6]);

    /// A NIC's address under 00:0d:3a, one of Microsoft's prefixes seen on Azure VMs, the rest
    /// derived from `seed`.
    pub fn azure_nic(seed: &str) -> Self {
        let hash = Sha256::digest(seed.as_bytes());
        Self([0x00, 0x0d, 0x3a, hash[0], hash[1], hash[2]])
    }

    /// A locally administered unicast address derived from `seed`, as the kernel would draw one at
    /// random.
    pub fn local(seed: &str) -> Self {
        let hash = Sha256::digest(seed.as_bytes());
        Self([(hash[0] & 0xfc) | 0x02, hash[1], hash[2], hash[3], hash[4], hash[5]])
    }
}

impl fmt::Display for Mac {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let [a, b, c, d, e, g] = self.0;
        write!(f, "{a:02x}:{b:02x}:{c:02x}:{d:02x}:{e:02x}:{g:02x}")
    }
}

impl fmt::Debug for Mac {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}
