//! Waiting for the kernel.
//!
//! A namespace is cleaned up long after it was thrown away, in the background and on all cores, which
//! would slow down whatever is measured meanwhile.

use std::{path::Path, process::Command};

use super::script;
use crate::run::{Result, run};

/// The kernel cleans up namespaces in batches, one batch after the other. So a namespace is thrown
/// away that holds one end of a veth pair, and when the other end has gone, its batch is being worked
/// on; when that of a second one has gone, all of the first batch is done.
const SCRIPT: &str = "\
set -e
mount -t tmpfs tmpfs /run
mkdir /run/netns
for batch in 1 2; do
  ip netns add thrown
  ip link add here type veth peer name there netns thrown
  ip netns delete thrown
  while ip link show dev here >/dev/null 2>&1; do sleep 0.02; done
done
";

/// Waits until everything that was thrown away before is cleaned up, for half a minute at most.
pub fn wait(folder: &Path) -> Result {
    let file = folder.join("settle.sh");
    std::fs::write(&file, SCRIPT).map_err(|error| error.to_string())?;
    let mut command = Command::new("timeout");
    command.args(["--kill-after", "1", "30"]);
    script::in_namespaces(&mut command)?;
    run(command.arg("sh").arg(&file))
}
