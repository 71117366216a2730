//! One ping with fabctl, and one without.

use std::{
    process::{Command, Stdio},
    time::Instant,
};

use super::{daemon::Daemon, milliseconds};
use crate::run::{Result, output, run};

const DESTINATION: &str = "10.244.1.27";

/// The milliseconds of `fabctl ping`, from its start to its end.
pub fn by_fabctl(daemon: &Daemon) -> Result<f64> {
    let mut command: Command = daemon.fabctl(&["ping", "a", DESTINATION, "-c", "1"]);
    let begun = Instant::now();
    run(command.stdout(Stdio::null()))?;
    Ok(milliseconds(begun.elapsed()))
}

/// Nanoseconds before and after a program that does nothing but say them, and after ping.
const SCRIPT: &str = "date +%s%N; date +%s%N; ping -c 1 \"$0\" >/dev/null; date +%s%N";

/// The milliseconds of ping alone in the same place, started by a shell that is there already.
pub fn alone(daemon: &Daemon) -> Result<f64> {
    let times = output(&mut daemon.fabctl(&["exec", "a", "--", "sh", "-c", SCRIPT, DESTINATION]))?;
    let times: Vec<f64> = times.lines().filter_map(|line| line.trim().parse().ok()).collect();
    match times[..] {
        // The clock is read by a process too, whose time is not ping's.
        [first, second, third] => Ok(((third - second) - (second - first)) / 1e6),
        _ => Err(format!("the shell says {times:?}")),
    }
}
