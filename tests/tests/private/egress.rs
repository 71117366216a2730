//! `docs/egress.md`, table by table and cell by cell: whose address a server on the internet sees.

use std::{
    collections::BTreeMap,
    fs,
    sync::{
        Mutex,
        atomic::{AtomicUsize, Ordering},
    },
};

use fabric_tests::{Background, Session};

macro_rules! lab {
    ($name:literal, $($size:expr),+) => {
        || every_cell($name, include_str!(concat!("../../egress/", $name, ".yaml")), &[$($size),+])
    };
}

pub const TESTS: [(&str, fn()); 8] = [
    ("every_way_out_by_load_balancer", lab!("load-balancer", (19, 6))),
    ("every_way_out_by_nat_gateway", lab!("nat-gateway", (12, 4))),
    ("every_way_out_of_managed_networks", lab!("managed", (10, 3))),
    ("every_way_out_by_firewall", lab!("firewall", (13, 5))),
    ("every_way_out_by_appliance", lab!("appliance", (14, 4), (14, 3))),
    ("every_way_out_by_vpn", lab!("vpn", (14, 5))),
    ("no_way_out", lab!("none", (12, 5))),
    ("every_precedence_of_ways_out", lab!("precedence", (23, 4))),
];

const SECTIONS: &str = include_str!("../../../docs/egress.md");

/// The server that a column asks if it names no other.
const SERVER: &str = "server/example-com";
const SERVER_ADDRESS: &str = "203.0.113.10";

/// One datagram there, and what comes back in one: address, port and seconds to wait are arguments.
const ASK_BY_UDP: &str =
    r#"exec 3<>"/dev/udp/$0/$1" && echo hello >&3 && timeout "$2" dd bs=2000 count=1 status=none <&3"#;

/// What is asked in a column.
enum Question {
    /// Which source address does a web server at this address see?
    Tcp(String),
    /// Which one does UDP port 7 of the server see?
    Udp,
    /// Which source address has a ping that the server answers?
    Ping,
    /// Are the source ports that TCP and UDP of the row had in this range?
    Ports,
    /// Which source address does a VM or machine see, which then refuses the connection?
    Private { target: String, address: String },
}

/// One table of a section.
struct Table {
    columns: Vec<(String, Question)>,
    /// Who asks, and what is expected; nothing where nothing is known.
    rows: Vec<(String, Vec<String>)>,
}

/// What is done in a section, from top to bottom.
enum Step {
    Command(Vec<String>),
    Table(Table),
}

/// What came of one cell, by row and column.
type Outcomes = BTreeMap<(usize, usize), Outcome>;

struct Outcome {
    /// Whether anything came back.
    answered: bool,
    /// The address and port that a server says it saw.
    client: Option<(String, u16)>,
}

fn every_cell(lab: &str, text: &str, sizes: &[(usize, usize)]) {
    let session = Session::new();
    let file = session.folder().join(format!("{lab}.yaml"));
    fs::write(&file, text).expect("the lab is written");
    session.ok(&["apply", "-f", file.to_str().expect("UTF-8")]);
    let mut found = vec![];
    for step in steps(lab) {
        match step {
            Step::Command(words) => {
                session.ok(&words.iter().map(String::as_str).collect::<Vec<_>>());
            }
            Step::Table(table) => {
                found.push((table.rows.len(), table.columns.len()));
                table.check(&session);
            }
        }
    }
    assert_eq!(found, sizes, "rows and columns of the tables");
}

/// The commands and tables of the section whose heading names the lab.
fn steps(lab: &str) -> Vec<Step> {
    let heading = format!("(`tests/egress/{lab}.yaml`)");
    let section = SECTIONS
        .split("\n## ")
        .find(|section| section.lines().next().is_some_and(|line| line.ends_with(&heading)))
        .unwrap_or_else(|| panic!("docs/egress.md has no section for {lab}"));
    let mut steps = vec![];
    let mut lines = section.lines().peekable();
    while let Some(line) = lines.next() {
        if let Some(command) = line.strip_prefix("$ fabctl ") {
            steps.push(Step::Command(command.split_whitespace().map(str::to_owned).collect()));
        } else if line.starts_with("| from |") {
            let columns = cells(line).into_iter().skip(1);
            let columns = columns.map(|head| (head.clone(), Question::of(&head))).collect();
            lines.next();
            let mut rows = vec![];
            while let Some(row) = lines.next_if(|line| line.starts_with('|')) {
                let mut cells = cells(row).into_iter();
                rows.push((cells.next().expect("a name"), cells.collect()));
            }
            steps.push(Step::Table(Table { columns, rows }));
        }
    }
    steps
}

