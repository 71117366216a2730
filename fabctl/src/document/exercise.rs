//! Proving that an exercise tests something: its checks fail, then its solution runs, then they pass.

use fabric_core::document::{Aliases, Block, Edit, Exercise};

use super::{
    block::{self, Failure, Manner},
    world::World,
};

/// Runs `exercise` as a learner who knows the solution would.
///
/// # Errors
/// If there is no shell.
pub async fn prove(
    world: &mut World,
    exercise: &Exercise,
    aliases: &mut Aliases,
    edits: &mut Vec<Edit>,
    manner: Manner,
) -> anyhow::Result<Result<(), Failure>> {
    let before = Manner { update: false, patient: false, ..manner };
    let first = all(world, &exercise.checks, &mut aliases.clone(), &mut vec![], before).await?;
    if first.is_ok() {
        return Ok(Err(Failure {
            line: exercise.line,
            script: exercise.task.lines().next().unwrap_or_default().to_owned(),
            reason: Some("its checks pass before it is solved, so they check nothing".to_owned()),
            difference: None,
        }));
    }
    if let Err(failure) = all(world, &exercise.solution, aliases, edits, manner).await? {
        return Ok(Err(failure));
    }
    all(world, &exercise.checks, aliases, edits, manner).await
}

/// Runs one block after the other until one does not fit.
///
/// # Errors
/// If there is no shell.
pub async fn all(
    world: &mut World,
    blocks: &[Block],
    aliases: &mut Aliases,
    edits: &mut Vec<Edit>,
    manner: Manner,
) -> anyhow::Result<Result<(), Failure>> {
    for block in blocks {
        if let Err(failure) = block::run(world, block, aliases, edits, manner).await? {
            return Ok(Err(failure));
        }
    }
    Ok(Ok(()))
}
