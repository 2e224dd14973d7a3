//! The engine's words: what is asked of it, what it answers, and how it is. Plain data; nothing here decides anything.

use crate::log::LogError;
use crate::store::StoreError;
use rollcall_domain::ci::erase::Wanted;
use rollcall_domain::import::{Run, Taken, Work};
use rollcall_domain::sample::Grain;
use rollcall_domain::{Actor, Command, Record, Rejection};
use std::time::Duration;

/// A list of 2,000 packages is a megabyte of texts, and an inventory with one package changed is held against the list before: the
/// lists of some two hundred images should be at hand.
const SECTION_CACHE_BYTES: usize = 256 << 20;

/// How the engine is set up.
#[derive(Clone, Debug)]
pub struct EngineConfig {
    /// How long samples are kept.
    pub retention: Retention,
    /// Bytes of memory for decoded sections.
    pub section_cache_bytes: usize,
    /// Time between two snapshots, each followed by a compaction of the journal up to it.
    pub snapshot_every: Duration,
}

impl Default for EngineConfig {
    fn default() -> Self {
        Self { retention: Retention::default(), section_cache_bytes: SECTION_CACHE_BYTES, snapshot_every: Duration::from_secs(300) }
    }
}

/// How long samples are kept, as they came and reduced.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Retention {
    /// As they came.
    pub raw: Duration,
    /// Rows of five minutes.
    pub five_minutes: Duration,
    /// Rows of an hour.
    pub hours: Duration,
}

impl Default for Retention {
    fn default() -> Self {
        let days = |days: u64| Duration::from_secs(days * 86_400);
        Self { raw: days(14), five_minutes: days(90), hours: days(730) }
    }
}

impl Retention {
    /// Of rows.
    #[must_use]
    pub fn of(&self, grain: Grain) -> Duration {
        match grain {
            Grain::FiveMinutes => self.five_minutes,
            Grain::Hour => self.hours,
        }
    }
}

/// Somebody wants something.
#[derive(Clone, Debug)]
pub struct Request {
    /// Who, proven.
    pub actor: Actor,
    /// Id of the HTTP request.
    pub request_id: Option<String>,
    /// The caller's key for "do this once", scoped to caller and route.
    pub idempotency_key: Option<String>,
    /// What.
    pub command: Command,
}

/// An item that is to be erased with all that was ever known of it.
#[derive(Clone, Debug)]
pub struct Erasure {
    /// Who wants it, proven.
    pub actor: Actor,
    /// Id of the HTTP request.
    pub request_id: Option<String>,
    /// What, why and on which legal basis.
    pub wanted: Wanted,
}

/// What an erasure did.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Erased {
    /// The record that says so.
    pub revision: u64,
    /// Records that spoke of the item and are empty now.
    pub erased: u64,
    /// Records that spoke of it among others and do so no more.
    pub rewritten: u64,
    /// Section contents that nobody else had.
    pub contents: u64,
    /// Attached files that nothing else names.
    pub attachments: u64,
}

/// One step of taking a file in. The run travels with it.
#[derive(Debug)]
pub struct ImportStep {
    /// The run so far.
    pub run: Run,
    /// What to do.
    pub work: Work,
    /// Who loads the file, proven.
    pub actor: Actor,
    /// Id of the HTTP request that began it.
    pub request_id: Option<String>,
}

/// What came of a step: durable, its events taken out.
#[derive(Debug)]
pub struct ImportTaken {
    /// The run with its new claims.
    pub run: Run,
    /// Rows that wait, and whether all is swept.
    pub taken: Taken,
}

/// What came of a command.
#[derive(Clone, Debug)]
pub struct Executed {
    /// Of the last record; the current one when nothing changed.
    pub revision: u64,
    /// What was written, consequences included.
    pub records: Vec<Record>,
    /// The idempotency key was known: the records are those of the first call.
    pub replayed: bool,
}

/// Why the engine did not do it.
#[derive(Debug, thiserror::Error)]
pub enum EngineError {
    /// The domain said no.
    #[error(transparent)]
    Rejected(#[from] Rejection),
    /// The input makes no sense.
    #[error("{0}")]
    Malformed(String),
    /// The input is larger than allowed.
    #[error("{0}")]
    TooLarge(String),
    /// Too much waits already.
    #[error("the server is busy; try again in {} s", retry_after.as_secs())]
    Overloaded {
        /// When to try again.
        retry_after: Duration,
    },
    /// The store failed, or the server is stopping.
    #[error("{0}")]
    Unavailable(String),
}

impl From<StoreError> for EngineError {
    fn from(error: StoreError) -> Self {
        Self::Unavailable(error.to_string())
    }
}

impl From<LogError> for EngineError {
    fn from(error: LogError) -> Self {
        Self::Unavailable(error.to_string())
    }
}

/// Whether the engine can take writes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Health {
    /// Whether it can.
    pub ready: bool,
    /// Why not.
    pub reason: Option<String>,
}

/// Figures since the start.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counters {
    /// Pushes taken in.
    pub pushes: u64,
    /// Values taken in.
    pub samples: u64,
    /// Messages that had been taken in before.
    pub duplicates: u64,
    /// Inventories taken in.
    pub reports: u64,
    /// Section contents stored.
    pub sections: u64,
    /// Log records written.
    pub records: u64,
    /// Group commits.
    pub commits: u64,
    /// Time spent in group commits, microseconds.
    pub commit_us: u64,
    /// Inputs that the domain rejected.
    pub rejections: u64,
    /// Inputs whose judgement failed by a bug; each was refused and the state rebuilt.
    pub panics: u64,
    /// Inputs sent away because the queue was full.
    pub overloads: u64,
    /// Journal records waiting for compaction.
    pub journal_records: u64,
    /// Bytes of the store.
    pub store_bytes: u64,
}
