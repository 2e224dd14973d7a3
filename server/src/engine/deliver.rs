//! Inventories whose content comes with them: those of other people's agents.
//!
//! Invariant: content is on stable storage before anything refers to it, and both are before the answer leaves.

use super::{Engine, EngineError, Executed, Job, Request, blocking};
use rollcall_domain::ci::CiCommand;
use rollcall_domain::{Actor, Command};
use rollcall_shared::message::{Report, SectionEntry, root_hash};
use rollcall_shared::{ContentHash, Outcome, Section, Timestamp};
use std::sync::Arc;
use std::sync::atomic::Ordering;

/// A section with how it was collected.
#[derive(Clone, Debug)]
pub struct DeliveredSection {
    /// Its content, in any order of rows.
    pub section: Section,
    /// How the collection went.
    pub outcome: Outcome,
    /// Why it is not complete.
    pub reason: Option<String>,
}

/// An inventory of another system.
#[derive(Clone, Debug)]
pub struct Delivery {
    /// Name of the feed, proven.
    pub feed: String,
    /// Its own key for the machine.
    pub key: String,
    /// What it called the machine before.
    pub former: Option<String>,
    /// When it was collected; now when it does not say.
    pub collected_at: Option<Timestamp>,
    /// Its sections, each once.
    pub sections: Vec<DeliveredSection>,
}

/// Content under its name.
type Stored = (ContentHash, Vec<u8>);

impl Engine {
    /// Takes in an inventory of another system; durable on return.
    ///
    /// # Errors
    /// See [`EngineError`]; nothing refers to the content then.
    pub async fn deliver(&self, delivery: Delivery, request_id: Option<String>) -> Result<Executed, EngineError> {
        let Delivery { feed, key, former, collected_at, sections } = delivery;
        let content = self.shared.content.clone();
        let prepared = blocking(move || {
            let mut entries = Vec::with_capacity(sections.len());
            let mut fresh: Vec<Stored> = Vec::new();
            for delivered in sections {
                let (entry, bytes, section) = prepare(delivered)?;
                let hash = ContentHash::of(&bytes);
                if content.load(&hash)?.is_none() {
                    content.remember(hash, Arc::new(section), bytes.len());
                    fresh.push((hash, bytes));
                }
                entries.push(entry);
            }
            entries.sort_by_key(|entry: &SectionEntry| entry.name);
            Ok::<_, EngineError>((entries, fresh))
        });
        let (sections, fresh) = prepared.await??;
        if !fresh.is_empty() {
            self.submit(|reply| Job::Store(fresh, reply)).await?;
        }
        let collected_at = collected_at.unwrap_or_else(|| self.now());
        let report = Box::new(Report { collected_at, root: root_hash(&sections), sections });
        let actor = Actor::Feed { name: feed.clone() };
        let command = Command::Ci(CiCommand::Deliver { feed, key, former, report });
        self.shared.tally.reports.fetch_add(1, Ordering::Relaxed);
        self.execute(Request { actor, request_id, idempotency_key: None, command }).await
    }
}

fn prepare(delivered: DeliveredSection) -> Result<(SectionEntry, Vec<u8>, Section), EngineError> {
    let DeliveredSection { mut section, outcome, reason } = delivered;
    section.sort();
    let (hash, bytes) = section.content().map_err(|error| EngineError::TooLarge(error.to_string()))?;
    let entry = SectionEntry { name: section.name(), outcome, hash: Some(hash), reason, duration_us: 0, bytes_read: 0 };
    Ok((entry, bytes, section))
}
