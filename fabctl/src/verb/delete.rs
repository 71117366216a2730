//! `fabctl delete`.

use std::path::PathBuf;

use clap::Args;
use fabric_core::{inventory::Kind, spec::Source};
use fabric_proto::v1::{DeleteRequest, delete_response::Event};
use serde::Deserialize;
use tonic::Code;

use crate::{
    cli::Global,
    connection::{self, Connection},
    exit::Failure,
    output, source,
};

/// Take labs away with everything in them
#[derive(Debug, Args)]
#[command(override_usage = "fabctl delete [OPTIONS] lab NAME...\n       fabctl delete [OPTIONS] -f FILE")]
#[command(after_long_help = "\
Examples:
  fabctl delete lab kubenet
  fabctl delete -f lab.yaml     the lab of that file; only its name is read")]
pub struct Delete {
    /// `lab` and names, or lab/NAME
    #[arg(value_name = "lab NAME", required_unless_present = "files", conflicts_with = "files")]
    words: Vec<String>,
    /// Lab file whose lab to delete; may be given several times
    #[arg(short, long = "filename", value_name = "FILE")]
    files: Vec<PathBuf>,
    /// A lab that is not there is no error
    #[arg(long)]
    ignore_not_found: bool,
}

impl Delete {
    /// Deletes one lab after the other, and says of each that it is gone.
    pub async fn run(self, global: &Global) -> anyhow::Result<u8> {
        let labs = if self.files.is_empty() { named(&self.words)? } else { in_files(&self.files)? };
        let connection = connection::open_if_running(global).await?;
        let mut code = 0;
        for lab in labs {
            let gone = match &connection {
                Some(connection) => delete(connection, &lab).await,
                None => {
                    Err(tonic::Status::not_found(format!("lab \"{lab}\" not found; no daemon is running")))
                }
            };
            match gone {
                Ok(milliseconds) => output::print(&format!("lab/{lab} deleted ({milliseconds} ms)\n"))?,
                Err(status) if status.code() == Code::NotFound && self.ignore_not_found => {}
                Err(status) => code = crate::exit::report(&status.into()),
            }
        }
        Ok(code)
    }
}

async fn delete(connection: &Connection, lab: &str) -> Result<u64, tonic::Status> {
    let mut events = connection.labs().delete(DeleteRequest { lab: lab.to_owned() }).await?.into_inner();
    while let Some(answer) = events.message().await? {
        if let Some(Event::Deleted(deleted)) = answer.event {
            return Ok(deleted.milliseconds);
        }
    }
    Err(tonic::Status::internal("the daemon did not say how it ended"))
}

fn named(words: &[String]) -> anyhow::Result<Vec<String>> {
    let labs: Option<Vec<String>> = match words {
        [kind, names @ ..] if !kind.contains('/') && !names.is_empty() => {
            (kind.parse() == Ok(Kind::Labs)).then(|| names.to_vec())
        }
        words => words
            .iter()
            .map(|word| word.split_once('/').filter(|(kind, _)| kind.parse() == Ok(Kind::Labs)))
            .map(|split| split.map(|(_, name)| name.to_owned()))
            .collect(),
    };
    labs.ok_or_else(|| {
        Failure::usage("only labs can be deleted: `fabctl delete lab NAME`; to take a part away, apply a file without it")
    })
}

fn in_files(files: &[PathBuf]) -> anyhow::Result<Vec<String>> {
    let sources = source::read(files)?;
    let mut labs: Vec<String> = sources.iter().flat_map(lab_names).collect();
    labs.dedup();
    if labs.is_empty() {
        let files: Vec<_> = sources.iter().map(|source| source.name.as_str()).collect();
        return Err(Failure::bad_file(format!("{} names no lab", files.join(", "))));
    }
    Ok(labs)
}

#[derive(Deserialize)]
struct Document {
    kind: String,
    metadata: Metadata,
}

#[derive(Deserialize)]
struct Metadata {
    name: String,
}

/// The names of the labs in one file, however broken the rest of it is.
fn lab_names(source: &Source) -> Vec<String> {
    let mut documents = vec![String::new()];
    for line in source.text.lines() {
        if line == "---" || line.starts_with("--- ") {
            documents.push(String::new());
        } else if let Some(document) = documents.last_mut() {
            document.push_str(line);
            document.push('\n');
        }
    }
    documents.iter().filter_map(|document| lab_name(document)).collect()
}

fn lab_name(document: &str) -> Option<String> {
    if let Ok(document) = serde_saphyr::from_str::<Document>(document) {
        return (document.kind == "Lab").then_some(document.metadata.name);
    }
    let top_level = |name: &str| {
        let mut lines = document.lines();
        lines.find_map(|line| line.strip_prefix(name)).map(|rest| (rest.to_owned(), lines))
    };
    if scalar(&top_level("kind:")?.0) != "Lab" {
        return None;
    }
    let (_, mut below) = top_level("metadata:")?;
    let name = below.by_ref().take_while(|line| line.starts_with(' ') || line.is_empty());
    name.filter_map(|line| line.trim_start().strip_prefix("name:").map(scalar)).next()
}

fn scalar(text: &str) -> String {
    let text = text.split(" #").next().unwrap_or_default().trim();
    text.trim_matches(|c| c == '"' || c == '\'').to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn words(line: &str) -> Vec<String> {
        line.split(' ').map(str::to_owned).collect()
    }

    #[test]
    fn only_labs_can_be_named() {
        assert_eq!(named(&words("lab a b")).unwrap(), ["a", "b"]);
        assert_eq!(named(&words("lab/a labs/b")).unwrap(), ["a", "b"]);
        for bad in ["pod a", "lab", "a", "pod/a"] {
            assert!(named(&words(bad)).is_err(), "{bad}");
        }
    }

    #[test]
    fn a_broken_file_still_names_its_lab() {
        let names = |text: &str| lab_names(&Source { name: "x".into(), text: text.into() });
        let head = "apiVersion: fabric/v1\nkind: Lab\nmetadata:\n  labels: {}\n  name: 'two' # here\n";
        assert_eq!(names(head), ["two"]);
        assert_eq!(
            names(&format!("{head}virtualNetworks: [\n---\nkind: Pod\nmetadata:\n  name: a\n")),
            ["two"]
        );
        assert_eq!(names(&format!("kind: Pod\nmetadata: {{name: a}}\n---\n{head}")), ["two"]);
        assert_eq!(names("kind: Lab\nmetadata:\nname: x\n: : :"), [""; 0]);
        assert_eq!(names(""), [""; 0]);
    }
}
