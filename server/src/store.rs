//! Where acknowledged data lives.
//!
//! One small interface, several engines, one conformance suite. A store knows bytes, revisions and hashes; what they mean is
//! the domain's business. Only the engine appends to the log.
//!
//! Promises of every engine: [`Store::commit`] is atomic and on stable storage when it returns; after any crash the store
//! holds every commit that returned and at most one that did not; content is immutable under its hash.

pub mod conformance;
pub mod memory;
pub mod sled;

use rollcall_domain::journal::JournalEntry;
use rollcall_domain::sample::{Grain, Rolled, Tracks};
use rollcall_shared::{AgentId, ContentHash, Timestamp, sample::SampleSet};
use std::collections::{BTreeMap, BTreeSet};

/// Milliseconds of one block of samples.
pub const HOUR_MS: i64 = 3_600_000;

/// What one group commit writes, all or nothing.
#[derive(Clone, Debug, Default)]
pub struct Commit {
    /// Revision of the log that the events were decided on; the first event gets the next one.
    pub expected_revision: u64,
    /// Encoded log records, in order.
    pub events: Vec<Vec<u8>>,
    /// What pushes left behind.
    pub journal: Vec<JournalEntry>,
    /// Content by name; storing one that is there is no change.
    pub sections: Vec<(ContentHash, Vec<u8>)>,
    /// Files that people attach, by name. They have names of their own: none of them is ever taken for a section.
    pub attachments: Vec<(ContentHash, Vec<u8>)>,
}

/// A cache of the fold.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Snapshot {
    /// The log up to and including this revision is in it.
    pub revision: u64,
    /// The journal up to and including this position is in it.
    pub journal_position: u64,
    /// Opaque.
    pub bytes: Vec<u8>,
}

/// The world broke.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// Somebody else appended first.
    #[error("the log is at revision {found}, the commit expected {expected}")]
    Conflict {
        /// Of the commit.
        expected: u64,
        /// Of the log.
        found: u64,
    },
    /// The disk or the engine failed. After this nothing more may be acknowledged.
    #[error("{subject}: {cause}")]
    Io {
        /// Path or tree.
        subject: String,
        /// What it said.
        cause: String,
    },
    /// What is stored is not what was stored.
    #[error("{subject} is corrupt: {cause}")]
    Corrupt {
        /// Path, tree or key.
        subject: String,
        /// What is wrong with it.
        cause: String,
    },
    /// Another process holds the store.
    #[error("{0} is in use by another process")]
    InUse(String),
}

/// Storage used, for people and metrics.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Usage {
    /// Bytes on disk, or held in memory.
    pub bytes: u64,
    /// Journal records not yet compacted.
    pub journal_records: u64,
}

/// Hours of one agent whose compacted samples may say more than its rows do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Unrolled {
    /// Whose.
    pub agent: AgentId,
    /// Begin of each hour, and a number that is another one when samples have joined the hour since.
    pub hours: Vec<(Timestamp, u64)>,
}

/// Length of what the rows of one agent and metric are kept by, ms: a day of five minutes, thirty days of hours.
#[must_use]
pub fn period_ms(grain: Grain) -> i64 {
    match grain {
        Grain::FiveMinutes => 24 * HOUR_MS,
        Grain::Hour => 30 * 24 * HOUR_MS,
    }
}

/// Rows by the period that they are kept in.
fn by_period(grain: Grain, tracks: &Tracks) -> BTreeMap<i64, Tracks> {
    let mut periods: BTreeMap<i64, Tracks> = BTreeMap::new();
    for (attributes, rows) in tracks {
        for run in rows.chunk_by(|a, b| a.at.0.div_euclid(period_ms(grain)) == b.at.0.div_euclid(period_ms(grain))) {
            let Some(first) = run.first() else { continue };
            let period = periods.entry(first.at.0.div_euclid(period_ms(grain))).or_default();
            period.entry(attributes.clone()).or_default().extend_from_slice(run);
        }
    }
    periods
}

/// The interface. Methods block; the engine calls them from threads of its own.
pub trait Store: Send + Sync {
    /// Writes a group commit; durable on return. Returns the log's revision and the journal's position after it.
    ///
    /// # Errors
    /// [`StoreError::Conflict`], and content that does not have the name it comes with, write nothing. After [`StoreError::Io`] the
    /// commit may or may not be there, and when the disk was the cause every later one fails too, until the store is opened again.
    fn commit(&self, commit: &Commit) -> Result<(u64, u64), StoreError>;

    /// Log records after `revision`, oldest first, at most `limit`, each with its revision.
    ///
    /// # Errors
    /// Io or corruption.
    fn read_log(&self, revision: u64, limit: usize) -> Result<Vec<(u64, Vec<u8>)>, StoreError>;

    /// Content by name, as it was stored.
    ///
    /// # Errors
    /// Io, or content that does not have its name any more.
    fn section(&self, hash: &ContentHash) -> Result<Option<Vec<u8>>, StoreError>;

