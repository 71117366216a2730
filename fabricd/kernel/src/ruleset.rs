//! Packet filter rules, loaded by `nft` and `iptables-nft-restore`.

mod pieces;

use std::{
    collections::BTreeSet,
    io::{self, Write},
    path::PathBuf,
    process::{Command, Stdio},
    sync::{Arc, Mutex, PoisonError},
};

use fabric_core::{
    kernel::RuleSet,
    object::{Program, Ruleset, changed_tables, difference},
};

use crate::programs;

/// What the program says if a transaction does not fit into its socket's buffer (`EMSGSIZE`).
const TOO_LONG: &str = "Message too long";

/// How many chains or rules are tried at once then: a rule of kube-proxy takes some 500 bytes, so the first is for
/// the usual buffer of 208 KiB.
const LINES_A_PIECE: [usize; 2] = [256, 32];

/// Why rules could not be loaded or listed.
#[derive(Debug, thiserror::Error)]
pub(crate) enum RulesetError {
    #[error("{program} is not installed: apt-get install {package}")]
    Missing { program: &'static str, package: &'static str },
    #[error("cannot run {program}")]
    Run { program: &'static str, source: io::Error },
    #[error("{program}: {message}")]
    Refused { program: &'static str, message: String },
}

/// What a text is to the rules that are there.
#[derive(Clone, Copy)]
enum Load {
    /// It takes the place of all in its tables.
    Whole,
    /// It says what is to be changed, see [`difference`].
    Difference,
}

/// Where the two programs are, looked up once.
#[derive(Debug)]
pub(crate) struct Loaders {
    nft: Option<PathBuf>,
    iptables: Option<PathBuf>,
    last: Mutex<Option<Difference>>,
}

/// A difference that has been found. The nodes of a cluster mostly have the same rules, and the same change.
#[derive(Debug)]
struct Difference {
    old: Arc<str>,
    new: Arc<str>,
    text: Option<Arc<str>>,
}

impl Loaders {
    /// Looks the programs up. A missing one is an error only when rules are to be loaded by it.
    pub(crate) fn find() -> Self {
        let (nft, iptables) = (programs::find("nft"), programs::find("iptables-nft-restore"));
        Self { nft, iptables, last: Mutex::default() }
    }

    /// Loads the rules into the calling thread's namespace, in one transaction if the kernel takes it.
    pub(crate) fn load(&self, ruleset: &Ruleset) -> Result<(), RulesetError> {
        let mut result = self.run(ruleset.program, Load::Whole, &ruleset.text);
        for lines in LINES_A_PIECE {
            let is_too_long = |error: &RulesetError| matches!(error, RulesetError::Refused { message, .. } if message.contains(TOO_LONG));
            if ruleset.program != Program::Iptables || !result.as_ref().is_err_and(is_too_long) {
                break;
            }
            result = self.load_pieces(&pieces::pieces(&ruleset.text, lines));
        }
        result
    }

    fn load_pieces(&self, pieces: &[String]) -> Result<(), RulesetError> {
        pieces.iter().enumerate().try_for_each(|(number, piece)| {
            let load = if number == 0 { Load::Whole } else { Load::Difference };
            self.run(Program::Iptables, load, piece)
        })
    }

    /// Loads the rules into the calling thread's namespace, in one transaction, where there is just `old`. As few
    /// chains, or tables, as possible are written.
    pub(crate) fn replace(&self, old: &Ruleset, new: &Ruleset) -> Result<(), RulesetError> {
        let difference = match (old.program, new.program) {
            (Program::Iptables, Program::Iptables) => self.difference(&old.text, &new.text),
            (Program::Nft, Program::Nft) => changed_tables(&old.text, &new.text).map(Arc::from),
            _ => None,
        };
        match difference {
            // If it is refused, the kernel has what it had: the whole tells why, or mends it.
            Some(text) if self.run(new.program, Load::Difference, &text).is_ok() => Ok(()),
            _ => self.load(new),
        }
    }

    fn difference(&self, old: &Arc<str>, new: &Arc<str>) -> Option<Arc<str>> {
        // Held while it is found: those who wait mostly want the same, and finding it is short beside loading it.
        let mut last = self.last.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(last) = &*last
            && Arc::ptr_eq(&last.old, old)
            && Arc::ptr_eq(&last.new, new)
        {
            return last.text.clone();
        }
        let text = difference(old, new).map(Arc::from);
        *last = Some(Difference { old: old.clone(), new: new.clone(), text: text.clone() });
        text
    }

    /// Empties what the rules stand in: their nft tables, or their iptables tables.
    pub(crate) fn remove(&self, ruleset: &Ruleset) -> Result<(), RulesetError> {
        self.run(ruleset.program, Load::Whole, &removal(ruleset))
    }

    /// Lists a set of the calling thread's namespace, as JSON; `None` if there is none.
    pub(crate) fn list(&self, set: RuleSet) -> Result<Option<Vec<u8>>, RulesetError> {
        let name = "nft";
        let path = self.nft.as_ref().ok_or(RulesetError::Missing { program: name, package: "nftables" })?;
        let output = Command::new(path)
            .args(["-j", "list", "set", set.family, set.table, set.name])
            .env("LC_ALL", "C")
            .stdin(Stdio::null())
            .output()
            .map_err(|source| RulesetError::Run { program: name, source })?;
        if output.status.success() {
            return Ok(Some(output.stdout));
        }
        let message = String::from_utf8_lossy(&output.stderr).trim().to_owned();
        // ENOENT, of the table or of the set.
        if message.contains("No such file or directory") {
            return Ok(None);
        }
        Err(RulesetError::Refused { program: name, message })
    }

    // The child is in the namespace because the calling thread is: a plain spawn, without code between
    // fork and exec, does not copy the page tables of a large daemon.
    fn run(&self, program: Program, load: Load, text: &str) -> Result<(), RulesetError> {
        let (name, package, path, arguments): (_, _, _, &[&str]) = match (program, load) {
            (Program::Nft, _) => ("nft", "nftables", &self.nft, &["-f", "-"]),
            (Program::Iptables, Load::Whole) => ("iptables-nft-restore", "iptables", &self.iptables, &[]),
            (Program::Iptables, Load::Difference) => {
                ("iptables-nft-restore", "iptables", &self.iptables, &["--noflush"])
            }
        };
        let path = path.as_ref().ok_or(RulesetError::Missing { program: name, package })?;
        let failed = |source| RulesetError::Run { program: name, source };
        let mut child = Command::new(path)
            .args(arguments)
            .env("LC_ALL", "C")
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .map_err(failed)?;
        let mut stdin = child.stdin.take().expect("stdin was asked for");
        // A program that stops reading early says why on stderr: that is the failure to report.
        let written = stdin.write_all(text.as_bytes());
        drop(stdin);
        let output = child.wait_with_output().map_err(failed)?;
        if !output.status.success() {
            let message = String::from_utf8_lossy(&output.stderr).trim().to_owned();
            let message = if message.is_empty() { output.status.to_string() } else { message };
            return Err(RulesetError::Refused { program: name, message });
        }
        written.map_err(failed)
    }
}

fn removal(ruleset: &Ruleset) -> String {
    let lines = ruleset.text.lines().map(str::trim);
    match ruleset.program {
        Program::Nft => {
            let tables: BTreeSet<_> = lines
                .filter_map(|line| {
                    let rest = line.strip_prefix("add ").unwrap_or(line).strip_prefix("table ")?;
                    let mut words = rest.split([' ', '{', ';']).filter(|word| !word.is_empty());
                    Some((words.next()?, words.next()?))
                })
                .collect();
            // `add` first: deleting what is not there would fail.
            let line = |(family, name)| format!("add table {family} {name}\ndelete table {family} {name}\n");
            tables.into_iter().map(line).collect()
        }
        // Restoring an empty table flushes it and removes its chains of other names.
        Program::Iptables => lines
            .filter_map(|line| line.strip_prefix('*'))
            .map(|table| {
                let chains = built_in_chains(table).iter().map(|chain| format!(":{chain} ACCEPT [0:0]\n"));
                format!("*{table}\n{}COMMIT\n", chains.collect::<String>())
            })
            .collect(),
    }
}

fn built_in_chains(table: &str) -> &'static [&'static str] {
    match table {
        "filter" | "security" => &["INPUT", "FORWARD", "OUTPUT"],
        "nat" => &["PREROUTING", "INPUT", "OUTPUT", "POSTROUTING"],
        "mangle" => &["PREROUTING", "INPUT", "FORWARD", "OUTPUT", "POSTROUTING"],
        "raw" => &["PREROUTING", "OUTPUT"],
        _ => &[],
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(program: Program, text: &str) -> String {
        removal(&Ruleset { program, text: text.into() })
    }

    #[test]
    fn a_removal_names_the_tables_of_the_text() {
        let text =
            "add table inet nsg\ndelete table inet nsg\ntable inet nsg {\n chain a { }\n}\ntable ip nat{}\n";
        let all = "add table inet nsg\ndelete table inet nsg\nadd table ip nat\ndelete table ip nat\n";
        assert_eq!(of(Program::Nft, text), all);
        let text = "*raw\n:PREROUTING DROP [0:0]\n:MINE - [0:0]\n-A MINE -j ACCEPT\nCOMMIT\n";
        let empty = "*raw\n:PREROUTING ACCEPT [0:0]\n:OUTPUT ACCEPT [0:0]\nCOMMIT\n";
        assert_eq!(of(Program::Iptables, text), empty);
    }
}
