//! Files that one command sees instead of the machine's.

use std::{collections::BTreeSet, fs, io, path::Path};

use nix::mount::{MntFlags, MsFlags, mount, umount2};

const NONE: Option<&str> = None;

/// Puts the files over those of the same path, for this process and its children. Their contents are
/// kept in a tmpfs that is over the directory `room` meanwhile. One that cannot be put there is a warning.
pub(super) fn put(files: &[(String, String)], room: &Path) -> io::Result<()> {
    if files.is_empty() {
        return Ok(());
    }
    let flags = MsFlags::MS_NOSUID | MsFlags::MS_NODEV;
    mount(Some("tmpfs"), room, Some("tmpfs"), flags, Some("mode=755"))?;
    // First those that nothing can be mounted on: the layer for them hides what is mounted below it.
    let (there, missing): (Vec<_>, Vec<_>) = files.iter().partition(|(path, _)| Path::new(path).exists());
    let mut layered = BTreeSet::new();
    for (path, contents) in missing {
        if let Err(error) = replace(Path::new(path), contents, room, &mut layered) {
            warn(path, &error);
        }
    }
    for (number, (path, contents)) in there.into_iter().enumerate() {
        if let Err(error) = cover(path, contents, &room.join(number.to_string())) {
            warn(path, &error);
        }
    }
    // Out of sight again, so that `ip` finds the namespaces' names there; what is mounted from it stays.
    Ok(umount2(room, MntFlags::MNT_DETACH)?)
}

/// Makes `directory` empty, for this process and its children.
pub(super) fn empty(directory: &Path) -> io::Result<()> {
    let flags = MsFlags::MS_NOSUID | MsFlags::MS_NODEV | MsFlags::MS_RDONLY;
    Ok(mount(Some("tmpfs"), directory, Some("tmpfs"), flags, Some("mode=755"))?)
}

/// Follows symbolic links: it is the file at their end that is covered.
fn cover(path: &str, contents: &str, source: &Path) -> io::Result<()> {
    fs::write(source, contents)?;
    Ok(mount(Some(source), path, NONE, MsFlags::MS_BIND, NONE)?)
}

/// For a file that is not there, or is a link to nothing. The machine's directory is not ours to
/// change, so it gets a changeable layer first.
fn replace<'a>(
    path: &'a Path,
    contents: &str,
    room: &Path,
    layered: &mut BTreeSet<&'a Path>,
) -> io::Result<()> {
    let directory = path.parent().ok_or(io::ErrorKind::InvalidInput)?;
    if layered.insert(directory) {
        let layer = room.join(format!("layer{}", layered.len()));
        let (upper, work) = (layer.join("upper"), layer.join("work"));
        fs::create_dir_all(&upper)?;
        fs::create_dir_all(&work)?;
        let options = [("lowerdir", directory), ("upperdir", &upper), ("workdir", &work)]
            .map(|(name, value)| format!("{name}={}", value.display()))
            .join(",");
        mount(Some("overlay"), directory, Some("overlay"), MsFlags::empty(), Some(options.as_str()))?;
    }
    match fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        _ => fs::write(path, contents),
    }
}

fn warn(path: &str, error: &io::Error) {
    eprintln!("fabric: warning: {path} is the machine's own: {error}");
}
