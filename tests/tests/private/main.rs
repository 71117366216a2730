//! A private daemon, as any user starts one: labs on the real kernel, seen by the command line.

mod capture;
mod changes;
mod documents;
mod events;
mod exec;
mod files;
mod lifetime;
mod looks_like_aks;
mod looks_like_azure_cni;
mod reachability;

use std::process::ExitCode;

fn main() -> ExitCode {
    let mut tests = vec![];
    tests.extend(looks_like_aks::TESTS);
    tests.extend(looks_like_azure_cni::TESTS);
    tests.extend(reachability::TESTS);
    tests.extend(capture::TESTS);
    tests.extend(changes::TESTS);
    tests.extend(exec::TESTS);
    tests.extend(files::TESTS);
    tests.extend(lifetime::TESTS);
    tests.extend(documents::TESTS);
    tests.extend(events::TESTS);
    fabric_tests::run(tests).exit_code()
}
