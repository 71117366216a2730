//! The pure half of fabricd: it decides, and touches nothing.
//!
//! ```text
//! lab file ── parse ──▶ LabSpec ── resolve ──▶ Topology ── draw ──▶ Blueprint
//!                                                                      │
//!                              what the kernel has ── Observed ────────┤ between
//!                                                                      ▼
//!                                                                     Plan
//! ```
//!
//! No I/O, clock, randomness, thread or async code is in here, so the same input always gives the
//! same output. `fabric-kernel` carries a [`plan::Plan`] out and makes no choice of its own.

#![forbid(unsafe_code)]

pub mod address_plan;
pub mod blueprint;
pub mod capture;
pub mod compare;
pub mod condition;
pub mod conntrack;
pub mod dns;
pub mod document;
pub mod effective_routes;
pub mod environment;
pub mod event;
pub mod fault;
pub mod firewall;
pub mod graph;
pub mod health_probe;
pub mod identity;
pub mod inventory;
pub mod kernel;
pub mod listener;
pub mod name;
pub mod object;
pub mod place;
pub mod plan;
pub mod program;
pub mod snat;
pub mod socket;
pub mod spec;
pub mod target;
pub mod topology;
