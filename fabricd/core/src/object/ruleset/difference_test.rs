use std::collections::BTreeSet;

use proptest::prelude::*;

use super::*;

/// What the kernel has: chains by table and name, with their policies and rules.
type Kernel = BTreeMap<(String, String), (String, Vec<String>)>;

/// What `iptables-nft-restore` does, with `--noflush` or without; panics where it would refuse.
fn restore(kernel: &mut Kernel, text: &str, flush: bool) {
    let mut table = String::new();
    for line in text.lines() {
        let words: Vec<&str> = line.splitn(3, ' ').collect();
        let key = |name: &str| (table.clone(), name.to_owned());
        match words[0] {
            "COMMIT" => {
                for ((of, name), (_, rules)) in kernel.iter().filter(|((of, _), _)| *of == table) {
                    for target in rules.iter().filter_map(|rule| rule.strip_prefix("-j mine")) {
                        let target = (of.clone(), format!("mine{target}"));
                        assert!(kernel.contains_key(&target), "{name} leads to {target:?}:\n{text}");
                    }
                }
            }
            "-A" => kernel.get_mut(&key(words[1])).expect(line).1.push(words[2].to_owned()),
            "-F" => kernel.get_mut(&key(words[1])).expect(line).1.clear(),
            "-X" => {
                let (policy, rules) = kernel.remove(&key(words[1])).expect(line);
                assert_eq!((policy.as_str(), rules.len()), ("-", 0), "{line}:\n{text}");
            }
            word if word.starts_with('*') => {
                table = word[1..].to_owned();
                if flush {
                    kernel.retain(|(of, _), (policy, _)| *of != table || policy != "-");
                    kernel.iter_mut().filter(|((of, _), _)| *of == table).for_each(|(_, it)| it.1.clear());
                }
            }
            word => {
                let name = word.strip_prefix(':').expect(line);
                let chain = kernel.entry(key(name)).or_default();
                words[1].clone_into(&mut chain.0);
                if words[1] == "-" {
                    chain.1.clear();
                }
            }
        }
    }
}

prop_compose! {
    /// A table with the built-in chain FORWARD and some of the chains `mine0` to `mine5`, whose rules lead only to
    /// those that are there and come later.
    fn table(name: &'static str)(
        mine in prop::collection::btree_set(0u8..6, 0..6),
        rules in prop::collection::vec((0u8..7, 0u8..6, 0u8..4), 0..14),
        drop in any::<bool>(),
    ) -> String {
        let policy = if drop { "DROP" } else { "ACCEPT" };
        let mut text = format!("*{name}\n:FORWARD {policy} [0:0]\n");
        text.extend(mine.iter().map(|number| format!(":mine{number} - [0:0]\n")));
        let chains = [6].into_iter().chain(mine.iter().copied());
        for chain in chains {
            for (of, target, port) in rules.iter().filter(|(of, ..)| *of == chain) {
                let from = if *of == 6 { "FORWARD".to_owned() } else { format!("mine{of}") };
                let leads = mine.contains(target) && (*of == 6 || target > of);
                let rule = if leads { format!("-j mine{target}") } else { format!("--dport {port} -j ACCEPT") };
                text += &format!("-A {from} {rule}\n");
            }
        }
        text + "COMMIT\n"
    }
}

fn rule_set() -> impl Strategy<Value = String> {
    (table("filter"), table("nat")).prop_map(|(filter, nat)| filter + &nat)
}

proptest! {
    #[test]
    fn the_difference_makes_the_old_the_new(old in rule_set(), new in rule_set()) {
        let (mut kernel, mut expected) = (Kernel::new(), Kernel::new());
        restore(&mut kernel, &old, true);
        restore(&mut expected, &new, true);
        let text = changes(&old, &new).expect("both are understood");
        restore(&mut kernel, &text, false);
        prop_assert_eq!(&kernel, &expected);
        prop_assert_eq!(text.is_empty(), old == new);
    }

    #[test]
    fn any_text_can_be_looked_at(old in "[-:*A-C \n]{0,40}", new in rule_set()) {
        let _ = changes(&old, &new);
        prop_assert!(changes(&new, &new).expect("it is understood").is_empty());
    }
}

