//! Parts of a host that are configuration items of their own: its components, and what runs on it.
//!
//! A part with a number of its own is recognised wherever it turns up, so that a disk that moved is *seen* to have moved. Only
//! physical machines have such parts: the numbers of virtual ones are made up by hypervisors and repeat. Everything else is
//! keyed on its host and place. A part disappears only from a complete section, and then is missing, never deleted.

mod hardware;

use super::reconcile::Weighing;
use crate::ci::attribute::{Method, Proposal};
use crate::ci::normalise::{self, folded};
use crate::ci::{AttributeChange, AttributeValue, Ci, CiEvent, Class, Cmdb, Lifecycle, Source};
use crate::id::CiId;
use crate::{Context, IdSource};
use rollcall_shared::{Outcome, Section, SectionName, Timestamp};
use std::collections::BTreeSet;

/// Parts of one class that a host may have, those that went missing included. Far above any real machine; what a lying agent
/// invents beyond it stays in the section and makes no item.
pub const COMPONENTS_PER_HOST: usize = 1024;

/// A configuration item as a section tells it.
#[derive(Clone, Debug, PartialEq)]
pub struct Component {
    /// What it is.
    pub class: Class,
    /// Natural key within its class.
    pub key: String,
    /// What people call it, when it is new.
    pub name: String,
    /// Every attribute that its section says something of; absent ones as `None`.
    pub attributes: Vec<(&'static str, Option<AttributeValue>)>,
}

/// The section that tells of a class, and how its collection went.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Told {
    /// Which class.
    pub class: Class,
    /// Which section.
    pub section: SectionName,
    /// How it went.
    pub outcome: Outcome,
}

/// The circumstances of one host's report.
pub struct Parts<'a> {
    /// What is known.
    pub cmdb: &'a Cmdb,
    /// The host.
    pub host: CiId,
    /// Its name, for people.
    pub host_name: &'a str,
    /// Whether its parts have numbers of their own.
    pub physical: bool,
    /// The agent.
    pub source: Source,
    /// When it was measured.
    pub observed_at: Timestamp,
}

/// Class of the components in a section.
#[must_use]
pub fn class_of(section: SectionName) -> Option<Class> {
    match section {
        SectionName::Disks => Some(Class::Disk),
        SectionName::MemoryModules => Some(Class::MemoryModule),
        SectionName::NetworkInterfaces => Some(Class::NetworkAdapter),
        SectionName::Gpus => Some(Class::Gpu),
        SectionName::Monitors => Some(Class::Monitor),
        SectionName::Batteries => Some(Class::Battery),
        SectionName::PowerSupplies => Some(Class::PowerSupply),
        _ => None,
    }
}

/// Class of what a section says runs on its host, or is contained in it.
#[must_use]
pub fn dependent_of(section: SectionName) -> Option<Class> {
    match section {
        SectionName::Listeners => Some(Class::ApplicationService),
        SectionName::Databases => Some(Class::DatabaseInstance),
        SectionName::WebServers => Some(Class::WebServer),
        SectionName::Containers => Some(Class::Container),
        _ => class_of(section),
    }
}

