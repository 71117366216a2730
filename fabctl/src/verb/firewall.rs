//! `fabctl firewall`.

use clap::{Args, Subcommand, ValueEnum};
use fabric_core::event::rfc_3339;
use fabric_proto::v1::{FirewallLogEntry, FirewallLogsRequest, firewall_logs_response::Message};
use serde_json::{Map, Value};

use crate::{
    cli::Global,
    connection,
    output::{self, growing::Growing, yaml},
};

/// Look into Azure Firewalls: what they let through and what not
#[derive(Debug, Args)]
pub struct Firewall {
    #[command(subcommand)]
    action: Action,
}

#[derive(Debug, Subcommand)]
enum Action {
    Logs(Logs),
}

/// Show which new flows a firewall has allowed and denied, and by which rule
///
/// A row is a row of Azure's tables AZFWNetworkRule, AZFWApplicationRule and AZFWNatRule. The last 1,000 are kept. Of
/// what matches one rule at most 100 flows a second are logged.
#[derive(Debug, Args)]
#[command(after_long_help = "\
Examples:
  fabctl firewall logs                  of the only firewall of the lab
  fabctl firewall logs hub -f           go on with what is decided next, until Ctrl-C
  fabctl firewall logs --tail 5         the last five
  fabctl firewall logs -o json | jq -r 'select(.Action == \"Deny\").Fqdn'")]
struct Logs {
    /// The firewall [default: the only one of the lab]
    #[arg(value_name = "NAME")]
    name: Option<String>,
    /// Go on with what is decided next
    #[arg(short, long)]
    follow: bool,
    /// No more than the last N of the past
    #[arg(long, value_name = "N")]
    tail: Option<u32>,
    /// How to print
    #[arg(short, long, value_enum, default_value_t = LogFormat::Table)]
    output: LogFormat,
}

/// How decisions are printed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum LogFormat {
    /// Columns
    Table,
    /// One JSON object a line, with Azure's columns
    Json,
    /// The same as a list
    Yaml,
}

impl Firewall {
    /// Does what was asked for.
    pub async fn run(self, global: &Global) -> anyhow::Result<u8> {
        match self.action {
            Action::Logs(verb) => verb.run(global).await,
        }
    }
}

impl Logs {
    async fn run(self, global: &Global) -> anyhow::Result<u8> {
        let connection = connection::open(global).await?;
        let request = FirewallLogsRequest {
            lab: global.lab(),
            name: self.name.unwrap_or_default(),
            follow: self.follow,
            tail: self.tail,
        };
        let mut answers = connection.firewalls().logs(request).await?.into_inner();
        let mut columns = Columns::default();
        if self.output == LogFormat::Table {
            output::print(&columns.0.line(["TIME", "PROTOCOL", "SOURCE", "DESTINATION", "ACTION"], "RULE"))?;
        }
        while let Some(answer) = answers.message().await? {
            match answer.message {
                Some(Message::Entry(entry)) => {
                    let row = row(&entry)?;
                    output::print(&match self.output {
                        LogFormat::Table => columns.row(&row),
                        LogFormat::Json => format!("{}\n", Value::Object(row)),
                        LogFormat::Yaml => yaml::render(&Value::Array(vec![Value::Object(row)]))?,
                    })?;
                }
                Some(Message::Missed(missed)) => {
                    output::say(&format!("{missed} decisions came too fast and are not shown"));
                }
                None => {}
            }
        }
        Ok(0)
    }
}

/// The row as Azure has it, with its time first.
fn row(entry: &FirewallLogEntry) -> anyhow::Result<Map<String, Value>> {
    let mut row = Map::new();
    row.insert("TimeGenerated".to_owned(), rfc_3339(entry.unix_microseconds).into());
    row.extend(serde_json::from_str::<Map<String, Value>>(&entry.row_json)?);
    Ok(row)
}

/// All columns but the rule.
struct Columns(Growing<5>);

impl Default for Columns {
    fn default() -> Self {
        // A time, and the usual lengths of the others.
        Self(Growing::from([27, 8, 18, 19, 6]))
    }
}

impl Columns {
    fn row(&mut self, row: &Map<String, Value>) -> String {
        let text = |column: &str| match row.get(column) {
            Some(Value::String(text)) => text.clone(),
            Some(other) => other.to_string(),
            None => String::new(),
        };
        let address = |address: &str, port: &str| match (text(address), text(port)) {
            (address, port) if port.is_empty() => address,
            (address, port) => format!("{address}:{port}"),
        };
        let destination = match (row.get("Fqdn"), text("Type").as_str()) {
            (Some(_), _) => address("Fqdn", "DestinationPort"),
            (None, "AZFWApplicationRule") => format!("(no name):{}", text("DestinationPort")),
            _ => address("DestinationIp", "DestinationPort"),
        };
        let action = match text("TranslatedIp").is_empty() {
            true => text("Action"),
            false => "DNAT".to_owned(),
        };
        let rule = match (text("RuleCollection"), text("TranslatedIp")) {
            (collection, _) if collection.is_empty() => text("ActionReason"),
            (collection, translated) if translated.is_empty() => format!("{collection}/{}", text("Rule")),
            (collection, _) => {
                format!("{collection}/{} to {}", text("Rule"), address("TranslatedIp", "TranslatedPort"))
            }
        };
        let source = address("SourceIp", "SourcePort");
        let cells = [text("TimeGenerated"), text("Protocol"), source, destination, action];
        self.0.line(cells.each_ref().map(String::as_str), &rule)
    }
}
