//! Moving the journal into blocks, and forgetting old blocks.
//!
//! A block's generation is the journal position up to which its samples are in it. Merging adds only what lies after that, so a compaction that a
//! crash cut short is simply done again; the watermark moves when all blocks of a round are on stable storage, and the journal's packs go after that.

use super::block;
use super::disk::{BATCH_OPS, Disk, Plan};
use super::rollup;
use super::tail::{self, Tail};
use super::value::{self, Kind, Packed};
use crate::store::{HOUR_MS, StoreError};
use rollcall_shared::sample::SampleSet;
use rollcall_shared::{AgentId, Timestamp};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::{PoisonError, RwLock};

/// Values held in memory by one round of compaction: 64 MiB.
const ROUND_VALUES: usize = 4 << 20;

/// Blocks are written once and read often.
const BLOCK_LEVEL: i32 = 6;

/// Id of the watermark among the facts.
pub const WATERMARK: &[u8] = b"compacted";

/// Names a block: hours since 1970 and the agent.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub struct BlockId {
    hour: i64,
    agent: AgentId,
}

impl BlockId {
    fn of(agent: AgentId, at: Timestamp) -> Self {
        Self { hour: at.0.div_euclid(HOUR_MS), agent }
    }

    /// Sorts by hour, also before 1970, then by agent: what is compacted together lies together, and so does what expires together.
    fn bytes(self) -> [u8; 24] {
        let mut bytes = [0; 24];
        bytes[..8].copy_from_slice(&hour_bytes(self.hour));
        bytes[8..].copy_from_slice(&self.agent.0.to_be_bytes());
        bytes
    }

    fn from_key(key: &[u8]) -> Option<Self> {
        let (hour, rest) = key.get(1..)?.split_first_chunk::<8>()?;
        let agent = rest.first_chunk::<16>()?;
        Some(Self { hour: i64::from_be_bytes(*hour) ^ i64::MIN, agent: AgentId(u128::from_be_bytes(*agent)) })
    }
}

/// Sorts like the number.
pub fn hour_bytes(hour: i64) -> [u8; 8] {
    (hour ^ i64::MIN).to_be_bytes()
}

struct Round {
    through: u64,
    entries: u64,
    sets: BTreeMap<BlockId, Vec<(u64, SampleSet)>>,
}

/// Compacts up to `position`; see [`crate::store::Store::compact`]. Callers take turns.
pub fn compact(disk: &Disk, tail: &RwLock<Tail>, position: u64) -> Result<u64, StoreError> {
    disk.check_not_failed()?;
    let mut moved = 0;
    while let Some(round) = gather(disk, tail, position)? {
        moved += round.entries;
        let through = round.through;
        write_blocks(disk, round)?;
        let mut plan = Plan::default();
        put_watermark(&mut plan, through)?;
        disk.write(plan)?;
        let passed = tail.write().unwrap_or_else(PoisonError::into_inner).set_compacted(through);
        remove_packs(disk, &passed)?;
    }
    Ok(moved)
}

/// Plans the put of the watermark.
pub fn put_watermark(plan: &mut Plan, compacted: u64) -> Result<(), StoreError> {
    Packed { kind: Kind::Fact, id: WATERMARK, generation: 0, plain: &compacted.to_be_bytes(), level: 1 }.plan(plan, false)
}

/// Removes packs that the watermark has passed.
pub fn remove_packs(disk: &Disk, firsts: &[u64]) -> Result<(), StoreError> {
    let mut keys = Vec::new();
    for first in firsts {
        keys.push(Kind::Journal.head_key(&first.to_be_bytes()));
        keys.extend(value::stale_chunks(disk, Kind::Journal, &first.to_be_bytes(), u64::MAX)?);
    }
    remove_all(disk, keys)
}

/// Removes keys, in bounded batches. Only for what nothing refers to any more.
pub fn remove_all(disk: &Disk, keys: Vec<Vec<u8>>) -> Result<(), StoreError> {
    for some in keys.chunks(BATCH_OPS) {
        let mut plan = Plan::default();
        some.iter().for_each(|key| plan.remove(key.clone()));
        disk.write(plan)?;
    }
    Ok(())
}

