//! Which advisories mean which pairs of the software index: a projection of both, kept up to date as either changes.

use super::{Advisories, Advisory, AdvisoryId, Affected, Ecosystem, Kind, KnownAdvisory, ecosystem};
use crate::ci::software::{HostSet, Known};
use crate::ci::{AttributeValue, Ci, Cmdb};
use crate::id::CiId;
use roaring::RoaringBitmap;
use std::collections::{BTreeMap, BTreeSet};
use std::ops::Bound;
use std::sync::Arc;

/// A name in its world.
type Name = (Kind, Box<str>);

/// Place of an affected package within an advisory.
type Place = u32;

/// All matches.
#[derive(Clone, Debug, Default)]
pub struct Matches {
    /// Who is called so, and which advisories speak of it.
    names: BTreeMap<Name, Named>,
    /// What each pair is called and what it matches, by its number in the software index.
    pairs: BTreeMap<u32, Pair>,
    /// Pairs that each advisory matches.
    hits: BTreeMap<Arc<AdvisoryId>, RoaringBitmap>,
}

#[derive(Clone, Debug, Default)]
struct Named {
    pairs: RoaringBitmap,
    advisories: BTreeSet<(Arc<AdvisoryId>, Place)>,
}

#[derive(Clone, Debug, Default)]
struct Pair {
    names: Vec<Name>,
    hits: BTreeSet<(Arc<AdvisoryId>, Place)>,
}

/// An advisory that means a package of a host.
#[derive(Clone, Debug)]
pub struct Exposure<'a> {
    /// The advisory.
    pub advisory: &'a KnownAdvisory,
    /// The product.
    pub product: CiId,
    /// Installed version.
    pub version: &'a str,
    /// The version that it is judged by: that of the source package where advisories speak of those.
    pub judged_version: &'a str,
    /// The first version that is not affected, where one is known.
    pub fixed: Option<&'a str>,
}

impl Matches {
    pub(super) fn enter_advisory(&mut self, advisory: &Advisory, cmdb: &Cmdb) {
        if advisory.withdrawn.is_some() {
            return;
        }
        let id = Arc::new(advisory.id.clone());
        for (place, affected) in (0..).zip(&advisory.affected) {
            let Some(ecosystem) = affected.ecosystem() else { continue };
            let named = self.names.entry((ecosystem.kind, affected.name.clone())).or_default();
            named.advisories.insert((Arc::clone(&id), place));
            for number in &named.pairs {
                let Some(pair) = cmdb.software.pair(number) else { continue };
                if judge(cmdb, &pair, affected, ecosystem.kind).is_some() {
                    self.pairs.entry(number).or_default().hits.insert((Arc::clone(&id), place));
                    self.hits.entry(Arc::clone(&id)).or_default().insert(number);
                }
            }
        }
    }

    pub(super) fn forget_advisory(&mut self, advisory: &Advisory) {
        let id = Arc::new(advisory.id.clone());
        for number in self.hits.remove(&id).unwrap_or_default() {
            let Some(pair) = self.pairs.get_mut(&number) else { continue };
            for (place, _) in (0..).zip(&advisory.affected) {
                pair.hits.remove(&(Arc::clone(&id), place));
            }
        }
        for (place, affected) in (0..).zip(&advisory.affected) {
            let Some(ecosystem) = affected.ecosystem() else { continue };
            self.change_name((ecosystem.kind, affected.name.clone()), |named| {
                named.advisories.remove(&(Arc::clone(&id), place));
            });
        }
    }

    pub(super) fn enter_pair(&mut self, pair: &Known<'_>, cmdb: &Cmdb, advisories: &BTreeMap<AdvisoryId, KnownAdvisory>) {
        let Some(product) = cmdb.cis.get(&pair.product) else { return };
        let mut entered = Pair::default();
        for (kind, name, version) in ecosystem::names_of(product, pair) {
            let named = self.names.entry((kind, name.clone())).or_default();
            named.pairs.insert(pair.number);
            for (id, place) in &named.advisories {
                let affected = advisories.get(&**id).and_then(|known| known.advisory.affected.get(*place as usize));
                if affected.is_some_and(|affected| affected.judge(kind, version).is_some()) {
                    entered.hits.insert((Arc::clone(id), *place));
                    self.hits.entry(Arc::clone(id)).or_default().insert(pair.number);
                }
            }
            entered.names.push((kind, name));
        }
        self.pairs.insert(pair.number, entered);
    }

    pub(super) fn forget_pair(&mut self, number: u32) {
        let Some(pair) = self.pairs.remove(&number) else { return };
        for (id, _) in pair.hits {
            if let Some(pairs) = self.hits.get_mut(&*id) {
                pairs.remove(number);
                if pairs.is_empty() {
                    self.hits.remove(&*id);
                }
            }
        }
        for name in pair.names {
            self.change_name(name, |named| {
                named.pairs.remove(number);
            });
        }
    }

    /// Changes what is known of a name; one that nobody uses any more is forgotten.
    fn change_name(&mut self, name: Name, change: impl FnOnce(&mut Named)) {
        let Some(named) = self.names.get_mut(&name) else { return };
        change(named);
        if named.pairs.is_empty() && named.advisories.is_empty() {
            self.names.remove(&name);
        }
    }
}

/// Numbers of pairs depend on the order in which hosts came; how many pairs an advisory matches does not.
impl PartialEq for Matches {
    fn eq(&self, other: &Self) -> bool {
        let counts = |matches: &Self| matches.hits.iter().map(|(id, pairs)| (Arc::clone(id), pairs.len())).collect::<Vec<_>>();
        counts(self) == counts(other)
    }
}

