//! `fabctl expect`.

use std::{
    ffi::OsString,
    process::Stdio,
    time::{Duration, Instant},
};

use anyhow::Context;
use clap::Args;
use fabric_core::document::{Sight, Verdict};

use super::run::duration;
use crate::{
    cli::Global,
    connection,
    exit::{self, Failure},
    output::{
        self,
        table::{self, Look},
    },
    watch::Watch,
};

/// Assert which packets are seen where while a command runs
///
/// All captures stand before the command begins. It ends as soon as all packets that must be seen
/// have been, or when the time is over, and prints what was seen. The exit code is 0 only if all is
/// as expected.
#[derive(Debug, Args)]
#[command(
    override_usage = "fabctl expect [OPTIONS] --see 'TARGET[:INTERFACE] FILTER'... -- COMMAND [ARGUMENTS]..."
)]
#[command(after_long_help = "\
Examples:
  fabctl expect --see 'vm/device icmp and src host 10.224.0.5' --not-see 'vm/device src net 10.244.0.0/16' \\
    -- fabctl ping c vm/device -c 1")]
pub struct Expect {
    /// Packets that must be seen: a place and a filter; may be given several times
    #[arg(long, value_name = "PLACE FILTER")]
    see: Vec<String>,
    /// Packets that must not be seen
    #[arg(long, value_name = "PLACE FILTER")]
    not_see: Vec<String>,
    /// How long packets may take, once the command has ended
    #[arg(long, value_name = "TIME", default_value = "5s", value_parser = duration)]
    within: Duration,
    /// The command may fail
    #[arg(long)]
    ignore_exit: bool,
    /// Program and arguments
    #[arg(last = true, value_name = "COMMAND", required = true)]
    command: Vec<OsString>,
}

impl Expect {
    /// Captures, runs the command, and judges.
    pub async fn run(self, global: &Global) -> anyhow::Result<u8> {
        let sights = self.sights()?;
        if sights.is_empty() {
            return Err(Failure::usage("nothing is expected; say --see or --not-see"));
        }
        let connection = connection::open(global).await?;
        let starts = sights.iter().map(|sight| Watch::start(&connection, global, sight));
        let mut watches = futures::future::try_join_all(starts).await?;
        let code = self.command(global).await?;

        let begin = Instant::now();
        for (sight, watch) in sights.iter().zip(&mut watches) {
            if sight.wanted {
                watch.until_seen(self.within.saturating_sub(begin.elapsed())).await?;
            }
        }
        let counts = futures::future::try_join_all(watches.into_iter().map(Watch::end)).await?;
        let verdicts: Vec<Verdict> =
            sights.into_iter().zip(counts).map(|(sight, packets)| Verdict { sight, packets }).collect();
        let rows: Vec<Vec<String>> = verdicts.iter().map(|verdict| verdict.row().into()).collect();
        let titles = ["PLACE", "FILTER", "WANTED", "SEEN", "RESULT"];
        output::print(&table::render(Look::Kubectl, Some(&titles), &rows))?;
        if code != 0 && !self.ignore_exit {
            output::say(&format!("the command ended with exit code {code}"));
            return Ok(code);
        }
        Ok(if verdicts.iter().all(Verdict::ok) { 0 } else { exit::FAILURE })
    }

    fn sights(&self) -> anyhow::Result<Vec<Sight>> {
        let see = self.see.iter().map(|words| (words, true));
        let not_see = self.not_see.iter().map(|words| (words, false));
        see.chain(not_see)
            .map(|(words, wanted)| {
                Sight::read(words, wanted).map_err(|error| Failure::usage(error.to_string()))
            })
            .collect()
    }

    /// Runs the command; what it prints is not what this is about.
    async fn command(&self, global: &Global) -> anyhow::Result<u8> {
        let (program, arguments) = self.command.split_first().context("no command")?;
        let mut command = tokio::process::Command::new(program);
        command.args(arguments).stdin(Stdio::null()).kill_on_drop(true);
        if global.verbose > 0 {
            command.stdout(std::io::stderr());
        } else {
            command.stdout(Stdio::null()).stderr(Stdio::null());
        }
        let status = command.status().await.with_context(|| format!("cannot run {}", program.display()))?;
        Ok(exit::code(status))
    }
}
