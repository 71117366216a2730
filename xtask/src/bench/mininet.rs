//! Mininet, if it is installed.

use std::{
    path::Path,
    process::{Command, Stdio},
};

use super::{UpDown, script};
use crate::run::{Result, installed, output};

/// Hosts of the network that is timed.
pub const HOSTS: usize = 50;

/// Times Mininet from inside, without the start of Python.
const PROGRAM: &str = include_str!("single_switch.py");

/// What can be run.
pub struct Mininet {
    python: &'static str,
    /// The kind of switch, as Mininet calls it.
    pub switch: &'static str,
}

impl Mininet {
    /// Looks for it; the error says why there is none.
    pub fn find() -> Result<Self> {
        let knows = |python: &&str| {
            let import = Command::new(python).args(["-c", "import mininet"]).stderr(Stdio::null()).status();
            import.is_ok_and(|status| status.success())
        };
        let Some(python) = ["/usr/bin/python3", "python3"].into_iter().find(knows) else {
            return Err("Mininet is not installed: apt-get install mininet bridge-utils".into());
        };
        // Open vSwitch needs a daemon of its own in each network; a Linux bridge is faster too.
        if !installed("brctl") {
            return Err("Mininet needs brctl here: apt-get install bridge-utils".into());
        }
        Ok(Self { python, switch: "LinuxBridge" })
    }

    /// Makes the network and takes it away, in namespaces of its own.
    pub fn run(&self, folder: &Path) -> Result<UpDown> {
        let (program, start) = (folder.join("single_switch.py"), folder.join("mininet.sh"));
        let write = |file, text| std::fs::write(file, text).map_err(|error| error.to_string());
        write(&program, PROGRAM)?;
        write(&start, START)?;
        let mut command = Command::new("timeout");
        command.args(["--kill-after", "1", "60"]);
        script::in_namespaces(&mut command)?;
        command.arg("sh").arg(&start).arg(self.python).arg(&program).arg(HOSTS.to_string());
        let text = output(command.stdin(Stdio::null()))?;
        let times: Vec<f64> = text.split_ascii_whitespace().filter_map(|word| word.parse().ok()).collect();
        match times[..] {
            [up, down] => Ok(UpDown { up, down }),
            _ => Err(format!("it says {text:?}")),
        }
    }
}

/// Mininet raises limits of the whole machine; there is nothing to be changed for a benchmark.
const START: &str = "\
set -e
mount --bind /proc/sys /proc/sys
mount -o remount,bind,ro /proc/sys
exec \"$@\" 2>/dev/null
";
