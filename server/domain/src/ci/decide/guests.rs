//! Virtual machines as their hypervisor sees them, brought together with what their own agents say.
//!
//! A machine that its hypervisor and its own agent report is one item. Only strong facts bring the two together: the UUID in
//! either byte order, an exact set of two or more hardware addresses, or one hardware address with the host name. A name alone
//! brings nothing together, and two UUIDs that differ keep apart whatever else agrees. In the other order (hypervisor first) the
//! item has the UUID among its facts, and identification of the guest's report finds it there.

use super::attributes::{integer, plain, words};
use super::components::{Component, Parts};
use crate::IdSource;
use crate::ci::identify::{Doubt, Fingerprint};
use crate::ci::normalise::{Mac, Uuid, folded, text};
use crate::ci::{AttributeChange, AttributeValue, Ci, CiEvent, Class, Lifecycle, RelationKind, Source};
use crate::id::CiId;
use rollcall_shared::SectionName;
use rollcall_shared::section::VirtualMachine;
use std::collections::BTreeSet;

/// Virtual machines of one hypervisor that count; the largest run some hundreds.
pub const GUESTS_PER_HOST: usize = 1024;

/// What the section of virtual machines led to.
#[derive(Debug, Default)]
pub struct Guests {
    /// Each machine.
    pub ids: BTreeSet<CiId>,
    /// What happened to them.
    pub events: Vec<CiEvent>,
    /// What people should look at.
    pub doubts: Vec<Doubt>,
}

