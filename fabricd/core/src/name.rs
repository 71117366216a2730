//! Names that were checked once, at the door, and are safe everywhere after that.
//!
//! A value of one of these types can be part of a file name, of an interface name or of a line of a
//! rule set: it holds no slash, no blank, no quote and no line break.

use std::{borrow::Borrow, fmt};

/// Longest lab name: it is part of a namespace's file name, which may have 255 bytes in all.
pub const LAB_NAME_MAX: usize = 32;

/// Longest interface name, without the terminating zero (`IFNAMSIZ` is 16).
pub const IF_NAME_MAX: usize = 15;

/// Why a string is not a name.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NameError {
    /// The empty string.
    #[error("a name must not be empty")]
    Empty,
    /// More bytes than its use allows.
    #[error("`{name}` has {length} characters; at most {max} are allowed here")]
    TooLong {
        /// The name as written.
        name: String,
        /// Its length in bytes.
        length: usize,
        /// The longest length allowed.
        max: usize,
    },
    /// Not a label as Kubernetes and DNS understand it (RFC 1123).
    #[error(
        "`{0}` is not a valid name: use lower case letters, digits and `-`, and begin and end with a letter or digit"
    )]
    NotALabel(String),
    /// A dotted name with a part that is not a label (RFC 1123 subdomain).
    #[error("`{0}` is not a valid name: use lower case letters, digits, `-` and `.`")]
    NotASubdomain(String),
    /// Not usable as a network interface's name.
    #[error("`{0}` is not a valid interface name")]
    NotAnInterface(String),
}

/// Checks `name` as an RFC 1123 label of at most `max` characters.
///
/// # Errors
/// Says what is wrong with it.
pub fn check_label(name: &str, max: usize) -> Result<(), NameError> {
    if name.is_empty() {
        return Err(NameError::Empty);
    }
    if name.len() > max {
        return Err(NameError::TooLong { name: shorten(name), length: name.len(), max });
    }
    let inner = |c: u8| c.is_ascii_lowercase() || c.is_ascii_digit() || c == b'-';
    let edge = |c: Option<&u8>| c.is_some_and(|c| c.is_ascii_lowercase() || c.is_ascii_digit());
    let bytes = name.as_bytes();
    if bytes.iter().all(|&c| inner(c)) && edge(bytes.first()) && edge(bytes.last()) {
        Ok(())
    } else {
        Err(NameError::NotALabel(name.to_owned()))
    }
}

/// Checks `name` as an RFC 1123 subdomain (labels with dots between) of at most `max` characters.
///
/// # Errors
/// Says what is wrong with it.
pub fn check_subdomain(name: &str, max: usize) -> Result<(), NameError> {
    if name.is_empty() {
        return Err(NameError::Empty);
    }
    if name.len() > max {
        return Err(NameError::TooLong { name: shorten(name), length: name.len(), max });
    }
    if name.split('.').all(|label| check_label(label, 63).is_ok()) {
        Ok(())
    } else {
        Err(NameError::NotASubdomain(name.to_owned()))
    }
}

/// Checks `name` as Azure names its resources (VNet, subnet, VM …): letters, digits, `_`, `.`, `-`,
/// at most `max` characters, beginning with a letter or digit and ending with one or `_`.
///
/// Source: Azure "naming rules and restrictions", `Microsoft.Network`.
///
/// # Errors
/// Says what is wrong with it.
pub fn check_resource(name: &str, max: usize) -> Result<(), NameError> {
    if name.is_empty() {
        return Err(NameError::Empty);
    }
    if name.len() > max {
        return Err(NameError::TooLong { name: shorten(name), length: name.len(), max });
    }
    let inner = |c: u8| c.is_ascii_alphanumeric() || matches!(c, b'-' | b'_' | b'.');
    let bytes = name.as_bytes();
    let first = bytes.first().is_some_and(u8::is_ascii_alphanumeric);
    let last = bytes.last().is_some_and(|c| c.is_ascii_alphanumeric() || *c == b'_');
    if first && last && bytes.iter().all(|&c| inner(c)) {
        Ok(())
    } else {
        Err(NameError::NotALabel(name.to_owned()))
    }
}

fn shorten(name: &str) -> String {
    if name.len() <= 80 { name.to_owned() } else { name.chars().take(77).collect::<String>() + "…" }
}

/// The name of a lab: an RFC 1123 label of at most [`LAB_NAME_MAX`] characters, so without a dot.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct LabName(String);

impl LabName {
    /// Checks and takes `name`.
    ///
    /// # Errors
    /// If it is no label or too long.
    pub fn new(name: impl Into<String>) -> Result<Self, NameError> {
        let name = name.into();
        check_label(&name, LAB_NAME_MAX)?;
        Ok(Self(name))
    }

    /// The name as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for LabName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl Borrow<str> for LabName {
    fn borrow(&self) -> &str {
        &self.0
    }
}

/// The name of a network interface: 1 to 15 characters, none of them blank, `/` or `:`.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct IfName(String);

impl IfName {
    /// Checks and takes `name`.
    ///
    /// # Errors
    /// If the kernel would refuse it (`dev_valid_name`), or it could break out of a rule's line.
    pub fn new(name: impl Into<String>) -> Result<Self, NameError> {
        let name = name.into();
        let fits = (1..=IF_NAME_MAX).contains(&name.len());
        let clean = name.bytes().all(|c| c.is_ascii_alphanumeric() || matches!(c, b'-' | b'_' | b'.'));
        if fits && clean && name != "." && name != ".." {
            Ok(Self(name))
        } else {
            Err(NameError::NotAnInterface(name))
        }
    }

    /// A name that stands in this program's own text.
    ///
    /// # Panics
    /// If it is not an interface name: a mistake in the program, seen by its first test.
    pub fn fixed(name: &str) -> Self {
        Self::new(name).expect("an interface name from the program text is valid")
    }

    /// The name as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for IfName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.0)
    }
}

impl fmt::Debug for IfName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn labels_are_those_of_rfc_1123() {
        for good in ["a", "kubenet", "two-clusters-1", "0"] {
            assert_eq!(check_label(good, 63), Ok(()), "{good}");
        }
        for bad in ["", "-a", "a-", "A", "a_b", "a.b", "a b", "a/b", "a\n", "ä"] {
            assert!(check_label(bad, 63).is_err(), "{bad}");
        }
        assert!(check_label(&"a".repeat(64), 63).is_err());
    }

    #[test]
    fn interface_names_cannot_leave_their_word() {
        for good in ["eth0", "azvc440f455693", "pa-64-0-4"] {
            assert!(IfName::new(good).is_ok(), "{good}");
        }
        for bad in ["", ".", "..", "a b", "a/b", "a\"", "sixteencharacter"] {
            assert!(IfName::new(bad).is_err(), "{bad}");
        }
    }
}
