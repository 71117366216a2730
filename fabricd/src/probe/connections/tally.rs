//! How many connections stand, and how many do not.

use super::{Failure, FailureKind};

/// What has come of connections so far.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Tally {
    /// How many are wanted.
    pub wanted: u32,
    /// How many were opened.
    pub opened: u32,
    /// How many nobody has answered.
    pub timed_out: u32,
    /// How many were refused.
    pub refused: u32,
    /// How many knew no way.
    pub unreachable: u32,
    /// How many failed for other reasons.
    pub other: u32,
    /// The failure with the smallest number, from 1 in the order in which they were begun.
    pub first_failure: Option<(u32, Failure)>,
}

impl Tally {
    /// Nothing yet.
    pub fn new(wanted: u32) -> Self {
        let (opened, timed_out, refused, unreachable, other) = (0, 0, 0, 0, 0);
        Self { wanted, opened, timed_out, refused, unreachable, other, first_failure: None }
    }

    /// How many have failed.
    pub fn failed(&self) -> u32 {
        self.timed_out + self.refused + self.unreachable + self.other
    }

    /// Counts one.
    pub fn count(&mut self, number: u32, failure: Option<&Failure>) {
        let Some(failure) = failure else {
            self.opened += 1;
            return;
        };
        *match failure.kind {
            FailureKind::TimedOut => &mut self.timed_out,
            FailureKind::Refused => &mut self.refused,
            FailureKind::Unreachable => &mut self.unreachable,
            FailureKind::Other => &mut self.other,
        } += 1;
        if self.first_failure.as_ref().is_none_or(|(first, _)| number < *first) {
            self.first_failure = Some((number, failure.clone()));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_is_counted_once_and_the_first_by_number_is_kept() {
        let failure = |kind| Failure { kind, text: format!("{kind:?}") };
        let mut tally = Tally::new(9);
        tally.count(1, None);
        tally.count(7, Some(&failure(FailureKind::Refused)));
        tally.count(5, Some(&failure(FailureKind::TimedOut)));
        tally.count(6, Some(&failure(FailureKind::Unreachable)));
        tally.count(8, Some(&failure(FailureKind::Other)));
        assert_eq!((tally.opened, tally.failed()), (1, 4));
        assert_eq!([tally.timed_out, tally.refused, tally.unreachable, tally.other], [1; 4]);
        assert_eq!(tally.first_failure, Some((5, failure(FailureKind::TimedOut))));
    }
}
