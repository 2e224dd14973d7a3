//! What a decision is handed besides the state: time, ids, content. The only ways in which the outside reaches the domain.

use crate::Actor;
use rollcall_shared::{ContentHash, Section, Timestamp};
use std::sync::Arc;

/// Where new ids come from. In production random and ascending in time, in tests a counter.
pub trait IdSource {
    /// A number never handed out before.
    fn next_bits(&mut self) -> u128;
}

/// Reads sections by name. What it answers for one hash never changes, whichever thread asks.
pub trait Content: Sync {
    /// The section, when it is stored here and decodes.
    fn section(&self, hash: &ContentHash) -> Option<Arc<Section>>;
}

/// The circumstances of one decision.
pub struct Context<'a> {
    /// The server's clock, once for the whole decision.
    pub now: Timestamp,
    /// Who asks.
    pub actor: Actor,
    /// New ids.
    pub ids: &'a mut dyn IdSource,
    /// Stored sections.
    pub content: &'a dyn Content,
}

/// Content that is not there.
pub struct NoContent;

impl Content for NoContent {
    fn section(&self, _hash: &ContentHash) -> Option<Arc<Section>> {
        None
    }
}

/// Ids that count up: for tests, simulations and dry runs.
#[derive(Debug, Default)]
pub struct CountingIds(pub u128);

impl IdSource for CountingIds {
    fn next_bits(&mut self) -> u128 {
        self.0 += 1;
        self.0
    }
}
