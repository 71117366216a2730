//! `fabctl compare`.

use std::{
    future::pending,
    io::{self, IsTerminal},
    path::PathBuf,
    sync::Arc,
};

use clap::{Args, ValueEnum};
use fabric_core::compare::{Network, Scene};
use indicatif::{ProgressBar, ProgressStyle};
use serde_json::{Value, json};
use terminal_size::{Width, terminal_size_of};
use tokio::{
    sync::{Semaphore, watch},
    task::JoinSet,
};

use super::run::interruption;
use crate::{
    cli::Global,
    compare::{
        column::Column,
        grid,
        lab::{self, Lab},
        measure::{Measured, measure},
        room::Room,
        table,
    },
    exit,
    output::{self, diagnostic, json, yaml},
};

/// Where standard output is no terminal.
const WIDTH: usize = 100;

/// Send the same packets in several labs, and show side by side what became of them
///
/// Each lab is made by a private daemon of its own and taken away again. Everything is measured:
/// pings and one TCP SYN go from SOURCE to DESTINATION, captures along their way say what they were
/// where, and others in the lab ping DESTINATION too. Only the round trip differs from run to run.
#[derive(Debug, Args)]
#[command(after_long_help = "\
Source, destination:
  a, pod/a, node/NAME, vm/NAME, machine/NAME, or the address of one of them

Examples:
  fabctl compare client server labs/compare-network-models
  fabctl compare client vm/device labs/compare-network-models/{kubenet,overlay}.yaml -o wide
  fabctl compare a c labs/kubenet labs/azure-cni -o json

What one lab lacks is said on standard error; the others are shown, and the exit code is 1.")]
pub struct Compare {
    /// Who sends
    source: String,
    /// Who is to answer
    destination: String,
    /// Lab files, folders of one lab, or folders with a lab in each file
    #[arg(required = true, value_name = "LAB")]
    labs: Vec<PathBuf>,
    /// How to print
    #[arg(short, long, value_enum, default_value_t = CompareFormat::Table)]
    output: CompareFormat,
    /// How many labs at a time [default: the number of processors]
    #[arg(short, long, value_name = "N")]
    jobs: Option<usize>,
}

/// How a comparison is printed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum CompareFormat {
    /// A column for each lab
    Table,
    /// The same with more rows, as wide as they are
    Wide,
    /// JSON, with everything that was measured
    Json,
    /// YAML
    Yaml,
}

/// What all labs have to know.
struct Common {
    places: Semaphore,
    interrupted: watch::Receiver<bool>,
    bar: ProgressBar,
}

impl Compare {
    /// Measures in all labs, and prints.
    pub async fn run(self, global: &Global) -> anyhow::Result<u8> {
        let labs = match lab::read(&self.labs)? {
            Ok(labs) => labs,
            Err(mistakes) => {
                let text = diagnostic::render(&mistakes, output::colour_on_stderr());
                output::print_error_bytes(text.as_bytes());
                return Ok(exit::BAD_FILE);
            }
        };
        let namespace = global.namespace.as_deref().unwrap_or("default");
        let interrupted = interruption()?;
        let Some(columns) = self.columns(labs, namespace, &interrupted).await else { return Ok(130) };
        let errors: Vec<&String> = columns.iter().filter_map(|column| column.error.as_ref()).collect();
        if errors.len() < columns.len() || matches!(self.output, CompareFormat::Json | CompareFormat::Yaml) {
            output::print(&self.render(&columns)?)?;
        }
        errors.iter().for_each(|error| output::say(&format!("error: {error}")));
        Ok(if errors.is_empty() { 0 } else { exit::FAILURE })
    }

    /// One for each lab, in their order; nothing if the user wants an end.
    async fn columns(
        &self,
        labs: Vec<Lab>,
        namespace: &str,
        interrupted: &watch::Receiver<bool>,
    ) -> Option<Vec<Column>> {
        let jobs = self.jobs.or_else(|| std::thread::available_parallelism().ok().map(usize::from));
        let common = Arc::new(Common {
            places: Semaphore::new(jobs.unwrap_or(1).max(1)),
            interrupted: interrupted.clone(),
            bar: bar(labs.len()),
        });
        let mut columns = vec![];
        let mut running = JoinSet::new();
        for (number, lab) in labs.into_iter().enumerate() {
            let scene = Scene::of(&lab.topology, namespace, &self.source, &self.destination);
            let (scene, error) = match scene {
                Ok(scene) => (Some(scene), None),
                Err(error) => (None, Some(error.to_string())),
            };
            columns.push(Column {
                lab: lab.title.clone(),
                path: lab.path.display().to_string(),
                network: Network::choose(&lab.topology, scene.as_ref()),
                measured: None,
                error,
            });
            let Some(scene) = scene else { continue };
            let common = common.clone();
            running.spawn(async move { (number, common.measure(lab, &scene).await) });
        }
        for (number, outcome) in running.join_all().await {
            let column = &mut columns[number];
            match outcome {
                Some(Ok(measured)) => column.measured = Some(measured),
                Some(Err(error)) => {
                    column.error = Some(format!("lab `{}`: {}", column.lab, exit::message(&error)))
                }
                None => {}
            }
        }
        common.bar.finish_and_clear();
        (!*interrupted.borrow()).then_some(columns)
    }

    fn render(&self, columns: &[Column]) -> anyhow::Result<String> {
        let value = || -> anyhow::Result<Value> {
            Ok(json!({
                "source": self.source,
                "destination": self.destination,
                "labs": serde_json::to_value(columns)?,
            }))
        };
        Ok(match self.output {
            CompareFormat::Json => json::render(&value()?, 2)?,
            CompareFormat::Yaml => yaml::render(&value()?)?,
            CompareFormat::Table => grid::render(&table::rows(columns, false), width()),
            CompareFormat::Wide => grid::render(&table::rows(columns, true), usize::MAX),
        })
    }
}

impl Common {
    /// Makes the lab, measures, and takes it away, whatever happens; nothing if the user wants an end.
    async fn measure(&self, lab: Lab, scene: &Scene) -> Option<anyhow::Result<Measured>> {
        let _place = self.places.acquire().await;
        if *self.interrupted.borrow() {
            return None;
        }
        let told = |what: &str| self.bar.set_message(format!("{}: {what}", lab.title));
        told("make the lab");
        let room = match Room::open().await {
            Ok(room) => room,
            Err(error) => return Some(Err(error)),
        };
        let work = async {
            room.apply(lab.sources).await?;
            measure(&room.connection, scene, told).await
        };
        let outcome = tokio::select! {
            outcome = work => Some(outcome),
            () = self.interruption() => None,
        };
        room.close().await;
        self.bar.inc(1);
        outcome
    }

    async fn interruption(&self) {
        // Without a sender there will be no signal either.
        if self.interrupted.clone().wait_for(|stop| *stop).await.is_err() {
            pending::<()>().await;
        }
    }
}

fn bar(labs: usize) -> ProgressBar {
    if !io::stderr().is_terminal() {
        return ProgressBar::hidden();
    }
    let bar = ProgressBar::new(labs as u64);
    match ProgressStyle::with_template("{bar:20} {pos}/{len} labs  {msg}") {
        Ok(style) => bar.with_style(style),
        Err(_) => bar,
    }
}

fn width() -> usize {
    let terminal = io::stdout().is_terminal().then(|| terminal_size_of(io::stdout())).flatten();
    terminal.map_or(WIDTH, |(Width(columns), _)| columns.into())
}
