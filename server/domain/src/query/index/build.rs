//! The index of all records at once: what [`Index::settle`] comes to one by one.
//!
//! Records have numbers in the order of their ids then. What they are called and their attributes are indexed side by side: that
//! is most of the work, and a server answers nobody before it is done.

use super::row::{self, Row, Value};
use super::{Changes, Index, NOBODY, Records, Values};
use crate::ci::Ci;
use crate::id::CiId;
use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;

/// Fields by name, and the addresses among their values.
type Fields = (BTreeMap<Box<str>, Values>, BTreeSet<(IpAddr, u32)>);

/// Shows the fields of a record.
type Show<'a> = fn(&'a Ci, &mut Vec<Value<'a>>, &mut dyn FnMut(&str, &mut Vec<Value<'a>>));

impl Index {
    /// The index of these records.
    #[must_use]
    pub fn of(records: &Records<'_>) -> Self {
        let items: Vec<&Ci> = records.cis.values().collect();
        let ids: Vec<CiId> = items.iter().map(|ci| ci.id).collect();
        let number = |place: usize| u32::try_from(place).expect("fewer than 2^32 records fit into memory");
        let mut index = Self { numbers: ids.iter().enumerate().map(|(place, &id)| (id, number(place))).collect(), ids, ..Self::default() };
        let ((words, _), (attributes, addresses)) = std::thread::scope(|scope| {
            let words = scope.spawn(|| fields(&items, |ci, values, mut show| row::show_words(ci, values, &mut show)));
            let attributes = scope.spawn(|| fields(&items, |ci, values, mut show| row::show_attributes(ci, values, &mut show)));
            for (place, ci) in items.iter().enumerate() {
                index.add(number(place), ci, records);
            }
            let joined = "an index of fields panics only by a bug";
            (words.join().expect(joined), attributes.join().expect(joined))
        });
        index.fields = words;
        index.fields.extend(attributes);
        index.addresses = addresses;
        index
    }

    /// All but the fields of a record, which comes with the number behind that of the last.
    fn add(&mut self, number: u32, ci: &Ci, records: &Records<'_>) {
        let parent = ci.parent.and_then(|parent| self.number(parent)).unwrap_or(NOBODY);
        let row = Row::new(ci, records.reporters.get(&ci.id).copied(), Changes::Sections);
        self.created.push(row.created);
        self.updated.push(row.updated);
        self.observed.push(row.observed);
        self.spoke.push(i64::MIN);
        self.parents.push(parent);
        self.images.push(records.software.image_of(ci.id).unwrap_or(NOBODY));
        self.classes.entry(ci.class).or_default().insert(number);
        self.statuses.entry(ci.status).or_default().insert(number);
        if row.drift {
            self.drift.insert(number);
        }
        self.agents.extend(row.agent.map(|agent| (agent, number)));
        for (listings, contents) in self.listings.iter_mut().zip(row.listed) {
            if let Some(contents) = contents {
                listings.set(number, contents, records.content);
            }
        }
    }
}

fn fields<'a>(items: &[&'a Ci], show: Show<'a>) -> Fields {
    let (mut fields, mut addresses) = Fields::default();
    let mut values = Vec::new();
    for (number, ci) in (0..).zip(items.iter().copied()) {
        show(ci, &mut values, &mut |name, values| {
            if !fields.contains_key(name) {
                fields.insert(name.into(), Values::default());
            }
            let Some(field) = fields.get_mut(name) else { return };
            field.present.insert(number);
            for value in values.drain(..) {
                match value {
                    Value::Text(text) => field.texts.insert(number, &text),
                    Value::Number(key) => field.numbers.insert(number, key),
                    Value::Address(address) => drop(addresses.insert((address, number))),
                }
            }
        });
    }
    (fields, addresses)
}
