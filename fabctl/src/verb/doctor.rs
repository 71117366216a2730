//! `fabctl doctor`.

use clap::Args;
use fabric_proto::v1::{Check, CheckResult, DoctorRequest};
use serde_json::json;

use crate::{
    cli::Global,
    connection, exit,
    output::{
        self, json,
        table::{self, Look},
    },
};

/// Say whether this machine has what labs need
#[derive(Debug, Args)]
#[command(after_long_help = "\
Examples:
  fabctl doctor
  fabctl doctor --json

Ends with 1 if labs cannot work.")]
pub struct Doctor {
    /// Print JSON
    #[arg(long)]
    json: bool,
}

impl Doctor {
    /// Asks the daemon, which looks.
    pub async fn run(self, global: &Global) -> anyhow::Result<u8> {
        let connection = connection::open_or_start(global).await?;
        let checks = connection.daemon().doctor(DoctorRequest {}).await?.into_inner().checks;
        output::print(&if self.json { as_json(&checks)? } else { as_text(&checks) })?;
        let failed = checks.iter().any(|check| check.result() == CheckResult::Failed);
        Ok(if failed { exit::FAILURE } else { 0 })
    }
}

fn word(check: &Check) -> &'static str {
    match check.result() {
        CheckResult::Ok => "ok",
        CheckResult::Warning => "warning",
        CheckResult::Failed => "FAILED",
        CheckResult::Unspecified => "unknown",
    }
}

fn as_text(checks: &[Check]) -> String {
    let row = |check: &Check| vec![check.name.clone(), word(check).to_owned(), check.found.clone()];
    let rows: Vec<_> = checks.iter().map(row).collect();
    let mut out = table::render(Look::Kubectl, Some(&["CHECK", "RESULT", "FOUND"]), &rows);
    let advised: Vec<_> = checks.iter().filter(|check| !check.advice.is_empty()).collect();
    if !advised.is_empty() {
        out.push('\n');
    }
    for Check { name, advice, .. } in advised {
        out.push_str(&format!("{name}: {advice}\n"));
    }
    out
}

fn as_json(checks: &[Check]) -> anyhow::Result<String> {
    let one = |check: &Check| {
        let Check { name, found, advice, .. } = check;
        json!({ "name": name, "result": word(check).to_ascii_lowercase(), "found": found, "advice": advice })
    };
    json::render(&checks.iter().map(one).collect::<Vec<_>>(), 2)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn advice_stands_below_the_table() {
        let check = |name: &str, result: CheckResult, found: &str, advice: &str| Check {
            name: name.into(),
            result: result.into(),
            found: found.into(),
            advice: advice.into(),
        };
        let checks = [
            check("iptables", CheckResult::Ok, "iptables v1.8.9 (nf_tables)", ""),
            check("tcpdump", CheckResult::Failed, "not in PATH", "apt-get install tcpdump"),
        ];
        insta::assert_snapshot!(as_text(&checks), @"
        CHECK      RESULT   FOUND
        iptables   ok       iptables v1.8.9 (nf_tables)
        tcpdump    FAILED   not in PATH

        tcpdump: apt-get install tcpdump
        ");
    }
}
