//! What `fabctl link` and `fabctl node` have alike: asking for a change, and saying what came of it.

use clap::ValueEnum;
use fabric_proto::v1::{ChangeFaultRequest, ChangeFaultResponse, Target, change_fault_request::Change};
use serde_json::json;

use crate::{
    cli::Global,
    connection,
    output::{self, json},
};

/// How the outcome of a change is printed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum ChangeFormat {
    /// JSON
    Json,
    /// The full name of what was changed
    Name,
}

/// Asks for `wanted` at the target `name`, and prints what came of it; notes go to standard error.
///
/// # Errors
/// If the daemon refuses.
pub async fn change(
    global: &Global,
    name: String,
    wanted: Change,
    format: Option<ChangeFormat>,
) -> anyhow::Result<u8> {
    let connection = connection::open(global).await?;
    let target = Target { lab: global.lab(), namespace: global.namespace(), name };
    let request = ChangeFaultRequest { target: Some(target), change: Some(wanted) };
    let answer = connection.faults().change(request).await?.into_inner();
    let ChangeFaultResponse { subject, state, changed, notes } = answer;
    output::print(&match format {
        Some(ChangeFormat::Name) => format!("{subject}\n"),
        Some(ChangeFormat::Json) => {
            json::render(&json!({ "name": subject, "state": state, "changed": changed, "notes": notes }), 2)?
        }
        None if changed => format!("{subject} {state}\n"),
        None => format!("{subject} already {state}\n"),
    })?;
    if format != Some(ChangeFormat::Json) {
        notes.iter().for_each(|note| output::say(&format!("note: {note}")));
    }
    Ok(0)
}
