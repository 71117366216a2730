//! Labs timed side by side with the bare kernel, a script of `ip` commands, and Mininet.

mod changes;
mod cluster;
mod daemon;
mod egress;
mod floor;
mod json;
mod mininet;
mod modes;
mod ping;
mod script;
mod services;
mod settle;
mod table;

use std::{
    path::PathBuf,
    process::Command,
    time::{Duration, Instant},
};

use crate::{
    packages,
    run::{Result, cargo, output, root, run},
    test::target,
};
use daemon::{Daemon, Size};
use floor::Floor;
use mininet::Mininet;
use script::Script;
use table::{Group, Row, Table, Target, median};

const SMALL_ROUNDS: usize = 9;
const LARGE_ROUNDS: usize = 5;
const MODE_ROUNDS: usize = 3;
const MININET_ROUNDS: usize = 3;
const PINGS: usize = 25;
/// No round is begun after that.
const DEADLINE: Duration = Duration::from_secs(240);

/// What can be measured on its own, in its order. All use the bare floor of the same run.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Section {
    /// The kubenet case study.
    CaseStudy,
    /// Mininet.
    Mininet,
    /// A thousand pods with kubenet, which is compared with a host of Mininet if that is measured too.
    Kubenet,
    /// A thousand pods in the other network modes.
    Modes,
    /// One pod, node or route more in a running lab.
    Changes,
    /// A thousand Services, and one endpoint less.
    Services,
    /// Connections and bytes through each way out.
    Egress,
}

impl Section {
    /// All of them.
    pub const ALL: [Self; 7] = [
        Self::CaseStudy,
        Self::Mininet,
        Self::Kubenet,
        Self::Modes,
        Self::Changes,
        Self::Services,
        Self::Egress,
    ];

    /// The word for the command line.
    pub fn name(self) -> &'static str {
        match self {
            Self::CaseStudy => "case-study",
            Self::Mininet => "mininet",
            Self::Kubenet => "kubenet",
            Self::Modes => "modes",
            Self::Changes => "changes",
            Self::Services => "services",
            Self::Egress => "egress",
        }
    }
}

/// Measures the sections of these names, or all.
pub fn bench(names: &[String]) -> Result {
    let known = Section::ALL.map(Section::name);
    if let Some(name) = names.iter().find(|name| !known.contains(&name.as_str())) {
        return Err(format!(
            "no section of the benchmark is called `{name}`: there are {}",
            known.join(", ")
        ));
    }
    let asked = |section: Section| names.is_empty() || names.iter().any(|name| name == section.name());
    packages::ensure()?;
    println!("Building fabricd, fabctl, floor and traffic …");
    let release = ["build", "--release", "--locked", "--quiet"];
    run(cargo().args(release).args(["--bins", "-p", "fabricd", "-p", "fabctl"]))?;
    run(cargo().args(release).args(["-p", "fabric-kernel", "--example", "floor", "--example", "traffic"]))?;

    let folder = Folder::make()?;
    let mut table = Table::of_this_machine()?;
    let bench = Bench { folder: folder.0.clone(), begun: Instant::now() };
    println!("Measuring; all of it takes three minutes or so …");
    let daemon = Daemon::start(&folder.0)?;
    if asked(Section::CaseStudy) {
        table.groups.push(bench.case_study(&daemon, &mut table.notes)?);
    }
    let host = if asked(Section::Mininet) { bench.mininet(&mut table)? } else { None };
    if asked(Section::Kubenet) {
        table.groups.push(modes::compared(&bench, &daemon, cluster::KUBENET, LARGE_ROUNDS, host)?);
    }
    if asked(Section::Modes) {
        for mode in cluster::OTHERS {
            table.groups.push(modes::beside(&bench, &daemon, mode, MODE_ROUNDS)?);
        }
    }
    if asked(Section::Changes) {
        for lab in changes::SIZES {
            table.groups.push(lab.measure(&bench, &daemon, MODE_ROUNDS)?);
        }
    }
    if asked(Section::Services) {
        table.groups.push(services::measure(&bench, &daemon, MODE_ROUNDS)?);
    }
    if asked(Section::Egress) {
        table.groups.extend(egress::measure(&bench, &daemon)?);
    }
    drop(daemon);
    table.end()?;

    print!("{table}");
    let file = target().join("bench.json");
    std::fs::write(&file, json::render(&table)).map_err(|error| format!("{}: {error}", file.display()))?;
    println!("\nAll numbers are in {}.", file.display());
    Ok(())
}

struct Bench {
    folder: PathBuf,
    begun: Instant,
}

impl Bench {
    /// The numbers of the rounds, as long as there is time; the first is always run.
    fn rounds(&self, count: usize) -> impl Iterator<Item = usize> {
        (0..count).take_while(|&round| round == 0 || self.begun.elapsed() < DEADLINE)
    }

