//! What the end-to-end tests share: a daemon of their own, fabctl, and looking for what is left.

mod background;
mod residue;
mod session;

pub use background::Background;
pub use residue::{Process, Residue};
pub use session::{Session, labs, program};

use std::time::{Duration, Instant};

/// Longest that anything may take that a test waits for.
pub const PATIENCE: Duration = Duration::from_secs(20);

/// Waits until `condition` holds.
///
/// # Panics
/// If it does not within [`PATIENCE`].
pub fn wait_until(what: &str, mut condition: impl FnMut() -> bool) {
    let begun = Instant::now();
    while !condition() {
        assert!(begun.elapsed() < PATIENCE, "waited {PATIENCE:?} for this: {what}");
        std::thread::yield_now();
    }
}

/// Runs the tests as a harness of cargo's would, and gives the process's exit code.
pub fn run(tests: Vec<(&'static str, fn())>) -> libtest_mimic::Conclusion {
    run_without(tests, vec![])
}

/// As [`run`]; the tests `skipped`, each with a reason, are printed and counted as ignored.
pub fn run_without(
    tests: Vec<(&'static str, fn())>,
    skipped: Vec<(&'static str, &'static str)>,
) -> libtest_mimic::Conclusion {
    let mut arguments = libtest_mimic::Arguments::from_args();
    // Each test waits for the kernel more than it computes.
    arguments.test_threads.get_or_insert(4);
    let trials = tests.into_iter().map(|(name, test)| {
        libtest_mimic::Trial::test(name, move || {
            test();
            Ok(())
        })
    });
    let skipped = skipped.into_iter().map(|(name, reason)| {
        eprintln!("skipped: {name}: {reason}");
        libtest_mimic::Trial::test(name, move || Err(reason.into())).with_ignored_flag(true)
    });
    libtest_mimic::run(&arguments, trials.chain(skipped).collect())
}
