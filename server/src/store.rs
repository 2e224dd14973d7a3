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
use rollcall_shared::{AgentId, ContentHash, Timestamp, sample::SampleSet};
use std::collections::{BTreeMap, BTreeSet};

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

    /// Forgets the compacted samples of agents, for ever; what is still in the journal stays.
    ///
    /// # Errors
    /// Io or corruption.
    fn forget_samples(&self, agents: &BTreeSet<AgentId>) -> Result<(), StoreError>;

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
