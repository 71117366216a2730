//! Packets that must, or must not, be seen at a place.

use crate::capture::arguments::{self, ArgumentError};

/// `TARGET[:INTERFACE] FILTER`, and what is expected there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sight {
    /// The target as written, with `:INTERFACE` if it has one.
    pub place: String,
    /// tcpdump's filter.
    pub filter: String,
    /// Whether packets must be seen; else none may.
    pub wanted: bool,
}

/// Why words are no [`Sight`].
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SightError {
    /// A place without a filter.
    #[error("`{0}` names no packets; write 'TARGET[:INTERFACE] FILTER', such as 'pod/a:eth0 icmp'")]
    NoFilter(String),
    /// The place or the filter cannot be.
    #[error(transparent)]
    Arguments(#[from] ArgumentError),
}

/// What came of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Verdict {
    /// What was looked for.
    pub sight: Sight,
    /// How many packets there were.
    pub packets: u64,
}

impl Sight {
    /// Reads `TARGET[:INTERFACE] FILTER`.
    ///
    /// # Errors
    /// If one of the two is missing or wrong.
    pub fn read(words: &str, wanted: bool) -> Result<Self, SightError> {
        let (place, filter) = words.trim().split_once(char::is_whitespace).unwrap_or((words.trim(), ""));
        let filter = filter.trim();
        let words = [place.to_owned(), "--".to_owned(), filter.to_owned()];
        arguments::parse(&words)?;
        if filter.is_empty() {
            return Err(SightError::NoFilter(place.to_owned()));
        }
        Ok(Self { place: place.to_owned(), filter: filter.to_owned(), wanted })
    }
}

impl Verdict {
    /// Whether it is as it should be.
    pub fn ok(&self) -> bool {
        (self.packets > 0) == self.sight.wanted
    }

    /// A row: place, filter, wanted, seen, ok.
    pub fn row(&self) -> [String; 5] {
        let Sight { place, filter, wanted } = self.sight.clone();
        let words = |yes: bool, is: &str, is_not: &str| if yes { is.to_owned() } else { is_not.to_owned() };
        let wanted = words(wanted, "some", "none");
        [place, filter, wanted, self.packets.to_string(), words(self.ok(), "ok", "WRONG")]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_place_and_a_filter_are_needed() {
        let sight = Sight::read(" node/n:cbr0  icmp and src host 10.0.0.1 ", true).unwrap();
        assert_eq!(
            (sight.place.as_str(), sight.filter.as_str()),
            ("node/n:cbr0", "icmp and src host 10.0.0.1")
        );
        for (words, part) in [
            ("pod/a", "names no packets"),
            ("", "is no place"),
            ("icmp or arp", "looks like a filter"),
            ("a: x", "is no place"),
        ] {
            let error = Sight::read(words, true).unwrap_err().to_string();
            assert!(error.contains(part), "{words}: {error}");
        }
    }

    #[test]
    fn a_verdict_knows_right_from_wrong() {
        let row = |wanted, packets| {
            let verdict = Verdict { sight: Sight::read("a icmp", wanted).unwrap(), packets };
            verdict.row().join(" ")
        };
        assert_eq!(row(true, 2), "a icmp some 2 ok");
        assert_eq!(row(true, 0), "a icmp some 0 WRONG");
        assert_eq!(row(false, 0), "a icmp none 0 ok");
        assert_eq!(row(false, 1), "a icmp none 1 WRONG");
    }
}
