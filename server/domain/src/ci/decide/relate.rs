//! What people say of how things belong together.
//!
//! Two tables hold the judgement: which kind may join which classes, and which kinds may not lead round in a circle. What is
//! contained in what is said by the part's own record, so that it is stored once. Invariant: nothing relates to itself, and
//! people take back only what people said.

use super::manual;
use crate::ci::relation::Change;
use crate::ci::{Ci, CiEvent, Class, Cmdb, Relation, RelationKind, Source};
use crate::id::CiId;
use crate::{Context, Rejection, World};
use std::collections::{BTreeMap, VecDeque};

/// Things looked at for a circle; far more than run on each other anywhere.
const STEPS: usize = 10_000;

/// Relations that begin at one thing; a core switch has hundreds.
pub const RELATIONS_PER_CI: usize = 5_000;

/// What has an operating system, and what is run like one.
const MACHINES: &[Class] = &[Class::Host, Class::NetworkDevice, Class::StorageDevice, Class::Printer];
const SERVICES: &[Class] = &[Class::ApplicationService, Class::BusinessService];
const WIRED: &[Class] = &[
    Class::Host,
    Class::NetworkDevice,
    Class::StorageDevice,
    Class::Printer,
    Class::NetworkAdapter,
    Class::PowerSupply,
    Class::Monitor,
    Class::Network,
];
const PLACED: &[Class] = &[
    Class::Host,
    Class::NetworkDevice,
    Class::StorageDevice,
    Class::Printer,
    Class::Cluster,
    Class::Network,
    Class::Disk,
    Class::MemoryModule,
    Class::NetworkAdapter,
    Class::Gpu,
    Class::PowerSupply,
    Class::Monitor,
    Class::Battery,
];
const ANYTHING_BUT_PRODUCTS: &[Class] = &[
    Class::Host,
    Class::NetworkDevice,
    Class::StorageDevice,
    Class::Printer,
    Class::Cluster,
    Class::Network,
    Class::Disk,
    Class::MemoryModule,
    Class::NetworkAdapter,
    Class::Gpu,
    Class::PowerSupply,
    Class::Monitor,
    Class::Battery,
    Class::ApplicationService,
    Class::BusinessService,
    Class::Certificate,
    Class::Location,
];

/// One line: a kind may go from these classes to those, and from and to what inherits from them.
type Line = (RelationKind, &'static [Class], &'static [Class]);

/// Which kind may join which classes.
const TABLE: &[Line] = &[
    (RelationKind::RunsOn, &[Class::Host, Class::ApplicationService], &[Class::Host, Class::Cluster]),
    (RelationKind::RunsOn, &[Class::ApplicationService], &[Class::NetworkDevice, Class::StorageDevice]),
    (RelationKind::HostedOn, PLACED, &[Class::Location]),
    (RelationKind::HostedOn, &[Class::Host, Class::ApplicationService], &[Class::Cluster]),
    (RelationKind::DependsOn, &[Class::BusinessService], ANYTHING_BUT_PRODUCTS),
    (RelationKind::DependsOn, &[Class::BusinessService], &[Class::SoftwareProduct]),
    (RelationKind::DependsOn, &[Class::ApplicationService, Class::Cluster], ANYTHING_BUT_PRODUCTS),
    (RelationKind::DependsOn, MACHINES, ANYTHING_BUT_PRODUCTS),
    (RelationKind::ConnectsTo, WIRED, WIRED),
    (RelationKind::MemberOf, MACHINES, &[Class::Cluster, Class::Network, Class::BusinessService]),
    (RelationKind::MemberOf, &[Class::NetworkAdapter], &[Class::Network]),
    (RelationKind::MemberOf, &[Class::ApplicationService, Class::Cluster], SERVICES),
    (RelationKind::MemberOf, &[Class::ApplicationService], &[Class::Cluster]),
    (RelationKind::ManagedBy, MACHINES, MACHINES),
    (RelationKind::ManagedBy, MACHINES, SERVICES),
    (RelationKind::ManagedBy, &[Class::Cluster, Class::ApplicationService, Class::Network, Class::Certificate], MACHINES),
    (RelationKind::ManagedBy, &[Class::Cluster, Class::ApplicationService, Class::Network, Class::Certificate], SERVICES),
    (RelationKind::ManagedBy, MACHINES, &[Class::Cluster]),
];

/// Whether a kind may go from one class to another.
///
/// # Errors
/// Why not, and what may be at the other side.
pub fn check_classes(kind: RelationKind, from: Class, to: Class) -> Result<(), Rejection> {
    match kind {
        RelationKind::Contains if from.may_contain(to) => return Ok(()),
        RelationKind::InstalledOn => {
            return Err(Rejection::invalid("kind", "what is installed where follows from the package lists of hosts; nobody says so"));
        }
        _ => {}
    }
    let is_one = |class: Class, classes: &[Class]| classes.iter().any(|known| class.is_a(*known));
    let lines = || TABLE.iter().filter(|(known, froms, _)| *known == kind && is_one(from, froms));
    if lines().any(|(_, _, tos)| is_one(to, tos)) {
        return Ok(());
    }
    let mut known: Vec<&str> = lines().flat_map(|(_, _, tos)| *tos).map(|class| class.as_str()).collect();
    if kind == RelationKind::Contains {
        known.extend(Class::ALL.into_iter().filter(|part| from.may_contain(*part)).map(Class::as_str));
    }
    let (from, to, kind) = (from.as_str(), to.as_str(), kind.as_str());
    let reason = match known.is_empty() {
        true => format!("{kind} does not begin at a {from}"),
        false => format!("{kind} does not lead from a {from} to a {to}, but to: {}", known.join(", ")),
    };
    Err(Rejection::invalid("kind", reason))
}

