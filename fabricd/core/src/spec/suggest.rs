//! "Did you mean …?"

/// The one of `candidates` that `word` is most likely a misspelling of.
pub(crate) fn nearest<'a>(word: &str, candidates: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    // A longer word is no slip of the finger, and the distance takes quadratic time.
    if word.len() > 100 {
        return None;
    }
    let word = word.to_ascii_lowercase();
    let allowed = (word.chars().count() / 3).max(1);
    let distance = |candidate: &str| strsim::osa_distance(&word, &candidate.to_ascii_lowercase());
    // The distance is at least the difference of the lengths: most candidates need no closer look.
    let near = candidates.into_iter().filter(|candidate| candidate.len().abs_diff(word.len()) <= allowed);
    near.map(|candidate| (distance(candidate), candidate))
        .filter(|(distance, _)| *distance <= allowed)
        .min()
        .map(|(_, candidate)| candidate)
}

/// The advice for a name that stands for nothing: the nearest of `names`, else all of them.
///
/// `what` is their kind in the plural, such as "subnets".
pub(crate) fn advice<'a>(word: &str, what: &str, names: impl IntoIterator<Item = &'a str>) -> String {
    let names: Vec<&str> = names.into_iter().collect();
    match nearest(word, names.iter().copied()) {
        Some(name) => format!("did you mean `{name}`?"),
        None if names.is_empty() => format!("the lab has no {what}"),
        None => format!("{what}: {}", list(&names)),
    }
}

/// `` `a`, `b`, `c` and 7 more ``.
pub(crate) fn list(names: &[&str]) -> String {
    const SHOWN: usize = 12;
    let shown: Vec<String> = names.iter().take(SHOWN).map(|name| quoted(name)).collect();
    let shown = shown.join(", ");
    if names.len() > SHOWN { format!("{shown} and {} more", names.len() - SHOWN) } else { shown }
}

/// What the user wrote, as part of a message: in backticks, cut to a length that can be read.
pub(crate) fn quoted(text: &str) -> String {
    const SHOWN: usize = 80;
    if text.chars().count() <= SHOWN {
        format!("`{text}`")
    } else {
        format!("`{}…`", text.chars().take(SHOWN - 1).collect::<String>())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_slip_finds_its_word_and_a_stranger_none() {
        let fields = ["podCidr", "serviceCidr", "networkPlugin"];
        assert_eq!(nearest("podCIDR", fields), Some("podCidr"));
        assert_eq!(nearest("servceCidr", fields), Some("serviceCidr"));
        assert_eq!(nearest("color", fields), None);
        assert_eq!(nearest(&"a".repeat(1_000_000), fields), None);
    }
}
