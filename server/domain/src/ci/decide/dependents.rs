//! What a report says beside the host itself: services, guests, containers, certificates, neighbours.
//!
//! Every section that is new is looked at with those that it goes together with, as they are known now: a service is told by the
//! listeners, the databases, the web servers and the containers of one host, whichever of them came last. All of it happens
//! before the sections are written down, so that what follows from a section finds its items there.

use super::certificates;
use super::components::{Parts, Told, dependent_of};
use super::links::{self, Key, Teller};
use super::neighbours::{self, Peer};
use super::networks::{self, Joined};
use super::services::{Rows, runs};
use crate::ci::identify::{Boot, Doubt};
use crate::ci::relation::Change;
use crate::ci::{Ci, CiEvent, Class, Relation, RelationKind, Reporter};
use crate::id::CiId;
use crate::{Content, Context};
use rollcall_shared::message::SectionEntry;
use rollcall_shared::{Outcome, Section, SectionName};
use std::collections::BTreeSet;
use std::sync::Arc;

/// Sections that services are told by.
const OF_SERVICES: [SectionName; 4] = [SectionName::Listeners, SectionName::Containers, SectionName::Databases, SectionName::WebServers];

/// Sections that networks are told by.
const OF_NETWORKS: [SectionName; 3] = [SectionName::NetworkInterfaces, SectionName::Routes, SectionName::Neighbours];

/// A report with the host that it is of.
pub struct Dependents<'a> {
    /// Of the host.
    pub parts: Parts<'a>,
    /// The host as it is known; `None` when it is new.
    pub known: Option<&'a Ci>,
    /// Its class.
    pub class: Class,
    /// Who reports.
    pub reporter: &'a Reporter,
    /// Sections that differ from what is known.
    pub news: &'a [(&'a SectionEntry, Option<Arc<Section>>)],
}

/// What it led to.
#[derive(Debug)]
pub struct Taken {
    /// What happened.
    pub events: Vec<CiEvent>,
    /// What people should look at.
    pub doubts: Vec<Doubt>,
    /// What the host is, now that it is known what runs on it.
    pub class: Class,
}

/// A section with how its collection went.
type Collected = (Arc<Section>, Outcome);

