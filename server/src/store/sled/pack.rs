//! Packs: the records that one commit wrote, packed together, because one tree write per record costs more than the record.
//!
//! A pack is a sequence of length-prefixed records under the number of its first one. Numbers have no gaps.

use crate::store::StoreError;
use rollcall_domain::journal::JournalEntry;
use rollcall_shared::{limits, wire};

/// A pack of a commit is closed above this, so that reading one record never expands much more than this.
const PACK_BYTES: usize = 4 << 20;

/// Packs of `records`, each with how many records came before it.
pub fn pack<'a>(records: impl Iterator<Item = &'a [u8]>) -> Vec<(u64, Vec<u8>)> {
    let mut packs: Vec<(u64, Vec<u8>)> = Vec::new();
    for (number, record) in (0..).zip(records) {
        let open = packs.last_mut().filter(|(_, pack)| pack.len() + record.len() <= PACK_BYTES);
        let length = u32::try_from(record.len()).unwrap_or(u32::MAX).to_be_bytes();
        match open {
            Some((_, pack)) => pack.extend([&length, record].concat()),
            None => packs.push((number, [&length, record].concat())),
        }
    }
    packs
}

/// The records of a pack; `None` when it is malformed.
pub fn unpack(mut pack: &[u8]) -> Option<Vec<&[u8]>> {
    let mut records = Vec::new();
    while !pack.is_empty() {
        let (length, rest) = pack.split_first_chunk::<4>()?;
        let (record, rest) = rest.split_at_checked(usize::try_from(u32::from_be_bytes(*length)).ok()?)?;
        records.push(record);
        pack = rest;
    }
    Some(records)
}

/// A journal entry's bytes. Refuses one that could not be read back.
pub fn encode_entry(entry: &JournalEntry) -> Result<Vec<u8>, StoreError> {
    let refused = |cause: String| StoreError::Io { subject: format!("journal entry of {}", entry.agent), cause };
    let bytes = wire::to_bincode(entry).map_err(|error| refused(error.to_string()))?;
    // The reader's limit counts up to eight bytes for a number that is encoded in one.
    if bytes.len() > limits::FRAME_BYTES / 8 {
        wire::from_bincode::<JournalEntry>(&bytes).map_err(|error| refused(error.to_string()))?;
    }
    Ok(bytes)
}

/// Reads what [`encode_entry`] wrote.
pub fn decode_entry(position: u64, bytes: &[u8]) -> Result<JournalEntry, StoreError> {
    wire::from_bincode(bytes)
        .map_err(|error| StoreError::Corrupt { subject: format!("journal entry {position}"), cause: error.to_string() })
}
