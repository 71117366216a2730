//! A failure for people: where, what, and a diff.

use std::fmt::Write;

use fabric_core::document::Difference;
use similar::{ChangeTag, TextDiff};

/// ANSI colours, or nothing.
#[derive(Clone, Copy, Debug)]
pub struct Palette {
    colour: bool,
}

impl Palette {
    /// Colours if `colour`.
    pub fn new(colour: bool) -> Self {
        Self { colour }
    }

    /// `text` in a style, such as "31" for red.
    pub fn paint(self, style: &str, text: &str) -> String {
        if self.colour { format!("\u{1b}[{style}m{text}\u{1b}[0m") } else { text.to_owned() }
    }
}

/// The document's lines with `-`, the run's with `+`.
pub fn show(difference: &Difference, palette: Palette) -> String {
    let expected: Vec<&str> = difference.expected.iter().map(String::as_str).collect();
    let actual: Vec<&str> = difference.actual.iter().map(String::as_str).collect();
    let diff = TextDiff::from_slices(&expected, &actual);
    let mut out = String::new();
    for group in diff.grouped_ops(3) {
        for change in group.iter().flat_map(|operation| diff.iter_changes(operation)) {
            let (sign, style) = match change.tag() {
                ChangeTag::Delete => ("-", "31"),
                ChangeTag::Insert => ("+", "32"),
                ChangeTag::Equal => (" ", "2"),
            };
            let line = format!("{sign}{}", change.value());
            let _ = writeln!(out, "  {}", palette.paint(style, &line));
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_differs_is_coloured_as_such() {
        let text = |lines: &[&str]| lines.iter().map(|line| (*line).to_owned()).collect();
        let difference = Difference { expected: text(&["a", "b"]), actual: text(&["a", "c"]) };
        assert_eq!(show(&difference, Palette::new(false)), "   a\n  -b\n  +c\n");
        assert!(show(&difference, Palette::new(true)).contains("\u{1b}[31m-b\u{1b}[0m"));
    }
}
