//! What chooses between endpoints: chance, and memory (`sessionAffinity: ClientIP`).

use super::service_port::Backend;

/// How xt_recent's options are printed: what it looks at is the whole source address.
const WHOLE_SOURCE: &str = "--mask 255.255.255.255 --rsource";

/// The kernel keeps a probability in units of 2^-31.
const UNIT: f64 = 2_147_483_648.0;

/// Matches one of `among` packets at random; empty if that is all of them.
///
/// kube-proxy writes ten digits, and the kernel's next value to it is printed with eleven.
pub fn chance(among: usize) -> String {
    if among <= 1 {
        return String::new();
    }
    // More than 2^32 endpoints do not come about.
    let among = f64::from(u32::try_from(among).unwrap_or(u32::MAX));
    let written = (1e10 / among).round() / 1e10;
    format!("-m statistic --mode random --probability {:.11} ", (written * UNIT).round() / UNIT)
}

/// Matches a client that came to `backend` in the last `seconds`.
pub fn remembered(backend: &Backend, seconds: u32) -> String {
    let chain = &backend.chain;
    format!("-m recent --rcheck --seconds {seconds} --reap --name {chain} {WHOLE_SOURCE} ")
}

/// Notes that a client came to `backend`.
pub fn remember(backend: &Backend) -> String {
    format!("-m recent --set --name {} {WHOLE_SOURCE} ", backend.chain)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// aks-facts 3.5.
    #[test]
    fn probabilities_are_printed_as_the_kernel_keeps_them() {
        for (among, expected) in
            [(2, "0.50000000000"), (3, "0.33333333349"), (4, "0.25000000000"), (5, "0.20000000019")]
        {
            assert_eq!(chance(among), format!("-m statistic --mode random --probability {expected} "));
        }
        assert_eq!(chance(1), "");
    }
}
