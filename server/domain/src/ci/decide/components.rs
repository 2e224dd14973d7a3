//! Parts of a host that are configuration items of their own: disks, memory modules, network adapters.
//!
//! A part with a number of its own is recognised wherever it turns up, so that a disk that moved is *seen* to have moved. Only
//! physical machines have such parts: the numbers of virtual ones are made up by hypervisors and repeat. Everything else is
//! keyed on its host and place. A part disappears only from a complete section, and then is missing, never deleted.

use super::attributes::{integer, plain, words};
use super::reconcile::Weighing;
use crate::ci::attribute::{Method, Proposal};
use crate::ci::normalise::{self, Mac, folded, label};
use crate::ci::{AttributeChange, AttributeValue, Ci, CiEvent, Class, Cmdb, Lifecycle, Source};
use crate::id::CiId;
use crate::{Context, IdSource};
use rollcall_shared::section::{Disk, MemoryModule, NetworkInterface};
use rollcall_shared::{Outcome, Section, Timestamp};
use std::collections::BTreeSet;

/// Parts of one class that a host may have, those that went missing included. Far above any real machine; what a lying agent
/// invents beyond it stays in the section and makes no item.
pub const COMPONENTS_PER_HOST: usize = 1024;

/// A part as a section tells it.
#[derive(Clone, Debug, PartialEq)]
pub struct Component {
    key: String,
    name: String,
    attributes: Vec<(&'static str, Option<AttributeValue>)>,
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

/// Class of the parts in a section.
#[must_use]
pub fn class_of(section: &Section) -> Option<Class> {
    match section {
        Section::Disks(_) => Some(Class::Disk),
        Section::MemoryModules(_) => Some(Class::MemoryModule),
        Section::NetworkInterfaces(_) => Some(Class::NetworkAdapter),
        _ => None,
    }
}

impl Parts<'_> {
    /// What a section means for the parts of the host.
    #[must_use]
    pub fn reconcile(&self, section: &Section, outcome: Outcome, context: &mut Context<'_>) -> Vec<CiEvent> {
        let Some(class) = class_of(section) else { return Vec::new() };
        let mut events = Vec::new();
        let mut seen = BTreeSet::new();
        let mut room = COMPONENTS_PER_HOST.saturating_sub(self.known(class).count());
        for component in self.components(section) {
            match self.cmdb.keys.get(&(class, component.key.clone())).and_then(|id| self.cmdb.cis.get(id)) {
                Some(known) => {
                    seen.insert(known.id);
                    self.update(known, &component, section, outcome, &mut events);
                }
                None if room > 0 => {
                    room -= 1;
                    self.create(class, component, section, context.ids, &mut events);
                }
                None => {}
            }
        }
        if outcome == Outcome::Complete {
            let gone = self.known(class).filter(|part| !seen.contains(&part.id));
            events.extend(gone.filter_map(|part| self.miss(part, section)));
        }
        events
    }

    fn known(&self, class: Class) -> impl Iterator<Item = &Ci> {
        let parts = self.cmdb.components.get(&self.host).into_iter().flatten();
        parts.filter_map(|id| self.cmdb.cis.get(id)).filter(move |part| part.class == class)
    }

    fn components(&self, section: &Section) -> Vec<Component> {
        let mut seen = BTreeSet::new();
        let all: Vec<Component> = match section {
            Section::Disks(rows) => rows.iter().take(COMPONENTS_PER_HOST).map(|row| self.disk(row)).collect(),
            Section::MemoryModules(rows) => {
                rows.iter().take(COMPONENTS_PER_HOST).filter_map(|row| self.memory_module(row, &mut seen)).collect()
            }
            Section::NetworkInterfaces(rows) => rows.iter().filter_map(|row| self.adapter(row)).take(COMPONENTS_PER_HOST).collect(),
            _ => Vec::new(),
        };
        // Two paths to one disk are one disk.
        let mut keys = BTreeSet::new();
        all.into_iter().filter(|component| keys.insert(component.key.clone())).collect()
    }

    /// The key of a part without a number of its own.
    fn place(&self, place: &str) -> String {
        format!("{}/{}", self.host, folded(normalise::cut(place, 255)))
    }

    fn disk(&self, row: &Disk) -> Component {
        let model = row.model.as_deref().and_then(label);
        let maker = row.vendor.as_deref().and_then(label).or_else(|| model.clone());
        let serial = row.serial.as_deref().and_then(|raw| normalise::serial(raw, maker.as_deref()));
        let wwn = row.wwn.as_deref().and_then(|raw| normalise::serial(raw, None));
        let by_number = wwn.as_ref().or(serial.as_ref()).filter(|_| self.physical);
        let key = by_number.map(|number| folded(number)).unwrap_or_else(|| self.place(&row.name));
        let attributes = vec![
            ("device", plain(&Some(row.name.clone()))),
            ("firmware", plain(&row.firmware)),
            ("interface", plain(&row.interface)),
            ("manufacturer", words(row.vendor.as_deref().and_then(label))),
            ("model", words(model.clone())),
            ("removable", row.removable.map(AttributeValue::Boolean)),
            ("rotational", row.rotational.map(AttributeValue::Boolean)),
            ("serial", words(serial)),
            ("size_bytes", row.size_bytes.map(integer)),
            ("wwn", words(wwn)),
        ];
        Component { key, name: name([model, normalise::text(&row.name)]), attributes }
    }

    /// An empty slot is no module. Firmware that gives two modules one number does not tell them apart: the second is keyed on its slot.
    fn memory_module(&self, row: &MemoryModule, seen: &mut BTreeSet<String>) -> Option<Component> {
        let size = row.size_bytes.filter(|&size| size > 0)?;
        let manufacturer = row.manufacturer.as_deref().and_then(label);
        let part = row.part_number.as_deref().and_then(label);
        let serial = row.serial.as_deref().and_then(|raw| normalise::serial(raw, part.as_deref().or(manufacturer.as_deref())));
        let numbered = match (&serial, &part) {
            (Some(serial), Some(part)) if self.physical => Some(folded(&format!("{part}/{serial}"))),
            _ => None,
        };
        let place = format!("{}/{}", row.bank.as_deref().unwrap_or_default(), row.slot);
        let key = numbered.filter(|key| seen.insert(key.clone())).unwrap_or_else(|| self.place(&place));
        let attributes = vec![
            ("configured_speed_mts", row.configured_speed_mts.map(u64::from).map(integer)),
            ("form_factor", plain(&row.form_factor)),
            ("manufacturer", words(manufacturer)),
            ("memory_type", plain(&row.memory_type)),
            ("model", words(part.clone())),
            ("serial", words(serial)),
            ("size_bytes", Some(integer(size))),
            ("slot", plain(&Some(row.slot.clone()))),
            ("speed_mts", row.speed_mts.map(u64::from).map(integer)),
        ];
        Some(Component { key, name: name([part, normalise::text(&row.slot)]), attributes })
    }

    /// Interfaces without a device of their own (bridges, bonds, tunnels, loopback) are no adapters.
    fn adapter(&self, row: &NetworkInterface) -> Option<Component> {
        let has_device = matches!(row.kind.as_str(), "ethernet" | "wifi" | "infiniband") && row.is_virtual == Some(false);
        if !has_device {
            return None;
        }
        let mac = row.permanent_mac.as_deref().and_then(Mac::parse);
        let numbered = mac.as_ref().filter(|mac| self.physical && !mac.locally_administered);
        let key = numbered.map(|mac| mac.text.clone()).unwrap_or_else(|| self.place(&row.name));
        let attributes = vec![
            ("bus_path", plain(&row.bus_path)),
            ("driver", plain(&row.driver)),
            ("interface", plain(&Some(row.name.clone()))),
            ("kind", plain(&Some(row.kind.clone()))),
            ("mac", words(mac.map(|mac| mac.text))),
            ("speed_mbps", row.speed_mbps.map(u64::from).map(integer)),
        ];
        Some(Component { key, name: name([normalise::text(&row.name)]), attributes })
    }

    fn create(&self, class: Class, component: Component, section: &Section, ids: &mut dyn IdSource, events: &mut Vec<CiEvent>) {
        let ci = CiId { family: class.family(), bits: ids.next_bits() };
        let changes = self.attribute_changes(None, &component, section, Outcome::Complete);
        let Component { key, name, .. } = component;
        events.push(CiEvent::CiCreated { ci, class, name, key: Some(key), parent: Some(self.host), source: self.source.clone() });
        if !changes.is_empty() {
            events.push(CiEvent::AttributesChanged { ci, changes });
        }
    }

    fn update(&self, known: &Ci, component: &Component, section: &Section, outcome: Outcome, events: &mut Vec<CiEvent>) {
        let ci = known.id;
        if known.parent != Some(self.host) {
            events.push(CiEvent::CiMoved { ci, before: known.parent, after: Some(self.host) });
        }
        if matches!(known.status, Lifecycle::Missing | Lifecycle::Retired | Lifecycle::Planned) {
            let reason = format!("found in {} (section {})", self.host_name, section.name());
            events.push(CiEvent::CiStatusChanged { ci, before: known.status, after: Lifecycle::Operational, reason });
        }
        let changes = self.attribute_changes(Some(known), component, section, outcome);
        if !changes.is_empty() {
            events.push(CiEvent::AttributesChanged { ci, changes });
        }
    }

    fn miss(&self, part: &Ci, section: &Section) -> Option<CiEvent> {
        let was_there = matches!(part.status, Lifecycle::Operational | Lifecycle::Maintenance);
        let reason = format!("no longer in the complete section {} of {}", section.name(), self.host_name);
        was_there.then_some(CiEvent::CiStatusChanged { ci: part.id, before: part.status, after: Lifecycle::Missing, reason })
    }

    /// A part is in one host, so that host's agent alone says what is measured of it.
    fn attribute_changes(&self, known: Option<&Ci>, component: &Component, section: &Section, outcome: Outcome) -> Vec<AttributeChange> {
        let mut changes = Vec::new();
        let class = known.map(|known| known.class).or(class_of(section)).unwrap_or(Class::Host);
        for (name, value) in &component.attributes {
            let weighing = Weighing::new(&self.cmdb.policy.reconciliation, class, name);
            let before = known.and_then(|known| known.attributes.get(name));
            let kept = before.and_then(|before| {
                let withdrawn = value.is_none() && outcome == Outcome::Complete;
                weighing.withdraw(before, |source| !source.is_person() && (withdrawn || (value.is_some() && *source != self.source)))
            });
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

    fn proposal(&self, value: AttributeValue, section: &Section) -> Proposal {
        Proposal::new(value, self.source.clone(), self.observed_at, Method::Section(section.name()))
    }
}

fn name<const N: usize>(candidates: [Option<String>; N]) -> String {
    candidates.into_iter().flatten().next().unwrap_or_else(|| "unnamed".into())
}

#[cfg(test)]
mod tests;
