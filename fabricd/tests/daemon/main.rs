//! The daemon with a model of the kernel that can refuse.

mod changes;
mod connections;
mod fake_kernel;
mod fake_programs;
mod faults;
mod health_probes;
mod programs;
mod reconcile;
mod responder;
mod service;
mod told;
mod workload_changes;
