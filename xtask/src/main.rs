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
  bench     Time labs against the bare kernel, a script of ip commands and Mininet;
            `bench SECTION …` only case-study, mininet, kubenet, modes, changes
  schema    Write docs/lab.schema.json anew
";

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let words: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let result = match words[..] {
        ["demo"] => demo::demo(),
        ["test"] => test::test(),
        ["bench", ..] if !words.iter().any(|word| word.starts_with('-')) => bench::bench(&arguments[1..]),
        ["schema"] => test::schema(),
        ["help" | "--help" | "-h", ..] => {
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
