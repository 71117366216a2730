//! What a console block says: commands behind `$ `, and under each what it printed.

use super::fence::{Fence, Line};

/// A command and its output.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Command {
    /// Line of the text, from 1.
    pub line: usize,
    /// What the shell gets; several lines if it is continued.
    pub script: String,
    /// The output's lines.
    pub expected: Vec<String>,
    /// Where the output stands in the text; empty ranges stand where it would.
    pub(super) output: std::ops::Range<usize>,
    /// What a list or quotation puts before each line.
    pub(super) prefix: String,
    /// Whether an HTML comment is around it.
    pub(super) in_comment: bool,
}

/// Splits a block; the error is the line (from 0, in the block) of output that no command has.
pub(super) fn read(text: &str, fence: &Fence) -> Result<Vec<Command>, usize> {
    let mut commands: Vec<Command> = vec![];
    let mut lines = fence.lines.iter().enumerate().peekable();
    while let Some((number, line)) = lines.next() {
        let Some(script) = line.text.strip_prefix("$ ").or((line.text == "$").then_some("")) else {
            match commands.last_mut() {
                Some(command) => {
                    command.expected.push(line.text.clone());
                    command.output.end = line.end;
                }
                None if line.text.trim().is_empty() => {}
                None => return Err(number),
            }
            continue;
        };
        let mut script = script.to_owned();
        let mut last = line;
        let mut heredoc = heredoc_end(&script);
        while let Some((_, next)) = lines.peek() {
            let Some(part) = continuation(&script, heredoc.as_deref(), next) else { break };
            if heredoc.as_deref() == Some(part.trim_start_matches('\t')) {
                heredoc = None;
            }
            script.push('\n');
            script.push_str(part);
            last = next;
            lines.next();
        }
        commands.push(Command {
            line: line_number(text, line.start),
            script,
            expected: vec![],
            output: last.end..last.end,
            prefix: prefix(text, line.start).to_owned(),
            in_comment: fence.in_comment,
        });
    }
    Ok(commands)
}

/// The next line's part of the command, if it belongs to it: behind `> `, after a back slash, or inside
/// a here-document.
fn continuation<'a>(script: &str, heredoc: Option<&str>, next: &'a Line) -> Option<&'a str> {
    let quoted = next.text.strip_prefix("> ").or((next.text == ">").then_some(""));
    let backslashes = script.len() - script.trim_end_matches('\\').len();
    match quoted {
        Some(part) => Some(part),
        None if heredoc.is_some() || backslashes % 2 == 1 => Some(&next.text),
        None => None,
    }
}

/// The word that ends the here-document which `script` begins.
fn heredoc_end(script: &str) -> Option<String> {
    let (_, word) = script.split_once("<<")?;
    let word = word.trim_start_matches('-').trim_start();
    let word = word.trim_start_matches(['\'', '"', '\\']);
    let end = word.find(|c: char| !c.is_ascii_alphanumeric() && c != '_').unwrap_or(word.len());
    (end > 0).then(|| word[..end].to_owned())
}

/// The number of the line that `at` stands in, from 1.
pub(super) fn line_number(text: &str, at: usize) -> usize {
    text[..at].bytes().filter(|byte| *byte == b'\n').count() + 1
}

fn prefix(text: &str, at: usize) -> &str {
    let begin = text[..at].rfind('\n').map_or(0, |newline| newline + 1);
    &text[begin..at]
}