impl Parts<'_> {
    /// The virtual machines that the section tells.
    #[must_use]
    pub fn guests(&self, rows: &[VirtualMachine], ids: &mut dyn IdSource) -> Guests {
        let mut guests = Guests::default();
        let mut keys = BTreeSet::new();
        for row in rows.iter().take(GUESTS_PER_HOST) {
            let key = self.guest_key(row);
            if !keys.insert(key.clone()) {
                continue;
            }
            let matching = self.matching(row, &key);
            if matching.len() > 1 {
                let cis = matching.iter().map(|known| known.id).collect();
                let reason = "several records are this one virtual machine of a hypervisor; the oldest active one was taken";
                guests.doubts.push(Doubt { cis, reason: reason.into() });
            }
            let id = match matching.first() {
                Some(known) if self.is_left_over(known, row) => continue,
                Some(known) => self.follow(known, row, &mut guests.events),
                None => self.appear(row, key, ids, &mut guests.events),
            };
            guests.ids.insert(id);
        }
        guests
    }

    /// What stays behind where a machine moved away from, or stands by where it may move to, does not run here.
    fn is_left_over(&self, known: &Ci, row: &VirtualMachine) -> bool {
        let mut runs_on = self.cmdb.links.from(known.id).filter(|relation| relation.kind == RelationKind::RunsOn);
        row.state.as_deref() != Some("running") && runs_on.any(|relation| relation.to != self.host)
    }

    /// The UUID names a machine wherever it runs; any other id only on its hypervisor.
    fn guest_key(&self, row: &VirtualMachine) -> String {
        Uuid::parse(&row.id).map_or_else(|| self.place(&format!("{}/{}", row.runtime, row.id)), Uuid::key)
    }

    /// Records of this machine, the oldest active one first.
    fn matching(&self, row: &VirtualMachine, key: &str) -> Vec<&Ci> {
        let uuid = Uuid::parse(&row.id);
        let by_key = self.cmdb.keys.get(&(Class::VirtualMachine, key.to_owned())).copied();
        let by_uuid = uuid.and_then(|uuid| self.cmdb.facts.get(&format!("uuid:{}", uuid.key())));
        let mut found = self.records(by_key.into_iter().chain(by_uuid.into_iter().flatten().copied()));
        if found.is_empty() {
            found = self.by_addresses(row, uuid);
        }
        found.sort_by_key(|known| (known.status == Lifecycle::Retired, known.created_at, known.id));
        found
    }

    fn records(&self, ids: impl Iterator<Item = CiId>) -> Vec<&Ci> {
        let records: BTreeSet<CiId> = ids.filter_map(|id| Some(self.cmdb.record(id)?.id)).filter(|id| *id != self.host).collect();
        let records = records.into_iter().filter_map(|id| self.cmdb.cis.get(&id));
        records.filter(|known| known.class == Class::VirtualMachine && known.status != Lifecycle::Disposed).collect()
    }

    /// By hardware addresses. Several candidates are none: hypervisors that do not know each other give the same ones.
    fn by_addresses(&self, row: &VirtualMachine, uuid: Option<Uuid>) -> Vec<&Ci> {
        let wanted = addresses(row);
        let with_one = wanted.iter().flat_map(|mac| self.cmdb.topology.hosts_with_mac(mac));
        let mut found = self.records(with_one);
        found.retain(|known| {
            let theirs = Fingerprint::of_host(known);
            let contradicts = uuid.zip(theirs.uuid).is_some_and(|(mine, theirs)| mine.key() != theirs.key());
            let has: BTreeSet<String> = match known.observed("mac_addresses").map(|proposal| proposal.value()) {
                Some(AttributeValue::List(macs)) => macs.iter().cloned().collect(),
                _ => BTreeSet::new(),
            };
            let same_name = row.name.as_deref().and_then(text).is_some_and(|name| theirs.hostname == Some(folded(&name)));
            !contradicts && (wanted.len() > 1 && has == wanted || same_name)
        });
        if found.len() > 1 { Vec::new() } else { found }
    }

    fn follow(&self, known: &Ci, row: &VirtualMachine, events: &mut Vec<CiEvent>) -> CiId {
        let has_agent = self.cmdb.reporters.contains_key(&known.id);
        let returns = known.status == Lifecycle::Missing || row.state.as_deref() == Some("running");
        if returns && !has_agent {
            events.extend(self.found_again(known, SectionName::VirtualMachines));
        }
        let changes = self.guest_changes(Some(known), &component(row, String::new(), has_agent));
        if !changes.is_empty() {
            events.push(CiEvent::AttributesChanged { ci: known.id, changes });
        }
        known.id
    }

    fn appear(&self, row: &VirtualMachine, key: String, ids: &mut dyn IdSource, events: &mut Vec<CiEvent>) -> CiId {
        let ci = CiId { family: Class::VirtualMachine.family(), bits: ids.next_bits() };
        let component = component(row, key, false);
        let changes = self.guest_changes(None, &component);
        let (class, name, key) = (component.class, component.name, Some(component.key));
        events.push(CiEvent::CiCreated { ci, class, name, key, parent: None, source: self.source.clone() });
        if !changes.is_empty() {
            events.push(CiEvent::AttributesChanged { ci, changes });
        }
        ci
    }

    /// The machine's own agent keeps its say. A hypervisor replaces what another one said: the machine moved here.
    fn guest_changes(&self, known: Option<&Ci>, component: &Component) -> Vec<AttributeChange> {
        let own = known.and_then(|known| self.cmdb.reporters.get(&known.id));
        self.changes(known, component, SectionName::VirtualMachines, |source, value| match source {
            Source::Agent { id } if Some(id) == own => false,
            Source::Agent { .. } => value.is_some() && *source != self.source,
            Source::Person { .. } | Source::Feed { .. } => false,
        })
    }

    /// A machine without an agent that no hypervisor has any more is missing.
    #[must_use]
    pub fn miss_guest(&self, id: CiId) -> Option<CiEvent> {
        let known = self.cmdb.cis.get(&id).filter(|_| !self.cmdb.reporters.contains_key(&id))?;
        self.miss(known, SectionName::VirtualMachines)
    }
}

fn addresses(row: &VirtualMachine) -> BTreeSet<String> {
    row.macs.iter().filter_map(|mac| Mac::parse(mac)).map(|mac| mac.text).collect()
}

/// What a hypervisor says of a machine. Hardware addresses only as long as nobody inside says them.
fn component(row: &VirtualMachine, key: String, has_agent: bool) -> Component {
    let uuid = Uuid::parse(&row.id);
    let macs: Vec<String> = addresses(row).into_iter().collect();
    let mut attributes = vec![
        ("assigned_cpus", row.vcpus.map(u64::from).map(integer)),
        ("assigned_memory_bytes", row.memory_bytes.map(integer)),
        ("power_state", plain(&row.state)),
        ("uuid", words(uuid.map(|uuid| uuid.to_string()))),
        ("virtualisation", uuid.map(|_| AttributeValue::Text("vm".into()))),
    ];
    if !has_agent {
        attributes.push(("mac_addresses", (!macs.is_empty()).then_some(AttributeValue::List(macs))));
    }
    let name = super::components::name([row.name.as_deref().and_then(text), text(&row.id)]);
    Component { class: Class::VirtualMachine, key, name, attributes }
}

#[cfg(test)]
mod tests;