fn gather(disk: &Disk, tail: &RwLock<Tail>, position: u64) -> Result<Option<Round>, StoreError> {
    let (compacted, packs) = {
        let tail = tail.read().unwrap_or_else(PoisonError::into_inner);
        (tail.compacted, tail.packs_after(tail.compacted))
    };
    let mut round = Round { through: compacted, entries: 0, sets: BTreeMap::new() };
    let mut values = 0;
    for first in packs.into_iter().take_while(|&first| first <= position) {
        let entries = tail::read_pack(disk, first)?.ok_or_else(|| tail::missing(first, first))?;
        for (place, entry) in entries.into_iter().filter(|&(place, _)| place > compacted && place <= position) {
            (round.through, round.entries) = (place, round.entries + 1);
            for set in entry.sets {
                values += set.values.len() + 1;
                round.sets.entry(BlockId::of(entry.agent, set.at)).or_default().push((place, set));
            }
        }
        if values > ROUND_VALUES {
            break;
        }
    }
    Ok((round.entries > 0).then_some(round))
}

fn write_blocks(disk: &Disk, round: Round) -> Result<(), StoreError> {
    let (mut plan, mut stale) = (Plan::default(), Vec::new());
    for (id, fresh) in round.sets {
        let existing = read_block(disk, id)?;
        let (merged_through, was_chunked, mut sets) =
            existing.map_or((0, false, Vec::new()), |found| (found.through, found.chunked, found.sets));
        let before = sets.len();
        sets.extend(fresh.into_iter().filter(|(place, _)| *place > merged_through).map(|(_, set)| set));
        if sets.len() == before {
            continue;
        }
        sets.sort_by_key(|set| set.at);
        let packed =
            Packed { kind: Kind::Block, id: &id.bytes(), generation: round.through, plain: &block::encode(&sets), level: BLOCK_LEVEL };
        packed.plan(&mut plan, false)?;
        rollup::mark(&mut plan, id.agent, id.hour, round.through)?;
        if was_chunked {
            stale.extend(value::stale_chunks(disk, Kind::Block, &id.bytes(), round.through)?);
        }
        if plan.is_full() {
            disk.write(std::mem::take(&mut plan))?;
        }
    }
    disk.write(plan)?;
    remove_all(disk, stale)
}

struct Block {
    /// Journal position up to which samples are in it.
    through: u64,
    /// In order of time.
    sets: Vec<SampleSet>,
    chunked: bool,
}

fn read_block(disk: &Disk, id: BlockId) -> Result<Option<Block>, StoreError> {
    let Some(found) = value::get(disk, Kind::Block, &id.bytes())? else { return Ok(None) };
    let sets = block::decode(&found.plain).ok_or_else(|| StoreError::Corrupt {
        subject: format!("samples of {} in hour {}", id.agent, id.hour),
        cause: "the block is malformed".into(),
    })?;
    Ok(Some(Block { through: found.generation, sets, chunked: found.chunked }))
}

/// An agent's samples of `from <= at < to`, from blocks and tail. A compaction may run meanwhile: the tail is read first, and of it only what a block
/// does not have counts.
pub fn samples(disk: &Disk, tail: &RwLock<Tail>, agent: AgentId, from: Timestamp, to: Timestamp) -> Result<Vec<SampleSet>, StoreError> {
    if from >= to {
        return Ok(Vec::new());
    }
    let mut fresh: BTreeMap<BlockId, Vec<(u64, SampleSet)>> = BTreeMap::new();
    let wanted = |at: Timestamp| from <= at && at < to;
    for (place, set) in tail_sets(disk, tail, agent, (from, to))?.into_iter().filter(|(_, set)| wanted(set.at)) {
        fresh.entry(BlockId::of(agent, set.at)).or_default().push((place, set));
    }
    let mut found: Vec<SampleSet> = Vec::new();
    let last = BlockId::of(agent, Timestamp(to.0 - 1));
    let mut next = Some(BlockId::of(agent, from));
    while let Some(id) = next.filter(|id| *id <= last) {
        let Some(found_next) = disk.scan(Kind::Block.head_key(&id.bytes())..=Kind::Block.head_key(&last.bytes())).next() else { break };
        let (key, _) = found_next?;
        let here = BlockId::from_key(&key).ok_or_else(|| StoreError::Corrupt { subject: "block".into(), cause: format!("key {key:?}") })?;
        let block = if here.agent == agent { read_block(disk, here)? } else { None };
        if let Some(block) = block {
            if let Some(tail) = fresh.get_mut(&here) {
                tail.retain(|(place, _)| *place > block.through);
            }
            found.extend(block.sets.into_iter().filter(|set| wanted(set.at)));
        }
        next = Some(BlockId { hour: here.hour + i64::from(here.agent >= agent), agent });
    }
    found.extend(fresh.into_values().flatten().map(|(_, set)| set));
    found.sort_by_key(|set| set.at);
    Ok(found)
}

