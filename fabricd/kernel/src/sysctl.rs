//! Kernel parameters of the calling thread's namespace.

use std::{fs, io};

use fabric_core::object::Sysctl;

/// Sets the parameter.
pub(crate) fn write(sysctl: &Sysctl) -> io::Result<()> {
    fs::write(file(sysctl)?, &sysctl.value)
}

/// The parameter as it is; `None` if there is none of this path, as when its link has gone.
pub(crate) fn read(sysctl: &Sysctl) -> io::Result<Option<Sysctl>> {
    match fs::read_to_string(file(sysctl)?) {
        Ok(value) => Ok(Some(Sysctl { value: value.trim_end().to_owned(), ..sysctl.clone() })),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error),
    }
}

fn file(sysctl: &Sysctl) -> io::Result<String> {
    // Only `net` is the namespace's own: anything else would be the machine's.
    if !sysctl.path.starts_with("net/") || sysctl.path.split('/').any(|part| part == "..") {
        return Err(io::Error::new(io::ErrorKind::InvalidInput, "not a parameter of a network namespace"));
    }
    Ok(format!("/proc/sys/{}", sysctl.path))
}
