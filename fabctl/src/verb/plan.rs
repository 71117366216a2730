//! `fabctl plan`.

use std::path::PathBuf;

use clap::{Args, Subcommand, ValueEnum};
use fabric_core::spec;

use crate::{
    exit,
    output::{self, diagnostic, json, plan, yaml},
    source,
};

/// Calculate what a lab needs, without a daemon
#[derive(Debug, Args)]
pub struct Plan {
    #[command(subcommand)]
    what: What,
}

#[derive(Debug, Subcommand)]
enum What {
    Addresses(Addresses),
}

/// Count the addresses that node pools need, and say where they run out
///
/// For each subnet, pod CIDR and route table: who takes how much of it now, while pools are upgraded (with
/// `upgradeSettings.maxSurge` nodes more), with the autoscaler's `maxCount` nodes, and with these while they
/// are upgraded. Then the same pools under every network plugin. A lab that does not fit is planned like any
/// other.
#[derive(Debug, Args)]
#[command(after_long_help = "\
Examples:
  fabctl plan addresses -f lab.yaml
  fabctl plan addresses -f labs/pod-subnet -o yaml
  sed 's/count: 2/count: 5/' lab.yaml | fabctl plan addresses -f -

Ends with 0 whether the lab fits or not, and with 65 if it has mistakes of another kind.")]
struct Addresses {
    /// Lab file, directory of lab files, or - for standard input; may be given several times
    #[arg(short, long = "filename", value_name = "FILE", required = true)]
    files: Vec<PathBuf>,
    /// How to print
    #[arg(short, long, value_enum, default_value_t = PlanFormat::Table)]
    output: PlanFormat,
}

/// How a plan is printed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum PlanFormat {
    /// Tables
    Table,
    /// JSON
    Json,
    /// YAML
    Yaml,
}

impl Plan {
    /// Calculates and prints.
    pub fn run(self) -> anyhow::Result<u8> {
        match self.what {
            What::Addresses(addresses) => addresses.run(),
        }
    }
}

impl Addresses {
    fn run(self) -> anyhow::Result<u8> {
        let (lab, addresses) = match spec::plan_addresses(&source::read(&self.files)?) {
            Ok(plan) => plan,
            Err(diagnostics) => {
                let text = diagnostic::render(&diagnostics, output::colour_on_stderr());
                output::print_error_bytes(text.as_bytes());
                return Ok(exit::BAD_FILE);
            }
        };
        let value = || -> anyhow::Result<serde_json::Value> {
            let mut value = serde_json::to_value(&addresses)?;
            value["lab"] = lab.into();
            Ok(value)
        };
        output::print(&match self.output {
            PlanFormat::Table => plan::render(&addresses),
            PlanFormat::Json => json::render(&value()?, 2)?,
            PlanFormat::Yaml => yaml::render(&value()?)?,
        })?;
        Ok(0)
    }
}
