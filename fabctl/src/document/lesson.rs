//! A document as a lesson: text, the next command, what it prints, and exercises.

use std::{
    io::Read,
    path::{Path, PathBuf},
    time::Duration,
};

use fabric_core::document::{Aliases, Block, Document, Exercise, Step};

use super::{
    block::{self, Failure, Manner},
    capability,
    difference::Palette,
    exercise,
    progress::Progress,
    render::render,
    runner,
    world::World,
};
use crate::output;

/// What one command of a lesson may take.
const PATIENCE: Duration = Duration::from_secs(600);

/// A lesson that goes on.
pub struct Lesson {
    path: PathBuf,
    text: String,
    document: Document,
    world: World,
    aliases: Aliases,
    palette: Palette,
    width: usize,
}

/// What the learner says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Answer {
    Go,
    Shell,
    Hint,
    Skip,
    Quit,
}

/// How the lesson goes on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Next {
    Step,
    Quit,
}

impl Lesson {
    /// Makes the lesson's world.
    ///
    /// # Errors
    /// If the document is wrong, or there is no daemon.
    pub async fn new(path: &Path, palette: Palette, width: usize) -> anyhow::Result<Self> {
        let (text, document) = runner::read(path)?;
        let world = World::new(path, runner::needs_daemon(&document), false).await?;
        Ok(Self { path: path.to_owned(), text, document, world, aliases: Aliases::default(), palette, width })
    }

    /// Teaches until the end, or until the learner quits.
    ///
    /// # Errors
    /// If the terminal or the shell fails.
    pub async fn teach(&mut self) -> anyhow::Result<()> {
        let mut progress = Progress::load();
        let steps = self.document.steps.clone();
        let mut done = progress.done(&self.path, steps.len());
        if done == steps.len() {
            done = 0;
        }
        if done > 0 {
            self.say(&format!(
                "You have done {done} of {} steps. Enter goes on there, n begins anew.",
                steps.len()
            ))?;
            match self.ask("continue").await? {
                Answer::Quit => return Ok(()),
                Answer::Skip => done = 0,
                _ => self.catch_up(&steps[..done]).await?,
            }
        }
        let mut shown = steps[..done].last().map_or(0, |step| range(step).end);
        for (number, step) in steps.iter().enumerate().skip(done) {
            self.show(shown..range(step).start)?;
            shown = range(step).end;
            let next = match step {
                Step::Block(block) => self.block(block).await?,
                Step::Exercise(exercise) => self.exercise(exercise).await?,
            };
            if next == Next::Quit {
                return Ok(());
            }
            progress.remember(&self.path, number + 1, steps.len())?;
        }
        self.show(shown..self.text.len())?;
        self.say("That was all of it.")
    }

    /// Takes everything away.
    pub async fn end(self) {
        self.world.end().await;
    }

    /// Does again what was done in an earlier lesson: the lab is a new one.
    async fn catch_up(&mut self, steps: &[Step]) -> anyhow::Result<()> {
        for step in steps {
            let blocks = match step {
                Step::Block(block) => std::slice::from_ref(block),
                Step::Exercise(exercise) => &exercise.solution,
            };
            for command in blocks.iter().filter(|block| is_possible(block)).flat_map(|block| &block.commands)
            {
                self.world.run(&command.script, PATIENCE).await?;
            }
        }
        Ok(())
    }

    async fn block(&mut self, block: &Block) -> anyhow::Result<Next> {
        if let Some(missing) = capability::first_missing(&block.attributes.skip_unless) {
            self.say(&format!("(left out: this machine lacks {missing})"))?;
            return Ok(Next::Step);
        }
        if block.attributes.hidden {
            let manner = Manner { timeout: PATIENCE, update: false, patient: true };
            let Self { world, aliases, .. } = self;
            // What it prints is nobody's lesson; if it fails, what depends on it will show.
            let _ = block::run(world, block, aliases, &mut vec![], manner).await?;
            return Ok(Next::Step);
        }
        for command in &block.commands {
            let script = command.script.replace('\n', "\n> ");
            output::print(&format!("\n$ {}\n", self.palette.paint("1;32", &script)))?;
            loop {
                match self.ask("run").await? {
                    Answer::Quit => return Ok(Next::Quit),
                    Answer::Skip => return Ok(Next::Step),
                    Answer::Shell => self.visit().await?,
                    Answer::Go | Answer::Hint => break,
                }
            }
            let ran = self.world.run(&command.script, PATIENCE).await?;
            output::print(&ran.output)?;
            if let Some(cut) = ran.cut {
                self.say(&cut)?;
            }
        }
        Ok(Next::Step)
    }

