//! Running a console block and comparing what came.

use std::time::{Duration, Instant};

use fabric_core::document::{Aliases, Block, Command, Difference, Edit, compare, edit, lines};

use super::world::World;

/// The pauses between tries of a block that may fit later.
const FIRST_PAUSE: Duration = Duration::from_millis(20);
const LONGEST_PAUSE: Duration = Duration::from_millis(500);

/// What does not fit.
#[derive(Clone, Debug)]
pub struct Failure {
    /// Line of the command in the document.
    pub line: usize,
    /// The command.
    pub script: String,
    /// What is wrong, unless it is the output alone.
    pub reason: Option<String>,
    /// How the output differs.
    pub difference: Option<Difference>,
}

/// How blocks are run.
#[derive(Clone, Copy, Debug)]
pub struct Manner {
    /// For each command.
    pub timeout: Duration,
    /// Write what came into the document, instead of failing.
    pub update: bool,
    /// Try again for as long as the block says.
    pub patient: bool,
}

/// Runs all commands of `block`. What was learnt of its values goes to `aliases` and changes of the
/// document to `edits`, if it passes.
///
/// # Errors
/// If there is no shell, which is not the block's fault.
pub async fn run(
    world: &mut World,
    block: &Block,
    aliases: &mut Aliases,
    edits: &mut Vec<Edit>,
    manner: Manner,
) -> anyhow::Result<Result<(), Failure>> {
    let begin = Instant::now();
    let mut pause = FIRST_PAUSE;
    loop {
        let over = match block.attributes.eventually {
            Some(patience) if manner.patient => begin.elapsed() >= patience,
            _ => true,
        };
        let manner = Manner { update: manner.update && over, ..manner };
        let mut attempt = Attempt { aliases: aliases.clone(), edits: vec![] };
        match attempt.run(world, block, manner).await? {
            Ok(()) => {
                *aliases = attempt.aliases;
                edits.extend(attempt.edits);
                return Ok(Ok(()));
            }
            Err(failure) if over => return Ok(Err(failure)),
            Err(_) => tokio::time::sleep(pause).await,
        }
        pause = (pause * 2).min(LONGEST_PAUSE);
    }
}

struct Attempt {
    aliases: Aliases,
    edits: Vec<Edit>,
}

impl Attempt {
    async fn run(
        &mut self,
        world: &mut World,
        block: &Block,
        manner: Manner,
    ) -> anyhow::Result<Result<(), Failure>> {
        for (number, command) in block.commands.iter().enumerate() {
            let last = number + 1 == block.commands.len();
            let code = if last { block.attributes.exit } else { 0 };
            if let Err(failure) =
                self.command(world, command, block.attributes.unordered, code, manner).await?
            {
                return Ok(Err(failure));
            }
        }
        Ok(Ok(()))
    }

    async fn command(
        &mut self,
        world: &mut World,
        command: &Command,
        unordered: bool,
        code: i32,
        manner: Manner,
    ) -> anyhow::Result<Result<(), Failure>> {
        let ran = world.run(&command.script, manner.timeout).await?;
        let actual = lines(&ran.output);
        let reason = ran.cut.or_else(|| {
            (ran.code != code).then(|| format!("it ended with exit code {}, not {code}", ran.code))
        });
        let compared = compare(&command.expected, &actual, unordered, &self.aliases);
        let difference = match compared {
            Ok(aliases) if reason.is_none() => {
                self.aliases = aliases;
                return Ok(Ok(()));
            }
            Ok(_) => None,
            Err(_) if manner.update && reason.is_none() => {
                let edit = edit(command, &actual, &self.aliases);
                if let Ok(aliases) = compare(&edit.lines, &actual, unordered, &self.aliases) {
                    self.aliases = aliases;
                }
                self.edits.push(edit);
                return Ok(Ok(()));
            }
            Err(difference) => Some(*difference),
        };
        let (line, script) = (command.line, command.script.clone());
        Ok(Err(Failure { line, script, reason, difference }))
    }
}
