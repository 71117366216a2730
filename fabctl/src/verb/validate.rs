//! `fabctl validate`.

use std::path::PathBuf;

use clap::Args;
use fabric_core::spec;

use super::apply::ApplyFormat;
use crate::{
    exit,
    output::{self, diagnostic, json},
    source,
};

/// Look for mistakes in lab files, without a daemon
#[derive(Debug, Args)]
#[command(after_long_help = "\
Examples:
  fabctl validate -f lab.yaml
  fabctl validate -f labs/kubenet -o json

Ends with 65 if there are mistakes.")]
pub struct Validate {
    /// Lab file, directory of lab files, or - for standard input; may be given several times
    #[arg(short, long = "filename", value_name = "FILE", required = true)]
    files: Vec<PathBuf>,
    /// How to print what was found
    #[arg(short, long, value_enum)]
    output: Option<ApplyFormat>,
}

impl Validate {
    /// Reads the files as the daemon would.
    pub fn run(self) -> anyhow::Result<u8> {
        match spec::load(&source::read(&self.files)?) {
            Ok(topology) => {
                let lab = topology.lab.as_str();
                output::print(&match self.output {
                    Some(ApplyFormat::Name) => format!("lab/{lab}\n"),
                    Some(ApplyFormat::Json) => {
                        json::render(&serde_json::json!({ "lab": lab, "result": "valid" }), 2)?
                    }
                    None => format!("lab/{lab} valid\n"),
                })?;
                Ok(0)
            }
            Err(diagnostics) => {
                if self.output == Some(ApplyFormat::Json) {
                    output::print(&json::render(&diagnostic::to_json(&diagnostics), 2)?)?;
                } else {
                    let text = diagnostic::render(&diagnostics, output::colour_on_stderr());
                    output::print_error_bytes(text.as_bytes());
                }
                Ok(exit::BAD_FILE)
            }
        }
    }
}
