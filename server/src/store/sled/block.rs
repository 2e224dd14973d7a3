//! Blocks: an agent's sample sets of one hour, by column.
//!
//! Sets in time order are cut into *runs* of the same series table and width. A run holds its moments as differences of differences and, for
//! each series, the differences between neighbours: of integers where all are integers, else the exclusive or of the bits. The
//! eight bytes of each difference are stored apart, most significant first, so that what hardly changes lies together; the store compresses the
//! result. Bit-exact: what comes out is what went in.
//!
//! Must never panic or allocate without bound on damaged bytes, checksummed though they are.

use rollcall_shared::sample::SampleSet;
use rollcall_shared::{ContentHash, Timestamp};

const VERSION: u8 = 1;

/// A series' values are as they are: exclusive or with the one before.
const BITS: u8 = 0;
/// A series' values are integers: difference to the one before.
const INTEGERS: u8 = 1;
/// Added when some values are missing and a bit map says which are there.
const SPARSE: u8 = 2;

/// Writes sets, in the order given.
pub fn encode(sets: &[SampleSet]) -> Vec<u8> {
    let mut out = vec![VERSION];
    for run in sets.chunk_by(|a, b| a.table == b.table && a.values.len() == b.values.len()) {
        encode_run(&mut out, run);
    }
    out
}

fn encode_run(out: &mut Vec<u8>, run: &[SampleSet]) {
    let Some(first) = run.first() else { return };
    put_varint(out, run.len() as u64);
    put_varint(out, first.values.len() as u64);
    out.extend_from_slice(&first.table.0);
    let (mut at, mut step) = (0_i64, 0_i64);
    for set in run {
        let next_step = set.at.0.wrapping_sub(at);
        put_varint(out, zigzag(next_step.wrapping_sub(step)));
        (at, step) = (set.at.0, next_step);
    }
    let mut words = Vec::new();
    for series in 0..first.values.len() {
        encode_series(out, &mut words, run, series);
    }
    for plane in (0..8).rev() {
        out.extend(words.iter().map(|word: &u64| word.to_le_bytes()[plane]));
    }
}

fn encode_series(out: &mut Vec<u8>, words: &mut Vec<u64>, run: &[SampleSet], series: usize) {
    let values = || run.iter().map(|set| set.values[series]);
    let sparse = values().any(|value| value.is_none());
    let integers = values().flatten().all(|value| exact_integer(value).is_some());
    out.push(if integers { INTEGERS } else { BITS } | if sparse { SPARSE } else { 0 });
    if sparse {
        out.extend(run.chunks(8).map(|eight| {
            let bit = |(place, set): (usize, &SampleSet)| u8::from(set.values[series].is_some()) << place;
            eight.iter().enumerate().map(bit).fold(0, |byte, bit| byte | bit)
        }));
    }
    let mut previous = 0;
    for value in values().flatten() {
        let word = if integers { exact_integer(value).unwrap_or_default() as u64 } else { value.to_bits() };
        words.push(if integers { zigzag((word.wrapping_sub(previous)) as i64) } else { word ^ previous });
        previous = word;
    }
}

/// The integer that `value` is, where a conversion back gives the same bits.
fn exact_integer(value: f64) -> Option<i64> {
    let integer = value as i64;
    ((integer as f64).to_bits() == value.to_bits()).then_some(integer)
}

/// Reads what [`encode`] wrote; `None` when it is malformed.
pub fn decode(bytes: &[u8]) -> Option<Vec<SampleSet>> {
    let (&version, mut rest) = bytes.split_first()?;
    let mut sets = Vec::new();
    while version == VERSION && !rest.is_empty() {
        decode_run(&mut rest, &mut sets)?;
    }
    (version == VERSION).then_some(sets)
}

