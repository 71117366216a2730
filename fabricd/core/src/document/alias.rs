//! Which value of this run stands for which value of the document.

use std::collections::BTreeMap;

use super::normalise::Value;

/// What has been learnt so far: the document's port 45512 is this run's port 51234.
///
/// One lives as long as a document is run, so that a value that comes back in a later block must be
/// the same again.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Aliases {
    actual: BTreeMap<(&'static str, String), String>,
    numbers: BTreeMap<(&'static str, String), usize>,
}

/// A value of the document and the one that stands in its place.
pub(super) type Pair = (Value, Value);

impl Aliases {
    /// With `pairs` learnt too, unless they contradict what is known or each other.
    ///
    /// Within one output, two values of the document never stand for one of the run. Between outputs
    /// they may: the kernel is free to choose a port twice.
    pub(super) fn with(&self, pairs: &[Pair]) -> Option<Self> {
        let mut next = self.clone();
        let mut back: BTreeMap<(&str, &str), &str> = BTreeMap::new();
        for (expected, actual) in pairs.iter().filter(|(expected, _)| expected.same) {
            let known = next.actual.entry((expected.name, expected.raw.clone()));
            if known.or_insert_with(|| actual.raw.clone()) != &actual.raw {
                return None;
            }
            let source = back.entry((actual.name, &actual.raw)).or_insert(&expected.raw);
            if *source != expected.raw {
                return None;
            }
            next.number(expected);
        }
        Some(next)
    }

    /// How a value of the document is shown: `<port1>`.
    pub(super) fn show_expected(&mut self, value: &Value) -> String {
        if !value.same {
            return format!("<{}>", value.name);
        }
        format!("<{}{}>", value.name, self.number(value))
    }

    /// How a value of the run is shown: as the one that it stands for, else with a number of its own.
    pub(super) fn show_actual(&mut self, value: &Value) -> String {
        match self.document_value(value) {
            Some(raw) => self.show_expected(&Value { raw, ..value.clone() }),
            None => self.show_expected(&Value { raw: format!("actual {}", value.raw), ..value.clone() }),
        }
    }

    /// The document's value that this one of the run stands for.
    pub(super) fn document_value(&self, value: &Value) -> Option<String> {
        let found =
            self.actual.iter().find(|((name, _), actual)| *name == value.name && **actual == value.raw);
        found.filter(|_| value.same).map(|((_, raw), _)| raw.clone())
    }

    fn number(&mut self, value: &Value) -> usize {
        let next = self.numbers.keys().filter(|(name, _)| *name == value.name).count() + 1;
        *self.numbers.entry((value.name, value.raw.clone())).or_insert(next)
    }
}
