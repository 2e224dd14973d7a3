//! Delivery: the edge that tells other systems what happens.
//!
//! One task a channel reads the log behind the channel's cursor, sends what the channel wants in signed batches, sends messages of
//! its own in the form of its receiver, and hands how that went to the engine, which decides what follows. Invariants: a channel
//! has one request or mail under way at most, so what it sends is in order and a hanging receiver costs one connection; nothing
//! here is waited for by ingest, nor by another channel; nothing leaves but through the [`Guard`]; the secrets that sign exist in
//! memory and on the wire of the answer that shows them once, those that receivers gave in memory and on the wire to the receiver.

mod account;
mod batch;
mod form;
mod guard;
mod link;
mod parcel;
mod secret;
pub mod sender;
mod smtp;
mod vault;
mod worker;

pub use form::mail::escape as escape_html;
pub use guard::{Guard, Names, Refusal, SystemNames};
pub use link::{ACKNOWLEDGE, BadLink, Invitation, LOOK, Links};
pub use secret::{KeyError, Signer};
pub use sender::{Outgoing, Sender};
pub use smtp::{Mail, MailSender};
pub use vault::{Vault, VaultError};
pub use worker::Courier;

use rollcall_domain::id::ChannelId;
use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};

/// What the API needs of delivery: secrets to show once, addresses to check, how far channels have come.
#[derive(Clone)]
pub struct Dispatch {
    /// Makes secrets and signs.
    pub signer: Signer,
    /// Says which addresses may be called.
    pub guard: Guard,
    /// Keeps what receivers want to see.
    pub vault: Vault,
    /// Makes links for messages, and reads them.
    pub links: Links,
    positions: Arc<Mutex<BTreeMap<ChannelId, u64>>>,
}

impl Dispatch {
    /// A dispatch whose channels have not come anywhere yet, without files of credentials and without links.
    #[must_use]
    pub fn new(signer: Signer, guard: Guard) -> Self {
        let (vault, links) = (Vault::of(&signer), Links::new(&signer, None));
        Self { signer, guard, vault, links, positions: Arc::default() }
    }

    /// Offers files of credentials by name.
    #[must_use]
    pub fn with_files(self, files: BTreeMap<String, PathBuf>) -> Self {
        Self { vault: self.vault.with_files(files), ..self }
    }

    /// Makes links to where people reach this server.
    #[must_use]
    pub fn with_links(self, base: Option<&str>) -> Self {
        Self { links: Links::new(&self.signer, base), ..self }
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
