//! Lab files from the outside: what comes of good ones, and what is said about bad ones.

mod diagnostics;
mod kubenet;
mod network_plugins;
mod pictures;
mod properties;
mod schema;
mod text;
mod topologies;
mod well_formed;
