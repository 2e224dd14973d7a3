//! Which thing a row is, and what its row changes.

use super::read::Reading;
use super::{Absent, Accepted, Run, Stop};
use crate::attribute::check_required;
use crate::ci::decide::reconcile::Weighing;
use crate::ci::decide::{ASSERTED_ATTRIBUTES, doubt_of_twins, manual, relate};
use crate::ci::identify::{Fingerprint, Identification, identify};
use crate::ci::natural::Described;
use crate::ci::relation::Change;
use crate::ci::software::product_key;
use crate::ci::{
    Attempt, AttributeChange, Ci, CiEvent, Class, Lifecycle, Method, Operation, Proposal, Relation, RelationKind, Reporter, Source,
};
use crate::id::{CiId, Family};
use crate::import::Outcome;
use crate::import::reference::{Seen, Thing};
use crate::{Context, World};
use rollcall_shared::section::{Package, System, Virtualisation};
use rollcall_shared::{Section, Timestamp};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

/// One row being taken in.
pub struct Taking<'a> {
    world: &'a World,
    reading: &'a Reading,
    source: Source,
    now: Timestamp,
    /// The record as it was; `None` for a new one.
    known: Option<&'a Ci>,
    /// The record as it will be.
    after: Ci,
    /// What identifies the machine, for later rows.
    identifiers: BTreeSet<String>,
    attempts: Vec<Attempt>,
    events: Vec<CiEvent>,
}

impl<'a> Taking<'a> {
    /// Finds the thing and decides what changes.
    pub fn new(world: &'a World, run: &Run, reading: &'a Reading, context: &mut Context<'_>) -> Result<Self, Stop> {
        let seen = Seen { world, run };
        let parent = parent(&seen, reading)?;
        let (found, identifiers, attempts) = match reading.class.family() {
            Family::Host => host(world, run, reading, context.now)?,
            Family::Software => (Some(product(&seen, run, reading)?), BTreeSet::new(), Vec::new()),
            _ => (other(&seen, reading, parent)?, BTreeSet::new(), Vec::new()),
        };
        if let Some(row) = found.and_then(|id| run.claims.cis.get(&id)) {
            return Err(Stop::refused("same_thing", None, format!("this is what line {row} is as well")));
        }
        let known = found.and_then(|id| world.cmdb.cis.get(&id));
        if let Some(known) = known {
            check_class(known, reading)?;
        }
        let fresh = || {
            let name = reading.name.clone().or_else(|| text(reading, "hostname")).unwrap_or_else(|| reading.key.clone());
            let id = CiId { family: reading.class.family(), bits: context.ids.next_bits() };
            Ci::new(id, reading.class, &name, context.now, 0)
        };
        let after = known.cloned().unwrap_or_else(fresh);
        let (source, now) = (run.source(), context.now);
        let mut taking = Self { world, reading, source, now, known, after, identifiers, attempts, events: Vec::new() };
        taking.begin(run);
        taking.attributes()?;
        taking.name_and_place(&seen, parent)?;
        taking.key(&seen)?;
        taking.status(run);
        let tags = manual::tags(&taking.after, &reading.tags, &[]).map_err(|error| reading.wrong(error))?;
        taking.events.extend(tags);
        taking.relations(&seen)?;
        if taking.after.id.family == Family::Host {
            taking.events.extend(doubt_of_twins(world, known, &taking.after, context));
        }
        Ok(taking)
    }

