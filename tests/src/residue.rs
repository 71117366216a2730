//! What a test could leave on the machine.

use std::{collections::BTreeSet, fs, path::Path};

/// What is there: links and named namespaces of the machine, and the processes that belong to a
/// session's folder.
#[derive(Debug, PartialEq, Eq)]
pub struct Residue {
    links: BTreeSet<String>,
    namespaces: BTreeSet<String>,
}

impl Residue {
    /// Looks at the machine.
    pub fn now() -> Self {
        let names = |folder: &str| {
            let entries = fs::read_dir(folder).into_iter().flatten().flatten();
            entries.map(|entry| entry.file_name().to_string_lossy().into_owned()).collect()
        };
        Self { links: names("/sys/class/net"), namespaces: names("/run/netns") }
    }

    /// Processes with `folder` in their environment or arguments, without this one: their ids and
    /// commands.
    pub fn processes(folder: &Path) -> Vec<String> {
        let needle = folder.as_os_str().as_encoded_bytes();
        let own = std::process::id().to_string();
        let mut found = vec![];
        for entry in fs::read_dir("/proc").into_iter().flatten().flatten() {
            let pid = entry.file_name().to_string_lossy().into_owned();
            if pid == own || !pid.bytes().all(|byte| byte.is_ascii_digit()) {
                continue;
            }
            let read = |name: &str| fs::read(entry.path().join(name)).unwrap_or_default();
            let (environment, arguments) = (read("environ"), read("cmdline"));
            if [&environment, &arguments].iter().any(|bytes| contains(bytes, needle)) {
                found.push(format!("{pid} {}", String::from_utf8_lossy(&arguments).replace('\0', " ")));
            }
        }
        found
    }
}

fn contains(bytes: &[u8], needle: &[u8]) -> bool {
    bytes.windows(needle.len()).any(|window| window == needle)
}
