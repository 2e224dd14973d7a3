//! Records: how the spool's bytes are written, and how damaged bytes are told from good ones. Pure.
//!
//! `"RSP1"` (a message) or `"RSA1"` (an acknowledgement), payload length (u32), sequence (u64), check (first 8 bytes of the
//! BLAKE3 hash of all of the former and the payload), payload; numbers are little-endian.
//!
//! Invariants: scanning any bytes ends, never panics, and returns every record that lies whole between damaged parts.

/// Bytes before a payload.
pub const HEADER_BYTES: usize = 24;

/// Largest payload: no message comes near it (a full report is a few KiB); a length beyond is damage.
pub const PAYLOAD_BYTES: usize = 8 << 20;

const MESSAGE: [u8; 4] = *b"RSP1";
const ACKNOWLEDGEMENT: [u8; 4] = *b"RSA1";

/// What lies at a place in a segment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Found<'a> {
    /// A whole message.
    Message {
        /// Its number.
        sequence: u64,
        /// Where its header begins.
        offset: usize,
        /// Its bincode.
        payload: &'a [u8],
    },
    /// Everything up to and including this number has been acknowledged.
    Acknowledged(u64),
    /// Bytes that are no record.
    Damage {
        /// Where they begin.
        offset: usize,
        /// How many there are.
        length: usize,
        /// How many messages they can have held at most.
        messages: u64,
    },
}

/// Appends a message record.
pub fn write_message(out: &mut Vec<u8>, sequence: u64, payload: &[u8]) {
    write(out, MESSAGE, sequence, payload);
}

/// Appends an acknowledgement record.
pub fn write_acknowledgement(out: &mut Vec<u8>, through: u64) {
    write(out, ACKNOWLEDGEMENT, through, &[]);
}

fn write(out: &mut Vec<u8>, magic: [u8; 4], sequence: u64, payload: &[u8]) {
    let start = out.len();
    out.extend_from_slice(&magic);
    out.extend_from_slice(&u32::try_from(payload.len()).unwrap_or(u32::MAX).to_le_bytes());
    out.extend_from_slice(&sequence.to_le_bytes());
    let check = check(&out[start..], payload);
    out.extend_from_slice(&check);
    out.extend_from_slice(payload);
}

fn check(head: &[u8], payload: &[u8]) -> [u8; 8] {
    let hash = blake3::Hasher::new().update(head).update(payload).finalize();
    let mut check = [0; 8];
    check.copy_from_slice(&hash.as_bytes()[..8]);
    check
}

/// Everything in a segment, in order.
#[must_use]
pub fn scan(bytes: &[u8]) -> Vec<Found<'_>> {
    let mut found = Vec::new();
    let mut offset = 0;
    while offset < bytes.len() {
        if let Some((record, length)) = parse(bytes, offset) {
            found.push(record);
            offset += length;
            continue;
        }
        let next = (offset + 1..bytes.len()).find(|&place| parse(bytes, place).is_some()).unwrap_or(bytes.len());
        let damaged = &bytes[offset..next];
        found.push(Found::Damage { offset, length: damaged.len(), messages: messages_in(damaged, next == bytes.len()) });
        offset = next;
    }
    found
}

/// The record at `offset`, with its length, when it is whole.
fn parse(bytes: &[u8], offset: usize) -> Option<(Found<'_>, usize)> {
    let rest = bytes.get(offset..)?;
    let magic = rest.get(..4)?;
    if magic != MESSAGE && magic != ACKNOWLEDGEMENT {
        return None;
    }
    let (length, sequence) = numbers(rest)?;
    let payload = rest.get(HEADER_BYTES..HEADER_BYTES.checked_add(length)?)?;
    if length > PAYLOAD_BYTES || rest[16..HEADER_BYTES] != check(&rest[..16], payload) {
        return None;
    }
    let record = if magic == MESSAGE { Found::Message { sequence, offset, payload } } else { Found::Acknowledged(sequence) };
    Some((record, HEADER_BYTES + length))
}

