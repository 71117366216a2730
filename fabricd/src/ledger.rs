//! What is wanted, written down before it is done.
//!
//! One JSON file a lab, replaced atomically. It lives beside the namespaces, which a reboot takes away
//! too. It does not say what has been done: the kernel knows that. A private daemon has none, since its
//! labs end with it.

use std::{
    fs::{self, File},
    io::{self, Write},
    path::{Path, PathBuf},
};

use fabric_core::{fault::Faults, name::LabName, spec::Source, topology::Standing};
use serde::{Deserialize, Serialize};

/// The format of the files.
const VERSION: u32 = 2;

/// The intents of all labs of a daemon.
#[derive(Debug)]
pub struct Ledger {
    directory: Option<PathBuf>,
}

/// What is wanted of one lab.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Intent {
    /// The lab.
    pub lab: LabName,
    /// Counts applies, from 1.
    pub generation: u64,
    /// What the lab shall be; `None` if it is to be taken away.
    pub wanted: Option<Design>,
    /// What was there before, as long as `wanted` may not be reached.
    pub before: Option<Design>,
}

/// What a lab is made from: the same design is always the same lab.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Design {
    /// Its files.
    pub sources: Vec<Source>,
    /// The addresses that it has given away.
    pub standing: Standing,
    /// What is broken on purpose.
    pub faults: Faults,
}

