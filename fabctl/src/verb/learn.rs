//! `fabctl learn`.

use std::path::PathBuf;

use clap::Args;

/// Step through a lab document in the terminal
#[derive(Debug, Args)]
pub struct Learn {
    /// A lab's folder or document
    #[arg(value_name = "PATH")]
    path: PathBuf,
}

impl Learn {
    /// Begins or goes on with the lesson.
    pub async fn run(self) -> anyhow::Result<u8> {
        anyhow::bail!("not yet")
    }
}
