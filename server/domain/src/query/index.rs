//! Which records have what: a projection of all configuration items, for answering queries without looking at each.
//!
//! Records have dense numbers here, in the order in which they came; sets of records are bitmaps of these. Invariants: nothing here
//! is stored; everything follows from the records and their sections' content; a record that is [touched](Index::touch) before it
//! changes is brought in line by [`Index::settle`]; two indexes over the same records
//! [say the same](Index::says_the_same) whatever their numbers.

mod build;
pub mod listings;
pub mod numbers;
mod row;
pub mod texts;

use self::listings::Listings;
use self::numbers::{Key, Numbers};
use self::row::{Cell, Row};
use self::texts::Texts;
use crate::Content;
use crate::ci::software::SoftwareIndex;
use crate::ci::{Ci, Class, Items, Lifecycle};
use crate::id::CiId;
use roaring::RoaringBitmap;
use rollcall_shared::{AgentId, SectionName, Timestamp};
use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;

pub use row::{
    NAME, SOURCE, TAG, WORD, contents as contents_of, millis, moment_of, number_of, observed as observed_of, sources as sources_of,
    texts_of, words as words_of,
};

/// No record.
pub const NOBODY: u32 = u32::MAX;

/// Sections whose names are indexed.
pub const LISTED: [SectionName; 3] = [SectionName::Services, SectionName::Users, SectionName::Listeners];

/// The index.
#[derive(Clone, Debug, Default)]
pub struct Index {
    numbers: BTreeMap<CiId, u32>,
    ids: Vec<CiId>,
    /// Milliseconds, by number.
    pub(super) created: Vec<i64>,
    pub(super) updated: Vec<i64>,
    /// When something of it was last measured; the least number for never.
    pub(super) observed: Vec<i64>,
    /// When its agent last spoke; the least number for never.
    pub(super) spoke: Vec<i64>,
    /// Hosts whose agents have spoken, and those that are silent.
    pub(super) heard: RoaringBitmap,
    pub(super) silent: RoaringBitmap,
    /// Number of the container, by number.
    pub(super) parents: Vec<u32>,
    pub(super) classes: BTreeMap<Class, RoaringBitmap>,
    pub(super) statuses: BTreeMap<Lifecycle, RoaringBitmap>,
    pub(super) drift: RoaringBitmap,
    pub(super) addresses: BTreeSet<(IpAddr, u32)>,
    /// By agent: the host that it was last identified as.
    agents: BTreeSet<(AgentId, u32)>,
    /// By name; those that begin with `#` are no attributes.
    pub(super) fields: BTreeMap<Box<str>, Values>,
    pub(super) listings: [Listings; 3],
    /// The image of the packages of each, by number; none of what has no packages.
    pub(super) images: Vec<u32>,
    changes: Changes,
    /// Records that change now, as they were.
    touched: Vec<(CiId, Option<Row>)>,
}

/// What may change of records that are touched.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Changes {
    /// Any of it.
    #[default]
    Anything,
    /// Sections, moments, status and the like, and neither names, nor tags, nor attributes: those are most of the work.
    Sections,
}

/// What the index follows.
pub struct Records<'a> {
    /// All records.
    pub cis: &'a Items,
    /// Agents of hosts.
    pub reporters: &'a BTreeMap<CiId, AgentId>,
    /// Packages of hosts.
    pub software: &'a SoftwareIndex,
    /// Content of sections.
    pub content: &'a dyn Content,
}

/// What one field's values are.
#[derive(Clone, Debug, Default)]
pub struct Values {
    /// Who has a value.
    pub present: RoaringBitmap,
    /// As texts.
    pub texts: Texts,
    /// As numbers.
    pub numbers: Numbers,
}

impl Index {
    /// Says what may change of the records that are touched from now on.
    pub fn expect(&mut self, changes: Changes) {
        self.changes = changes;
    }

