//! The names of kube-proxy's chains: a prefix, and the hash of what they are for.
//!
//! Source: aks-facts 3.2: base32 of SHA-256, its first 16 characters, so that a name has at most 28.

use sha2::{Digest, Sha256};

/// RFC 4648's alphabet, as Go's `base32.StdEncoding` has it.
const ALPHABET: &[u8; 32] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";

/// The hash of a port of a Service: `service_port` is `NAMESPACE/NAME` or `NAMESPACE/NAME:PORT`, `protocol` is in
/// lower case. What comes after `KUBE-SVC-`, `KUBE-SVL-`, `KUBE-EXT-` and `KUBE-FW-`.
pub fn of_service_port(service_port: &str, protocol: &str) -> String {
    hash(&[service_port, protocol])
}

/// The hash of an endpoint of it; `endpoint` is `ADDRESS:PORT`. What comes after `KUBE-SEP-`.
pub fn of_endpoint(service_port: &str, protocol: &str, endpoint: &str) -> String {
    hash(&[service_port, protocol, endpoint])
}

fn hash(parts: &[&str]) -> String {
    let mut sha = Sha256::new();
    for part in parts {
        sha.update(part.as_bytes());
    }
    // Ten bytes are 80 bits, which are 16 characters of 5.
    let bits = sha.finalize().iter().take(10).fold(0u128, |bits, byte| bits << 8 | u128::from(*byte));
    (0..16).rev().map(|at| char::from(ALPHABET[(bits >> (5 * at) & 31) as usize])).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// aks-facts 3.2.
    #[test]
    fn names_are_those_of_real_clusters() {
        for (service_port, protocol, expected) in [
            ("default/kubernetes:https", "tcp", "NPX46M4PTMTKRN6Y"),
            ("kube-system/kube-dns:dns", "udp", "TCOU7JCQXEZGVUNU"),
            ("kube-system/kube-dns:dns-tcp", "tcp", "ERIFXISQEP7F7OF4"),
            ("kube-system/kube-dns:metrics", "tcp", "JD5MR3NA4I4DYORP"),
            ("kube-system/metrics-server", "tcp", "QMWWTXBG7KFJQKLO"),
            ("kube-system/metrics-server:https", "tcp", "Z4ANX4WAEWEBLCTM"),
            ("ns1/svc1:p80", "tcp", "XPGD46QRK7WJZT7O"),
            ("default/hostnames", "tcp", "YN5D6RYVEVZOH44Q"),
            ("default/nginx", "tcp", "2CMXP7HKUVJN7L6M"),
            ("default/web", "tcp", "LOLE4ISW44XBNF3G"),
            ("shop/front:http", "tcp", "LQHX3O73FPKHOFRJ"),
            ("default/sticky", "tcp", "BJWR5DPVIKTHVKZU"),
        ] {
            assert_eq!(of_service_port(service_port, protocol), expected, "{service_port}");
        }
        for (service_port, protocol, endpoint, expected) in [
            ("ns1/svc1:p80", "tcp", "10.180.0.1:80", "SXIVWICOYRO3J4NJ"),
            ("default/nginx", "tcp", "10.244.0.13:80", "RPYTXMYI33B6SF5E"),
            ("kube-system/kube-dns:dns", "udp", "10.244.0.3:53", "6E7XQMQ4RAYOWTTM"),
        ] {
            assert_eq!(of_endpoint(service_port, protocol, endpoint), expected, "{service_port}");
        }
    }
}
