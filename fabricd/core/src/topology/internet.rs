//! The emulated internet: servers with documentation addresses (RFC 5737).

use std::net::Ipv4Addr;

use super::{public_address::PublicAddresses, unique::Names};
use crate::{
    name::check_label,
    spec::{LabSpec, problem::Problem, suggest::quoted, tree::At},
};

/// What there is beyond Azure.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Internet {
    /// In the order of the file.
    pub servers: Vec<Server>,
}

/// A server on the internet.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Server {
    /// Unique among servers; a label of at most 63 characters.
    pub name: String,
    /// Its address.
    pub address: Ipv4Addr,
    /// The names that it is known by, in lower case.
    pub fqdns: Vec<String>,
}

/// Checks the servers of the file, or gives the two that there are without.
pub(super) fn resolve(
    spec: &LabSpec,
    addresses: &mut PublicAddresses<'_>,
    problems: &mut Vec<Problem>,
) -> Internet {
    let at = spec.lab.at().key("internet").key("servers");
    let Some(written) = spec.lab.value.internet.as_ref().filter(|_| !at.is_unwritten()) else {
        return Internet { servers: default_servers(addresses) };
    };
    let mut names = Names::of("a server");
    let mut fqdns = Names::of("a name on the internet");
    let mut servers = vec![];
    for (index, server) in written.servers.iter().enumerate() {
        let at = at.item(index);
        names.claim(&server.name, at.key("name").span(), problems);
        if let Err(error) = check_label(&server.name, 63) {
            problems.push(Problem::new(at.key("name").span(), error.to_string()));
        }
        let owner = format!("the server `{}`", server.name);
        addresses.take(server.ip_address.0, &owner, at.key("ipAddress"), problems);
        for (number, fqdn) in server.fqdns.iter().enumerate() {
            let at = at.key("fqdns").item(number);
            fqdns.claim(fqdn, at.span(), problems);
            check_fqdn(fqdn, at, problems);
        }
        servers.push(Server {
            name: server.name.clone(),
            address: server.ip_address.0,
            fqdns: server.fqdns.iter().map(|fqdn| fqdn.to_ascii_lowercase()).collect(),
        });
    }
    Internet { servers }
}

/// Two, so that one can see what holds for a destination and what for all.
fn default_servers(addresses: &mut PublicAddresses<'_>) -> Vec<Server> {
    let server = |(domain, last): (&str, u8)| Server {
        name: domain.replace('.', "-"),
        address: Ipv4Addr::new(203, 0, 113, last),
        fqdns: vec![domain.to_owned(), format!("www.{domain}")],
    };
    let free = |server: &Server| addresses.take_silently(server.address);
    [("example.com", 10), ("example.org", 20)].map(server).into_iter().filter(free).collect()
}

/// Labels of letters, digits and `-` with dots between; at most 253 characters (RFC 1123, 2.1).
pub(super) fn is_fqdn(name: &str) -> bool {
    name.len() <= 253 && name.split('.').all(|label| check_label(&label.to_ascii_lowercase(), 63).is_ok())
}

fn check_fqdn(name: &str, at: At<'_>, problems: &mut Vec<Problem>) {
    if !is_fqdn(name) || !name.contains('.') {
        let message = format!("{} is not a domain name", quoted(name));
        problems.push(Problem::new(at.span(), message).help("write it like www.example.com"));
    }
}
