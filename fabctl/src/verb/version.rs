//! `fabctl version`.

use clap::Args;
use fabric_proto::v1::StatusRequest;

use crate::{cli::Global, connection, output};

/// Print the versions of fabctl and of the daemon
#[derive(Debug, Args)]
#[command(after_long_help = "\
Examples:
  fabctl version
  fabctl version --client")]
pub struct Version {
    /// Only fabctl's own
    #[arg(long)]
    client: bool,
}

impl Version {
    /// Prints both; ends with 69 after its own if no daemon is there.
    pub async fn run(self, global: &Global) -> anyhow::Result<u8> {
        output::print(concat!("fabctl ", env!("CARGO_PKG_VERSION"), "\n"))?;
        if self.client {
            return Ok(0);
        }
        let connection = connection::open(global).await?;
        let status = connection.daemon().status(StatusRequest {}).await?.into_inner();
        output::print(&format!("fabricd {}\n", status.version))?;
        Ok(0)
    }
}