impl Parts<'_> {
    /// What a section means for the components of the host.
    #[must_use]
    pub fn reconcile(&self, section: &Section, outcome: Outcome, context: &mut Context<'_>) -> Vec<CiEvent> {
        let Some(class) = class_of(section.name()) else { return Vec::new() };
        self.settle(&[Told { class, section: section.name(), outcome }], hardware::components(self, section), context.ids)
    }

    /// What sections together mean for the parts of some classes: those `wanted` are there, the others of these classes are not.
    /// Parts of classes that nobody told of are passed over.
    #[must_use]
    pub fn settle(&self, told: &[Told], wanted: Vec<Component>, ids: &mut dyn IdSource) -> Vec<CiEvent> {
        let mut events = Vec::new();
        let (mut seen, mut keys) = (BTreeSet::new(), BTreeSet::new());
        for told in told {
            let mut room = COMPONENTS_PER_HOST.saturating_sub(self.known(told.class).count());
            // Two paths to one disk are one disk.
            let of_class = wanted.iter().filter(|component| component.class == told.class);
            for component in of_class.filter(|component| keys.insert((component.class, component.key.as_str()))) {
                match self.cmdb.keys.get(&(component.class, component.key.clone())).and_then(|id| self.cmdb.cis.get(id)) {
                    Some(known) => {
                        seen.insert(known.id);
                        self.update(known, component, told, &mut events);
                    }
                    None if room > 0 => {
                        room -= 1;
                        self.create(component, told, ids, &mut events);
                    }
                    None => {}
                }
            }
        }
        for told in told.iter().filter(|told| told.outcome == Outcome::Complete) {
            let gone = self.known(told.class).filter(|part| !seen.contains(&part.id));
            events.extend(gone.filter_map(|part| self.miss(part, told.section)));
        }
        events
    }

    fn known(&self, class: Class) -> impl Iterator<Item = &Ci> {
        let parts = self.cmdb.components.get(&self.host).into_iter().flatten();
        parts.filter_map(|id| self.cmdb.cis.get(id)).filter(move |part| part.class == class)
    }

    /// The key of a part without a number of its own.
    #[must_use]
    pub fn place(&self, place: &str) -> String {
        place_key(self.host, place)
    }

    fn create(&self, component: &Component, told: &Told, ids: &mut dyn IdSource, events: &mut Vec<CiEvent>) {
        let class = component.class;
        let ci = CiId { family: class.family(), bits: ids.next_bits() };
        let changes = self.attribute_changes(None, component, told);
        let (key, name) = (Some(component.key.clone()), component.name.clone());
        events.push(CiEvent::CiCreated { ci, class, name, key, parent: Some(self.host), source: self.source.clone() });
        if !changes.is_empty() {
            events.push(CiEvent::AttributesChanged { ci, changes });
        }
    }

    fn update(&self, known: &Ci, component: &Component, told: &Told, events: &mut Vec<CiEvent>) {
        let ci = known.id;
        if known.parent != Some(self.host) {
            events.push(CiEvent::CiMoved { ci, before: known.parent, after: Some(self.host) });
        }
        events.extend(self.found_again(known, told.section));
        let changes = self.attribute_changes(Some(known), component, told);
        if !changes.is_empty() {
            events.push(CiEvent::AttributesChanged { ci, changes });
        }
    }

    /// What is there is no longer missing.
    #[must_use]
    pub fn found_again(&self, known: &Ci, section: SectionName) -> Option<CiEvent> {
        let was_absent = matches!(known.status, Lifecycle::Stale | Lifecycle::Missing | Lifecycle::Retired | Lifecycle::Planned);
        let reason = format!("found in {} (section {section})", self.host_name);
        was_absent.then_some(CiEvent::CiStatusChanged { ci: known.id, before: known.status, after: Lifecycle::Operational, reason })
    }

    /// What is not there any more is missing.
    #[must_use]
    pub fn miss(&self, part: &Ci, section: SectionName) -> Option<CiEvent> {
        let was_there = matches!(part.status, Lifecycle::Operational | Lifecycle::Maintenance | Lifecycle::Stale);
        let reason = format!("no longer in the complete section {section} of {}", self.host_name);
        was_there.then_some(CiEvent::CiStatusChanged { ci: part.id, before: part.status, after: Lifecycle::Missing, reason })
    }

    /// A part is in one host, so that host's agent alone says what is measured of it.
    fn attribute_changes(&self, known: Option<&Ci>, component: &Component, told: &Told) -> Vec<AttributeChange> {
        let complete = told.outcome == Outcome::Complete;
        self.changes(known, component, told.section, |source, value| {
            !source.is_person() && (value.is_none() && complete || value.is_some() && *source != self.source)
        })
    }

    /// The changes of attributes that follow when this host says `component` of an item, and those proposals go that `withdrawn` says
    /// of (by source and the value said now).
    pub fn changes(
        &self,
        known: Option<&Ci>,
        component: &Component,
        section: SectionName,
        withdrawn: impl Fn(&Source, Option<&AttributeValue>) -> bool,
    ) -> Vec<AttributeChange> {
        let mut changes = Vec::new();
        let class = known.map_or(component.class, |known| known.class);
        for (name, value) in &component.attributes {
            let weighing = Weighing::new(&self.cmdb.policy.reconciliation, class, name);
            let before = known.and_then(|known| known.attributes.get(name));
            let kept = before.and_then(|before| weighing.withdraw(before, |source| withdrawn(source, value.as_ref())));
            let after = match value {
                Some(value) => weighing.propose(kept.as_ref(), self.proposal(value.clone(), section)),
                None => kept,
            };
            if after.as_ref() != before {
                changes.push(AttributeChange { name: (*name).to_owned(), before: before.map(|before| before.value().clone()), after });
            }
        }
        changes
    }

    fn proposal(&self, value: AttributeValue, section: SectionName) -> Proposal {
        Proposal::new(value, self.source.clone(), self.observed_at, Method::Section(section))
    }
}

/// The key of what is identified by its host and its place there.
#[must_use]
pub fn place_key(host: CiId, place: &str) -> String {
    format!("{host}/{}", folded(normalise::cut(place, 255)))
}

/// The first text that there is.
#[must_use]
pub fn name<const N: usize>(candidates: [Option<String>; N]) -> String {
    candidates.into_iter().flatten().next().unwrap_or_else(|| "unnamed".into())
}

#[cfg(test)]
mod tests;
