//! Lab documents with their effects: shells, daemons, terminals. What they say and whether it is
//! right is decided in `fabric_core::document`.

pub mod block;
pub mod capability;
pub mod diagnosis;
pub mod difference;
pub mod exercise;
pub mod find;
pub mod junit;
pub mod lesson;
pub mod progress;
pub mod render;
pub mod report;
pub mod runner;
pub mod shell;
pub mod world;
