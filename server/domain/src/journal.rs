//! The sample journal: what pushes leave behind besides events.
//!
//! Samples arrive all the time, so they do not enter the log. Each group commit writes the journal entries of its pushes in
//! one piece with the events that they caused; an acknowledgement stands for both. The fold of the journal
//! ([`crate::world::World::observe`]) is what is known of each agent's sequence, freshness and recent values.

use rollcall_shared::sample::SampleSet;
use rollcall_shared::{AgentId, ContentHash, Timestamp};
use serde::{Deserialize, Serialize};

/// What one accepted push said.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct JournalEntry {
    /// Who, by certificate.
    pub agent: AgentId,
    /// The agent's epoch.
    pub epoch: u64,
    /// Everything up to this sequence has taken effect with this entry.
    pub through: u64,
    /// The server's clock when it arrived.
    pub received_at: Timestamp,
    /// The agent's clock minus the server's when it was sent, milliseconds.
    pub skew_ms: i64,
    /// Sample sets with `at` corrected to the server's clock, oldest first.
    pub sets: Vec<SampleSet>,
    /// What else it said.
    pub signs: Vec<Sign>,
}

/// A sign of life that is no sample.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Sign {
    /// The agent began to run, with this version.
    Started(String),
    /// The agent stops on purpose, for this reason.
    Goodbye(String),
    /// An inventory with this root was taken in.
    Reported(ContentHash),
    /// Series of a collector have ended.
    Ended {
        /// Their table.
        table: ContentHash,
        /// When.
        at: Timestamp,
        /// Their places in it.
        series: Vec<u32>,
    },
}
