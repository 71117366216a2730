//! Everything that must hold.

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
    time::Instant,
};

use crate::{
    packages,
    run::{Result, cargo, installed, output, root, run, uid},
};

/// The user that root's tests are run as once more: `nobody`.
const ORDINARY: &str = "65534";

pub fn test() -> Result {
    let begun = Instant::now();
    packages::ensure()?;
    let mut skipped = vec![];

    title("format");
    run(cargo().args(["fmt", "--all", "--check"]))?;
    title("lints");
    let lints = ["clippy", "--workspace", "--all-targets", "--locked", "--quiet", "--", "-D", "warnings"];
    run(cargo().args(lints))?;
    title("documentation");
    let docs = ["doc", "--workspace", "--no-deps", "--locked", "--quiet"];
    run(cargo().args(docs).env("RUSTDOCFLAGS", "-D warnings"))?;
    title("licences and sources");
    if installed("cargo-deny") || home_has("cargo-deny") {
        run(cargo().args(["deny", "--offline", "check", "licenses", "bans", "sources"]))?;
    } else {
        skipped.push("licences: cargo-deny is not installed (cargo install cargo-deny)");
    }

    title("tests, as this user");
    run(cargo().args(["build", "--workspace", "--bins", "--locked", "--quiet"]))?;
    run(cargo()
        .args(["test", "--workspace", "--locked", "--quiet", "--no-fail-fast"])
        .env("INSTA_UPDATE", "no"))?;
    let pending = pending_snapshots(&root());
    if !pending.is_empty() {
        return Err(format!("snapshots wait for a review: {}", pending.join(", ")));
    }

    if uid()? == 0 {
        title("labs end to end, as an ordinary user");
        ordinary_user()?;
    } else {
        skipped.push("root: run `sudo -E cargo xtask test` too, to test as root");
    }

    for skip in &skipped {
        println!("skipped: {skip}");
    }
    println!("\nall of it passed in {} s; {} skipped", begun.elapsed().as_secs(), skipped.len());
    Ok(())
}

/// Writes the schema of the lab file anew.
pub fn schema() -> Result {
    let arguments = ["test", "--package", "fabric-core", "--test", "lab_file", "--quiet", "schema"];
    run(cargo().args(arguments).env("FABRIC_UPDATE_SCHEMA", "1"))
}

/// Runs the end-to-end tests once more without root's rights, from a copy that such a user can read.
/// (The kernel's tests do so themselves.)
fn ordinary_user() -> Result {
    let copy = Copy::make()?;
    for name in ["private", "system"] {
        let test = copy.0.join(name);
        let mut command = Command::new("setpriv");
        command.args(["--reuid", ORDINARY, "--regid", ORDINARY, "--clear-groups", "--"]).arg(&test);
        command.env_clear().env("PATH", "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin");
        command.env("FABRIC_BIN", &copy.0).env("FABRIC_LABS", copy.0.join("labs"));
        command.env("TMPDIR", copy.0.join("tmp")).current_dir(&copy.0);
        println!("\n{name}, as user {ORDINARY}");
        run(&mut command)?;
    }
    Ok(())
}

/// A folder that goes with the value.
struct Copy(PathBuf);

impl Copy {
    fn make() -> Result<Self> {
        let folder = output(Command::new("mktemp").args(["-d", "/tmp/fabric-test.XXXXXX"]))?;
        let copy = Self(PathBuf::from(folder.trim()));
        run(Command::new("chmod").arg("755").arg(&copy.0))?;
        let mut files: Vec<(PathBuf, String)> =
            ["fabricd", "fabctl"].map(|name| (target().join("debug").join(name), name.to_owned())).into();
        files.extend(test_programs()?);
        for (from, to) in files {
            fs::copy(&from, copy.0.join(to))
                .map_err(|error| format!("cannot copy {}: {error}", from.display()))?;
        }
        run(Command::new("cp").arg("-r").arg(root().join("labs")).arg(&copy.0))?;
        run(Command::new("install")
            .args(["-d", "-m", "700", "-o", ORDINARY, "-g", ORDINARY])
            .arg(copy.0.join("tmp")))?;
        Ok(copy)
    }
}

impl Drop for Copy {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

/// The built end-to-end tests, with their names.
fn test_programs() -> Result<Vec<(PathBuf, String)>> {
    let build = ["test", "--workspace", "--locked", "--quiet", "--no-run", "--message-format", "json"];
    let messages = output(cargo().args(build))?;
    let mut programs = vec![];
    for line in messages.lines() {
        let Some((_, executable)) = line.split_once("\"executable\":\"") else { continue };
        let Some((path, _)) = executable.split_once('"') else { continue };
        let path = PathBuf::from(path);
        let file = path.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
        let name = file.rsplit_once('-').map_or(file.as_str(), |(name, _)| name);
        if ["private", "system"].contains(&name) && line.contains("\"kind\":[\"test\"]") {
            programs.push((path, name.to_owned()));
        }
    }
    if programs.len() == 2 {
        Ok(programs)
    } else {
        Err(format!("found only {programs:?} of the end-to-end tests"))
    }
}

/// Where cargo builds.
pub fn target() -> PathBuf {
    std::env::var_os("CARGO_TARGET_DIR").map_or_else(|| root().join("target"), PathBuf::from)
}

fn home_has(program: &str) -> bool {
    let home = std::env::var_os("CARGO_HOME").map(PathBuf::from);
    let home = home.or_else(|| std::env::var_os("HOME").map(|home| PathBuf::from(home).join(".cargo")));
    home.is_some_and(|home| home.join("bin").join(program).is_file())
}

fn pending_snapshots(folder: &Path) -> Vec<String> {
    let mut pending = vec![];
    for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
        let path = entry.path();
        let name = entry.file_name().to_string_lossy().into_owned();
        if path.is_dir() && !path.is_symlink() && name != "target" && !name.starts_with('.') {
            pending.extend(pending_snapshots(&path));
        } else if name.ends_with(".snap.new") || name.ends_with(".pending-snap") {
            pending.push(path.display().to_string());
        }
    }
    pending
}

fn title(text: &str) {
    println!("\n=== {text} ===");
}
