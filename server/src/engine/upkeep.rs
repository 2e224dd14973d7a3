//! Upkeep of the store: compaction of the journal behind each snapshot, reduction of the hours that are over, expiry of what is old.
//!
//! The journal is compacted only up to the last snapshot: what is behind it is needed to rebuild telemetry after a restart. Samples are
//! reduced before they expire, a few hours at a time, because every round rewrites the current day of every host.

use super::{History, Shared};
use crate::store::HOUR_MS;
use rollcall_domain::sample::Grain;
use rollcall_shared::Timestamp;
use std::sync::Arc;
use std::sync::mpsc::Receiver;

/// Time between two rounds of reduction, ms: each host's values of a day are written four times.
const ROUND_MS: i64 = 6 * HOUR_MS;

/// After its end most of what agents still hold of an hour has come; what comes later is taken up by the next round.
const GRACE_MS: i64 = HOUR_MS / 4;

/// Something to do: the journal may be compacted up to here.
pub type Duty = u64;

/// Works until nobody makes snapshots any more.
pub fn run(shared: &Shared, duties: &Receiver<Duty>) {
    let history = History::new(Arc::clone(&shared.store), shared.content.clone(), shared.retention);
    let mut rolled_up_to = None;
    while let Ok(position) = duties.recv() {
        if shared.failure().is_some() {
            continue;
        }
        match shared.store.compact(position) {
            Ok(0) => {}
            Ok(moved) => tracing::debug!(moved, position, "journal compacted"),
            Err(error) => tracing::error!(%error, position, "the journal was not compacted"),
        }
        let round = shared.clock.now().0.saturating_sub(GRACE_MS).div_euclid(ROUND_MS);
        if rolled_up_to == Some(round) {
            expire(shared);
            continue;
        }
        match history.roll_up(Timestamp(round.saturating_mul(ROUND_MS)), &|| shared.failure().is_some()) {
            Ok(agents) => {
                rolled_up_to = Some(round);
                tracing::debug!(agents, "samples reduced");
            }
            Err(error) => tracing::error!(%error, "samples were not reduced"),
        }
        expire(shared);
    }
}

fn expire(shared: &Shared) {
    let (now, retention) = (shared.clock.now(), shared.retention);
    match shared.store.expire(now.minus(retention.raw)) {
        Ok(0) => {}
        Ok(blocks) => tracing::info!(blocks, "old samples expired"),
        Err(error) => tracing::error!(%error, "old samples did not expire"),
    }
    for grain in Grain::ALL {
        match shared.store.expire_rows(grain, now.minus(retention.of(grain))) {
            Ok(0) => {}
            Ok(values) => tracing::info!(values, grain = grain.as_str(), "old reduced samples expired"),
            Err(error) => tracing::error!(%error, grain = grain.as_str(), "old reduced samples did not expire"),
        }
    }
}
