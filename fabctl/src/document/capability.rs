//! What this machine can do.

use std::{env, path::Path};

use fabric_core::document::Capability;

/// The first of `wanted` that is missing here.
pub fn first_missing(wanted: &[Capability]) -> Option<&Capability> {
    wanted.iter().find(|capability| !is_there(capability))
}

fn is_there(capability: &Capability) -> bool {
    match capability {
        Capability::Root => nix::unistd::geteuid().is_root(),
        Capability::Ipv6 => Path::new("/proc/sys/net/ipv6").is_dir(),
        Capability::Netem => netem(),
        Capability::Program(name) => {
            let path = env::var_os("PATH").unwrap_or_default();
            let sbin = ["/usr/local/sbin", "/usr/sbin", "/sbin"].map(Into::into);
            env::split_paths(&path).chain(sbin).any(|folder| folder.join(name).is_file())
        }
    }
}

/// Whether the module is loaded, built in, or can be loaded.
fn netem() -> bool {
    let release = std::fs::read_to_string("/proc/sys/kernel/osrelease").unwrap_or_default();
    let modules = Path::new("/lib/modules").join(release.trim());
    let listed = |file: &str| {
        std::fs::read_to_string(modules.join(file)).is_ok_and(|text| text.contains("/sch_netem.ko"))
    };
    Path::new("/sys/module/sch_netem").is_dir() || listed("modules.builtin") || listed("modules.dep")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_missing_is_named() {
        let wanted =
            [Capability::Program("sh".to_owned()), Capability::Program("no-such-program".to_owned())];
        assert_eq!(first_missing(&wanted), Some(&wanted[1]));
        assert_eq!(first_missing(&wanted[..1]), None);
    }
}
