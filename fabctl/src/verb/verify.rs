//! `fabctl verify`.

use clap::{Args, ValueEnum};
use fabric_proto::v1::{Planned, VerifyRequest};
use serde_json::{Value, json};

use crate::{
    change::{self, End},
    cli::Global,
    connection,
    output::{self, json},
};

/// Compare what the kernel has with what the lab should be
///
/// Names what somebody changed by hand: a route that is gone, a link that is down, a rule set that was loaded
/// anew or changed. A link or route that a learner adds is no difference. The exit code is 0 if nothing
/// differs or all was mended, and 1 if something differs.
#[derive(Debug, Args)]
#[command(after_long_help = "\
Examples:
  fabctl verify              the only lab
  fabctl verify kubenet -o json
  fabctl verify --repair     and mend what differs")]
pub struct Verify {
    /// The lab [default: the only one]
    #[arg(value_name = "LAB")]
    name: Option<String>,
    /// Mend what differs
    #[arg(long)]
    repair: bool,
    /// How to print what differs
    #[arg(short, long, value_enum)]
    output: Option<VerifyFormat>,
}

/// How differences are printed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum VerifyFormat {
    /// JSON
    Json,
}

/// One line of a plan that would mend.
struct Difference<'a> {
    what: &'static str,
    place: &'a str,
    object: &'a str,
    cause: &'a str,
}

impl Verify {
    /// Asks the daemon to compare, and prints what it found.
    pub async fn run(self, global: &Global) -> anyhow::Result<u8> {
        let lab = self.name.clone().unwrap_or_else(|| global.lab());
        let connection = connection::open(global).await?;
        let request = VerifyRequest { lab, repair: self.repair };
        let events = connection.labs().verify(request).await?.into_inner();
        let (planned, mended) = match change::follow(events, !self.repair).await? {
            End::Planned(planned) => (planned, false),
            End::Applied(planned, _) => (planned, true),
            End::Rejected(_) => anyhow::bail!("the daemon does not understand the lab's own file"),
        };
        let differences: Vec<_> = planned.text.lines().filter_map(difference).collect();
        output::print(&match self.output {
            Some(VerifyFormat::Json) => json::render(&to_json(&planned, &differences, mended), 2)?,
            None => to_text(&planned, &differences, mended),
        })?;
        Ok(u8::from(!mended && !differences.is_empty()))
    }
}

fn difference(line: &str) -> Option<Difference<'_>> {
    let (sign, rest) = line.split_once(' ')?;
    let what = match sign {
        // A rule set is seen as a whole: what is not the one that was loaded counts as none.
        "+" if rest.contains(" rules, ") => "changed",
        "+" => "missing",
        "~" => "changed",
        _ => "left over",
    };
    let (place, object) = rest.split_once(": ")?;
    let (object, cause) = object.split_once("  # ").unwrap_or((object, ""));
    Some(Difference { what, place, object, cause })
}

fn to_json(planned: &Planned, differences: &[Difference<'_>], mended: bool) -> Value {
    let all = differences.iter().map(
        |it| json!({ "difference": it.what, "place": it.place, "object": it.object, "cause": it.cause }),
    );
    json!({ "lab": planned.lab, "repaired": mended, "differences": all.collect::<Vec<_>>() })
}

fn to_text(planned: &Planned, differences: &[Difference<'_>], mended: bool) -> String {
    let mut text = String::new();
    for Difference { what, place, object, cause } in differences {
        let cause = if cause.is_empty() { String::new() } else { format!("  # {cause}") };
        text.push_str(&format!("{what}: {place}: {object}{cause}\n"));
    }
    let count = match differences.len() {
        0 => "as it should be".to_owned(),
        1 => "1 difference".to_owned(),
        several => format!("{several} differences"),
    };
    let end = if mended && !differences.is_empty() { ", mended" } else { "" };
    text.push_str(&format!("lab/{}: {count}{end}\n", planned.lab));
    text
}
