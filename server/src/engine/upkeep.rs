//! Upkeep of the store: compaction of the journal behind each snapshot, expiry of old samples.
//!
//! The journal is compacted only up to the last snapshot: what is behind it is needed to rebuild telemetry after a restart.

use super::Shared;
use super::committer::Duty;
use std::sync::mpsc::Receiver;
use std::time::Duration;

/// Works until the committer is gone.
pub fn run(shared: &Shared, duties: &Receiver<Duty>, retain_samples: Duration) {
    while let Ok(position) = duties.recv() {
        if shared.failure().is_some() {
            continue;
        }
        match shared.store.compact(position) {
            Ok(0) => {}
            Ok(moved) => tracing::debug!(moved, position, "journal compacted"),
            Err(error) => tracing::error!(%error, position, "the journal was not compacted"),
        }
        match shared.store.expire(shared.clock.now().minus(retain_samples)) {
            Ok(0) => {}
            Ok(blocks) => tracing::info!(blocks, "old samples expired"),
            Err(error) => tracing::error!(%error, "old samples did not expire"),
        }
    }
}
