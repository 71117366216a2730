//! Kernel parameters of a namespace.

use std::fmt;

use crate::name::IfName;

/// One parameter.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sysctl {
    /// Path below `/proc/sys`, such as `net/ipv4/ip_forward`.
    pub path: String,
    /// Its value as the kernel prints it, without a line break.
    pub value: String,
    /// The link it belongs to, if it is one of a link: it is then set after the link's birth.
    pub link: Option<IfName>,
}

impl Sysctl {
    /// A parameter of the whole namespace.
    pub fn global(path: &str, value: &str) -> Self {
        Self { path: path.to_owned(), value: value.to_owned(), link: None }
    }

    /// `net/FAMILY/CLASS/LINK/NAME`, such as `net/ipv4/conf/eth0/proxy_arp` for `of_link("ipv4/conf", …)`.
    pub fn of_link(class: &str, link: &IfName, name: &str, value: &str) -> Self {
        Self { path: format!("net/{class}/{link}/{name}"), value: value.to_owned(), link: Some(link.clone()) }
    }
}

impl fmt::Display for Sysctl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "sysctl {}={}", self.path.replace('/', "."), self.value)
    }
}
