//! The connection tracking table of one place.

use std::{io, path::Path};

use fabric_core::{conntrack::Connection, kernel::KernelError, name::LabName, place::Place};

use crate::{
    netlink::{Socket, conntrack::Message},
    socket::in_place,
};

/// Reads it, in `place` of the lab whose namespaces are named in `directory`.
pub(crate) fn read(directory: &Path, lab: &LabName, place: &Place) -> Result<Vec<Connection>, KernelError> {
    let inside = || -> io::Result<Vec<Connection>> {
        let answers = Socket::netfilter()?.dump(&Message::Question)?;
        let entries = answers.into_iter().filter_map(|answer| match answer {
            Message::Entry(connection) => Some(*connection),
            Message::Question | Message::Other => None,
        });
        Ok(entries.collect())
    };
    in_place(directory, lab, place, inside)
        .map_err(|error| KernelError::new(format!("cannot read the connections of {place}"), error))
}
