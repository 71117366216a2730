//! How large a lab's files may be. They come from anyone who may use the daemon's socket.

/// Text of all files of a lab, in bytes.
pub const TEXT_BYTES_MAX: usize = 16 * 1024 * 1024;

/// Objects of a lab: documents of its files and items of their lists; also the pods of all
/// Deployments.
pub const OBJECTS_MAX: usize = 20_000;

/// Mappings and lists inside one another.
pub const NESTING_MAX: usize = 64;

/// Values in all documents, those that aliases repeat included.
pub(super) const NODES_MAX: usize = 2_000_000;

/// Times that one document is read again without the value that was wrong in it.
pub(super) const RETRIES_MAX: usize = 200;

/// Mistakes in one answer.
pub(crate) const DIAGNOSTICS_MAX: usize = 1_000;

/// Characters of a message or of advice.
pub(super) const MESSAGE_MAX: usize = 400;

/// Characters of a line that a [`super::Diagnostic`] quotes.
pub(super) const LINE_TEXT_MAX: usize = 1_000;
