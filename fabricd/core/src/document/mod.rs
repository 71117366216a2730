//! Lab documents: Markdown that a person reads, a terminal steps through, and a test run compares.
//!
//! ```text
//! text ── parse ──▶ Document ── its commands' scripts ──▶ (a shell) ──▶ output
//!                      │                                                 │
//!                      └── expected lines ── normalise ─┐  ┌─ normalise ─┘
//!                                                       compare ──▶ equal, or a Difference
//!                                                                       │
//!                                      text with new output ◀── update ─┘
//! ```
//!
//! Nothing here runs anything: `fabctl` does.

mod alias;
mod attributes;
mod compare;
mod fence;
mod normalise;
mod parse;
mod rule;
mod sight;
mod transcript;
mod update;

pub use self::{
    alias::Aliases,
    attributes::{Attributes, Capability, Role},
    compare::{Difference, compare, lines},
    parse::{Block, Document, Exercise, Problem, Step, parse},
    rule::{RULES, Rule, Treatment, rules_as_markdown},
    sight::{Sight, SightError, Verdict},
    transcript::Command,
    update::{Edit, apply, edit},
};

#[cfg(test)]
mod tests;
