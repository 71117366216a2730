//! `fabctl get`.

use std::collections::BTreeMap;

use clap::Args;
use fabric_core::inventory::Kind;
use fabric_proto::v1::ListRequest;

use crate::{
    cli::Global,
    connection::{self, Connection},
    exit::{self, Failure},
    output::{
        self, Format,
        column::{self, Extent},
        json,
        object::{self, Object},
        yaml,
    },
};

/// Show what is in a lab
///
/// Kubernetes objects look as kubectl shows them, Azure objects as az does.
#[derive(Debug, Args)]
#[command(override_usage = "fabctl get [OPTIONS] KIND [NAME]...\n       fabctl get [OPTIONS] KIND/NAME...")]
#[command(after_long_help = format!("{}\n\n{EXAMPLES}", kinds()))]
pub struct Get {
    /// Kind, and names; without names all of that kind
    #[arg(value_name = "KIND [NAME]", required = true)]
    words: Vec<String>,
    /// How to print
    #[arg(short, long, value_enum, default_value_t = Format::Table)]
    output: Format,
    /// Objects of all Kubernetes namespaces
    #[arg(short = 'A', long)]
    all_namespaces: bool,
    /// Print no titles
    #[arg(long)]
    no_headers: bool,
}

const EXAMPLES: &str = "\
Examples:
  fabctl get labs
  fabctl get pods -A -o wide
  fabctl get nodes,pods
  fabctl get node aks-nodepool1-11743156-vmss000000 -o yaml
  fabctl get routes -o json
  fabctl get subnet aks-vnet/aks-subnet
  fabctl get all";

/// Which kinds there are, with their short names.
pub fn kinds() -> String {
    let kind = |kind: Kind| {
        let short = kind.short_names();
        if short.is_empty() { format!("  {kind}") } else { format!("  {kind:<24}{}", short.join(", ")) }
    };
    format!("Kinds:\n{}", Kind::every().map(kind).collect::<Vec<_>>().join("\n"))
}

/// What to get: a kind, and names or none for all.
pub type Wanted = (Kind, Vec<String>);

/// Reads `KIND,… NAME…` or `KIND/NAME…`.
///
/// # Errors
/// If a kind is unknown, or forms are mixed.
pub fn wanted(words: &[String]) -> anyhow::Result<Vec<Wanted>> {
    let kind = |word: &str| {
        word.parse::<Kind>()
            .map_err(|error| Failure::usage(format!("{error}; `fabctl get --help` lists the kinds")))
    };
    let Some((first, names)) = words.split_first() else { return Err(Failure::usage("name a kind")) };
    if !first.contains('/') {
        return first.split(',').map(|word| Ok((kind(word)?, names.to_vec()))).collect();
    }
    let mut wanted: BTreeMap<Kind, Vec<String>> = BTreeMap::new();
    for word in words {
        let Some((word_kind, name)) = word.split_once('/') else {
            return Err(Failure::usage(format!("`{word}` stands among KIND/NAME words; write it so too")));
        };
        wanted.entry(kind(word_kind)?).or_default().push(name.to_owned());
    }
    Ok(wanted.into_iter().collect())
}

/// Asks for the objects of one kind; for names that are not there the messages.
///
/// # Errors
/// If the daemon refuses.
pub async fn fetch(
    connection: &Connection,
    global: &Global,
    (kind, names): &Wanted,
    namespace: &str,
) -> anyhow::Result<(Vec<Object>, Vec<String>)> {
    let mut labs = connection.labs();
    let mut request = ListRequest {
        lab: global.lab(),
        kind: kind.plural().to_owned(),
        namespace: namespace.to_owned(),
        name: String::new(),
    };
    if names.is_empty() {
        return Ok((object::from_wire(labs.list(request).await?.into_inner())?, vec![]));
    }
    let (mut objects, mut missing) = (vec![], vec![]);
    for name in names {
        request.name.clone_from(name);
        let found = object::from_wire(labs.list(request.clone()).await?.into_inner())?;
        if found.is_empty() {
            missing.push(format!("{} \"{name}\" not found", kind.plural()));
        }
        objects.extend(found);
    }
    Ok((objects, missing))
}

