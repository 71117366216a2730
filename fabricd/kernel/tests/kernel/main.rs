//! The real kernel, in namespaces that nothing else uses: as root and as an ordinary user.
//!
//! No test sleeps; nothing is made in the machine's own network namespace.

mod conntrack;
mod differences;
mod doctor;
mod faults;
mod isolation;
mod kube_proxy;
mod lab;
mod load_balancer;
mod objects;
mod ordinary_user;
mod packets;
mod processes;
mod routing;
mod scale;
mod services;
mod sockets;

use fabric_core::kernel::Kernel;
use libtest_mimic::{Arguments, Failed, Trial};

fn main() {
    fabric_kernel::process::run_if_asked();
    isolation::probe_if_asked();
    let arguments = Arguments::from_args();
    if let Err(error) = fabric_kernel::isolation::enter(|| ()) {
        eprintln!("{error}: {}", error.source);
        std::process::exit(1);
    }
    let trials = [
        objects::trials(),
        faults::trials(),
        conntrack::trials(),
        load_balancer::trials(),
        differences::trials(),
        packets::trials(),
        routing::trials(),
        processes::trials(),
        isolation::trials(),
        kube_proxy::trials(),
        doctor::trials(),
        scale::trials(),
        services::trials(),
        sockets::trials(),
        ordinary_user::trials(),
    ];
    let trials = trials.into_iter().flatten().map(unless_impossible).collect();
    libtest_mimic::run(&arguments, trials).exit();
}

/// Skips, aloud, what this machine's kernel cannot do.
fn unless_impossible(trial: Trial) -> Trial {
    if trial.name() != faults::NEEDS_NETEM || lab::kernel().machine().netem {
        return trial;
    }
    eprintln!("skipped: {}: this kernel has no netem (CONFIG_NET_SCH_NETEM)", trial.name());
    trial.with_ignored_flag(true)
}

/// Tests by the names of their functions.
pub fn trials(module: &str, tests: &[(&str, fn())]) -> Vec<Trial> {
    let trial = |&(name, test): &(&str, fn())| {
        Trial::test(format!("{module}::{name}"), move || {
            test();
            Ok::<(), Failed>(())
        })
    };
    tests.iter().map(trial).collect()
}

/// A list of tests for [`trials`].
#[macro_export]
macro_rules! tests {
    ($($name:ident),* $(,)?) => {
        pub fn trials() -> Vec<libtest_mimic::Trial> {
            $crate::trials(module_path!().rsplit("::").next().unwrap(), &[$((stringify!($name), $name as fn())),*])
        }
    };
}
