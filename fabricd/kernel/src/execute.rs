//! Carrying out a wave of a plan.

use std::{
    collections::HashMap,
    io,
    os::fd::AsFd,
    sync::{
        Mutex, PoisonError,
        atomic::{AtomicUsize, Ordering},
    },
    thread,
};

use fabric_core::{
    kernel::StepError,
    name::LabName,
    object::{Bridge, Neighbour, Object, Ruleset, Veth, Vxlan},
    place::Place,
    plan::{Action, Job, Step, Wave, WaveKind},
};

use crate::{
    linux::{LinuxKernel, cores},
    namespace::{self, Namespace},
    netlink::{
        Batch, Refused, Request, Socket, address, connected_route, generation, link, neighbour, qdisc, route,
        rule,
    },
    sysctl::Parameters,
};

/// Jobs at a time for each core in the wave that loads rules: a program that does mostly waits for the
/// kernel to let go of its sockets (an RCU grace period, some 10 ms on a busy machine).
const RULES_A_CORE: usize = 12;

/// Does all jobs of the wave, as many at a time as there are cores, or more where they wait.
pub(crate) fn wave(
    kernel: &LinuxKernel,
    lab: &LabName,
    wave: &Wave,
    done: &(dyn Fn(usize) + Sync),
) -> Result<(), Vec<StepError>> {
    let next = AtomicUsize::new(0);
    let failures = Mutex::new(Vec::new());
    let loads_rules =
        wave.jobs.iter().flat_map(|job| &job.steps).any(|step| matches!(step.object, Object::Ruleset(_)));
    let workers = match wave.kind {
        // Threads that unmount at the same time wait for each other: 1,140 names take one thread 25 ms
        // and two 400 ms.
        WaveKind::RemoveNamespaces => 1,
        _ if loads_rules => cores() * RULES_A_CORE,
        _ => cores(),
    };
    thread::scope(|scope| {
        for _ in 0..workers.min(wave.jobs.len()) {
            scope.spawn(|| {
                while let Some(job) = wave.jobs.get(next.fetch_add(1, Ordering::Relaxed)) {
                    let failed = Worker::new(kernel, lab, job).run();
                    failures.lock().unwrap_or_else(PoisonError::into_inner).extend(failed);
                    done(job.steps.len());
                }
            });
        }
    });
    let mut failures = failures.into_inner().unwrap_or_else(PoisonError::into_inner);
    failures.sort_by(|a, b| a.place.cmp(&b.place));
    if failures.is_empty() { Ok(()) } else { Err(failures) }
}

type Source = Box<dyn std::error::Error + Send + Sync>;

/// One job, on a thread that may be moved into the job's namespace.
struct Worker<'a> {
    kernel: &'a LinuxKernel,
    lab: &'a LabName,
    job: &'a Job,
    name: String,
    /// The namespace that the thread is in; `None` until the first step needs it.
    inside: Option<Namespace>,
    parameters: Option<Parameters<'a>>,
    socket: Option<Socket>,
    batch: Batch,
    /// The far ends of veth pairs, open until their messages are sent.
    peers: HashMap<&'a Place, Namespace>,
    /// The last of the links that go together at the end of the job.
    marked: Option<usize>,
    failures: Vec<StepError>,
}

impl<'a> Worker<'a> {
    fn new(kernel: &'a LinuxKernel, lab: &'a LabName, job: &'a Job) -> Self {
        let name = job.place.netns_name(lab);
        let (batch, peers) = (Batch::default(), HashMap::new());
        Self {
            kernel,
            lab,
            job,
            name,
            inside: None,
            parameters: None,
            socket: None,
            batch,
            peers,
            marked: None,
            failures: Vec::new(),
        }
    }

    fn run(mut self) -> Vec<StepError> {
        for (tag, step) in self.job.steps.iter().enumerate() {
            if let Err(source) = self.step(tag, step) {
                self.fail(step, source);
            }
            if self.batch.is_full() {
                self.flush();
            }
            if self.must_end() {
                break;
            }
        }
        if let Some(tag) = self.marked {
            self.batch.push(tag, link::remove_marked());
        }
        self.flush();
        // Requests behind a refused one in the same datagram were tried too. What they were refused
        // for is mostly the first refusal; what they made is seen by the next observation.
        if self.must_end() {
            let first = self.failures.iter().position(|failure| failure.step.action != Action::Remove);
            self.failures.truncate(first.map_or(0, |first| first + 1));
        }
        self.failures
    }

