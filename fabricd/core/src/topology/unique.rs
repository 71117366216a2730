//! Names that must be there once.

use std::collections::BTreeMap;

use crate::spec::problem::{Problem, Span};

/// The names of one kind of thing.
pub(super) struct Names {
    what: &'static str,
    /// By lower case name: Azure does not tell names apart by case.
    seen: BTreeMap<String, Span>,
}

impl Names {
    /// `what` they are names of, such as "a VNet".
    pub fn of(what: &'static str) -> Self {
        Self { what, seen: BTreeMap::new() }
    }

    /// Takes `name`; false, with a problem, if it is taken.
    pub fn claim(&mut self, name: &str, span: Span, problems: &mut Vec<Problem>) -> bool {
        let key = name.to_ascii_lowercase();
        if let Some(first) = self.seen.get(&key) {
            let help = format!("the first is in {}", first.seen_from(span));
            problems
                .push(Problem::new(span, format!("{} called `{name}` exists already", self.what)).help(help));
            return false;
        }
        self.seen.insert(key, span);
        true
    }
}
