//! Finding fenced code in Markdown, also inside HTML comments, which no viewer shows.

use std::ops::Range;

use pulldown_cmark::{CodeBlockKind, Event, Options, Parser, Tag, TagEnd};

/// A fenced code block.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Fence {
    /// What stands behind the back quotes.
    pub info: String,
    /// The whole block in the text.
    pub range: Range<usize>,
    /// Its lines between the fences.
    pub lines: Vec<Line>,
    /// Whether it stands in an HTML comment.
    pub in_comment: bool,
}

/// One line of code.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Line {
    /// Without what a list or quotation puts before it, and without its end.
    pub text: String,
    /// Where the text begins.
    pub start: usize,
    /// Where the next line begins.
    pub end: usize,
}

/// All fenced blocks of `text`, in order.
pub(super) fn find(text: &str) -> Vec<Fence> {
    let mut fences = vec![];
    search(text, 0..text.len(), false, &mut fences);
    fences
}

fn search(text: &str, part: Range<usize>, in_comment: bool, fences: &mut Vec<Fence>) {
    let base = part.start;
    let mut open: Option<(Fence, Vec<Range<usize>>)> = None;
    for (event, range) in Parser::new_ext(&text[part], Options::ENABLE_TABLES).into_offset_iter() {
        let range = range.start + base..range.end + base;
        match event {
            Event::Start(Tag::CodeBlock(CodeBlockKind::Fenced(info))) => {
                let fence = Fence { info: info.to_string(), range, lines: vec![], in_comment };
                open = Some((fence, vec![]));
            }
            Event::Text(_) => {
                if let Some((_, pieces)) = &mut open {
                    pieces.push(range);
                }
            }
            Event::End(TagEnd::CodeBlock) => {
                if let Some((mut fence, pieces)) = open.take() {
                    fence.lines = lines(text, pieces);
                    fences.push(fence);
                }
            }
            Event::Start(Tag::HtmlBlock) if !in_comment => {
                if let Some(inner) = comment(text, range) {
                    search(text, inner, true, fences);
                }
            }
            _ => {}
        }
    }
}

/// What stands between `<!--` and `-->`.
fn comment(text: &str, block: Range<usize>) -> Option<Range<usize>> {
    let html = &text[block.clone()];
    let begin = block.start + html.len() - html.trim_start().strip_prefix("<!--")?.len();
    let length = text[begin..block.end].find("-->").unwrap_or(block.end - begin);
    Some(begin..begin + length)
}

/// Puts pieces together to lines: a line may come in several.
fn lines(text: &str, pieces: Vec<Range<usize>>) -> Vec<Line> {
    let mut lines: Vec<Line> = vec![];
    let mut whole = true;
    for piece in pieces {
        let mut start = piece.start;
        for part in text[piece].split_inclusive('\n') {
            let end = start + part.len();
            let shown = part.trim_end_matches(['\r', '\n']);
            match lines.last_mut().filter(|_| !whole) {
                Some(line) => {
                    line.text.push_str(shown);
                    line.end = end;
                }
                None => lines.push(Line { text: shown.to_owned(), start, end }),
            }
            whole = part.ends_with('\n');
            start = end;
        }
    }
    lines
}
