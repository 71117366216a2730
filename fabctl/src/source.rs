//! Reading lab files.

use std::{
    fs,
    io::{self, Read},
    path::{Path, PathBuf},
};

use anyhow::Context;
use fabric_core::spec::Source;
use fabric_proto::v1::SourceFile;

use crate::exit::Failure;

/// What the daemon takes, all files together.
const TOTAL_MAX: u64 = 16 << 20;

/// Reads `paths`: files, directories (their `*.yaml` and `*.yml`, sorted), `-` for standard input.
///
/// # Errors
/// If one cannot be read, is too long or is no UTF-8, or a directory has none.
pub fn read(paths: &[PathBuf]) -> anyhow::Result<Vec<Source>> {
    let mut sources = vec![];
    let mut left = TOTAL_MAX;
    for path in paths {
        if path == Path::new("-") {
            sources.push(read_from(io::stdin().lock(), "<stdin>".to_owned(), &mut left)?);
            continue;
        }
        for file in files(path)? {
            let name = file.display().to_string();
            let opened = fs::File::open(&file).with_context(|| name.clone())?;
            sources.push(read_from(opened, name, &mut left)?);
        }
    }
    Ok(sources)
}

/// The same for the wire.
pub fn to_wire(sources: Vec<Source>) -> Vec<SourceFile> {
    sources.into_iter().map(|Source { name, text }| SourceFile { name, text }).collect()
}

fn read_from(file: impl Read, name: String, left: &mut u64) -> anyhow::Result<Source> {
    let mut bytes = vec![];
    file.take(*left + 1).read_to_end(&mut bytes).with_context(|| name.clone())?;
    *left = left.checked_sub(bytes.len() as u64).ok_or_else(|| {
        Failure::bad_file(format!("{name}: the files have more than {} MiB", TOTAL_MAX >> 20))
    })?;
    let text = String::from_utf8(bytes).map_err(|error| {
        let at = error.utf8_error().valid_up_to();
        let line = error.as_bytes()[..at].iter().filter(|&&byte| byte == b'\n').count() + 1;
        Failure::bad_file(format!("{name}:{line}: no UTF-8 text"))
    })?;
    Ok(Source { name, text })
}

fn files(path: &Path) -> anyhow::Result<Vec<PathBuf>> {
    if !path.is_dir() {
        return Ok(vec![path.to_owned()]);
    }
    let entries = fs::read_dir(path).with_context(|| path.display().to_string())?;
    let files: io::Result<Vec<PathBuf>> = entries.map(|entry| Ok(entry?.path())).collect();
    let mut files = files.with_context(|| path.display().to_string())?;
    files.retain(|file| file.extension().is_some_and(|end| end == "yaml" || end == "yml") && file.is_file());
    files.sort();
    if files.is_empty() {
        return Err(Failure::usage(format!("{} has no *.yaml or *.yml", path.display())));
    }
    Ok(files)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_directory_is_read_in_the_order_of_names() {
        let directory = tempfile::tempdir().unwrap();
        for name in ["b.yml", "a.yaml", "README.md"] {
            fs::write(directory.path().join(name), name).unwrap();
        }
        let sources = read(&[directory.path().to_owned()]).unwrap();
        let texts: Vec<_> = sources.iter().map(|source| source.text.as_str()).collect();
        assert_eq!(texts, ["a.yaml", "b.yml"]);
        let empty = tempfile::tempdir().unwrap();
        assert!(
            read(&[empty.path().to_owned()]).unwrap_err().to_string().ends_with("has no *.yaml or *.yml")
        );
    }

    #[test]
    fn what_is_no_text_is_refused_with_its_line() {
        let mut left = 100;
        let error = read_from(&b"a: 1\nb: \xff\n"[..], "x.yaml".into(), &mut left).unwrap_err();
        assert_eq!(error.to_string(), "x.yaml:2: no UTF-8 text");
        let error = read_from(&b"0123456789"[..], "x.yaml".into(), &mut 5).unwrap_err();
        assert!(error.to_string().contains("more than"));
    }
}
