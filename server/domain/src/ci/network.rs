//! Which network a thing is in.
//!
//! Networks are items of class `network`; hosts are members of those that they have an address in. Whoever asks for the subnet of
//! something asks here, so that all mean the same one. Judges nothing and invents nothing: without a network there is none.

use super::{AttributeValue, Class, Cmdb, RelationKind};
use crate::id::{CiId, Family};

/// Things within things that are looked through for a host: a part of a guest of a host.
const DEPTH: usize = 4;

/// The one network that a thing is in: a host's own, else that of the host that it hangs on. Of several, the one with the way out:
/// whose gateway is known; of several of those IPv4 before IPv6, then the oldest id.
#[must_use]
pub fn of(cmdb: &Cmdb, id: CiId) -> Option<CiId> {
    all_of(cmdb, id).into_iter().next()
}

/// All networks that a thing is in, the one that counts first.
#[must_use]
pub fn all_of(cmdb: &Cmdb, id: CiId) -> Vec<CiId> {
    let line = std::iter::successors(cmdb.record(id), |ci| cmdb.record(ci.parent?)).take(DEPTH);
    let mut hosts = line.filter(|ci| ci.id.family == Family::Host);
    let mut found: Vec<CiId> = hosts.find_map(|host| Some(joined(cmdb, host.id)).filter(|found| !found.is_empty())).unwrap_or_default();
    found.sort_by_key(|network| {
        let text = |name: &str| match cmdb.cis.get(network)?.attributes.get(name)?.value() {
            AttributeValue::Text(text) => Some(text.as_str()),
            _ => None,
        };
        (text("gateway").is_none(), text("prefix").is_some_and(|prefix| prefix.contains(':')), *network)
    });
    found
}

fn joined(cmdb: &Cmdb, host: CiId) -> Vec<CiId> {
    let member = cmdb.links.from(host).filter(|relation| relation.kind == RelationKind::MemberOf);
    let networks = member.filter_map(|relation| cmdb.record(relation.to)).filter(|ci| ci.class == Class::Network);
    let mut found: Vec<CiId> = networks.map(|network| network.id).collect();
    found.dedup();
    found
}
