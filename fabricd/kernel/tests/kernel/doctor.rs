//! The doctor finds this machine, which has everything that labs need, well.

use fabric_kernel::doctor::{CheckResult, examine};

crate::tests!(this_machine_is_well);

fn this_machine_is_well() {
    let checks = examine(Some(16384));
    let optional = ["traceroute", "curl", "ipset", "open files", "netem"];
    for check in &checks {
        let well = check.result == CheckResult::Ok || optional.contains(&check.name);
        assert!(well, "{check:?}");
        assert_eq!(check.result == CheckResult::Ok, check.advice.is_empty(), "{check:?}");
    }
    assert!(checks.iter().any(|check| check.name == "nft" && check.found.starts_with("nftables v")));
}
