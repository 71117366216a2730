//! Exit codes, and the one place where errors are told.

use std::{error::Error, fmt, io, os::unix::process::ExitStatusExt, process::ExitStatus};

use crate::output;

/// The command line makes no sense (`EX_USAGE`).
pub const USAGE: u8 = 64;
/// The lab file has mistakes (`EX_DATAERR`).
pub const BAD_FILE: u8 = 65;
/// No daemon answers (`EX_UNAVAILABLE`).
pub const UNREACHABLE: u8 = 69;
/// Everything else.
pub const FAILURE: u8 = 1;

/// What `fabctl --help` says of them.
pub const HELP: &str = "\
Exit codes:
  0   done
  1   failed: the daemon's answer is on standard error
  64  the command line makes no sense
  65  the lab file has mistakes; nothing was changed
  69  no daemon answers
  ping, exec and tcpdump end with the exit code of the program in the lab,
  connections open with 1 if a connection has failed.";

/// A failure with an exit code of its own.
#[derive(Debug)]
pub struct Failure {
    code: u8,
    message: String,
}

impl Failure {
    /// A command line that clap could not know to be wrong.
    pub fn usage(message: impl Into<String>) -> anyhow::Error {
        Self { code: USAGE, message: message.into() }.into()
    }

    /// A lab file that cannot be read as one.
    pub fn bad_file(message: impl Into<String>) -> anyhow::Error {
        Self { code: BAD_FILE, message: message.into() }.into()
    }

    /// No daemon.
    pub fn unreachable(message: impl Into<String>) -> anyhow::Error {
        Self { code: UNREACHABLE, message: message.into() }.into()
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl Error for Failure {}

/// The exit code of a program that fabctl has run: 128 and the number of the signal that ended it.
pub fn code(status: ExitStatus) -> u8 {
    let code = status.code().or_else(|| status.signal().map(|signal| 128 + signal));
    code.and_then(|code| u8::try_from(code).ok()).unwrap_or(FAILURE)
}

/// Says on standard error what went wrong, and gives the exit code for it.
///
/// A reader who has gone away (`fabctl get pods | head -1`) is no failure, and nothing is said.
pub fn report(error: &anyhow::Error) -> u8 {
    if is_broken_pipe(error) {
        return 0;
    }
    let (code, message) = describe(error);
    output::say(&format!("error: {message}"));
    code
}

/// What [`report`] would say, where a failure is only a part of what is told.
pub fn message(error: &anyhow::Error) -> String {
    describe(error).1
}

fn describe(error: &anyhow::Error) -> (u8, String) {
    if let Some(failure) = error.downcast_ref::<Failure>() {
        return (failure.code, failure.message.clone());
    }
    if let Some(status) = error.downcast_ref::<tonic::Status>() {
        // A status that the server sent has no source; one that stands for a broken connection has.
        return match status.source() {
            Some(_) => (UNREACHABLE, "the daemon has gone away".to_owned()),
            None if status.message().is_empty() => (FAILURE, status.code().description().to_owned()),
            None => (FAILURE, status.message().to_owned()),
        };
    }
    (FAILURE, format!("{error:#}"))
}

fn is_broken_pipe(error: &anyhow::Error) -> bool {
    error.downcast_ref::<io::Error>().is_some_and(|error| error.kind() == io::ErrorKind::BrokenPipe)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn errors_are_told_in_the_servers_words() {
        let not_found = tonic::Status::not_found("there is no lab `x`; did you mean `y`?");
        assert_eq!(describe(&not_found.into()), (1, "there is no lab `x`; did you mean `y`?".to_owned()));
        assert_eq!(describe(&Failure::usage("no")), (64, "no".to_owned()));
        let nested = anyhow::Error::from(io::Error::other("inner")).context("outer");
        assert_eq!(describe(&nested), (1, "outer: inner".to_owned()));
    }

    #[test]
    fn a_reader_that_has_gone_is_no_failure() {
        assert!(is_broken_pipe(&io::Error::from(io::ErrorKind::BrokenPipe).into()));
        assert!(!is_broken_pipe(&io::Error::from(io::ErrorKind::NotFound).into()));
    }
}
