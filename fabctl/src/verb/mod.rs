//! What fabctl does. One file a verb: its flags, and what happens.

pub mod apply;
pub mod completion;
pub mod daemon;
pub mod delete;
pub mod describe;
pub mod diff;
pub mod doctor;
pub mod events;
pub mod exec;
pub mod expect;
pub mod get;
pub mod graph;
pub mod learn;
pub mod nodes;
pub mod ping;
pub mod plan;
pub mod run;
pub mod tcpdump;
pub mod validate;
pub mod verify;
pub mod version;
