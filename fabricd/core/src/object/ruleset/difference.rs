//! What must be told to `iptables-nft-restore --noflush` so that one rule set becomes another.
//!
//! kube-proxy does the same (`proxier.go`, partial sync): chains of Services that did not change are left out, so
//! that one endpoint does not cost as much as all of them.

use std::{collections::BTreeMap, fmt::Write};

/// The text that turns `old` into `new`, both as `iptables-save` prints them; chains that are the same are not in
/// it and keep their counters. None if the whole of `new` had better be loaded: if more than half of it differs,
/// or one of the texts is not understood.
///
/// It is right only where the kernel has just `old`.
pub fn difference(old: &str, new: &str) -> Option<String> {
    if old == new {
        return None;
    }
    changes(old, new).filter(|changes| changes.len() <= new.len() / 2)
}

/// Without asking whether it is worth it.
fn changes(old: &str, new: &str) -> Option<String> {
    let (old, new) = (parse(old)?, parse(new)?);
    // A table that comes or goes is not told by its chains.
    if !old.iter().map(|table| table.name).eq(new.iter().map(|table| table.name)) {
        return None;
    }
    let mut text = String::new();
    for (old, new) in old.iter().zip(&new) {
        write_table(&mut text, old, new)?;
    }
    Some(text)
}

/// A table of a rule set.
struct Table<'a> {
    name: &'a str,
    chains: BTreeMap<&'a str, Chain<'a>>,
}

/// A chain, as its lines.
#[derive(Clone, Copy, PartialEq, Eq)]
struct Chain<'a> {
    /// `-` if it is not built in.
    policy: &'a str,
    /// All its rules, one a line, each with its end of line.
    rules: &'a str,
}

impl Chain<'_> {
    fn is_built_in(self) -> bool {
        self.policy != "-"
    }
}

/// None if there is anything but tables, chains without counts, rules in one piece for each chain, and COMMIT.
fn parse(text: &str) -> Option<Vec<Table<'_>>> {
    let mut tables: Vec<Table<'_>> = vec![];
    let mut open = false;
    let mut at = 0;
    while let Some(length) = text[at..].find('\n') {
        let line = &text[at..at + length];
        let next = at + length + 1;
        if let Some(name) = line.strip_prefix('*') {
            if open {
                return None;
            }
            open = true;
            tables.push(Table { name, chains: BTreeMap::new() });
        } else if line == "COMMIT" {
            if !open {
                return None;
            }
            open = false;
        } else if open {
            let chains = &mut tables.last_mut()?.chains;
            if let Some(declaration) = line.strip_prefix(':') {
                let (name, policy) = declaration.strip_suffix(" [0:0]")?.split_once(' ')?;
                if chains.insert(name, Chain { policy, rules: "" }).is_some() {
                    return None;
                }
            } else {
                let (name, _) = line.strip_prefix("-A ")?.split_once(' ')?;
                let chain = chains.get_mut(name)?;
                // The chain's rules before this one must end where it begins.
                let before = chain.rules;
                if !before.is_empty() && before.as_bytes().as_ptr_range().end != line.as_ptr() {
                    return None;
                }
                chain.rules = &text[at - before.len()..next];
            }
        } else {
            return None;
        }
        at = next;
    }
    (!open && at == text.len()).then_some(tables)
}

fn write_table(text: &mut String, old: &Table<'_>, new: &Table<'_>) -> Option<()> {
    let changed = new.chains.iter().filter(|(name, chain)| old.chains.get(*name) != Some(chain));
    let gone = || old.chains.iter().filter(|(name, _)| !new.chains.contains_key(*name));
    // A built-in chain that is not in a text keeps the policy that it has.
    let appears = |(name, chain): (&&str, &Chain<'_>)| {
        old.chains.get(name).is_none_or(|before| before.is_built_in() != chain.is_built_in())
            && chain.is_built_in()
    };
    if changed.clone().any(appears) || gone().any(|(_, chain)| chain.is_built_in()) {
        return None;
    }
    if changed.clone().next().is_none() && gone().next().is_none() {
        return Some(());
    }
    let _ = writeln!(text, "*{}", new.name);
    // Declaring a chain empties it, unless it is built in. What goes is emptied first, since it may lead to
    // another that goes.
    for (name, chain) in changed.clone() {
        let _ = writeln!(text, ":{name} {} [0:0]", chain.policy);
    }
    for (name, _) in gone() {
        let _ = writeln!(text, ":{name} - [0:0]");
    }
    for (name, _) in changed.clone().filter(|(_, chain)| chain.is_built_in()) {
        let _ = writeln!(text, "-F {name}");
    }
    text.extend(changed.map(|(_, chain)| chain.rules));
    for (name, _) in gone() {
        let _ = writeln!(text, "-X {name}");
    }
    text.push_str("COMMIT\n");
    Some(())
}

#[cfg(test)]
#[path = "difference_test.rs"]
mod tests;
