//! What a scalar without quotes means.

/// A scalar of YAML 1.2's core schema.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Scalar<'a> {
    Null,
    Bool(bool),
    Integer(i64),
    /// Beyond [`i64::MAX`].
    Unsigned(u64),
    Float(f64),
    Text(&'a str),
}

/// YAML 1.2, 10.3.2, with one difference: a number with a leading zero (`012`) stays text, because
/// YAML 1.1, which kubectl reads, takes it for octal.
pub(super) fn resolve(text: &str) -> Scalar<'_> {
    match text {
        "" | "~" | "null" | "Null" | "NULL" => Scalar::Null,
        "true" | "True" | "TRUE" => Scalar::Bool(true),
        "false" | "False" | "FALSE" => Scalar::Bool(false),
        ".inf" | ".Inf" | ".INF" | "+.inf" | "+.Inf" | "+.INF" => Scalar::Float(f64::INFINITY),
        "-.inf" | "-.Inf" | "-.INF" => Scalar::Float(f64::NEG_INFINITY),
        ".nan" | ".NaN" | ".NAN" => Scalar::Float(f64::NAN),
        _ => number(text).unwrap_or(Scalar::Text(text)),
    }
}

fn number(text: &str) -> Option<Scalar<'static>> {
    let radix = |digits: &str, radix| {
        let clean = digits.bytes().all(|c| c.is_ascii_hexdigit());
        clean.then(|| i64::from_str_radix(digits, radix).ok()).flatten().map(Scalar::Integer)
    };
    if let Some(digits) = text.strip_prefix("0x") {
        return radix(digits, 16);
    }
    if let Some(digits) = text.strip_prefix("0o") {
        return radix(digits, 8);
    }
    let digits = text.strip_prefix(['-', '+']).unwrap_or(text);
    let mut rest = digits.bytes();
    let first = rest.next()?;
    let second = rest.next();
    let followed = second.is_some_and(|c| c.is_ascii_digit());
    match first {
        b'0' if followed => return None,
        b'.' if followed => {}
        b'0'..=b'9' => {}
        _ => return None,
    }
    if digits.bytes().all(|c| c.is_ascii_digit()) {
        return match text.parse() {
            Ok(integer) => Some(Scalar::Integer(integer)),
            Err(_) => text.parse().ok().map(Scalar::Unsigned).or_else(|| float(text)),
        };
    }
    float(text)
}

fn float(text: &str) -> Option<Scalar<'static>> {
    let clean = text.bytes().all(|c| c.is_ascii_digit() || matches!(c, b'.' | b'e' | b'E' | b'+' | b'-'));
    clean.then(|| text.parse().ok()).flatten().map(Scalar::Float)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_numbers_are_numbers() {
        assert_eq!(resolve("1.30"), Scalar::Float(1.3));
        assert_eq!(resolve("3"), Scalar::Integer(3));
        assert_eq!(resolve("-3"), Scalar::Integer(-3));
        assert_eq!(resolve("0x1F"), Scalar::Integer(31));
        assert_eq!(resolve("18446744073709551615"), Scalar::Unsigned(u64::MAX));
        for text in
            ["10.224.0.4", "1.30.1", "012", "yes", "no", "on", "1_000", "10.0.0.0/8", "-", ".", "e1", "0x"]
        {
            assert_eq!(resolve(text), Scalar::Text(text));
        }
        for text in ["", "~", "null"] {
            assert_eq!(resolve(text), Scalar::Null);
        }
    }
}
