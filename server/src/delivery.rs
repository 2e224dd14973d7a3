//! Delivery: the edge that tells other systems what happens.
//!
//! One task a channel reads the log behind the channel's cursor, sends what the channel wants in signed batches, and hands how
//! that went to the engine, which decides what follows. Invariants: a channel has one request under way at most, so what it
//! sends is in order and a hanging receiver costs one connection; nothing here is waited for by ingest; no request leaves but
//! through the [`Guard`]; the secrets exist in memory and on the wire of the answer that shows them once, nowhere else.

mod batch;
mod guard;
mod secret;
mod sender;
mod worker;

pub use guard::{Guard, Names, Refusal, SystemNames};
pub use secret::{KeyError, Signer};
pub use sender::{Outgoing, Sender};
pub use worker::Courier;

use rollcall_domain::id::ChannelId;
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

/// What the API needs of delivery: secrets to show once, addresses to check, how far channels have come.
#[derive(Clone)]
pub struct Dispatch {
    /// Makes secrets and signs.
    pub signer: Signer,
    /// Says which addresses may be called.
    pub guard: Guard,
    positions: Arc<Mutex<BTreeMap<ChannelId, u64>>>,
}

impl Dispatch {
    /// A dispatch whose channels have not come anywhere yet.
    #[must_use]
    pub fn new(signer: Signer, guard: Guard) -> Self {
        Self { signer, guard, positions: Arc::default() }
    }

    /// The revision up to which a channel has looked at the log; ahead of its stored cursor by what needs no confirmation.
    #[must_use]
    pub fn position(&self, channel: ChannelId) -> Option<u64> {
        self.positions.lock().unwrap_or_else(PoisonError::into_inner).get(&channel).copied()
    }

    fn note(&self, channel: ChannelId, position: Option<u64>) {
        let mut positions = self.positions.lock().unwrap_or_else(PoisonError::into_inner);
        match position {
            Some(position) => positions.insert(channel, position),
            None => positions.remove(&channel),
        };
    }
}

#[cfg(test)]
mod tests;
