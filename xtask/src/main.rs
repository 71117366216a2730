//! Tasks of this repository: `cargo xtask demo`, `test`, `bench`, `schema`.
//!
//! No dependencies, so that it builds in a moment on a fresh machine and can then install the rest.

mod bench;
mod demo;
mod packages;
mod run;
mod test;

use std::process::ExitCode;

const HELP: &str = "\
Tasks of this repository.

Usage: cargo xtask TASK

Tasks:
  demo      Build, make the kubenet lab, ping and capture in it, take it away again
  test      Everything that must hold: format, lints, docs, tests, labs end to end
  bench     Time labs against the bare kernel, a script of ip commands and Mininet
  schema    Write docs/lab.schema.json anew
";

fn main() -> ExitCode {
    let mut arguments = std::env::args().skip(1);
    let result = match (arguments.next().as_deref(), arguments.next()) {
        (Some("demo"), None) => demo::demo(),
        (Some("test"), None) => test::test(),
        (Some("bench"), None) => bench::bench(),
        (Some("schema"), None) => test::schema(),
        (Some("help" | "--help" | "-h"), _) => {
            print!("{HELP}");
            return ExitCode::SUCCESS;
        }
        _ => {
            eprint!("{HELP}");
            return ExitCode::from(64);
        }
    };
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(message) => {
            eprintln!("xtask: {message}");
            ExitCode::FAILURE
        }
    }
}