    /// Takes note of a record before it changes; `None` of a new one.
    pub fn touch(&mut self, id: CiId, before: Option<(&Ci, Option<AgentId>)>) {
        if self.touched.iter().all(|(touched, _)| *touched != id) {
            self.touched.push((id, before.map(|(ci, agent)| Row::new(ci, agent, self.changes))));
        }
    }

    /// Brings the index in line with the records that were touched.
    pub fn settle(&mut self, records: &Records<'_>) {
        for (id, before) in std::mem::take(&mut self.touched) {
            let Some(ci) = records.cis.get(&id) else { continue };
            let changes = if before.is_some() { self.changes } else { Changes::Anything };
            let mut after = Row::new(ci, records.reporters.get(&id).copied(), changes);
            after.parent = after.parent.filter(|parent| records.cis.contains_key(parent));
            let number = self.number_for(id);
            self.images[number as usize] = records.software.image_of(id).unwrap_or(NOBODY);
            self.change(number, before.unwrap_or_default(), after, records.content);
        }
    }

    /// An agent has spoken, or was found silent.
    pub fn hear(&mut self, agent: AgentId, last_seen: Timestamp, silent: bool) {
        for (_, number) in self.agents.range((agent, 0)..=(agent, NOBODY)) {
            self.spoke[*number as usize] = last_seen.0;
            self.heard.insert(*number);
            if silent {
                self.silent.insert(*number)
            } else {
                self.silent.remove(*number)
            };
        }
    }

    /// When a record was last heard of itself; the least number for never.
    #[must_use]
    pub(super) fn own_last_seen(&self, number: u32) -> i64 {
        let place = number as usize;
        if self.heard.contains(number) { self.spoke[place] } else { self.observed[place] }
    }

