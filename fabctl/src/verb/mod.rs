//! What fabctl does. One file a verb: its flags, and what happens.

pub mod apply;
pub mod completion;
pub mod daemon;
pub mod delete;
pub mod describe;
pub mod doctor;
pub mod events;
pub mod exec;
pub mod expect;
pub mod get;
pub mod graph;
pub mod learn;
pub mod ping;
pub mod run;
pub mod tcpdump;
pub mod validate;
pub mod version;
