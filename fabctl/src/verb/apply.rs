//! `fabctl apply`.

use std::path::PathBuf;

use clap::{Args, ValueEnum};
use fabric_proto::v1::{Applied, ApplyRequest, Planned, Rejected};
use serde_json::json;

use crate::{
    change::{self, End},
    cli::Global,
    connection, exit,
    output::{self, diagnostic, json},
    source,
};

/// Make a lab, or change the running one of that name into what the files say
///
/// All files together hold one lab. Either all of it is done or, if something is wrong with the
/// files or the kernel refuses, nothing. Applying the same files again does nothing.
#[derive(Debug, Args)]
#[command(after_long_help = "\
Examples:
  fabctl apply -f lab.yaml              make or change the lab
  fabctl apply -f lab.yaml --dry-run    say what would be done
  fabctl apply -f labs/kubenet          all *.yaml and *.yml of a directory
  sed s/kubenet/mine/ lab.yaml | fabctl apply -f -")]
pub struct Apply {
    /// Lab file, directory of lab files, or - for standard input; may be given several times
    #[arg(short, long = "filename", value_name = "FILE", required = true)]
    files: Vec<PathBuf>,
    /// Say what would be done, and do nothing
    #[arg(long)]
    dry_run: bool,
    /// How to print what was done
    #[arg(short, long, value_enum)]
    output: Option<ApplyFormat>,
}

/// How the outcome of an apply is printed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum ApplyFormat {
    /// lab/NAME
    Name,
    /// JSON, mistakes included
    Json,
}

impl Apply {
    /// Sends the files and shows what comes of them.
    pub async fn run(self, global: &Global) -> anyhow::Result<u8> {
        let files = source::to_wire(source::read(&self.files)?);
        let connection = connection::open_or_start(global).await?;
        let request = ApplyRequest { files, dry_run: self.dry_run };
        let events = connection.labs().apply(request).await?.into_inner();
        match change::follow(events, self.dry_run).await? {
            End::Rejected(rejected) => reject(rejected, self.output),
            End::Planned(planned) => self.show_plan(&planned),
            End::Applied(plan, applied) => {
                output::print(&self.outcome(&plan, &applied)?)?;
                Ok(0)
            }
        }
    }

    fn show_plan(&self, planned: &Planned) -> anyhow::Result<u8> {
        let Planned { lab, text, create, change, remove } = planned;
        output::print(&match self.output {
            Some(ApplyFormat::Name) => format!("lab/{lab}\n"),
            Some(ApplyFormat::Json) => json::render(
                &json!({
                    "lab": lab, "result": "planned", "create": create, "change": change, "remove": remove,
                    "steps": text.lines().collect::<Vec<_>>(),
                }),
                2,
            )?,
            None => plan(planned, &format!("lab/{lab}")),
        })?;
        Ok(0)
    }

    fn outcome(&self, plan: &Planned, applied: &Applied) -> anyhow::Result<String> {
        let Applied { lab, generation, changed, created, milliseconds } = applied;
        let result = match (created, changed) {
            (true, _) => "created",
            (false, true) => "configured",
            (false, false) => "unchanged",
        };
        let Planned { create, change, remove, .. } = plan;
        Ok(match self.output {
            Some(ApplyFormat::Name) => format!("lab/{lab}\n"),
            Some(ApplyFormat::Json) => json::render(
                &json!({
                    "lab": lab, "result": result, "generation": generation, "create": create, "change": change,
                    "remove": remove, "milliseconds": milliseconds,
                }),
                2,
            )?,
            None if result == "unchanged" => format!("lab/{lab} unchanged ({milliseconds} ms)\n"),
            None => {
                let objects = create + change + remove;
                let s = if objects == 1 { "" } else { "s" };
                format!("lab/{lab} {result} ({objects} object{s}, {milliseconds} ms)\n")
            }
        })
    }
}

/// What would be done for `what`, step by step and in numbers.
pub fn plan(planned: &Planned, what: &str) -> String {
    let Planned { text, create, change, remove, .. } = planned;
    let line_end = if text.is_empty() || text.ends_with('\n') { "" } else { "\n" };
    format!("{text}{line_end}{what}: {create} to create, {change} to change, {remove} to remove (dry run)\n")
}

/// Tells the mistakes of a lab file.
pub fn reject(rejected: Rejected, format: Option<ApplyFormat>) -> anyhow::Result<u8> {
    let diagnostics: Vec<_> = rejected.diagnostics.into_iter().map(diagnostic::from_wire).collect();
    if format == Some(ApplyFormat::Json) {
        output::print(&json::render(&diagnostic::to_json(&diagnostics), 2)?)?;
    } else {
        output::print_error_bytes(diagnostic::render(&diagnostics, output::colour_on_stderr()).as_bytes());
    }
    Ok(exit::BAD_FILE)
}