    async fn exercise(&mut self, exercise: &Exercise) -> anyhow::Result<Next> {
        let title = self.palette.paint("1;33", "Exercise");
        output::print(&format!("\n{title}\n{}\n", exercise.task))?;
        self.say("(s opens a shell in the lab, Enter checks, h shows a solution, n goes on)")?;
        loop {
            match self.ask("check").await? {
                Answer::Quit => return Ok(Next::Quit),
                Answer::Skip => return Ok(Next::Step),
                Answer::Shell => self.visit().await?,
                Answer::Hint => {
                    for command in exercise.solution.iter().flat_map(|block| &block.commands) {
                        output::print(&format!("$ {}\n", command.script.replace('\n', "\n> ")))?;
                    }
                }
                Answer::Go => match self.check(exercise).await? {
                    Ok(()) => {
                        self.say(&self.palette.paint("32", "Solved."))?;
                        return Ok(Next::Step);
                    }
                    Err(failure) => {
                        output::print(&not_yet(&failure))?;
                    }
                },
            }
        }
    }

    async fn check(&mut self, exercise: &Exercise) -> anyhow::Result<Result<(), Failure>> {
        let manner = Manner { timeout: PATIENCE, update: false, patient: false };
        let Self { world, aliases, .. } = self;
        let mut learnt = aliases.clone();
        exercise::all(world, &exercise.checks, &mut learnt, &mut vec![], manner).await
    }

    async fn visit(&self) -> anyhow::Result<()> {
        self.say("A shell in the lab; `exit` comes back here.")?;
        self.world.visit().await
    }

    fn show(&self, part: std::ops::Range<usize>) -> anyhow::Result<()> {
        Ok(output::print(&render(&self.text, part, self.width, self.palette))?)
    }

    fn say(&self, line: &str) -> anyhow::Result<()> {
        Ok(output::print(&format!("{line}\n"))?)
    }

    async fn ask(&self, go: &str) -> anyhow::Result<Answer> {
        output::print(&self.palette.paint("2", &format!("[Enter] {go}  [s] shell  [n] next  [q] quit > ")))?;
        let line = tokio::task::spawn_blocking(read_line).await??;
        let Some(line) = line else {
            output::print("\n")?;
            return Ok(Answer::Quit);
        };
        Ok(match line.trim() {
            "s" => Answer::Shell,
            "h" => Answer::Hint,
            "n" => Answer::Skip,
            "q" => Answer::Quit,
            _ => Answer::Go,
        })
    }
}

/// What the check saw. What it wanted to see would be the answer.
fn not_yet(failure: &Failure) -> String {
    let script = failure.script.replace('\n', "\n> ");
    let seen = failure.difference.as_ref().map_or(&[][..], |difference| &difference.actual);
    format!("$ {script}\n{}Not yet.\n", seen.iter().map(|line| format!("{line}\n")).collect::<String>())
}

fn is_possible(block: &Block) -> bool {
    capability::first_missing(&block.attributes.skip_unless).is_none()
}

fn range(step: &Step) -> std::ops::Range<usize> {
    match step {
        Step::Block(block) => block.range.clone(),
        Step::Exercise(exercise) => exercise.range.clone(),
    }
}

/// A line of standard input, byte by byte: what stands behind it may be meant for a shell.
fn read_line() -> std::io::Result<Option<String>> {
    let mut stdin = std::fs::File::from(std::os::fd::AsFd::as_fd(&std::io::stdin()).try_clone_to_owned()?);
    let mut line = vec![];
    let mut byte = [0];
    while stdin.read(&mut byte)? == 1 {
        if byte[0] == b'\n' {
            return Ok(Some(String::from_utf8_lossy(&line).into_owned()));
        }
        line.push(byte[0]);
    }
    Ok((!line.is_empty()).then(|| String::from_utf8_lossy(&line).into_owned()))
}
