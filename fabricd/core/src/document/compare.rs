//! Whether an output is the one that the document shows.

use super::{
    alias::{Aliases, Pair},
    normalise::{Token, render, tokens},
};

/// Two outputs that are not the same, each normalised and with `...` filled in as far as it fits, so
/// that a diff of the two shows what matters.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Difference {
    /// The document's lines.
    pub expected: Vec<String>,
    /// The run's lines.
    pub actual: Vec<String>,
}

/// An output's lines: control characters and blank ends taken out.
pub fn lines(output: &str) -> Vec<String> {
    let clean = |line: &str| -> String {
        line.trim_end().chars().filter(|c| !c.is_control() || *c == '\t').collect()
    };
    let mut lines: Vec<String> = output.lines().map(clean).collect();
    trim(&mut lines);
    lines
}

fn trim(lines: &mut Vec<String>) {
    while lines.last().is_some_and(|line| line.trim().is_empty()) {
        lines.pop();
    }
}

/// Compares what the document shows with what came, and gives `aliases` with what was learnt.
///
/// # Errors
/// If they differ.
pub fn compare(
    expected: &[String],
    actual: &[String],
    unordered: bool,
    aliases: &Aliases,
) -> Result<Aliases, Box<Difference>> {
    let mut expected = expected.to_vec();
    trim(&mut expected);
    let mut expected: Vec<Pattern> = expected.iter().map(|line| Pattern::read(line)).collect();
    let mut actual: Vec<Vec<Token>> = actual.iter().map(|line| tokens(line, false)).collect();
    if unordered {
        expected.sort_by_cached_key(|pattern| match pattern {
            Pattern::Lines => String::new(),
            Pattern::Line(line) => bare(line),
        });
        actual.sort_by_cached_key(|line| bare(line));
        // `...` means the same wherever it stands: there may be more lines.
        let more = expected.contains(&Pattern::Lines);
        expected.retain(|pattern| *pattern != Pattern::Lines);
        if more {
            let lines = expected.into_iter().flat_map(|line| [Pattern::Lines, line]);
            expected = lines.chain([Pattern::Lines]).collect();
        }
    }
    let mut walk = Walk { aliases: aliases.clone(), pairs: vec![], expected: vec![], actual: vec![] };
    if walk.run(&expected, &actual) { Ok(walk.aliases) } else { Err(Box::new(walk.difference())) }
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Pattern {
    /// `...`
    Lines,
    Line(Vec<Token>),
}

impl Pattern {
    fn read(line: &str) -> Self {
        if line.trim() == "..." { Self::Lines } else { Self::Line(tokens(line, true)) }
    }

    fn line(&self) -> Option<&[Token]> {
        match self {
            Self::Lines => None,
            Self::Line(line) => Some(line),
        }
    }
}

fn bare(line: &[Token]) -> String {
    render(line, |value| format!("<{}>", value.name))
}

/// Goes through both, from `...` to `...`.
struct Walk {
    /// What is known, what this output has taught included.
    aliases: Aliases,
    pairs: Vec<Pair>,
    /// For the diff: a line of the document that fits is the run's own.
    expected: Vec<Shown>,
    actual: Vec<Shown>,
}

/// A line of a difference.
#[derive(Clone, Debug)]
enum Shown {
    /// The run's, and the document's too where it stands on both sides.
    Run(Vec<Token>),
    /// The document's alone.
    Document(Vec<Token>),
}

impl Walk {
    fn run(&mut self, expected: &[Pattern], actual: &[Vec<Token>]) -> bool {
        let base = self.aliases.clone();
        let segments: Vec<Vec<&[Token]>> = expected
            .split(|pattern| *pattern == Pattern::Lines)
            .map(|segment| segment.iter().filter_map(Pattern::line).collect())
            .collect();
        let last = segments.len() - 1;
        let mut at = 0;
        for (number, segment) in segments.iter().enumerate() {
            let rest = actual.len() - at;
            let latest = rest.checked_sub(segment.len());
            // The first segment stands at the beginning, the last at the end.
            let places = match latest {
                None => 0..0,
                Some(latest) => match (number == 0, number == last) {
                    (true, true) if latest > 0 => 0..0,
                    (true, _) => 0..1,
                    (false, true) => latest..latest + 1,
                    (false, false) => 0..latest + 1,
                },
            };
            let fits = places.into_iter().find_map(|place| {
                let begin = at + place;
                self.segment(&base, segment, &actual[begin..begin + segment.len()])
                    .map(|found| (begin, found))
            });
            let Some((begin, (aliases, pairs))) = fits else {
                self.give_up(&base, expected, number, &actual[at..]);
                return false;
            };
            (self.aliases, self.pairs) = (aliases, pairs);
            let end = begin + segment.len();
            let shown = actual[at..end].iter().cloned().map(Shown::Run);
            self.expected.extend(shown.clone());
            self.actual.extend(shown);
            at = end;
        }
        true
    }

    fn segment(
        &self,
        base: &Aliases,
        expected: &[&[Token]],
        actual: &[Vec<Token>],
    ) -> Option<(Aliases, Vec<Pair>)> {
        let mut pairs = self.pairs.clone();
        for (expected, actual) in expected.iter().zip(actual) {
            pairs.extend(fit(expected, actual)?);
        }
        base.with(&pairs).map(|aliases| (aliases, pairs))
    }

    /// Lines up what is left as well as it goes.
    fn give_up(&mut self, base: &Aliases, expected: &[Pattern], segment: usize, actual: &[Vec<Token>]) {
        let mut seen = 0;
        let rest = expected.iter().skip_while(|pattern| {
            let before = seen < segment;
            seen += usize::from(**pattern == Pattern::Lines);
            before
        });
        // A `...` takes what stands before the next line that fits.
        let (mut from, mut elided) = (0, segment > 0);
        for pattern in rest {
            let Pattern::Line(line) = pattern else {
                elided = true;
                continue;
            };
            let place = (from..actual.len()).find_map(|at| {
                let mut pairs = self.pairs.clone();
                pairs.extend(fit(line, &actual[at])?);
                base.with(&pairs).map(|aliases| (at, aliases, pairs))
            });
            match place {
                Some((at, aliases, pairs)) => {
                    let begin = if std::mem::take(&mut elided) { from } else { at };
                    self.expected.extend(actual[begin..=at].iter().cloned().map(Shown::Run));
                    (self.aliases, self.pairs, from) = (aliases, pairs, at + 1);
                }
                None => self.expected.push(Shown::Document(line.clone())),
            }
        }
        if elided {
            self.expected.extend(actual[from..].iter().cloned().map(Shown::Run));
        }
        self.actual.extend(actual.iter().cloned().map(Shown::Run));
    }

    fn difference(self) -> Difference {
        let mut aliases = self.aliases;
        let mut show = |lines: Vec<Shown>| -> Vec<String> {
            let line = |line: &Shown| match line {
                Shown::Run(line) => render(line, |value| aliases.show_actual(value)),
                Shown::Document(line) => render(line, |value| aliases.show_expected(value)),
            };
            lines.iter().map(line).collect()
        };
        let (expected, actual) = (show(self.expected), show(self.actual));
        Difference { expected, actual }
    }
}

/// Matches a line against one with `[..]` in it, and gives the values that stand in each other's
/// places.
fn fit(expected: &[Token], actual: &[Token]) -> Option<Vec<Pair>> {
    let (mut e, mut a) = (0, 0);
    let mut pairs: Vec<Pair> = vec![];
    // Where to go on if it fails: behind the last `[..]`, one token later.
    let mut retry: Option<(usize, usize, usize)> = None;
    loop {
        let step = match (expected.get(e), actual.get(a)) {
            (None, None) => return Some(pairs),
            (Some(Token::Anything), _) => {
                retry = Some((e + 1, a, pairs.len()));
                e += 1;
                continue;
            }
            (Some(Token::Char(x)), Some(Token::Char(y))) => x == y,
            (Some(Token::Value(x)), Some(Token::Value(y))) if x.name == y.name => {
                pairs.push((x.clone(), y.clone()));
                true
            }
            _ => false,
        };
        if step {
            e += 1;
            a += 1;
            continue;
        }
        let (behind, begin, length) = retry?;
        if begin >= actual.len() {
            return None;
        }
        pairs.truncate(length);
        (e, a, retry) = (behind, begin + 1, Some((behind, begin + 1, length)));
    }
}
