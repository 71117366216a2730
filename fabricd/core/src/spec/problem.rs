//! A mistake before it is told: where, what, and what to do.

/// A stretch of one line.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Span {
    /// Index into the list of sources that was loaded.
    pub source: u32,
    /// From 1.
    pub line: u32,
    /// In characters, from 1.
    pub column: u32,
    /// In characters. Where the text ends on a later line: to the end of this one.
    pub length: u32,
}

impl Span {
    /// The place in words for a message at `other`: `line 5`, or `line 5 of another file`.
    pub fn seen_from(self, other: Self) -> String {
        let file = if self.source == other.source { "" } else { " of another file" };
        format!("line {}{file}", self.line)
    }
}

/// One mistake. Becomes a [`super::Diagnostic`] where the text is at hand.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Problem {
    /// Where it is.
    pub span: Span,
    /// What is wrong.
    pub message: String,
    /// What to do about it.
    pub help: Option<String>,
}

impl Problem {
    /// A mistake without advice.
    pub fn new(span: Span, message: impl Into<String>) -> Self {
        Self { span, message: message.into(), help: None }
    }

    /// The same with advice.
    #[must_use]
    pub fn help(self, help: impl Into<String>) -> Self {
        Self { help: Some(help.into()), ..self }
    }

    /// The same with advice, if there is any.
    #[must_use]
    pub fn maybe_help(self, help: Option<String>) -> Self {
        Self { help, ..self }
    }
}
