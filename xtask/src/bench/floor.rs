//! The bare kernel: the example `floor` of fabric-kernel.

use std::process::Command;

use super::{UpDown, daemon::Size};
use crate::{
    run::{Result, output},
    test::target,
};

/// As many namespaces and veth pairs as a lab has.
pub struct Floor(Size);

impl Floor {
    /// Of a lab of that size.
    pub fn new(size: Size) -> Self {
        Self(size)
    }

    /// Makes them and takes them away.
    pub fn run(&self) -> Result<UpDown> {
        let cores = std::thread::available_parallelism().map_or(2, usize::from);
        let numbers = [self.0.namespaces, self.0.veths, cores].map(|number| number.to_string());
        let line = output(Command::new(target().join("release/examples/floor")).args(numbers))?;
        Ok(UpDown { up: field(&line, "up_ms")?, down: field(&line, "down_ms")? })
    }
}

fn field(line: &str, name: &str) -> Result<f64> {
    let (_, rest) = line.split_once(&format!("\"{name}\":")).ok_or(format!("no {name} in {line}"))?;
    let number = rest.split([',', '}']).next().unwrap_or_default();
    number.trim().parse().map_err(|_| format!("{name} is no number in {line}"))
}