    /// What the row came to, with its claims.
    pub fn finish(self, run: &mut Run, number: u32) -> Result<Accepted, Stop> {
        let id = self.after.id;
        let claims = &mut run.claims;
        claims.keys.insert(self.reading.key.clone(), number);
        claims.made.insert(self.reading.key.clone(), id);
        claims.cis.insert(id, number);
        claims.identifiers.extend(self.identifiers.into_iter().map(|identifier| (identifier, number)));
        if id.family == Family::Host {
            claims.hosts.insert(id, Fingerprint::of_host(&self.after));
        }
        let before = self.known.and_then(|known| known.key.clone()).filter(|before| Some(before) != self.after.key.as_ref());
        if let Some(before) = before {
            claims.freed.insert((self.after.class, before));
        }
        if let Some(key) = &self.after.key {
            claims.natural.insert((self.after.class, key.clone()), id);
        }
        let (class, name, parent) = (self.after.class, self.after.name, self.after.parent);
        claims.things.insert(id, Thing { class, name, parent });
        let outcome = match (self.known, self.events.is_empty()) {
            (None, _) => Outcome::Inserted,
            (Some(_), false) => Outcome::Updated,
            (Some(_), true) => Outcome::Unchanged,
        };
        Ok(Accepted { ci: id, outcome, events: self.events })
    }

    /// What is said of the record itself. Key and parent of a new one are filled in once they are known.
    fn begin(&mut self, run: &Run) {
        let ci = self.after.id;
        if self.known.is_none() {
            let (class, name, source) = (self.after.class, self.after.name.clone(), self.source.clone());
            self.events.push(CiEvent::CiCreated { ci, class, name, key: None, parent: None, source });
        }
        let feed = run.feed();
        if self.world.cmdb.natives.get(&(feed.clone(), self.reading.key.clone())) != Some(&ci) {
            let operation = if self.known.is_some() { Operation::Update } else { Operation::Insert };
            let attempts = std::mem::take(&mut self.attempts);
            self.events.push(CiEvent::FeedIdentified { feed, key: self.reading.key.clone(), ci, operation, attempts });
        }
        let class = self.reading.class;
        let finer = class != self.after.class && class.is_a(self.after.class);
        if finer && !self.world.cmdb.reporters.contains_key(&ci) {
            self.events.push(CiEvent::CiReclassified { ci, before: self.after.class, after: class });
            self.after.class = class;
        }
    }

    fn attributes(&mut self) -> Result<(), Stop> {
        let mut changes = Vec::new();
        for (name, value) in &self.reading.attributes {
            let known = self.after.attributes.get(name);
            let weighing = Weighing::new(&self.world.cmdb.policy.reconciliation, self.after.class, name);
            let after = match value {
                Some(value) => {
                    let (value, source) = (self.world.contacts.kept(name, known, value.clone()), self.source.clone());
                    weighing.propose(known, Proposal::new(value, source, self.now, Method::Import))
                }
                None => known.and_then(|known| weighing.withdraw(known, |source| *source == self.source)),
            };
            if after.as_ref() != known {
                changes.push(AttributeChange { name: name.clone(), before: known.map(|known| known.value().clone()), after });
            }
        }
        for change in &changes {
            match &change.after {
                Some(attribute) => drop(self.after.attributes.insert(change.name.as_str().into(), attribute.clone())),
                None => drop(self.after.attributes.remove(&change.name)),
            }
        }
        if self.after.attributes.len() > ASSERTED_ATTRIBUTES {
            return Err(Stop::refused("invalid", None, format!("a configuration item has at most {ASSERTED_ATTRIBUTES} attributes")));
        }
        if self.known.is_none() {
            let has = |name: &str| self.after.attributes.contains_key(name);
            check_required(self.world, self.after.class, has).map_err(|error| self.reading.wrong(error))?;
        }
        if !changes.is_empty() {
            self.events.push(CiEvent::AttributesChanged { ci: self.after.id, changes });
        }
        Ok(())
    }

