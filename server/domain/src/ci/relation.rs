//! How configuration items belong together.
//!
//! Containment is computed from the components and installations from the software index when asked for; all others are
//! stored in [`Links`]. Nothing is stored twice.

mod links;

pub use links::{Change, Links};

use super::{Ci, Cmdb, Lifecycle, Relation, RelationKind, Source};
use crate::id::{CiId, Family};
use rollcall_shared::{SectionName, Timestamp};

/// All relations of a CI, in order of kind, from and to.
#[must_use]
pub fn relations(cmdb: &Cmdb, id: CiId) -> Vec<Relation> {
    let Some(ci) = cmdb.cis.get(&id) else { return Vec::new() };
    let mut found = Vec::new();
    found.extend(ci.parent.and_then(|_| contains(cmdb, ci)));
    let parts = cmdb.components.get(&id).into_iter().flatten().filter_map(|part| cmdb.cis.get(part));
    found.extend(parts.filter_map(|part| contains(cmdb, part)));
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
    found.extend(cmdb.links.of(id).cloned());
    found.sort_by_key(|relation| (relation.kind, relation.from, relation.to));
    found
}

/// A missing part is contained no more.
fn contains(cmdb: &Cmdb, part: &Ci) -> Option<Relation> {
    let host = part.parent.filter(|_| part.status != Lifecycle::Missing)?;
    let &(first_seen, last_seen) = cmdb.contained.get(&part.id)?;
    Some(Relation { from: host, kind: RelationKind::Contains, to: part.id, source: reporter(cmdb, host)?, first_seen, last_seen })
}

/// First seen is the moment since which the package list is what it is: that the product was there then is certain.
fn installed_on(cmdb: &Cmdb, product: CiId, host: CiId) -> Option<Relation> {
    let since: Timestamp = cmdb.cis.get(&host)?.section(SectionName::Packages)?.since;
    let source = reporter(cmdb, host)?;
    Some(Relation { from: product, kind: RelationKind::InstalledOn, to: host, source, first_seen: since, last_seen: since })
}

fn reporter(cmdb: &Cmdb, host: CiId) -> Option<Source> {
    let feed = || cmdb.cis.get(&host)?.feeds.keys().next().map(|name| Source::Feed { name: name.clone() });
    cmdb.reporters.get(&host).map(|&id| Source::Agent { id }).or_else(feed)
}
