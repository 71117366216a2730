//! What must be told to `nft -f` so that one rule set becomes another.
//!
//! A table that is loaded anew loses what packets have put into its sets: ports in use, failures counted. So it
//! stays as it is when another table of the place changes.

use std::collections::BTreeMap;

/// The tables of `new` that differ from those of `old`, and the removal of those that are not in it. None if one of
/// the texts is not understood: each table must begin with a line `table FAMILY NAME`, and be told in one piece.
///
/// It is right only where the kernel has just `old`.
pub fn changed_tables(old: &str, new: &str) -> Option<String> {
    let (had, has) = (tables(old)?, tables(new)?);
    let mut text: String = had
        .keys()
        .filter(|head| !has.contains_key(*head))
        .map(|head| format!("{head}\ndelete {head}\n"))
        .collect();
    // In the order in which they are written.
    let mut changed: Vec<&str> =
        has.iter().filter(|(head, body)| had.get(*head) != Some(*body)).map(|(_, body)| *body).collect();
    changed.sort_by_key(|body| body.as_ptr());
    text.extend(changed);
    Some(text)
}

/// By its first line the text of each table, that line included.
fn tables(text: &str) -> Option<BTreeMap<&str, &str>> {
    let mut begins: Vec<usize> = vec![];
    let mut at = 0;
    for line in text.split_inclusive('\n') {
        if is_head(line.trim_end_matches('\n')) {
            begins.push(at);
        }
        at += line.len();
    }
    if begins.first() != Some(&0) {
        return None;
    }
    let ends = begins.iter().skip(1).copied().chain([text.len()]);
    let mut tables = BTreeMap::new();
    for (begin, end) in begins.iter().zip(ends) {
        let table = &text[*begin..end];
        if tables.insert(table.lines().next()?, table).is_some() {
            return None;
        }
    }
    Some(tables)
}

/// `table ip host`: it makes sure that there is one.
fn is_head(line: &str) -> bool {
    let mut words = line.split(' ');
    words.next() == Some("table")
        && words.next().is_some()
        && words.next().is_some()
        && words.next().is_none()
}

#[cfg(test)]
mod tests {
    use super::*;

    const A: &str = "table ip a\ndelete table ip a\ntable ip a {\n  chain x { }\n}\n";
    const B: &str = "table ip b\nflush table ip b\ntable ip b {\n  chain x { }\n}\n";
    const C: &str = "table ip6 b\ndelete table ip6 b\ntable ip6 b {\n}\n";

    #[test]
    fn only_what_differs_is_told() {
        let all = [A, B, C].concat();
        let other = B.replace('x', "y");
        assert_eq!(changed_tables(&all, &all), Some(String::new()));
        assert_eq!(changed_tables(&all, &[A, &other, C].concat()), Some(other.clone()));
        assert_eq!(changed_tables(&[A, C].concat(), &all), Some(B.to_owned()));
        assert_eq!(changed_tables(A, &[&other, A, C].concat()), Some([&other, C].concat()));
        let gone = "table ip b\ndelete table ip b\ntable ip6 b\ndelete table ip6 b\n";
        assert_eq!(changed_tables(&all, A), Some(gone.to_owned()));
    }

    #[test]
    fn what_is_not_understood_is_told_as_a_whole() {
        let added = "add table ip a\ndelete table ip a\ntable ip a { }\n";
        let twice = [A, B, A].concat();
        for text in ["", added, &twice] {
            assert_eq!((changed_tables(text, A), changed_tables(A, text)), (None, None), "{text}");
        }
    }
}
