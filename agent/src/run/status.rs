//! What a running agent says of itself: `status.json` in the state directory, for `rollcall-agent status`.
//!
//! It is a note, not state: it is not synced, nothing reads it back, and after a power cut it may be gone.

use crate::uplink::Link;
use rollcall_shared::message::SectionEntry;
use rollcall_shared::{AgentId, Outcome, SectionName, Timestamp};
use serde::{Deserialize, Serialize};

/// Name of the file.
pub const STATUS_FILE: &str = "status.json";

/// See the module.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Status {
    /// Who.
    pub agent_id: AgentId,
    /// Version of the running program.
    pub agent_version: String,
    /// Its process.
    pub pid: u32,
    /// When it began to run.
    pub started_at: Timestamp,
    /// When this was written.
    pub written_at: Timestamp,
    /// Where it pushes.
    pub server: String,
    /// How things stand with the server.
    pub link: Link,
    /// When the server last took a push.
    pub last_push_at: Option<Timestamp>,
    /// Why the last attempt failed, if it did.
    pub last_failure: Option<String>,
    /// What waits on disk.
    pub spool: SpoolStatus,
    /// Version of the settings in force; 0 for none from the server.
    pub settings_version: u64,
    /// Intervals in force, milliseconds.
    pub intervals: IntervalStatus,
    /// How each collector fared, in order.
    pub sections: Vec<SectionStatus>,
}

/// What waits on disk.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SpoolStatus {
    /// Messages that the server has not acknowledged.
    pub messages: usize,
    /// Bytes on disk.
    pub bytes: u64,
    /// Bound of those bytes.
    pub limit_bytes: u64,
}

/// Intervals in force.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct IntervalStatus {
    /// Between two samples.
    pub sample_ms: u64,
    /// Between two pushes.
    pub push_ms: u64,
    /// Between two looks at what administrators change.
    pub inventory_ms: u64,
}

/// How one collector fared.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SectionStatus {
    /// Which.
    pub name: SectionName,
    /// How it went.
    pub outcome: Outcome,
    /// Why it is not complete.
    pub reason: Option<String>,
    /// How long it took.
    pub duration_us: u64,
    /// How much it read.
    pub bytes_read: u64,
    /// When.
    pub looked_at: Timestamp,
}

impl SectionStatus {
    /// Of a report's entry.
    #[must_use]
    pub fn of(entry: &SectionEntry, looked_at: Timestamp) -> Self {
        let SectionEntry { name, outcome, reason, duration_us, bytes_read, .. } = entry.clone();
        Self { name, outcome, reason, duration_us, bytes_read, looked_at }
    }
}