/// The version of a pair that advisories of this kind speak of, and the version that fixes it when it is affected.
fn judge<'a>(cmdb: &'a Cmdb, pair: &Known<'a>, affected: &'a Affected, kind: Kind) -> Option<(&'a str, Option<&'a str>)> {
    let product = cmdb.cis.get(&pair.product)?;
    let names = ecosystem::names_of(product, pair);
    let (_, _, version) = names.iter().find(|(known, name, _)| *known == kind && **name == *affected.name)?;
    Some((*version, affected.judge(kind, version)?))
}

fn os_of(host: &Ci) -> (&str, &str) {
    let text = |name: &str| match host.attributes.get(name).map(|attribute| attribute.value()) {
        Some(AttributeValue::Text(text)) => text.as_str(),
        _ => "",
    };
    (text("os_id"), text("os_version"))
}

impl Advisories {
    /// Advisories that mean something on a host, in order of their ids, products and versions.
    #[must_use]
    pub fn of_host<'a>(&'a self, cmdb: &'a Cmdb, host: CiId) -> Vec<Exposure<'a>> {
        let Some((os_id, os_version)) = cmdb.cis.get(&host).map(os_of) else { return Vec::new() };
        let mut found: Vec<Exposure<'a>> = cmdb
            .software
            .pairs_of(host)
            .flat_map(|pair| self.of_pair(cmdb, pair, move |ecosystem| ecosystem.is_on(os_id, os_version)))
            .collect();
        found.sort_by(|a, b| {
            let key = |exposure: &Exposure<'a>| (&exposure.advisory.advisory.id, exposure.product, exposure.version);
            key(a).cmp(&key(b))
        });
        found.dedup_by(|next, kept| {
            next.advisory.advisory.id == kept.advisory.advisory.id && next.product == kept.product && next.version == kept.version
        });
        found
    }

    fn of_pair<'a>(
        &'a self,
        cmdb: &'a Cmdb,
        pair: Known<'a>,
        fits: impl Fn(&Ecosystem<'_>) -> bool + 'a,
    ) -> impl Iterator<Item = Exposure<'a>> {
        let hits = self.matches.pairs.get(&pair.number).into_iter().flat_map(|pair| &pair.hits);
        hits.filter_map(move |(id, place)| {
            let advisory = self.advisories.get(&**id)?;
            let affected = advisory.advisory.affected.get(*place as usize)?;
            let ecosystem = affected.ecosystem().filter(|ecosystem| fits(ecosystem))?;
            let (judged_version, fixed) = judge(cmdb, &pair, affected, ecosystem.kind)?;
            Some(Exposure { advisory, product: pair.product, version: pair.version, judged_version, fixed })
        })
    }

    /// Hosts that an advisory means, from some host on, each with what is wrong on it, in order of host and product. Lazy.
    pub fn hosts_of<'a>(
        &'a self,
        cmdb: &'a Cmdb,
        id: &'a AdvisoryId,
        from: Bound<CiId>,
    ) -> impl Iterator<Item = (CiId, Exposure<'a>)> + 'a {
        let pairs = self.matches.hits.get(id).cloned().unwrap_or_default();
        let hosts = cmdb.software.hosts_of_pairs(pairs.iter()).ordered(from);
        hosts.flat_map(move |host| {
            let exposures = self.of_host_by(cmdb, host, id, &pairs);
            exposures.into_iter().map(move |exposure| (host, exposure))
        })
    }

    fn of_host_by<'a>(&'a self, cmdb: &'a Cmdb, host: CiId, id: &AdvisoryId, pairs: &RoaringBitmap) -> Vec<Exposure<'a>> {
        let Some((os_id, os_version)) = cmdb.cis.get(&host).map(os_of) else { return Vec::new() };
        let mut found: Vec<Exposure<'a>> = cmdb
            .software
            .pairs_of_host_among(host, pairs)
            .into_iter()
            .flat_map(|pair| self.of_pair(cmdb, pair, move |ecosystem| ecosystem.is_on(os_id, os_version)))
            .filter(|exposure| exposure.advisory.advisory.id == *id)
            .collect();
        found.sort_by_key(|exposure| (exposure.product, exposure.version));
        found.dedup_by_key(|exposure| (exposure.product, exposure.version));
        found
    }

    /// Hosts that an advisory means: bitmaps, whatever the size of the fleet.
    #[must_use]
    pub fn host_set<'a>(&self, cmdb: &'a Cmdb, id: &AdvisoryId) -> HostSet<'a> {
        let mut found = cmdb.software.no_hosts();
        let Some((known, pairs)) = self.advisories.get(id).zip(self.matches.hits.get(id)) else { return found };
        let key = Arc::new(id.clone());
        for (place, affected) in (0..).zip(&known.advisory.affected) {
            let Some(ecosystem) = affected.ecosystem() else { continue };
            let hit = |number: &u32| self.matches.pairs.get(number).is_some_and(|pair| pair.hits.contains(&(Arc::clone(&key), place)));
            let hosts = cmdb.software.hosts_of_pairs(pairs.iter().filter(hit));
            found = found.or(&match ecosystem.distribution {
                Some(_) => hosts.on(|os_id, os_version| ecosystem.is_on(os_id, os_version)),
                None => hosts,
            });
        }
        found
    }

    /// Advisories that match some pair, whether or not a host's release fits, in order of their ids.
    pub fn matching(&self) -> impl Iterator<Item = &AdvisoryId> {
        self.matches.hits.keys().map(|id| &**id)
    }
}
