//! The classic pcap file format, read while it is still being written (pcap-savefile(5)).

use super::timestamp::Nanoseconds;

/// The longest record that is believed: libpcap's own limit (`MAXIMUM_SNAPLEN`).
pub const RECORD_MAX: u32 = 262_144;

const HEADER: usize = 24;
const RECORD_HEADER: usize = 16;

/// What stands at the beginning of a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Header {
    /// `LINKTYPE_…`, 1 for Ethernet.
    pub link_type: u32,
    /// The most that is kept of a packet.
    pub snaplen: u32,
    /// Whether times have nanoseconds, not microseconds.
    pub nanoseconds: bool,
    big_endian: bool,
}

/// One packet.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Record {
    /// When it was seen.
    pub time: Nanoseconds,
    /// Its length on the wire.
    pub original_length: u32,
    /// What was kept of it.
    pub data: Vec<u8>,
}

/// Why bytes are no pcap file.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PcapError {
    /// It does not begin as one.
    #[error("no pcap file: it begins with {0:02x?}")]
    Magic([u8; 4]),
    /// A record that is longer than any can be.
    #[error("broken pcap file: a packet of {0} bytes")]
    Length(u32),
}

/// Takes bytes as they come, and gives whole records.
#[derive(Debug, Default)]
pub struct Reader {
    bytes: Vec<u8>,
    header: Option<Header>,
}

impl Reader {
    /// Takes what was read.
    pub fn push(&mut self, bytes: &[u8]) {
        self.bytes.extend_from_slice(bytes);
    }

    /// The file's header, once all of it has come.
    ///
    /// # Errors
    /// If it is none.
    pub fn header(&mut self) -> Result<Option<Header>, PcapError> {
        if self.header.is_none()
            && let Some(bytes) = self.bytes.first_chunk::<HEADER>()
        {
            self.header = Some(read_header(bytes)?);
            self.bytes.drain(..HEADER);
        }
        Ok(self.header)
    }

    /// All records that have come whole.
    ///
    /// # Errors
    /// If the bytes are no pcap file; what came before the broken place is lost too.
    pub fn records(&mut self) -> Result<Vec<Record>, PcapError> {
        let Some(header) = self.header()? else { return Ok(vec![]) };
        let mut records = vec![];
        let mut rest = self.bytes.as_slice();
        while let Some((record, behind)) = read_record(header, rest)? {
            records.push(record);
            rest = behind;
        }
        let read = self.bytes.len() - rest.len();
        self.bytes.drain(..read);
        Ok(records)
    }

    /// Bytes of a record that has not come whole; not 0 at the end means that it was cut off.
    pub fn left_over(&self) -> usize {
        self.bytes.len()
    }
}

fn read_header(bytes: &[u8; HEADER]) -> Result<Header, PcapError> {
    let magic = [bytes[0], bytes[1], bytes[2], bytes[3]];
    let (big_endian, nanoseconds) = match magic {
        [0xd4, 0xc3, 0xb2, 0xa1] => (false, false),
        [0x4d, 0x3c, 0xb2, 0xa1] => (false, true),
        [0xa1, 0xb2, 0xc3, 0xd4] => (true, false),
        [0xa1, 0xb2, 0x3c, 0x4d] => (true, true),
        _ => return Err(PcapError::Magic(magic)),
    };
    // The upper bits of the link type tell of frame check sequences.
    let link_type = number(big_endian, bytes, 20) & 0x03ff_ffff;
    Ok(Header { link_type, snaplen: number(big_endian, bytes, 16), nanoseconds, big_endian })
}

fn read_record(header: Header, bytes: &[u8]) -> Result<Option<(Record, &[u8])>, PcapError> {
    let Some((fields, rest)) = bytes.split_first_chunk::<RECORD_HEADER>() else { return Ok(None) };
    let field = |at| number(header.big_endian, fields, at);
    let length = field(8);
    if length > RECORD_MAX {
        return Err(PcapError::Length(length));
    }
    let Some((data, rest)) = rest.split_at_checked(length as usize) else { return Ok(None) };
    let fraction = i64::from(field(4)) * if header.nanoseconds { 1 } else { 1000 };
    let time = i64::from(field(0)) * 1_000_000_000 + fraction;
    Ok(Some((Record { time, original_length: field(12), data: data.to_vec() }, rest)))
}

fn number(big_endian: bool, bytes: &[u8], at: usize) -> u32 {
    let four = [bytes[at], bytes[at + 1], bytes[at + 2], bytes[at + 3]];
    if big_endian { u32::from_be_bytes(four) } else { u32::from_le_bytes(four) }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PING: &[u8] = include_bytes!("testdata/ping.pcap");
    const PING_NANO: &[u8] = include_bytes!("testdata/ping_nano.pcap");

    fn read(bytes: &[u8], chunk: usize) -> (Header, Vec<Record>) {
        let mut reader = Reader::default();
        let mut records = vec![];
        for bytes in bytes.chunks(chunk) {
            reader.push(bytes);
            records.extend(reader.records().unwrap());
        }
        assert_eq!(reader.left_over(), 0);
        (reader.header().unwrap().unwrap(), records)
    }

    #[test]
    fn a_capture_reads_back_however_it_is_cut() {
        let (header, records) = read(PING, PING.len());
        assert_eq!((header.link_type, header.snaplen, header.nanoseconds), (1, 262_144, false));
        assert_eq!(records.len(), 6);
        assert_eq!(records[0].time, 1_795_180_423_819_505_000);
        assert!(records.iter().all(|record| record.original_length == 98 && record.data.len() == 98));
        for chunk in [1, 7, 16, 98] {
            assert_eq!(read(PING, chunk), (header, records.clone()));
        }
    }

    #[test]
    fn nanoseconds_and_the_other_byte_order_are_known() {
        let (header, records) = read(PING_NANO, 100);
        assert!(header.nanoseconds);
        assert_eq!(records[0].time, 1_795_180_395_510_045_708);

        let (mut swapped, data) = (PING_NANO.to_vec(), 98);
        swapped[..4].reverse();
        swapped[4..6].reverse();
        swapped[6..8].reverse();
        for at in (8..HEADER).step_by(4) {
            swapped[at..at + 4].reverse();
        }
        for record in (HEADER..PING_NANO.len()).step_by(RECORD_HEADER + data) {
            for at in (record..record + RECORD_HEADER).step_by(4) {
                swapped[at..at + 4].reverse();
            }
        }
        assert_eq!(read(&swapped, 50).1, records);
    }

    #[test]
    fn nonsense_is_refused() {
        let mut reader = Reader::default();
        reader.push(b"this is a text and no capture");
        assert_eq!(reader.records(), Err(PcapError::Magic(*b"this")));

        let mut reader = Reader::default();
        reader.push(&PING[..HEADER]);
        reader.push(&[0xff; RECORD_HEADER]);
        assert_eq!(reader.records(), Err(PcapError::Length(u32::MAX)));
    }
}
