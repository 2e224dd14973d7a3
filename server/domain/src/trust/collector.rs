//! Collectors: what other people's measuring says of one configuration item, a voice for each item and resource that a feed tells of.
//!
//! A voice has an id of the kind that agents have, so that journal, store and rules take its samples as they take an agent's; it is no
//! agent: it proves nothing, its speaking does not show that the host's agent lives, and its silence is not the host's. The id is made of
//! the feed, the key and the item. Invariants: a voice means one item for as long as records are merged and taken apart only; what a
//! resource measured while it meant another item stays with that item.

use super::TrustEvent;
use super::feed::FeedName;
use crate::alert::external::place;
use crate::id::CiId;
use crate::{Context, Rejection, World};
use rollcall_shared::{AgentId, Timestamp};
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};

/// The attribute of every series of a collector: the feed that it came by. Its dot keeps it apart from every label of Prometheus, its
/// first word from every name of OpenTelemetry's conventions.
pub const FEED: &str = "rollcall.feed";

/// Voices at most: two for each of 100,000 hosts, about 1 KiB each and 24 bytes a series.
pub const VOICES: usize = 200_000;

/// Bytes of a key.
pub const KEY_BYTES: usize = 1_024;

/// Names that agents measure under. What others measure under one of them often means something else (a share of one state of one
/// processor, a counter in the place of a rate), so a rule judges it only when it names the feed.
const OF_AGENTS: [&str; 4] = ["system.", "hw.", "process.", "rollcall."];

/// One resource of a feed that means one item.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Collector {
    /// The feed.
    pub feed: FeedName,
    /// What the feed tells it apart by, such as `host.name=web-1` or `instance=web-1:9100,job=node`.
    pub key: String,
    /// The item.
    pub ci: CiId,
    /// How the item was found.
    pub placed: String,
    /// When it was first heard.
    pub placed_at: Timestamp,
}

/// All voices.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Collectors {
    known: BTreeMap<AgentId, Collector>,
    #[serde(skip)]
    by_ci: BTreeMap<CiId, BTreeSet<AgentId>>,
}

impl Collectors {
    /// A copy of all that a snapshot stores, without the projection.
    pub(crate) fn without_projections(&self) -> Self {
        let Self { known, by_ci: _ } = self;
        Self { known: known.clone(), by_ci: BTreeMap::new() }
    }

    /// One voice.
    #[must_use]
    pub fn get(&self, voice: AgentId) -> Option<&Collector> {
        self.known.get(&voice)
    }

    /// Whether it is the id of a voice.
    #[must_use]
    pub fn contains(&self, voice: AgentId) -> bool {
        self.known.contains_key(&voice)
    }

    /// All of them, in order of their ids.
    pub fn iter(&self) -> impl Iterator<Item = (AgentId, &Collector)> {
        self.known.iter().map(|(&voice, collector)| (voice, collector))
    }

    /// Those after one, in order of their ids.
    pub fn after(&self, voice: Option<AgentId>) -> impl Iterator<Item = (AgentId, &Collector)> {
        let from = voice.map_or(std::ops::Bound::Unbounded, std::ops::Bound::Excluded);
        self.known.range((from, std::ops::Bound::Unbounded)).map(|(&voice, collector)| (voice, collector))
    }

    /// Those of an item, in order of their ids.
    pub fn of(&self, ci: CiId) -> impl Iterator<Item = (AgentId, &Collector)> {
        let voices = self.by_ci.get(&ci).into_iter().flatten();
        voices.filter_map(|voice| Some((*voice, self.known.get(voice)?)))
    }

    /// Items after one that some voice means, in order.
    pub fn items(&self, after: Option<CiId>) -> impl Iterator<Item = CiId> {
        let from = after.map_or(std::ops::Bound::Unbounded, std::ops::Bound::Excluded);
        self.by_ci.range((from, std::ops::Bound::Unbounded)).map(|(ci, _)| *ci)
    }

