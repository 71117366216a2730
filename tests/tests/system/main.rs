//! A system daemon, whose labs outlive it. The tests run in namespaces of their own, where
//! `/run/netns` is theirs alone.

mod takeover;

use std::process::ExitCode;

fn main() -> ExitCode {
    // Before any thread exists; what the tests leave would end with this process, but they look first.
    if let Err(error) = fabric_kernel::isolation::enter(|| {}) {
        eprintln!("cannot enter namespaces of my own: {error}");
        return ExitCode::FAILURE;
    }
    let mut arguments = libtest_mimic::Arguments::from_args();
    // They share /run.
    arguments.test_threads = Some(1);
    let trials = takeover::TESTS.into_iter().map(|(name, test)| {
        libtest_mimic::Trial::test(name, move || {
            test();
            Ok(())
        })
    });
    libtest_mimic::run(&arguments, trials.collect()).exit_code()
}
