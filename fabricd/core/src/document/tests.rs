use proptest::prelude::*;

use super::{
    normalise::{render, tokens},
    *,
};

fn text(lines: &str) -> Vec<String> {
    super::lines(lines)
}

fn normal(line: &str) -> String {
    render(&tokens(line, true), |value| format!("<{}>", value.name))
}

/// Compares one output after the other, as one document; a difference is shown as two columns.
fn check(outputs: &[(&str, &str)]) -> String {
    let mut aliases = Aliases::default();
    for (expected, actual) in outputs {
        match compare(&text(expected), &text(actual), false, &aliases) {
            Ok(next) => aliases = next,
            Err(difference) => {
                let Difference { expected, actual } = *difference;
                return format!("- {}\n+ {}", expected.join("\n- "), actual.join("\n+ "));
            }
        }
    }
    "same".to_owned()
}

fn same(expected: &str, actual: &str) {
    assert_eq!(check(&[(expected, actual)]), "same", "{expected}");
}

#[test]
fn every_rule_takes_its_example_and_no_pattern_is_broken() {
    assert_eq!(rule::compiled().len(), RULES.len());
    for rule in RULES {
        let shown = tokens(rule.example, true);
        let raw = render(&shown, |value| value.raw.clone());
        let found = render(&shown, |value| format!("<{}>", value.name));
        match rule.treatment {
            Treatment::Optional => assert_ne!(raw, rule.example, "{rule:?}"),
            _ => assert!(found.contains(&format!("<{}>", rule.name)), "{found}: {rule:?}"),
        }
    }
}

#[test]
fn what_is_the_labs_own_is_kept() {
    for line in [
        "default via 10.224.0.1 dev eth0 proto dhcp src 10.224.0.4 metric 100",
        "? (10.224.0.1) at 12:34:56:78:9a:bc [ether] on eth0",
        "10.224.0.4.8080 > 10.224.1.2.22: VXLAN, flags [I] (0x08), vni 1000",
        "3: eth0@if19: <BROADCAST,MULTICAST,UP,LOWER_UP> mtu 1500 qdisc noqueue",
        "a   1/1   Running   10.244.0.15   aks-nodepool1-11743156-vmss000000",
        "-A KUBE-SERVICES -d 10.0.0.1/32 -p tcp --dport 443 -j REJECT",
        "Flags [P.], seq 1:75, ack 1, length 74",
        "    0x0010:  0af4 000f 0af4 011b 0800 1c2e bbff 0001",
    ] {
        assert_eq!(normal(line), line);
    }
}

/// Two recordings of each program, of different runs of the same command.
const RECORDINGS: [(&str, &str, &str); 14] = [
    ("conntrack", include_str!("testdata/conntrack.1.txt"), include_str!("testdata/conntrack.2.txt")),
    ("iperf3", include_str!("testdata/iperf3.1.txt"), include_str!("testdata/iperf3.2.txt")),
    (
        "iptables-list",
        include_str!("testdata/iptables-list.1.txt"),
        include_str!("testdata/iptables-list.2.txt"),
    ),
    (
        "iptables-save",
        include_str!("testdata/iptables-save.1.txt"),
        include_str!("testdata/iptables-save.2.txt"),
    ),
    ("neigh", include_str!("testdata/neigh.1.txt"), include_str!("testdata/neigh.2.txt")),
    ("ping", include_str!("testdata/ping.1.txt"), include_str!("testdata/ping.2.txt")),
    ("ping-lost", include_str!("testdata/ping-lost.1.txt"), include_str!("testdata/ping-lost.2.txt")),
    ("tcpdump-own", include_str!("testdata/tcpdump-own.1.txt"), include_str!("testdata/tcpdump-own.2.txt")),
    (
        "tcpdump-places",
        include_str!("testdata/tcpdump-places.1.txt"),
        include_str!("testdata/tcpdump-places.2.txt"),
    ),
    ("tcpdump-tcp", include_str!("testdata/tcpdump-tcp.1.txt"), include_str!("testdata/tcpdump-tcp.2.txt")),
    (
        "tcpdump-tcp-absolute",
        include_str!("testdata/tcpdump-tcp-absolute.1.txt"),
        include_str!("testdata/tcpdump-tcp-absolute.2.txt"),
    ),
    (
        "tcpdump-vxlan",
        include_str!("testdata/tcpdump-vxlan.1.txt"),
        include_str!("testdata/tcpdump-vxlan.2.txt"),
    ),
    ("tinyproxy", include_str!("testdata/tinyproxy.1.txt"), include_str!("testdata/tinyproxy.2.txt")),
    ("traceroute", include_str!("testdata/traceroute.1.txt"), include_str!("testdata/traceroute.2.txt")),
];

