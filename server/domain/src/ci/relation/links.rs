//! The relations that are stored: discovered ones, and those of people.
//!
//! A relation that two sources tell is there twice, once for each: it ends when the last of them takes it back. Invariant: what
//! can be found from one side can be found from the other.

use super::{Relation, Source};
use crate::ci::RelationKind;
use crate::id::CiId;
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};

/// One relation of one source that came or went.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "change", rename_all = "snake_case")]
pub enum Change {
    /// It is there; said again, it was seen again.
    Set {
        /// As it is. Of a known one the moment when it was first seen stays.
        relation: Relation,
    },
    /// Its source takes it back.
    Removed {
        /// As in the relation.
        from: CiId,
        /// As in the relation.
        kind: RelationKind,
        /// As in the relation.
        to: CiId,
        /// Whose word it was.
        source: Source,
    },
}

impl Change {
    /// The two CIs that it is about.
    #[must_use]
    pub fn ends(&self) -> [CiId; 2] {
        match self {
            Self::Set { relation } => [relation.from, relation.to],
            Self::Removed { from, to, .. } => [*from, *to],
        }
    }
}

/// Kind and both ends.
type Key = (CiId, RelationKind, CiId);

/// The least id.
const LEAST: CiId = CiId { family: crate::id::Family::Host, bits: 0 };

/// All of them.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(into = "Vec<Relation>", from = "Vec<Relation>")]
pub struct Links {
    /// By from, kind and to: what each source tells, in order of the sources.
    by_from: BTreeMap<Key, Vec<Relation>>,
    /// The same keys from the other end: to, from and kind. Flat, as most ends have one relation.
    by_to: BTreeSet<(CiId, CiId, RelationKind)>,
}

impl Links {
    /// Takes note of a change. Total: removing what is not there changes nothing.
    pub fn apply(&mut self, change: &Change) {
        match change {
            Change::Set { relation } => self.set(relation.clone()),
            Change::Removed { from, kind, to, source } => self.remove((*from, *kind, *to), source),
        }
    }

    /// All relations of a CI, in either direction.
    pub fn of(&self, id: CiId) -> impl Iterator<Item = &Relation> {
        self.from(id).chain(self.to(id).filter(move |relation| relation.from != id))
    }

    /// Relations that begin at a CI, in order of kind and other side.
    pub fn from(&self, id: CiId) -> impl Iterator<Item = &Relation> {
        let first = (id, RelationKind::Contains, LEAST);
        self.by_from.range(first..).take_while(move |((from, _, _), _)| *from == id).flat_map(|(_, told)| told)
    }

    /// Relations that end at a CI, in order of other side and kind.
    pub fn to(&self, id: CiId) -> impl Iterator<Item = &Relation> {
        let keys = self.by_to.range((id, LEAST, RelationKind::Contains)..).take_while(move |(to, ..)| *to == id);
        keys.filter_map(|&(to, from, kind)| self.by_from.get(&(from, kind, to))).flatten()
    }

    /// What each source tells of one relation.
    #[must_use]
    pub fn told(&self, from: CiId, kind: RelationKind, to: CiId) -> &[Relation] {
        self.by_from.get(&(from, kind, to)).map_or(&[], Vec::as_slice)
    }

    /// What all sources tell of each relation, in order of from, kind and to; those that begin at `first` or later.
    pub fn beginning_at(&self, first: Option<CiId>) -> impl Iterator<Item = &[Relation]> {
        let first = (first.unwrap_or(LEAST), RelationKind::Contains, LEAST);
        self.by_from.range(first..).map(|(_, told)| told.as_slice())
    }

    /// All of them, in order of from, kind and to.
    pub fn iter(&self) -> impl Iterator<Item = &Relation> {
        self.by_from.values().flatten()
    }

    fn set(&mut self, relation: Relation) {
        let key = (relation.from, relation.kind, relation.to);
        // Nearly every relation has one source for good: no room for more.
        let told = self.by_from.entry(key).or_insert_with(|| Vec::with_capacity(1));
        match told.binary_search_by(|known| known.source.cmp(&relation.source)) {
            Ok(known) => {
                let first_seen = told[known].first_seen.min(relation.first_seen);
                told[known] = Relation { first_seen, ..relation };
            }
            Err(place) => told.insert(place, relation),
        }
        self.by_to.insert((key.2, key.0, key.1));
    }

    fn remove(&mut self, key: Key, source: &Source) {
        let Some(told) = self.by_from.get_mut(&key) else { return };
        told.retain(|relation| relation.source != *source);
        if !told.is_empty() {
            return;
        }
        self.by_from.remove(&key);
        self.by_to.remove(&(key.2, key.0, key.1));
    }
}

impl From<Vec<Relation>> for Links {
    fn from(relations: Vec<Relation>) -> Self {
        let mut links = Self::default();
        relations.into_iter().for_each(|relation| links.set(relation));
        links
    }
}

impl From<Links> for Vec<Relation> {
    fn from(links: Links) -> Self {
        links.by_from.into_values().flatten().collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::id::Family;
    use rollcall_shared::Timestamp;

    fn ci(bits: u128) -> CiId {
        CiId { family: Family::Host, bits }
    }

    fn relation(from: u128, to: u128, person: &str, seen: i64) -> Relation {
        let (first_seen, last_seen) = (Timestamp(seen), Timestamp(seen));
        let source = Source::Person { name: person.into() };
        Relation { from: ci(from), kind: RelationKind::DependsOn, to: ci(to), source, first_seen, last_seen }
    }

    #[test]
    fn a_relation_is_found_from_both_sides_until_its_last_source_takes_it_back() {
        let mut links = Links::default();
        for person in ["ann", "ben"] {
            links.apply(&Change::Set { relation: relation(1, 2, person, 5) });
        }
        assert_eq!((links.of(ci(1)).count(), links.of(ci(2)).count()), (2, 2));
        for (person, left) in [("ann", 1), ("ann", 1), ("ben", 0)] {
            let source = Source::Person { name: person.into() };
            links.apply(&Change::Removed { from: ci(1), kind: RelationKind::DependsOn, to: ci(2), source });
            assert_eq!((links.of(ci(1)).count(), links.of(ci(2)).count()), (left, left));
        }
        assert_eq!(links, Links::default());
    }

    #[test]
    fn what_was_seen_again_was_first_seen_when_it_was() {
        let mut links = Links::default();
        links.apply(&Change::Set { relation: relation(1, 2, "ann", 5) });
        links.apply(&Change::Set { relation: relation(1, 2, "ann", 9) });
        let told = links.told(ci(1), RelationKind::DependsOn, ci(2));
        assert_eq!((told[0].first_seen, told[0].last_seen), (Timestamp(5), Timestamp(9)));
    }

    #[test]
    fn a_thing_related_to_itself_is_found_once() {
        let mut links = Links::default();
        links.apply(&Change::Set { relation: relation(1, 1, "ann", 5) });
        assert_eq!(links.of(ci(1)).count(), 1);
    }
}
