//! Mistakes in lab files, shown as rustc shows them.

use annotate_snippets::{AnnotationKind, Level, Renderer, Snippet};
use fabric_core::spec;
use fabric_proto::v1;
use serde_json::{Value, json};

/// A mistake as it came over the wire.
pub fn from_wire(diagnostic: v1::Diagnostic) -> spec::Diagnostic {
    let v1::Diagnostic { message, help, file, line, column, length, line_text } = diagnostic;
    let help = (!help.is_empty()).then_some(help);
    spec::Diagnostic { message, help, file, line, column, length, line_text }
}

/// All mistakes with their lines, and how many they are.
pub fn render(diagnostics: &[spec::Diagnostic], colour: bool) -> String {
    let renderer = if colour { Renderer::styled() } else { Renderer::plain() };
    let mut out = String::new();
    for diagnostic in diagnostics {
        out.push_str(&render_one(diagnostic, &renderer));
        out.push_str("\n\n");
    }
    let mistakes = match diagnostics.len() {
        1 => "1 mistake".to_owned(),
        count => format!("{count} mistakes"),
    };
    out + &mistakes + "; nothing was changed\n"
}

/// All mistakes for programs.
pub fn to_json(diagnostics: &[spec::Diagnostic]) -> Value {
    let one = |diagnostic: &spec::Diagnostic| {
        let spec::Diagnostic { message, help, file, line, column, length, line_text: _ } = diagnostic;
        json!({ "message": message, "help": help, "file": file, "line": line, "column": column, "length": length })
    };
    json!({ "result": "rejected", "diagnostics": diagnostics.iter().map(one).collect::<Vec<_>>() })
}

fn render_one(diagnostic: &spec::Diagnostic, renderer: &Renderer) -> String {
    let spec::Diagnostic { message, help, file, line, column, length, line_text } = diagnostic;
    let offset = |characters: u32| {
        line_text.char_indices().nth(characters as usize).map_or(line_text.len(), |(offset, _)| offset)
    };
    let begin = column.saturating_sub(1);
    let span = offset(begin)..offset(begin.saturating_add(*length));
    let title = Level::ERROR.primary_title(message.as_str());
    let snippet = Snippet::source(line_text.as_str())
        .path(file.as_str())
        .line_start((*line).max(1) as usize)
        .fold(false)
        .annotation(AnnotationKind::Primary.span(span));
    let mut group = title.element(snippet);
    if let Some(help) = help {
        group = group.element(Level::HELP.message(help.as_str()));
    }
    renderer.render(&[group])
}

#[cfg(test)]
mod tests {
    use super::*;

    fn diagnostic(line_text: &str, column: u32, length: u32, help: Option<&str>) -> spec::Diagnostic {
        spec::Diagnostic {
            message: "unknown field `adressPrefix`".to_owned(),
            help: help.map(str::to_owned),
            file: "labs/kubenet/lab.yaml".to_owned(),
            line: 12,
            column,
            length,
            line_text: line_text.to_owned(),
        }
    }

    #[test]
    fn a_mistake_is_shown_with_its_line() {
        let first = diagnostic("    adressPrefix: 10.0.0.0/8", 5, 12, Some("did you mean `addressPrefix`?"));
        let second = diagnostic("  name: Ä\u{1b}[31mö # x", 9, 1, None);
        insta::assert_snapshot!(render(&[first, second], false), @"
        error: unknown field `adressPrefix`
          --> labs/kubenet/lab.yaml:12:5
           |
        12 |     adressPrefix: 10.0.0.0/8
           |     ^^^^^^^^^^^^
           |
           = help: did you mean `addressPrefix`?

        error: unknown field `adressPrefix`
          --> labs/kubenet/lab.yaml:12:9
           |
        12 |   name: Ä␛[31mö # x
           |         ^

        2 mistakes; nothing was changed
        ");
    }

    #[test]
    fn positions_beyond_the_line_do_no_harm() {
        for (text, column, length) in
            [("", 1, 1), ("ab", 0, 1), ("ab", 3, 1), ("ab", 90, 9), ("ä", 1, u32::MAX)]
        {
            let text = render(&[diagnostic(text, column, length, None)], true);
            assert!(text.contains("1 mistake;"), "{text}");
        }
    }
}
