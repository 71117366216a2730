//! A pcapng file in the making, with an interface block for each place.

use std::{borrow::Cow, time::Duration};

use fabric_core::capture::pcap::{Header, Record};
use pcap_file::{
    DataLink,
    pcapng::{
        PcapNgWriter,
        blocks::{
            Block,
            enhanced_packet::EnhancedPacketBlock,
            interface_description::{InterfaceDescriptionBlock, InterfaceDescriptionOption},
        },
    },
};

/// Nanoseconds, as the option `if_tsresol` says it: ten to the minus nine.
const NANOSECONDS: u8 = 9;

/// Writes blocks into memory, from where they are taken.
pub struct Writer {
    file: PcapNgWriter<Vec<u8>>,
    numbers: Vec<Option<u32>>,
    next: u32,
}

impl Writer {
    /// A file for places `0..places`.
    pub fn new(places: usize) -> Self {
        let file = PcapNgWriter::new(Vec::new()).expect("a Vec takes every write");
        Self { file, numbers: vec![None; places], next: 0 }
    }

    /// Describes the interface of a place, once.
    pub fn interface(&mut self, place: usize, label: &str, header: Header) {
        if self.numbers[place].is_some() {
            return;
        }
        let block = InterfaceDescriptionBlock {
            linktype: DataLink::from(header.link_type),
            snaplen: header.snaplen,
            options: vec![
                InterfaceDescriptionOption::IfName(Cow::Owned(label.to_owned())),
                InterfaceDescriptionOption::IfTsResol(NANOSECONDS),
            ],
        };
        if self.file.write_block(&Block::InterfaceDescription(block)).is_ok() {
            self.numbers[place] = Some(self.next);
            self.next += 1;
        }
    }

    /// Adds a packet of a place that has been described; others have none.
    pub fn packet(&mut self, place: usize, record: Record) {
        let Some(interface_id) = self.numbers[place] else { return };
        let block = EnhancedPacketBlock {
            interface_id,
            timestamp: Duration::from_nanos(u64::try_from(record.time).unwrap_or(0)),
            original_len: record.original_length,
            data: Cow::Owned(record.data),
            options: vec![],
        };
        // Writing to memory fails for an unknown interface only.
        let _ = self.file.write_block(&Block::EnhancedPacket(block));
    }

    /// What has been written since the last call.
    pub fn take(&mut self) -> Vec<u8> {
        std::mem::take(self.file.get_mut())
    }
}
