//! Reduced samples on disk: the rows of one agent and metric of one period are one value.
//!
//! Keys begin with grain and metric, so that a question about one metric of many hosts reads what lies together and nothing of other
//! metrics. A block that compaction writes gets a mark with it; the mark goes after the rows of its hour are on stable storage. A crash
//! between leaves the mark, and the same rows are made and merged once more, which changes nothing.

use super::block;
use super::disk::{Disk, Plan};
use super::upkeep::{first_keys, hour_bytes, remove_all};
use super::value::{self, Kind, Packed};
use crate::store::{HOUR_MS, StoreError, Unrolled, by_period, period_ms};
use rollcall_domain::sample::{Attributes, Grain, Rolled, Row, Tracks, merge};
use rollcall_shared::sample::SampleSet;
use rollcall_shared::{AgentId, ContentHash, Timestamp};
use std::collections::BTreeSet;

const VERSION: u8 = 1;

/// Rows are written a few times and kept for years.
const ROWS_LEVEL: i32 = 6;

/// Columns of a row: count, smallest, largest, sum, newest.
const COLUMNS: usize = 5;

/// Bytes of a key before the period: letter, grain, metric.
const METRIC_BYTES: usize = 1 + 1 + 16;

/// Longest span of a pack that is answered for hour by hour: agents' spools hold days.
const TAIL_HOURS: i64 = 24 * 31;

/// Plans the mark of a block.
pub fn mark(plan: &mut Plan, agent: AgentId, hour: i64, generation: u64) -> Result<(), StoreError> {
    Packed { kind: Kind::Unrolled, id: &mark_id(agent, hour), generation, plain: &[], level: 1 }.plan(plan, false)
}

fn mark_id(agent: AgentId, hour: i64) -> [u8; 24] {
    let mut id = [0; 24];
    id[..16].copy_from_slice(&agent.0.to_be_bytes());
    id[16..].copy_from_slice(&hour_bytes(hour));
    id
}

fn marks<'a>(disk: &'a Disk, from: AgentId, to: AgentId) -> impl Iterator<Item = Result<(AgentId, i64, u64), StoreError>> + 'a {
    let range = Kind::Unrolled.head_key(&mark_id(from, i64::MIN))..=Kind::Unrolled.head_key(&mark_id(to, i64::MAX));
    disk.scan(range).map(|entry| {
        let (key, head) = entry?;
        let parts =
            key.get(1..).and_then(|id| id.split_first_chunk::<16>()).and_then(|(agent, rest)| Some((agent, rest.first_chunk::<8>()?)));
        let known = parts.zip(value::generation(&head));
        let ((agent, hour), generation) =
            known.ok_or_else(|| StoreError::Corrupt { subject: "mark of an hour".into(), cause: format!("key {key:02x?}") })?;
        Ok((AgentId(u128::from_be_bytes(*agent)), i64::from_be_bytes(*hour) ^ i64::MIN, generation))
    })
}

/// See [`crate::store::Store::next_unrolled`].
pub fn next_unrolled(disk: &Disk, after: Option<AgentId>, ended_by: Timestamp) -> Result<Option<Unrolled>, StoreError> {
    let Some(first) = after.map_or(Some(0), |after| after.0.checked_add(1)) else { return Ok(None) };
    let mut found: Option<Unrolled> = None;
    for mark in marks(disk, AgentId(first), AgentId(u128::MAX)) {
        let (agent, hour, generation) = mark?;
        if found.as_ref().is_some_and(|found| found.agent != agent) {
            break;
        }
        if hour.saturating_add(1).saturating_mul(HOUR_MS) <= ended_by.0 {
            let begin = Timestamp(hour.saturating_mul(HOUR_MS));
            found.get_or_insert_with(|| Unrolled { agent, hours: Vec::new() }).hours.push((begin, generation));
        }
    }
    Ok(found)
}

/// See [`crate::store::Store::unrolled_hours`]; `tail` holds the oldest and newest moments of what is not compacted.
pub fn unrolled_hours(disk: &Disk, agent: AgentId, tail: &[(Timestamp, Timestamp)]) -> Result<Vec<Timestamp>, StoreError> {
    let mut hours: BTreeSet<i64> = BTreeSet::new();
    for (oldest, newest) in tail {
        // Agents date samples within days of now; a pack that claims more is answered for at its ends.
        let (first, last) = (oldest.0.div_euclid(HOUR_MS), newest.0.div_euclid(HOUR_MS));
        if last.saturating_sub(first) <= TAIL_HOURS {
            hours.extend(first..=last);
        } else {
            hours.extend([first, last]);
        }
    }
    for mark in marks(disk, agent, agent) {
        hours.insert(mark?.1);
    }
    Ok(hours.into_iter().map(|hour| Timestamp(hour.saturating_mul(HOUR_MS))).collect())
}