fn tail_sets(
    disk: &Disk,
    tail: &RwLock<Tail>,
    agent: AgentId,
    (from, to): (Timestamp, Timestamp),
) -> Result<Vec<(u64, SampleSet)>, StoreError> {
    let (compacted, packs) = {
        let tail = tail.read().unwrap_or_else(PoisonError::into_inner);
        (tail.compacted, tail.packs_of(agent, from, to))
    };
    let mut sets = Vec::new();
    for first in packs {
        let Some(entries) = tail::read_pack(disk, first)? else {
            still_expected(tail, first)?;
            continue;
        };
        let of_agent = entries.into_iter().filter(|(place, entry)| *place > compacted && entry.agent == agent);
        sets.extend(of_agent.flat_map(|(place, entry)| entry.sets.into_iter().map(move |set| (place, set))));
    }
    Ok(sets)
}

/// A pack that is gone is no loss when the watermark has passed it meanwhile.
pub fn still_expected(tail: &RwLock<Tail>, first: u64) -> Result<(), StoreError> {
    let compacted = tail.read().unwrap_or_else(PoisonError::into_inner).compacted;
    if compacted >= first { Ok(()) } else { Err(tail::missing(first, first)) }
}

/// Removes blocks whose hour ended before `before`; see [`crate::store::Store::expire`]. Callers take turns.
pub fn expire(disk: &Disk, before: Timestamp) -> Result<u64, StoreError> {
    disk.check_not_failed()?;
    let limit = hour_bytes(before.0.div_euclid(HOUR_MS));
    let mut gone = 0;
    loop {
        let range = Kind::Block.head_key(&[])..Kind::Block.head_key(&limit);
        let keys = first_keys(disk, range)?;
        if keys.is_empty() {
            break;
        }
        gone += keys.len() as u64;
        remove_all(disk, keys)?;
    }
    loop {
        let keys = first_keys(disk, Kind::Block.chunk_prefix(&[])..Kind::Block.chunk_prefix(&limit))?;
        if keys.is_empty() {
            return Ok(gone);
        }
        remove_all(disk, keys)?;
    }
}

/// Removes all blocks of some agents; see [`crate::store::Store::forget_samples`]. Callers take turns.
pub fn forget(disk: &Disk, agents: &BTreeSet<AgentId>) -> Result<(), StoreError> {
    disk.check_not_failed()?;
    let mut keys = Vec::new();
    for entry in disk.scan_prefix(&Kind::Block.head_key(&[])) {
        let (key, _) = entry?;
        let Some(id) = BlockId::from_key(&key).filter(|id| agents.contains(&id.agent)) else { continue };
        keys.push(key.to_vec());
        keys.extend(value::stale_chunks(disk, Kind::Block, &id.bytes(), u64::MAX)?);
    }
    remove_all(disk, keys)
}

/// The first keys of a range, as many as one batch removes.
pub fn first_keys(disk: &Disk, range: std::ops::Range<Vec<u8>>) -> Result<Vec<Vec<u8>>, StoreError> {
    disk.scan(range).take(BATCH_OPS).map(|entry| entry.map(|(key, _)| key.to_vec())).collect()
}
