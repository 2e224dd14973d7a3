//! How fresh what is known of configuration items is, and which of them may be retired.

use super::Time;
use super::ci::Source;
use super::word::{Class, Lifecycle, Stage};
use rollcall_domain::World;
use rollcall_domain::ci::{self, lifecycle};
use rollcall_domain::id::CiId;
use serde::Serialize;
use utoipa::ToSchema;

/// What one source's silence means for a configuration item.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct Staleness {
    /// Who.
    pub source: Source,
    /// When it last spoke of the item.
    pub last_seen: Time,
    /// How fresh that is.
    pub stage: Stage,
    /// From when on its silence makes the item stale; null when its word never goes stale by time.
    pub stale_at: Option<Time>,
    /// From when on its silence makes the item missing.
    pub warning_at: Option<Time>,
    /// From when on its silence makes the item a candidate for retirement.
    pub retirement_at: Option<Time>,
}

impl From<lifecycle::Staleness> for Staleness {
    fn from(found: lifecycle::Staleness) -> Self {
        let after = |time| Time(found.last_seen.plus(time));
        Self {
            stale_at: found.patience.map(|patience| after(patience.stale)),
            warning_at: found.patience.map(|patience| after(patience.warning)),
            retirement_at: found.patience.map(|patience| after(patience.retirement)),
            source: (&found.source).into(),
            last_seen: Time(found.last_seen),
            stage: found.stage.into(),
        }
    }
}

/// A configuration item that has been silent for so long that it may be retired.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct RetirementCandidate {
    /// Which.
    #[schema(example = "host_00000000000000000000000001")]
    pub ci: String,
    /// What it is.
    pub class: Class,
    /// What people call it.
    pub name: String,
    /// Where it is in its life.
    pub status: Lifecycle,
    /// Since when it is a candidate.
    pub since: Time,
    /// The source that spoke of it last.
    pub source: Source,
    /// When that was.
    pub last_seen: Time,
    /// Why, in words.
    pub reason: String,
}

impl RetirementCandidate {
    /// The view of a candidate.
    pub fn new(ci: &ci::Ci, candidate: &lifecycle::Candidate) -> Self {
        let lifecycle::Candidate { since, source, last_seen } = candidate;
        Self {
            ci: ci.id.to_string(),
            class: ci.class.into(),
            name: ci.name.clone(),
            status: ci.status.into(),
            since: Time(*since),
            source: source.into(),
            last_seen: Time(*last_seen),
            reason: format!("{source} was the last to speak of it, at {last_seen}"),
        }
    }
}

/// What became of one configuration item that was to be retired.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct RetirementResult {
    /// Which.
    pub ci: String,
    /// Whether it is retired, or would be.
    pub retired: bool,
    /// Why not: the code of an error; null when it is.
    pub code: Option<String>,
    /// The same in words.
    pub reason: Option<String>,
}

/// What became of the configuration items that were to be retired.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct Retirement {
    /// Whether nothing was done.
    pub dry_run: bool,
    /// Items that are retired, or would be.
    pub retired: u64,
    /// Items that are not.
    pub refused: u64,
    /// Each with what became of it, in the order in which they were named, or by id.
    pub items: Vec<RetirementResult>,
}

/// How fresh each of an item's own sources is.
pub fn staleness(world: &World, ci: &ci::Ci, now: rollcall_shared::Timestamp) -> Vec<Staleness> {
    lifecycle::staleness(world, ci, now).into_iter().map(Into::into).collect()
}

/// The view of a candidate, when the item is one.
pub fn candidate(world: &World, ci: CiId) -> Option<RetirementCandidate> {
    Some(RetirementCandidate::new(world.cmdb.cis.get(&ci)?, world.cmdb.candidates.get(&ci)?))
}
