//! `docs/services.md`, table by table and cell by cell: who reaches a Service, whom its pod sees, and which pod
//! answers.

use std::{
    collections::BTreeSet,
    fs,
    process::Output,
    sync::{
        Mutex,
        atomic::{AtomicUsize, Ordering},
    },
    time::{Duration, Instant},
};

use fabric_tests::Session;

/// A lab with the Services that every network plugin is asked about, and the sizes of its tables.
macro_rules! plugin {
    ($name:literal) => {
        || {
            let files = [
                include_str!(concat!("../../services/", $name, ".yaml")),
                include_str!("../../services/manifests.yaml"),
            ];
            every_cell($name, &files, &[(12, 11, &PROBED), (13, 8, &[]), (12, 6, &[])]);
        }
    };
}

pub const TESTS: [(&str, fn()); 5] = [
    ("every_service_with_kubenet", plugin!("kubenet")),
    ("every_service_with_node_subnet", plugin!("node-subnet")),
    ("every_service_with_pod_subnet", plugin!("pod-subnet")),
    ("every_service_with_overlay", plugin!("overlay")),
    ("every_choice_of_an_endpoint", || {
        let tables = [(6, 7, NONE), (4, 6, NONE), (6, 9, &UNREADY), (4, 5, &NOBODY_READY)];
        every_cell("endpoints", &[include_str!("../../services/endpoints.yaml")], &tables);
    }),
];

const SECTIONS: &str = include_str!("../../../docs/services.md");

/// Connections for a cell that says what comes of many: one of two pods or nodes is left out by chance once in
/// eight million times.
const MANY: usize = 24;

