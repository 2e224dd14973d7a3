//! Sample sets in few bytes: what a quiet host says every minute is mostly what it said ten seconds before.
//!
//! Sets are cut into *runs* of the same table and number of values. A run is the number of its sets and of their values (varints of
//! seven bits a byte), the table's name, its moments (the first in milliseconds, then the step to the second, then what each
//! step differs from the one before; zig-zag varints), and a column for each series (module `column`), filled up to whole bytes. In JSON sets are
//! what they look like.
//!
//! Invariants: what is read is bit for bit what was written; no bytes make more than a message's limits allow, none panic, none are left
//! over.

use super::bits::{Reader, Writer};
use super::{SampleSet, column};
use crate::limits::{MESSAGE_SAMPLE_SETS, SERIES};
use crate::{ContentHash, Timestamp};
use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

/// Writes sets, in the order given.
#[must_use]
pub fn pack(sets: &[SampleSet]) -> Vec<u8> {
    let mut out = Vec::new();
    for run in sets.chunk_by(|a, b| a.table == b.table && a.values.len() == b.values.len()) {
        pack_run(&mut out, run);
    }
    out
}

fn pack_run(out: &mut Vec<u8>, run: &[SampleSet]) {
    let Some(first) = run.first() else { return };
    put_varint(out, run.len() as u64);
    put_varint(out, first.values.len() as u64);
    out.extend_from_slice(&first.table.0);
    let (mut at, mut step) = (0_i64, 0_i64);
    for (number, set) in run.iter().enumerate() {
        let next = set.at.0.wrapping_sub(at);
        put_varint(out, zigzag(next.wrapping_sub(step)));
        // The step to the first is no measure of those that follow.
        (at, step) = (set.at.0, if number == 0 { 0 } else { next });
    }
    let mut bits = Writer::default();
    let mut values = Vec::with_capacity(run.len());
    for series in 0..first.values.len() {
        values.clear();
        values.extend(run.iter().map(|set| set.values[series]));
        column::put(&mut bits, &values);
    }
    out.extend(bits.finish());
}

/// Reads what [`pack`] wrote; none when it is malformed or beyond a message's limits.
#[must_use]
pub fn unpack(bytes: &[u8]) -> Option<Vec<SampleSet>> {
    let mut rest = bytes;
    let mut sets = Vec::new();
    while !rest.is_empty() {
        rest = unpack_run(rest, &mut sets)?;
    }
    Some(sets)
}

fn unpack_run<'a>(bytes: &'a [u8], sets: &mut Vec<SampleSet>) -> Option<&'a [u8]> {
    let mut rest = bytes;
    let count = usize::try_from(take_varint(&mut rest)?).ok().filter(|count| (1..=MESSAGE_SAMPLE_SETS - sets.len()).contains(count))?;
    let width = usize::try_from(take_varint(&mut rest)?).ok().filter(|width| *width <= SERIES)?;
    let (table, mut rest) = rest.split_first_chunk::<32>()?;
    let mut run = Vec::with_capacity(count);
    let (mut at, mut step) = (0_i64, 0_i64);
    for number in 0..count {
        let next = step.wrapping_add(unzigzag(take_varint(&mut rest)?));
        at = at.wrapping_add(next);
        step = if number == 0 { 0 } else { next };
        run.push(SampleSet { table: ContentHash(*table), at: Timestamp(at), values: Vec::new() });
    }
    // A series takes two bits at least: no more room is made than the bytes can fill.
    if width > rest.len().saturating_mul(4) {
        return None;
    }
    run.iter_mut().for_each(|set| set.values.reserve_exact(width));
    let mut bits = Reader::new(rest);
    for _ in 0..width {
        let values = column::take(&mut bits, count)?;
        run.iter_mut().zip(values).for_each(|(set, value)| set.values.push(value));
    }
    sets.append(&mut run);
    bits.finish()
}

fn put_varint(out: &mut Vec<u8>, mut value: u64) {
    while value >= 0x80 {
        out.push((value & 0x7f) as u8 | 0x80);
        value >>= 7;
    }
    out.push(value as u8);
}

fn take_varint(rest: &mut &[u8]) -> Option<u64> {
    let mut value = 0;
    for shift in (0..64).step_by(7) {
        let (&byte, after) = rest.split_first()?;
        *rest = after;
        let part = u64::from(byte & 0x7f);
        if part << shift >> shift != part {
            return None;
        }
        value |= part << shift;
        if byte < 0x80 {
            return Some(value);
        }
    }
    None
}

fn zigzag(number: i64) -> u64 {
    (number << 1 ^ number >> 63).cast_unsigned()
}

fn unzigzag(number: u64) -> i64 {
    (number >> 1).cast_signed() ^ -(number & 1).cast_signed()
}

/// For `#[serde(with)]`.
///
/// # Errors
/// The serializer's.
pub fn serialize<S: Serializer>(sets: &[SampleSet], serializer: S) -> Result<S::Ok, S::Error> {
    if serializer.is_human_readable() { sets.serialize(serializer) } else { serializer.serialize_bytes(&pack(sets)) }
}

/// For `#[serde(with)]`.
///
/// # Errors
/// When there are no sets.
pub fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<SampleSet>, D::Error> {
    if deserializer.is_human_readable() { Vec::deserialize(deserializer) } else { deserializer.deserialize_byte_buf(Packed) }
}

struct Packed;

impl de::Visitor<'_> for Packed {
    type Value = Vec<SampleSet>;

    fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("packed sample sets")
    }

    fn visit_bytes<E: de::Error>(self, bytes: &[u8]) -> Result<Self::Value, E> {
        unpack(bytes).ok_or_else(|| E::custom("the sample sets are malformed or beyond the limits of a message"))
    }

    fn visit_byte_buf<E: de::Error>(self, bytes: Vec<u8>) -> Result<Self::Value, E> {
        self.visit_bytes(&bytes)
    }
}

#[cfg(test)]
mod tests;
