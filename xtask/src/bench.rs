//! Benchmarks.
use crate::run::Result;

pub fn bench() -> Result {
    Err("soon".into())
}
