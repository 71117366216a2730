//! A private daemon, as any user starts one: labs on the real kernel, seen by the command line.

mod capture;
mod changes;
mod compare;
mod connections;
mod dns;
mod documents;
mod egress;
mod events;
mod exec;
mod faults;
mod files;
mod firewall;
mod http_proxy;
mod lifetime;
mod looks_like_aks;
mod looks_like_azure_cni;
mod questions;
mod reachability;
mod servers;
mod services;
mod snat;
mod workload_verbs;
mod workloads;

use std::process::ExitCode;

fn main() -> ExitCode {
    let mut tests = vec![];
    tests.extend(looks_like_aks::TESTS);
    tests.extend(looks_like_azure_cni::TESTS);
    tests.extend(reachability::TESTS);
    tests.extend(snat::TESTS);
    tests.extend(egress::TESTS);
    tests.extend(services::TESTS);
    tests.extend(questions::TESTS);
    tests.extend(capture::TESTS);
    tests.extend(changes::TESTS);
    tests.extend(connections::TESTS);
    tests.extend(exec::TESTS);
    tests.extend(faults::TESTS);
    tests.extend(files::TESTS);
    tests.extend(http_proxy::TESTS);
    tests.extend(firewall::TESTS);
    tests.extend(lifetime::TESTS);
    tests.extend(documents::TESTS);
    tests.extend(events::TESTS);
    tests.extend(compare::TESTS);
    tests.extend(servers::TESTS);
    tests.extend(workload_verbs::TESTS);
    tests.extend(workloads::TESTS);
    tests.extend(dns::TESTS);
    let skipped = if *faults::NETEM { None } else { Some(("this kernel has no netem", faults::NETEM_TESTS)) };
    if skipped.is_none() {
        tests.extend(faults::NETEM_TESTS);
    }
    let skipped = skipped.into_iter().flat_map(|(reason, tests)| tests.map(|(name, _)| (name, reason)));
    fabric_tests::run_without(tests, skipped.collect()).exit_code()
}
