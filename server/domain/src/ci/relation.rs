//! How configuration items belong together.
//!
//! Containment, and what runs on a host, is computed from the dependent items and installations from the software index when
//! asked for; all others are stored in [`Links`]. Nothing is stored twice.

mod links;

pub use links::{Change, Links};

use super::class::model::Dependence;
use super::{Ci, Cmdb, Lifecycle, Relation, RelationKind, Source};
use crate::id::{CiId, Family};
use rollcall_shared::{SectionName, Timestamp};
use serde::{Deserialize, Serialize};
use std::collections::{BTreeSet, VecDeque};

/// Things beneath another one that are counted: whoever wants more looks at the graph.
pub const BENEATH: usize = 1_000;

/// All relations of a CI, in order of kind, from and to.
#[must_use]
pub fn relations(cmdb: &Cmdb, id: CiId) -> Vec<Relation> {
    let mut found: Vec<Relation> = kept(cmdb, id).collect();
    found.extend(installations(cmdb, id));
    found.sort_by(|a, b| (a.kind, a.from, a.to, &a.source).cmp(&(b.kind, b.from, b.to, &b.source)));
    found
}

/// Relations of a CI but for installations of software, in no order: a host has thousands of those, and few of all others.
pub fn kept(cmdb: &Cmdb, id: CiId) -> impl Iterator<Item = Relation> {
    let own = cmdb.cis.get(&id).and_then(|ci| held(cmdb, ci));
    let parts = cmdb.components.get(&id).into_iter().flatten().filter_map(|part| cmdb.cis.get(part));
    own.into_iter().chain(parts.filter_map(|part| held(cmdb, part))).chain(cmdb.links.of(id).cloned())
}

/// A relation on a path.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Step {
    /// How.
    pub kind: RelationKind,
    /// As recorded.
    pub from: CiId,
    /// As recorded.
    pub to: CiId,
}

/// What [`kept`] gives without who says so and since when, for walks, which look at thousands; of the things that hang on the CI only those
/// that are wanted: the parts of a host are most of its relations.
pub fn steps_of(cmdb: &Cmdb, id: CiId, is_wanted: impl Fn(Dependence) -> bool) -> impl Iterator<Item = Step> {
    // Somebody must say that a part hangs there: whoever reports the host, which is looked up once for all of its parts, or people.
    let is_recorded = |part: CiId| cmdb.origins.contains_key(&part);
    let own = cmdb.cis.get(&id).filter(|ci| is_recorded(id) || ci.parent.is_some_and(|host| reporter(cmdb, host).is_some()));
    let parts = cmdb.components.get(&id);
    let is_reported = parts.is_some() && reporter(cmdb, id).is_some();
    let parts = parts.into_iter().flatten().filter_map(|part| cmdb.cis.get(part));
    let parts = parts.filter(move |part| is_wanted(part.class.dependence()) && (is_reported || is_recorded(part.id)));
    let links = cmdb.links.of(id).map(|relation| Step { kind: relation.kind, from: relation.from, to: relation.to });
    own.into_iter().chain(parts).filter_map(hangs).chain(links)
}

/// Relations that begin at a CI, but for installations of software; of one kind, when it is given.
pub fn beginning_at(cmdb: &Cmdb, id: CiId, kind: Option<RelationKind>) -> impl Iterator<Item = Relation> {
    let wants = move |wanted: RelationKind| kind.is_none_or(|kind| kind == wanted);
    let own = cmdb.cis.get(&id).filter(|ci| ci.parent.is_some() && wants(RelationKind::RunsOn)).and_then(|ci| held(cmdb, ci));
    let parts = cmdb.components.get(&id).filter(|_| wants(RelationKind::Contains)).into_iter().flatten();
    let parts = parts.filter_map(|part| cmdb.cis.get(part)).filter_map(|part| held(cmdb, part));
    let computed = own.into_iter().chain(parts).filter(move |relation| relation.from == id);
    computed.chain(cmdb.links.from(id).cloned()).filter(move |relation| wants(relation.kind))
}

/// Installations of software on a host, or of a product.
#[must_use]
pub fn installations(cmdb: &Cmdb, id: CiId) -> Vec<Relation> {
    let mut found = Vec::new();
    match id.family {
        Family::Host => {
            let mut products: Vec<CiId> = cmdb.software.versions_of(id).map(|(product, _)| product).collect();
            products.sort_unstable();
            products.dedup();
            found.extend(products.into_iter().filter_map(|product| installed_on(cmdb, product, id)));
        }
        Family::Software => {
            let mut hosts: Vec<CiId> = cmdb.software.installations(id).into_iter().map(|(host, _)| host).collect();
            hosts.dedup();
            found.extend(hosts.into_iter().filter_map(|host| installed_on(cmdb, id, host)));
        }
        Family::Disk | Family::Memory | Family::Network | Family::Service | Family::Other => {}
    }
    found
}

/// How a dependent item hangs on its host: components are contained in it, services and containers run on it. What is missing
/// does so no more.
#[must_use]
pub fn held(cmdb: &Cmdb, part: &Ci) -> Option<Relation> {
    let Step { kind, from, to } = hangs(part)?;
    let &(first_seen, last_seen) = cmdb.contained.get(&part.id)?;
    // What people recorded is where they say.
    let source = cmdb.origins.get(&part.id).cloned().or_else(|| reporter(cmdb, part.parent?))?;
    Some(Relation { from, kind, to, source, first_seen, last_seen })
}

/// How it hangs on its host, whoever says so.
fn hangs(part: &Ci) -> Option<Step> {
    let host = part.parent.filter(|_| part.status != Lifecycle::Missing)?;
    let (from, kind, to) = match part.class.dependence() {
        Dependence::Runs => (part.id, RelationKind::RunsOn, host),
        Dependence::Component | Dependence::Independent => (host, RelationKind::Contains, part.id),
    };
    Some(Step { kind, from, to })
}

/// How many things another one stands on, directly and by way of others: what it depends on, and what that runs on or depends
/// on in turn. At most [`BENEATH`].
#[must_use]
pub fn beneath(cmdb: &Cmdb, id: CiId) -> usize {
    let mut seen = BTreeSet::from([id]);
    let mut next = VecDeque::from([id]);
    while let Some(here) = next.pop_front() {
        let below = cmdb.links.from(here).filter(|relation| matches!(relation.kind, RelationKind::DependsOn | RelationKind::RunsOn));
        for relation in below {
            if seen.len() > BENEATH {
                return BENEATH;
            }
            if seen.insert(relation.to) {
                next.push_back(relation.to);
            }
        }
    }
    seen.len() - 1
}

/// First seen is the moment since which the package list is what it is: that the product was there then is certain.
fn installed_on(cmdb: &Cmdb, product: CiId, host: CiId) -> Option<Relation> {
    let since: Timestamp = cmdb.cis.get(&host)?.section(SectionName::Packages)?.since;
    let source = reporter(cmdb, host)?;
    Some(Relation { from: product, kind: RelationKind::InstalledOn, to: host, source, first_seen: since, last_seen: since })
}

/// Who reports a host.
pub(super) fn reporter(cmdb: &Cmdb, host: CiId) -> Option<Source> {
    let feed = || cmdb.cis.get(&host)?.feeds.keys().next().map(|name| Source::Feed { name: name.clone() });
    cmdb.reporters.get(&host).map(|&id| Source::Agent { id }).or_else(feed)
}