    /// How many records there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.ids.len()
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.ids.is_empty()
    }

    /// All of them.
    #[must_use]
    pub fn all(&self) -> RoaringBitmap {
        let mut all = RoaringBitmap::new();
        all.insert_range(0..u32::try_from(self.ids.len()).unwrap_or(NOBODY));
        all
    }

    /// The number of a record.
    #[must_use]
    pub fn number(&self, id: CiId) -> Option<u32> {
        self.numbers.get(&id).copied()
    }

    /// The record of a number.
    #[must_use]
    pub fn id(&self, number: u32) -> Option<CiId> {
        self.ids.get(number as usize).copied()
    }

    /// Records in order of their ids, from one on.
    pub fn after(&self, after: Option<CiId>) -> impl Iterator<Item = (CiId, u32)> {
        let from = after.map_or(std::ops::Bound::Unbounded, std::ops::Bound::Excluded);
        self.numbers.range((from, std::ops::Bound::Unbounded)).map(|(&id, &number)| (id, number))
    }

    /// The numbers of records that come in order of their ids. Walks along when there are many: a look-up each takes longer.
    #[must_use]
    pub fn numbers_of(&self, ids: &[CiId]) -> RoaringBitmap {
        let mut found: Vec<u32> = Vec::with_capacity(ids.len());
        if ids.len() * 16 < self.ids.len() {
            found.extend(ids.iter().filter_map(|id| self.number(*id)));
        } else if let (Some(&first), Some(&last)) = (ids.first(), ids.last()) {
            let mut wanted = ids.iter().peekable();
            for (id, number) in self.numbers.range(first..=last) {
                while wanted.next_if(|next| **next < *id).is_some() {}
                if wanted.peek() == Some(&id) {
                    found.push(*number);
                }
            }
        }
        bitmap(found)
    }

    /// What a field's values are, when some record has one.
    #[must_use]
    pub fn field(&self, name: &str) -> Option<&Values> {
        self.fields.get(name).filter(|values| !values.present.is_empty())
    }

    /// Records of exactly one class.
    #[must_use]
    pub fn with_class(&self, class: Class) -> Option<&RoaringBitmap> {
        self.classes.get(&class)
    }

    /// Records at a point of their life, in no meaningful order.
    pub fn with_status(&self, status: Lifecycle) -> impl Iterator<Item = CiId> + '_ {
        self.statuses.get(&status).into_iter().flatten().filter_map(|number| self.id(number))
    }

    /// The names of attributes that some record has.
    pub fn attributes(&self) -> impl Iterator<Item = (&str, &Values)> {
        let attributes = self.fields.iter().filter(|(name, values)| !name.starts_with('#') && !values.present.is_empty());
        attributes.map(|(name, values)| (&**name, values))
    }

    /// Bytes of memory, estimated.
    #[must_use]
    pub fn bytes(&self) -> usize {
        // Key and value at two thirds of a node each.
        let dense = self.ids.len() * (size_of::<CiId>() + 4 * 8 + 2 * 4 + (size_of::<CiId>() + 4) * 3 / 2);
        let words = self.classes.values().chain(self.statuses.values()).map(RoaringBitmap::serialized_size).sum::<usize>();
        let fields: usize =
            self.fields.values().map(|values| values.present.serialized_size() + values.texts.bytes() + values.numbers.bytes()).sum();
        let listings: usize = self.listings.iter().map(Listings::bytes).sum();
        dense + words + fields + listings + self.addresses.len() * 36 + self.agents.len() * 48
    }

    fn number_for(&mut self, id: CiId) -> u32 {
        if let Some(known) = self.number(id) {
            return known;
        }
        let number = u32::try_from(self.ids.len()).expect("fewer than 2^32 records fit into memory");
        self.numbers.insert(id, number);
        self.ids.push(id);
        for column in [&mut self.created, &mut self.updated, &mut self.observed, &mut self.spoke] {
            column.push(i64::MIN);
        }
        self.parents.push(NOBODY);
        self.images.push(NOBODY);
        number
    }

    fn change(&mut self, number: u32, before: Row, after: Row, content: &dyn Content) {
        let place = number as usize;
        (self.created[place], self.updated[place], self.observed[place]) = (after.created, after.updated, after.observed);
        if before.parent != after.parent {
            self.parents[place] = after.parent.map_or(NOBODY, |parent| self.number_for(parent));
        }
        move_to(&mut self.classes, number, before.class, after.class);
        move_to(&mut self.statuses, number, before.status, after.status);
        if after.drift {
            self.drift.insert(number)
        } else {
            self.drift.remove(number)
        };
        if before.agent != after.agent {
            self.spoke[place] = i64::MIN;
            self.heard.remove(number);
            self.silent.remove(number);
            before.agent.map(|agent| self.agents.remove(&(agent, number)));
            after.agent.map(|agent| self.agents.insert((agent, number)));
        }
        for (listings, (before, after)) in self.listings.iter_mut().zip(before.listed.iter().zip(&after.listed)) {
            if before != after {
                listings.remove(number);
                after.map(|contents| listings.set(number, contents, content));
            }
        }
        for (name, cell) in before.cells.difference(&after.cells) {
            self.take(number, name, cell);
        }
        for (name, cell) in after.cells.difference(&before.cells) {
            self.put(number, name, cell);
        }
    }

    fn put(&mut self, number: u32, name: &str, cell: &Cell) {
        if !self.fields.contains_key(name) {
            self.fields.insert(name.into(), Values::default());
        }
        let Some(values) = self.fields.get_mut(name) else { return };
        match cell {
            Cell::Present => drop(values.present.insert(number)),
            Cell::Text(text) => values.texts.insert(number, text),
            Cell::Number(key) => values.numbers.insert(number, *key),
            Cell::Address(address) => drop(self.addresses.insert((*address, number))),
        }
    }

    fn take(&mut self, number: u32, name: &str, cell: &Cell) {
        let Some(values) = self.fields.get_mut(name) else { return };
        match cell {
            Cell::Present => drop(values.present.remove(number)),
            Cell::Text(text) => values.texts.remove(number, text),
            Cell::Number(key) => values.numbers.remove(number, *key),
            Cell::Address(address) => drop(self.addresses.remove(&(*address, number))),
        }
    }
}

