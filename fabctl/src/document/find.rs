//! From paths to documents.

use std::path::{Path, PathBuf};

use anyhow::Context;

use crate::exit::Failure;

const NAME: &str = "README.md";

/// The documents that `paths` mean: a file itself, a lab's folder its `README.md`, a folder of labs
/// the `README.md` of each.
///
/// # Errors
/// If a path means none.
pub fn documents(paths: &[PathBuf]) -> anyhow::Result<Vec<PathBuf>> {
    let mut found = vec![];
    for path in paths {
        let documents = one(path)?;
        if documents.is_empty() {
            return Err(Failure::usage(format!("no {NAME} in {}", path.display())));
        }
        found.extend(documents);
    }
    found.sort();
    found.dedup();
    Ok(found)
}

fn one(path: &Path) -> anyhow::Result<Vec<PathBuf>> {
    let metadata = path.metadata().with_context(|| path.display().to_string())?;
    if !metadata.is_dir() {
        return Ok(vec![path.to_owned()]);
    }
    let own = path.join(NAME);
    if own.is_file() {
        return Ok(vec![own]);
    }
    let entries = path.read_dir().with_context(|| path.display().to_string())?;
    let documents = entries.flatten().map(|entry| entry.path().join(NAME));
    Ok(documents.filter(|document| document.is_file()).collect())
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    #[test]
    fn folders_stand_for_their_documents() {
        let folder = tempfile::tempdir().unwrap();
        let at = |name: &str| folder.path().join(name);
        for lab in ["labs/b", "labs/a", "labs/empty"] {
            fs::create_dir_all(at(lab)).unwrap();
        }
        for file in ["labs/a/README.md", "labs/b/README.md", "other.md"] {
            fs::write(at(file), "").unwrap();
        }
        let names = |paths: &[&str]| -> Vec<PathBuf> {
            documents(&paths.iter().map(|path| at(path)).collect::<Vec<_>>()).unwrap()
        };
        assert_eq!(names(&["labs"]), [at("labs/a/README.md"), at("labs/b/README.md")]);
        assert_eq!(
            names(&["other.md", "labs/a", "labs/a/README.md"]),
            [at("labs/a/README.md"), at("other.md")]
        );
        assert!(documents(&[at("labs/empty")]).unwrap_err().to_string().contains("no README.md"));
        assert!(documents(&[at("nowhere")]).is_err());
    }
}
