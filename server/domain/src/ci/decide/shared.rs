//! Items that several hosts tell of and none contains: certificates, network devices.
//!
//! They are identified by their own key in the whole fleet. One voice is enough for a value: a host that says the same as is
//! known adds nothing, and one that says something else replaces what hosts said before. So an item that ten thousand hosts
//! have is no larger than one that a single host has.

use super::components::{Component, Parts};
use crate::IdSource;
use crate::ci::{AttributeChange, AttributeValue, Ci, CiEvent};
use crate::id::CiId;
use rollcall_shared::SectionName;
use std::collections::BTreeMap;

impl Parts<'_> {
    /// Makes and follows shared items; their ids in the order of `wanted`. Repeated keys are one item.
    pub fn share(&self, section: SectionName, wanted: &[Component], ids: &mut dyn IdSource, events: &mut Vec<CiEvent>) -> Vec<CiId> {
        let mut seen: BTreeMap<&str, CiId> = BTreeMap::new();
        let mut found = Vec::with_capacity(wanted.len());
        for component in wanted {
            let id = match seen.get(component.key.as_str()) {
                Some(id) => *id,
                None => self.share_one(section, component, ids, events),
            };
            seen.insert(&component.key, id);
            found.push(id);
        }
        found
    }

    fn share_one(&self, section: SectionName, component: &Component, ids: &mut dyn IdSource, events: &mut Vec<CiEvent>) -> CiId {
        let class = component.class;
        let known = self.cmdb.keys.get(&(class, component.key.clone())).and_then(|id| self.cmdb.record(*id));
        let ci = known.map_or_else(|| CiId { family: class.family(), bits: ids.next_bits() }, |known| known.id);
        if known.is_none() {
            let (key, name) = (Some(component.key.clone()), component.name.clone());
            events.push(CiEvent::CiCreated { ci, class, name, key, parent: None, source: self.source.clone() });
        }
        events.extend(known.and_then(|known| self.found_again(known, section)));
        let changes = self.news_of(known, component, section);
        if !changes.is_empty() {
            events.push(CiEvent::AttributesChanged { ci, changes });
        }
        ci
    }

    fn news_of(&self, known: Option<&Ci>, component: &Component, section: SectionName) -> Vec<AttributeChange> {
        let says_the_same = |(name, value): &(&'static str, Option<AttributeValue>)| {
            let observed = known.and_then(|known| known.observed(name)).map(|proposal| proposal.value());
            value.is_none() || observed == value.as_ref()
        };
        let attributes = component.attributes.iter().filter(|attribute| !says_the_same(attribute)).cloned().collect();
        let news = Component { attributes, ..component.clone() };
        self.changes(known, &news, section, |source, _| !source.is_person())
    }
}
