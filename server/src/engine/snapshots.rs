//! Snapshots: the state is encoded and saved here while the writer goes on deciding and the committer goes on committing.
//!
//! ```text
//! writer: copy of the state ──batch──► committer: durable, at which position of the journal ──► here: encode, save ──► upkeep: compact
//! ```
//!
//! Invariants:
//! - What is saved is durable already: a copy comes here only behind the commit that it stands behind, with the position that the
//!   journal had then. The journal is compacted up to a position only when the snapshot of that position is saved.
//! - At most one snapshot is in work, from the copy until it is saved or given up: the writer makes no copy before ([`Writer::freeze`]).
//!   So memory holds two states at most, snapshots are saved in the order of their revisions, and none that knows an erased item is
//!   saved behind the one that the erasure made. Whoever reads the stored snapshot beside a running engine waits for the one in work
//!   as well: the journal between the two may go any moment.
//! - A snapshot is a cache: that one was not made is logged, and the next start takes longer, nothing else.
//!
//! [`Writer::freeze`]: super::writer::Writer::freeze

use super::Shared;
use super::upkeep::Duty;
use crate::log::{self, Head};
use crate::store::Snapshot;
use rollcall_domain::World;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::PoisonError;
use std::sync::mpsc::{Receiver, SyncSender, TrySendError};

/// A copy of the state on its way to the store.
pub struct Still {
    /// Head of the log's chain at its revision.
    pub head: Head,
    /// The state without its projections.
    pub world: Box<World>,
    /// Those who wait until it is saved or given up: dropping them tells them.
    pub waiting: Vec<SyncSender<()>>,
}

/// A copy of the state that is durable.
pub struct Due {
    /// The copy.
    pub still: Still,
    /// The journal up to here is in it.
    pub journal_position: u64,
}

/// Encodes and saves until the committer is gone.
pub fn run(shared: &Shared, due: &Receiver<Due>, upkeep: &SyncSender<Duty>) {
    while let Ok(Due { still, journal_position }) = due.recv() {
        let Still { head, world, waiting } = still;
        if let Some(snapshot) = encode(head, *world, journal_position) {
            save(shared, &snapshot, upkeep);
        }
        drop(waiting);
    }
}

/// Takes the copy, so that it is gone before the snapshot is saved.
fn encode(head: Head, world: World, journal_position: u64) -> Option<Snapshot> {
    let revision = world.revision;
    match catch_unwind(AssertUnwindSafe(|| log::freeze(head, &world))) {
        Ok(Ok(bytes)) => return Some(Snapshot { revision, journal_position, bytes }),
        Ok(Err(error)) => tracing::error!(%error, revision, "a bug: the state cannot be frozen"),
        Err(_) => tracing::error!(revision, "a bug: freezing the state panicked"),
    }
    None
}

/// A snapshot up to this size is read back before it is saved: some tenths of a second. A larger one takes too long and too much memory.
const READ_BACK_BYTES: usize = 32 << 20;

/// Whether a snapshot can be read by whoever starts with it; one that nobody can read must not stand for the journal.
fn is_sound(snapshot: &Snapshot) -> bool {
    let thawed = if snapshot.bytes.len() <= READ_BACK_BYTES { log::thaw(snapshot).map(drop) } else { Ok(()) };
    thawed.inspect_err(|error| tracing::error!(%error, revision = snapshot.revision, "a bug: the snapshot cannot be read")).is_ok()
}

fn save(shared: &Shared, snapshot: &Snapshot, upkeep: &SyncSender<Duty>) {
    if shared.failure().is_some() || !is_sound(snapshot) {
        return;
    }
    match shared.store.save_snapshot(snapshot) {
        Ok(()) => match upkeep.try_send(snapshot.journal_position) {
            Ok(()) | Err(TrySendError::Full(_) | TrySendError::Disconnected(_)) => {}
        },
        Err(error) => tracing::warn!(%error, revision = snapshot.revision, "the snapshot was not saved"),
    }
    if let Ok(usage) = shared.store.usage() {
        *shared.usage.lock().unwrap_or_else(PoisonError::into_inner) = usage;
    }
}
