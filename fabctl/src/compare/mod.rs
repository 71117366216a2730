//! The same question in several labs: daemons, pings and captures. What they tell is decided in
//! `fabric_core::compare`.

pub mod column;
pub mod connect;
pub mod grid;
pub mod lab;
pub mod measure;
pub mod probe;
pub mod room;
pub mod table;
