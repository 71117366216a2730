//! The command line of fabricd.
//!
//! One file a verb in [`verb`], one file an output format in [`output`]. A verb ends with the exit
//! code of the whole program; what went wrong instead is said by [`exit::report`], and only there.

mod answers;
mod argv;
mod capture;
mod change;
mod cli;
mod compare;
mod connection;
mod document;
mod exit;
mod interrupt;
mod output;
mod private_daemon;
mod socket;
mod source;
mod terminal;
mod verb;
mod watch;

use std::process::ExitCode;

use clap::Parser;

fn main() -> ExitCode {
    if let Some(code) = private_daemon::take_over().or_else(compare::connect::take_over) {
        return code;
    }
    let cli = match cli::Cli::try_parse_from(argv::prepare(std::env::args_os().collect())) {
        Ok(cli) => cli,
        Err(error) => {
            let usage = error.use_stderr();
            let _ = error.print();
            return ExitCode::from(if usage { exit::USAGE } else { 0 });
        }
    };
    let runtime = match tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => return ExitCode::from(exit::report(&error.into())),
    };
    let code = runtime.block_on(cli.run()).unwrap_or_else(|error| exit::report(&error));
    // A thread may still wait for standard input; it has nothing to say any more.
    runtime.shutdown_background();
    ExitCode::from(code)
}
