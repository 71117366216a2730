//! What the user wrote.

use crate::topology::Topology;

/// One lab file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Source {
    /// As the user named it; for messages only.
    pub name: String,
    /// Its text.
    pub text: String,
}

/// One mistake in a lab file, and where it is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Diagnostic {
    /// What is wrong.
    pub message: String,
    /// What to do about it.
    pub help: Option<String>,
    /// [`Source::name`] of the file.
    pub file: String,
    /// From 1.
    pub line: u32,
    /// In characters, from 1.
    pub column: u32,
    /// Length of the marked text in characters, at least 1.
    pub length: u32,
    /// The line itself, without its end.
    pub line_text: String,
}

/// Reads, checks and resolves the files of one lab.
///
/// # Errors
/// Every mistake that was found, in the order of the files.
pub fn load(sources: &[Source]) -> Result<Topology, Vec<Diagnostic>> {
    let _ = sources;
    Err(vec![])
}
