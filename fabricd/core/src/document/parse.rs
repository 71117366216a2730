//! From Markdown to the steps of a lab.

use std::ops::Range;

use super::{
    attributes::{self, Attributes, Role},
    fence::{self, Fence},
    transcript::{self, Command, line_number},
};

/// A lab document.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Document {
    /// What is done, from top to bottom.
    pub steps: Vec<Step>,
}

/// One thing to do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Step {
    /// Commands to run.
    Block(Block),
    /// Something that the learner does.
    Exercise(Exercise),
}

/// A console block.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Block {
    /// Line of its first fence, from 1.
    pub line: usize,
    /// Where it stands in the text.
    pub range: Range<usize>,
    /// How it is run and compared.
    pub attributes: Attributes,
    /// Its commands, at least one.
    pub commands: Vec<Command>,
}

/// A task, how to know that it is done, and how to do it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Exercise {
    /// Line of its first fence, from 1.
    pub line: usize,
    /// Where the task stands in the text.
    pub range: Range<usize>,
    /// What may be skipped.
    pub attributes: Attributes,
    /// What the learner is told.
    pub task: String,
    /// Fail before it is done, pass after.
    pub checks: Vec<Block>,
    /// Does it.
    pub solution: Vec<Block>,
}

/// What is wrong with a document.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{line}: {message}")]
pub struct Problem {
    /// Line, from 1.
    pub line: usize,
    /// What is wrong, and what to do.
    pub message: String,
}

/// Reads a document.
///
/// # Errors
/// Names everything that is wrong with its blocks.
pub fn parse(text: &str) -> Result<Document, Vec<Problem>> {
    let mut document = Document::default();
    let mut problems = vec![];
    for fence in fence::find(text) {
        let line = line_number(text, fence.range.start);
        if let Err((line, message)) = add(&mut document, text, &fence, line) {
            problems.push(Problem { line, message });
        }
    }
    for step in &document.steps {
        if let Step::Exercise(exercise) = step {
            let lack = match (exercise.checks.is_empty(), exercise.solution.is_empty()) {
                (true, _) => "has no `console check` block, so nothing tells whether it is solved",
                (_, true) => "has no `console solution` block, so nobody knows whether it can be solved",
                _ => continue,
            };
            problems.push(Problem { line: exercise.line, message: format!("this exercise {lack}") });
        }
    }
    problems.sort_by_key(|problem| problem.line);
    if problems.is_empty() { Ok(document) } else { Err(problems) }
}

fn add(document: &mut Document, text: &str, fence: &Fence, line: usize) -> Result<(), (usize, String)> {
    let info = fence.info.trim();
    let (kind, words) = info.split_once(char::is_whitespace).unwrap_or((info, ""));
    if kind != "console" && kind != "exercise" {
        return Ok(());
    }
    let mut attributes = attributes::read(words).map_err(|message| (line, message))?;
    attributes.hidden |= fence.in_comment;
    let range = fence.range.clone();
    if kind == "exercise" {
        let lines: Vec<_> = fence.lines.iter().map(|line| line.text.as_str()).collect();
        let (task, checks, solution) = (lines.join("\n"), vec![], vec![]);
        document.steps.push(Step::Exercise(Exercise { line, range, attributes, task, checks, solution }));
        return Ok(());
    }
    let commands = transcript::read(text, fence)
        .map_err(|at| (line + 1 + at, "output without a command; a command begins with `$ `".to_owned()))?;
    if commands.is_empty() {
        return Err((line, "a console block without a command; a command begins with `$ `".to_owned()));
    }
    let block = Block { line, range, attributes, commands };
    let role = block.attributes.role;
    let exercise = document.steps.iter_mut().rev().find_map(|step| match step {
        Step::Exercise(exercise) => Some(exercise),
        Step::Block(_) => None,
    });
    match (role, exercise) {
        (Role::Lesson, _) => document.steps.push(Step::Block(block)),
        (Role::Check, Some(exercise)) => exercise.checks.push(block),
        (Role::Solution, Some(exercise)) => exercise.solution.push(block),
        (_, None) => return Err((line, "no `exercise` block stands before this".to_owned())),
    }
    Ok(())
}
