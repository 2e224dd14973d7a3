//! Containers as their host sees them, brought together with what agents within them say.
//!
//! A container is keyed on its host, runtime and name: made anew under the same name it is the same item. One that has stopped
//! before anybody saw it is no item: build machines leave thousands.
//!
//! A container with an agent of its own is one item with what its host sees. What brings the two together is the container's id,
//! which is its host name unless somebody chose another; another kernel keeps them apart. When the host comes first, identification
//! of the container's report finds the item; when the container does, the host's report takes it over here. Hosts that were
//! copied have containers of the same ids: then the moment of the start decides, and without it people do.

use super::attributes::{plain, words};
use super::components::{COMPONENTS_PER_HOST, Component, Parts, Told};
use super::services::{label, runs};
use crate::ci::identify::{Boot, Doubt, container_fact, container_id};
use crate::ci::normalise::text;
use crate::ci::{AttributeValue, Ci, CiEvent, Class, Lifecycle};
use crate::id::CiId;
use rollcall_shared::section::Container;
use std::collections::BTreeSet;

/// Containers that were taken over from their own agents.
#[derive(Debug, Default)]
pub struct TakenOver {
    /// What happened to them.
    pub events: Vec<CiEvent>,
    /// What people should look at.
    pub doubts: Vec<Doubt>,
}

impl Parts<'_> {
    /// The containers that the section tells.
    #[must_use]
    pub fn containers(&self, rows: &[Container]) -> Vec<Component> {
        let mut named = BTreeSet::new();
        let mut found = Vec::new();
        for row in rows {
            let name = label(row);
            let by_name = self.place(&format!("{}/{name}", row.runtime));
            // Runtimes with name spaces have one name twice.
            let key = if named.insert(by_name.clone()) { by_name } else { self.place(&format!("{}/{}", row.runtime, row.id)) };
            let is_known = self.cmdb.keys.contains_key(&(Class::Container, key.clone()));
            if is_known || runs(row) {
                let attributes = vec![
                    ("container_id", words(container_id(&row.id).and_then(|_| text(&row.id)))),
                    ("image", plain(&row.image.as_deref().and_then(text))),
                    ("state", plain(&row.state)),
                ];
                found.push(Component { class: Class::Container, key, name, attributes });
            }
        }
        found.truncate(COMPONENTS_PER_HOST);
        found
    }

    /// Takes over those of `wanted` that their own agents told of before their host did, and leaves the others in it. `boot` is
    /// that of the host.
    #[must_use]
    pub fn take_over(&self, told: &Told, wanted: &mut Vec<Component>, boot: &Boot) -> TakenOver {
        let mut taken = TakenOver::default();
        wanted.retain(|component| {
            let Some(id) = id_of(component) else { return true };
            let known = self.cmdb.keys.get(&(component.class, component.key.clone())).copied();
            let (own, elsewhere) = self.with_container_id(&id, known, boot);
            if known.is_none() && !elsewhere.is_empty() {
                let reason = format!("containers of several hosts have the id {id}: one of the hosts may be a copy of the other");
                taken.doubts.push(Doubt { cis: elsewhere.into_iter().chain(own.iter().map(|ci| ci.id)).collect(), reason });
                return true;
            }
            match (known, &own[..]) {
                (_, []) => true,
                (None, [one]) => {
                    self.adopt(one, component, told, &mut taken.events);
                    false
                }
                _ => {
                    let reason = format!("several records may be the container {id} of this host; merge those that are");
                    taken.doubts.push(Doubt { cis: own.iter().map(|ci| ci.id).chain(known).collect(), reason });
                    true
                }
            }
        });
        taken
    }

    /// Records that a container's id leads to, but for the known one: those that only their own agents told of and that nothing
    /// keeps apart from this host, and those of other hosts.
    fn with_container_id(&self, id: &str, known: Option<CiId>, boot: &Boot) -> (Vec<&Ci>, BTreeSet<CiId>) {
        let holders = self.cmdb.facts.get(&container_fact(id)).into_iter().flatten().filter(|holder| Some(**holder) != known);
        let holders = holders.filter_map(|holder| self.cmdb.cis.get(holder)).filter(|ci| ci.class == Class::Container);
        let in_use = holders.filter(|ci| ci.duplicate_of.is_none() && !matches!(ci.status, Lifecycle::Retired | Lifecycle::Disposed));
        let (placed, own): (Vec<&Ci>, Vec<&Ci>) = in_use.partition(|ci| ci.parent.is_some());
        let elsewhere =
            placed.iter().filter(|ci| ci.parent != Some(self.host) && ci.status != Lifecycle::Missing).map(|ci| ci.id).collect();
        let mut own: Vec<&Ci> = own.into_iter().filter(|ci| ci.key.is_none() && !boot.contradicts(&Boot::of_host(ci))).collect();
        let proven = |ci: &&Ci| boot.is_same(&Boot::of_host(ci));
        if own.len() > 1 && own.iter().filter(|ci| proven(ci)).count() == 1 {
            own.retain(proven);
        }
        (own, elsewhere)
    }

    fn adopt(&self, known: &Ci, component: &Component, told: &Told, events: &mut Vec<CiEvent>) {
        let ci = known.id;
        events.push(CiEvent::CiRekeyed { ci, before: known.key.clone(), after: Some(component.key.clone()) });
        events.push(CiEvent::CiMoved { ci, before: known.parent, after: Some(self.host) });
        if known.name != component.name {
            events.push(CiEvent::CiRenamed { ci, before: known.name.clone(), after: component.name.clone() });
        }
        events.extend(self.found_again(known, told.section));
        let changes = self.changes(Some(known), component, told.section, |source, value| !source.is_person() && value.is_some());
        if !changes.is_empty() {
            events.push(CiEvent::AttributesChanged { ci, changes });
        }
    }
}

fn id_of(component: &Component) -> Option<String> {
    component.attributes.iter().find_map(|(name, value)| match value {
        Some(AttributeValue::Text(text)) if *name == "container_id" => container_id(text),
        _ => None,
    })
}

#[cfg(test)]
mod tests;
