//! One program: started, waited for, started again.

use std::{sync::Arc, time::Duration};

use fabric_core::program::Restart;
use fabric_kernel::process::Entry;
use tokio::{
    sync::{oneshot, watch},
    time::{Instant, MissedTickBehavior, interval, sleep, timeout},
};

use super::{
    Launch,
    log::{Cutter, Log},
};
use crate::probe::{Control, Lifeline, Output, Process};

/// The first pause before a program is started again; each is twice the one before. As the kubelet does it,
/// which begins with 10 s and ends with 5 min.
const FIRST_PAUSE: Duration = Duration::from_millis(100);
/// The longest pause.
const LONGEST_PAUSE: Duration = Duration::from_secs(30);
/// A program that has run so long has not failed at once, and pauses begin anew.
const STEADY: Duration = Duration::from_secs(10);
/// How often it is looked whether a program serves its port, and for how long.
const LOOK: Duration = Duration::from_millis(5);
const LOOKS: u32 = 2_000;
/// How long the kernel may take to kill a program.
const KILLING: Duration = Duration::from_secs(2);
const SIGKILL: i32 = 9;
const NOT_FOUND: i32 = 127;

/// A program and who wants to hear of it.
pub struct Attended {
    pub launch: Arc<dyn Launch>,
    /// For people.
    pub name: String,
    pub entry: Entry,
    pub port: Option<u16>,
    pub restart: Restart,
    pub lifeline: Lifeline,
    pub log: Arc<Log>,
    /// Becomes true when it serves its port for the first time.
    pub ready: watch::Sender<bool>,
    /// Whether it runs at the moment, or why not.
    pub state: watch::Sender<State>,
    /// Ends it, also by being dropped.
    pub stop: oneshot::Receiver<()>,
}

/// What a program is doing.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum State {
    /// It is about to be started for the first time.
    #[default]
    Starting,
    /// It runs.
    Running,
    /// It does not, for this reason: `ended with exit code 1`.
    Down(String),
}

/// How a process came to its end.
enum End {
    Stopped,
    Exited(i32),
}

impl Attended {
    /// Runs it until it is stopped. When this returns, no process of it is left.
    pub async fn run(mut self) {
        let mut pause = FIRST_PAUSE;
        loop {
            let begun = Instant::now();
            let (what, good) = match self.launch.start(&self.entry, self.lifeline.clone()) {
                Ok(process) => match self.attend(process).await {
                    End::Stopped => return,
                    End::Exited(code) => (self.told(code), code == 0),
                },
                Err(error) => (format!("cannot be started: {error}"), false),
            };
            self.state.send_replace(State::Down(what.clone()));
            // Nobody has to wait for what will not serve.
            self.ready.send_replace(true);
            if self.restart == Restart::Never || self.restart == Restart::OnFailure && good {
                let Self { name, lifeline, .. } = &self;
                tracing::info!(place = %lifeline.place, "{name} {what}");
                self.log.add(format!("fabric: {name} {what}"));
                let _ = (&mut self.stop).await;
                return;
            }
            if begun.elapsed() >= STEADY {
                pause = FIRST_PAUSE;
            }
            let Self { name, lifeline, .. } = &self;
            tracing::warn!(place = %lifeline.place, "{name} {what}; it is started again in {pause:?}");
            self.log.add(format!("fabric: {name} {what}; it is started again in {pause:?}"));
            tokio::select! {
                () = sleep(pause) => {}
                _ = &mut self.stop => return,
            }
            pause = (pause * 2).min(LONGEST_PAUSE);
        }
    }

    /// 127 is what the shim says where there is no such program.
    fn told(&self, code: i32) -> String {
        let program = self.entry.command.first().map(String::as_str).unwrap_or_default();
        match code {
            NOT_FOUND if !program.contains('/') && !self.launch.is_installed(program) => {
                format!("ended with exit code {code}: `{program}` is not installed on this machine")
            }
            _ => format!("ended with exit code {code}"),
        }
    }

    async fn attend(&mut self, mut process: Process) -> End {
        self.state.send_replace(State::Running);
        let (mut stdout, mut stderr) = (Cutter::default(), Cutter::default());
        let mut looks = interval(LOOK);
        looks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut left = LOOKS;
        let end = loop {
            let looking = left > 0 && !*self.ready.borrow();
            tokio::select! {
                output = process.output.recv() => match output {
                    Some(Output::Stdout(bytes)) => stdout.push(&bytes, &self.log),
                    Some(Output::Stderr(bytes)) => stderr.push(&bytes, &self.log),
                    Some(Output::Exited(code)) => break End::Exited(code),
                    None => break End::Exited(1),
                },
                _ = looks.tick(), if looking => {
                    left -= 1;
                    self.look().await;
                }
                _ = &mut self.stop => {
                    let kill = async {
                        let _ = process.control.send(Control::Signal(SIGKILL)).await;
                        // Its outputs end when all processes of it have.
                        while process.output.recv().await.is_some_and(|output| !matches!(output, Output::Exited(_))) {}
                    };
                    if timeout(KILLING, kill).await.is_err() {
                        tracing::warn!(place = %self.lifeline.place, "{} does not end", self.name);
                    }
                    break End::Stopped;
                }
            }
        };
        stdout.finish(&self.log);
        stderr.finish(&self.log);
        end
    }

    async fn look(&self) {
        let Some(port) = self.port else {
            self.ready.send_replace(true);
            return;
        };
        let (launch, entry) = (self.launch.clone(), self.entry.clone());
        let looking = tokio::task::spawn_blocking(move || launch.listens(&entry, port));
        if looking.await.unwrap_or(false) {
            self.ready.send_replace(true);
        }
    }
}
