//! What is around an item when an incident of it opens: what its failure affects, how critical that is, and what else is wrong nearby.
//!
//! Bounded in relations looked at, so that an item that half of the fleet hangs on costs no more than another one.

use super::{Reach, Related};
use crate::World;
use crate::ci::impact::{self, DEPTH, Direction, Step};
use crate::ci::{AttributeValue, Ci, Class, relation};
use crate::id::CiId;
use crate::rule::Grade;
use std::collections::{BTreeMap, VecDeque};

/// Affected items looked at for the most critical of them.
const WALKED: usize = 200;

/// Affected items named in an incident: more are in the graph, where they can be asked for.
const NAMED: usize = 50;

/// Related incidents named: more is a list to query, not to read.
const RELATED: usize = 20;

/// Relations between an item and one whose incidents are told: a virtual machine, its hypervisor, its neighbour.
const NEAR: usize = 2;

/// Relations looked at for that. One takes about a microsecond, and opening an incident less than a millisecond.
const LOOKED_AT: usize = 250;

/// What the failure of an item affects.
#[derive(Debug, Default)]
pub(super) struct Affected<'a> {
    /// Business services first, then the nearest.
    pub reach: Vec<Reach>,
    /// Whether there is more.
    pub further: bool,
    /// The most critical business service.
    pub service: Option<CiId>,
    /// How critical the item and all that it reaches are.
    pub weight: Weight<'a>,
}

/// How critical items are together. One of which nothing is recorded is as critical as what depends on it; where nothing is known of that
/// either, it counts as any other that nobody has graded, whatever is known of the rest.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Weight<'a> {
    /// The highest criticality that is recorded, with who has it.
    most: Option<(Grade, &'a Ci, &'a str)>,
    /// The first of which nothing is known.
    unknown: Option<&'a Ci>,
    /// Whether there is any item.
    is_any: bool,
}

impl<'a> Weight<'a> {
    fn of(world: &World, items: impl Iterator<Item = &'a Ci>) -> Self {
        let mut weight = Self::default();
        for ci in items {
            weight.is_any = true;
            match criticality(ci) {
                Some((grade, _)) if weight.most.is_some_and(|(most, ..)| most >= grade) => {}
                Some((grade, word)) => weight.most = Some((grade, ci, word)),
                None if weight.unknown.is_none() && !impact::is_needed(&world.cmdb, ci.id) => weight.unknown = Some(ci),
                None => {}
            }
        }
        weight
    }

    /// Of both together; of equals this one's word counts.
    pub(super) fn and(self, other: Self) -> Self {
        let is_worse = |more: &(Grade, &Ci, &str)| self.most.is_none_or(|most| more.0 > most.0);
        Self {
            most: other.most.filter(is_worse).or(self.most),
            unknown: self.unknown.or(other.unknown),
            is_any: self.is_any || other.is_any,
        }
    }

    /// As impact, with the reason in words; `ungraded` is that of items of which nothing is recorded. None without an item.
    pub(super) fn grade(self, ungraded: Grade) -> Option<(Grade, String)> {
        let told = |(grade, ci, word): (Grade, &Ci, &str)| (grade, format!("{} is of {} criticality", ci.name, word.replace('_', " ")));
        match (self.most, self.unknown) {
            (Some(most), Some(unknown)) if most.0 < ungraded => Some((ungraded, format!("no criticality is recorded of {}", unknown.name))),
            (Some(most), _) => Some(told(most)),
            (None, _) => self.is_any.then(|| (ungraded, "no criticality is recorded".to_owned())),
        }
    }
}

/// How critical items are that are named as affected, with what depends on them.
pub(super) fn weigh(world: &World, items: impl Iterator<Item = CiId>) -> Weight<'_> {
    let mut left = WALKED;
    let weight = |id: CiId| {
        let ci = world.cmdb.record(id)?;
        let hits = if left > 0 { impact::walk_to(&world.cmdb, ci.id, (Direction::Up, DEPTH), left).hits } else { Vec::new() };
        left = left.saturating_sub(hits.len());
        let above = hits.iter().filter_map(|hit| world.cmdb.cis.get(&hit.ci));
        Some(Weight::of(world, std::iter::once(ci).chain(above)))
    };
    items.take(WALKED).filter_map(weight).fold(Weight::default(), Weight::and)
}

/// Walks up from an item.
pub(super) fn affected<'a>(world: &'a World, ci: &'a Ci) -> Affected<'a> {
    let found = impact::walk_to(&world.cmdb, ci.id, (Direction::Up, DEPTH), WALKED);
    let item = |id: CiId| world.cmdb.cis.get(&id);
    let is_service = |id: CiId| item(id).is_some_and(|ci| ci.class == Class::BusinessService);
    let everything = std::iter::once(ci).chain(found.hits.iter().filter_map(|hit| item(hit.ci)));
    let (services, others): (Vec<_>, Vec<_>) = found.hits.iter().partition(|hit| is_service(hit.ci));
    // Of equals the nearest, which comes first.
    let service = services.iter().rev().max_by_key(|hit| item(hit.ci).and_then(criticality).map(|(grade, _)| grade)).map(|hit| hit.ci);
    Affected {
        further: found.truncated || found.hits.len() > NAMED,
        service,
        weight: Weight::of(world, everything),
        reach: services.into_iter().chain(others).take(NAMED).map(|hit| Reach { ci: hit.ci, path: hit.path.clone() }).collect(),
    }
}

/// How critical an item is, as a grade of impact.
fn criticality(ci: &Ci) -> Option<(Grade, &str)> {
    let AttributeValue::Text(word) = ci.attributes.get("criticality")?.value() else { return None };
    let grade = match word.as_str() {
        "mission_critical" | "high" => Grade::High,
        "medium" => Grade::Medium,
        "low" => Grade::Low,
        _ => return None,
    };
    Some((grade, word))
}

/// Open incidents of an item and of those around it: what contains it or runs it, what it needs, what needs it, and what shares these
/// with it. The nearest first.
pub(super) fn related(world: &World, start: CiId) -> Vec<Related> {
    let mut found = Vec::new();
    let mut come_from: BTreeMap<CiId, Option<(CiId, Step)>> = BTreeMap::from([(start, None)]);
    let mut queue = VecDeque::from([(start, 0)]);
    let mut left = LOOKED_AT;
    while let Some((here, distance)) = queue.pop_front() {
        let open = world.incidents.open.get(&here).into_iter().flatten().rev();
        found.extend(open.take(RELATED - found.len()).map(|&incident| Related { incident, ci: here, path: path(&come_from, here) }));
        if found.len() >= RELATED {
            break;
        }
        if distance == NEAR || left == 0 {
            continue;
        }
        for step in relation::steps_of(&world.cmdb, here, |_| true).take(left) {
            left -= 1;
            let other = if step.from == here { step.to } else { step.from };
            come_from.entry(other).or_insert_with(|| {
                queue.push_back((other, distance + 1));
                Some((here, step))
            });
        }
    }
    found
}

fn path(come_from: &BTreeMap<CiId, Option<(CiId, Step)>>, end: CiId) -> Vec<Step> {
    let before = |id: &CiId| come_from.get(id).copied().flatten();
    let mut steps = Vec::new();
    let mut here = end;
    while let Some((from, step)) = before(&here) {
        steps.push(step);
        here = from;
    }
    steps.reverse();
    steps
}

#[cfg(test)]
mod tests;
