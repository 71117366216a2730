//! Lab files from the outside: what comes of good ones, and what is said about bad ones.

mod address_plan;
mod coredns;
mod diagnostics;
mod http_proxy;
mod kubenet;
mod load_balancer;
mod network_plugins;
mod pictures;
mod pool_ranges;
mod properties;
mod schema;
mod services;
mod standing;
mod text;
mod topologies;
mod ways_out;
mod well_formed;
mod workloads;
