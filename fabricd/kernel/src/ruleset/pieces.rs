//! A rule set of iptables in several transactions, where one is more than the kernel takes.
//!
//! `iptables-nft-restore` sends a transaction in one message, which must fit into its socket's buffer. Root may make
//! that as large as need be (`SO_SNDBUFFORCE`); an ordinary user has what `net.core.wmem_default` says, 208 KiB
//! mostly, which is some 400 rules.

/// The texts to be loaded one after the other: the first as it is, which empties the tables, and the others with
/// `--noflush`. Each has at most `lines` chains or rules.
pub(super) fn pieces(text: &str, lines: usize) -> Vec<String> {
    let mut first = String::new();
    let mut others: Vec<String> = vec![];
    for table in text.split_terminator("COMMIT\n") {
        let Some((name, table)) = table.split_once('\n') else { continue };
        let is_built_in = |line: &&str| line.starts_with(':') && !line.contains(" - ");
        let (built_in, rest): (Vec<&str>, Vec<&str>) = table.lines().partition(is_built_in);
        first += &transaction(name, &built_in);
        others.extend(rest.chunks(lines).map(|lines| transaction(name, lines)));
    }
    others.insert(0, first);
    others
}

fn transaction(table: &str, lines: &[&str]) -> String {
    let lines = [&[table], lines, &["COMMIT"]].concat();
    lines.iter().map(|line| format!("{line}\n")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn chains_come_before_the_rules_that_lead_to_them() {
        let text = "\
*filter
:INPUT DROP [0:0]
:A - [0:0]
:B - [0:0]
-A INPUT -m comment --comment \"to - A\" -j A
-A A -j B
COMMIT
*nat
:OUTPUT ACCEPT [0:0]
COMMIT
";
        let expected = [
            "*filter\n:INPUT DROP [0:0]\nCOMMIT\n*nat\n:OUTPUT ACCEPT [0:0]\nCOMMIT\n",
            "*filter\n:A - [0:0]\n:B - [0:0]\nCOMMIT\n",
            "*filter\n-A INPUT -m comment --comment \"to - A\" -j A\n-A A -j B\nCOMMIT\n",
        ];
        assert_eq!(pieces(text, 2), expected);
    }
}
