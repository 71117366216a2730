//! Reports in JUnit's XML, which every CI system reads.

use std::fmt::Write;

use super::{
    difference::Palette,
    report::{Outcome, Report, StepOutcome, failure_text},
};

/// A test suite for each document, a test case for each step.
pub fn render(reports: &[Report]) -> String {
    let mut xml = String::from("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<testsuites>\n");
    for report in reports {
        suite(&mut xml, report);
    }
    xml.push_str("</testsuites>\n");
    xml
}

fn suite(xml: &mut String, report: &Report) {
    let count =
        |test: fn(&StepOutcome) -> bool| report.steps.iter().filter(|step| test(&step.outcome)).count();
    let failures = count(|outcome| matches!(outcome, StepOutcome::Failed(..)));
    let skipped = count(|outcome| matches!(outcome, StepOutcome::Skipped(_) | StepOutcome::NotReached));
    let whole = match &report.outcome {
        Outcome::Broken(error) => Some(error.as_str()),
        Outcome::Interrupted => Some("interrupted"),
        Outcome::Passed | Outcome::Failed => None,
    };
    let name = escape(&report.path.display().to_string());
    let tests = report.steps.len() + usize::from(whole.is_some());
    let _ = writeln!(
        xml,
        "  <testsuite name=\"{name}\" tests=\"{tests}\" failures=\"{failures}\" errors=\"{}\" skipped=\"{skipped}\" time=\"{:.3}\">",
        usize::from(whole.is_some()),
        report.time.as_secs_f64()
    );
    for step in &report.steps {
        let _ = write!(
            xml,
            "    <testcase classname=\"{name}\" name=\"{}: {}\" time=\"{:.3}\"",
            step.line,
            escape(&step.name),
            step.time.as_secs_f64()
        );
        let _ = match &step.outcome {
            StepOutcome::Passed => writeln!(xml, "/>"),
            StepOutcome::Skipped(missing) => {
                writeln!(xml, "><skipped message=\"needs {}\"/></testcase>", escape(missing))
            }
            StepOutcome::NotReached => {
                writeln!(xml, "><skipped message=\"a step before it failed\"/></testcase>")
            }
            StepOutcome::Failed(failure, diagnosis) => {
                let text = failure_text(&report.path, failure, Palette::new(false)) + diagnosis;
                let message = failure.reason.as_deref().unwrap_or("the output differs");
                writeln!(
                    xml,
                    "><failure message=\"{}\">{}</failure></testcase>",
                    escape(message),
                    escape(&text)
                )
            }
        };
    }
    if let Some(error) = whole {
        let _ = writeln!(
            xml,
            "    <testcase classname=\"{name}\" name=\"document\"><error message=\"{}\"/></testcase>",
            escape(error)
        );
    }
    xml.push_str("  </testsuite>\n");
}

/// XML 1.0 has no room for control characters at all.
fn escape(text: &str) -> String {
    let mut out = String::new();
    for c in text.chars() {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\n' | '\t' => out.push(c),
            c if c.is_control() || matches!(c, '\u{fffe}' | '\u{ffff}') => out.push('\u{fffd}'),
            c => out.push(c),
        }
    }
    out
}
