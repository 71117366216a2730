//! Lines of a Corefile: words, and whether a block begins or ends.

use super::Mistake;

/// Words of one line.
const WORDS_MAX: usize = 1_000;

/// A line that says something.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Line {
    /// From 1.
    pub number: usize,
    /// Without a `{` at the end.
    pub words: Vec<String>,
    /// Whether it ends with `{`.
    pub opens: bool,
    /// Whether it is `}`.
    pub closes: bool,
}

impl Line {
    /// The words, with a space between, for messages.
    pub fn text(&self) -> String {
        super::clipped(&self.words.join(" "))
    }
}

/// All lines but empty ones and comments.
pub fn lines(text: &str) -> Result<Vec<Line>, Mistake> {
    let mut lines = vec![];
    let mut depth = 0_usize;
    for (index, written) in text.lines().enumerate() {
        let number = index + 1;
        let mut words = words(written, number)?;
        let opens = words.last().is_some_and(|word| word == "{");
        if opens {
            words.pop();
        }
        let closes = words.len() == 1 && words[0] == "}" && !opens;
        if !closes && words.iter().any(|word| matches!(word.as_str(), "{" | "}")) {
            return Err(Mistake::new(number, "`{` ends a line, and `}` stands alone on one"));
        }
        if closes {
            words.clear();
            depth = depth.checked_sub(1).ok_or_else(|| Mistake::new(number, "there is nothing to close"))?;
        } else if words.is_empty() {
            if opens {
                return Err(Mistake::new(number, "`{` ends the line that it belongs to"));
            }
            continue;
        }
        depth += usize::from(opens);
        lines.push(Line { number, words, opens, closes });
    }
    Ok(lines)
}

/// Words with spaces between; `"` keeps spaces together, `#` begins a comment.
fn words(line: &str, number: usize) -> Result<Vec<String>, Mistake> {
    let mut words = vec![];
    let mut rest = line.trim_start();
    while !rest.is_empty() && !rest.starts_with('#') {
        let (word, after) = match rest.strip_prefix('"') {
            Some(quoted) => {
                quoted.split_once('"').ok_or_else(|| Mistake::new(number, "a `\"` has no end"))?
            }
            None => rest.split_at(rest.find(char::is_whitespace).unwrap_or(rest.len())),
        };
        words.push(word.to_owned());
        if words.len() > WORDS_MAX {
            return Err(Mistake::new(number, format!("a line of more than {WORDS_MAX} words")));
        }
        rest = after.trim_start();
    }
    Ok(words)
}
