//! The store of tests and simulations: the same promises as the others, except that nothing survives the process.

use super::{Commit, HOUR_MS, Snapshot, Store, StoreError, Unrolled, Usage, by_period, period_ms};
use rollcall_domain::journal::JournalEntry;
use rollcall_domain::sample::{Grain, Rolled, Tracks, merge};
use rollcall_shared::sample::SampleSet;
use rollcall_shared::{AgentId, ContentHash, Timestamp};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Mutex, MutexGuard, PoisonError};

/// A store in memory.
#[derive(Default)]
pub struct MemoryStore(Mutex<Contents>);

#[derive(Default)]
struct Contents {
    log: Vec<Vec<u8>>,
    position: u64,
    compacted: u64,
    journal: BTreeMap<u64, JournalEntry>,
    blocks: BTreeMap<(i64, AgentId), Vec<SampleSet>>,
    unrolled: BTreeMap<(AgentId, i64), u64>,
    rows: BTreeMap<(Grain, String, i64, AgentId), Tracks>,
    sections: BTreeMap<ContentHash, Vec<u8>>,
    attachments: BTreeMap<ContentHash, Vec<u8>>,
    snapshot: Option<Snapshot>,
}

impl MemoryStore {
    /// An empty store.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    fn contents(&self) -> MutexGuard<'_, Contents> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Store for MemoryStore {
    fn commit(&self, commit: &Commit) -> Result<(u64, u64), StoreError> {
        let mut contents = self.contents();
        let found = contents.log.len() as u64;
        if commit.expected_revision != found {
            return Err(StoreError::Conflict { expected: commit.expected_revision, found });
        }
        if let Some((hash, _)) = commit.sections.iter().chain(&commit.attachments).find(|(hash, bytes)| ContentHash::of(bytes) != *hash) {
            return Err(StoreError::Corrupt { subject: format!("content {hash}"), cause: "what was handed in has another name".into() });
        }
        contents.sections.extend(commit.sections.iter().cloned());
        contents.attachments.extend(commit.attachments.iter().cloned());
        contents.log.extend(commit.events.iter().cloned());
        for entry in &commit.journal {
            contents.position += 1;
            let position = contents.position;
            contents.journal.insert(position, entry.clone());
        }
        Ok((contents.log.len() as u64, contents.position))
    }

    fn read_log(&self, revision: u64, limit: usize) -> Result<Vec<(u64, Vec<u8>)>, StoreError> {
        let contents = self.contents();
        let skipped = usize::try_from(revision).unwrap_or(usize::MAX);
        Ok((1..).zip(contents.log.iter().cloned()).skip(skipped).take(limit).collect())
    }

    fn section(&self, hash: &ContentHash) -> Result<Option<Vec<u8>>, StoreError> {
        Ok(self.contents().sections.get(hash).cloned())
    }

    fn attachment(&self, hash: &ContentHash) -> Result<Option<Vec<u8>>, StoreError> {
        Ok(self.contents().attachments.get(hash).cloned())
    }

    fn attachments(&self) -> Result<BTreeSet<ContentHash>, StoreError> {
        Ok(self.contents().attachments.keys().copied().collect())
    }

    fn forget_attachments(&self, hashes: &BTreeSet<ContentHash>) -> Result<(), StoreError> {
        self.contents().attachments.retain(|hash, _| !hashes.contains(hash));
        Ok(())
    }

    fn read_journal(&self, position: u64, limit: usize) -> Result<Vec<(u64, JournalEntry)>, StoreError> {
        let contents = self.contents();
        let after = contents.journal.range(position.saturating_add(1)..);
        Ok(after.take(limit).map(|(position, entry)| (*position, entry.clone())).collect())
    }

    fn samples(&self, agent: AgentId, from: Timestamp, to: Timestamp) -> Result<Vec<SampleSet>, StoreError> {
        let contents = self.contents();
        let compacted = contents.blocks.iter().filter(|((_, owner), _)| *owner == agent).flat_map(|(_, sets)| sets);
        let tail = contents.journal.values().filter(|entry| entry.agent == agent).flat_map(|entry| &entry.sets);
        let mut sets: Vec<SampleSet> = compacted.chain(tail).filter(|set| from <= set.at && set.at < to).cloned().collect();
        sets.sort_by_key(|set| set.at);
        Ok(sets)
    }

    fn compact(&self, position: u64) -> Result<u64, StoreError> {
        let mut contents = self.contents();
        let kept = contents.journal.split_off(&position.saturating_add(1));
        let moved = std::mem::replace(&mut contents.journal, kept);
        contents.compacted += moved.len() as u64;
        let through = moved.last_key_value().map_or(0, |(last, _)| *last);
        for (agent, set) in moved.values().flat_map(|entry| entry.sets.iter().map(|set| (entry.agent, set))) {
            let hour = set.at.0.div_euclid(HOUR_MS);
            contents.blocks.entry((hour, agent)).or_default().push(set.clone());
            contents.unrolled.insert((agent, hour), through);
        }
        Ok(moved.len() as u64)
    }

    fn expire(&self, before: Timestamp) -> Result<u64, StoreError> {
        let mut contents = self.contents();
        let kept = contents.blocks.split_off(&(before.0.div_euclid(HOUR_MS), AgentId(0)));
        Ok(std::mem::replace(&mut contents.blocks, kept).len() as u64)
    }

