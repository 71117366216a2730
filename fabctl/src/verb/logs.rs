//! `fabctl logs`.

use clap::Args;
use fabric_core::event::rfc_3339;
use fabric_proto::v1::{LogLine, LogsRequest, MissedLines, Target, logs_response::Message};

use crate::{cli::Global, connection, output};

/// Print what a program of a lab has printed, such as the requests of an HTTP proxy
///
/// These are the programs that run in a place as long as the lab does. The last 1,000 lines are kept.
#[derive(Debug, Args)]
#[command(after_long_help = "\
Examples:
  fabctl logs vm/proxy               all that is kept
  fabctl logs vm/proxy --tail 3      the last three lines
  fabctl logs -f vm/proxy            and those to come, until Ctrl-C")]
pub struct Logs {
    /// The place: vm/NAME …
    target: String,
    /// Go on with the lines to come
    #[arg(short, long)]
    follow: bool,
    /// Only so many of the last lines
    #[arg(long, value_name = "LINES")]
    tail: Option<u32>,
    /// Begin each line with the time when it came
    #[arg(long)]
    timestamps: bool,
    /// The program, or the pod's container; needed only if there are several
    #[arg(short, long, value_name = "NAME", default_value = "", hide_default_value = true)]
    container: String,
}

impl Logs {
    /// Prints each line as it comes.
    pub async fn run(self, global: &Global) -> anyhow::Result<u8> {
        let connection = connection::open(global).await?;
        let target = Target { lab: global.lab(), namespace: global.namespace(), name: self.target };
        let request = LogsRequest {
            target: Some(target),
            program: self.container,
            follow: self.follow,
            tail: self.tail,
        };
        let mut answers = connection.probes().logs(request).await?.into_inner();
        while let Some(answer) = answers.message().await? {
            match answer.message {
                Some(Message::Line(LogLine { unix_microseconds, text })) => {
                    let time =
                        if self.timestamps { rfc_3339(unix_microseconds) + " " } else { String::new() };
                    output::print(&format!("{time}{text}\n"))?;
                }
                Some(Message::Missed(MissedLines { lines })) => {
                    output::say(&format!("{lines} lines came too fast and are not shown"));
                }
                None => {}
            }
        }
        Ok(0)
    }
}
