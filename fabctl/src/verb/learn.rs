//! `fabctl learn`.

use std::{
    io::{self, IsTerminal},
    path::PathBuf,
};

use clap::Args;
use terminal_size::{Width, terminal_size};

use super::run::interruption;
use crate::{
    document::{difference::Palette, find, lesson::Lesson},
    exit::Failure,
    output,
};

/// Lines longer than this are hard to read.
const WIDTH_MAX: usize = 100;

/// Step through a lab document in the terminal
///
/// Shows the text and the next command; Enter runs it. `s` opens a shell in the lab, in which fabctl
/// speaks to the lesson's own daemon. Nothing is left of the lab when the lesson ends; how far you
/// came is remembered.
#[derive(Debug, Args)]
#[command(after_long_help = "\
Examples:
  fabctl learn labs/kubenet
  fabctl learn labs/tcpdump")]
pub struct Learn {
    /// A lab's folder or document
    #[arg(value_name = "PATH")]
    path: PathBuf,
}

impl Learn {
    /// Begins or goes on with the lesson.
    pub async fn run(self) -> anyhow::Result<u8> {
        let documents = find::documents(std::slice::from_ref(&self.path))?;
        let [document] = documents.as_slice() else {
            let names: Vec<_> = documents.iter().map(|path| path.display().to_string()).collect();
            return Err(Failure::usage(format!("choose one of {}", names.join(", "))));
        };
        let mut interrupted = interruption()?;
        let terminal = io::stdout().is_terminal();
        let width = terminal_size().map_or(80, |(Width(width), _)| usize::from(width));
        let palette = Palette::new(terminal && output::colour_on_stderr());
        let mut lesson = Lesson::new(document, palette, width.clamp(20, WIDTH_MAX)).await?;
        let taught = tokio::select! {
            taught = lesson.teach() => taught.map(|()| 0),
            _ = interrupted.wait_for(|stop| *stop) => Ok(130),
        };
        lesson.end().await;
        taught
    }
}