    fn redact(&self, records: &BTreeMap<u64, Vec<u8>>) -> Result<(), StoreError> {
        let mut contents = self.contents();
        for (revision, bytes) in records {
            let place = usize::try_from(revision.saturating_sub(1)).unwrap_or(usize::MAX);
            let missing = || StoreError::Corrupt { subject: "log".into(), cause: format!("record {revision} is missing") };
            contents.log.get_mut(place).ok_or_else(missing)?.clone_from(bytes);
        }
        Ok(())
    }

    fn next_unrolled(&self, after: Option<AgentId>, ended_by: Timestamp) -> Result<Option<Unrolled>, StoreError> {
        let contents = self.contents();
        let ended = |hour: i64| hour.saturating_add(1).saturating_mul(HOUR_MS) <= ended_by.0;
        let later = contents.unrolled.iter().filter(|((agent, hour), _)| after.is_none_or(|after| *agent > after) && ended(*hour));
        let mut found: Option<Unrolled> = None;
        for ((agent, hour), generation) in later {
            let unrolled = found.get_or_insert_with(|| Unrolled { agent: *agent, hours: Vec::new() });
            if unrolled.agent != *agent {
                break;
            }
            unrolled.hours.push((Timestamp(hour.saturating_mul(HOUR_MS)), *generation));
        }
        Ok(found)
    }

    fn unrolled_hours(&self, agent: AgentId) -> Result<Vec<Timestamp>, StoreError> {
        let contents = self.contents();
        let marked = contents.unrolled.range((agent, i64::MIN)..=(agent, i64::MAX)).map(|((_, hour), _)| *hour);
        let tail = contents.journal.values().filter(|entry| entry.agent == agent).flat_map(|entry| &entry.sets);
        let hours: BTreeSet<i64> = marked.chain(tail.map(|set| set.at.0.div_euclid(HOUR_MS))).collect();
        Ok(hours.into_iter().map(|hour| Timestamp(hour.saturating_mul(HOUR_MS))).collect())
    }

    fn roll_up(&self, hours: &Unrolled, rows: &[(Grain, Rolled)]) -> Result<(), StoreError> {
        let mut contents = self.contents();
        for (grain, rolled) in rows {
            for (metric, tracks) in rolled {
                for (period, fresh) in by_period(*grain, tracks) {
                    merge(contents.rows.entry((*grain, metric.clone(), period, hours.agent)).or_default(), fresh);
                }
            }
        }
        for (hour, generation) in &hours.hours {
            let key = (hours.agent, hour.0.div_euclid(HOUR_MS));
            if contents.unrolled.get(&key) == Some(generation) {
                contents.unrolled.remove(&key);
            }
        }
        Ok(())
    }

    fn forget_sections(&self, hashes: &BTreeSet<ContentHash>) -> Result<(), StoreError> {
        self.contents().sections.retain(|hash, _| !hashes.contains(hash));
        Ok(())
    }

    fn forget_samples(&self, agents: &BTreeSet<AgentId>) -> Result<(), StoreError> {
        let mut contents = self.contents();
        contents.blocks.retain(|(_, agent), _| !agents.contains(agent));
        contents.rows.retain(|(_, _, _, agent), _| !agents.contains(agent));
        contents.unrolled.retain(|(agent, _), _| !agents.contains(agent));
        Ok(())
    }

    fn rows(&self, grain: Grain, metric: &str, agent: AgentId, (from, to): (Timestamp, Timestamp)) -> Result<Tracks, StoreError> {
        let contents = self.contents();
        let mut found = Tracks::new();
        let periods = contents.rows.iter().filter(|((of, name, _, owner), _)| *of == grain && name == metric && *owner == agent);
        for (attributes, row) in periods.flat_map(|(_, tracks)| tracks).flat_map(|(name, rows)| rows.iter().map(move |row| (name, row))) {
            if from <= row.at && row.at < to {
                found.entry(attributes.clone()).or_default().push(*row);
            }
        }
        Ok(found)
    }

    fn expire_rows(&self, grain: Grain, before: Timestamp) -> Result<u64, StoreError> {
        let mut contents = self.contents();
        let (count, limit) = (contents.rows.len(), before.0.div_euclid(period_ms(grain)));
        contents.rows.retain(|(of, _, period, _), _| *of != grain || *period >= limit);
        Ok((count - contents.rows.len()) as u64)
    }

    fn save_snapshot(&self, snapshot: &Snapshot) -> Result<(), StoreError> {
        self.contents().snapshot = Some(snapshot.clone());
        Ok(())
    }

    fn load_snapshot(&self) -> Result<Option<Snapshot>, StoreError> {
        Ok(self.contents().snapshot.clone())
    }

    fn usage(&self) -> Result<Usage, StoreError> {
        let contents = self.contents();
        let log: usize = contents.log.iter().map(Vec::len).sum();
        let sections: usize = contents.sections.values().chain(contents.attachments.values()).map(Vec::len).sum();
        let values: usize = contents.blocks.values().flatten().map(|set| set.values.len() + 6).sum();
        let tail: usize = contents.journal.values().flat_map(|entry| &entry.sets).map(|set| set.values.len() + 6).sum();
        Ok(Usage { bytes: (log + sections + 16 * (values + tail)) as u64, journal_records: contents.position - contents.compacted })
    }
}

#[cfg(test)]
mod tests;
