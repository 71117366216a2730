//! Whether a picture can be read by what it is for: strict readers of just enough of each format.

use std::collections::BTreeSet;

use fabric_core::{
    graph::{self, Format},
    topology::Topology,
};
use regex::Regex;

/// Draws the lab in all formats and reads the pictures.
pub fn check(topology: &Topology) {
    texts(&graph::draw(topology, Format::Svg));
    mermaid(&graph::draw(topology, Format::Mermaid));
    dot(&graph::draw(topology, Format::Dot));
}

/// Reads XML without a declaration, comments or sections; gives every text, unescaped.
///
/// # Panics
/// If it is not well-formed.
pub fn texts(xml: &str) -> Vec<String> {
    let (mut open, mut texts, mut rest, mut roots) = (vec![], vec![], xml, 0);
    while !rest.is_empty() {
        let Some(tag) = rest.strip_prefix('<') else {
            let end = rest.find('<').unwrap_or(rest.len());
            let text = unescape(&rest[..end]);
            assert!(!open.is_empty() || text.trim().is_empty(), "text outside of the root: {text}");
            if !text.trim().is_empty() {
                texts.push(text);
            }
            rest = &rest[end..];
            continue;
        };
        let end = tag.find('>').expect("a tag ends");
        let (tag, behind) = (&tag[..end], &tag[end + 1..]);
        rest = behind;
        if let Some(name) = tag.strip_prefix('/') {
            assert_eq!(open.pop().as_deref(), Some(name), "a tag closes the last one");
            continue;
        }
        let (tag, empty) = tag.strip_suffix('/').map_or((tag, false), |tag| (tag, true));
        let (name, attributes) = tag.split_once(' ').unwrap_or((tag, ""));
        assert!(name.bytes().all(|c| c.is_ascii_alphanumeric()) && !name.is_empty(), "<{tag}>");
        roots += usize::from(open.is_empty());
        let mut seen = BTreeSet::new();
        let mut left = attributes.trim_start();
        while !left.is_empty() {
            let (name, value) = left.split_once("=\"").expect("an attribute has a value in quotes");
            assert!(name.bytes().all(|c| c.is_ascii_alphabetic() || c == b'-'), "{name}");
            assert!(seen.insert(name), "{name} twice in <{tag}>");
            let (value, behind) = value.split_once('"').expect("the value ends");
            unescape(value);
            assert!(!value.contains('<'), "{value}");
            left = behind.trim_start();
        }
        if !empty {
            open.push(name.to_owned());
        }
    }
    assert_eq!((open.len(), roots), (0, 1), "one root, closed");
    texts
}

fn unescape(text: &str) -> String {
    let allowed = |c: char| !c.is_control() || c == '\n';
    assert!(text.chars().all(allowed) && !text.contains('\u{ffff}'), "XML cannot hold {text:?}");
    let mut out = String::new();
    let mut rest = text;
    while let Some((before, entity)) = rest.split_once('&') {
        let (entity, behind) = entity.split_once(';').unwrap_or_else(|| panic!("a bare & in {text:?}"));
        out.push_str(before);
        out.push(match entity {
            "amp" => '&',
            "lt" => '<',
            "gt" => '>',
            "quot" => '"',
            "apos" => '\'',
            _ => panic!("XML knows no &{entity};"),
        });
        rest = behind;
    }
    out + rest
}

fn regex(pattern: &str) -> Regex {
    Regex::new(pattern).expect("a pattern")
}

fn mermaid(text: &str) {
    // Letters, digits and marks without a meaning of their own; all others by their numbers.
    let label = r#""(?:[\p{Alphabetic}\p{M}\p{N} .,\-/:+·()→\u{fffd}]|#\d+;|<b>|</b>|<br/>)*""#;
    let kinds = [
        r"accTitle: [^\n]*$",
        r"accDescr: [^\n]*$",
        &format!(r"(f\d+)\[{label}\]:::[a-zA-Z]+$"),
        &format!(r"subgraph (f\d+)\[{label}\]$"),
        r"end$",
        r"class f\d+ [a-zA-Z]+$",
        &format!(r"f\d+ (?:(?:<-->|-\.->|===)\|{label}\||-->) f\d+$"),
        r"linkStyle \d+ stroke:#[0-9a-f]{6},stroke-width:2px$",
        r"classDef [a-zA-Z]+ [a-z0-9:#,\- ]+$",
    ]
    .map(|kind| regex(&format!("^ +{kind}")));
    let mut lines = text.lines();
    assert_eq!(lines.next(), Some("flowchart LR"));
    let (mut depth, mut known) = (0_i32, BTreeSet::new());
    for line in lines {
        let kind = kinds.iter().position(|kind| kind.is_match(line));
        let kind = kind.unwrap_or_else(|| panic!("no line of a flowchart: {line}"));
        match kind {
            2 | 3 => {
                let id = kinds[kind].captures(line).expect("it has matched")[1].to_owned();
                assert!(known.insert(id), "twice: {line}");
                depth += i32::from(kind == 3);
            }
            4 => depth -= 1,
            6 => {
                let mut ends = line.trim().split(' ');
                assert!(known.contains(ends.next().unwrap()) && known.contains(ends.next_back().unwrap()));
            }
            _ => {}
        }
        assert!(depth >= 0, "{line}");
    }
    assert_eq!(depth, 0);
}

fn dot(text: &str) {
    let string = regex(r#""(?:[^"\\&]|\\[nl]|&(?:amp|quot|#92);)*""#);
    let (mut depth, mut known) = (0_i32, BTreeSet::new());
    let edge = regex(r"^ +([cf]\d+) -> ([cf]\d+) \[[a-z=, \-_0-9S]*\];$");
    let node = regex(r"^ +([cf]\d+) \[[a-z=, 0-9S]*\];$");
    let other = regex(
        r"^ *(?:digraph lab \{|\}|subgraph cluster_\d+ \{|graph \[.*\];|node \[.*\];|edge \[.*\];|(?: *[a-z]+=[a-zS]+;)+)$",
    );
    for line in text.lines() {
        let bare = string.replace_all(line, "S");
        assert!(!bare.contains('"'), "a string does not end: {line}");
        depth += i32::try_from(bare.matches('{').count()).unwrap()
            - i32::try_from(bare.matches('}').count()).unwrap();
        if let Some(ends) = edge.captures(&bare) {
            assert!(known.contains(&ends[1]) && known.contains(&ends[2]), "{line}");
        } else if let Some(id) = node.captures(&bare) {
            assert!(known.insert(id[1].to_owned()), "twice: {line}");
        } else {
            assert!(other.is_match(&bare), "no statement: {line}");
        }
    }
    assert_eq!(depth, 0);
}
