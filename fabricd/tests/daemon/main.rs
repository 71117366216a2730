//! The daemon with a model of the kernel that can refuse.

mod changes;
mod connections;
mod fake_kernel;
mod faults;
mod reconcile;
mod responder;
mod service;
mod told;