/// See [`crate::store::Store::roll_up`]. Callers take turns with compaction.
pub fn roll_up(disk: &Disk, hours: &Unrolled, rows: &[(Grain, Rolled)]) -> Result<(), StoreError> {
    disk.check_not_failed()?;
    let (mut plan, mut stale) = (Plan::default(), Vec::new());
    for (grain, metric, tracks) in
        rows.iter().flat_map(|(grain, rolled)| rolled.iter().map(move |(metric, tracks)| (*grain, metric, tracks)))
    {
        for (period, fresh) in by_period(grain, tracks) {
            let id = rows_id(grain, metric, period, hours.agent);
            let existing = value::get(disk, Kind::Rows, &id)?;
            let mut merged = existing.as_ref().map_or_else(|| Ok(Tracks::new()), |found| decode_rows(&id, &found.plain))?;
            merge(&mut merged, fresh);
            let plain = encode(&merged);
            if existing.as_ref().is_some_and(|found| found.plain == plain) {
                continue;
            }
            let generation = existing.as_ref().map_or(1, |found| found.generation + 1);
            Packed { kind: Kind::Rows, id: &id, generation, plain: &plain, level: ROWS_LEVEL }.plan(&mut plan, false)?;
            if existing.is_some_and(|found| found.chunked) {
                stale.extend(value::stale_chunks(disk, Kind::Rows, &id, generation)?);
            }
            if plan.is_full() {
                disk.write(std::mem::take(&mut plan))?;
            }
        }
    }
    disk.write(plan)?;
    remove_all(disk, stale)?;
    clear_marks(disk, hours)
}

fn clear_marks(disk: &Disk, hours: &Unrolled) -> Result<(), StoreError> {
    let mut keys = Vec::new();
    for (begin, generation) in &hours.hours {
        let key = Kind::Unrolled.head_key(&mark_id(hours.agent, begin.0.div_euclid(HOUR_MS)));
        if disk.get(&key)?.and_then(|head| value::generation(&head)) == Some(*generation) {
            keys.push(key);
        }
    }
    remove_all(disk, keys)
}

/// See [`crate::store::Store::rows`].
pub fn rows(disk: &Disk, (grain, metric): (Grain, &str), agent: AgentId, (from, to): (Timestamp, Timestamp)) -> Result<Tracks, StoreError> {
    let mut found = Tracks::new();
    if from >= to {
        return Ok(found);
    }
    let period = |at: i64| at.div_euclid(period_ms(grain));
    let last = Kind::Rows.head_key(&rows_id(grain, metric, period(to.0 - 1), agent));
    let mut next = period(from.0);
    loop {
        let from_key = Kind::Rows.head_key(&rows_id(grain, metric, next, agent));
        if from_key > last {
            return Ok(found);
        }
        let Some((key, head)) = disk.scan(from_key..=last.clone()).next().transpose()? else { return Ok(found) };
        let (here, owner) = place(&key)?;
        if owner == agent {
            let id = &key[1..];
            // One that is replaced at this moment is read again by its key.
            let plain = match value::unpack(disk, Kind::Rows, id, &head) {
                Err(StoreError::Corrupt { .. }) => value::get(disk, Kind::Rows, id)?.map(|found| found.plain),
                outcome => Some(outcome?.plain),
            };
            for (attributes, rows) in plain.map_or_else(|| Ok(Tracks::new()), |plain| decode_rows(id, &plain))? {
                let mut rows = rows.into_iter().filter(|row| from <= row.at && row.at < to).peekable();
                if rows.peek().is_some() {
                    found.entry(attributes).or_default().extend(rows);
                }
            }
        }
        let Some(after) = here.checked_add(i64::from(owner >= agent)) else { return Ok(found) };
        next = after;
    }
}

/// See [`crate::store::Store::expire_rows`]. Callers take turns.
pub fn expire(disk: &Disk, grain: Grain, before: Timestamp) -> Result<u64, StoreError> {
    disk.check_not_failed()?;
    let limit = hour_bytes(before.0.div_euclid(period_ms(grain)));
    let gone = forget(disk, Kind::Rows.head_key(&[grain_byte(grain)]), &limit)?;
    forget(disk, Kind::Rows.chunk_prefix(&[grain_byte(grain)]), &limit)?;
    Ok(gone)
}

/// Removes the rows and marks of some agents; see [`crate::store::Store::forget_samples`]. Callers take turns.
pub fn forget_agents(disk: &Disk, agents: &BTreeSet<AgentId>) -> Result<(), StoreError> {
    disk.check_not_failed()?;
    let mut keys = Vec::new();
    for entry in disk.scan_prefix(&Kind::Rows.head_key(&[])) {
        let (key, _) = entry?;
        if agents.contains(&place(&key)?.1) {
            keys.extend(value::stale_chunks(disk, Kind::Rows, &key[1..], u64::MAX)?);
            keys.push(key.to_vec());
        }
    }
    for agent in agents {
        for mark in marks(disk, *agent, *agent) {
            let (agent, hour, _) = mark?;
            keys.push(Kind::Unrolled.head_key(&mark_id(agent, hour)));
        }
    }
    remove_all(disk, keys)
}

