//! `fabctl completion`.

use clap::{Args, CommandFactory};
use clap_complete::Shell;

use crate::{cli::Cli, output};

/// Print a script that completes fabctl's words in a shell
#[derive(Debug, Args)]
#[command(after_long_help = "\
Examples:
  source <(fabctl completion bash)
  fabctl completion zsh > \"${fpath[1]}/_fabctl\"
  fabctl completion fish | source")]
pub struct Completion {
    /// The shell
    #[arg(value_enum)]
    shell: Shell,
}

impl Completion {
    /// Prints the script.
    pub fn run(self) -> anyhow::Result<u8> {
        let mut script = vec![];
        clap_complete::generate(self.shell, &mut Cli::command(), "fabctl", &mut script);
        output::print_bytes(&script)?;
        Ok(0)
    }
}
