//! `docs/reachability.md`, table by table and cell by cell.

use std::{
    collections::BTreeMap,
    sync::{
        Mutex,
        atomic::{AtomicUsize, Ordering},
    },
};

use fabric_tests::{Background, Session};

pub const TESTS: [(&str, fn()); 10] = [
    ("every_cell_of_kubenet", || every_cell("kubenet", 7, 12)),
    ("every_cell_of_azure_cni", || every_cell("azure-cni", 8, 13)),
    ("every_cell_of_overlay", || every_cell("overlay", 8, 13)),
    ("every_cell_of_pod_subnet", || every_cell("pod-subnet", 10, 15)),
    ("every_cell_of_two_clusters_with_one_cidr", || every_cell("two-clusters-one-cidr", 9, 9)),
    ("every_cell_of_byo_cni", || every_cell("byo-cni", 6, 5)),
    ("every_cell_of_route_tables", || every_cell("route-tables", 8, 8)),
    ("every_cell_of_network_virtual_appliance", || every_cell("network-virtual-appliance", 5, 5)),
    ("every_cell_of_peering_and_hybrid", || every_cell("peering-and-hybrid", 9, 9)),
    ("every_cell_of_hub_and_spoke", || every_cell("hub-and-spoke", 8, 8)),
];

const SECTIONS: &str = include_str!("../../../docs/reachability.md");

/// The table of one lab.
struct Table {
    /// Names and addresses of the destinations; no name for an address that nothing has.
    columns: Vec<(String, String)>,
    rows: Vec<(String, Vec<String>)>,
    /// The names of node 0, node 1 and so on.
    nodes: Vec<String>,
}

impl Table {
    /// The table of the section whose heading names the lab.
    fn of(lab: &str) -> Self {
        let sections = SECTIONS.split("\n## ");
        let heading = format!("(`labs/{lab}`)");
        let section = sections
            .into_iter()
            .find(|section| section.lines().next().is_some_and(|line| line.ends_with(&heading)))
            .unwrap_or_else(|| panic!("docs/reachability.md has no section for {lab}"));
        let cells = |line: &str| -> Vec<String> {
            line.trim_matches('|').split('|').map(|cell| cell.trim().to_owned()).collect()
        };
        let mut lines = section.lines().filter(|line| line.starts_with('|'));
        let head = cells(lines.next().expect("a table"));
        let columns = head[1..].iter().map(|cell| match cell.split_once(' ') {
            Some((name, address)) => (name.to_owned(), address.to_owned()),
            None => (String::new(), cell.clone()),
        });
        let rows = lines.skip(1).map(|line| {
            let mut cells = cells(line).into_iter();
            (cells.next().expect("a name"), cells.collect())
        });
        let text = section.split("\n|").next().unwrap_or_default();
        let nodes = text.split('`').filter(|word| word.starts_with("aks-")).map(str::to_owned);
        Self { columns: columns.collect(), rows: rows.collect(), nodes: nodes.collect() }
    }

    /// The target that a name of the table stands for.
    fn target(&self, name: &str) -> String {
        if let Some(number) = name.strip_prefix("node") {
            let number: usize = number.parse().expect("the number of a node");
            return format!("node/{}", self.nodes[number]);
        }
        match name {
            full if ["vm/", "machine/", "server/"].iter().any(|kind| full.starts_with(kind)) => {
                full.to_owned()
            }
            "device" | "db" => format!("vm/{name}"),
            "server" => format!("machine/{name}"),
            pod => match pod.split_once('/') {
                Some((cluster, pod)) => format!("pod/{cluster}/default/{pod}"),
                None => format!("pod/{pod}"),
            },
        }
    }

    /// The size of the ping of a cell: it tells the packets of all cells apart.
    fn size(&self, row: usize, column: usize) -> usize {
        100 + row * self.columns.len() + column
    }
}

fn every_cell(lab: &str, rows: usize, columns: usize) {
    let session = Session::new();
    session.ok(&["apply", "-f", lab]);
    let table = Table::of(lab);
    assert_eq!((table.rows.len(), table.columns.len()), (rows, columns));

    // Every destination of ours listens, on all its interfaces, to what is sent to it.
    let listeners: BTreeMap<&str, Background> = table
        .columns
        .iter()
        .filter(|(name, _)| !name.is_empty())
        .map(|(name, address)| {
            let place = format!("{}:any", table.target(name));
            let filter = format!("dst host {address} and icmp[icmptype] == icmp-echo");
            let capture = ["tcpdump", &place, "-n", "-t", "--", &filter];
            (name.as_str(), Background::start(&mut session.command(&capture)).wait_for("listening on", 1))
        })
        .collect();
    let answers = ping(&session, &table);
    let seen: BTreeMap<&str, String> =
        listeners.into_iter().map(|(name, listener)| (name, listener.interrupt().text())).collect();

    let mut wrong = vec![];
    for (row, (from, cells)) in table.rows.iter().enumerate() {
        assert_eq!(cells.len(), columns, "the row {from}");
        for (column, wanted) in cells.iter().enumerate() {
            let (name, address) = &table.columns[column];
            let length = format!("length {}", table.size(row, column) + 8);
            let packets = seen.get(name.as_str()).map_or("", String::as_str);
            let source = packets
                .lines()
                .find(|line| line.trim_end().ends_with(&length))
                .and_then(|line| line.split(" IP ").nth(1)?.split(" > ").next());
            let namesakes = table.columns.iter().filter(|(_, other)| other == address).count();
            let found = match (answers[&(row, column)], source) {
                (false, _) => "-",
                // Its namesake has answered.
                (true, None) if namesakes > 1 => "-",
                (true, source) => source.unwrap_or("an unseen source"),
            };
            if found != wanted {
                wrong.push(format!("{from} to {name} {address}: wanted {wanted}, found {found}"));
            }
        }
    }
    assert!(wrong.is_empty(), "\n{}", wrong.join("\n"));
}

/// Whether each cell's ping was answered, by row and column.
fn ping(session: &Session, table: &Table) -> BTreeMap<(usize, usize), bool> {
    let work: Vec<(usize, usize)> = (0..table.rows.len())
        .flat_map(|row| (0..table.columns.len()).map(move |column| (row, column)))
        .collect();
    let next = AtomicUsize::new(0);
    let answers = Mutex::new(BTreeMap::new());
    std::thread::scope(|scope| {
        for _ in 0..8 {
            scope.spawn(|| {
                while let Some(&(row, column)) = work.get(next.fetch_add(1, Ordering::Relaxed)) {
                    let (from, cells) = &table.rows[row];
                    let (_, to) = &table.columns[column];
                    // Only an answer that is expected is worth a wait.
                    let wait = if cells[column] == "-" { "0.5" } else { "5" };
                    let size = table.size(row, column).to_string();
                    let ping = ["ping", &table.target(from), to, "-c", "1", "-W", wait, "-s", &size];
                    let answered = session.fabctl(&ping).status.success();
                    answers.lock().expect("no panic").insert((row, column), answered);
                }
            });
        }
    });
    answers.into_inner().expect("no panic")
}