/// Removes the keys of each metric below a period, metric by metric.
fn forget(disk: &Disk, prefix: Vec<u8>, limit: &[u8; 8]) -> Result<u64, StoreError> {
    let end = [&prefix[..], &[0xff; 48]].concat();
    let (mut cursor, mut gone) = (prefix, 0);
    while let Some((key, _)) = disk.scan(cursor..end.clone()).next().transpose()? {
        let metric = key.get(..METRIC_BYTES).unwrap_or(&key).to_vec();
        let old = metric.clone()..[&metric[..], limit].concat();
        loop {
            let keys = first_keys(disk, old.clone())?;
            if keys.is_empty() {
                break;
            }
            gone += keys.len() as u64;
            remove_all(disk, keys)?;
        }
        cursor = [&metric[..], &[0xff; 32]].concat();
    }
    Ok(gone)
}

fn grain_byte(grain: Grain) -> u8 {
    match grain {
        Grain::FiveMinutes => 5,
        Grain::Hour => 60,
    }
}

fn rows_id(grain: Grain, metric: &str, period: i64, agent: AgentId) -> Vec<u8> {
    let name = ContentHash::of(metric.as_bytes());
    [&[grain_byte(grain)], &name.0[..16], &hour_bytes(period), &agent.0.to_be_bytes()].concat()
}

/// Period and agent of a key.
fn place(key: &[u8]) -> Result<(i64, AgentId), StoreError> {
    let parts = key.get(METRIC_BYTES..).and_then(|rest| rest.split_first_chunk::<8>());
    let parts = parts.and_then(|(period, rest)| Some((period, rest.first_chunk::<16>()?)));
    let (period, agent) = parts.ok_or_else(|| StoreError::Corrupt { subject: "rows".into(), cause: format!("key {key:02x?}") })?;
    Ok((i64::from_be_bytes(*period) ^ i64::MIN, AgentId(u128::from_be_bytes(*agent))))
}

/// Version, then for each series its attributes and its rows as a block of five columns, each part behind its length.
fn encode(tracks: &Tracks) -> Vec<u8> {
    let mut out = vec![VERSION];
    for (attributes, rows) in tracks {
        block::put_varint(&mut out, attributes.len() as u64);
        for text in attributes.iter().flat_map(|(name, value)| [name, value]) {
            put_part(&mut out, text.as_bytes());
        }
        let sets: Vec<SampleSet> = rows.iter().map(to_set).collect();
        put_part(&mut out, &block::encode(&sets));
    }
    out
}

fn put_part(out: &mut Vec<u8>, part: &[u8]) {
    block::put_varint(out, part.len() as u64);
    out.extend_from_slice(part);
}

fn to_set(row: &Row) -> SampleSet {
    let values = [f64::from(row.count), row.min, row.max, row.sum, row.last];
    SampleSet { table: ContentHash([0; 32]), at: row.at, values: values.map(Some).to_vec() }
}

fn decode_rows(id: &[u8], bytes: &[u8]) -> Result<Tracks, StoreError> {
    decode(bytes).ok_or_else(|| StoreError::Corrupt { subject: format!("rows {id:02x?}"), cause: "they are malformed".into() })
}

fn decode(bytes: &[u8]) -> Option<Tracks> {
    let (&version, mut rest) = bytes.split_first()?;
    let mut tracks = Tracks::new();
    while version == VERSION && !rest.is_empty() {
        let count = usize::try_from(block::take_varint(&mut rest)?).ok()?;
        // Each attribute takes two bytes at least.
        if count > rest.len() {
            return None;
        }
        let mut attributes = Attributes::with_capacity(count);
        for _ in 0..count {
            let name = String::from_utf8(take_part(&mut rest)?.to_vec()).ok()?;
            attributes.push((name, String::from_utf8(take_part(&mut rest)?.to_vec()).ok()?));
        }
        let rows: Option<Vec<Row>> = block::decode(take_part(&mut rest)?)?.iter().map(from_set).collect();
        tracks.insert(attributes, rows?);
    }
    (version == VERSION).then_some(tracks)
}

fn take_part<'a>(rest: &mut &'a [u8]) -> Option<&'a [u8]> {
    let length = usize::try_from(block::take_varint(rest)?).ok()?;
    block::take(rest, length)
}

#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "a count that was written as a whole number; damage is bounded"
)]
fn from_set(set: &SampleSet) -> Option<Row> {
    let values: [f64; COLUMNS] = set.values.iter().copied().collect::<Option<Vec<f64>>>()?.try_into().ok()?;
    let [count, min, max, sum, last] = values;
    (count >= 1.0).then_some(Row { at: set.at, count: count as u32, min, max, sum, last })
}

#[cfg(test)]
mod tests;
