//! The real `fabctl` against a daemon that is none: what it prints, and how it ends.

mod apply;
mod change;
mod compare;
mod connections;
mod conntrack;
mod curl;
mod documents;
mod fake;
mod fake_connections;
mod fake_labs;
mod fake_probes;
mod fault;
mod get;
mod network;
mod nobody;
mod plan;
mod probe;
mod sight;
mod terminal;
mod workload;

use std::{
    fmt::Write,
    io::Write as _,
    process::{Command, Output, Stdio},
};

use fake::Fake;

/// fabctl, with nothing of this machine's environment that changes what it does.
fn fabctl() -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_fabctl"));
    for name in ["FABRIC_SOCKET", "FABRIC_LAB", "NO_COLOR"] {
        command.env_remove(name);
    }
    command.stdin(Stdio::null());
    command
}

/// Runs `fabctl` with `line`, split at blanks, and shows everything that came of it.
fn run(fake: &Fake, line: &str) -> String {
    run_with_stdin(fake, line, "")
}

fn run_with_stdin(fake: &Fake, line: &str, input: &str) -> String {
    let mut command = fabctl();
    command.arg("--socket").arg(fake.socket()).args(line.split(' ').filter(|word| !word.is_empty()));
    let mut child =
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    // A command that does not read its input may have ended already.
    let _ = child.stdin.take().unwrap().write_all(input.as_bytes());
    shown(&child.wait_with_output().unwrap())
}

fn shown(output: &Output) -> String {
    let mut out = String::from_utf8(output.stdout.clone()).unwrap();
    for line in String::from_utf8(output.stderr.clone()).unwrap().lines() {
        writeln!(out, "! {line}").unwrap();
    }
    match output.status.code() {
        Some(code) => writeln!(out, "[{code}]").unwrap(),
        None => writeln!(out, "[{}]", output.status).unwrap(),
    }
    out
}
