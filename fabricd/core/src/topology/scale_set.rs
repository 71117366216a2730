//! Names of VM scale sets and of the nodes in them.

use super::derived_name::digits;

/// Longest name of a scale set here: the node's name is 6 characters longer and, as a host name, a label
/// of at most 63.
pub(super) const NAME_MAX: usize = 57;

/// `aks-<pool>-<8 digits>-vmss` (aks-facts 1.1).
pub(super) fn default_name(lab: &str, cluster: &str, pool: &str) -> String {
    format!("aks-{pool}-{}-vmss", digits(&[lab, cluster, pool]))
}

/// The name of the node that is instance number `instance` of `scale_set`.
///
/// Six digits to the base 36. The scale set writes them in upper case, Kubernetes in lower case
/// (aks-facts 1.1, after the Azure VMSS team's blog).
pub fn node_name(scale_set: &str, instance: u32) -> String {
    let mut digits = ['0'; 6];
    let mut rest = instance;
    for digit in digits.iter_mut().rev() {
        *digit = char::from_digit(rest % 36, 36).unwrap_or('0');
        rest /= 36;
    }
    scale_set.chars().chain(digits).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn instance_numbers_are_base_36() {
        for (instance, name) in [(0, "x000000"), (10, "x00000a"), (35, "x00000z"), (1146, "x0000vu")] {
            assert_eq!(node_name("x", instance), name);
        }
    }

    #[test]
    fn a_scale_set_is_called_as_aks_calls_it() {
        let name = default_name("lab", "aks", "nodepool1");
        assert!(name.starts_with("aks-nodepool1-") && name.ends_with("-vmss"), "{name}");
        assert_eq!(name.len(), "aks-nodepool1-12345678-vmss".len());
        assert!(default_name("lab", "aks", "abcdefghijkl").len() <= NAME_MAX);
    }
}
