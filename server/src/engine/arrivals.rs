//! Requests of agents that have come and are being read: the writer's next jobs.
//!
//! When hosts breach at once, the first to be decided is alone among the jobs while the others are still being read. What is due to be told
//! is held for a moment then, so that a storm is one message; a page on a server that nothing else reaches waits for nothing.
//!
//! Invariant: a request that is given up leaves nothing behind.

use super::{Engine, Shared};
use rollcall_domain::World;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, TryLockError};

/// How many requests are being read.
#[derive(Debug, Default)]
pub(super) struct Arrivals(AtomicUsize);

impl Arrivals {
    /// Whether there are any.
    pub(super) fn any(&self) -> bool {
        self.0.load(Ordering::Relaxed) > 0
    }
}

/// A request that is being read, until this is dropped.
pub struct Arriving(Arc<Shared>);

impl Drop for Arriving {
    fn drop(&mut self) {
        self.0.arrivals.0.fetch_sub(1, Ordering::Relaxed);
    }
}

impl std::fmt::Debug for Arriving {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_tuple("Arriving").finish_non_exhaustive()
    }
}

impl Engine {
    /// Looks at the state unless it is being changed: `None` then, without waiting. For what the writer judges anyway; waiting for it before
    /// each push would let thousands a second take turns with it one by one.
    pub fn glance<R>(&self, look: impl FnOnce(&World) -> R) -> Option<R> {
        match self.shared.world.try_read() {
            Ok(world) => Some(look(&world)),
            Err(TryLockError::Poisoned(world)) => Some(look(&world.into_inner())),
            Err(TryLockError::WouldBlock) => None,
        }
    }

    /// Takes note of a request that is about to be read; drop it when it is handed over.
    #[must_use]
    pub fn arriving(&self) -> Arriving {
        self.shared.arrivals.0.fetch_add(1, Ordering::Relaxed);
        Arriving(Arc::clone(&self.shared))
    }
}
