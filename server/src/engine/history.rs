//! Stored samples, as they came and reduced. Blocks: for threads that may.
//!
//! Invariant: what is read of a span does not depend on how far the upkeep has come: hours that are not rolled up are folded from their
//! samples in the same way.

use super::{Retention, SectionCache};
use crate::log::{self, LogError};
use crate::store::{Store, StoreError};
use rollcall_domain::Record;
use rollcall_domain::sample::{Grain, Rolled, Tracks, fold, merge, points};
use rollcall_shared::sample::SampleSet;
use rollcall_shared::{AgentId, Timestamp};
use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

/// Length of what is read at once, so that memory does not grow with the span.
const HOUR: Duration = Duration::from_secs(3600);

/// Records that are read along because they lie between two that are wanted: less work than to look for the next one.
const BETWEEN: u64 = 8;

/// Length of the log that is read at once.
const AT_ONCE: u64 = 1_024;

/// A way to stored samples, and to the log; clones share it.
#[derive(Clone)]
pub struct History {
    store: Arc<dyn Store>,
    /// Series tables.
    pub content: SectionCache,
    /// How long samples are kept.
    pub retention: Retention,
}

impl History {
    /// Of a store whose series tables `content` reads.
    #[must_use]
    pub fn new(store: Arc<dyn Store>, content: SectionCache, retention: Retention) -> Self {
        Self { store, content, retention }
    }

    /// Sample sets with `from <= at < to`, oldest first.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub fn samples(&self, agent: AgentId, from: Timestamp, to: Timestamp) -> Result<Vec<SampleSet>, StoreError> {
        self.store.samples(agent, from, to)
    }

    /// Visits log records by revision, oldest first as the revisions are; those that do not exist are left out. What is wanted of one part of
    /// the log is read together, so that one visit for many items costs far less than one for each.
    ///
    /// # Errors
    /// When the log cannot be read.
    pub fn visit(&self, revisions: &[u64], visitor: &mut dyn FnMut(Record)) -> Result<(), StoreError> {
        let mut wanted = revisions.iter().copied().peekable();
        let mut begin = 0;
        while let Some(&first) = revisions.get(begin) {
            let rest = revisions.get(begin..).unwrap_or_default();
            let apart =
                rest.windows(2).position(|pair| pair[1].saturating_sub(pair[0]) > BETWEEN || pair[1].saturating_sub(first) >= AT_ONCE);
            let length = apart.map_or(rest.len(), |place| place + 1);
            begin += length;
            let last = rest.get(length - 1).copied().unwrap_or(first);
            let count = usize::try_from(last.saturating_sub(first)).unwrap_or(usize::MAX).saturating_add(1);
            for (revision, bytes) in self.store.read_log(first.saturating_sub(1), count)? {
                while wanted.next_if(|next| *next < revision).is_some() {}
                if wanted.next_if_eq(&revision).is_some() {
                    visitor(log::decode(revision, &bytes).map_err(broken)?.1);
                }
            }
        }
        Ok(())
    }

    /// Begins of the hours whose samples may say more than the stored rows do.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub fn unrolled(&self, agent: AgentId) -> Result<BTreeSet<Timestamp>, StoreError> {
        Ok(self.store.unrolled_hours(agent)?.into_iter().collect())
    }

    /// Stored rows alone.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub fn stored_rows(&self, grain: Grain, metric: &str, agent: AgentId, span: (Timestamp, Timestamp)) -> Result<Tracks, StoreError> {
        self.store.rows(grain, metric, agent, span)
    }

    /// Rows whose bucket begins in `from <= at < to`, of rolled up hours and of others.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub fn rows(&self, grain: Grain, metric: &str, agent: AgentId, (from, to): (Timestamp, Timestamp)) -> Result<Tracks, StoreError> {
        // Before the rows: what is rolled up meanwhile is folded once more, which changes nothing.
        let unrolled = self.store.unrolled_hours(agent)?;
        let mut tracks = self.store.rows(grain, metric, agent, (from, to))?;
        for begin in unrolled.into_iter().filter(|begin| begin.0 < to.0 && begin.plus(HOUR) > from) {
            let sets = self.store.samples(agent, begin, begin.plus(HOUR))?;
            let mut fresh = fold(&sets, grain, &|name| name == metric, &self.content);
            merge(&mut tracks, fresh.remove(metric).unwrap_or_default());
        }
        for rows in tracks.values_mut() {
            rows.retain(|row| from <= row.at && row.at < to);
        }
        tracks.retain(|_, rows| !rows.is_empty());
        Ok(tracks)
    }

    /// A metric's samples with `from <= at < to` as they came, each a row of its own.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub fn points(&self, metric: &str, agent: AgentId, (from, to): (Timestamp, Timestamp)) -> Result<Tracks, StoreError> {
        let sets = self.store.samples(agent, from, to)?;
        Ok(points(&sets, &|name| name == metric, &self.content).remove(metric).unwrap_or_default())
    }

    /// Reduces all hours that ended by `ended_by`, one agent after the other, until `stopped`. Returns how many agents had any.
    ///
    /// # Errors
    /// When the store cannot be read or written.
    pub fn roll_up(&self, ended_by: Timestamp, stopped: &dyn Fn() -> bool) -> Result<u64, StoreError> {
        let (mut after, mut agents) = (None, 0);
        while let Some(due) = self.store.next_unrolled(after, ended_by)? {
            if stopped() {
                break;
            }
            let mut rows = Grain::ALL.map(|grain| (grain, Rolled::new()));
            for (begin, _) in &due.hours {
                let sets = self.store.samples(due.agent, *begin, begin.plus(HOUR))?;
                for (grain, rolled) in &mut rows {
                    for (metric, tracks) in fold(&sets, *grain, &|_| true, &self.content) {
                        merge(rolled.entry(metric).or_default(), tracks);
                    }
                }
            }
            self.store.roll_up(&due, &rows)?;
            (after, agents) = (Some(due.agent), agents + 1);
        }
        Ok(agents)
    }
}

