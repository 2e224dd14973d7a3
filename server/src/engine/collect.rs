//! Measurements of feeds: tables first, then sample sets, a portion at a time so that agents wait for no longer than one portion takes.
//!
//! Invariant: a set's table is on stable storage before the set refers to it, and both are before the answer leaves.

use super::writer::{Cause, Writer, lock};
use super::{Engine, EngineError, Job, blocking};
use rollcall_domain::journal::{JournalEntry, Sign};
use rollcall_domain::trust::collector::Spoken;
use rollcall_domain::{Actor, Rejection};
use rollcall_shared::sample::{SampleSet, Series};
use rollcall_shared::{ContentHash, Section};
use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::Ordering;

/// What one resource of a feed measured.
#[derive(Debug)]
pub struct Collected {
    /// Who says it of which item.
    pub spoken: Spoken,
    /// Sets whose table is stored, oldest first.
    pub sets: Vec<SampleSet>,
    /// Series that have ended.
    pub ended: Vec<Sign>,
    /// Units of metrics, told with it.
    pub units: BTreeMap<String, String>,
}

/// What became of each resource, in their order.
pub type Heard = Vec<Result<(), Rejection>>;

impl Engine {
    /// Stores tables of series, each in its canonical order; durable on return. Their names, in their order.
    ///
    /// # Errors
    /// See [`EngineError`].
    pub async fn store_tables(&self, tables: Vec<Vec<Series>>) -> Result<Vec<ContentHash>, EngineError> {
        let content = self.shared.content.clone();
        let (names, fresh) = blocking(move || {
            let (mut names, mut fresh) = (Vec::with_capacity(tables.len()), Vec::new());
            for table in tables {
                let section = Section::Series(table);
                let (hash, bytes) = section.content().map_err(|error| EngineError::TooLarge(error.to_string()))?;
                if content.load(&hash)?.is_none() {
                    content.remember(hash, Arc::new(section), bytes.len());
                    fresh.push((hash, bytes));
                }
                names.push(hash);
            }
            Ok::<_, EngineError>((names, fresh))
        })
        .await??;
        if !fresh.is_empty() {
            self.submit(|reply| Job::Store(fresh, reply)).await?;
        }
        Ok(names)
    }

    /// Takes in a portion of what a feed measured; durable on return.
    ///
    /// # Errors
    /// See [`EngineError`]; nothing of the portion has taken effect then.
    pub async fn collect(&self, portion: Vec<Collected>, request_id: Option<String>) -> Result<Heard, EngineError> {
        self.submit(|reply| Job::Collect(portion, request_id, reply)).await
    }
}

impl Writer {
    /// Takes in a portion.
    pub(super) fn collect(&mut self, portion: Vec<Collected>, request_id: Option<&str>) -> Heard {
        portion.into_iter().map(|collected| self.collect_one(collected, request_id)).collect()
    }

    fn collect_one(&mut self, collected: Collected, request_id: Option<&str>) -> Result<(), Rejection> {
        let Collected { spoken, mut sets, ended: signs, units } = collected;
        let shared = Arc::clone(&self.shared);
        let mut world = lock(&shared);
        let now = shared.clock.now();
        let actor = Actor::Feed { name: spoken.feed.to_string() };
        let (voice, mut events) = self.with_context(actor.clone(), now, |context| world.hear_collector(&spoken, context))?;
        events.extend(world.hear_units(&spoken.feed, &units));
        let cause = Cause { actor, request_id: request_id.map(str::to_owned), idempotency_key: None };
        self.record(&mut world, events, &cause, now);
        // A sender that heard no answer sends again.
        let before = sets.len();
        sets.iter_mut().for_each(|set| world.telemetry.strip_known(voice, set));
        sets.retain(|set| set.values.iter().any(Option::is_some));
        let values: u64 = sets.iter().flat_map(|set| &set.values).filter(|value| value.is_some()).count() as u64;
        shared.tally.duplicates.fetch_add((before - sets.len()) as u64, Ordering::Relaxed);
        shared.tally.samples.fetch_add(values, Ordering::Relaxed);
        if sets.is_empty() && signs.is_empty() {
            return Ok(());
        }
        let entry = JournalEntry { agent: voice, epoch: 0, through: 0, received_at: now, skew_ms: 0, sets, signs };
        let events = self.with_context(Actor::System, now, |context| world.observe(&entry, context));
        self.record(&mut world, events, &Cause::of(Actor::System), now);
        self.batch.commit.journal.push(entry);
        Ok(())
    }
}
