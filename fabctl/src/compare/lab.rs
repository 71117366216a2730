//! Which labs are compared.

use std::path::{Path, PathBuf};

use fabric_core::{
    spec::{self, Diagnostic, Source},
    topology::Topology,
};

use crate::{exit::Failure, source};

/// Each has a daemon of its own; more do not fit on a screen either.
const LABS_MAX: usize = 16;

/// A lab that is compared.
pub struct Lab {
    /// The title of its column: its name, or its path if another of the same name is compared.
    pub title: String,
    /// What was written on the command line; a file of a folder with several labs.
    pub path: PathBuf,
    /// Its files.
    pub sources: Vec<Source>,
    /// What they mean.
    pub topology: Topology,
}

/// Reads all labs: files, folders with the files of one lab, and folders in which each file is a lab.
///
/// # Errors
/// If a file cannot be read, or there are too many; inside are the mistakes in lab files.
pub fn read(paths: &[PathBuf]) -> anyhow::Result<Result<Vec<Lab>, Vec<Diagnostic>>> {
    let mut labs = vec![];
    for path in paths {
        for (path, sources) in one_each(path)? {
            match spec::load(&sources) {
                Ok(topology) => {
                    labs.push(Lab { title: topology.lab.to_string(), path, sources, topology });
                }
                Err(mistakes) => return Ok(Err(mistakes)),
            }
        }
    }
    if labs.len() > LABS_MAX {
        return Err(Failure::usage(format!("{} labs; {LABS_MAX} can be compared at a time", labs.len())));
    }
    let names: Vec<String> = labs.iter().map(|lab| lab.title.clone()).collect();
    for lab in &mut labs {
        if names.iter().filter(|name| **name == lab.title).count() > 1 {
            lab.title = lab.path.display().to_string();
        }
    }
    Ok(Ok(labs))
}

/// The labs that `path` means, each with its files.
fn one_each(path: &Path) -> anyhow::Result<Vec<(PathBuf, Vec<Source>)>> {
    let sources = source::read(&[path.to_owned()])?;
    let with_lab = sources.iter().filter(|source| has_lab(source)).count();
    Ok(if with_lab > 1 && with_lab == sources.len() {
        sources.into_iter().map(|source| (PathBuf::from(&source.name), vec![source])).collect()
    } else {
        vec![(path.to_owned(), sources)]
    })
}

/// Whether a file alone has the document of a lab.
fn has_lab(source: &Source) -> bool {
    spec::read(std::slice::from_ref(source)).0.is_some()
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    fn lab(name: &str) -> String {
        format!("apiVersion: fabric/v1\nkind: Lab\nmetadata:\n  name: {name}\n")
    }

    fn titles(paths: &[PathBuf]) -> Vec<String> {
        let labs = read(paths).unwrap().unwrap_or_else(|mistakes| panic!("{mistakes:?}"));
        labs.into_iter().map(|lab| lab.title).collect()
    }

    #[test]
    fn a_folder_is_one_lab_or_one_lab_a_file() {
        let folder = tempfile::tempdir().unwrap();
        let at = |name: &str| folder.path().join(name);
        fs::create_dir(at("one")).unwrap();
        fs::write(at("one/lab.yaml"), lab("parts")).unwrap();
        let namespace = "apiVersion: v1\nkind: Namespace\nmetadata:\n  name: web\n";
        fs::write(at("one/more.yaml"), namespace).unwrap();
        fs::create_dir(at("several")).unwrap();
        fs::write(at("several/a.yaml"), lab("a")).unwrap();
        fs::write(at("several/b.yaml"), lab("b")).unwrap();
        assert_eq!(titles(&[at("several"), at("one")]), ["a", "b", "parts"]);

        let twins = [at("several/a.yaml"), at("one"), at("several/a.yaml")];
        let path = at("several/a.yaml").display().to_string();
        assert_eq!(titles(&twins), [&path, "parts", &path]);

        fs::write(at("several/b.yaml"), "apiVersion: fabric/v1\nkind: Lab\nmetadata: {}\n").unwrap();
        assert!(read(&[at("several")]).unwrap().is_err());
        let many = vec![at("one"); LABS_MAX + 1];
        assert!(read(&many).err().unwrap().to_string().starts_with("17 labs"));
    }
}