/// Who asks what, and what comes of it once the health probes know all nodes.
type Probed = [(&'static str, &'static str, &'static str)];

const NONE: &Probed = &[];
const PROBED: [(&str, &str, &str); 6] = [
    ("server/example-com", "198.51.100.12", "203.0.113.10"),
    ("server/example-com", "198.51.100.13", "203.0.113.10"),
    ("server/example-com", "198.51.100.14", "-"),
    ("vm/far", "10.224.1.82", "10.224.9.4"),
    ("vm/far", "10.224.1.84", "-"),
    ("vm/far", "10.224.1.85", "10.224.9.4"),
];

const UNREADY: [(&str, &str, &str); 1] = [("server/example-com", "198.51.100.23", "t0")];
const NOBODY_READY: [(&str, &str, &str); 2] =
    [("server/example-com", "198.51.100.21", "-"), ("vm/far", "10.224.1.85", "-")];

/// What a table's cells name.
#[derive(Clone, Copy)]
enum Cells {
    /// The client's address as the pod sees it.
    Source,
    /// The pod.
    Pod,
}

/// One table of a section.
struct Table {
    cells: Cells,
    /// What each column asks: `ADDRESS`, `ADDRESS:PORT`, or a name in place of the address.
    asked: Vec<String>,
    /// Who asks, and what is expected; nothing where nothing is known.
    rows: Vec<(String, Vec<String>)>,
}

/// What is done in a section, from top to bottom.
enum Step {
    Command(Vec<String>),
    Table(Table),
}

/// `expected` has the rows and columns of each table, and what is to be waited for before it.
fn every_cell(lab: &str, files: &[&str], expected: &[(usize, usize, &Probed)]) {
    let session = Session::new();
    let mut apply = vec!["apply".to_owned()];
    for (number, text) in files.iter().enumerate() {
        let file = session.folder().join(format!("{lab}-{number}.yaml"));
        fs::write(&file, text).expect("the lab is written");
        apply.extend(["-f".to_owned(), file.to_str().expect("UTF-8").to_owned()]);
    }
    session.ok(&apply.iter().map(String::as_str).collect::<Vec<_>>());
    let mut expected = expected.iter();
    let mut wrong = vec![];
    for step in steps(lab) {
        match step {
            Step::Command(words) => {
                session.ok(&words.iter().map(String::as_str).collect::<Vec<_>>());
            }
            Step::Table(table) => {
                let (rows, columns, probed) = expected.next().expect("a table more than are known");
                assert_eq!((table.rows.len(), table.asked.len()), (*rows, *columns), "rows and columns");
                wait_for_probes(&session, table.cells, probed);
                wrong.extend(table.check(&session));
            }
        }
    }
    assert!(expected.next().is_none(), "a table is missing");
    assert!(wrong.is_empty(), "\n{}", wrong.join("\n"));
}

/// The commands and tables of the section whose heading names the lab.
fn steps(lab: &str) -> Vec<Step> {
    let heading = format!("(`tests/services/{lab}.yaml`)");
    let section = SECTIONS
        .split("\n## ")
        .find(|section| section.lines().next().is_some_and(|line| line.ends_with(&heading)))
        .unwrap_or_else(|| panic!("docs/services.md has no section for {lab}"));
    let mut steps = vec![];
    let mut lines = section.lines().peekable();
    while let Some(line) = lines.next() {
        if let Some(command) = line.strip_prefix("$ fabctl ") {
            steps.push(Step::Command(command.split_whitespace().map(str::to_owned).collect()));
        }
        let mut heads = cells(line).into_iter();
        let named = match heads.next().as_deref() {
            Some("from") => Cells::Source,
            Some("from, who answers") => Cells::Pod,
            _ => continue,
        };
        let asked = heads.map(|head| head.rsplit(' ').next().expect("a word").to_owned()).collect();
        lines.next();
        let mut rows = vec![];
        while let Some(row) = lines.next_if(|line| line.starts_with('|')) {
            let mut cells = cells(row).into_iter();
            rows.push((cells.next().expect("a name"), cells.collect()));
        }
        steps.push(Step::Table(Table { cells: named, asked, rows }));
    }
    steps
}

fn cells(line: &str) -> Vec<String> {
    let line = line.strip_prefix('|').unwrap_or(line);
    line.strip_suffix('|').unwrap_or(line).split('|').map(|cell| cell.trim().to_owned()).collect()
}

/// The target that a name of the tables stands for.
fn target(name: &str) -> String {
    if name.contains('/') {
        return name.to_owned();
    }
    match (name, name.strip_prefix("node")) {
        (_, Some(number)) => format!("node/aks-aks-12345678-vmss00000{number}"),
        ("x", _) => "pod/other/default/x".to_owned(),
        (pod, _) => format!("pod/aks/default/{pod}"),
    }
}

/// A load balancer sends connections to a node until its probe has failed twice, so what is asked first may
/// come to a node that has nobody.
fn wait_for_probes(session: &Session, cells: Cells, probed: &Probed) {
    const LONG: Duration = Duration::from_secs(60);
    let started = Instant::now();
    for (from, asked, wanted) in probed {
        loop {
            let found = ask(session, from, asked, cells, "0.4", 16);
            if found == *wanted {
                break;
            }
            assert!(
                started.elapsed() < LONG,
                "{from} to {asked}: wanted {wanted}, found {found} for a minute"
            );
        }
    }
}

impl Table {
    /// Asks every question, several at a time, and says what is not as the table has it.
    fn check(&self, session: &Session) -> Vec<String> {
        let columns = 0..self.asked.len();
        let work: Vec<(usize, usize)> =
            (0..self.rows.len()).flat_map(|row| columns.clone().map(move |column| (row, column))).collect();
        let next = AtomicUsize::new(0);
        let wrong = Mutex::new(vec![]);
        std::thread::scope(|scope| {
            for _ in 0..8 {
                scope.spawn(|| {
                    while let Some(&(row, column)) = work.get(next.fetch_add(1, Ordering::Relaxed)) {
                        if let Some(text) = self.differs(session, row, column) {
                            wrong.lock().expect("no panic").push((row, column, text));
                        }
                    }
                });
            }
        });
        let mut wrong = wrong.into_inner().expect("no panic");
        wrong.sort();
        wrong.into_iter().map(|(_, _, text)| text).collect()
    }

    fn differs(&self, session: &Session, row: usize, column: usize) -> Option<String> {
        let (from, wanted) = &self.rows[row];
        assert_eq!(wanted.len(), self.asked.len(), "the row {from}");
        let (asked, wanted) = (&self.asked[column], wanted[column].trim_end_matches('*'));
        if wanted.is_empty() {
            return None;
        }
        let count = if wanted == "one" || wanted.contains(" or ") { MANY } else { 1 };
        let wait = match wanted {
            // Only an answer that is expected is worth a wait.
            "-" => "0.7",
            // At once: before the second SYN, which comes after a second.
            "refused" => "0.9",
            _ if count > 1 => "2",
            _ => "5",
        };
        let found = ask(session, from, asked, self.cells, wait, count);
        let same = match wanted {
            "one" => found == "t0" || found == "t1",
            _ => found.split(" or ").eq(wanted.split(" or ").collect::<BTreeSet<_>>()),
        };
        (!same).then(|| format!("{from} to {asked}: wanted {wanted}, found {found}"))
    }
}

/// What comes of so many connections, as a table has it: all that is seen or answers, sorted by name, with ` or `
/// between.
fn ask(session: &Session, from: &str, asked: &str, cells: Cells, wait: &str, count: usize) -> String {
    let url = format!("http://{asked}/?[1-{count}]");
    let from = target(from);
    let mut words = vec!["exec", &from, "--", "curl", "-sv", "--noproxy", "*", "--max-time", wait];
    // Otherwise they would all be one connection.
    words.extend(["-H", "Connection: close", &url]);
    let output = session.fabctl(&words);
    let answers = String::from_utf8_lossy(&output.stdout);
    let values = |key: &str| -> Vec<String> {
        let lines = answers.lines().filter_map(|line| line.strip_prefix(key)?.strip_prefix(": "));
        lines.map(|value| value.trim().to_owned()).collect()
    };
    let (pods, clients) = (values("pod"), values("client"));
    if pods.is_empty() && clients.is_empty() {
        return unanswered(&output).to_owned();
    }
    if pods.len() != count || clients.len() != count {
        return format!("{} of {count} answers of pods, and then: {}", pods.len(), unanswered(&output));
    }
    if let (Cells::Source, Some(other)) = (cells, pods.iter().find(|pod| *pod != "e")) {
        return format!("an answer of {other}");
    }
    let found: BTreeSet<String> = match cells {
        Cells::Pod => pods.into_iter().collect(),
        Cells::Source => clients
            .iter()
            .map(|client| {
                client.rsplit_once(':').map_or(client.as_str(), |(address, _port)| address).to_owned()
            })
            .collect(),
    };
    found.into_iter().collect::<Vec<_>>().join(" or ")
}

/// What a curl that has failed says of it.
fn unanswered(output: &Output) -> &'static str {
    const NO_NAME: i32 = 6;
    let told = String::from_utf8_lossy(&output.stderr);
    match output.status.code() {
        Some(NO_NAME) => "no name",
        // And not that a router has no way.
        _ if told.contains("Connection refused") => "refused",
        Some(0) => "an answer of somebody else",
        _ => "-",
    }
}