fn numbers(rest: &[u8]) -> Option<(usize, u64)> {
    let length = u32::from_le_bytes(rest.get(4..8)?.try_into().ok()?);
    let sequence = u64::from_le_bytes(rest.get(8..16)?.try_into().ok()?);
    rest.get(..HEADER_BYTES)?;
    Some((usize::try_from(length).ok()?, sequence))
}

/// An upper bound of the messages in damaged bytes. A write that was cut short is one; of anything else only the size is known.
fn messages_in(damaged: &[u8], at_the_end: bool) -> u64 {
    let torn = damaged.len() < HEADER_BYTES
        || (damaged.starts_with(&MESSAGE)
            && numbers(damaged).is_some_and(|(length, _)| length <= PAYLOAD_BYTES && length > damaged.len() - HEADER_BYTES));
    if torn && at_the_end { 1 } else { (damaged.len() / (HEADER_BYTES + 1)).max(1) as u64 }
}

/// A segment, whatever is left of it: every byte is in a record or in a damaged part.
#[cfg(any(test, feature = "fuzzing"))]
pub(crate) fn fuzz(bytes: &[u8]) -> usize {
    let found = scan(bytes);
    let lengths = found.iter().map(|found| match found {
        Found::Message { payload, .. } => HEADER_BYTES + payload.len(),
        Found::Acknowledged(_) => HEADER_BYTES,
        Found::Damage { length, .. } => *length,
    });
    assert_eq!(lengths.sum::<usize>(), bytes.len(), "every byte is accounted for");
    let payloads = found.iter().filter_map(|found| if let Found::Message { payload, .. } = found { Some(*payload) } else { None });
    let messages = payloads.filter(|payload| rollcall_shared::wire::from_bincode::<rollcall_shared::message::Payload>(payload).is_ok());
    messages.count()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn three() -> Vec<u8> {
        let mut bytes = Vec::new();
        write_message(&mut bytes, 1, b"one");
        write_message(&mut bytes, 2, b"two and more");
        write_acknowledgement(&mut bytes, 1);
        write_message(&mut bytes, 3, b"");
        bytes
    }

    fn sequences(bytes: &[u8]) -> Vec<u64> {
        let message = |found| if let Found::Message { sequence, .. } = found { Some(sequence) } else { None };
        scan(bytes).into_iter().filter_map(message).collect()
    }

    #[test]
    fn what_was_written_is_found() {
        assert_eq!(sequences(&three()), [1, 2, 3]);
        assert!(scan(&three()).contains(&Found::Acknowledged(1)));
    }

    #[test]
    fn a_cut_at_every_byte_leaves_the_whole_records_and_counts_the_torn_one_once() {
        let bytes = three();
        for cut in 0..bytes.len() {
            let found = scan(&bytes[..cut]);
            let damaged: u64 = found.iter().map(|found| if let Found::Damage { messages, .. } = found { *messages } else { 0 }).sum();
            assert!(damaged <= 1, "cut at {cut}: {found:?}");
            let expected: Vec<u64> = [(27, 1), (27 + 36, 2)].iter().filter(|(end, _)| cut >= *end).map(|(_, sequence)| *sequence).collect();
            assert_eq!(sequences(&bytes[..cut]), expected, "cut at {cut}");
        }
    }

    #[test]
    fn a_flipped_bit_costs_one_record() {
        let bytes = three();
        for bit in 0..bytes.len() * 8 {
            let mut flipped = bytes.clone();
            flipped[bit / 8] ^= 1 << (bit % 8);
            let found = scan(&flipped);
            let damage = found.iter().filter(|found| matches!(found, Found::Damage { .. })).count();
            assert_eq!((damage, found.len()), (1, 4), "bit {bit}: {found:?}");
        }
    }

    proptest! {
        #[test]
        fn any_bytes_are_scanned_to_their_end(bytes in prop::collection::vec(any::<u8>(), 0..300)) {
            let covered: usize = scan(&bytes).iter().map(|found| match found {
                Found::Message { payload, .. } => HEADER_BYTES + payload.len(),
                Found::Acknowledged(_) => HEADER_BYTES,
                Found::Damage { length, .. } => *length,
            }).sum();
            prop_assert_eq!(covered, bytes.len());
        }
    }
}
