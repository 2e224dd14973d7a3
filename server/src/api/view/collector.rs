//! Collectors, as they are listed.

use super::Time;
use crate::collecting::Unplaced;
use rollcall_domain::World;
use rollcall_domain::trust::collector as domain;
use rollcall_shared::AgentId;
use serde::Serialize;
use utoipa::ToSchema;

/// A resource or target that a feed measures.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct Collector {
    /// Made of feed, key and item; of the form of an agent's, which it is not.
    #[schema(example = "agent_5ab8r0x8q6c9v1m3k7t2n4e0ha")]
    pub id: String,
    /// The feed.
    #[schema(example = "prom-eu")]
    pub feed: String,
    /// What the feed tells it apart by.
    #[schema(example = "instance=web-1:9100,job=node")]
    pub key: String,
    /// The item that it means; null for none.
    pub ci: Option<String>,
    /// How the item was found, or why none was.
    #[schema(example = "label instance")]
    pub reason: String,
    /// Series that it has.
    pub series: usize,
    /// When it was first heard.
    pub first_heard_at: Time,
    /// When it was last heard; null when that is not known any more.
    pub last_heard_at: Option<Time>,
    /// Whether it is over because its feed was withdrawn.
    pub ended: bool,
}

impl Collector {
    /// One that means an item.
    pub fn new(world: &World, voice: AgentId, one: &domain::Collector) -> Self {
        Self {
            id: voice.to_string(),
            feed: one.feed.to_string(),
            key: one.key.clone(),
            ci: Some(one.ci.to_string()),
            reason: one.placed.clone(),
            series: world.telemetry.current(voice).map_or(0, |current| current.values.len()),
            first_heard_at: Time(one.placed_at),
            last_heard_at: world.telemetry.last_seen(voice).map(Time),
            ended: world.trust.feeds.get(&one.feed).is_none_or(|feed| feed.revoked),
        }
    }

    /// One that means none.
    pub fn of_nobody(id: AgentId, one: &Unplaced) -> Self {
        Self {
            id: id.to_string(),
            feed: one.feed.to_string(),
            key: one.key.clone(),
            ci: None,
            reason: one.reason.clone(),
            series: one.series,
            first_heard_at: Time(one.since),
            last_heard_at: Some(Time(one.last)),
            ended: false,
        }
    }
}
