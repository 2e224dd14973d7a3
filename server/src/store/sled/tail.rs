//! What is known in memory of the journal that was not compacted yet: which packs there are, and which of them name an agent, so
//! that reading one agent's samples does not decode everybody's.

use super::disk::Disk;
use super::pack;
use super::value::{self, Kind};
use crate::store::StoreError;
use rollcall_domain::journal::JournalEntry;
use rollcall_shared::{AgentId, Timestamp};
use std::collections::{BTreeMap, BTreeSet};

/// The index of the tail. Bounded by how long compaction waits: 8 bytes for each agent in each pack.
#[derive(Default)]
pub struct Tail {
    /// Everything up to here is in blocks.
    pub compacted: u64,
    /// Of the last entry ever written.
    pub position: u64,
    packs: BTreeMap<u64, Pack>,
    by_agent: BTreeMap<AgentId, Vec<u64>>,
}

struct Pack {
    /// Position of its last entry.
    last: u64,
    /// Oldest and newest moment of a sample in it.
    moments: Option<(Timestamp, Timestamp)>,
}

impl Tail {
    /// Reads the tail of a store; its packs must follow each other without a gap.
    pub fn load(disk: &Disk, compacted: u64) -> Result<(Self, Vec<u64>), StoreError> {
        let mut tail = Self { compacted, position: compacted, ..Self::default() };
        let mut outlived = Vec::new();
        for head in disk.scan_prefix(&Kind::Journal.head_key(&[])) {
            let (key, head) = head?;
            let first = number(&key)?;
            let entries = decode_pack(first, &value::unpack(disk, Kind::Journal, &first.to_be_bytes(), &head)?.plain)?;
            let last = first + entries.len() as u64 - 1;
            if last <= compacted {
                outlived.push(first);
                continue;
            }
            if first > tail.position + 1 {
                return Err(missing(tail.position + 1, first - 1));
            }
            tail.add(first, entries.iter().map(|(_, entry)| entry));
        }
        Ok((tail, outlived))
    }

    /// Takes in a pack that was written.
    pub fn add<'a>(&mut self, first: u64, entries: impl Iterator<Item = &'a JournalEntry>) {
        let mut count = 0;
        let (mut agents, mut moments) = (BTreeSet::new(), None);
        for entry in entries {
            count += 1;
            agents.insert(entry.agent);
            for at in entry.sets.iter().map(|set| set.at) {
                moments = Some(moments.map_or((at, at), |(oldest, newest): (Timestamp, Timestamp)| (oldest.min(at), newest.max(at))));
            }
        }
        self.position = first + count - 1;
        self.packs.insert(first, Pack { last: self.position, moments });
        for agent in agents {
            self.by_agent.entry(agent).or_default().push(first);
        }
    }

    /// Moves the watermark. Returns the packs that it has passed.
    pub fn set_compacted(&mut self, compacted: u64) -> Vec<u64> {
        self.compacted = compacted;
        let passed: Vec<u64> = self.packs.iter().take_while(|(_, pack)| pack.last <= compacted).map(|(first, _)| *first).collect();
        for first in &passed {
            self.packs.remove(first);
        }
        let lowest = self.packs.first_key_value().map_or(u64::MAX, |(first, _)| *first);
        self.by_agent.retain(|_, firsts| {
            firsts.retain(|first| *first >= lowest);
            !firsts.is_empty()
        });
        passed
    }

    /// First positions of the packs that hold entries after `position`.
    pub fn packs_after(&self, position: u64) -> Vec<u64> {
        let mut firsts: Vec<u64> = self.packs.iter().rev().take_while(|(_, pack)| pack.last > position).map(|(first, _)| *first).collect();
        firsts.reverse();
        firsts
    }

    /// First positions of the packs that name `agent` and may hold samples of `from <= at < to`.
    pub fn packs_of(&self, agent: AgentId, from: Timestamp, to: Timestamp) -> Vec<u64> {
        let within = |(oldest, newest): (Timestamp, Timestamp)| oldest < to && from <= newest;
        self.of(agent).filter(|(_, moments)| within(*moments)).map(|(first, _)| first).collect()
    }

    /// Oldest and newest moment of each pack that names `agent`; the samples may be those of others.
    pub fn moments_of(&self, agent: AgentId) -> Vec<(Timestamp, Timestamp)> {
        self.of(agent).map(|(_, moments)| moments).collect()
    }

    fn of(&self, agent: AgentId) -> impl Iterator<Item = (u64, (Timestamp, Timestamp))> {
        let firsts = self.by_agent.get(&agent).map(Vec::as_slice).unwrap_or_default();
        firsts.iter().filter_map(|first| Some((*first, self.packs.get(first)?.moments?)))
    }
}

/// The entries of the pack that begins at `first`; `None` when there is no such pack.
pub fn read_pack(disk: &Disk, first: u64) -> Result<Option<Vec<(u64, JournalEntry)>>, StoreError> {
    let found = value::get(disk, Kind::Journal, &first.to_be_bytes())?;
    found.map(|pack| decode_pack(first, &pack.plain)).transpose()
}

fn decode_pack(first: u64, plain: &[u8]) -> Result<Vec<(u64, JournalEntry)>, StoreError> {
    let records = pack::unpack(plain).filter(|records| !records.is_empty());
    let malformed = || StoreError::Corrupt { subject: format!("journal pack {first}"), cause: "it is malformed".into() };
    let numbered = (first..).zip(records.ok_or_else(malformed)?);
    numbered.map(|(position, bytes)| pack::decode_entry(position, bytes).map(|entry| (position, entry))).collect()
}

/// The number that a pack's key ends in.
pub fn number(key: &[u8]) -> Result<u64, StoreError> {
    let bytes = key.get(1..).and_then(|id| id.first_chunk::<8>());
    bytes
        .map(|bytes| u64::from_be_bytes(*bytes))
        .ok_or_else(|| StoreError::Corrupt { subject: format!("key {key:02x?}"), cause: "it does not end in a number".into() })
}

/// Journal entries that should be there.
pub fn missing(from: u64, to: u64) -> StoreError {
    StoreError::Corrupt { subject: "journal".into(), cause: format!("entries {from} to {to} are missing") }
}
