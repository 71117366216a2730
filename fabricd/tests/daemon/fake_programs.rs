//! Programs without processes: a model of what starts them, and of their ends.

use std::{
    collections::BTreeMap,
    io,
    path::Path,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
};

use fabric_core::{place::Place, program::Program, topology::Topology};
use fabric_kernel::process::Entry;
use fabricd::{
    probe::{Control, Lifeline, Output, Process},
    program::{self, Launch},
};
use tokio::sync::mpsc;

use crate::fake_kernel::FakeKernel;

type Alive = Arc<Mutex<BTreeMap<Place, (Entry, mpsc::Sender<Output>)>>>;

/// What starts programs, one in each place at most.
pub struct FakePrograms {
    kernel: Arc<FakeKernel>,
    alive: Alive,
    /// What has happened: `starts vm/device`.
    told: Arc<Mutex<Vec<String>>>,
    pub installed: AtomicBool,
}

/// For labs without programs.
pub fn nothing_runs() -> Arc<dyn Launch> {
    FakePrograms::new(Arc::new(FakeKernel::new()))
}

impl FakePrograms {
    pub fn new(kernel: Arc<FakeKernel>) -> Arc<Self> {
        let installed = AtomicBool::new(true);
        Arc::new(Self { kernel, alive: Alive::default(), told: Arc::default(), installed })
    }

    /// What each place runs.
    pub fn alive(&self) -> Vec<(String, Entry)> {
        let alive = self.alive.lock().unwrap_or_else(PoisonError::into_inner);
        alive.iter().map(|(place, (entry, _))| (place.to_string(), entry.clone())).collect()
    }

    /// What has happened since it was asked last.
    pub fn told(&self) -> Vec<String> {
        std::mem::take(&mut self.told.lock().unwrap())
    }

    /// The program of `place` prints something.
    pub async fn print(&self, place: &str, text: &str) {
        let sender = self.alive.lock().unwrap()[&place.parse::<Place>().unwrap()].1.clone();
        sender.send(Output::Stdout(text.into())).await.unwrap();
    }

    /// The program of `place` ends by itself.
    pub async fn exit(&self, place: &str, code: i32) {
        let (_, sender) = self.alive.lock().unwrap().remove(&place.parse::<Place>().unwrap()).unwrap();
        sender.send(Output::Exited(code)).await.unwrap();
    }
}

impl Launch for FakePrograms {
    fn entry(&self, topology: &Topology, program: &Program) -> Entry {
        program::entry(Path::new("/nowhere"), topology, program)
    }

    fn is_installed(&self, _: &str) -> bool {
        self.installed.load(Ordering::SeqCst)
    }

    fn start(&self, entry: &Entry, lifeline: Lifeline) -> io::Result<Process> {
        let place = lifeline.place;
        if !self.kernel.state().contains_key(&place) {
            return Err(io::Error::other("there is no such place"));
        }
        let (sender, output) = mpsc::channel(16);
        let (control, mut commands) = mpsc::channel(16);
        let before = self.alive.lock().unwrap().insert(place.clone(), (entry.clone(), sender.clone()));
        assert!(before.is_none(), "{place} has a program already");
        self.told.lock().unwrap().push(format!("starts {place}"));
        let (alive, told, kernel) = (self.alive.clone(), self.told.clone(), self.kernel.clone());
        tokio::spawn(async move {
            while let Some(command) = commands.recv().await {
                if matches!(command, Control::Signal(9)) {
                    alive.lock().unwrap().remove(&place);
                    let place_is_there = kernel.state().contains_key(&place);
                    told.lock().unwrap().push(format!("killed in {place}, which is there: {place_is_there}"));
                    let _ = sender.send(Output::Exited(137)).await;
                    return;
                }
            }
        });
        Ok(Process { output, control })
    }

    fn listens(&self, _: &Entry, _: u16) -> bool {
        true
    }
}