/// Why the ledger cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum LedgerError {
    /// A file cannot be read or written.
    #[error("cannot {action} {}", path.display())]
    Io {
        /// What was tried.
        action: &'static str,
        /// The file.
        path: PathBuf,
        /// Why not.
        #[source]
        source: io::Error,
    },
    /// A file holds something else than a ledger.
    #[error("{} is no ledger that this version can read; it is kept as it is", path.display())]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// Why not.
        #[source]
        source: Box<dyn std::error::Error + Send + Sync>,
    },
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Page {
    version: u32,
    lab: String,
    generation: u64,
    wanted: Option<PageDesign>,
    before: Option<PageDesign>,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct PageDesign {
    sources: Vec<PageSource>,
    standing: Standing,
    #[serde(default, skip_serializing_if = "Faults::is_empty")]
    faults: Faults,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct PageSource {
    name: String,
    text: String,
}

impl Ledger {
    /// A ledger in `directory`, which is made if it is not there.
    ///
    /// # Errors
    /// If it cannot be made.
    pub fn open(directory: &Path) -> Result<Self, LedgerError> {
        fs::create_dir_all(directory).map_err(io_error("make", directory))?;
        Ok(Self { directory: Some(directory.to_owned()) })
    }

    /// No ledger: nothing outlives the process.
    pub fn none() -> Self {
        Self { directory: None }
    }

    /// All intents, sorted by lab.
    ///
    /// # Errors
    /// If a file cannot be read or understood. Nothing is guessed and nothing removed then.
    pub fn read(&self) -> Result<Vec<Intent>, LedgerError> {
        let Some(directory) = &self.directory else { return Ok(vec![]) };
        let mut intents = vec![];
        for entry in fs::read_dir(directory).map_err(io_error("read", directory))? {
            let path = entry.map_err(io_error("read", directory))?.path();
            if path.extension().is_some_and(|extension| extension == "json") {
                intents.push(read_page(&path)?);
            }
        }
        intents.sort_by(|a: &Intent, b| a.lab.cmp(&b.lab));
        Ok(intents)
    }

    /// Writes an intent down; when this returns it survives a crash.
    ///
    /// # Errors
    /// If it cannot be written; what was there before is untouched then.
    pub fn write(&self, intent: &Intent) -> Result<(), LedgerError> {
        let Some(directory) = &self.directory else { return Ok(()) };
        let path = page_path(directory, &intent.lab);
        let part = path.with_extension("part");
        let design = |design: &Option<Design>| {
            design.as_ref().map(|design| {
                let page =
                    |source: &Source| PageSource { name: source.name.clone(), text: source.text.clone() };
                let sources = design.sources.iter().map(page).collect();
                PageDesign { sources, standing: design.standing.clone(), faults: design.faults.clone() }
            })
        };
        let page = Page {
            version: VERSION,
            lab: intent.lab.to_string(),
            generation: intent.generation,
            wanted: design(&intent.wanted),
            before: design(&intent.before),
        };
        let text = serde_json::to_vec(&page).map_err(io::Error::from).map_err(io_error("write", &part))?;
        let mut file = File::create(&part).map_err(io_error("write", &part))?;
        file.write_all(&text).and_then(|()| file.sync_all()).map_err(io_error("write", &part))?;
        fs::rename(&part, &path).map_err(io_error("replace", &path))?;
        File::open(directory).and_then(|directory| directory.sync_all()).map_err(io_error("sync", directory))
    }

    /// Forgets a lab.
    ///
    /// # Errors
    /// If its file is there and cannot be removed.
    pub fn remove(&self, lab: &LabName) -> Result<(), LedgerError> {
        let Some(directory) = &self.directory else { return Ok(()) };
        let path = page_path(directory, lab);
        match fs::remove_file(&path) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => Err(io_error("remove", &path)(error)),
            _ => Ok(()),
        }
    }
}

fn page_path(directory: &Path, lab: &LabName) -> PathBuf {
    directory.join(format!("{lab}.json"))
}

fn read_page(path: &Path) -> Result<Intent, LedgerError> {
    let unreadable = |source: Box<dyn std::error::Error + Send + Sync>| LedgerError::Unreadable {
        path: path.to_owned(),
        source,
    };
    let text = fs::read(path).map_err(io_error("read", path))?;
    let page: Page = serde_json::from_slice(&text).map_err(|error| unreadable(error.into()))?;
    if page.version != VERSION {
        return Err(unreadable(format!("it has version {}", page.version).into()));
    }
    let design = |page: Option<PageDesign>| {
        page.map(|PageDesign { sources, standing, faults }| {
            let source = |PageSource { name, text }| Source { name, text };
            Design { sources: sources.into_iter().map(source).collect(), standing, faults }
        })
    };
    Ok(Intent {
        lab: LabName::new(page.lab).map_err(|error| unreadable(error.into()))?,
        generation: page.generation,
        wanted: design(page.wanted),
        before: design(page.before),
    })
}

fn io_error(action: &'static str, path: &Path) -> impl FnOnce(io::Error) -> LedgerError {
    let path = path.to_owned();
    move |source| LedgerError::Io { action, path, source }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn intent(generation: u64) -> Intent {
        let source = Source { name: "lab.yaml".into(), text: "kind: Lab\n".into() };
        let wanted =
            Design { sources: vec![source], standing: Standing::default(), faults: Faults::default() };
        Intent { lab: LabName::new("kubenet").unwrap(), generation, wanted: Some(wanted), before: None }
    }

    #[test]
    fn what_was_written_last_is_read_back() {
        let directory = tempfile::tempdir().unwrap();
        let ledger = Ledger::open(directory.path()).unwrap();
        ledger.write(&intent(1)).unwrap();
        ledger.write(&intent(2)).unwrap();
        assert_eq!(ledger.read().unwrap(), [intent(2)]);
        ledger.remove(&intent(2).lab).unwrap();
        ledger.remove(&intent(2).lab).unwrap();
        assert_eq!(ledger.read().unwrap(), []);
    }

    #[test]
    fn a_torn_or_foreign_file_is_refused_and_kept() {
        let directory = tempfile::tempdir().unwrap();
        let ledger = Ledger::open(directory.path()).unwrap();
        let path = directory.path().join("kubenet.json");
        for text in [
            "",
            "{\"version\":2,",
            "{\"version\":9,\"lab\":\"a\",\"generation\":1,\"wanted\":null,\"before\":null}",
        ] {
            fs::write(&path, text).unwrap();
            assert!(matches!(ledger.read(), Err(LedgerError::Unreadable { .. })), "{text}");
            assert_eq!(fs::read_to_string(&path).unwrap(), text);
        }
    }

    #[test]
    fn a_crash_while_writing_leaves_the_old_page() {
        let directory = tempfile::tempdir().unwrap();
        let ledger = Ledger::open(directory.path()).unwrap();
        ledger.write(&intent(1)).unwrap();
        fs::write(directory.path().join("kubenet.part"), "{\"version\":1,\"la").unwrap();
        assert_eq!(ledger.read().unwrap(), [intent(1)]);
    }
}
