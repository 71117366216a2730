//! Writing new output into a document, and leaving every other byte alone.

use std::ops::Range;

use super::{
    alias::Aliases,
    normalise::{render, tokens},
    transcript::Command,
};

/// One output to write anew.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Edit {
    range: Range<usize>,
    text: String,
    /// What the document will show, as [`Command::expected`].
    pub lines: Vec<String>,
}

/// The change that makes a document show `actual` under `command`. Values that the document has shown
/// before are written as it showed them.
pub fn edit(command: &Command, actual: &[String], aliases: &Aliases) -> Edit {
    let mut lines = vec![];
    for (number, line) in actual.iter().enumerate() {
        let tokens = tokens(line, false);
        let line =
            render(&tokens, |value| aliases.document_value(value).unwrap_or_else(|| value.raw.clone()));
        lines.push(escape(&line, number == 0, command.in_comment));
    }
    let Command { prefix, output, .. } = command;
    let text = lines.iter().map(|line| format!("{}\n", format!("{prefix}{line}").trim_end())).collect();
    Edit { range: output.clone(), text, lines }
}

/// The text with all edits done.
pub fn apply(text: &str, edits: &[Edit]) -> String {
    let mut edits: Vec<&Edit> = edits.iter().collect();
    edits.sort_by_key(|edit| edit.range.start);
    let mut out = String::new();
    let mut at = 0;
    for edit in edits {
        out.push_str(&text[at..edit.range.start]);
        if !edit.text.is_empty() && !out.is_empty() && !out.ends_with('\n') {
            out.push('\n');
        }
        out.push_str(&edit.text);
        at = edit.range.end;
    }
    out.push_str(&text[at..]);
    out
}

/// A line that would be read as something else gets `[..]` for what makes it so.
fn escape(line: &str, first: bool, in_comment: bool) -> String {
    let trimmed = line.trim_start();
    let special = ["$ ", "```", "~~~"].iter().any(|word| trimmed.starts_with(word))
        || trimmed == "$"
        || (first && (line.starts_with("> ") || line == ">"));
    let line = match line.char_indices().nth(1) {
        Some((second, _)) if special => format!("[..]{}", &line[second..]),
        None if special => "[..]".to_owned(),
        _ => line.to_owned(),
    };
    if in_comment { line.replace("-->", "[..]") } else { line }
}
