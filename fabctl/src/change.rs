//! Following a change of a lab: stages and progress on standard error, the end as a value.

use std::{
    io::{self, IsTerminal},
    time::{Duration, Instant},
};

use fabric_proto::v1::{Applied, ApplyResponse, Planned, Progress, Rejected, apply_response::Event};
use indicatif::{ProgressBar, ProgressStyle};
use tonic::Streaming;

use crate::output;

/// How a change ended.
pub enum End {
    /// The lab's files have mistakes.
    Rejected(Rejected),
    /// It was only planned.
    Planned(Planned),
    /// It was done: what the first plan said, and what came of it.
    Applied(Planned, Applied),
}

/// Reads the answers to the end, or to the plan if that is all there will be.
pub async fn follow(mut events: Streaming<ApplyResponse>, only_planned: bool) -> anyhow::Result<End> {
    let mut plan = Planned::default();
    let mut bar = Bar::new();
    while let Some(answer) = events.message().await? {
        match answer.event {
            Some(Event::Rejected(rejected)) => return Ok(End::Rejected(rejected)),
            Some(Event::Planned(planned)) if only_planned => return Ok(End::Planned(planned)),
            Some(Event::Planned(planned)) => plan = planned,
            Some(Event::Stage(stage)) => {
                bar.end();
                output::say(&stage.text);
            }
            Some(Event::Progress(progress)) => bar.show(&progress),
            Some(Event::Applied(applied)) => {
                bar.end();
                return Ok(End::Applied(plan, applied));
            }
            None => {}
        }
    }
    anyhow::bail!("the daemon did not say how it ended")
}

/// Shows on a terminal how far it is, if it takes long enough to be looked at.
struct Bar {
    begin: Instant,
    bar: Option<ProgressBar>,
}

impl Bar {
    fn new() -> Self {
        Self { begin: Instant::now(), bar: None }
    }

    fn show(&mut self, progress: &Progress) {
        if self.bar.is_none() && self.begin.elapsed() > Duration::from_secs(1) && io::stderr().is_terminal() {
            let style = ProgressStyle::with_template("{bar:40} {pos}/{len} steps");
            let bar = ProgressBar::new(progress.total.into());
            self.bar = Some(style.map_or(bar.clone(), |style| bar.with_style(style)));
        }
        if let Some(bar) = &self.bar {
            bar.set_length(progress.total.into());
            bar.set_position(progress.done.into());
        }
    }

    fn end(&mut self) {
        if let Some(bar) = self.bar.take() {
            bar.finish_and_clear();
        }
    }
}

impl Drop for Bar {
    fn drop(&mut self) {
        self.end();
    }
}
