//! How far a learner has come, remembered from one lesson to the next.

use std::{
    env, fs,
    path::{Path, PathBuf},
};

use anyhow::Context;
use serde_json::{Map, Value, json};

/// The file with everything that was learnt.
pub struct Progress {
    file: Option<PathBuf>,
    lessons: Map<String, Value>,
}

impl Progress {
    /// What is remembered; nothing if there is no file, or none that can be read.
    pub fn load() -> Self {
        let file = file();
        let text = file.as_ref().and_then(|file| fs::read(file).ok());
        let lessons = text.and_then(|text| serde_json::from_slice(&text).ok()).unwrap_or_default();
        Self { file, lessons }
    }

    /// How many steps of `document` were done; none if it has been changed since then.
    pub fn done(&self, document: &Path, steps: usize) -> usize {
        let Some(lesson) = self.lessons.get(&key(document)) else { return 0 };
        let number = |name: &str| lesson[name].as_u64().and_then(|number| usize::try_from(number).ok());
        if number("steps") == Some(steps) { number("done").unwrap_or(0).min(steps) } else { 0 }
    }

    /// Remembers that `done` of its steps are done.
    ///
    /// # Errors
    /// If the file cannot be written.
    pub fn remember(&mut self, document: &Path, done: usize, steps: usize) -> anyhow::Result<()> {
        self.lessons.insert(key(document), json!({ "done": done, "steps": steps }));
        let Some(file) = &self.file else { return Ok(()) };
        let folder = file.parent().context("a file has a folder")?;
        fs::create_dir_all(folder).with_context(|| format!("cannot make {}", folder.display()))?;
        let next = file.with_extension("json.next");
        fs::write(&next, serde_json::to_vec_pretty(&self.lessons)?)?;
        fs::rename(&next, file).with_context(|| format!("cannot write {}", file.display()))
    }
}

fn key(document: &Path) -> String {
    let absolute = document.canonicalize().unwrap_or_else(|_| document.to_owned());
    absolute.display().to_string()
}

/// `$XDG_STATE_HOME/fabctl/lessons.json`, as the XDG base directories say.
fn file() -> Option<PathBuf> {
    let absolute = |name: &str| env::var_os(name).map(PathBuf::from).filter(|path| path.is_absolute());
    let state = absolute("XDG_STATE_HOME").or_else(|| absolute("HOME").map(|home| home.join(".local/state")));
    state.map(|state| state.join("fabctl/lessons.json"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_changed_document_is_begun_anew() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("state/lessons.json");
        let mut progress = Progress { file: Some(file.clone()), lessons: Map::new() };
        let document = Path::new("labs/x/README.md");
        assert_eq!(progress.done(document, 5), 0);
        progress.remember(document, 3, 5).unwrap();
        let lessons = serde_json::from_slice(&fs::read(&file).unwrap()).unwrap();
        let progress = Progress { file: Some(file), lessons };
        assert_eq!((progress.done(document, 5), progress.done(document, 6)), (3, 0));
    }
}
