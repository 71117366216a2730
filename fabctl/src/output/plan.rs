//! An address plan as tables.

use fabric_core::address_plan::{Account, AddressPlan, Mode, Need, Taker, Unit, WhatIf};

use super::table::{self, Look};

/// Three parts: who takes what, where it ends, and the same pools under other network plugins.
pub fn render(plan: &AddressPlan) -> String {
    let mut parts = vec![accounts(plan)];
    let ends: Vec<String> = plan.supplies.iter().flat_map(run_out).collect();
    if !ends.is_empty() {
        parts.push(format!("Where it runs out, if only this pool grows:\n{}", ends.concat()));
    }
    if !plan.what_if.is_empty() {
        let title =
            "The same pools under every network plugin, with surge nodes and at the autoscaler's maximum:";
        parts.push(format!("{title}\n{}", what_if(&plan.what_if)));
    }
    parts.join("\n")
}

fn accounts(plan: &AddressPlan) -> String {
    let mut titles = vec!["ADDRESSES", "RANGE", "HAS", "TAKEN-BY", "EACH-NODE"];
    titles.extend(["NOW", "UPGRADE", "MAX", "MAX+UPGRADE"]);
    // The last stage differs from the one before for batches only.
    let all_full = plan.supplies.iter().any(|it| it.free.full != it.free.maximum_upgrade);
    let shown = if all_full { 5 } else { 4 };
    titles.extend(all_full.then_some("ALL-FULL"));
    let mut rows = vec![];
    for account in &plan.supplies {
        let range = account.address_prefix.map(|prefix| prefix.to_string()).unwrap_or_default();
        let mut left = vec![account.name.clone(), range, has(account.has, account.unit)];
        let takers = account.takers.iter().map(|Taker { name, each_node, takes, .. }| {
            let numbers = takes.all().map(|number| number.to_string());
            (name.clone(), each_node.clone().unwrap_or_default(), numbers)
        });
        let free = account.free.all().map(|number| number.to_string());
        for (name, each, numbers) in takers.chain([("free".to_owned(), String::new(), free)]) {
            let left = std::mem::replace(&mut left, vec![String::new(); 3]);
            rows.push([left, vec![name, each], numbers[..shown].to_vec()].concat());
        }
    }
    table::render(Look::Kubectl, Some(&titles), &rows)
}

fn has(number: u64, unit: Unit) -> String {
    match unit {
        Unit::Address => number.to_string(),
        Unit::Slash24 => format!("{number} × /24"),
        Unit::Slash28 => format!("{number} × /28"),
        Unit::Route => format!("{number} routes"),
    }
}

fn run_out(account: &Account) -> Vec<String> {
    let Account { name, has, unit, runs_out, .. } = account;
    let line = |it: &fabric_core::address_plan::RunsOut| {
        let node = ordinal(it.node);
        format!("  {node} node of {}: {name} has {}, needs {}\n", it.pool, unit.of(*has), it.needs)
    };
    runs_out.iter().map(line).collect()
}

/// `1st`, `22nd`, `113th`.
fn ordinal(number: u32) -> String {
    let end = match (number % 100, number % 10) {
        (11..=13, _) => "th",
        (_, 1) => "st",
        (_, 2) => "nd",
        (_, 3) => "rd",
        _ => "th",
    };
    format!("{number}{end}")
}

fn what_if(rows: &[WhatIf]) -> String {
    let titles = ["CLUSTER", "MODE", "NODES", "NODE-SUBNET", "POD-SUBNET", "POD-CIDR", "FITS", "MISSING"];
    let rows: Vec<Vec<String>> = rows
        .iter()
        .map(|row| {
            let mark = if row.current { " *" } else { "" };
            let mode = match (row.mode, row.full) {
                (Mode::PodSubnet, false) => "pod subnet, pods as now".to_owned(),
                (Mode::PodSubnet, true) => "pod subnet, nodes full".to_owned(),
                (mode, _) => mode.to_string(),
            };
            let need = |need: Option<Need>| need.map_or_else(|| "-".to_owned(), needed);
            let fits = match row.fits {
                Some(true) => "yes",
                Some(false) => "no",
                None => "if added",
            };
            vec![
                row.cluster.clone(),
                mode + mark,
                row.nodes.to_string(),
                needed(row.node_subnet),
                need(row.pod_subnet),
                need(row.pod_cidr),
                fits.to_owned(),
                row.missing.clone().unwrap_or_default(),
            ]
        })
        .collect();
    table::render(Look::Kubectl, Some(&titles), &rows)
}

/// `1581 in /21`.
fn needed(need: Need) -> String {
    match need.smallest_prefix {
        Some(length) => format!("{} in /{length}", need.addresses),
        None => need.addresses.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::ordinal;

    #[test]
    fn ordinals_are_english() {
        let words = [1, 2, 3, 4, 11, 12, 13, 21, 22, 103, 111].map(ordinal);
        assert_eq!(
            words,
            ["1st", "2nd", "3rd", "4th", "11th", "12th", "13th", "21st", "22nd", "103rd", "111th"]
        );
    }
}