    /// A file that people attached, by name, as it was stored.
    ///
    /// # Errors
    /// Io, or content that does not have its name any more.
    fn attachment(&self, hash: &ContentHash) -> Result<Option<Vec<u8>>, StoreError>;

    /// Names of all files that people attached, and of those of which a crash left something behind.
    ///
    /// # Errors
    /// Io or corruption.
    fn attachments(&self) -> Result<BTreeSet<ContentHash>, StoreError>;

    /// Forgets files that people attached, for ever, and what a crash left behind of them. What is not there is no error.
    ///
    /// # Errors
    /// Io.
    fn forget_attachments(&self, hashes: &BTreeSet<ContentHash>) -> Result<(), StoreError>;

    /// Journal entries after `position`, oldest first, at most `limit`, each with its position.
    /// Positions that were compacted are not returned.
    ///
    /// # Errors
    /// Io or corruption.
    fn read_journal(&self, position: u64, limit: usize) -> Result<Vec<(u64, JournalEntry)>, StoreError>;

    /// An agent's sample sets with `from <= at < to`, oldest first, compacted or not.
    ///
    /// # Errors
    /// Io or corruption.
    fn samples(&self, agent: AgentId, from: Timestamp, to: Timestamp) -> Result<Vec<SampleSet>, StoreError>;

    /// Moves journal entries up to and including `position` into one compressed block per agent and hour. Idempotent; a crash
    /// at any point loses and duplicates nothing. Returns how many entries it moved.
    ///
    /// # Errors
    /// Io or corruption.
    fn compact(&self, position: u64) -> Result<u64, StoreError>;

    /// Forgets compacted samples of hours that ended by `before`; what is still in the journal stays. Returns how many blocks went.
    ///
    /// # Errors
    /// Io or corruption.
    fn expire(&self, before: Timestamp) -> Result<u64, StoreError>;

    /// Puts other bytes in the place of log records, by revision. Each pack of records is replaced atomically, not all of them
    /// together: done again it is the same. Nothing but the erasure of what the law wants to be erased may call it.
    ///
    /// # Errors
    /// Io or corruption, and a revision that is not there.
    fn redact(&self, records: &BTreeMap<u64, Vec<u8>>) -> Result<(), StoreError>;

    /// Forgets contents, for ever. What is not there is no error.
    ///
    /// # Errors
    /// Io.
    fn forget_sections(&self, hashes: &BTreeSet<ContentHash>) -> Result<(), StoreError>;

    /// Forgets the compacted samples of agents, for ever, and what was made of them; what is still in the journal stays.
    ///
    /// # Errors
    /// Io or corruption.
    fn forget_samples(&self, agents: &BTreeSet<AgentId>) -> Result<(), StoreError>;

    /// The first agent after `after`, in order of ids, with hours that ended by `ended_by` and are not rolled up.
    ///
    /// # Errors
    /// Io or corruption.
    fn next_unrolled(&self, after: Option<AgentId>, ended_by: Timestamp) -> Result<Option<Unrolled>, StoreError>;

    /// Begins of all hours whose samples may say more than the rows do, in order: compacted and not rolled up, or not even compacted.
    /// For every other hour the rows say all that the samples said.
    ///
    /// # Errors
    /// Io or corruption.
    fn unrolled_hours(&self, agent: AgentId) -> Result<Vec<Timestamp>, StoreError>;

    /// Merges rows that were made of these hours into those that are stored ([`rollcall_domain::sample::merge`]); then the hours count as
    /// rolled up, except those that samples have joined since. Idempotent; a crash at any point loses and duplicates nothing.
    ///
    /// # Errors
    /// Io or corruption.
    fn roll_up(&self, hours: &Unrolled, rows: &[(Grain, Rolled)]) -> Result<(), StoreError>;

    /// An agent's stored rows of a metric whose bucket begins in `from <= at < to`.
    ///
    /// # Errors
    /// Io or corruption.
    fn rows(&self, grain: Grain, metric: &str, agent: AgentId, span: (Timestamp, Timestamp)) -> Result<Tracks, StoreError>;

    /// Forgets rows of periods ([`period_ms`]) that ended by `before`. Returns how many there were, counted by agent and metric.
    ///
    /// # Errors
    /// Io or corruption.
    fn expire_rows(&self, grain: Grain, before: Timestamp) -> Result<u64, StoreError>;

    /// Replaces the snapshot, atomically.
    ///
    /// # Errors
    /// Io.
    fn save_snapshot(&self, snapshot: &Snapshot) -> Result<(), StoreError>;

    /// The latest snapshot. One that is damaged is reported as absent: it is only a cache.
    ///
    /// # Errors
    /// Io.
    fn load_snapshot(&self) -> Result<Option<Snapshot>, StoreError>;

    /// Storage used.
    ///
    /// # Errors
    /// Io.
    fn usage(&self) -> Result<Usage, StoreError>;
}