    /// Whether a creation has failed, so that what builds on it must not be tried.
    fn must_end(&self) -> bool {
        self.failures.iter().any(|failure| failure.step.action != Action::Remove)
    }

    fn step(&mut self, tag: usize, step: &'a Step) -> Result<(), Source> {
        use Action::{Create, Remove, Replace};
        match (&step.object, step.action) {
            (Object::Namespace, Create | Replace) => {
                let namespace = namespace::create(&self.kernel.directory.join(&self.name))?;
                self.kernel.memory.begin(&self.job.place, &self.name, namespace.identity());
                self.inside = Some(namespace);
                self.push(tag, link::set_loopback_up())?;
            }
            (Object::Namespace, Remove) => {
                self.kernel.memory.forget(&self.name);
                namespace::remove(&self.kernel.directory.join(&self.name))?;
            }
            (Object::Sysctl(wanted), Create | Replace) => {
                self.before_direct_step();
                let inside = self.enter()?.identity();
                self.parameters
                    .get_or_insert_with(|| Parameters::new(self.kernel.procfs.of(&self.name)))
                    .write(wanted)?;
                self.kernel.memory.update(&self.name, inside, |remembered| {
                    remembered.sysctls.insert(wanted.path.clone(), wanted.clone());
                });
            }
            // What it was before is not known; a parameter that nobody asks for may stay as it is.
            (Object::Sysctl(sysctl), Remove) => {
                let inside = self.enter()?.identity();
                self.kernel.memory.update(&self.name, inside, |remembered| {
                    remembered.sysctls.remove(&sysctl.path);
                });
            }
            (Object::Ruleset(ruleset), action) => {
                self.before_direct_step();
                self.ruleset(ruleset, action)?;
            }
            (Object::Bridge(bridge), Create) => {
                for request in link::create_bridge(bridge) {
                    self.push(tag, request)?;
                }
            }
            (Object::Veth(veth), Create) => {
                let place = &veth.peer.place;
                if !self.peers.contains_key(place) {
                    let path = self.kernel.directory.join(place.netns_name(self.lab));
                    let peer = Namespace::open(&path)?.ok_or("the other end's place has no namespace")?;
                    self.peers.insert(place, peer);
                }
                let request = link::create_veth(veth, self.peers[place].as_fd());
                self.push(tag, request)?;
            }
            (Object::Vxlan(vxlan), Create) => self.push(tag, link::create_vxlan(vxlan))?,
            (Object::Bridge(Bridge { link, .. }), Remove)
            | (Object::Veth(Veth { link, .. }), Remove)
            | (Object::Vxlan(Vxlan { link, .. }), Remove) => {
                self.push(tag, link::mark(link))?;
                self.marked = Some(tag);
            }
            (Object::Port(port), Create | Replace) => {
                for request in link::enslave(port) {
                    self.push(tag, request)?;
                }
            }
            (Object::Port(port), Remove) => self.push(tag, link::release(port))?,
            (Object::Qdisc(netem), Create | Replace) => self.push(tag, qdisc::create(netem))?,
            (Object::Qdisc(netem), Remove) => self.push(tag, qdisc::remove(netem))?,
            (Object::Up(up), Create | Replace) => self.push(tag, link::set_up(up))?,
            (Object::Up(up), Remove) => self.push(tag, link::set_down(&up.link))?,
            (Object::Address(address), Create) => self.push(tag, address::create(address))?,
            (Object::Address(address), Remove) => self.push(tag, address::remove(address))?,
            (Object::NoConnectedRoute(absence), Create) => {
                self.push(tag, connected_route::create(absence))?;
            }
            (Object::NoConnectedRoute(absence), Remove) => {
                self.push(tag, connected_route::remove(absence))?;
            }
            (Object::Rule(rule), Create) => self.push(tag, rule::create(rule))?,
            (Object::Rule(rule), Remove) => self.push(tag, rule::remove(rule))?,
            (Object::Route(route), Create) => self.push(tag, route::create(route))?,
            (Object::Route(route), Replace) => self.push(tag, route::replace(route))?,
            (Object::Route(route), Remove) => self.push(tag, route::remove(route))?,
            (Object::Neighbour(neighbour), Create | Replace) => {
                self.push(tag, neighbour::create(neighbour))?;
                self.remember(neighbour);
            }
            (Object::Neighbour(neighbour), Remove) => self.push(tag, neighbour::remove(neighbour))?,
            (
                Object::Bridge(_)
                | Object::Veth(_)
                | Object::Vxlan(_)
                | Object::Address(_)
                | Object::NoConnectedRoute(_)
                | Object::Rule(_),
                Replace,
            ) => return Err("it cannot be changed in place: remove it and make it anew".into()),
        }
        Ok(())
    }

