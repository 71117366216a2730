//! `fabctl run`.

use std::{
    io,
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

use anyhow::Context;
use clap::{Args, ValueEnum};
use serde_json::json;
use tokio::{
    signal::unix::{SignalKind, signal},
    sync::{Semaphore, watch},
    task::JoinSet,
};

use crate::{
    document::{
        difference::Palette,
        find, junit,
        report::{self, Outcome, Report, StepReport},
        runner::{self, Options},
    },
    exit,
    output::{self, json},
};

/// Run lab documents as tests
///
/// A document is Markdown with `console` blocks: commands, and under each what it printed. Each
/// document has a private daemon of its own, so documents run in parallel and never meet. The exit
/// code is 0 only if all passed.
#[derive(Debug, Args)]
#[command(after_long_help = "\
Examples:
  fabctl run labs/kubenet               its README.md
  fabctl run labs --junit results.xml   all documents of a folder
  fabctl run labs/kubenet --update      write what came into the document
  fabctl run labs/kubenet --keep        leave the lab up")]
pub struct Run {
    /// Documents, labs' folders, or folders of labs
    #[arg(required = true, value_name = "PATH")]
    paths: Vec<PathBuf>,
    /// How many documents at a time [default: the number of processors]
    #[arg(short, long, value_name = "N")]
    jobs: Option<usize>,
    /// Write outputs that differ into the documents
    #[arg(long)]
    update: bool,
    /// Leave the labs up and say how to look at them
    #[arg(long)]
    keep: bool,
    /// Only documents with this in their path
    #[arg(long, value_name = "TEXT")]
    filter: Option<String>,
    /// How long one command may take, such as 90s or 2m
    #[arg(long, value_name = "TIME", default_value = "120s", value_parser = duration)]
    timeout: Duration,
    /// Write a report for CI systems
    #[arg(long, value_name = "FILE")]
    junit: Option<PathBuf>,
    /// How to print what came of it
    #[arg(short, long, value_enum)]
    output: Option<RunFormat>,
}

/// How the outcome of a run is printed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum RunFormat {
    /// JSON, with every step
    Json,
}

impl Run {
    /// Runs all documents.
    pub async fn run(self) -> anyhow::Result<u8> {
        let paths = runner::filtered(find::documents(&self.paths)?, self.filter.as_deref());
        let interrupted = interruption()?;
        let reports = self.all(paths, &interrupted).await;
        if let Some(file) = &self.junit {
            std::fs::write(file, junit::render(&reports)).with_context(|| file.display().to_string())?;
        }
        if self.output == Some(RunFormat::Json) {
            let all: Vec<_> = reports.iter().map(Report::json).collect();
            output::print(&json::render(&json!({ "documents": all }), 2)?)?;
        }
        output::say(&report::summary(&reports));
        let failed = reports.iter().any(|report| report.outcome != Outcome::Passed);
        Ok(if *interrupted.borrow() {
            130
        } else if failed {
            exit::FAILURE
        } else {
            0
        })
    }

    async fn all(&self, paths: Vec<PathBuf>, interrupted: &watch::Receiver<bool>) -> Vec<Report> {
        let jobs = self.jobs.or_else(|| std::thread::available_parallelism().ok().map(usize::from));
        let places = Arc::new(Semaphore::new(jobs.unwrap_or(1).max(1)));
        let options = Options { timeout: self.timeout, update: self.update, keep: self.keep };
        let mut running = JoinSet::new();
        for path in paths {
            let (places, mut interrupted) = (places.clone(), interrupted.clone());
            running.spawn(async move {
                let _place = places.acquire_owned().await;
                let stop = async {
                    // Without a sender there will be no signal either.
                    if interrupted.wait_for(|stop| *stop).await.is_err() {
                        std::future::pending::<()>().await;
                    }
                };
                let report = runner::run(&path, options, stop, progress).await;
                end(&report);
                report
            });
        }
        let mut reports = running.join_all().await;
        reports.sort_by(|a, b| a.path.cmp(&b.path));
        reports
    }
}

fn progress(path: &Path, step: &StepReport) {
    let text = step.text(path, Palette::new(output::colour_on_stderr()));
    output::print_error_bytes(text.as_bytes());
}

fn end(report: &Report) {
    if let Outcome::Broken(error) = &report.outcome {
        output::say(&format!("{}: {error}", report.path.display()));
    }
    if let Some(kept) = &report.kept {
        output::say(&format!("{}: {kept}", report.path.display()));
    }
}

/// Becomes true when the user wants an end.
pub fn interruption() -> io::Result<watch::Receiver<bool>> {
    let mut interrupt = signal(SignalKind::interrupt())?;
    let mut terminate = signal(SignalKind::terminate())?;
    let mut hangup = signal(SignalKind::hangup())?;
    let (sender, receiver) = watch::channel(false);
    tokio::spawn(async move {
        tokio::select! {
            _ = interrupt.recv() => {}
            _ = terminate.recv() => {}
            _ = hangup.recv() => {}
        }
        let _ = sender.send(true);
        // The sender lives on, or those who wait would think that no signal can come.
        std::future::pending::<()>().await;
    });
    Ok(receiver)
}

/// `500ms`, `90s` or `2m`.
pub fn duration(text: &str) -> Result<Duration, String> {
    let wrong = || "write a time such as 500ms, 0.5s, 90s or 2m".to_owned();
    let digits = text.bytes().take_while(|byte| byte.is_ascii_digit() || *byte == b'.').count();
    let (number, unit) = text.split_at(digits);
    let seconds = match unit {
        "ms" => 0.001,
        "s" | "" => 1.0,
        "m" => 60.0,
        _ => return Err(wrong()),
    };
    let number: f64 = number.parse().map_err(|_| wrong())?;
    Duration::try_from_secs_f64(number * seconds).map_err(|_| "that is too long".to_owned())
}
