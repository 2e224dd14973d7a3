//! Configuration items as they were.
//!
//! A CI at a moment is the fold of its own records up to that moment: the same function that made it what it is. Its volatile
//! sections are not in its history, see [`fold::is_volatile`]; they come from what each section remembers.

use super::{Attribute, Ci, CiEvent, Cmdb, PackageChange, Relation, SectionState, fold, impact, relation, software};
use crate::contact::Contacts;
use crate::context::NoContent;
use crate::id::{CiId, Family};
use crate::{Event, Record, World};
use rollcall_shared::section::Package;
use rollcall_shared::{ContentHash, Outcome, SectionName, Timestamp};
use std::collections::{BTreeMap, BTreeSet};

/// What these records, in order, say of configuration items: those up to the last one at or before the moment.
#[must_use]
pub fn replay<'r>(records: impl IntoIterator<Item = &'r Record>, moment: Timestamp) -> Cmdb {
    let mut cmdb = Cmdb::default();
    let records: Vec<&Record> = records.into_iter().collect();
    // The last one decides: should the server's clock have jumped back, earlier records are not skipped.
    let count = records.iter().rposition(|record| record.at <= moment).map_or(0, |last| last + 1);
    for record in &records[..count] {
        if let Event::Ci(event) = &record.event {
            remember(&mut cmdb, record, event);
        }
    }
    cmdb
}

/// Remembers a record where not all items are known: what an item is a duplicate of may be none of them, and it is a duplicate all the same.
pub(crate) fn remember(cmdb: &mut Cmdb, record: &Record, event: &CiEvent) {
    fold::apply(cmdb, record, event, &NoContent);
    if let CiEvent::DuplicateFound { ci, duplicate_of } = event
        && !cmdb.cis.contains_key(duplicate_of)
        && let Some(ci) = fold::touch(cmdb, record, *ci)
    {
        ci.duplicate_of = Some(*duplicate_of);
    }
}

/// A CI at a moment, from the records of its history; `None` when it did not exist yet.
#[must_use]
pub fn at(now: &Ci, records: &[Record], moment: Timestamp) -> Option<Ci> {
    replay(records, moment).cis.remove(&now.id).map(|then| with_volatile(then, now, moment))
}

/// With the sections that change all the time, as far as they remember.
fn with_volatile(mut then: Ci, now: &Ci, moment: Timestamp) -> Ci {
    for (name, state) in now.sections.iter().filter(|(name, _)| fold::is_volatile(**name)) {
        if let Some(state) = section_at(state, moment) {
            then.sections.insert(*name, state);
        }
    }
    then
}

/// A section as it was, as far as it remembers.
fn section_at(now: &SectionState, moment: Timestamp) -> Option<SectionState> {
    let history: Vec<_> = now.history.iter().filter(|(since, _)| *since <= moment).copied().collect();
    let &(since, hash) = history.last()?;
    Some(SectionState { hash: Some(hash), partial: None, since, history, ..now.clone() })
}

/// Whether records of a CI's history are all of them: the first one made it.
#[must_use]
pub fn is_whole(id: CiId, records: &[Record]) -> bool {
    records.first().is_some_and(|record| matches!(&record.event, Event::Ci(event) if fold::creates(event, id)))
}

/// Which changes of an item are wanted.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Wanted {
    /// Of these attributes.
    pub attributes: BTreeSet<String>,
    /// Of these sections.
    pub sections: BTreeSet<SectionName>,
}

/// How a record changed an attribute or a section of an item.
#[derive(Clone, Debug, PartialEq)]
pub enum Step {
    /// The value that counts, whose it is, or the lock on it.
    Attribute {
        /// Which.
        name: String,
        /// Before; `None` when there was none.
        before: Option<Attribute>,
        /// After; `None` when there is none any more.
        after: Option<Attribute>,
        /// The item after the change: what decides why the value counts.
        ci: Box<Ci>,
    },
    /// The content of a section, or how its collection went.
    Section {
        /// Which.
        name: SectionName,
        /// The feed that delivered it; `None` for the agent.
        feed: Option<String>,
        /// Content before.
        before: Option<ContentHash>,
        /// Content after.
        after: Option<ContentHash>,
        /// How the collection went.
        outcome: Outcome,
        /// Why it was not complete.
        reason: Option<String>,
        /// Rows that came, went, and changed.
        rows: [u64; 3],
    },
    /// Its packages, upgrades told as such.
    Software {
        /// As in the log.
        changes: Vec<PackageChange>,
    },
}

