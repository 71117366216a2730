//! Names that Azure or Kubernetes would make up. Here they are derived from the lab, so that the same
//! lab has the same names each time.

use sha2::{Digest, Sha256};

/// Kubernetes' alphabet for made-up names: without vowels and what looks like one, so that no bad words
/// come out (`k8s.io/apimachinery/pkg/util/rand`).
const SAFE: &[u8; 27] = b"bcdfghjklmnpqrstvwxz2456789";

/// The 8 digits in names of what AKS makes, such as `aks-nodepool1-11743156-vmss`.
///
/// AKS derives them too, by a hash of the cluster's DNS prefix; only their look is copied.
pub(super) fn digits(parts: &[&str]) -> String {
    const RANGE: u64 = 90_000_000;
    (10_000_000 + number(parts) % RANGE).to_string()
}

/// A pod template's hash as ReplicaSets carry it: a 32 bit number's decimal digits in the safe alphabet
/// (`rand.SafeEncodeString` in `controller.ComputeHash`; Kubernetes takes FNV where SHA-256 is used here).
pub(super) fn template_hash(parts: &[&str]) -> String {
    let hash = number(parts) & u64::from(u32::MAX);
    hash.to_string().bytes().map(safe).collect()
}

/// The last five characters of a pod's name, as `metadata.generateName` gets them.
pub(super) fn suffix(parts: &[&str]) -> String {
    digest(parts).iter().take(5).map(|&byte| safe(byte)).collect()
}

/// The 8 letters and digits in the name of a cluster's API server, such as `aks-8v0n0swv`.
pub(super) fn letters_and_digits(parts: &[&str]) -> String {
    const ALPHABET: &[u8; 36] = b"0123456789abcdefghijklmnopqrstuvwxyz";
    digest(parts).iter().take(8).map(|&byte| char::from(ALPHABET[usize::from(byte) % 36])).collect()
}

/// A UID in the form of RFC 9562 version 8 (custom), which is the one for hashes of one's own.
pub(super) fn uid(parts: &[&str]) -> String {
    let hash = digest(parts);
    let hex: String = hash.iter().take(16).map(|byte| format!("{byte:02x}")).collect();
    format!("{}-{}-8{}-a{}-{}", &hex[..8], &hex[8..12], &hex[13..16], &hex[17..20], &hex[20..])
}

fn safe(byte: u8) -> char {
    char::from(SAFE[usize::from(byte) % SAFE.len()])
}

/// A number of 64 bits.
pub(super) fn number(parts: &[&str]) -> u64 {
    digest(parts).iter().take(8).fold(0, |number, &byte| number << 8 | u64::from(byte))
}

/// No part has a slash, but perhaps the last one: so no two lists of parts give the same text.
fn digest(parts: &[&str]) -> Vec<u8> {
    Sha256::digest(parts.join("/").as_bytes()).to_vec()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn made_up_names_look_like_the_real_ones_and_stay() {
        let pool = digits(&["kubenet", "aks", "nodepool1"]);
        assert_eq!(pool.len(), 8);
        assert_eq!(pool, digits(&["kubenet", "aks", "nodepool1"]));
        assert_ne!(pool, digits(&["kubenet", "aks", "nodepool2"]));
        assert!(suffix(&["a"]).bytes().all(|c| SAFE.contains(&c)));
        assert!((1..=10).contains(&template_hash(&["a"]).len()));
        assert_eq!(uid(&["a"]).len(), 36);
    }
}