    /// How many there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.known.len()
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.known.is_empty()
    }

    pub(super) fn add(&mut self, voice: AgentId, collector: Collector) {
        self.by_ci.entry(collector.ci).or_default().insert(voice);
        if let Some(before) = self.known.insert(voice, collector) {
            self.unlist(voice, before.ci);
        }
    }

    pub(super) fn remove(&mut self, voice: AgentId) {
        if let Some(collector) = self.known.remove(&voice) {
            self.unlist(voice, collector.ci);
        }
    }

    pub(super) fn bind(&mut self, voice: AgentId, ci: CiId) {
        let Some(collector) = self.known.get_mut(&voice) else { return };
        let before = std::mem::replace(&mut collector.ci, ci);
        self.by_ci.entry(ci).or_default().insert(voice);
        self.unlist(voice, before);
    }

    /// Brings back what is never stored.
    pub(crate) fn rebuild(&mut self) {
        self.by_ci.clear();
        for (&voice, collector) in &self.known {
            self.by_ci.entry(collector.ci).or_default().insert(voice);
        }
    }

    fn unlist(&mut self, voice: AgentId, before: CiId) {
        if self.known.get(&voice).is_some_and(|collector| collector.ci == before) {
            return;
        }
        if let Some(voices) = self.by_ci.get_mut(&before) {
            voices.remove(&voice);
            if voices.is_empty() {
                self.by_ci.remove(&before);
            }
        }
    }
}

/// What a feed says of one item.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Spoken {
    /// The feed, proven.
    pub feed: FeedName,
    /// Its own key for the resource.
    pub key: String,
    /// The item that the resource means.
    pub ci: CiId,
    /// How that was found.
    pub placed: String,
}

impl Spoken {
    /// The id of its voice.
    #[must_use]
    pub fn voice(&self) -> AgentId {
        let mut hasher = blake3::Hasher::new();
        for part in ["collector", self.feed.as_str(), &self.key, &self.ci.to_string()] {
            hasher.update(&(part.len() as u64).to_be_bytes()).update(part.as_bytes());
        }
        let mut bytes = [0; 16];
        bytes.copy_from_slice(&hasher.finalize().as_bytes()[..16]);
        AgentId(u128::from_be_bytes(bytes))
    }
}

/// Judges what a feed says: whether it may, and which voice it is. A new voice comes with the event that makes it known.
///
/// # Errors
/// [`Rejection::BadCredential`] when the feed is withdrawn or brings no measurements, [`Rejection::NotFound`] when the item is meant by nobody
/// any more, [`Rejection::Invalid`] for a key that is too long, [`Rejection::Conflict`] when there are too many voices.
pub fn hear(world: &World, spoken: &Spoken, context: &Context<'_>) -> Result<(AgentId, Option<TrustEvent>), Rejection> {
    let feed = world.trust.feeds.get(&spoken.feed).filter(|feed| !feed.revoked && feed.kind.brings_measurements());
    feed.ok_or(Rejection::BadCredential)?;
    let ci = world.cmdb.cis.get(&spoken.ci).filter(|ci| place::is_meant(ci));
    ci.ok_or_else(|| Rejection::not_found("configuration item", spoken.ci))?;
    let voice = spoken.voice();
    if world.trust.collectors.contains(voice) {
        return Ok((voice, None));
    }
    if spoken.key.is_empty() || spoken.key.len() > KEY_BYTES {
        return Err(Rejection::invalid("key", format!("must have 1 to {KEY_BYTES} bytes")));
    }
    if world.trust.collectors.len() >= VOICES {
        return Err(Rejection::Conflict(format!("there are {VOICES} collectors already")));
    }
    if world.trust.agents.contains_key(&voice) {
        return Err(Rejection::Conflict(format!("{voice} is an agent")));
    }
    let collector = Collector {
        feed: spoken.feed.clone(),
        key: spoken.key.clone(),
        ci: spoken.ci,
        placed: spoken.placed.clone(),
        placed_at: context.now,
    };
    Ok((voice, Some(TrustEvent::CollectorPlaced { voice, collector })))
}

/// Whether a rule that asks for these attributes of this metric may judge a collector's series.
#[must_use]
pub fn may_be_judged(metric: &str, asked: &BTreeMap<String, String>) -> bool {
    asked.contains_key(FEED) || !OF_AGENTS.iter().any(|begin| metric.starts_with(begin))
}

/// Whether attributes are those of a collector's series.
#[must_use]
pub fn is_of_collector(attributes: &[(String, String)]) -> bool {
    attributes.iter().any(|(name, _)| name == FEED)
}

#[cfg(test)]
mod tests;
