//! The picture as Scalable Vector Graphics.
//!
//! Three steps: `block` measures every figure and puts what is in it inside, `sheet` stands VNets and
//! sites in columns and leads lines between them, with `outside` above them, and this file writes the elements.
//! Whole pixels only, and no text wider than its box: see [`text`].

mod block;
mod flow;
mod lane;
mod look;
mod outside;
mod sheet;
mod style;
#[cfg(test)]
mod tests;
mod text;

use std::fmt::Write;

use self::{
    block::{BLANK, Block, Words},
    look::Look,
    sheet::{Route, Sheet},
};
use super::picture::Picture;

/// Room around the picture, and for its title.
const MARGIN: i32 = 28;
const TITLE: i32 = 64;

/// Writes the whole file.
pub(super) fn write(picture: &Picture) -> String {
    let sheet = Sheet::of(picture);
    let title = Words::new(text::Style::Title, &picture.title).at(MARGIN, MARGIN + 20);
    let summary = Words::new(text::Style::Note, &picture.summary).at(MARGIN, MARGIN + 42);
    let texts = title.width().max(summary.width());
    let width = sheet.width.max(texts) + 2 * MARGIN;
    let height = sheet.height + TITLE + 2 * MARGIN;
    let mut out = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {width} {height}\" width=\"{width}\" \
         height=\"{height}\" role=\"img\" aria-labelledby=\"title desc\">\n\
         <title id=\"title\">{}</title>\n<desc id=\"desc\">{}</desc>\n<style>\n{}</style>\n\
         <rect width=\"{width}\" height=\"{height}\" fill=\"#ffffff\"/>\n",
        escape(&format!("Lab {}", picture.title)),
        escape(&description(picture)),
        style::SHEET,
    );
    words(&mut out, &[title, summary]);
    let _ = writeln!(out, "<g transform=\"translate({MARGIN} {})\">", MARGIN + TITLE);
    sheet.blocks.iter().for_each(|block| element(&mut out, block));
    sheet.routes.iter().for_each(|route| line(&mut out, route));
    out.push_str("</g>\n</svg>\n");
    out
}

fn description(picture: &Picture) -> String {
    let lines = picture.lines.iter().filter(|line| !line.label.is_empty());
    let lines = lines.map(|line| line.label.join(", "));
    let lines: Vec<String> = lines.collect();
    let connections = if lines.is_empty() { String::new() } else { format!(" Lines: {}.", lines.join("; ")) };
    format!("{}.{connections}", picture.summary)
}

fn element(out: &mut String, block: &Block) {
    let Look { class, radius, .. } = block.look;
    let area = block.area;
    let _ = writeln!(
        out,
        "<g><title>{}</title><rect class=\"{class}\" x=\"{}\" y=\"{}\" width=\"{}\" height=\"{}\" rx=\"{radius}\"/>",
        escape(&block.name),
        area.x,
        area.y,
        area.width,
        area.height
    );
    words(out, &block.words);
    for [from, to] in &block.strokes {
        let _ =
            writeln!(out, "<path class=\"{class}-line\" d=\"M{} {}L{} {}\"/>", from.0, from.1, to.0, to.1);
    }
    block.blocks.iter().for_each(|one| element(out, one));
    out.push_str("</g>\n");
}

fn line(out: &mut String, route: &Route) {
    let _ = write!(out, "<g><path class=\"{}\" d=\"M", route.class);
    for (number, (x, y)) in route.points.iter().enumerate() {
        let _ = write!(out, "{}{x} {y}", if number == 0 { "" } else { "L" });
    }
    out.push_str("\"/>");
    let ends = [route.points.first(), route.points.last()];
    for (x, y) in ends.into_iter().flatten() {
        let _ = write!(out, "<circle class=\"{}-end\" cx=\"{x}\" cy=\"{y}\" r=\"4\"/>", route.class);
    }
    out.push('\n');
    words(out, &route.words);
    out.push_str("</g>\n");
}

/// Words that follow each other are one text, so that the blanks between them are the same in any font.
fn words(out: &mut String, words: &[Words]) {
    for text in words.chunk_by(|_, next| next.follows) {
        let Some((first, rest)) = text.split_first() else { continue };
        let (class, written) = (first.style.class(), escape(&first.text));
        let _ = write!(out, "<text class=\"{class}\" x=\"{}\" y=\"{}\">{written}", first.x, first.y);
        for next in rest {
            let (class, written) = (next.style.class(), escape(&next.text));
            let _ = write!(out, "<tspan class=\"{class}\" dx=\"{BLANK}\">{written}</tspan>");
        }
        out.push_str("</text>\n");
    }
}

/// As XML wants it, in text and in quotes; what XML 1.0 cannot hold becomes U+FFFD.
fn escape(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\'' => out.push_str("&apos;"),
            '\u{fffe}' | '\u{ffff}' => out.push('\u{fffd}'),
            c if c.is_control() => out.push('\u{fffd}'),
            c => out.push(c),
        }
    }
    out
}