fn cells(line: &str) -> Vec<String> {
    let line = line.strip_prefix('|').unwrap_or(line);
    line.strip_suffix('|').unwrap_or(line).split('|').map(|cell| cell.trim().to_owned()).collect()
}

/// The target that a name of the table stands for. Node pools are called as their clusters are.
fn target(name: &str) -> String {
    match name.split_once('/').expect("a kind or a cluster, and a name") {
        ("vm" | "machine", _) => name.to_owned(),
        (cluster, own) => match own.strip_prefix("node") {
            Some(number) => format!("node/aks-{cluster}-12345678-vmss00000{number}"),
            None => format!("pod/{cluster}/default/{own}"),
        },
    }
}

impl Question {
    fn of(head: &str) -> Self {
        match (head, head.split_once(' ')) {
            (_, Some((target, address))) => {
                Self::Private { target: target.to_owned(), address: address.to_owned() }
            }
            ("TCP", _) => Self::Tcp(SERVER_ADDRESS.to_owned()),
            ("example-org", _) => Self::Tcp("203.0.113.20".to_owned()),
            ("UDP", _) => Self::Udp,
            ("ping", _) => Self::Ping,
            ("ports", _) => Self::Ports,
            _ => panic!("the heading {head} asks nothing"),
        }
    }
}

impl Table {
    fn check(&self, session: &Session) {
        let listeners = self.listen(session);
        let outcomes = self.ask(session);
        let seen: BTreeMap<&str, String> =
            listeners.into_iter().map(|(target, listener)| (target, listener.interrupt().text())).collect();
        let mut wrong = vec![];
        for (row, (from, wanted)) in self.rows.iter().enumerate() {
            assert_eq!(wanted.len(), self.columns.len(), "the row {from}");
            for (column, wanted) in wanted.iter().enumerate().filter(|(_, wanted)| !wanted.is_empty()) {
                let (head, question) = &self.columns[column];
                let found = match question {
                    Question::Ports => self.ports(row, wanted, &outcomes),
                    _ => self.source(row, column, &outcomes[&(row, column)], &seen),
                };
                if !wanted.split(" or ").any(|wanted| wanted == found) {
                    wrong.push(format!("{from}, {head}: wanted {wanted}, found {found}"));
                }
            }
        }
        let leaked = seen[SERVER].lines().filter(|line| sender(line).starts_with("10."));
        wrong.extend(leaked.map(|line| format!("on the internet: {line}")));
        assert!(wrong.is_empty(), "\n{}", wrong.join("\n"));
    }

    /// A number of its own for each cell: the port or size of its packets.
    fn number(&self, row: usize, column: usize) -> usize {
        row * self.columns.len() + column
    }

    fn port(&self, row: usize, column: usize) -> usize {
        20_000 + self.number(row, column)
    }

    fn size(&self, row: usize, column: usize) -> usize {
        100 + self.number(row, column)
    }

    /// Destinations that do not say whom they saw are listened at. At the server that means pings, and
    /// what should never come there.
    fn listen(&self, session: &Session) -> BTreeMap<&str, Background> {
        let questions = self.columns.iter().map(|(_, question)| question);
        let private = questions.filter_map(|question| match question {
            Question::Private { target, address } => Some((
                target.as_str(),
                format!("dst host {address} and tcp[tcpflags] & (tcp-syn|tcp-ack) == tcp-syn"),
            )),
            _ => None,
        });
        let server = (SERVER, "icmp[icmptype] == icmp-echo or src net 10.0.0.0/8".to_owned());
        let listen = |(target, filter): (_, String)| {
            let place = format!("{target}:any");
            let mut capture = session.command(&["tcpdump", &place, "-n", "-t", "--", &filter]);
            (target, Background::start(&mut capture).wait_for("listening on", 1))
        };
        private.chain([server]).map(listen).collect()
    }

    /// Asks every question, several at a time.
    fn ask(&self, session: &Session) -> Outcomes {
        let columns = 0..self.columns.len();
        let all = (0..self.rows.len()).flat_map(|row| columns.clone().map(move |column| (row, column)));
        let work: Vec<(usize, usize)> = all
            .filter(|&(row, column)| self.rows[row].1.get(column).is_some_and(|it| !it.is_empty()))
            .collect();
        let next = AtomicUsize::new(0);
        let outcomes = Mutex::new(Outcomes::new());
        std::thread::scope(|scope| {
            for _ in 0..8 {
                scope.spawn(|| {
                    while let Some(&(row, column)) = work.get(next.fetch_add(1, Ordering::Relaxed)) {
                        if let Some(outcome) = self.outcome(session, row, column) {
                            outcomes.lock().expect("no panic").insert((row, column), outcome);
                        }
                    }
                });
            }
        });
        outcomes.into_inner().expect("no panic")
    }