    fn remember(&self, neighbour: &Neighbour) {
        let Some(inside) = &self.inside else { return };
        self.kernel.memory.update(&self.name, inside.identity(), |remembered| {
            let Some(known) = &mut remembered.neighbours else { return };
            known.retain(|other| !neighbour::same_entry(other, neighbour));
            known.push(neighbour.clone());
        });
    }

    fn ruleset(&mut self, ruleset: &Ruleset, action: Action) -> Result<(), Source> {
        let inside = self.enter()?.identity();
        let before = generation::generation().ok();
        let remembered = self.kernel.memory.recall(&self.name, inside);
        let untouched = remembered.filter(|remembered| before == Some(remembered.generation));
        let old = untouched
            .as_ref()
            .and_then(|remembered| remembered.rulesets.iter().find(|other| other.program == ruleset.program));
        match (action, old) {
            (Action::Create | Action::Replace, Some(old)) => self.kernel.loaders.replace(old, ruleset)?,
            (Action::Create | Action::Replace, None) => self.kernel.loaders.load(ruleset)?,
            (Action::Remove, _) => self.kernel.loaders.remove(ruleset)?,
        }
        let after = generation::generation()?;
        self.kernel.memory.update(&self.name, inside, |remembered| {
            if before == Some(remembered.generation) {
                remembered.rulesets.retain(|other| other.program != ruleset.program);
            } else {
                remembered.rulesets.clear();
            }
            if action != Action::Remove {
                remembered.rulesets.push(ruleset.clone());
            }
            remembered.generation = after;
        });
        Ok(())
    }

    /// What is done without netlink must find done what stands before it in the job.
    fn before_direct_step(&mut self) {
        self.flush();
    }

    fn push(&mut self, tag: usize, request: Request) -> io::Result<()> {
        self.enter()?;
        if self.socket.is_none() {
            self.socket = Some(Socket::route()?);
        }
        self.batch.push(tag, request);
        Ok(())
    }

    fn enter(&mut self) -> io::Result<&Namespace> {
        let inside = match self.inside.take() {
            Some(inside) => inside,
            None => {
                let path = self.kernel.directory.join(&self.name);
                let namespace =
                    Namespace::open(&path)?.ok_or_else(|| io::Error::other("the file is no namespace"))?;
                namespace.enter()?;
                namespace
            }
        };
        Ok(self.inside.insert(inside))
    }

    fn flush(&mut self) {
        let (Some(socket), Some(first)) = (&self.socket, self.batch.first_tag()) else { return };
        let refused = match self.batch.send(socket) {
            Ok(refused) => refused,
            Err(error) => {
                self.fail(&self.job.steps[first], error.into());
                return;
            }
        };
        let mut last = None;
        for Refused { tag, refusal } in refused {
            // A step can have several messages; the first refusal of them tells all.
            if last.replace(tag) != Some(tag) {
                self.fail(&self.job.steps[tag], Box::new(refusal));
            }
        }
        self.peers.clear();
    }

    fn fail(&mut self, step: &Step, source: Source) {
        let step = Box::new(step.clone());
        self.failures.push(StepError { place: self.job.place.clone(), step, source });
    }
}
