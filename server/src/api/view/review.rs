//! Doubts, and why a record is one machine.

use super::ci::{Attempt, Attribute};
use super::word::Operation;
use super::{Actor, Time, texts};
use rollcall_domain::World;
use rollcall_domain::ci::explain::Explanation;
use rollcall_domain::ci::{self, review};
use serde::Serialize;
use std::collections::BTreeMap;
use utoipa::ToSchema;

/// A doubt that people settle.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct Review {
    /// Its id.
    #[schema(example = "task_00000000000000000000000001")]
    pub id: String,
    /// Configuration items in doubt.
    pub cis: Vec<String>,
    /// Why.
    pub reason: String,
    /// When it came up.
    pub opened_at: Time,
    /// `merged`, `distinct` or `dismissed`; null as long as it is open.
    pub resolution: Option<String>,
    /// The record that stayed, after a merge.
    pub kept: Option<String>,
    /// Why it was settled so.
    pub settled_because: Option<String>,
    /// When.
    pub settled_at: Option<Time>,
    /// By whom.
    pub settled_by: Option<Actor>,
}

impl From<&review::ReviewTask> for Review {
    fn from(task: &review::ReviewTask) -> Self {
        let settled = task.settled.as_ref();
        let (resolution, kept) = match settled.map(|settled| &settled.resolution) {
            Some(review::Resolution::Merged { keep }) => (Some("merged"), Some(keep.to_string())),
            Some(review::Resolution::Distinct) => (Some("distinct"), None),
            Some(review::Resolution::Dismissed) => (Some("dismissed"), None),
            None => (None, None),
        };
        Self {
            id: task.id.to_string(),
            cis: texts(&task.cis),
            reason: task.reason.clone(),
            opened_at: Time(task.opened_at),
            resolution: resolution.map(str::to_owned),
            kept,
            settled_because: settled.map(|settled| settled.reason.clone()),
            settled_at: settled.map(|settled| Time(settled.at)),
            settled_by: settled.map(|settled| (&settled.by).into()),
        }
    }
}

/// A fact that identifies a machine.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct Fact {
    /// Kind and normalised value.
    #[schema(example = "serial:srv00001")]
    pub fact: String,
    /// Other records that have it as well; null for a moment in the past, of which that is not kept.
    pub others: Option<Vec<String>>,
}

/// A key under which another system knows a machine.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct FeedKey {
    /// The system.
    pub feed: String,
    /// Its key.
    pub key: String,
}

/// Why a record is one machine, and whose value counts in each attribute.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct Explained {
    /// Which record.
    pub ci: String,
    /// In sentences.
    pub reasons: Vec<String>,
    /// What the last identification did; null when nothing was ever identified as it.
    pub operation: Option<Operation>,
    /// Every try of the last identification, in order.
    pub attempts: Vec<Attempt>,
    /// What tells it apart.
    pub facts: Vec<Fact>,
    /// Agents that report as it.
    pub agents: Vec<String>,
    /// Keys under which other systems know it.
    pub feeds: Vec<FeedKey>,
    /// Records that were merged into it.
    pub merged: Vec<String>,
    /// Open doubts about it; null for a moment in the past, of which that is not kept.
    pub reviews: Option<Vec<String>>,
    /// By name: the value that counts with the reason, and every other opinion.
    pub attributes: BTreeMap<String, Attribute>,
}

impl Explained {
    /// The view of an explanation of an item, with what its last identification did and tried.
    pub fn new((world, ci): (&World, &ci::Ci), found: &Explanation, identified: Option<(ci::Operation, &[ci::Attempt])>) -> Self {
        Self {
            ci: ci.id.to_string(),
            reasons: found.reasons.clone(),
            operation: identified.map(|(operation, _)| operation.into()),
            attempts: identified.map(|(_, attempts)| attempts.iter().map(Into::into).collect()).unwrap_or_default(),
            facts: found.facts.iter().map(|(fact, others)| Fact { fact: fact.clone(), others: others.as_ref().map(texts) }).collect(),
            agents: texts(&found.agents),
            feeds: found.feeds.iter().map(|(feed, key)| FeedKey { feed: feed.clone(), key: key.clone() }).collect(),
            merged: texts(&found.merged),
            reviews: found.doubts.as_ref().map(texts),
            attributes: ci.attributes.iter().map(|(name, one)| (name.to_owned(), Attribute::new(world, ci, name, one))).collect(),
        }
    }
}
