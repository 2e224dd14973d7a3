//! When a snapshot is begun, and who waits for its end. What becomes of it then: [`crate::engine::snapshots`].

use super::Writer;
use crate::engine::snapshots::Still;
use std::sync::PoisonError;
use std::sync::mpsc::{TryRecvError, sync_channel};

impl Writer {
    /// Copies the state for the snapshot behind everything decided so far. Waits for the one in work first: there is never more
    /// than one. What takes long, encoding, saving and dropping the copy, is done by others.
    pub(in crate::engine) fn freeze(&mut self) {
        self.end_snapshot();
        let mut waiting = std::mem::take(&mut self.snapshot_wanted);
        if self.shared.failure().is_some() {
            return;
        }
        let world = Box::new(self.shared.world.read().unwrap_or_else(PoisonError::into_inner).without_projections());
        let (in_work, end) = sync_channel(1);
        waiting.push(in_work);
        self.snapshot = Some(end);
        self.batch.snapshot = Some(Still { head: self.head, world, waiting });
        self.hand_over();
    }

    /// Waits until no snapshot is in work.
    pub(in crate::engine) fn end_snapshot(&mut self) {
        if let Some(end) = self.snapshot.take() {
            let _ = end.recv();
        }
    }

    pub(super) fn is_snapshot_in_work(&self) -> bool {
        self.snapshot.as_ref().is_some_and(|end| matches!(end.try_recv(), Err(TryRecvError::Empty)))
    }
}
