//! What AKS' bootstrap and Azure's guest agent write: who may talk to the platform's servers.
//!
//! Source: aks-facts 1.1.

use super::{Rules, Table};

pub fn write(rules: &mut Rules) {
    for port in [32526, 80] {
        let rule = format!("-d 168.63.129.16/32 -p tcp -m tcp --dport {port} -j DROP");
        rules.append(Table::Filter, "FORWARD", rule);
    }
    for rule in [
        "-d 168.63.129.16/32 -p tcp -m tcp --dport 53 -j ACCEPT",
        "-d 168.63.129.16/32 -p tcp -m owner --uid-owner 0 -j ACCEPT",
        "-d 168.63.129.16/32 -p tcp -m conntrack --ctstate INVALID,NEW -j DROP",
    ] {
        rules.append(Table::Security, "OUTPUT", rule);
    }
}
