//! Running programs: their output goes where ours goes.

use std::{
    path::PathBuf,
    process::{Command, Stdio},
};

/// What a task comes to: an error is one sentence for the user.
pub type Result<T = ()> = std::result::Result<T, String>;

/// The top of the checkout.
pub fn root() -> PathBuf {
    let tasks = std::path::Path::new(env!("CARGO_MANIFEST_DIR"));
    tasks.parent().map_or_else(|| tasks.to_owned(), PathBuf::from)
}

/// cargo, as the one that runs this.
pub fn cargo() -> Command {
    let mut command = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    command.current_dir(root());
    command
}

/// Runs `command` and waits; an exit code other than 0 is an error.
pub fn run(command: &mut Command) -> Result {
    let name = command.get_program().to_string_lossy().into_owned();
    let status = command.status().map_err(|error| format!("cannot start {name}: {error}"))?;
    if status.success() { Ok(()) } else { Err(format!("{} failed ({status})", shown(command))) }
}

/// Runs `command` and gives its standard output; its standard error goes where ours goes.
pub fn output(command: &mut Command) -> Result<String> {
    let name = command.get_program().to_string_lossy().into_owned();
    let output = command.stderr(Stdio::inherit()).output();
    let output = output.map_err(|error| format!("cannot start {name}: {error}"))?;
    if !output.status.success() {
        return Err(format!("{} failed ({})", shown(command), output.status));
    }
    Ok(String::from_utf8_lossy(&output.stdout).into_owned())
}

/// Whether a program of that name is installed; the sbin directories count too.
pub fn installed(program: &str) -> bool {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let mut directories: Vec<PathBuf> = std::env::split_paths(&path).collect();
    directories.extend(["/usr/sbin", "/sbin"].map(PathBuf::from));
    directories.iter().any(|directory| directory.join(program).is_file())
}

/// The user's number.
pub fn uid() -> Result<u32> {
    let text = output(Command::new("id").arg("-u"))?;
    text.trim().parse().map_err(|_| format!("`id -u` says {text:?}"))
}

fn shown(command: &Command) -> String {
    let words = std::iter::once(command.get_program()).chain(command.get_args());
    words.map(|word| word.to_string_lossy().into_owned()).collect::<Vec<_>>().join(" ")
}
