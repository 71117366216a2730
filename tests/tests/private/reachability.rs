//! `docs/reachability.md`, cell by cell.

use std::{
    collections::BTreeMap,
    sync::atomic::{AtomicUsize, Ordering},
};

use fabric_tests::{Background, Session};

pub const TESTS: [(&str, fn()); 1] = [("every_cell_of_the_reachability_table", every_cell)];

const TABLES: &str = include_str!("../../../docs/reachability.md");

struct Table {
    /// Names and addresses of the destinations.
    columns: Vec<(String, String)>,
    rows: Vec<(String, Vec<String>)>,
}

fn table() -> Table {
    let cells = |line: &str| -> Vec<String> {
        line.trim_matches('|').split('|').map(|cell| cell.trim().to_owned()).collect()
    };
    let mut lines = TABLES.lines().filter(|line| line.starts_with('|'));
    let head = cells(lines.next().expect("a table"));
    let columns = head[1..].iter().map(|cell| match cell.split_once(' ') {
        Some((name, address)) => (name.to_owned(), address.to_owned()),
        None => (String::new(), cell.clone()),
    });
    let rows = lines.skip(1).map(|line| {
        let mut cells = cells(line).into_iter();
        (cells.next().expect("a name"), cells.collect())
    });
    Table { columns: columns.collect(), rows: rows.collect() }
}

fn target(name: &str) -> &str {
    match name {
        "node0" => "node/aks-nodepool1-11743156-vmss000000",
        "node1" => "node/aks-pool2-13111960-vmss000000",
        "device" => "vm/device",
        "server" => "machine/server",
        pod => pod,
    }
}

fn every_cell() {
    let session = Session::new();
    session.ok(&["apply", "-f", "kubenet"]);
    let table = table();
    assert_eq!((table.rows.len(), table.columns.len()), (7, 12));

    // Every destination of ours listens, on all its interfaces, to what is sent to it.
    let listeners: BTreeMap<&str, Background> = table
        .columns
        .iter()
        .filter(|(name, _)| !name.is_empty())
        .map(|(name, address)| {
            let place = format!("{}:any", target(name));
            let filter = format!("dst host {address} and icmp[icmptype] == icmp-echo");
            let capture = ["tcpdump", &place, "-n", "-t", "--", &filter];
            (name.as_str(), Background::start(&mut session.command(&capture)).wait_for("listening on", 1))
        })
        .collect();

    // The size of a ping says which row it belongs to.
    let size = |row: usize| 100 + row;
    let work: Vec<(usize, usize)> = (0..table.rows.len())
        .flat_map(|row| (0..table.columns.len()).map(move |column| (row, column)))
        .collect();
    let next = AtomicUsize::new(0);
    let answers = std::sync::Mutex::new(BTreeMap::new());
    std::thread::scope(|scope| {
        for _ in 0..8 {
            scope.spawn(|| {
                while let Some(&(row, column)) = work.get(next.fetch_add(1, Ordering::Relaxed)) {
                    let (from, cells) = &table.rows[row];
                    let (_, to) = &table.columns[column];
                    // Only an answer that is expected is worth a wait.
                    let wait = if cells[column] == "-" { "0.5" } else { "5" };
                    let size = size(row).to_string();
                    let ping = ["ping", target(from), to, "-c", "1", "-W", wait, "-s", &size];
                    let answered = session.fabctl(&ping).status.success();
                    answers.lock().expect("no panic").insert((row, column), answered);
                }
            });
        }
    });
    let answers = answers.into_inner().expect("no panic");

    let seen: BTreeMap<&str, String> =
        listeners.into_iter().map(|(name, listener)| (name, listener.interrupt().text())).collect();
    let mut wrong = vec![];
    for (row, (from, cells)) in table.rows.iter().enumerate() {
        for (column, wanted) in cells.iter().enumerate() {
            let (name, address) = &table.columns[column];
            let length = format!("length {}", size(row) + 8);
            let packets = seen.get(name.as_str()).map_or("", String::as_str);
            let source = packets
                .lines()
                .find(|line| line.trim_end().ends_with(&length))
                .and_then(|line| line.split(" IP ").nth(1)?.split(" > ").next());
            let found = if answers[&(row, column)] { source.unwrap_or("an unseen source") } else { "-" };
            if found != wanted {
                wrong.push(format!("{from} to {name} {address}: wanted {wanted}, found {found}"));
            }
        }
    }
    assert!(wrong.is_empty(), "\n{}", wrong.join("\n"));
}
