//! Rule sets of whole clusters.

mod composition;
mod fixture;
mod properties;
mod sample;