    fn name_and_place(&mut self, seen: &Seen<'_>, parent: Option<Option<CiId>>) -> Result<(), Stop> {
        let ci = self.after.id;
        let is_theirs = self.known.is_none_or(|known| manual::is_of_people(&self.world.cmdb, known));
        let name = self.reading.name.clone().filter(|name| is_theirs && ci.family != Family::Host && *name != self.after.name);
        if let Some(after) = name {
            let before = std::mem::replace(&mut self.after.name, after.clone());
            self.events.push(CiEvent::CiRenamed { ci, before, after });
        }
        let Some(parent) = parent.filter(|parent| is_theirs && *parent != self.after.parent) else { return Ok(()) };
        if let Some(container) = parent {
            self.check_container(seen, container)?;
        }
        let before = std::mem::replace(&mut self.after.parent, parent);
        match self.events.first_mut().filter(|_| self.known.is_none()) {
            Some(CiEvent::CiCreated { parent: place, .. }) => *place = parent,
            _ => self.events.push(CiEvent::CiMoved { ci, before, after: parent }),
        }
        Ok(())
    }

    fn check_container(&self, seen: &Seen<'_>, container: CiId) -> Result<(), Stop> {
        let column = self.reading.parent.as_ref().map(|(column, _)| column.as_str());
        let class = seen.thing(container).map(|thing| thing.class);
        if !class.is_some_and(|class| class.may_contain(self.after.class)) {
            let (container, part) = (class.map_or("thing", Class::as_str), self.after.class.as_str());
            return Err(Stop::refused("parent", column, format!("a {container} does not contain a {part}")));
        }
        match seen.way_out(container, self.after.id) {
            Ok(None) => Ok(()),
            Ok(Some(way)) => {
                let name = &self.after.name;
                Err(Stop::refused("circle", column, format!("{name} would be within itself: {name} in {}", way.join(" in "))))
            }
            Err(()) => Err(Stop::refused("parent", column, format!("things are within each other at most {} deep", manual::DEPTH))),
        }
    }

    /// The natural key as it will be.
    fn key(&mut self, seen: &Seen<'_>) -> Result<(), Stop> {
        if self.known.is_some_and(|known| !manual::is_of_people(&self.world.cmdb, known)) {
            return Ok(());
        }
        let ci = self.after.id;
        let value = |name: &str| self.after.attributes.get(name).map(|attribute| attribute.value().clone());
        let described = Described { class: self.after.class, name: &self.after.name, parent: self.after.parent, value: &value };
        let key = described.key().map_err(|error| self.reading.wrong(error))?;
        if let Some(other) = key.as_ref().and_then(|key| seen.keyed(self.after.class, key)).filter(|other| *other != ci) {
            let reason = format!("its key is that of {ci}, and what makes it what it is, of {other}");
            return Err(Stop::refused("identity_conflict", None, reason));
        }
        if key == self.after.key {
            return Ok(());
        }
        let before = std::mem::replace(&mut self.after.key, key.clone());
        match self.events.first_mut().filter(|_| self.known.is_none()) {
            Some(CiEvent::CiCreated { key: place, .. }) => *place = key,
            _ => self.events.push(CiEvent::CiRekeyed { ci, before, after: key }),
        }
        Ok(())
    }

    /// Where a machine that reports is in its life is its agent's business.
    fn status(&mut self, run: &Run) {
        let ci = self.after.id;
        if self.world.cmdb.reporters.contains_key(&ci) {
            return;
        }
        let returned = self.after.status == Lifecycle::Missing;
        let first = run.plan.status.filter(|_| self.known.is_none());
        let wanted = self.reading.status.or(first).or(returned.then_some(Lifecycle::Operational));
        if let Some(after) = wanted.filter(|wanted| *wanted != self.after.status) {
            let before = std::mem::replace(&mut self.after.status, after);
            let reason = format!("the file {} says so", run.name);
            self.events.push(CiEvent::CiStatusChanged { ci, before, after, reason });
        }
    }