const RULES: &str = "\
*filter
:INPUT ACCEPT [0:0]
:KUBE-SERVICES - [0:0]
-A INPUT -j KUBE-SERVICES
-A KUBE-SERVICES -d 10.0.0.1/32 -j REJECT
COMMIT
*nat
:OUTPUT ACCEPT [0:0]
:KUBE-A - [0:0]
:KUBE-B - [0:0]
:KUBE-C - [0:0]
-A OUTPUT -j KUBE-A
-A OUTPUT -j KUBE-B
-A KUBE-A -s 10.0.0.1/32 -j ACCEPT
-A KUBE-B -j KUBE-C
-A KUBE-C -j ACCEPT
COMMIT
";

#[test]
fn only_what_differs_is_told() {
    let new = RULES
        .replace("-A KUBE-B -j KUBE-C\n", "")
        .replace(":KUBE-C - [0:0]\n", ":KUBE-D - [0:0]\n")
        .replace("-A KUBE-C -j ACCEPT\n", "-A KUBE-D -j DROP\n")
        .replace("-A OUTPUT -j KUBE-B\n", "-A OUTPUT -j KUBE-D\n");
    let told = "\
*nat
:KUBE-B - [0:0]
:KUBE-D - [0:0]
:OUTPUT ACCEPT [0:0]
:KUBE-C - [0:0]
-F OUTPUT
-A KUBE-D -j DROP
-A OUTPUT -j KUBE-A
-A OUTPUT -j KUBE-D
-X KUBE-C
COMMIT
";
    assert_eq!(changes(RULES, &new).unwrap(), told);
}

#[test]
fn the_whole_is_loaded_if_that_is_simpler() {
    let one_rule = RULES.replace("-A KUBE-C -j ACCEPT", "-A KUBE-C -j DROP");
    assert!(difference(RULES, &one_rule).is_some());
    assert_eq!(difference(RULES, RULES), None);
    let other = RULES
        .replace("10.0.0.1", "10.0.0.2")
        .replace("-j KUBE-C", "-g KUBE-C")
        .replace("-j KUBE-A", "-g KUBE-A");
    assert!(changes(RULES, &other).is_some());
    assert_eq!(difference(RULES, &other), None);
}

#[test]
fn what_is_not_understood_is_loaded_as_a_whole() {
    let (filter, nat) = RULES.split_once("*nat").unwrap();
    for odd in [
        filter.to_owned(),
        format!("*nat{nat}{filter}"),
        format!("# a comment\n{RULES}"),
        RULES.replace("-A KUBE-C", "-I KUBE-C"),
        RULES.replace("-A KUBE-C", "-A KUBE-Z"),
        RULES.replace("COMMIT\n*nat", "*nat"),
        RULES.replace("[0:0]", "[1:60]"),
        RULES
            .replace(":OUTPUT ACCEPT [0:0]\n", "")
            .replace("-A OUTPUT -j KUBE-A\n", "")
            .replace("-A OUTPUT -j KUBE-B\n", ""),
        RULES.replace("-A KUBE-C -j ACCEPT\n", "-A KUBE-C -j ACCEPT\n-A KUBE-A -j DROP\n"),
        RULES.trim_end().to_owned(),
    ] {
        assert_eq!(changes(RULES, &odd), None, "{odd}");
        assert_eq!(changes(&odd, RULES), None, "{odd}");
    }
    let tables: BTreeSet<&str> = parse(RULES).unwrap().iter().map(|table| table.name).collect();
    assert_eq!(tables, BTreeSet::from(["filter", "nat"]));
}
