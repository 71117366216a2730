//! What stands behind `fabctl tcpdump`, and the same flags looked at again by the daemon.

use super::{
    flag::{self, Treatment, Value},
    timestamp::Style,
};

/// Longest filter, in bytes.
pub const FILTER_MAX: usize = 4096;

/// Most places that one capture listens at.
pub const PLACES_MAX: usize = 64;

/// What the user asks for.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Arguments {
    /// Targets as written, each with `:INTERFACE` behind it if it has one of its own.
    pub places: Vec<String>,
    /// `-i`: for every place that has no interface of its own.
    pub interface: Option<String>,
    /// `-c`: packets of all places together.
    pub count: Option<u64>,
    /// `-w`: a file, or `-`.
    pub write: Option<String>,
    /// tcpdump's other flags, one word for each flag and each value.
    pub flags: Vec<String>,
    /// The words behind `--`, with blanks between.
    pub filter: String,
}

/// tcpdump's flags as the daemon needs them.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Flags {
    /// `-c`.
    pub count: Option<u64>,
    /// `-t`, counted.
    pub time: Style,
    /// Time stamps with nanoseconds.
    pub nanoseconds: bool,
    /// What goes to tcpdump: the flags without `-c` and `-t`.
    pub rest: Vec<String>,
}

/// Why the words make no capture.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ArgumentError {
    /// Nowhere to listen.
    #[error("no place to capture at; name one, such as `pod/a` or `node/NAME:eth0`")]
    NoPlace,
    /// Too many places.
    #[error("{0} places; one capture listens at {PLACES_MAX} at most")]
    TooManyPlaces(usize),
    /// A word of a filter where targets stand.
    #[error("`{0}` looks like a filter; write it behind `--`: fabctl tcpdump TARGET -- {0} …")]
    FilterBeforeDashes(String),
    /// A target with nothing before or behind its colon.
    #[error("`{0}` is no place; write TARGET or TARGET:INTERFACE")]
    BadPlace(String),
    /// A flag that tcpdump 4.99 does not have.
    #[error("tcpdump has no flag `{0}`")]
    Unknown(String),
    /// A flag that makes no sense here, or would do more than capture.
    #[error("`{flag}` cannot be used here: {reason}")]
    Refused {
        /// As tcpdump knows it.
        flag: String,
        /// Why, and what to do.
        reason: &'static str,
    },
    /// A flag without its value.
    #[error("`{0}` needs a value")]
    NoValue(String),
    /// A value that the flag does not take.
    #[error("`{value}` is no value for `{flag}`")]
    BadValue {
        /// The flag.
        flag: String,
        /// What was given.
        value: String,
    },
    /// The filter is too long.
    #[error("the filter has {0} bytes; {FILTER_MAX} are allowed")]
    FilterTooLong(usize),
    /// A character that no filter has.
    #[error("the filter has a control character")]
    FilterUnprintable,
}

/// Reads what stands behind `fabctl tcpdump`: `TARGET[:IF]… FLAGS -- FILTER`, flags anywhere before
/// the dashes, clustered as tcpdump takes them.
///
/// # Errors
/// Names the first word that is wrong.
pub fn parse(words: &[String]) -> Result<Arguments, ArgumentError> {
    let dashes = words.iter().position(|word| word == "--").unwrap_or(words.len());
    let (words, filter) = words.split_at(dashes);
    let mut found = Arguments { filter: filter.get(1..).unwrap_or(&[]).join(" "), ..Arguments::default() };
    check_filter(&found.filter)?;
    read_flags(words, |item| {
        match item {
            Item::Place(word) => found.places.push(check_place(word)?.to_owned()),
            Item::Pass(flag, value) => {
                found.flags.push(flag);
                found.flags.extend(value);
            }
            Item::Count(count) => found.count = Some(count),
            Item::Interface(name) => found.interface = Some(name),
            Item::Write(file) => found.write = Some(file),
        }
        Ok(())
    })?;
    match found.places.len() {
        0 => Err(ArgumentError::NoPlace),
        1..=PLACES_MAX => Ok(found),
        count => Err(ArgumentError::TooManyPlaces(count)),
    }
}

impl Arguments {
    /// The places with [`Arguments::interface`] where they have none of their own.
    pub fn places_with_interface(&self) -> Vec<String> {
        let place = |place: &String| match &self.interface {
            Some(interface) if !place.contains(':') => format!("{place}:{interface}"),
            _ => place.clone(),
        };
        self.places.iter().map(place).collect()
    }

    /// The flags with `-c` among them, as the daemon takes them.
    pub fn flags_with_count(&self) -> Vec<String> {
        let count = self.count.map(|count| ["-c".to_owned(), count.to_string()]);
        self.flags.iter().cloned().chain(count.into_iter().flatten()).collect()
    }
}

/// Looks at flags that came over the wire, by the same table, and sorts them.
///
/// # Errors
/// As [`parse`]; words that are no flags, `-i` and `-w` are refused too.
pub fn flags(words: &[String]) -> Result<Flags, ArgumentError> {
    let mut found = Flags::default();
    let mut dates = 0;
    read_flags(words, |item| {
        match item {
            Item::Pass(flag, _) if flag == "-t" => dates += 1,
            Item::Pass(flag, value) => {
                match (flag.as_str(), value.as_deref()) {
                    ("--nano", _) | ("--time-stamp-precision", Some("nano")) => found.nanoseconds = true,
                    ("--micro", _) | ("--time-stamp-precision", Some("micro")) => found.nanoseconds = false,
                    _ => {}
                }
                found.rest.push(flag);
                found.rest.extend(value);
            }
            Item::Count(count) => found.count = Some(count),
            Item::Place(word) => return Err(ArgumentError::Unknown(word)),
            Item::Interface(_) => return Err(taken("-i", "the interface belongs to its place")),
            Item::Write(_) => return Err(taken("-w", "the client writes the file")),
        }
        Ok(())
    })?;
    found.time = Style::from_count(dates).ok_or_else(|| ArgumentError::Unknown("-tttttt".to_owned()))?;
    Ok(found)
}