    /// For each kind that the file has a column of, what its row says is all that the file says.
    fn relations(&mut self, seen: &Seen<'_>) -> Result<(), Stop> {
        let from = self.after.id;
        let mut wanted: BTreeMap<RelationKind, BTreeSet<CiId>> = BTreeMap::new();
        for relating in &self.reading.relations {
            let column = Some(relating.column.as_str());
            let all = wanted.entry(relating.kind).or_default();
            for text in &relating.texts {
                let to = seen.resolve(text, relating.class).ok_or_else(|| absent(&relating.column, text))?;
                if to == from {
                    return Err(Stop::refused("relation", column, "nothing is related to itself"));
                }
                let class = seen.thing(to).map_or(self.after.class, |thing| thing.class);
                let wrong = |error: crate::Rejection| Stop::refused("relation", column, error.to_string());
                relate::check_classes(relating.kind, self.after.class, class).map_err(wrong)?;
                all.insert(to);
            }
        }
        let mut changes = Vec::new();
        for (kind, wanted) in wanted {
            let told = self.world.cmdb.links.from(from).filter(|told| told.kind == kind && told.source == self.source);
            let known: BTreeSet<CiId> = told.map(|told| told.to).collect();
            let source = || self.source.clone();
            changes.extend(known.difference(&wanted).map(|to| Change::Removed { from, kind, to: *to, source: source() }));
            changes.extend(wanted.difference(&known).map(|to| {
                let relation = Relation { from, kind, to: *to, source: source(), first_seen: self.now, last_seen: self.now };
                Change::Set { relation }
            }));
        }
        if !changes.is_empty() {
            self.events.push(CiEvent::RelationsChanged { changes });
        }
        Ok(())
    }
}

fn text(reading: &Reading, name: &str) -> Option<String> {
    match reading.attributes.get(name) {
        Some(Some(crate::ci::AttributeValue::Text(text))) => Some(text.clone()),
        _ => None,
    }
}

fn absent(column: &str, text: &str) -> Stop {
    Stop::Deferred(Absent { column: column.to_owned(), text: text.to_owned() })
}

/// What the row says of its container; `None` when the file has no such column.
fn parent(seen: &Seen<'_>, reading: &Reading) -> Result<Option<Option<CiId>>, Stop> {
    let Some((column, text)) = &reading.parent else { return Ok(None) };
    let Some(text) = text else { return Ok(Some(None)) };
    let class = (reading.class == Class::Location).then_some(Class::Location);
    seen.resolve(text, class).map(|id| Some(Some(id))).ok_or_else(|| absent(column, text))
}

fn check_class(known: &Ci, reading: &Reading) -> Result<(), Stop> {
    if known.class.is_a(reading.class) || reading.class.is_a(known.class) {
        return Ok(());
    }
    let reason = format!("{} is a {}, not a {}", known.id, known.class.as_str(), reading.class.as_str());
    Err(Stop::refused("class_conflict", None, reason))
}

/// What is no machine is known by its key in the file, else by its natural key.
fn other(seen: &Seen<'_>, reading: &Reading, parent: Option<Option<CiId>>) -> Result<Option<CiId>, Stop> {
    if reading.native.is_some() {
        return Ok(reading.native);
    }
    let value = |name: &str| reading.attributes.get(name).cloned().flatten();
    let name = reading.name.as_ref().unwrap_or(&reading.key);
    let described = Described { class: reading.class, name, parent: parent.flatten(), value: &value };
    let key = described.key().map_err(|error| reading.wrong(error))?;
    Ok(key.and_then(|key| seen.keyed(reading.class, &key)))
}

/// A file records what people know of a product, such as its licences; that there is one follows from package lists alone.
fn product(seen: &Seen<'_>, run: &Run, reading: &Reading) -> Result<CiId, Stop> {
    let package = Package { purl: Some(reading.key.clone()), ..Package::default() };
    let by_url = || reading.key.starts_with("pkg:").then(|| seen.keyed(reading.class, &product_key(&package))).flatten();
    let by_id = || reading.key.parse().ok().filter(|id| seen.thing(*id).is_some_and(|thing| thing.class == reading.class));
    let found = reading.native.or_else(|| seen.keyed(reading.class, &reading.key)).or_else(by_url).or_else(by_id);
    found.ok_or_else(|| {
        let reason = "no host has or had such a product: give its package URL, such as pkg:deb/debian/openssl, its key or its id";
        Stop::refused("unknown_product", run.plan.key_column(), reason)
    })
}

