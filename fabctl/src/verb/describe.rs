//! `fabctl describe`.

use clap::Args;
use fabric_core::inventory::Kind;

use super::get;
use crate::{
    cli::Global,
    connection, exit,
    output::{self, describe},
};

/// Show everything about an object, as text to read
#[derive(Debug, Args)]
#[command(override_usage = "fabctl describe KIND [NAME]...\n       fabctl describe KIND/NAME...")]
#[command(after_long_help = format!("{}\n\n{EXAMPLES}", get::kinds()))]
pub struct Describe {
    /// Kind, and names; without names all of that kind
    #[arg(value_name = "KIND [NAME]", required = true)]
    words: Vec<String>,
}

const EXAMPLES: &str = "\
Examples:
  fabctl describe pod a
  fabctl describe service web
  fabctl describe node/aks-nodepool1-11743156-vmss000000
  fabctl describe routetables";

impl Describe {
    /// Asks and prints.
    pub async fn run(self, global: &Global) -> anyhow::Result<u8> {
        let wanted = get::wanted(&self.words)?;
        let connection = connection::open(global).await?;
        let namespace = global.namespace.as_deref().unwrap_or("default");
        let (mut texts, mut missing) = (vec![], vec![]);
        for one in &wanted {
            let found = get::fetch(&connection, global, one, namespace).await?;
            let slices = match one.0 {
                // A Service's object does not say which pods are behind it.
                Kind::Services => {
                    let all = (Kind::EndpointSlices, vec![]);
                    get::fetch(&connection, global, &all, namespace).await?.0
                }
                _ => vec![],
            };
            texts.extend(found.0.iter().map(|object| describe::render(object, &slices)));
            missing.extend(found.1);
        }
        output::print(&texts.join("\n\n"))?;
        missing.iter().for_each(|message| output::say(&format!("error: {message}")));
        Ok(if missing.is_empty() { 0 } else { exit::FAILURE })
    }
}
