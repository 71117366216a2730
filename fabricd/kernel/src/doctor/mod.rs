//! Whether this machine can run labs, and what to do if not.

mod kernel;
mod limits;
mod programs;

/// What was looked at, what was found, and what to do about it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Check {
    /// What was looked at.
    pub name: &'static str,
    /// How good it is.
    pub result: CheckResult,
    /// What is there, in a few words.
    pub found: String,
    /// What to do, most often a command; empty if nothing is to be done.
    pub advice: String,
}

/// How good a [`Check`] came out.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum CheckResult {
    /// All is well.
    Ok,
    /// Some labs, or some commands, will not work.
    Warning,
    /// No lab will work.
    Failed,
}

/// Looks at everything. Takes some ten milliseconds, and leaves nothing behind.
///
/// To be called inside the daemon's namespaces, where the labs will be. `neighbour_limit` is what
/// [`crate::isolation::Isolated`] says, since it cannot be seen from there.
pub fn examine(neighbour_limit: Option<u32>) -> Vec<Check> {
    let mut checks = kernel::checks();
    checks.extend(programs::checks());
    checks.extend(limits::checks(neighbour_limit));
    checks
}

impl Check {
    fn ok(name: &'static str, found: impl Into<String>) -> Self {
        Self { name, result: CheckResult::Ok, found: found.into(), advice: String::new() }
    }

    fn warning(name: &'static str, found: impl Into<String>, advice: impl Into<String>) -> Self {
        Self { name, result: CheckResult::Warning, found: found.into(), advice: advice.into() }
    }

    fn failed(name: &'static str, found: impl Into<String>, advice: impl Into<String>) -> Self {
        Self { name, result: CheckResult::Failed, found: found.into(), advice: advice.into() }
    }
}
