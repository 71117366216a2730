//! The gRPC interface of fabricd: messages, clients and servers generated from `fabric/v1/*.proto`.
//!
//! Conversions to and from the vocabulary of `fabric-core` stand beside their only users: the
//! daemon's `grpc` module and `fabctl`.

/// Version 1 of the interface.
pub mod v1 {
    #![allow(missing_docs, clippy::all, clippy::pedantic)]
    tonic::include_proto!("fabric.v1");
}

/// The descriptors of all files, for gRPC reflection.
pub const FILE_DESCRIPTOR_SET: &[u8] = include_bytes!(concat!(env!("OUT_DIR"), "/fabric.binpb"));
