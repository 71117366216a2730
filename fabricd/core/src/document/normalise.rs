//! A line with its changing values taken out.

use super::rule::{Rule, Treatment, compiled};

/// A part of a line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Token {
    /// A character that must be the same.
    Char(char),
    /// A value that a rule found.
    Value(Value),
    /// `[..]`: anything.
    Anything,
}

/// A value that differs from run to run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Value {
    /// Its rule's name.
    pub name: &'static str,
    /// What stood there.
    pub raw: String,
    /// Whether the same must stay the same.
    pub same: bool,
}

/// Takes a line apart; `elided` says whether `[..]` means anything.
pub(super) fn tokens(line: &str, elided: bool) -> Vec<Token> {
    let line = line.trim_end();
    let mut tokens = vec![];
    let mut at = 0;
    for (start, end, rule) in values(line) {
        text(&line[at..start], elided, &mut tokens);
        if rule.treatment != Treatment::Optional {
            let same = rule.treatment == Treatment::Same;
            tokens.push(Token::Value(Value { name: rule.name, raw: line[start..end].to_owned(), same }));
        }
        at = end;
    }
    text(&line[at..], elided, &mut tokens);
    tokens
}

fn text(text: &str, elided: bool, tokens: &mut Vec<Token>) {
    let mut parts = text.split("[..]");
    if !elided {
        tokens.extend(text.chars().map(Token::Char));
        return;
    }
    tokens.extend(parts.next().unwrap_or_default().chars().map(Token::Char));
    for part in parts {
        tokens.push(Token::Anything);
        tokens.extend(part.chars().map(Token::Char));
    }
}

/// Where values stand, from left to right, none over another.
fn values(line: &str) -> Vec<(usize, usize, &'static Rule)> {
    let mut found: Vec<(usize, usize, &'static Rule)> = vec![];
    for (regex, rule) in compiled() {
        for captures in regex.captures_iter(line) {
            for value in captures.iter().skip(1).flatten() {
                let (start, end) = (value.start(), value.end());
                let taken = found.iter().any(|(from, to, _)| start < *to && *from < end);
                let fits = rule
                    .within
                    .as_ref()
                    .is_none_or(|within| value.as_str().parse().is_ok_and(|number| within.contains(&number)));
                if start < end && fits && !taken {
                    found.push((start, end, rule));
                }
            }
        }
    }
    found.sort_by_key(|(start, ..)| *start);
    found
}

/// Puts a line together again; `value` says how values look.
pub(super) fn render(tokens: &[Token], mut value: impl FnMut(&Value) -> String) -> String {
    let mut line = String::new();
    for token in tokens {
        match token {
            Token::Char(c) => line.push(*c),
            Token::Value(found) => line.push_str(&value(found)),
            Token::Anything => line.push_str("[..]"),
        }
    }
    line
}