    fn outcome(&self, session: &Session, row: usize, column: usize) -> Option<Outcome> {
        let (from, wanted) = &self.rows[row];
        let from = target(from);
        // Only an answer that is expected is worth a wait.
        let wait = if wanted[column] == "-" { "0.7" } else { "5" };
        let curl = |url: &str| {
            session.fabctl(&["exec", &from, "--", "curl", "-s", "--noproxy", "*", "--max-time", wait, url])
        };
        Some(match &self.columns[column].1 {
            Question::Ports => return None,
            Question::Tcp(address) => said(&curl(&format!("http://{address}/")).stdout),
            Question::Udp => {
                let ask = ["exec", &from, "--", "bash", "-c", ASK_BY_UDP, SERVER_ADDRESS, "7", wait];
                said(&session.fabctl(&ask).stdout)
            }
            Question::Ping => {
                let size = self.size(row, column).to_string();
                let ping = ["ping", &from, SERVER_ADDRESS, "-c", "1", "-W", wait, "-s", &size];
                Outcome { answered: session.fabctl(&ping).status.success(), client: None }
            }
            Question::Private { address, .. } => {
                const REFUSED: i32 = 7;
                let output = curl(&format!("http://{address}:{}/", self.port(row, column)));
                Outcome { answered: output.status.code() == Some(REFUSED), client: None }
            }
        })
    }

    /// The source address that a cell's destination saw, as the table has it.
    fn source(&self, row: usize, column: usize, outcome: &Outcome, seen: &BTreeMap<&str, String>) -> String {
        let source = match &self.columns[column].1 {
            Question::Private { target, address } => {
                let packet = format!(" > {address}.{}: ", self.port(row, column));
                let line = seen[target.as_str()].lines().find(|line| line.contains(&packet));
                line.and_then(|line| sender(line).rsplit_once('.')).map(|(address, _port)| address.to_owned())
            }
            Question::Ping => {
                let length = format!(", length {}", self.size(row, column) + 8);
                let line = seen[SERVER].lines().find(|line| line.trim_end().ends_with(&length));
                line.map(|line| sender(line).to_owned())
            }
            _ => outcome.client.as_ref().map(|(address, _)| address.clone()),
        };
        match (outcome.answered, source, &self.columns[column].1) {
            (true, Some(source), _) => source,
            (false, Some(source), _) => format!("{source}, and no answer"),
            // A router on the way may have said that there is no way.
            (false, None, _) | (true, None, Question::Private { .. }) => "-".to_owned(),
            (true, None, _) => "an answer of somebody else".to_owned(),
        }
    }

    /// `wanted` if the source ports of the row's TCP and UDP are in that range.
    fn ports(&self, row: usize, wanted: &str, outcomes: &Outcomes) -> String {
        let range = wanted
            .split_once('-')
            .and_then(|(first, last)| Some(first.parse::<u16>().ok()?..=last.parse::<u16>().ok()?));
        let range = range.unwrap_or_else(|| panic!("{wanted} is no range of ports"));
        let asked = self
            .columns
            .iter()
            .enumerate()
            .filter(|(_, (_, question))| matches!(question, Question::Tcp(_) | Question::Udp));
        let ports: Vec<Option<u16>> =
            asked.map(|(column, _)| Some(outcomes.get(&(row, column))?.client.as_ref()?.1)).collect();
        if !ports.is_empty() && ports.iter().all(|port| port.is_some_and(|port| range.contains(&port))) {
            wanted.to_owned()
        } else {
            format!("{ports:?}")
        }
    }
}

/// Who a packet of tcpdump's output is from: an address, and a port if there are ports.
fn sender(line: &str) -> &str {
    line.split(" IP ").nth(1).and_then(|rest| rest.split(" > ").next()).unwrap_or_default()
}

/// The address and port in a server's answer: a line `client: ADDRESS:PORT` or `client ADDRESS:PORT`.
fn said(answer: &[u8]) -> Outcome {
    let text = String::from_utf8_lossy(answer);
    let client = text.lines().find_map(|line| {
        let line = line.strip_prefix("client")?.trim_start_matches(':').trim();
        let (address, port) = line.rsplit_once(':')?;
        Some((address.to_owned(), port.parse().ok()?))
    });
    Outcome { answered: !answer.is_empty(), client }
}
