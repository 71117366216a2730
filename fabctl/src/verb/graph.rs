//! `fabctl graph`.

use std::{
    fs,
    path::{Path, PathBuf},
};

use anyhow::Context;
use clap::{Args, ValueEnum};
use fabric_core::{graph, spec};
use fabric_proto::v1::{GraphFormat, GraphRequest};

use crate::{
    cli::Global,
    connection, exit,
    output::{self, diagnostic},
    source,
};

/// Draw a lab: VNets, subnets, route tables, nodes with their pods, gateways, sites, peerings
///
/// With -f the picture comes from the files, and no daemon is asked; else from a running lab.
/// Labs too large to be read as a whole are drawn in part, with the numbers of what is left out.
#[derive(Debug, Args)]
#[command(after_long_help = "\
Examples:
  fabctl graph > lab.svg                       the running lab
  fabctl graph -f lab.yaml --file lab.svg      a lab file, without a daemon
  fabctl graph kubenet -o mermaid              for Markdown on GitHub
  fabctl graph -o dot | dot -Tpdf > lab.pdf    for Graphviz

With --file, the format is that of the file's name: .svg, .mmd, .mermaid, .dot or .gv.
Ends with 65 if a lab file has mistakes.")]
pub struct Graph {
    /// The lab; needed only if there are several
    #[arg(value_name = "LAB", conflicts_with = "files")]
    lab: Option<String>,
    /// Lab file, directory of lab files, or - for standard input; may be given several times
    #[arg(short, long = "filename", value_name = "FILE")]
    files: Vec<PathBuf>,
    /// How the picture is written [default: svg, or by the name of --file]
    #[arg(short, long, value_enum)]
    output: Option<PictureFormat>,
    /// Write to this file instead of standard output
    #[arg(long, value_name = "OUT")]
    file: Option<PathBuf>,
}

/// How a picture is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum PictureFormat {
    /// The picture itself, for browsers, slides and print
    Svg,
    /// A flowchart for Mermaid
    Mermaid,
    /// A graph for Graphviz
    Dot,
}

impl PictureFormat {
    fn of_file(path: &Path) -> Option<Self> {
        match path.extension()?.to_str()? {
            "svg" => Some(Self::Svg),
            "mmd" | "mermaid" => Some(Self::Mermaid),
            "dot" | "gv" => Some(Self::Dot),
            _ => None,
        }
    }
}

impl Graph {
    /// Draws, or lets the daemon draw.
    pub async fn run(self, global: &Global) -> anyhow::Result<u8> {
        let of_file = self.file.as_deref().and_then(PictureFormat::of_file);
        let format = self.output.or(of_file).unwrap_or(PictureFormat::Svg);
        let text = if self.files.is_empty() {
            let lab = self.lab.unwrap_or_else(|| global.lab());
            let format = match format {
                PictureFormat::Svg => GraphFormat::Svg,
                PictureFormat::Mermaid => GraphFormat::Mermaid,
                PictureFormat::Dot => GraphFormat::Dot,
            };
            let connection = connection::open(global).await?;
            let request = GraphRequest { lab, format: format.into() };
            connection.labs().graph(request).await?.into_inner().text
        } else {
            let format = match format {
                PictureFormat::Svg => graph::Format::Svg,
                PictureFormat::Mermaid => graph::Format::Mermaid,
                PictureFormat::Dot => graph::Format::Dot,
            };
            match spec::load(&source::read(&self.files)?) {
                Ok(topology) => graph::draw(&topology, format),
                Err(diagnostics) => {
                    let text = diagnostic::render(&diagnostics, output::colour_on_stderr());
                    output::print_error_bytes(text.as_bytes());
                    return Ok(exit::BAD_FILE);
                }
            }
        };
        match &self.file {
            Some(path) => {
                fs::write(path, text).with_context(|| format!("cannot write {}", path.display()))?;
            }
            None => output::print(&text)?,
        }
        Ok(0)
    }
}