#[test]
fn two_runs_of_a_real_program_are_the_same() {
    for (name, first, second) in RECORDINGS {
        assert_ne!(first, second, "{name} needs no rule");
        assert_eq!(check(&[(first, second)]), "same", "{name}");
        // Whatever rules take out, the rest is looked at.
        let other =
            second.replace("10.244", "10.245").replace("127.0.0.1", "127.0.0.2").replace("10.224", "10.225");
        assert_ne!(check(&[(first, &other)]), "same", "{name}");
    }
}

#[test]
fn a_wrong_reply_port_is_caught() {
    let document =
        "10.244.1.27.45512 > 10.224.1.2.80: Flags [P.]\n10.224.1.2.80 > 10.244.1.27.45512: Flags [.]";
    let good = document.replace("45512", "33210");
    let bad = good.replace("> 10.244.1.27.33210", "> 10.244.1.27.33211");
    assert_eq!(check(&[(document, &good)]), "same");
    insta::assert_snapshot!(check(&[(document, &bad)]), @"
    - 10.244.1.27.<port1> > 10.224.1.2.80: Flags [P.]
    - 10.224.1.2.80 > 10.244.1.27.<port1>: Flags [.]
    + 10.244.1.27.<port1> > 10.224.1.2.80: Flags [P.]
    + 10.224.1.2.80 > 10.244.1.27.<port2>: Flags [.]
    ");
    let translated = document.replace("1.2.80 > 10.244.1.27.45512", "1.2.80 > 10.244.1.27.40000");
    assert_ne!(check(&[(&translated, &good)]), "same", "two ports became one");
}

#[test]
fn a_value_stays_the_same_in_the_whole_document() {
    let (document, run) = ("1.1.1.1.45512 > 2.2.2.2.80: ", "1.1.1.1.33210 > 2.2.2.2.80: ");
    assert_eq!(check(&[(document, run), (document, run)]), "same");
    assert_ne!(check(&[(document, run), (document, "1.1.1.1.33211 > 2.2.2.2.80: ")]), "same");
}

#[test]
fn parts_of_lines_and_lines_can_be_left_out() {
    same("a [..] c", "a b c");
    same("[..]b[..]b", "abab");
    same("...", "");
    same("a\n...\nd", "a\nb\nc\nd");
    same("...\nd", "a\nd");
    same("a\n...", "a");
    same("...\nb\n...", "a\nb\nc");
    same("rtt [..] ms", "rtt min/avg/max/mdev = 0.1/0.2/0.3/0.4 ms");
    for (expected, actual) in
        [("a [..] c", "a b d"), ("...\nb", "a"), ("a\n...\na", "a"), ("a", "a\nb"), ("a\nb", "a"), ("", "a")]
    {
        assert_ne!(check(&[(expected, actual)]), "same", "{expected}");
    }
}

#[test]
fn a_difference_shows_what_fits_as_equal() {
    insta::assert_snapshot!(check(&[("a [..]\n...\ny\nz", "a b\nc\nx\nz")]), @"
    - a b
    - y
    - c
    - x
    - z
    + a b
    + c
    + x
    + z
    ");
}

#[test]
fn order_can_be_ignored() {
    let aliases = Aliases::default();
    let unordered =
        |expected: &str, actual: &str| compare(&text(expected), &text(actual), true, &aliases).is_ok();
    assert!(unordered("b 1.1.1.1:40000\na 2.2.2.2:50000", "a 2.2.2.2:33333\nb 1.1.1.1:44444"));
    assert!(unordered("b\n...", "a\nb\nc"));
    assert!(!unordered("a\nb", "a\nc"));
    assert!(!unordered("a\na", "a\nb"));
}

const LAB: &str = "\
# Lab

```console
$ echo one \\
  two
one two
$ cat <<END
heredoc
END
heredoc
```

- in a list:

  ```console exit=1
  $ false
  ```

<!--
```console hidden
$ true
```
-->

```exercise
Make a file.
```

<details><summary>Solution</summary>

```console solution
$ touch $TMPDIR/file
```

</details>

<!--
```console check
$ ls $TMPDIR
> true
file
```
-->
";

#[test]
fn a_lab_is_read() {
    let document = parse(LAB).unwrap();
    let mut out = String::new();
    let mut show = |block: &Block| {
        for Command { line, script, expected, .. } in &block.commands {
            let Attributes { exit, hidden, role, .. } = &block.attributes;
            out += &format!("{line} {role:?} exit={exit} hidden={hidden} {script:?} {expected:?}\n");
        }
    };
    for step in &document.steps {
        match step {
            Step::Block(block) => show(block),
            Step::Exercise(exercise) => {
                assert_eq!((exercise.line, exercise.task.as_str()), (25, "Make a file."));
                exercise.solution.iter().chain(&exercise.checks).for_each(&mut show);
            }
        }
    }
    insta::assert_snapshot!(out, @r#"
    4 Lesson exit=0 hidden=false "echo one \\\n  two" ["one two"]
    7 Lesson exit=0 hidden=false "cat <<END\nheredoc\nEND" ["heredoc"]
    16 Lesson exit=1 hidden=false "false" []
    21 Lesson exit=0 hidden=true "true" []
    32 Solution exit=0 hidden=false "touch $TMPDIR/file" []
    39 Check exit=0 hidden=true "ls $TMPDIR\ntrue" ["file"]
    "#);
}

#[test]
fn what_is_wrong_is_told_with_its_line() {
    let wrong = "```console\nnothing\n```\n\n```console sorted\n$ ls\n```\n\n```console check\n$ ls\n```\n\n```console\n```\n\n```exercise\nx\n```\n";
    let problems = parse(wrong).unwrap_err();
    let told: Vec<String> = problems.iter().map(ToString::to_string).collect();
    insta::assert_snapshot!(told.join("\n"), @"
    2: output without a command; a command begins with `$ `
    5: `sorted` means nothing here; a block may have exit=N, eventually=5s, unordered, hidden, check, solution, skip-unless=CAPABILITY
    9: no `exercise` block stands before this
    13: a console block without a command; a command begins with `$ `
    16: this exercise has no `console check` block, so nothing tells whether it is solved
    ");
}

fn updated(text: &str, output: impl Fn(&Command) -> Vec<String>) -> String {
    let document = parse(text).unwrap_or_default();
    let mut edits = vec![];
    for step in &document.steps {
        let blocks = match step {
            Step::Block(block) => std::slice::from_ref(block),
            Step::Exercise(exercise) => exercise.solution.as_slice(),
        };
        for command in blocks.iter().flat_map(|block| &block.commands) {
            edits.push(edit(command, &output(command), &Aliases::default()));
        }
    }
    apply(text, &edits)
}

#[test]
fn writing_the_same_output_changes_no_byte() {
    assert_eq!(updated(LAB, |command| command.expected.clone()), LAB);
}

#[test]
fn new_output_stands_where_the_old_one_stood() {
    let new = updated(LAB, |_| text("$ x\n--> y"));
    let document = parse(&new).unwrap();
    assert_eq!(document.steps.len(), 4);
    assert!(new.contains("  $ false\n  [..] x\n  --> y\n  ```\n"), "{new}");
    assert!(new.contains("$ true\n[..] x\n[..] y\n```\n-->"), "{new}");
}

#[test]
fn an_update_keeps_the_documents_own_ports() {
    let document = "1.1.1.1.45512 > 2.2.2.2.80: x";
    let aliases =
        compare(&text(document), &text(&document.replace("45512", "33210")), false, &Aliases::default());
    let parsed = parse("```console\n$ x\nold\n```\n").unwrap();
    let Step::Block(block) = &parsed.steps[0] else { panic!() };
    let edit = edit(&block.commands[0], &text("2.2.2.2.80 > 1.1.1.1.33210: y"), &aliases.unwrap());
    assert_eq!(edit.lines, ["2.2.2.2.80 > 1.1.1.1.45512: y"]);
}

fn piece() -> impl Strategy<Value = String> {
    prop_oneof![
        Just("```console\n".to_owned()),
        Just("```console exit=1 eventually=5s\n".to_owned()),
        Just("```exercise\n".to_owned()),
        Just("```\n".to_owned()),
        Just("~~~\r\n".to_owned()),
        Just("<!--\n".to_owned()),
        Just("-->\n".to_owned()),
        Just("$ cat <<EOF\n".to_owned()),
        Just("> EOF\n".to_owned()),
        Just("- ".to_owned()),
        Just("> ".to_owned()),
        Just("\n\n".to_owned()),
        Just("...\n".to_owned()),
        "[a-z$ .\\[\\]`ä\\\\\t\r]{0,12}\n?",
        any::<String>(),
    ]
}

fn anything() -> impl Strategy<Value = String> {
    proptest::collection::vec(piece(), 0..30).prop_map(|pieces| pieces.concat())
}

proptest! {
    #[test]
    fn no_text_is_too_strange(text in anything()) {
        if let Ok(document) = parse(&text) {
            for step in &document.steps {
                let Step::Block(block) = step else { continue };
                for command in &block.commands {
                    let edit = edit(command, &command.expected, &Aliases::default());
                    let _ = apply(&text, &[edit]);
                }
            }
        }
    }

    #[test]
    fn an_output_is_the_same_as_itself(output in "([a-z0-9:.,=>\\[\\] -]{0,30}\n){0,6}") {
        let output = text(&output);
        prop_assert!(compare(&output, &output, false, &Aliases::default()).is_ok());
        prop_assert!(compare(&output, &output, true, &Aliases::default()).is_ok());
    }

    #[test]
    fn any_two_outputs_can_be_compared(a in any::<String>(), b in any::<String>()) {
        let _ = compare(&text(&a), &text(&b), false, &Aliases::default());
    }
}
