//! What is affected when something fails, and what something needs: a walk along the relations.
//!
//! Pure and bounded: every item is visited once, so cycles end; depth and number of hits have bounds, and a result that met one
//! says so. The order is that of distance, then of kind and id, so that equal states give equal answers. What is missing,
//! retired or disposed of is neither affected nor passes anything on.

use super::class::model::Dependence;
pub use super::relation::Step;

use super::{Ci, Class, Cmdb, Lifecycle, RelationKind, relation};
use crate::id::CiId;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// Relations in a path unless asked otherwise: service, virtual machine, hypervisor, and what stands on it.
pub const DEPTH: usize = 5;

/// Relations in a path at most.
pub const DEPTH_MAX: usize = 20;

/// Hits at most: more is "everything", and a person reads a screen of them.
pub const HITS: usize = 1000;

/// Relations of one item that are looked at: an item with more is shared by half of the fleet.
const FANOUT: usize = 20_000;

/// Which way to walk.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Direction {
    /// To what depends on the item: what its failure affects.
    Up,
    /// To what the item depends on: whose failure affects it.
    Down,
}

/// What a walk found.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Impact {
    /// Nearest first.
    pub hits: Vec<Hit>,
    /// Whether there is more than this: the bound of hits was met. What lies deeper than was asked for is not meant.
    pub truncated: bool,
}

/// An item that a walk came to.
#[derive(Clone, Debug, PartialEq)]
pub struct Hit {
    /// Which.
    pub ci: CiId,
    /// The relations that lead to it, from the item where the walk began; each as it is recorded.
    pub path: Vec<Step>,
}

/// Which side of a relation a failure passes to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Passes {
    /// When `to` fails, `from` is affected.
    ToFrom,
    /// When `from` fails, `to` is affected.
    ToTo,
    /// When the side that is a network device fails, the other is affected, unless it is one too: which of two is nearer to the core,
    /// nobody knows.
    FromDevice,
    /// Neither side is affected.
    Nowhere,
}

/// The table: which relation passes a failure on in which direction.
fn passes(kind: RelationKind) -> Passes {
    match kind {
        // A disk that fails affects its host; a host that fails takes its disk with it, which is nothing to tell.
        RelationKind::Contains => Passes::ToFrom,
        // A certificate that expires affects the hosts that show it.
        RelationKind::InstalledOn => Passes::ToTo,
        RelationKind::RunsOn | RelationKind::HostedOn | RelationKind::DependsOn => Passes::ToFrom,
        RelationKind::ConnectsTo => Passes::FromDevice,
        // A member that fails affects the cluster or service that it belongs to.
        RelationKind::MemberOf => Passes::ToTo,
        RelationKind::ManagedBy => Passes::Nowhere,
    }
}

/// What the failure of an item affects, within the usual depth: what incidents tell.
#[must_use]
pub fn upstream(cmdb: &Cmdb, ci: CiId) -> Impact {
    walk(cmdb, ci, Direction::Up, DEPTH)
}

/// Walks from an item; `depth` is held within 1 to [`DEPTH_MAX`]. Installations of software are no part of it.
#[must_use]
pub fn walk(cmdb: &Cmdb, start: CiId, direction: Direction, depth: usize) -> Impact {
    walk_to(cmdb, start, (direction, depth), HITS)
}

/// The same with a bound of hits of its own, for whoever needs an answer at once.
#[must_use]
pub fn walk_to(cmdb: &Cmdb, start: CiId, (direction, depth): (Direction, usize), hits: usize) -> Impact {
    let mut impact = Impact::default();
    // How each item was come to: by which relation, from which item.
    let mut visited: BTreeMap<CiId, Option<(CiId, Step)>> = BTreeMap::from([(start, None)]);
    let mut frontier = vec![start];
    for _ in 0..depth.clamp(1, DEPTH_MAX) {
        let mut next = Vec::new();
        for id in frontier {
            for (other, step) in neighbours(cmdb, id, direction) {
                if visited.contains_key(&other) {
                    continue;
                }
                if impact.hits.len() >= hits {
                    impact.truncated = true;
                    return impact;
                }
                visited.insert(other, Some((id, step)));
                impact.hits.push(Hit { ci: other, path: path(&visited, other) });
                next.push(other);
            }
        }
        frontier = next;
    }
    impact
}

/// Whether anything that is there depends on an item.
#[must_use]
pub fn is_needed(cmdb: &Cmdb, id: CiId) -> bool {
    let mut steps = relation::steps_of(cmdb, id, |of| of == Dependence::Runs).take(FANOUT);
    steps.any(|step| leads_to(cmdb, id, step, Direction::Up).is_some())
}

fn path(visited: &BTreeMap<CiId, Option<(CiId, Step)>>, end: CiId) -> Vec<Step> {
    let before = |id: &CiId| visited.get(id).copied().flatten().map(|(from, _)| from);
    let line = std::iter::successors(Some(end), before);
    let mut steps: Vec<Step> = line.filter_map(|id| visited.get(&id).copied().flatten()).map(|(_, step)| step).collect();
    steps.reverse();
    steps
}

/// Where one relation leads, in order of kind and id.
fn neighbours(cmdb: &Cmdb, id: CiId, direction: Direction) -> Vec<(CiId, Step)> {
    // A host that fails takes what it contains with it, which is nothing to tell.
    let tells = |of: Dependence| direction == Direction::Down || of == Dependence::Runs;
    let mut found: Vec<(RelationKind, CiId, Step)> = relation::steps_of(cmdb, id, tells)
        .take(FANOUT)
        .filter_map(|step| Some((step.kind, leads_to(cmdb, id, step, direction)?, step)))
        .collect();
    found.sort_unstable();
    found.dedup();
    found.into_iter().map(|(_, other, step)| (other, step)).collect()
}

fn leads_to(cmdb: &Cmdb, id: CiId, step: Step, direction: Direction) -> Option<CiId> {
    let other = if step.from == id { step.to } else { step.from };
    let (failing, affected) = match direction {
        Direction::Up => (id, other),
        Direction::Down => (other, id),
    };
    let is_device = |id: CiId| cmdb.cis.get(&id).is_some_and(|ci| ci.class.is_a(Class::NetworkDevice));
    let is_passed = match passes(step.kind) {
        Passes::ToFrom => affected == step.from,
        Passes::ToTo => affected == step.to,
        Passes::FromDevice => is_device(failing) && !is_device(affected),
        Passes::Nowhere => false,
    };
    let other = cmdb.record(other).filter(|ci| is_passed && is_there(ci))?;
    Some(other.id)
}

fn is_there(ci: &Ci) -> bool {
    !matches!(ci.status, Lifecycle::Missing | Lifecycle::Retired | Lifecycle::Disposed)
}

#[cfg(test)]
mod tests;
