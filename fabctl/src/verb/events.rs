//! `fabctl events`.

use clap::{Args, ValueEnum};
use fabric_core::event::rfc_3339;
use fabric_proto::v1::{Event, EventsRequest, Missed, events_response::Message};
use serde_json::{Value, json};

use crate::{
    cli::Global,
    connection,
    output::{self, growing::Growing},
};

/// Follow what happens to labs: what is applied, added, changed, moved, removed, deleted
///
/// First come the last 1,000 events of the daemon, then each event as it happens, until Ctrl-C.
#[derive(Debug, Args)]
#[command(after_long_help = "\
Examples:
  fabctl events                      all labs
  fabctl events kubenet              one lab, whether it is there yet or not
  fabctl events --no-follow          what has happened so far
  fabctl events -o json | jq -r 'select(.kind == \"pod\").name'")]
pub struct Events {
    /// The lab [default: all labs]
    #[arg(value_name = "LAB")]
    lab: Option<String>,
    /// How to print
    #[arg(short, long, value_enum, default_value_t = EventFormat::Text)]
    output: EventFormat,
    /// Go on with what happens next; this is the default
    #[arg(short, long, overrides_with = "no_follow")]
    follow: bool,
    /// End after what has happened so far
    #[arg(long, overrides_with = "follow")]
    no_follow: bool,
}

/// How events are printed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum EventFormat {
    /// Columns, as `kubectl get events --watch` shows them
    Text,
    /// One JSON object a line
    Json,
}

impl Events {
    /// Prints each event as it comes.
    pub async fn run(self, global: &Global) -> anyhow::Result<u8> {
        let lab = self.lab.clone().unwrap_or_else(|| global.lab());
        let connection = connection::open(global).await?;
        let request = EventsRequest { lab, follow: self.follow || !self.no_follow };
        let mut answers = connection.labs().events(request).await?.into_inner();
        let mut columns = Columns::default();
        if self.output == EventFormat::Text {
            output::print(&columns.0.line(["TIME", "LAB", "OBJECT", "REASON"], "MESSAGE"))?;
        }
        while let Some(answer) = answers.message().await? {
            let line = match (answer.message, self.output) {
                (Some(Message::Event(event)), EventFormat::Text) => columns.event(&event),
                (Some(Message::Event(event)), EventFormat::Json) => format!("{}\n", to_json(&event)),
                (Some(Message::Missed(Missed { events })), EventFormat::Text) => {
                    output::say(&format!("{events} events came too fast and are not shown"));
                    continue;
                }
                (Some(Message::Missed(Missed { events })), EventFormat::Json) => {
                    format!("{}\n", json!({ "missed": events }))
                }
                (None, _) => continue,
            };
            output::print(&line)?;
        }
        Ok(0)
    }
}

/// All columns but the message.
struct Columns(Growing<4>);

impl Default for Columns {
    fn default() -> Self {
        // A time, and the usual lengths of the others.
        Self(Growing::from([24, 12, 38, 11]))
    }
}

impl Columns {
    fn event(&mut self, event: &Event) -> String {
        let time = rfc_3339(event.unix_microseconds);
        let object = match (event.name.as_str(), event.namespace.as_str()) {
            ("", _) => event.kind.clone(),
            (name, "" | "default") => format!("{}/{name}", event.kind),
            (name, namespace) => format!("{}/{namespace}/{name}", event.kind),
        };
        // Milliseconds are enough for people.
        let time = format!("{}Z", time.get(..23).unwrap_or_default());
        self.0.line([&time, &event.lab, &object, &event.reason], &event.message)
    }
}

fn to_json(event: &Event) -> Value {
    let Event { number, unix_microseconds, lab, kind, namespace, name, reason, warning, message, counts } =
        event;
    let mut value = json!({
        "number": number, "time": rfc_3339(*unix_microseconds), "lab": lab,
        "type": if *warning { "Warning" } else { "Normal" }, "reason": reason,
        "kind": kind, "namespace": namespace, "name": name, "message": message,
    });
    for empty in ["namespace", "name"] {
        if value[empty] == "" {
            value[empty] = Value::Null;
        }
    }
    if !counts.is_empty() {
        value["counts"] = counts.iter().map(|count| (count.name.clone(), json!(count.value))).collect();
    }
    value
}
