//! The words behind `console` in a fence's first line.

use std::{fmt, time::Duration};

/// How a block is run and compared.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Attributes {
    /// The exit code of the last command; those before it end with 0.
    pub exit: i32,
    /// Run the block again until it fits, for this long.
    pub eventually: Option<Duration>,
    /// The order of lines is the program's whim.
    pub unordered: bool,
    /// Set-up that readers need not see.
    pub hidden: bool,
    /// Without these, the block is skipped.
    pub skip_unless: Vec<Capability>,
    /// Lesson, check or solution.
    pub role: Role,
}

/// What a block is for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Role {
    /// Part of the text.
    #[default]
    Lesson,
    /// Tells whether an exercise is solved.
    Check,
    /// Solves an exercise.
    Solution,
}

/// Something that a machine may lack.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Capability {
    /// The user is root.
    Root,
    /// The kernel speaks IPv6.
    Ipv6,
    /// The kernel can delay and lose packets.
    Netem,
    /// A program is in `PATH`.
    Program(String),
}

impl fmt::Display for Capability {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Root => f.write_str("root"),
            Self::Ipv6 => f.write_str("ipv6"),
            Self::Netem => f.write_str("netem"),
            Self::Program(name) => write!(f, "program:{name}"),
        }
    }
}

/// Reads the words behind `console` or `exercise`.
pub(super) fn read(words: &str) -> Result<Attributes, String> {
    let mut attributes = Attributes::default();
    for word in words.split_whitespace() {
        match word.split_once('=') {
            None => match word {
                "unordered" => attributes.unordered = true,
                "hidden" => attributes.hidden = true,
                "check" => attributes.role = Role::Check,
                "solution" => attributes.role = Role::Solution,
                _ => return Err(unknown(word)),
            },
            Some(("exit", code)) => {
                attributes.exit =
                    code.parse().map_err(|_| format!("`{code}` is no exit code; write `exit=1`"))?;
            }
            Some(("eventually", time)) => attributes.eventually = Some(duration(time)?),
            Some(("skip-unless", names)) => {
                let capabilities = names.split(',').map(capability).collect::<Result<Vec<_>, _>>()?;
                attributes.skip_unless.extend(capabilities);
            }
            Some(_) => return Err(unknown(word)),
        }
    }
    Ok(attributes)
}

fn unknown(word: &str) -> String {
    format!(
        "`{word}` means nothing here; a block may have exit=N, eventually=5s, unordered, hidden, check, solution, skip-unless=CAPABILITY"
    )
}

fn capability(name: &str) -> Result<Capability, String> {
    match (name, name.strip_prefix("program:")) {
        ("root", _) => Ok(Capability::Root),
        ("ipv6", _) => Ok(Capability::Ipv6),
        ("netem", _) => Ok(Capability::Netem),
        (_, Some(program)) if !program.is_empty() && !program.contains('/') => {
            Ok(Capability::Program(program.to_owned()))
        }
        _ => Err(format!("`{name}` is no capability; there are root, ipv6, netem and program:NAME")),
    }
}

/// `500ms`, `5s` or `2m`.
fn duration(text: &str) -> Result<Duration, String> {
    let digits = text.len() - text.trim_start_matches(|c: char| c.is_ascii_digit()).len();
    let (number, unit) = text.split_at(digits);
    let milliseconds = match unit {
        "ms" => Some(1),
        "s" => Some(1000),
        "m" => Some(60_000),
        _ => None,
    };
    let total =
        number.parse::<u64>().ok().zip(milliseconds).and_then(|(number, unit)| number.checked_mul(unit));
    total
        .map(Duration::from_millis)
        .ok_or_else(|| format!("`{text}` is no time; write `500ms`, `5s` or `2m`"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_words_are_known() {
        let read =
            read("exit=2 eventually=500ms unordered hidden check skip-unless=root,program:nc").unwrap();
        let expected = Attributes {
            exit: 2,
            eventually: Some(Duration::from_millis(500)),
            unordered: true,
            hidden: true,
            skip_unless: vec![Capability::Root, Capability::Program("nc".to_owned())],
            role: Role::Check,
        };
        assert_eq!(read, expected);
    }

    #[test]
    fn wrong_words_are_told() {
        for (words, part) in [
            ("exti=1", "`exti=1` means nothing here"),
            ("sorted", "`sorted` means nothing here"),
            ("exit=one", "no exit code"),
            ("eventually=5", "no time"),
            ("eventually=99999999999999999999s", "no time"),
            ("skip-unless=magic", "no capability"),
            ("skip-unless=program:", "no capability"),
        ] {
            let error = read(words).unwrap_err();
            assert!(error.contains(part), "{words}: {error}");
        }
    }
}