type Found = (Option<CiId>, BTreeSet<String>, Vec<Attempt>);

/// Machines are identified as everywhere; that two rows are one machine is refused, and so is that a key and the identifiers
/// beside it lead to two.
fn host(world: &World, run: &Run, reading: &Reading, now: Timestamp) -> Result<Found, Stop> {
    let mine = Fingerprint::of_system(&reading.system());
    let identifiers = identifiers(&mine);
    if let Some(row) = identifiers.iter().find_map(|identifier| run.claims.identifiers.get(identifier)) {
        return Err(Stop::refused("same_thing", None, format!("line {row} has the same identifiers: both would be one machine")));
    }
    let found = identification(world, run, reading, now);
    if let Some(refused) = found.refused {
        return Err(Stop::refused("ambiguous", None, refused.reason));
    }
    // An earlier row may have taken from a machine what this row would be found by.
    let still = |id: &CiId| run.claims.hosts.get(id).is_none_or(|as_left| mine.contradiction(as_left).is_none());
    let ci = found.ci.filter(still);
    let Some(native) = reading.native else { return Ok((ci, identifiers, found.attempts)) };
    match ci {
        Some(other) if other != native => {
            let reason = format!("its key is that of {native}, and its identifiers are those of {other}");
            Err(Stop::refused("identity_conflict", None, reason))
        }
        // What only files say, a file may put right.
        None if !is_of_files(world, native) => {
            let note = found.attempts.iter().find_map(|attempt| attempt.note.clone()).unwrap_or_default();
            Err(Stop::refused("identity_conflict", None, format!("its key is that of {native}, and its identifiers are not: {note}")))
        }
        _ => Ok((Some(native), identifiers, found.attempts)),
    }
}

fn is_of_files(world: &World, id: CiId) -> bool {
    let reported = |ci: &Ci| world.cmdb.reporters.contains_key(&id) || !ci.sections.is_empty() || !ci.feeds.is_empty();
    world.cmdb.cis.get(&id).is_none_or(|ci| !reported(ci))
}

/// A class that leaves open whether a machine is physical or virtual is looked for as both.
fn identification(world: &World, run: &Run, reading: &Reading, now: Timestamp) -> Identification {
    let identify =
        |reporter: &Reporter, system: &System| identify(world, reporter, &[Arc::new(Section::System(vec![system.clone()]))], now);
    let reporter = Reporter::Feed { name: run.feed(), key: reading.key.clone() };
    let mut system = reading.system();
    let found = identify(&reporter, &system);
    let is_open = system.virtualisation.is_none() && system.uuid.is_some();
    if found.ci.is_some() || found.refused.is_some() || !is_open {
        return found;
    }
    for kind in [Virtualisation::Physical, Virtualisation::Vm] {
        system.virtualisation = Some(kind);
        let other = identify(&reporter, &system);
        if other.ci.is_some() || other.refused.is_some() {
            return other;
        }
    }
    found
}

/// What no two machines have in common; of machines without any of it, the name.
fn identifiers(mine: &Fingerprint) -> BTreeSet<String> {
    let mut found = BTreeSet::new();
    found.extend(mine.uuid.map(|uuid| format!("uuid {}", uuid.key())));
    found.extend(mine.cloud.iter().map(|cloud| format!("cloud instance {cloud:?}")));
    let maker = mine.manufacturer.clone().unwrap_or_default();
    found.extend(mine.serial.as_ref().map(|serial| format!("serial {maker}/{serial}")));
    let hostname = mine.hostname.clone().unwrap_or_default();
    found.extend(mine.machine_id.as_ref().map(|id| format!("machine id {id}/{hostname}")));
    if found.is_empty() {
        found.extend(mine.hostname.as_ref().map(|name| format!("host name {name}")));
    }
    found
}