impl Dependents<'_> {
    /// Takes it in.
    #[must_use]
    pub fn take(&self, context: &mut Context<'_>) -> Taken {
        let mut taken = Taken { events: Vec::new(), doubts: Vec::new(), class: self.class };
        if OF_SERVICES.into_iter().any(|name| self.fresh(name).is_some()) {
            self.take_services(&mut taken, context);
        }
        if let Some((section, outcome)) = self.fresh(SectionName::VirtualMachines) {
            self.take_guests(&section, outcome, &mut taken, context);
        }
        if let Some((section, outcome)) = self.fresh(SectionName::Certificates) {
            self.take_certificates(&section, outcome, &mut taken, context);
        }
        if let Some((section, outcome)) = self.fresh(SectionName::Neighbours) {
            self.take_neighbours(&section, outcome, &mut taken, context);
        }
        if OF_NETWORKS.into_iter().any(|name| self.fresh(name).is_some()) {
            self.take_networks(&mut taken, context);
        }
        if taken.class != self.class {
            taken.events.push(CiEvent::CiReclassified { ci: self.parts.host, before: self.class, after: taken.class });
        }
        taken
    }

    /// A section that this report brings and that counts.
    fn fresh(&self, name: SectionName) -> Option<Collected> {
        // A feed says nothing of what the host's agent reports.
        let counts = self.reporter.agent().is_some() || !self.known.is_some_and(|known| known.sections.contains_key(&name));
        let (entry, section) = self.news.iter().find(|(entry, _)| entry.name == name).filter(|_| counts)?;
        Some((Arc::clone(section.as_ref()?), entry.outcome))
    }

    /// A section as it is known with this report.
    fn current(&self, name: SectionName, content: &dyn Content) -> Option<Collected> {
        self.fresh(name).or_else(|| {
            let state = self.known?.section(name)?;
            Some((content.section(&state.hash?)?, state.outcome))
        })
    }

    fn take_services(&self, taken: &mut Taken, context: &mut Context<'_>) {
        let sections: Vec<Collected> = OF_SERVICES.into_iter().filter_map(|name| self.current(name, context.content)).collect();
        let mut rows = Rows::default();
        for (section, _) in &sections {
            match &**section {
                Section::Listeners(listeners) => rows.listeners = listeners,
                Section::Containers(containers) => rows.containers = containers,
                Section::Databases(databases) => rows.databases = databases,
                Section::WebServers(web_servers) => rows.web_servers = web_servers,
                _ => {}
            }
        }
        let told: Vec<Told> = sections
            .iter()
            .filter_map(|(section, outcome)| {
                Some(Told { class: dependent_of(section.name())?, section: section.name(), outcome: *outcome })
            })
            .collect();
        let mut wanted = self.parts.services(&rows);
        let mut containers = self.parts.containers(rows.containers);
        if let Some(told) = told.iter().find(|told| told.class == Class::Container) {
            let over = self.parts.take_over(told, &mut containers, &self.boot(context.content));
            taken.events.extend(over.events);
            taken.doubts.extend(over.doubts);
        }
        wanted.extend(containers);
        taken.events.extend(self.parts.settle(&told, wanted, context.ids));
        if rows.containers.iter().any(runs) && taken.class == Class::Server {
            taken.class = Class::ContainerHost;
        }
    }

    /// The run of the host's kernel, as it is known with this report.
    fn boot(&self, content: &dyn Content) -> Boot {
        let os = self.current(SectionName::Os, content);
        match os.as_ref().map(|(section, _)| &**section) {
            Some(Section::Os(rows)) => rows.first().map(Boot::of_system).unwrap_or_default(),
            _ => Boot::default(),
        }
    }

    fn take_guests(&self, section: &Section, outcome: Outcome, taken: &mut Taken, context: &mut Context<'_>) {
        let Section::VirtualMachines(rows) = section else { return };
        let guests = self.parts.guests(rows, context.ids);
        taken.events.extend(guests.events);
        taken.doubts.extend(guests.doubts);
        let host = self.parts.host;
        let wanted: BTreeSet<Key> = guests.ids.iter().map(|guest| (*guest, RelationKind::RunsOn, host)).collect();
        let known: Vec<&Relation> = self.links_to(RelationKind::RunsOn, |from| from == Class::VirtualMachine).collect();
        let changes = self.settle(&known, &wanted, outcome, context);
        let left = self.left_alone(&changes, RelationKind::RunsOn);
        taken.events.extend(links::events(changes));
        taken.events.extend(left.into_iter().filter_map(|guest| self.parts.miss_guest(guest)));
        if !rows.is_empty() && taken.class.is_a(Class::Server) {
            taken.class = Class::Hypervisor;
        }
    }

    fn take_certificates(&self, section: &Section, outcome: Outcome, taken: &mut Taken, context: &mut Context<'_>) {
        let Section::Certificates(rows) = section else { return };
        let found = certificates::certificates(rows);
        let ids = self.parts.share(SectionName::Certificates, &found, context.ids, &mut taken.events);
        let wanted: BTreeSet<Key> = ids.into_iter().map(|id| certificates::key(id, self.parts.host)).collect();
        let known: Vec<&Relation> = self.links_to(RelationKind::InstalledOn, |from| from == Class::Certificate).collect();
        let changes = self.settle(&known, &wanted, outcome, context);
        let left = self.left_alone(&changes, RelationKind::InstalledOn);
        taken.events.extend(links::events(changes));
        let gone = left.into_iter().filter_map(|id| self.parts.cmdb.cis.get(&id));
        taken.events.extend(gone.filter_map(|certificate| self.parts.miss(certificate, SectionName::Certificates)));
    }

    fn take_neighbours(&self, section: &Section, outcome: Outcome, taken: &mut Taken, context: &mut Context<'_>) {
        let Section::Neighbours(rows) = section else { return };
        let host = self.parts.host;
        let peers = neighbours::peers(self.parts.cmdb, host, rows);
        let mut wanted: BTreeSet<Key> = BTreeSet::new();
        let mut devices = Vec::new();
        for peer in peers {
            match peer {
                Peer::Host(other) => drop(wanted.insert((host, RelationKind::ConnectsTo, other))),
                Peer::Device(device) => devices.push(device),
            }
        }
        let ids = self.parts.share(SectionName::Neighbours, &devices, context.ids, &mut taken.events);
        wanted.extend(ids.into_iter().map(|id| (host, RelationKind::ConnectsTo, id)));
        let known: Vec<&Relation> = self.parts.cmdb.links.from(host).filter(|relation| relation.kind == RelationKind::ConnectsTo).collect();
        taken.events.extend(links::events(self.settle(&known, &wanted, outcome, context)));
    }

    fn take_networks(&self, taken: &mut Taken, context: &mut Context<'_>) {
        // What a container sees of networks is made up by its host.
        let Some((interfaces, outcome)) =
            self.current(SectionName::NetworkInterfaces, context.content).filter(|_| self.class != Class::Container)
        else {
            return;
        };
        let others: Vec<Collected> =
            OF_NETWORKS[1..].iter().filter_map(|name| self.current(*name, context.content)).chain([(interfaces, outcome)]).collect();
        let mut sections = networks::Sections::default();
        for (section, _) in &others {
            match &**section {
                Section::NetworkInterfaces(rows) => sections.interfaces = rows,
                Section::Routes(rows) => sections.routes = rows,
                Section::Neighbours(rows) => sections.neighbours = rows,
                _ => {}
            }
        }
        let host = self.parts.host;
        let (mut wanted, mut found) = (BTreeSet::new(), Vec::new());
        for joined in networks::joined(self.parts.cmdb, self.known, &sections) {
            match joined {
                Joined::Still(network) => drop(wanted.insert((host, RelationKind::MemberOf, network))),
                Joined::Network(network) => found.push(network),
            }
        }
        let ids = self.parts.share(SectionName::NetworkInterfaces, &found, context.ids, &mut taken.events);
        wanted.extend(ids.into_iter().map(|id| (host, RelationKind::MemberOf, id)));
        let is_network = |relation: &&Relation| {
            relation.kind == RelationKind::MemberOf && self.parts.cmdb.cis.get(&relation.to).is_some_and(|to| to.class == Class::Network)
        };
        let known: Vec<&Relation> = self.parts.cmdb.links.from(host).filter(is_network).collect();
        taken.events.extend(links::events(self.settle(&known, &wanted, outcome, context)));
    }

    /// Stored relations of a kind that items of some class have with this host.
    fn links_to(&self, kind: RelationKind, is_of: impl Fn(Class) -> bool) -> impl Iterator<Item = &Relation> {
        let of_kind = self.parts.cmdb.links.to(self.parts.host).filter(move |relation| relation.kind == kind);
        of_kind.filter(move |relation| self.parts.cmdb.cis.get(&relation.from).is_some_and(|from| is_of(from.class)))
    }

    fn settle(&self, known: &[&Relation], wanted: &BTreeSet<Key>, outcome: Outcome, context: &Context<'_>) -> Vec<Change> {
        let teller: Teller = links::teller(self.reporter, context.now);
        let told = |(from, kind, to): &Key| self.parts.cmdb.links.told(*from, *kind, *to);
        links::settle(&teller, known.iter().copied(), wanted, told, outcome == Outcome::Complete)
    }

    /// Items that have no relation of a kind left once `changes` are made.
    fn left_alone(&self, changes: &[Change], kind: RelationKind) -> BTreeSet<CiId> {
        let mut set = BTreeSet::new();
        let mut removed = BTreeSet::new();
        for change in changes {
            match change {
                Change::Set { relation } => drop(set.insert(relation.from)),
                Change::Removed { from, to, source, .. } => drop(removed.insert((*from, *to, source.clone()))),
            }
        }
        let is_left =
            |id: CiId, relation: &Relation| relation.kind == kind && !removed.contains(&(id, relation.to, relation.source.clone()));
        let from: BTreeSet<CiId> = removed.iter().map(|(from, ..)| *from).filter(|from| !set.contains(from)).collect();
        from.into_iter().filter(|id| !self.parts.cmdb.links.from(*id).any(|relation| is_left(*id, relation))).collect()
    }
}

#[cfg(test)]
mod tests;