/// What each of its records, in order, changed of what is wanted of an item. What a record says is not asked but what it does: a merge
/// or a withdrawn source changes values as well.
#[must_use]
pub fn steps(id: CiId, records: &[Record], wanted: &Wanted) -> Vec<(u64, Vec<Step>)> {
    let mut cmdb = Cmdb::default();
    let mut found = Vec::new();
    let value = |cmdb: &Cmdb, name: &str| cmdb.cis.get(&id).and_then(|ci| ci.attributes.get(name).cloned());
    for record in records {
        let Event::Ci(event) = &record.event else { continue };
        let before: Vec<_> = wanted.attributes.iter().map(|name| (name, value(&cmdb, name))).collect();
        remember(&mut cmdb, record, event);
        let mut steps = Vec::new();
        for (name, before) in before {
            let after = value(&cmdb, name);
            let counts = |attribute: &Attribute| (attribute.value().clone(), attribute.source().clone(), attribute.lock().cloned());
            if before.as_ref().map(counts) != after.as_ref().map(counts)
                && let Some(ci) = cmdb.cis.get(&id)
            {
                steps.push(Step::Attribute { name: name.clone(), before, after, ci: Box::new(ci.clone()) });
            }
        }
        steps.extend(of_section(id, event, wanted));
        if !steps.is_empty() {
            found.push((record.revision, steps));
        }
    }
    found
}

fn of_section(id: CiId, event: &CiEvent, wanted: &Wanted) -> Option<Step> {
    match event {
        CiEvent::SectionChanged { ci, section, feed, before, after, outcome, reason, added, removed, changed }
            if *ci == id && wanted.sections.contains(section) =>
        {
            let rows = [*added, *removed, *changed];
            let (name, outcome) = (*section, *outcome);
            Some(Step::Section { name, feed: feed.clone(), before: *before, after: *after, outcome, reason: reason.clone(), rows })
        }
        CiEvent::SoftwareChanged { ci, changes } if *ci == id && wanted.sections.contains(&SectionName::Packages) => {
            Some(Step::Software { changes: changes.clone() })
        }
        _ => None,
    }
}

/// Whether a record belongs to the history of a CI.
#[must_use]
pub fn concerns(record: &Record, id: CiId) -> bool {
    matches!(&record.event, Event::Ci(event) if fold::concerns(event, id))
}

/// Some items as they were at a moment: the fold of all records that concern them.
///
/// Whatever those records name besides is half known: a part that has come into being, without what became of it. [`Self::around`]
/// and [`Self::reached`] say what has to be added before an answer is whole.
pub struct Past {
    moment: Timestamp,
    records: BTreeMap<u64, Record>,
    known: BTreeSet<CiId>,
    world: World,
}

impl Past {
    /// Nothing yet.
    #[must_use]
    pub fn new(moment: Timestamp) -> Self {
        Self { moment, records: BTreeMap::new(), known: BTreeSet::new(), world: World::default() }
    }

    /// With contacts as they are now: what a text means that names one.
    #[must_use]
    pub fn with_contacts(mut self, contacts: Contacts) -> Self {
        self.world.contacts = contacts;
        self
    }

    /// Takes in all records of the histories of some items, in any order.
    pub fn add(&mut self, items: impl IntoIterator<Item = CiId>, records: impl IntoIterator<Item = Record>) {
        self.known.extend(items);
        self.records.extend(records.into_iter().map(|record| (record.revision, record)));
        self.world.cmdb = replay(self.records.values(), self.moment);
    }

    /// When.
    #[must_use]
    pub fn moment(&self) -> Timestamp {
        self.moment
    }

    /// How many items are known whole.
    #[must_use]
    pub fn len(&self) -> usize {
        self.known.len()
    }

