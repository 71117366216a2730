//! From the positions of mistakes to the lines that they are on.

use super::{
    Diagnostic, Source,
    limits::{DIAGNOSTICS_MAX, LINE_TEXT_MAX, MESSAGE_MAX},
    problem::Problem,
};

/// Tells `problems` in the order of the files, each once, [`DIAGNOSTICS_MAX`] at most.
pub(super) fn diagnostics(sources: &[Source], mut problems: Vec<Problem>) -> Vec<Diagnostic> {
    problems.sort();
    problems.dedup();
    let more = problems.len().saturating_sub(DIAGNOSTICS_MAX);
    problems.truncate(DIAGNOSTICS_MAX);
    if let Some(last) = problems.last_mut().filter(|_| more > 0) {
        last.help = Some(format!("{more} more mistakes follow; correct these first"));
    }
    let lines: Vec<Vec<&str>> = sources.iter().map(|source| source.text.lines().collect()).collect();
    problems.into_iter().map(|problem| diagnostic(sources, &lines, problem)).collect()
}

fn diagnostic(sources: &[Source], lines: &[Vec<&str>], problem: Problem) -> Diagnostic {
    let Problem { span, message, help } = problem;
    let source = span.source as usize;
    let line = span.line.max(1);
    let text = lines.get(source).and_then(|lines| lines.get(line as usize - 1)).copied().unwrap_or("");
    let line_text = clean(text.chars().take(LINE_TEXT_MAX));
    let width = u32::try_from(text.chars().count()).unwrap_or(u32::MAX);
    let column = span.column.clamp(1, width.saturating_add(1));
    Diagnostic {
        message: shortened(&message),
        help: help.map(|help| shortened(&help)),
        file: sources.get(source).map(|source| source.name.clone()).unwrap_or_default(),
        line,
        column,
        length: span.length.min((width + 1).saturating_sub(column)).max(1),
        line_text,
    }
}

/// Messages quote names, and those can be as long as a file.
fn shortened(text: &str) -> String {
    let short = clean(text.chars().take(MESSAGE_MAX));
    if short.len() < text.len() && text.chars().nth(MESSAGE_MAX).is_some() { short + "…" } else { short }
}

/// One blank for each control character: a message is shown on a terminal, and a marked column has
/// to stay under its text.
fn clean(text: impl Iterator<Item = char>) -> String {
    text.map(|c| if c.is_control() { ' ' } else { c }).collect()
}
