//! The number that nf_tables counts up with every change of a namespace's rules, whoever makes it.

use std::io;

use super::Socket;

const GET_GENERATION: u16 = (10 << 8) | 16; // NFNL_SUBSYS_NFTABLES, NFT_MSG_GETGEN
const NEW_GENERATION: u16 = (10 << 8) | 15; // NFT_MSG_NEWGEN
const NFTA_GEN_ID: u16 = 1;

/// The number of the calling thread's namespace.
pub(crate) fn generation() -> io::Result<u32> {
    let socket = Socket::netfilter()?;
    // nlmsghdr (16 bytes) and nfgenmsg (4 bytes of zeros: any family, version 0).
    let mut question = [0_u8; 20];
    question[0..4].copy_from_slice(&20_u32.to_ne_bytes());
    question[4..6].copy_from_slice(&GET_GENERATION.to_ne_bytes());
    question[6..8].copy_from_slice(&netlink_packet_core::NLM_F_REQUEST.to_ne_bytes());
    question[8..12].copy_from_slice(&socket.sequence(1).to_ne_bytes());
    socket.send(&question)?;

    let mut answer = Vec::with_capacity(1024);
    socket.receive(&mut answer)?;
    if answer.get(4..6) != Some(&NEW_GENERATION.to_ne_bytes()) {
        let refusal = super::batch::refusal(&answer);
        return Err(refusal.map_or_else(|| io::Error::from(io::ErrorKind::InvalidData), io::Error::other));
    }
    let mut rest = answer.get(20..).unwrap_or_default();
    while let [low, high, kind_low, kind_high, value @ ..] = rest {
        let length = usize::from(u16::from_ne_bytes([*low, *high]));
        let kind = u16::from_ne_bytes([*kind_low, *kind_high]) & 0x3fff;
        if let (NFTA_GEN_ID, Some(id)) = (kind, value.first_chunk::<4>()) {
            return Ok(u32::from_be_bytes(*id));
        }
        rest = rest.get(length.max(4).next_multiple_of(4)..).unwrap_or_default();
    }
    Err(io::Error::new(io::ErrorKind::InvalidData, "nf_tables did not tell its generation"))
}