    fn case_study(&self, daemon: &Daemon, notes: &mut Vec<String>) -> Result<Group> {
        let lab = root().join("labs/kubenet");
        let plan = daemon.plan(&lab)?;
        let size = Size::of(&plan);
        let floor = Floor::new(size);
        let script = Script::of(&plan)?;
        let script_file = self.folder.join("lab.sh");
        std::fs::write(&script_file, &script.text).map_err(|error| error.to_string())?;

        let [mut up, mut whole_up, mut down, mut whole_down] = [const { vec![] }; 4];
        let [mut floor_up, mut floor_down, mut script_up, mut script_down] = [const { vec![] }; 4];
        let mut refused = None;
        for _ in self.rounds(SMALL_ROUNDS) {
            settle::wait(&self.folder)?;
            let (made, taken) = (daemon.apply(&lab)?, daemon.delete("kubenet")?);
            up.push(made.reported);
            whole_up.push(made.whole);
            down.push(taken.reported);
            whole_down.push(taken.whole);

            settle::wait(&self.folder)?;
            let bare = floor.run()?;
            floor_up.push(bare.up);
            floor_down.push(bare.down);

            settle::wait(&self.folder)?;
            match script::run(&script_file) {
                Ok(times) => {
                    script_up.push(times.up);
                    script_down.push(times.down);
                }
                Err(error) => refused = Some(error),
            }
        }
        let (pings, plain) = self.pings(daemon, &lab)?;
        let added: Vec<f64> = pings.iter().zip(&plain).map(|(with, without)| with - without).collect();

        notes.extend(refused.map(|error| format!("the script of ip commands: {error}")));
        let (bare_up, bare_down) = (median(&floor_up), median(&floor_down));
        let mut group = Group::new(format!("Case study labs/kubenet: {size}"));
        group.push(Row::new("up, bare floor", floor_up));
        group.push(Row::new("up, fabricd", up).target(Target::Below(150.0)).times(bare_up, "the floor"));
        group.push(Row::new("up, fabctl apply as a whole", whole_up).times(bare_up, "the floor"));
        let name = format!("up, {} ip commands, no rules", script.commands);
        group.push(Row::new(name, script_up).times(bare_up, "the floor"));
        group.push(Row::new("down, bare floor", floor_down));
        group
            .push(Row::new("down, fabricd", down).target(Target::Below(150.0)).times(bare_down, "the floor"));
        group.push(Row::new("down, fabctl delete as a whole", whole_down).times(bare_down, "the floor"));
        group.push(Row::new("down, ip netns delete", script_down).times(bare_down, "the floor"));
        group.push(Row::new("ping a c -c 1", plain));
        group.push(Row::new("fabctl ping a c -c 1", pings));
        group.push(Row::new("what fabctl adds to it", added).target(Target::Below(10.0)));
        Ok(group)
    }

    /// The times of `fabctl ping` and of the same ping alone, in turns.
    fn pings(&self, daemon: &Daemon, lab: &std::path::Path) -> Result<(Vec<f64>, Vec<f64>)> {
        settle::wait(&self.folder)?;
        daemon.apply(lab)?;
        let [mut with, mut without] = [const { vec![] }; 2];
        // The first asks for the way; it is not counted.
        ping::by_fabctl(daemon)?;
        for _ in self.rounds(PINGS) {
            with.push(ping::by_fabctl(daemon)?);
            without.push(ping::alone(daemon)?);
        }
        daemon.delete("kubenet")?;
        Ok((with, without))
    }

    /// Says what a host costs, if Mininet could be measured.
    fn mininet(&self, table: &mut Table) -> Result<Option<f64>> {
        let mininet = match Mininet::find() {
            Ok(mininet) => mininet,
            Err(why) => {
                table.notes.push(why);
                return Ok(None);
            }
        };
        let [mut up, mut down] = [const { vec![] }; 2];
        for _ in self.rounds(MININET_ROUNDS) {
            settle::wait(&self.folder)?;
            match mininet.run(&self.folder) {
                Ok(times) => {
                    up.push(times.up / mininet::HOSTS as f64);
                    down.push(times.down / mininet::HOSTS as f64);
                }
                Err(error) => {
                    table.notes.push(format!("Mininet: {error}"));
                    return Ok(None);
                }
            }
        }
        let host = median(&up);
        let mut group = Group::new(format!(
            "Mininet: {} hosts on one switch ({}), for each host",
            mininet::HOSTS,
            mininet.switch
        ));
        group.push(Row::new("up, a host", up));
        group.push(Row::new("down, a host", down));
        table.groups.push(group);
        Ok(Some(host))
    }
}

/// Milliseconds that making and taking away took.
struct UpDown {
    up: f64,
    down: f64,
}

fn milliseconds(time: Duration) -> f64 {
    time.as_secs_f64() * 1e3
}

/// A folder that goes with the value.
struct Folder(PathBuf);

impl Folder {
    fn make() -> Result<Self> {
        let folder = output(Command::new("mktemp").args(["-d", "/tmp/fabric-bench.XXXXXX"]))?;
        Ok(Self(PathBuf::from(folder.trim())))
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}
