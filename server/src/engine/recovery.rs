//! From the store to the state: snapshot, then the log behind it, then the journal behind it.

use crate::log::{self, Head, LogError};
use crate::store::{Store, StoreError};
use rollcall_domain::ci::CiEvent;
use rollcall_domain::{Content, Event, World, attachment};
use rollcall_shared::{ContentHash, Timestamp};
use std::collections::BTreeSet;

/// Journal entries read at once.
const JOURNAL_PAGE: usize = 1_000;

/// Why the engine does not start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// The store cannot be read.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The log is not what was written.
    #[error(transparent)]
    Log(#[from] LogError),
    /// The system gives no thread.
    #[error("cannot start a thread: {0}")]
    Thread(std::io::Error),
}

/// What was recovered.
pub struct Recovered {
    /// The state.
    pub world: World,
    /// Head of the log's chain.
    pub head: Head,
    /// Last journal position.
    pub journal_position: u64,
}

/// Rebuilds the state.
///
/// # Errors
/// When the store cannot be read, a record is broken, or the log ends before the snapshot.
pub fn recover(store: &dyn Store, content: &dyn Content, now: Timestamp) -> Result<Recovered, StartError> {
    let snapshot = store.load_snapshot()?;
    let known = snapshot.as_ref().map_or(0, |snapshot| snapshot.revision);
    let thawed = snapshot.as_ref().and_then(|snapshot| match log::thaw(snapshot) {
        Ok(thawed) => Some((thawed, snapshot.journal_position)),
        Err(reason) => {
            tracing::warn!(%reason, "the snapshot is of no use: replaying the whole log");
            None
        }
    });
    let is_lost = snapshot.is_some() && thawed.is_none();
    let ((head, mut world), position) = thawed.unwrap_or_default();
    world.rebuild_projections(content);
    let (mut head, was_erased) = replay_log(store, content, &mut world, head)?;
    if was_erased && known > 0 {
        tracing::info!("something was erased after the snapshot was made: replaying the whole log");
        let telemetry = std::mem::take(&mut world.telemetry);
        (head, world) = replay_whole(store, content)?;
        world.adopt_telemetry(telemetry, content);
    }
    if world.revision < known {
        return Err(LogError::CutShort { found: world.revision, known }.into());
    }
    let journal_position = recall_journal(store, content, &mut world, position)?;
    if is_lost {
        // What was heard before is in no journal any more.
        world.await_agents();
    }
    world.telemetry.resume(now);
    Ok(Recovered { world, head, journal_position })
}

/// The fold of the whole log; what came from the journal is not in it.
///
/// # Errors
/// When the log cannot be read, or a record is broken.
pub fn replay_whole(store: &dyn Store, content: &dyn Content) -> Result<(Head, World), StartError> {
    let mut world = World::default();
    let (head, _) = replay_log(store, content, &mut world, Head::default())?;
    Ok((head, world))
}

/// The head behind the last record, and whether one of them tells of an erasure.
fn replay_log(store: &dyn Store, content: &dyn Content, world: &mut World, mut head: Head) -> Result<(Head, bool), StartError> {
    let mut was_erased = false;
    loop {
        let page = store.read_log(world.revision, log::PAGE)?;
        if page.is_empty() {
            return Ok((head, was_erased));
        }
        for (revision, bytes) in page {
            if revision != world.revision + 1 {
                return Err(LogError::Broken { revision: world.revision + 1, cause: "is missing".into() }.into());
            }
            let (_, record) = log::decode(revision, &bytes)?;
            head = log::continued(head, revision, &bytes)?;
            was_erased |= matches!(record.event, Event::Ci(CiEvent::CiErased { .. }));
            world.apply(&record, content);
        }
    }
}

/// Forgets files that nothing names: a crash came between a removal and what it means, or into the middle of an attachment.
///
/// # Errors
/// When the store cannot be read or written.
pub fn sweep_attachments(store: &dyn Store, world: &World) -> Result<(), StoreError> {
    let stored = store.attachments()?;
    if stored.is_empty() {
        return Ok(());
    }
    let unnamed: BTreeSet<ContentHash> = stored.difference(&attachment::named(world)).copied().collect();
    if unnamed.is_empty() {
        return Ok(());
    }
    tracing::info!(files = unnamed.len(), "attachments that nothing names are forgotten");
    store.forget_attachments(&unnamed)
}

fn recall_journal(store: &dyn Store, content: &dyn Content, world: &mut World, mut position: u64) -> Result<u64, StartError> {
    loop {
        let page = store.read_journal(position, JOURNAL_PAGE)?;
        if page.is_empty() {
            return Ok(position);
        }
        for (at, entry) in page {
            world.recall(&entry, content);
            position = at;
        }
    }
}
