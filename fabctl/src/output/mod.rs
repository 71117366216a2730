//! What verbs print. One file a format; nothing here asks the daemon.

pub mod column;
pub mod describe;
pub mod diagnostic;
pub mod growing;
pub mod json;
pub mod object;
pub mod plan;
pub mod table;
pub mod yaml;

use std::io::{self, IsTerminal, Write};

use clap::ValueEnum;
use serde_json::Value;

/// How objects are printed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Format {
    /// Columns, as kubectl and az show them
    Table,
    /// The same with more columns
    Wide,
    /// JSON
    Json,
    /// YAML
    Yaml,
    /// KIND/NAME, one a line
    Name,
}

/// How an answer is printed that is no list of objects.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum AnswerFormat {
    /// Columns, as az shows them
    Table,
    /// The same with more columns
    Wide,
    /// JSON, as az prints it
    Json,
    /// YAML
    Yaml,
}

/// Prints an answer that is no list of objects: as `table`, which is told whether it shall be wide, or as `value`.
///
/// # Errors
/// As [`print()`].
pub fn answer(
    format: AnswerFormat,
    table: impl FnOnce(bool) -> String,
    value: impl FnOnce() -> Value,
) -> anyhow::Result<()> {
    let text = match format {
        AnswerFormat::Table => table(false),
        AnswerFormat::Wide => table(true),
        AnswerFormat::Json => json::render(&value(), 2)?,
        AnswerFormat::Yaml => yaml::render(&value())?,
    };
    Ok(print(&text)?)
}

/// Writes `text` to standard output.
///
/// # Errors
/// If it cannot be written; `main` knows what a broken pipe means.
pub fn print(text: &str) -> io::Result<()> {
    print_bytes(text.as_bytes())
}

/// Writes `bytes` to standard output, at once.
///
/// # Errors
/// As [`print()`].
pub fn print_bytes(bytes: &[u8]) -> io::Result<()> {
    let mut stdout = io::stdout().lock();
    stdout.write_all(bytes)?;
    stdout.flush()
}

/// Writes `bytes` to standard error, at once. Nobody could be told if that failed.
pub fn print_error_bytes(bytes: &[u8]) {
    let _ = io::stderr().lock().write_all(bytes);
}

/// Writes a line to standard error.
pub fn say(line: &str) {
    print_error_bytes(format!("{line}\n").as_bytes());
}

/// Whether standard error shows colours: a terminal, and nobody asked for none
/// (<https://no-color.org>).
pub fn colour_on_stderr() -> bool {
    let unwanted = std::env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty());
    io::stderr().is_terminal() && !unwanted && std::env::var_os("TERM").is_none_or(|term| term != "dumb")
}
