//! Markdown for a terminal: what a lesson shows between its commands.

use std::ops::Range;

use pulldown_cmark::{CodeBlockKind, Event, HeadingLevel, Options, Parser, Tag, TagEnd};

use super::difference::Palette;

/// The text of `markdown[part]`, wrapped to `width`. Console blocks and exercises, comments and
/// `<details>` are left out: a lesson shows those itself, or not yet.
pub fn render(markdown: &str, part: Range<usize>, width: usize, palette: Palette) -> String {
    let mut page = Page::new(palette, width);
    for (event, range) in Parser::new_ext(markdown, Options::ENABLE_TABLES).into_offset_iter() {
        if part.contains(&range.start) {
            page.event(event, &markdown[range]);
        }
    }
    page.out
}

struct Page {
    palette: Palette,
    width: usize,
    out: String,
    /// The paragraph, heading or item that is being read.
    line: String,
    style: Option<&'static str>,
    /// Numbers of the lists around; `None` for one of dots.
    lists: Vec<Option<u64>>,
    first_indent: String,
    code: bool,
    hidden: usize,
    skip: bool,
}

impl Page {
    fn new(palette: Palette, width: usize) -> Self {
        Self {
            palette,
            width,
            out: String::new(),
            line: String::new(),
            style: None,
            lists: vec![],
            first_indent: String::new(),
            code: false,
            hidden: 0,
            skip: false,
        }
    }

    fn event(&mut self, event: Event<'_>, source: &str) {
        match event {
            Event::Html(html) => self.html(&html),
            _ if self.hidden > 0 => {}
            Event::Start(tag) => self.start(tag, source),
            Event::End(tag) => self.end(tag),
            _ if self.skip => {}
            Event::Text(text) if self.code => {
                for line in text.lines() {
                    let line = self.palette.paint("36", line);
                    self.out.push_str(&format!("    {line}\n"));
                }
            }
            Event::Text(text) => self.line.push_str(&text),
            Event::Code(code) => {
                // Blanks in code must not break, so they are others until the line is wrapped.
                let code = code.replace(' ', "\u{a0}");
                self.line.push_str(&self.palette.paint("36", &code));
            }
            Event::SoftBreak | Event::HardBreak => self.line.push(' '),
            Event::Rule => self.out.push_str("\n────\n"),
            _ => {}
        }
    }

    fn start(&mut self, tag: Tag<'_>, source: &str) {
        match tag {
            Tag::Heading { level, .. } => {
                self.flush();
                self.style = Some(if level == HeadingLevel::H1 { "1;4" } else { "1" });
                self.out.push('\n');
            }
            Tag::Paragraph if self.lists.is_empty() => self.out.push('\n'),
            Tag::List(first) => {
                self.flush();
                if self.lists.is_empty() {
                    self.out.push('\n');
                }
                self.lists.push(first);
            }
            Tag::Item => {
                self.flush();
                let depth = "  ".repeat(self.lists.len().saturating_sub(1));
                self.first_indent = match self.lists.last_mut() {
                    Some(Some(number)) => {
                        *number += 1;
                        format!("{depth}{}. ", *number - 1)
                    }
                    _ => format!("{depth}• "),
                };
            }
            Tag::CodeBlock(kind) => {
                self.flush();
                let info = match kind {
                    CodeBlockKind::Fenced(info) => info.to_string(),
                    CodeBlockKind::Indented => String::new(),
                };
                let name = info.split_whitespace().next().unwrap_or_default();
                self.skip = name == "console" || name == "exercise";
                self.code = !self.skip;
                if self.code {
                    self.out.push('\n');
                }
            }
            Tag::Table(_) => {
                self.out.push('\n');
                self.out.push_str(source.trim_end());
                self.out.push('\n');
                self.skip = true;
            }
            Tag::Strong if !self.skip && self.palette.paint("1", "").len() > 1 => {
                self.line.push_str("\u{1b}[1m")
            }
            _ => {}
        }
    }

    fn end(&mut self, tag: TagEnd) {
        match tag {
            TagEnd::Heading(_) | TagEnd::Paragraph | TagEnd::Item => {
                self.flush();
                self.style = None;
            }
            TagEnd::List(_) => {
                self.lists.pop();
            }
            TagEnd::CodeBlock => (self.code, self.skip) = (false, false),
            TagEnd::Table => {
                self.skip = false;
                self.line.clear();
            }
            TagEnd::Strong if !self.skip && self.palette.paint("1", "").len() > 1 => {
                self.line.push_str("\u{1b}[22m")
            }
            _ => {}
        }
    }

    fn html(&mut self, html: &str) {
        self.hidden += html.matches("<details").count();
        self.hidden = self.hidden.saturating_sub(html.matches("</details").count());
    }

    /// Writes the line that was read, wrapped.
    fn flush(&mut self) {
        let line = std::mem::take(&mut self.line);
        if line.trim().is_empty() {
            return;
        }
        let first = std::mem::take(&mut self.first_indent);
        let indent = " ".repeat(first.chars().count());
        let mut column = first.chars().count();
        let mut out = first;
        for (number, word) in line.split(' ').filter(|word| !word.is_empty()).enumerate() {
            let width = columns(word);
            if number > 0 && column + 1 + width > self.width {
                out.push('\n');
                out.push_str(&indent);
                column = indent.len();
            } else if number > 0 {
                out.push(' ');
                column += 1;
            }
            out.push_str(&word.replace('\u{a0}', " "));
            column += width;
        }
        self.out.push_str(&self.style.map_or(out.clone(), |style| self.palette.paint(style, &out)));
        self.out.push('\n');
    }
}

/// Characters that show: not those of colours.
fn columns(word: &str) -> usize {
    let mut count = 0;
    let mut escape = false;
    for c in word.chars() {
        match (escape, c) {
            (false, '\u{1b}') => escape = true,
            (true, 'm') => escape = false,
            (true, _) => {}
            (false, _) => count += 1,
        }
    }
    count
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_page_shows_text_and_leaves_out_what_comes_later() {
        let page = "# Title\n\nSome `code here` and\n**text** that is long enough to wrap.\n\n- one\n- two\n  more\n\n1. first\n\n```text\nfree\n```\n\n```console\n$ x\n```\n\n<!--\nsecret\n-->\n<details><summary>Solution</summary>\n\nalso secret\n\n</details>\n\nEnd.\n";
        insta::assert_snapshot!(render(page, 0..page.len(), 30, Palette::new(false)), @"
        Title

        Some code here and text that
        is long enough to wrap.

        • one
        • two more

        1. first

            free

        End.
        ");
        let colourful = render(page, 0..page.len(), 80, Palette::new(true));
        assert!(colourful.contains("\u{1b}[1;4mTitle\u{1b}[0m"), "{colourful:?}");
        assert_eq!(render("a\n\nb\n\nc\n", 3..4, 80, Palette::new(false)), "\nb\n");
    }
}