    /// Whether no item is.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.known.is_empty()
    }

    /// How many records it holds.
    #[must_use]
    pub fn record_count(&self) -> usize {
        self.records.len()
    }

    /// Whether an item is known whole.
    #[must_use]
    pub fn knows(&self, id: CiId) -> bool {
        self.known.contains(&id)
    }

    /// The state, of which the configuration items and contacts alone are filled.
    #[must_use]
    pub fn world(&self) -> &World {
        &self.world
    }

    /// An item, when it existed.
    #[must_use]
    pub fn ci(&self, id: CiId) -> Option<&Ci> {
        self.world.cmdb.cis.get(&id)
    }

    /// An item with all its sections, when it existed; `now` is what it is.
    #[must_use]
    pub fn whole(&self, now: &Ci) -> Option<Ci> {
        self.ci(now.id).cloned().map(|then| with_volatile(then, now, self.moment))
    }

    /// The record of its last identification, up to the moment.
    #[must_use]
    pub fn identification(&self, id: CiId) -> Option<&Record> {
        self.world.cmdb.identifications.get(&id).and_then(|identified| self.records.get(&identified.revision))
    }

    /// What an item belonged together with that is not known whole: its container, parts, the other ends of its relations, and the
    /// record that stands for it.
    #[must_use]
    pub fn around(&self, id: CiId) -> BTreeSet<CiId> {
        let cmdb = &self.world.cmdb;
        let ends = relation::kept(cmdb, id).flat_map(|relation| [relation.from, relation.to]);
        let own = cmdb.cis.get(&id).into_iter().flat_map(|ci| ci.parent.into_iter().chain(ci.duplicate_of));
        ends.chain(own).filter(|other| !self.known.contains(other)).collect()
    }

    /// Whose names are asked for when an item is asked for its container and for the other ends of its relations, as far as they are not
    /// known whole.
    #[must_use]
    pub fn named_by(&self, id: CiId) -> BTreeSet<CiId> {
        let cmdb = &self.world.cmdb;
        let ends = cmdb.links.of(id).flat_map(|relation| [relation.from, relation.to]);
        let parent = cmdb.cis.get(&id).and_then(|ci| ci.parent);
        ends.chain(parent).filter(|other| !self.known.contains(other)).collect()
    }

    /// What a walk from an item may come to that is not known whole yet; nothing when [`impact::walk`] sees all.
    #[must_use]
    pub fn reached(&self, start: CiId, direction: impact::Direction, depth: usize) -> BTreeSet<CiId> {
        let walked = impact::walk(&self.world.cmdb, start, direction, depth);
        // What lies at the end of the longest paths is not walked on from.
        let passed = walked.hits.iter().filter(|hit| hit.path.len() < depth).map(|hit| hit.ci);
        let known = std::iter::once(start).chain(passed).filter(|id| self.known.contains(id));
        let hits = walked.hits.iter().map(|hit| hit.ci).filter(|id| !self.known.contains(id));
        known.flat_map(|id| self.around(id)).chain(hits).collect()
    }
}

/// Relations of an item at a moment, but for installations of software. What is around it must be known whole.
#[must_use]
pub fn relations(past: &Past, id: CiId) -> Vec<Relation> {
    relation::kept(&past.world.cmdb, id).collect()
}

/// Installations of software on a host at a moment, from the package list that it had; `now` knows the products.
#[must_use]
pub fn installations(past: &Past, now: &Cmdb, host: CiId, packages: &[Package]) -> Vec<Relation> {
    if host.family != Family::Host {
        return Vec::new();
    }
    let then = &past.world.cmdb;
    let since = then.cis.get(&host).and_then(|ci| ci.section(SectionName::Packages)).map(|state| state.since);
    let (Some(since), Some(source)) = (since, relation::reporter(then, host)) else { return Vec::new() };
    let product = |row: &Package| now.keys.get(&(super::Class::SoftwareProduct, software::product_key(row).into_owned())).copied();
    let products: BTreeSet<CiId> = packages.iter().take(software::PACKAGES_PER_HOST).filter_map(product).collect();
    let installed = |product| Relation {
        from: product,
        kind: super::RelationKind::InstalledOn,
        to: host,
        source: source.clone(),
        first_seen: since,
        last_seen: since,
    };
    products.into_iter().map(installed).collect()
}

#[cfg(test)]
mod tests;