fn move_to<K: Ord + Copy>(sets: &mut BTreeMap<K, RoaringBitmap>, number: u32, before: Option<K>, after: Option<K>) {
    if before == after {
        return;
    }
    if let Some(set) = before.and_then(|before| sets.get_mut(&before)) {
        set.remove(number);
    }
    if let Some(after) = after {
        sets.entry(after).or_default().insert(number);
    }
}

/// A bitmap of numbers that come in any order.
#[must_use]
pub fn bitmap(mut numbers: Vec<u32>) -> RoaringBitmap {
    numbers.sort_unstable();
    numbers.dedup();
    RoaringBitmap::from_sorted_iter(numbers).expect("in order and each once")
}

/// Everything that an index says, by record: numbers and forms differ with the order in which records came.
#[derive(PartialEq)]
struct Said {
    moments: BTreeMap<CiId, [i64; 4]>,
    parents: BTreeMap<CiId, Option<CiId>>,
    marks: BTreeMap<CiId, [bool; 2]>,
    classes: BTreeSet<(CiId, Class)>,
    statuses: BTreeSet<(CiId, Lifecycle)>,
    addresses: BTreeSet<(IpAddr, CiId)>,
    agents: BTreeSet<(AgentId, CiId)>,
    present: BTreeSet<(Box<str>, CiId)>,
    texts: BTreeSet<(Box<str>, String, CiId)>,
    numbers: BTreeSet<(Box<str>, Key, CiId)>,
    listings: BTreeSet<(usize, CiId, Vec<String>)>,
}

impl Index {
    /// Whether two indexes would answer every query alike. For tests: it looks at everything.
    #[must_use]
    pub fn says_the_same(&self, other: &Self) -> bool {
        self.said() == other.said()
    }

    fn said(&self) -> Said {
        let id = |number: u32| self.ids[number as usize];
        let numbers = || self.numbers.iter().map(|(&id, &number)| (id, number, number as usize));
        let listings = self
            .listings
            .iter()
            .enumerate()
            .flat_map(|(kind, listings)| listings.dump().into_iter().map(move |(host, names)| (kind, host, names)));
        let fields = || self.fields.iter();
        Said {
            moments: numbers().map(|(id, _, n)| (id, [self.created[n], self.updated[n], self.observed[n], self.spoke[n]])).collect(),
            parents: numbers().map(|(id, _, n)| (id, self.id(self.parents[n]))).collect(),
            marks: numbers().map(|(id, number, _)| (id, [self.drift.contains(number), self.silent.contains(number)])).collect(),
            classes: self.classes.iter().flat_map(|(&class, set)| set.iter().map(move |number| (id(number), class))).collect(),
            statuses: self.statuses.iter().flat_map(|(&status, set)| set.iter().map(move |number| (id(number), status))).collect(),
            addresses: self.addresses.iter().map(|&(address, number)| (address, id(number))).collect(),
            agents: self.agents.iter().map(|&(agent, number)| (agent, id(number))).collect(),
            present: fields().flat_map(|(name, values)| values.present.iter().map(move |number| (name.clone(), id(number)))).collect(),
            texts: fields()
                .flat_map(|(name, values)| values.texts.dump().into_iter().map(move |(text, number)| (name.clone(), text, id(number))))
                .collect(),
            numbers: fields()
                .flat_map(|(name, values)| values.numbers.dump().into_iter().map(move |(key, number)| (name.clone(), key, id(number))))
                .collect(),
            listings: listings.map(|(kind, host, names)| (kind, id(host), names.into_iter().map(str::to_owned).collect())).collect(),
        }
    }
}

/// Everything follows from the records: two states that know the same are equal whatever their indexes hold.
impl PartialEq for Index {
    fn eq(&self, _: &Self) -> bool {
        true
    }
}
