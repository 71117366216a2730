//! What came of documents, for people and as JSON.

use std::{
    fmt::Write,
    path::{Path, PathBuf},
    time::Duration,
};

use serde_json::{Value, json};

use super::{
    block::Failure,
    difference::{self, Palette},
};

/// What came of a document.
#[derive(Debug)]
pub struct Report {
    /// The document.
    pub path: PathBuf,
    /// Of all of it.
    pub outcome: Outcome,
    /// Of each step, as far as it came.
    pub steps: Vec<StepReport>,
    /// How many outputs were written anew.
    pub updated: usize,
    /// How to look at the lab that was left up.
    pub kept: Option<String>,
    /// How long it took.
    pub time: Duration,
}

/// What came of a whole document.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// All steps passed or were skipped.
    Passed,
    /// One did not.
    Failed,
    /// It could not be run; why.
    Broken(String),
    /// The user had enough.
    Interrupted,
}

/// What came of a step.
#[derive(Debug)]
pub struct StepReport {
    /// Line in the document.
    pub line: usize,
    /// Its first command, or its task.
    pub name: String,
    /// What came of it.
    pub outcome: StepOutcome,
    /// How long it took.
    pub time: Duration,
}

/// What came of a step.
#[derive(Debug)]
pub enum StepOutcome {
    /// It is as the document says.
    Passed,
    /// It is not; and the state of the network then.
    Failed(Box<Failure>, String),
    /// The machine lacks this.
    Skipped(String),
    /// One before it failed.
    NotReached,
}

impl Report {
    /// A report of nothing yet.
    pub fn new(path: &Path) -> Self {
        let (path, outcome) = (path.to_owned(), Outcome::Passed);
        Self { path, outcome, steps: vec![], updated: 0, kept: None, time: Duration::ZERO }
    }

    /// As JSON.
    pub fn json(&self) -> Value {
        let result = match &self.outcome {
            Outcome::Passed => "passed",
            Outcome::Failed => "failed",
            Outcome::Broken(_) => "broken",
            Outcome::Interrupted => "interrupted",
        };
        let mut value = json!({
            "document": self.path.display().to_string(),
            "result": result,
            "seconds": self.time.as_secs_f64(),
            "updated": self.updated,
            "steps": self.steps.iter().map(StepReport::json).collect::<Vec<_>>(),
        });
        if let Outcome::Broken(error) = &self.outcome {
            value["error"] = json!(error);
        }
        value
    }
}

impl StepReport {
    /// One line, and for a failure all that helps.
    pub fn text(&self, path: &Path, palette: Palette) -> String {
        let place = format!("{}:{}", path.display(), self.line);
        let Self { name, outcome, time, .. } = self;
        match outcome {
            StepOutcome::Passed => {
                let ok = palette.paint("32", "ok  ");
                format!("{ok}  {place}  {name} ({} ms)\n", time.as_millis())
            }
            StepOutcome::Skipped(missing) => {
                format!("{}  {place}  {name}: needs {missing}\n", palette.paint("33", "skip"))
            }
            StepOutcome::NotReached => String::new(),
            StepOutcome::Failed(failure, diagnosis) => {
                let fail = palette.paint("1;31", "FAIL");
                let mut out = format!("{fail}  {place}  {name}\n{}", failure_text(path, failure, palette));
                if !diagnosis.is_empty() {
                    let _ = writeln!(out, "\n  The lab at that moment:\n{diagnosis}");
                }
                out
            }
        }
    }

    fn json(&self) -> Value {
        let Self { line, name, outcome, time } = self;
        let result = match outcome {
            StepOutcome::Passed => "passed",
            StepOutcome::Failed(..) => "failed",
            StepOutcome::Skipped(_) => "skipped",
            StepOutcome::NotReached => "not reached",
        };
        let mut value =
            json!({ "line": line, "name": name, "result": result, "seconds": time.as_secs_f64() });
        match outcome {
            StepOutcome::Skipped(missing) => value["needs"] = json!(missing),
            StepOutcome::Failed(failure, diagnosis) => {
                value["failure"] = json!({
                    "line": failure.line, "command": failure.script, "reason": failure.reason,
                    "expected": failure.difference.as_ref().map(|difference| &difference.expected),
                    "actual": failure.difference.as_ref().map(|difference| &difference.actual),
                    "diagnosis": diagnosis,
                });
            }
            StepOutcome::Passed | StepOutcome::NotReached => {}
        }
        value
    }
}

/// Where, what, and how it differs.
pub fn failure_text(path: &Path, failure: &Failure, palette: Palette) -> String {
    let Failure { line, script, reason, difference } = failure;
    let mut out = format!("  {}:{line}\n", path.display());
    for (number, script) in script.lines().enumerate() {
        let _ = writeln!(out, "  {} {}", if number == 0 { "$" } else { ">" }, palette.paint("1", script));
    }
    if let Some(reason) = reason {
        let _ = writeln!(out, "  {}", palette.paint("31", reason));
    }
    if let Some(difference) = difference {
        out.push_str(&difference::show(difference, palette));
    }
    out
}

/// The last line: how many of what.
pub fn summary(reports: &[Report]) -> String {
    let passed = reports.iter().filter(|report| report.outcome == Outcome::Passed).count();
    let skipped = reports.iter().flat_map(|report| &report.steps);
    let skipped = skipped.filter(|step| matches!(step.outcome, StepOutcome::Skipped(_))).count();
    let steps: usize = reports.iter().map(|report| report.steps.len()).sum();
    let updated: usize = reports.iter().map(|report| report.updated).sum();
    let mut line =
        format!("{passed} passed, {} failed, of {steps} steps {skipped} skipped", reports.len() - passed);
    if updated > 0 {
        let _ = write!(line, ", {updated} outputs updated");
    }
    line
}