fn decode_run(rest: &mut &[u8], sets: &mut Vec<SampleSet>) -> Option<()> {
    let count = usize::try_from(take_varint(rest)?).ok()?;
    let width = usize::try_from(take_varint(rest)?).ok()?;
    let table = ContentHash(take(rest, 32)?.try_into().ok()?);
    // Each moment takes a byte and each series another, so neither can claim more than there is.
    if count > rest.len() || width > rest.len() {
        return None;
    }
    let mut moments = Vec::with_capacity(count);
    let (mut at, mut step) = (0_i64, 0_i64);
    for _ in 0..count {
        step = step.wrapping_add(unzigzag(take_varint(rest)?));
        at = at.wrapping_add(step);
        moments.push(Timestamp(at));
    }
    let columns = take_columns(rest, count, width)?;
    let total = columns.iter().try_fold(0_usize, |sum, column| sum.checked_add(column.present(count)))?;
    let planes = take(rest, total.checked_mul(8)?)?;
    let mut run: Vec<SampleSet> = moments.into_iter().map(|at| SampleSet { table, at, values: vec![None; width] }).collect();
    let mut place = 0;
    for (series, column) in columns.iter().enumerate() {
        let mut previous = 0;
        for (number, set) in run.iter_mut().enumerate() {
            if column.has(number) {
                let word = (0..8).fold(0_u64, |word, plane| word << 8 | u64::from(planes[plane * total + place]));
                set.values[series] = Some(column.next_value(word, &mut previous));
                place += 1;
            }
        }
    }
    sets.append(&mut run);
    Some(())
}

struct Column<'a> {
    integers: bool,
    presence: Option<&'a [u8]>,
}

fn take_columns<'a>(rest: &mut &'a [u8], count: usize, width: usize) -> Option<Vec<Column<'a>>> {
    let mut columns = Vec::with_capacity(width);
    for _ in 0..width {
        let mode = take(rest, 1)?[0];
        if mode > (INTEGERS | SPARSE) {
            return None;
        }
        let presence = if mode & SPARSE != 0 { Some(take(rest, count.div_ceil(8))?) } else { None };
        columns.push(Column { integers: mode & INTEGERS != 0, presence });
    }
    Some(columns)
}

impl Column<'_> {
    fn has(&self, number: usize) -> bool {
        self.presence.is_none_or(|bits| bits[number / 8] >> (number % 8) & 1 == 1)
    }

    fn present(&self, count: usize) -> usize {
        (0..count).filter(|&number| self.has(number)).count()
    }

    fn next_value(&self, word: u64, previous: &mut u64) -> f64 {
        *previous = if self.integers { previous.wrapping_add(unzigzag(word) as u64) } else { *previous ^ word };
        if self.integers { *previous as i64 as f64 } else { f64::from_bits(*previous) }
    }
}

fn zigzag(number: i64) -> u64 {
    (number << 1 ^ number >> 63) as u64
}

fn unzigzag(number: u64) -> i64 {
    (number >> 1) as i64 ^ -((number & 1) as i64)
}

/// Appends a number, seven bits a byte, least significant first.
pub fn put_varint(out: &mut Vec<u8>, mut number: u64) {
    while number >= 0x80 {
        out.push(number as u8 | 0x80);
        number >>= 7;
    }
    out.push(number as u8);
}

/// Takes off what [`put_varint`] wrote; `None` when it is malformed.
pub fn take_varint(rest: &mut &[u8]) -> Option<u64> {
    let mut number = 0_u64;
    for shift in (0..64).step_by(7) {
        let byte = take(rest, 1)?[0];
        number |= u64::from(byte & 0x7f) << shift;
        if byte < 0x80 {
            return Some(number);
        }
    }
    None
}

/// The first bytes, which are taken off.
pub fn take<'a>(rest: &mut &'a [u8], count: usize) -> Option<&'a [u8]> {
    let (taken, left) = rest.split_at_checked(count)?;
    *rest = left;
    Some(taken)
}

#[cfg(test)]
mod tests;