/// Whether the daemon may give `words` to tcpdump.
///
/// # Errors
/// As [`flags`].
pub fn validate_flags(words: &[String]) -> Result<(), ArgumentError> {
    flags(words).map(|_| ())
}

/// Whether the daemon may give `filter` to tcpdump.
///
/// # Errors
/// If it is too long, or has a character that cannot be in one.
pub fn check_filter(filter: &str) -> Result<(), ArgumentError> {
    if filter.len() > FILTER_MAX {
        return Err(ArgumentError::FilterTooLong(filter.len()));
    }
    let printable = filter.chars().all(|c| !c.is_control() || matches!(c, ' ' | '\t' | '\n'));
    printable.then_some(()).ok_or(ArgumentError::FilterUnprintable)
}

fn taken(flag: &str, reason: &'static str) -> ArgumentError {
    ArgumentError::Refused { flag: flag.to_owned(), reason }
}

/// One thing that was read.
enum Item {
    Place(String),
    Pass(String, Option<String>),
    Count(u64),
    Interface(String),
    Write(String),
}

/// Walks over `words` as getopt does; a word without a dash is a place.
fn read_flags(
    words: &[String],
    mut found: impl FnMut(Item) -> Result<(), ArgumentError>,
) -> Result<(), ArgumentError> {
    let mut words = words.iter();
    while let Some(word) = words.next() {
        if let Some(flag) = word.strip_prefix("--") {
            let (flag, value) = flag.split_once('=').map_or((flag, None), |(f, v)| (f, Some(v.to_owned())));
            let name = format!("--{flag}");
            let treatment = flag::long(flag).ok_or_else(|| ArgumentError::Unknown(name.clone()))?;
            if value.is_some() && matches!(treatment, Treatment::Pass | Treatment::Drop) {
                return Err(ArgumentError::BadValue { flag: name, value: value.unwrap_or_default() });
            }
            treat(name, treatment, || value.or_else(|| words.next().cloned()), &mut found)?;
        } else if let Some(cluster) = word.strip_prefix('-').filter(|cluster| !cluster.is_empty()) {
            for (at, letter) in cluster.char_indices() {
                let name = format!("-{letter}");
                let treatment = flag::short(letter).ok_or_else(|| ArgumentError::Unknown(name.clone()))?;
                let behind = &cluster[at + letter.len_utf8()..];
                let takes_rest = !matches!(treatment, Treatment::Pass | Treatment::Drop);
                let value =
                    || if behind.is_empty() { words.next().cloned() } else { Some(behind.to_owned()) };
                treat(name, treatment, value, &mut found)?;
                if takes_rest {
                    break;
                }
            }
        } else {
            found(Item::Place(word.clone()))?;
        }
    }
    Ok(())
}

fn treat(
    flag: String,
    treatment: Treatment,
    value: impl FnOnce() -> Option<String>,
    found: &mut impl FnMut(Item) -> Result<(), ArgumentError>,
) -> Result<(), ArgumentError> {
    let value =
        || value().filter(|value| !value.is_empty()).ok_or_else(|| ArgumentError::NoValue(flag.clone()));
    let bad = |value: String| ArgumentError::BadValue { flag: flag.clone(), value };
    match treatment {
        Treatment::Drop => Ok(()),
        Treatment::Refuse(reason) => Err(ArgumentError::Refused { flag, reason }),
        Treatment::Pass => found(Item::Pass(flag, None)),
        Treatment::PassValue(kind) => {
            let value = value()?;
            if !fits(kind, &value) {
                return Err(bad(value));
            }
            found(Item::Pass(flag, Some(value)))
        }
        Treatment::Count => {
            let value = value()?;
            match value.parse() {
                Ok(count @ 1..) => found(Item::Count(count)),
                _ => Err(bad(value)),
            }
        }
        Treatment::Interface => {
            let value = value()?;
            if crate::name::IfName::new(value.as_str()).is_err() {
                return Err(bad(value));
            }
            found(Item::Interface(value))
        }
        Treatment::Write => {
            let value = value()?;
            found(Item::Write(value))
        }
    }
}

fn fits(kind: Value, value: &str) -> bool {
    match kind {
        Value::Number => value.parse::<u32>().is_ok(),
        Value::Word => value.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '_' | '-')),
        Value::Text => !value.chars().any(char::is_control),
    }
}

fn check_place(place: String) -> Result<String, ArgumentError> {
    const FILTER_WORDS: [&str; 24] = [
        "and",
        "arp",
        "broadcast",
        "dst",
        "ether",
        "greater",
        "host",
        "icmp",
        "icmp6",
        "inbound",
        "ip",
        "ip6",
        "less",
        "multicast",
        "net",
        "not",
        "or",
        "outbound",
        "port",
        "portrange",
        "src",
        "tcp",
        "udp",
        "vlan",
    ];
    if FILTER_WORDS.contains(&place.as_str()) {
        return Err(ArgumentError::FilterBeforeDashes(place));
    }
    let whole = match place.split_once(':') {
        Some((target, interface)) => !target.is_empty() && crate::name::IfName::new(interface).is_ok(),
        None => !place.is_empty() && place != "-",
    };
    if whole { Ok(place) } else { Err(ArgumentError::BadPlace(place)) }
}

#[cfg(test)]
#[path = "arguments_test.rs"]
mod tests;
