//! Running a document as a test.

use std::{
    fs,
    path::{Path, PathBuf},
    time::{Duration, Instant},
};

use anyhow::Context;
use fabric_core::document::{self, Aliases, Attributes, Block, Document, Edit, Step};

use super::{
    block::{self, Failure, Manner},
    capability, diagnosis, exercise,
    report::{Outcome, Report, StepOutcome, StepReport},
    world::World,
};

/// What to do with documents.
#[derive(Clone, Copy, Debug)]
pub struct Options {
    /// For each command.
    pub timeout: Duration,
    /// Write what came into the document.
    pub update: bool,
    /// Leave the lab up.
    pub keep: bool,
}

/// Runs the document at `path`; `told` hears of each step as it ends. It comes back early if
/// `interrupted` does, and leaves nothing then either.
pub async fn run(
    path: &Path,
    options: Options,
    interrupted: impl Future<Output = ()>,
    mut told: impl FnMut(&Path, &StepReport),
) -> Report {
    let begin = Instant::now();
    let mut report = Report::new(path);
    let (text, document) = match read(path) {
        Ok(read) => read,
        Err(error) => {
            report.outcome = Outcome::Broken(format!("{error:#}"));
            return report;
        }
    };
    let mut world = match World::new(path, needs_daemon(&document), options.keep).await {
        Ok(world) => world,
        Err(error) => {
            report.outcome = Outcome::Broken(format!("{error:#}"));
            return report;
        }
    };
    let mut edits = vec![];
    let finished = tokio::select! {
        finished = steps(&mut world, &document, options, &mut edits, |step| {
            told(path, &step);
            report.steps.push(step);
        }) => Some(finished),
        () = interrupted => None,
    };
    report.outcome = match finished {
        None => Outcome::Interrupted,
        Some(Ok(true)) => Outcome::Passed,
        Some(Ok(false)) => Outcome::Failed,
        Some(Err(error)) => Outcome::Broken(format!("{error:#}")),
    };
    if !edits.is_empty() && report.outcome != Outcome::Interrupted {
        report.updated = edits.len();
        if let Err(error) = fs::write(path, document::apply(&text, &edits)) {
            report.outcome = Outcome::Broken(format!("cannot write {}: {error}", path.display()));
        }
    }
    if options.keep && report.outcome != Outcome::Interrupted {
        report.kept = Some(world.keep());
    } else {
        world.end().await;
    }
    report.time = begin.elapsed();
    report
}

/// A document's text and what it says.
///
/// # Errors
/// If it cannot be read, or its blocks are wrong.
pub fn read(path: &Path) -> anyhow::Result<(String, Document)> {
    let text = fs::read_to_string(path).with_context(|| format!("cannot read {}", path.display()))?;
    let document = document::parse(&text).map_err(|problems| {
        let lines = problems.iter().map(|problem| format!("{}:{problem}", path.display()));
        anyhow::anyhow!("{}", lines.collect::<Vec<_>>().join("\n"))
    })?;
    Ok((text, document))
}

/// Whether a command of the document asks a daemon: one that is never asked need not be there.
pub fn needs_daemon(document: &Document) -> bool {
    let asks = |block: &Block| block.commands.iter().any(|command| command.script.contains("fabctl"));
    document.steps.iter().any(|step| match step {
        Step::Block(block) => asks(block),
        Step::Exercise(exercise) => exercise.checks.iter().chain(&exercise.solution).any(asks),
    })
}

/// Runs all steps until one fails, and says whether none did.
async fn steps(
    world: &mut World,
    document: &Document,
    options: Options,
    edits: &mut Vec<Edit>,
    mut done: impl FnMut(StepReport),
) -> anyhow::Result<bool> {
    let manner = Manner { timeout: options.timeout, update: options.update, patient: true };
    let mut aliases = Aliases::default();
    let mut passed = true;
    for step in &document.steps {
        let begin = Instant::now();
        let (line, name, attributes) = about(step);
        let outcome = if !passed {
            StepOutcome::NotReached
        } else if let Some(missing) = capability::first_missing(&attributes.skip_unless) {
            StepOutcome::Skipped(missing.to_string())
        } else {
            let result = match step {
                Step::Block(block) => block::run(world, block, &mut aliases, edits, manner).await?,
                Step::Exercise(exercise) => {
                    exercise::prove(world, exercise, &mut aliases, edits, manner).await?
                }
            };
            match result {
                Ok(()) => StepOutcome::Passed,
                Err(failure) => {
                    passed = false;
                    let diagnosis = diagnose(world, &failure).await;
                    StepOutcome::Failed(Box::new(failure), diagnosis)
                }
            }
        };
        done(StepReport { line, name, outcome, time: begin.elapsed() });
    }
    Ok(passed)
}

async fn diagnose(world: &mut World, failure: &Failure) -> String {
    // A command that asks no daemon fails for reasons of its own.
    if failure.script.contains("fabctl") {
        diagnosis::of(world, &failure.script).await
    } else {
        String::new()
    }
}

/// Line, name and attributes of a step.
fn about(step: &Step) -> (usize, String, &Attributes) {
    match step {
        Step::Block(block) => {
            let script = block.commands.first().map_or("", |command| command.script.as_str());
            (block.line, first_line(script), &block.attributes)
        }
        Step::Exercise(exercise) => {
            (exercise.line, format!("exercise: {}", first_line(&exercise.task)), &exercise.attributes)
        }
    }
}

fn first_line(text: &str) -> String {
    text.lines().next().unwrap_or_default().trim_end_matches('\\').trim_end().to_owned()
}

/// The documents' paths that have `text` in them.
pub fn filtered(paths: Vec<PathBuf>, text: Option<&str>) -> Vec<PathBuf> {
    let wanted = |path: &PathBuf| text.is_none_or(|text| path.to_string_lossy().contains(text));
    paths.into_iter().filter(wanted).collect()
}