fn broken(error: LogError) -> StoreError {
    match error {
        LogError::Store(error) => error,
        other => StoreError::Corrupt { subject: "the log".into(), cause: other.to_string() },
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::Commit;
    use crate::store::memory::MemoryStore;
    use rollcall_domain::ci::CiEvent;
    use rollcall_domain::id::{CiId, Family};
    use rollcall_domain::journal::JournalEntry;
    use rollcall_domain::{Actor, Event};
    use rollcall_shared::Section;
    use rollcall_shared::sample::Series;

    #[test]
    fn a_visit_comes_to_all_records_that_are_wanted_and_to_no_other() {
        let store: Arc<dyn Store> = Arc::new(MemoryStore::new());
        let (mut head, ci) = (log::Head::default(), CiId { family: Family::Host, bits: 1 });
        let last = 3 * AT_ONCE;
        let events = (1..=last).map(|revision| {
            let event = Event::Ci(CiEvent::CiRenamed { ci, before: "a".into(), after: "b".into() });
            let (at, actor) = (Timestamp(0), Actor::System);
            let record = Record { revision, at, actor, request_id: None, idempotency_key: None, event };
            let (next, bytes) = log::encode(head, &record).unwrap();
            head = next;
            bytes
        });
        store.commit(&Commit { events: events.collect(), ..Commit::default() }).unwrap();
        let history = History::new(Arc::clone(&store), SectionCache::new(store, 1 << 20), Retention::default());
        let all: Vec<u64> = (1..=last).collect();
        let every = |step: usize| all.iter().copied().step_by(step).collect::<Vec<u64>>();
        for wanted in [vec![], vec![1], vec![last], vec![5, 1_029], all.clone(), every(2), every(9), every(1_024), every(700)] {
            let mut found = Vec::new();
            history.visit(&wanted, &mut |record| found.push(record.revision)).unwrap();
            assert_eq!(found, wanted);
        }
        let mut found = Vec::new();
        history.visit(&[2, last + 5], &mut |record| found.push(record.revision)).unwrap();
        assert_eq!(found, [2], "what is not there is left out");
    }

    #[test]
    fn rows_are_the_same_before_and_after_every_step_of_the_upkeep() {
        let series = Series { metric: "m".into(), attributes: Vec::new() };
        let (table, bytes) = Section::Series(vec![series]).canonical().unwrap();
        let store = Arc::new(MemoryStore::new());
        let shared: Arc<dyn Store> = Arc::<MemoryStore>::clone(&store);
        let history = History::new(Arc::clone(&shared), SectionCache::new(shared, 1 << 20), Retention::default());
        let set = |minute: i64| SampleSet { table, at: Timestamp(minute * 60_000), values: vec![Some(minute as f64)] };
        let push = |minutes: &[i64]| {
            let sets = minutes.iter().map(|minute| set(*minute)).collect();
            let entry =
                JournalEntry { agent: AgentId(1), epoch: 1, through: 1, received_at: Timestamp(0), skew_ms: 0, sets, signs: vec![] };
            let sections = vec![(table, bytes.clone())];
            store.commit(&Commit { journal: vec![entry], sections, ..Commit::default() }).unwrap();
        };
        push(&(0..150).collect::<Vec<_>>());
        push(&[290, 301]);
        let span = (Timestamp(60_000), Timestamp(302 * 60_000));
        let all = || Grain::ALL.map(|grain| history.rows(grain, "m", AgentId(1), span).unwrap());
        let before = all();
        let counted: u32 = before[0].values().flatten().map(|row| row.count).sum();
        assert_eq!(counted, 147, "the row of the first five minutes begins before the span");
        for (compacted, rolled_minutes) in [(1, 0), (1, 60), (1, 180), (2, 180), (2, 360)] {
            store.compact(compacted).unwrap();
            history.roll_up(Timestamp(rolled_minutes * 60_000), &|| false).unwrap();
            assert_eq!(all(), before, "compacted to {compacted}, rolled up to minute {rolled_minutes}");
        }
        assert!(history.unrolled(AgentId(1)).unwrap().is_empty());
        push(&[20]);
        let late = all();
        assert_ne!(late, before);
        store.compact(3).unwrap();
        history.roll_up(Timestamp(i64::MAX), &|| false).unwrap();
        assert_eq!(all(), late, "what came late joined its rows");
        store.expire(Timestamp(i64::MAX)).unwrap();
        assert_eq!(all(), late, "rows outlive their samples");
    }
}