impl Get {
    /// `get faults`, for verbs that show them too.
    pub fn faults(output: Format) -> Self {
        Self {
            words: vec![Kind::Faults.plural().to_owned()],
            output,
            all_namespaces: false,
            no_headers: false,
        }
    }

    /// Asks and prints.
    pub async fn run(self, global: &Global) -> anyhow::Result<u8> {
        let wanted = wanted(&self.words)?;
        let connection = connection::open(global).await?;
        let namespace = match &global.namespace {
            _ if self.all_namespaces => "",
            Some(named) => named,
            None => "default",
        };
        let (mut objects, mut missing) = (vec![], vec![]);
        for one in &wanted {
            let found = fetch(&connection, global, one, namespace).await?;
            objects.extend(found.0);
            missing.extend(found.1);
        }
        let several = wanted.len() > 1 || wanted.iter().any(|(kind, _)| *kind == Kind::All);
        let one = !several && wanted.iter().all(|(_, names)| names.len() == 1);
        if objects.is_empty() && missing.is_empty() && matches!(self.output, Format::Table | Format::Wide) {
            let namespaced = wanted.iter().all(|(kind, _)| kind.is_namespaced());
            let scope = if namespaced && !namespace.is_empty() {
                format!(" in {namespace} namespace")
            } else {
                String::new()
            };
            output::say(&format!("No resources found{scope}."));
        } else if !(one && objects.is_empty()) {
            let kubernetes = wanted.iter().all(|(kind, _)| kind.is_kubernetes());
            output::print(&self.render(objects, one, several, kubernetes)?)?;
        }
        missing.iter().for_each(|message| output::say(&format!("error: {message}")));
        Ok(if missing.is_empty() { 0 } else { exit::FAILURE })
    }

    fn render(
        &self,
        objects: Vec<Object>,
        one: bool,
        several: bool,
        kubernetes: bool,
    ) -> anyhow::Result<String> {
        let empty = || if kubernetes { json::list(vec![]) } else { serde_json::json!([]) };
        let value =
            |objects: Vec<Object>| if objects.is_empty() { empty() } else { json::value(objects, one) };
        Ok(match self.output {
            Format::Json => json::render(&value(objects), if kubernetes { 4 } else { 2 })?,
            Format::Yaml => yaml::render(&value(objects))?,
            Format::Name => objects.iter().map(|object| object.full_name() + "\n").collect(),
            Format::Table | Format::Wide => {
                let extent = Extent {
                    wide: self.output == Format::Wide,
                    namespace: self.all_namespaces,
                    full_name: several,
                    no_titles: self.no_headers,
                };
                let groups = objects.chunk_by(|a, b| a.kind == b.kind);
                let tables: Vec<_> =
                    groups.map(|group| column::table(group[0].kind, group, extent)).collect();
                tables.join("\n")
            }
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(line: &str) -> Result<Vec<Wanted>, String> {
        let words: Vec<String> = line.split(' ').map(str::to_owned).collect();
        wanted(&words).map_err(|error| error.to_string())
    }

    #[test]
    fn kinds_and_names_are_read_as_kubectl_reads_them() {
        let names = |names: &[&str]| names.iter().map(|&name| name.to_owned()).collect::<Vec<_>>();
        assert_eq!(check("po"), Ok(vec![(Kind::Pods, vec![])]));
        assert_eq!(check("pod a b"), Ok(vec![(Kind::Pods, names(&["a", "b"]))]));
        assert_eq!(check("subnet vnet/s"), Ok(vec![(Kind::Subnets, names(&["vnet/s"]))]));
        let both = vec![(Kind::Nodes, names(&["n"])), (Kind::Pods, names(&["a", "b"]))];
        assert_eq!(check("pod/a no/n po/b"), Ok(both));
        assert_eq!(check("no,po"), Ok(vec![(Kind::Nodes, vec![]), (Kind::Pods, vec![])]));
        assert_eq!(check("pod/a b"), Err("`b` stands among KIND/NAME words; write it so too".to_owned()));
        assert!(check("podd").unwrap_err().contains("did you mean `pod`?"));
    }
}
