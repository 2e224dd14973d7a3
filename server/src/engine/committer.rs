//! The committer: one group commit after the other, then the replies.
//!
//! While a commit waits for the disk, the writer decides the next batch; what has gathered by then is committed as one.

use super::snapshots::{Due, Still};
use super::{EngineError, Shared};
use crate::store::Commit;
use rollcall_shared::ContentHash;
use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::sync::mpsc::{Receiver, SyncSender};

/// Batches that may wait for the committer: the writer stops deciding when the disk is that far behind.
pub const BATCHES: usize = 8;

/// Journal entries of one group commit; more gain nothing and lengthen the wait of the first.
const COMMIT_ENTRIES: usize = 4_096;

/// Answers one job once its effects are durable, or says why they are not.
pub type Reply = Box<dyn FnOnce(Result<(), EngineError>) + Send>;

/// What the writer decided.
#[derive(Default)]
pub struct Batch {
    /// What is to be written.
    pub commit: Commit,
    /// Answers.
    pub replies: Vec<Reply>,
    /// Files that nothing names any more once this is written.
    pub unnamed: BTreeSet<ContentHash>,
    /// The state after this batch; its journal position is not known yet.
    pub snapshot: Option<Still>,
    /// Told when everything up to here is done.
    pub barrier: Option<SyncSender<()>>,
}

impl Batch {
    /// Whether there is nothing in it for anybody.
    pub fn is_idle(&self) -> bool {
        !self.writes() && self.replies.is_empty() && self.snapshot.is_none() && self.barrier.is_none()
    }

    fn writes(&self) -> bool {
        let Commit { events, journal, sections, attachments, .. } = &self.commit;
        !(events.is_empty() && journal.is_empty() && sections.is_empty() && attachments.is_empty())
    }

    /// Takes in a file that an event of this batch names. One that was to be forgotten with the batch is named again.
    pub fn attach(&mut self, hash: ContentHash, bytes: Vec<u8>) {
        self.unnamed.remove(&hash);
        self.commit.attachments.push((hash, bytes));
    }

    fn absorb(&mut self, later: Self) {
        if self.commit.events.is_empty() {
            self.commit.expected_revision = later.commit.expected_revision;
        }
        self.commit.events.extend(later.commit.events);
        self.commit.journal.extend(later.commit.journal);
        self.commit.sections.extend(later.commit.sections);
        later.commit.attachments.into_iter().for_each(|(hash, bytes)| self.attach(hash, bytes));
        self.unnamed.extend(later.unnamed);
        self.replies.extend(later.replies);
        self.snapshot = later.snapshot;
        self.barrier = later.barrier;
    }

    /// Snapshots and barriers end a group: what follows them must not be in it.
    fn ends_group(&self) -> bool {
        self.snapshot.is_some() || self.barrier.is_some() || self.commit.journal.len() >= COMMIT_ENTRIES
    }
}

/// The committing thread's state.
pub struct Committer {
    shared: Arc<Shared>,
    journal_position: u64,
    snapshots: SyncSender<Due>,
}

impl Committer {
    /// A committer behind `journal_position`.
    pub fn new(shared: Arc<Shared>, journal_position: u64, snapshots: SyncSender<Due>) -> Self {
        Self { shared, journal_position, snapshots }
    }

    /// Commits until the writer is gone.
    pub fn run(mut self, batches: &Receiver<Batch>) {
        let mut next = None;
        while let Some(mut group) = next.take().or_else(|| batches.recv().ok()) {
            while !group.ends_group() {
                match batches.try_recv() {
                    Ok(batch) => group.absorb(batch),
                    Err(_) => break,
                }
            }
            self.commit(group);
        }
    }

    fn commit(&mut self, group: Batch) {
        let outcome = self.write(&group);
        if outcome.is_ok() {
            self.forget(&group.unnamed);
        }
        for reply in group.replies {
            reply(outcome.clone().map_err(EngineError::Unavailable));
        }
        if outcome.is_ok()
            && let Some(still) = group.snapshot
        {
            // There is room: at most one is in work. Without a thread that takes it, it is given up.
            let _ = self.snapshots.send(Due { still, journal_position: self.journal_position });
        }
        if let Some(barrier) = group.barrier {
            let _ = barrier.send(());
        }
    }

    fn write(&mut self, group: &Batch) -> Result<(), String> {
        if let Some(reason) = self.shared.failure() {
            return Err(reason);
        }
        if !group.writes() {
            return Ok(());
        }
        let commit = &group.commit;
        let started = self.shared.clock.monotonic();
        let (revision, position) = self.shared.store.commit(commit).map_err(|error| {
            self.shared.fail(error.to_string());
            error.to_string()
        })?;
        self.journal_position = position;
        let tally = &self.shared.tally;
        let elapsed = self.shared.clock.monotonic().saturating_sub(started);
        tally.commit_us.fetch_add(u64::try_from(elapsed.as_micros()).unwrap_or(u64::MAX), Ordering::Relaxed);
        tally.commits.fetch_add(1, Ordering::Relaxed);
        tally.records.fetch_add(commit.events.len() as u64, Ordering::Relaxed);
        tally.sections.fetch_add(commit.sections.len() as u64, Ordering::Relaxed);
        self.shared.durable.send_if_modified(|known| std::mem::replace(known, revision) != revision);
        Ok(())
    }

    /// Before the replies: who is told that a file is gone must not find it. One that stays by mistake goes at the next start.
    fn forget(&self, unnamed: &BTreeSet<ContentHash>) {
        if unnamed.is_empty() {
            return;
        }
        match self.shared.store.forget_attachments(unnamed) {
            Ok(()) => tracing::info!(files = unnamed.len(), "attachments that nothing names any more are forgotten"),
            Err(error) => tracing::error!(%error, "attachments that nothing names any more were not forgotten"),
        }
    }
}
