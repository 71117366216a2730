//! `fabctl diff`.

use std::path::PathBuf;

use clap::Args;
use fabric_proto::v1::ApplyRequest;

use super::apply;
use crate::{
    change::{self, End},
    cli::Global,
    connection, output, source,
};

/// Say what an apply of these files would change, and change nothing
///
/// The exit code is 0 if there is nothing to change, and 1 if there is.
#[derive(Debug, Args)]
#[command(after_long_help = "\
Each line is one object of the kernel: + to make, ~ to change, - to take away; behind # what asks for it.

Examples:
  fabctl diff -f lab.yaml
  sed 's/count: 2/count: 3/' lab.yaml | fabctl diff -f -")]
pub struct Diff {
    /// Lab file, directory of lab files, or - for standard input; may be given several times
    #[arg(short, long = "filename", value_name = "FILE", required = true)]
    files: Vec<PathBuf>,
}

impl Diff {
    /// Sends the files and prints the plan.
    pub async fn run(self, global: &Global) -> anyhow::Result<u8> {
        let files = source::to_wire(source::read(&self.files)?);
        let connection = connection::open_or_start(global).await?;
        let events = connection.labs().apply(ApplyRequest { files, dry_run: true }).await?.into_inner();
        match change::follow(events, true).await? {
            End::Rejected(rejected) => apply::reject(rejected, None),
            End::Planned(planned) | End::Applied(planned, _) => {
                output::print(&planned.text)?;
                Ok(u8::from(!planned.text.is_empty()))
            }
        }
    }
}
