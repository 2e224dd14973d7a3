//! Relations, and what follows from them.

use super::Time;
use super::ci::Source;
use super::word::{Class, Direction, Lifecycle, RelationKind};
use rollcall_domain::World;
use rollcall_domain::ci::past::Past;
use rollcall_domain::ci::{self, impact};
use rollcall_domain::id::CiId;
use serde::Serialize;
use utoipa::ToSchema;

/// Two configuration items that belong together.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct Relation {
    /// Where it begins.
    #[schema(example = "svc_00000000000000000000000001")]
    pub from: String,
    /// How, read from `from` to `to`.
    pub kind: RelationKind,
    /// Where it ends.
    #[schema(example = "host_00000000000000000000000001")]
    pub to: String,
    /// How, read from `to` to `from`.
    #[schema(example = "runs")]
    pub reverse: String,
    /// What people call the one.
    pub from_name: Option<String>,
    /// What people call the other.
    pub to_name: Option<String>,
    /// Who says so.
    pub source: Source,
    /// When it was first seen.
    pub first_seen: Time,
    /// When it was last confirmed by a change of either side.
    pub last_seen: Time,
}

impl Relation {
    /// The view of a relation with the names of both sides.
    pub fn new(world: &World, relation: &ci::Relation) -> Self {
        Self::named(relation, |id| name(world, id))
    }

    /// The view of a relation as it was, with the names of then; what the past does not know (products) is called as it is now.
    pub fn then(past: &Past, world: &World, relation: &ci::Relation) -> Self {
        Self::named(relation, |id| name(past.world(), id).filter(|_| past.knows(id)).or_else(|| name(world, id)))
    }

    fn named(relation: &ci::Relation, name: impl Fn(CiId) -> Option<String>) -> Self {
        Self {
            from: relation.from.to_string(),
            kind: relation.kind.into(),
            to: relation.to.to_string(),
            reverse: relation.kind.reverse().to_owned(),
            from_name: name(relation.from),
            to_name: name(relation.to),
            source: (&relation.source).into(),
            first_seen: Time(relation.first_seen),
            last_seen: Time(relation.last_seen),
        }
    }
}

/// What a failure affects, or what something needs.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct Impact {
    /// Where the walk began.
    #[schema(example = "host_00000000000000000000000001")]
    pub ci: String,
    /// Which way it went.
    pub direction: Direction,
    /// Relations in a path at most.
    pub depth: u64,
    /// What it came to, the nearest first.
    pub items: Vec<Hit>,
    /// Whether there is more than `items`. What lies deeper than `depth` is not meant.
    pub truncated: bool,
}

/// A configuration item that a walk came to.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct Hit {
    /// Which.
    pub ci: String,
    /// What it is.
    pub class: Option<Class>,
    /// What people call it.
    pub name: Option<String>,
    /// Where it is in its life.
    pub status: Option<Lifecycle>,
    /// Relations in its path.
    pub distance: u64,
    /// Why: the relations that lead to it, from where the walk began.
    pub path: Vec<Step>,
}

/// A relation on a path, as it is recorded.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct Step {
    /// Where it begins.
    pub from: String,
    /// How, read from `from` to `to`.
    pub kind: RelationKind,
    /// Where it ends.
    pub to: String,
    /// In words, such as `orders runs_on web-1`.
    #[schema(example = "orders runs_on web-1")]
    pub text: String,
}

impl Impact {
    /// The view of a walk.
    pub fn new(world: &World, start: CiId, direction: impact::Direction, depth: usize, found: &impact::Impact) -> Self {
        Self {
            ci: start.to_string(),
            direction: direction.into(),
            depth: depth as u64,
            items: found.hits.iter().map(|hit| Hit::new(world, hit)).collect(),
            truncated: found.truncated,
        }
    }
}

impl Hit {
    fn new(world: &World, hit: &impact::Hit) -> Self {
        let ci = world.cmdb.cis.get(&hit.ci);
        let label = |id: CiId| name(world, id).unwrap_or_else(|| id.to_string());
        let step = |step: &impact::Step| Step {
            from: step.from.to_string(),
            kind: step.kind.into(),
            to: step.to.to_string(),
            text: format!("{} {} {}", label(step.from), step.kind.as_str(), label(step.to)),
        };
        Self {
            ci: hit.ci.to_string(),
            class: ci.map(|ci| ci.class.into()),
            name: ci.map(|ci| ci.name.clone()),
            status: ci.map(|ci| ci.status.into()),
            distance: hit.path.len() as u64,
            path: hit.path.iter().map(step).collect(),
        }
    }
}

fn name(world: &World, id: CiId) -> Option<String> {
    world.cmdb.cis.get(&id).map(|ci| ci.name.clone())
}