/// Says that two things belong together. Said again it changes nothing.
///
/// # Errors
/// Why they cannot.
pub fn relate(world: &World, from: CiId, kind: RelationKind, to: CiId, context: &Context<'_>) -> Result<Vec<CiEvent>, Rejection> {
    let (one, other) = ends(&world.cmdb, from, to)?;
    check_classes(kind, one.class, other.class)?;
    if kind == RelationKind::Contains {
        return contain(world, one, other);
    }
    let source = Source::of(&context.actor);
    if world.cmdb.links.told(from, kind, to).iter().any(|told| told.source == source) {
        return Ok(Vec::new());
    }
    if kind == RelationKind::ConnectsTo && !world.cmdb.links.told(to, kind, from).is_empty() {
        return Err(Rejection::Conflict(format!("{to} connects to {from} already, and a wire has no direction")));
    }
    if kind == RelationKind::RunsOn
        && let Some(way) = way(&world.cmdb, kind, other, one)
    {
        return Err(Rejection::invalid("to", format!("{} would run on itself: {} runs on {}", one.name, one.name, way.join(" runs on "))));
    }
    if world.cmdb.links.from(from).take(RELATIONS_PER_CI).count() >= RELATIONS_PER_CI {
        return Err(Rejection::invalid("from", format!("at most {RELATIONS_PER_CI} relations begin at one configuration item")));
    }
    let relation = Relation { from, kind, to, source, first_seen: context.now, last_seen: context.now };
    Ok(vec![CiEvent::RelationsChanged { changes: vec![Change::Set { relation }] }])
}

/// Takes back what people said.
///
/// # Errors
/// There is no such relation, or it is not people's word.
pub fn unrelate(world: &World, from: CiId, kind: RelationKind, to: CiId) -> Result<Vec<CiEvent>, Rejection> {
    let absent = || Rejection::not_found("relation", format!("{from} {} {to}", kind.as_str()));
    if kind == RelationKind::Contains {
        let part = world.cmdb.cis.get(&to).filter(|part| part.parent == Some(from)).ok_or_else(absent)?;
        return manual::place(world, part.id, None, None);
    }
    let told = world.cmdb.links.told(from, kind, to);
    let first = told.first().ok_or_else(absent)?;
    let changes: Vec<Change> = told
        .iter()
        .filter(|told| told.source.is_of_people())
        .map(|told| Change::Removed { from, kind, to, source: told.source.clone() })
        .collect();
    if changes.is_empty() {
        let who = match &first.source {
            Source::Agent { id } => id.to_string(),
            Source::Feed { name } | Source::Person { name } => name.clone(),
        };
        return Err(Rejection::Conflict(format!("{who} discovered it and would bring it back; nobody asserted it")));
    }
    Ok(vec![CiEvent::RelationsChanged { changes }])
}

fn ends(cmdb: &Cmdb, from: CiId, to: CiId) -> Result<(&Ci, &Ci), Rejection> {
    let find = |field: &str, id: CiId| cmdb.cis.get(&id).ok_or_else(|| Rejection::unknown(field, "configuration item", id));
    let (one, other) = (find("from", from)?, find("to", to)?);
    if from == to {
        return Err(Rejection::invalid("to", "nothing is related to itself"));
    }
    Ok((one, other))
}

/// Containment is the part's own word: one container at a time.
fn contain(world: &World, container: &Ci, part: &Ci) -> Result<Vec<CiEvent>, Rejection> {
    if let Some(other) = part.parent.filter(|parent| *parent != container.id) {
        return Err(Rejection::Conflict(format!("{} is in {other}; change its parent to move it", part.id)));
    }
    manual::place(world, part.id, Some(container.id), None)
}

/// The names along a way by relations of one kind, when there is one.
fn way<'a>(cmdb: &'a Cmdb, kind: RelationKind, from: &'a Ci, to: &Ci) -> Option<Vec<&'a str>> {
    let mut before: BTreeMap<CiId, Option<CiId>> = BTreeMap::from([(from.id, None)]);
    let mut next = VecDeque::from([from.id]);
    while let Some(here) = next.pop_front().filter(|_| before.len() <= STEPS) {
        if here == to.id {
            let back = std::iter::successors(Some(here), |id| before.get(id).copied().flatten());
            let mut names: Vec<&str> = back.filter_map(|id| cmdb.cis.get(&id)).map(|ci| ci.name.as_str()).collect();
            names.reverse();
            return Some(names);
        }
        for relation in cmdb.links.from(here).filter(|relation| relation.kind == kind) {
            before.entry(relation.to).or_insert_with(|| {
                next.push_back(relation.to);
                Some(here)
            });
        }
    }
    None
}

#[cfg(test)]
mod tests;
