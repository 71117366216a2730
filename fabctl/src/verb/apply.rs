//! `fabctl apply`.

use std::{
    io::{self, IsTerminal},
    path::PathBuf,
    time::{Duration, Instant},
};

use clap::{Args, ValueEnum};
use fabric_proto::v1::{Applied, ApplyRequest, Planned, Progress, Rejected, apply_response::Event};
use indicatif::{ProgressBar, ProgressStyle};
use serde_json::json;

use crate::{
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
        let mut events = connection.labs().apply(request).await?.into_inner();
        let mut plan = Planned::default();
        let mut bar = Bar::new();
        while let Some(answer) = events.message().await? {
            match answer.event {
                Some(Event::Rejected(rejected)) => return reject(rejected, self.output),
                Some(Event::Planned(planned)) if self.dry_run => return self.show_plan(&planned),
                Some(Event::Planned(planned)) => plan = planned,
                Some(Event::Progress(progress)) => bar.show(&progress),
                Some(Event::Applied(applied)) => {
                    bar.end();
                    output::print(&self.outcome(&plan, &applied)?)?;
                    return Ok(0);
                }
                None => {}
            }
        }
        anyhow::bail!("the daemon did not say how it ended")
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
            None => {
                let line_end = if text.is_empty() || text.ends_with('\n') { "" } else { "\n" };
                let total = format!("{create} to create, {change} to change, {remove} to remove (dry run)");
                format!("{text}{line_end}lab/{lab}: {total}\n")
            }
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

fn reject(rejected: Rejected, format: Option<ApplyFormat>) -> anyhow::Result<u8> {
    let diagnostics: Vec<_> = rejected.diagnostics.into_iter().map(diagnostic::from_wire).collect();
    if format == Some(ApplyFormat::Json) {
        output::print(&json::render(&diagnostic::to_json(&diagnostics), 2)?)?;
    } else {
        output::print_error_bytes(diagnostic::render(&diagnostics, output::colour_on_stderr()).as_bytes());
    }
    Ok(exit::BAD_FILE)
}

/// Shows on a terminal how far it is, if it takes long enough to be looked at.
struct Bar {
    begin: Instant,
    bar: Option<ProgressBar>,
}

impl Bar {
    fn new() -> Self {
        Self { begin: Instant::now(), bar: None }
    }

    fn show(&mut self, progress: &Progress) {
        if self.bar.is_none() && self.begin.elapsed() > Duration::from_secs(1) && io::stderr().is_terminal() {
            let style = ProgressStyle::with_template("{bar:40} {pos}/{len} steps");
            let bar = ProgressBar::new(progress.total.into());
            self.bar = Some(style.map_or(bar.clone(), |style| bar.with_style(style)));
        }
        if let Some(bar) = &self.bar {
            bar.set_length(progress.total.into());
            bar.set_position(progress.done.into());
        }
    }

    fn end(&mut self) {
        if let Some(bar) = self.bar.take() {
            bar.finish_and_clear();
        }
    }
}

impl Drop for Bar {
    fn drop(&mut self) {
        self.end();
    }
}
