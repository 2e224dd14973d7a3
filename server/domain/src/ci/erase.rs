//! Legal deletion: everything that was ever known of an item goes, out of the log as well.
//!
//! The state is the fold of the log, so erasing is one thing only: a log in which no record speaks of the item. A record that
//! is about it becomes an empty one of the same number; one that names it among others loses what names it; a text that tells
//! of it loses its words. The state is then folded anew, and nothing can be left in it that is not left in the log.
//!
//! Files are not read: those that are attached to incidents and problems about it go, whatever is in them. Those of others that tell
//! of it as well are named to whoever erases.
//!
//! Invariant: what is left never says more than before, and never less of anything else than it must. Pure: who reads and
//! writes the log is the engine's business.

mod scrub;

use self::scrub::{Scrub, Verdict};
use super::decide::assert::checked_reason;
use super::{Attribute, AttributeValue, Ci, CiEvent, lifecycle};
use crate::attachment::Attachment;
use crate::id::{AttachmentId, CiId};
use crate::incident::{Incident, IncidentEvent};
use crate::problem::{Problem, ProblemEvent};
use crate::trust::TrustEvent;
use crate::{Actor, Event, Record, Rejection, World};
use rollcall_shared::{AgentId, ContentHash};
use std::collections::BTreeSet;

/// Characters of a legal basis.
const BASIS_CHARACTERS: usize = 300;

/// Attributes whose values tell one machine from all others.
const IDENTIFYING: [&str; 13] = [
    "asset_tag",
    "board_serial",
    "chassis_serial",
    "cloud_instance_id",
    "fqdn",
    "hostname",
    "ip_addresses",
    "mac",
    "mac_addresses",
    "machine_id",
    "serial",
    "uuid",
    "wwn",
];

/// Of these, those that are so common as words that they are taken out only of what is known to tell of the item.
const COMMON: [&str; 2] = ["hostname", "ip_addresses"];

/// What somebody wants to be erased.
#[derive(Clone, Debug)]
pub struct Wanted {
    /// Which item.
    pub ci: CiId,
    /// Why.
    pub reason: String,
    /// On which legal basis, such as `GDPR Art. 17 (1) b`.
    pub legal_basis: String,
    /// Whether it may still be in use.
    pub force: bool,
}

/// All that goes with an item.
#[derive(Clone, Debug, Default)]
pub struct Target {
    /// The item, its parts, its duplicates.
    pub cis: BTreeSet<CiId>,
    /// Agents that report as it.
    pub agents: BTreeSet<AgentId>,
    /// Section contents that records about it name. Others may have the same.
    pub contents: BTreeSet<ContentHash>,
    scrub: Scrub,
    /// Alerts, incidents and problems that tell of it.
    told_by: BTreeSet<String>,
    /// Of these, incidents and problems that are about it and nothing else.
    about: BTreeSet<String>,
    /// Contents of attachments with the incident or problem that each was attached to.
    attached: BTreeSet<(String, ContentHash)>,
}

/// What becomes of a record.
#[derive(Clone, Debug, PartialEq)]
pub enum Redaction {
    /// It does not speak of the item.
    Kept,
    /// It was about the item: nothing of it is left.
    Erased,
    /// It spoke of the item among others.
    Rewritten(Box<Record>),
}

/// What would go.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Forecast {
    /// Items.
    pub cis: Vec<CiId>,
    /// Agents.
    pub agents: Vec<AgentId>,
    /// Alerts.
    pub alerts: u64,
    /// Reviews, dead letters, parked reports.
    pub tasks: u64,
    /// Incidents and problems that tell of it; those about it alone go, the others lose what names it.
    pub told_by: u64,
    /// Attributes with all that sources say of them.
    pub attributes: u64,
    /// Stored relations.
    pub relations: u64,
    /// Section contents that its history names.
    pub contents: u64,
    /// Attachments of incidents and problems about it.
    pub attachments: u64,
    /// Attachments of others that tell of it: they stay, because nobody but people can tell what is in them.
    pub attachments_elsewhere: Vec<AttachmentId>,
    /// Records that its history has, at least.
    pub records: u64,
}

/// What goes with an item.
///
/// # Errors
/// [`Rejection::NotFound`], [`Rejection::Invalid`] without a reason or a basis, [`Rejection::WrongState`] for an item in use
/// that is not to be forced, [`Rejection::Conflict`] for a duplicate and for what is nobody's data.
pub fn target(world: &World, wanted: &Wanted) -> Result<Target, Rejection> {
    let cmdb = &world.cmdb;
    let ci = cmdb.cis.get(&wanted.ci).ok_or_else(|| Rejection::not_found("configuration item", wanted.ci))?;
    checked_reason(&wanted.reason)?;
    let basis = wanted.legal_basis.trim();
    if basis.is_empty() || basis.chars().count() > BASIS_CHARACTERS || basis.chars().any(char::is_control) {
        let why = format!("must have 1 to {BASIS_CHARACTERS} characters and no control characters, such as GDPR Art. 17 (1) b");
        return Err(Rejection::invalid("legal_basis", why));
    }
    if let Some(main) = ci.duplicate_of {
        return Err(Rejection::Conflict(format!("{} is a duplicate of {main}: erase that one, and its duplicates go with it", ci.id)));
    }
    if ci.class == super::Class::SoftwareProduct {
        return Err(Rejection::Conflict(format!("{} is a product that many hosts have: it is nobody's data", ci.id)));
    }
    if !lifecycle::is_out_of_use(ci.status) && !wanted.force {
        return Err(Rejection::WrongState { subject: ci.id.to_string(), state: ci.status.as_str().into(), action: "erased unless forced" });
    }
    Ok(Target::of(world, ci.id))
}

/// What would go, counted.
#[must_use]
pub fn forecast(world: &World, target: &Target) -> Forecast {
    let of = |id: &CiId| world.cmdb.cis.get(id);
    let relations = |id: &CiId| world.cmdb.links.of(*id).count() as u64;
    let alerts = world.alerts.alerts.values().filter(|alert| target.cis.contains(&alert.key.ci)).count() as u64;
    let (about, elsewhere) = target.attachments_in(world);
    Forecast {
        attachments: about.len() as u64,
        attachments_elsewhere: elsewhere.into_iter().map(|attachment| attachment.id).collect(),
        cis: target.cis.iter().copied().collect(),
        agents: target.agents.iter().copied().collect(),
        alerts,
        tasks: target.tasks(world).len() as u64,
        told_by: (target.told_by.len() as u64).saturating_sub(alerts),
        attributes: target.cis.iter().filter_map(of).map(|ci| ci.attributes.len() as u64).sum(),
        relations: target.cis.iter().map(relations).sum(),
        contents: target.contents.len() as u64,
        records: target.cis.iter().filter_map(of).flat_map(|ci| ci.history.iter().copied()).collect::<BTreeSet<u64>>().len() as u64,
    }
}

impl Target {
    fn of(world: &World, id: CiId) -> Self {
        let cmdb = &world.cmdb;
        let merged = cmdb.cis.values().filter(|ci| ci.duplicate_of == Some(id)).map(|ci| ci.id);
        let mut cis: BTreeSet<CiId> = merged.chain([id]).collect();
        let parts: Vec<CiId> = cis.iter().filter_map(|id| cmdb.components.get(id)).flatten().copied().collect();
        cis.extend(parts);
        let agents: BTreeSet<AgentId> = cis.iter().flat_map(|&ci| world.trust.voices_of(ci)).collect();
        let mut target = Self { cis, agents, ..Self::default() };
        target.learn_state(world);
        target
    }

    /// Takes in what the state knows: ids, words, contents.
    fn learn_state(&mut self, world: &World) {
        let mut ids: BTreeSet<String> = self.cis.iter().map(ToString::to_string).collect();
        ids.extend(self.agents.iter().map(ToString::to_string));
        for agent in self.agents.iter().filter_map(|id| world.trust.agents.get(id)) {
            self.scrub.common.extend(agent.hostname.clone());
            self.scrub.learn(&agent.enrolment_id);
        }
        for collector in self.agents.iter().filter_map(|id| world.trust.collectors.get(*id)) {
            self.scrub.learn(&collector.key);
        }
        ids.extend(world.alerts.alerts.values().filter(|alert| self.cis.contains(&alert.key.ci)).map(|alert| alert.id.to_string()));
        self.told_by.clone_from(&ids);
        self.scrub.ids = ids;
        for ci in self.cis.clone().iter().filter_map(|id| world.cmdb.cis.get(id)) {
            self.learn_item(ci);
        }
        let natives = world.cmdb.natives.iter().filter(|(_, ci)| self.cis.contains(ci));
        let keys: Vec<String> = natives.map(|((_, key), _)| key.clone()).collect();
        keys.iter().for_each(|key| self.scrub.learn(key));
        self.scrub.settle();
        let tasks = self.tasks(world);
        self.scrub.ids.extend(tasks);
        let tells =
            |id: String, text: Result<serde_json::Value, serde_json::Error>| text.is_ok_and(|text| self.scrub.names(&text)).then_some(id);
        let incidents = world.incidents.incidents.values().filter_map(|one| tells(one.id.to_string(), serde_json::to_value(one)));
        let problems = world.problems.problems.values().filter_map(|one| tells(one.id.to_string(), serde_json::to_value(one)));
        let told_by: Vec<String> = incidents.chain(problems).collect();
        self.told_by.extend(told_by);
        self.learn_attachments(world);
    }

    /// Takes in which incidents and problems are about it, and what is attached to them.
    fn learn_attachments(&mut self, world: &World) {
        for incident in world.incidents.incidents.values().filter(|incident| self.told_by.contains(&incident.id.to_string())) {
            if self.is_about_incident(incident) {
                self.about.insert(incident.id.to_string());
            }
        }
        for problem in world.problems.problems.values().filter(|problem| self.told_by.contains(&problem.id.to_string())) {
            if self.is_about_problem(problem) {
                self.about.insert(problem.id.to_string());
            }
        }
        for (subject, attachments) in attached_to(world) {
            self.attached.extend(attachments.iter().map(|attachment| (subject.clone(), attachment.hash)));
        }
    }

    fn is_about_incident(&self, incident: &Incident) -> bool {
        incident.primary_ci.is_some_and(|ci| self.cis.contains(&ci)) || self.is_about(serde_json::to_value(incident))
    }

    fn is_about_problem(&self, problem: &Problem) -> bool {
        self.is_about(serde_json::to_value(problem))
    }

    /// Whether nothing would be left of it.
    fn is_about(&self, value: Result<serde_json::Value, serde_json::Error>) -> bool {
        value.is_ok_and(|mut value| self.scrub.scrub(&mut value, scrub::Words::None) == Verdict::About)
    }

    /// Attachments that go, and those that stay although they are of what tells of it.
    fn attachments_in<'a>(&self, world: &'a World) -> (Vec<&'a Attachment>, Vec<&'a Attachment>) {
        let (mut about, mut elsewhere) = (Vec::new(), Vec::new());
        for (subject, attachments) in attached_to(world).filter(|(subject, _)| self.told_by.contains(subject)) {
            let place = if self.about.contains(&subject) { &mut about } else { &mut elsewhere };
            place.extend(attachments);
        }
        (about, elsewhere)
    }

    /// Contents of attachments that go. Others may have the same.
    #[must_use]
    pub fn attachments(&self) -> BTreeSet<ContentHash> {
        self.attached.iter().filter(|(subject, _)| self.about.contains(subject)).map(|(_, hash)| *hash).collect()
    }

    /// Work of people that is about the item: what is left of it would make no sense.
    fn tasks(&self, world: &World) -> Vec<String> {
        let names = |text: Result<serde_json::Value, serde_json::Error>| text.is_ok_and(|text| self.scrub.names(&text));
        let reviews = world.cmdb.reviews.values().filter(|task| names(serde_json::to_value(task))).map(|task| task.id.to_string());
        let letters =
            world.cmdb.dead_letters.values().filter(|letter| names(serde_json::to_value(letter))).map(|letter| letter.id.to_string());
        let parked = world.cmdb.parking.by_id().values().filter(|parked| names(serde_json::to_value(parked)));
        reviews.chain(letters).chain(parked.map(|parked| parked.id.to_string())).collect()
    }

    fn learn_item(&mut self, ci: &Ci) {
        self.scrub.common.insert(ci.name.clone());
        ci.key.iter().filter(|_| ci.parent.is_none()).for_each(|key| self.scrub.learn(key));
        let sections = ci.sections.values().chain(ci.feeds.values().flat_map(|sections| sections.values()));
        for state in sections {
            self.contents.extend(state.hash.iter().chain(&state.partial).chain(state.history.iter().map(|(_, hash)| hash)).copied());
        }
        for (name, attribute) in ci.attributes.iter() {
            self.learn_attribute(name, attribute);
        }
    }

    fn learn_attribute(&mut self, name: &str, attribute: &Attribute) {
        if !IDENTIFYING.contains(&name) {
            return;
        }
        let locked = attribute.lock().map(|lock| &lock.value);
        for value in attribute.proposals().iter().map(|proposal| proposal.value()).chain(locked) {
            self.learn_value(name, value);
        }
    }

    fn learn_value(&mut self, name: &str, value: &AttributeValue) {
        let texts = match value {
            AttributeValue::Text(text) => vec![text.clone()],
            AttributeValue::List(texts) => texts.clone(),
            AttributeValue::Boolean(_) | AttributeValue::Integer(_) | AttributeValue::Number(_) => Vec::new(),
        };
        for text in texts {
            if COMMON.contains(&name) {
                self.scrub.common.insert(text);
            } else {
                self.scrub.learn(&text);
            }
        }
    }

    /// Takes in what an earlier record says of the item: what it was called and had once, whom that was told.
    pub fn learn(&mut self, record: &Record) {
        match &record.event {
            Event::Ci(event) => self.learn_event(event),
            Event::Trust(TrustEvent::CollectorPlaced { voice, collector }) if self.cis.contains(&collector.ci) => {
                self.agents.insert(*voice);
                self.scrub.ids.insert(voice.to_string());
                self.scrub.learn(&collector.key);
            }
            Event::Alert(crate::alert::AlertEvent::AlertTransitioned { alert, key, .. }) if self.cis.contains(&key.ci) => {
                self.scrub.ids.insert(alert.to_string());
                self.told_by.insert(alert.to_string());
            }
            Event::Incident(event) => self.learn_incident(event),
            Event::Problem(event) => self.learn_problem(event),
            _ => {}
        }
        self.scrub.settle();
    }

    fn learn_incident(&mut self, event: &IncidentEvent) {
        match event {
            IncidentEvent::IncidentOpened { incident } if serde_json::to_value(incident).is_ok_and(|text| self.scrub.names(&text)) => {
                self.told_by.insert(incident.id.to_string());
                if self.is_about_incident(incident) {
                    self.about.insert(incident.id.to_string());
                }
            }
            IncidentEvent::IncidentEdited { incident, fields, .. } if fields.primary_ci.is_some_and(|ci| self.cis.contains(&ci)) => {
                self.told_by.insert(incident.to_string());
                self.about.insert(incident.to_string());
            }
            IncidentEvent::IncidentEdited { incident, surroundings: Some(known), .. }
                if serde_json::to_value(known).is_ok_and(|text| self.scrub.names(&text)) =>
            {
                self.told_by.insert(incident.to_string());
            }
            IncidentEvent::AttachmentAdded { incident, attachment } => {
                self.attached.insert((incident.to_string(), attachment.hash));
            }
            _ => {}
        }
    }

    fn learn_problem(&mut self, event: &ProblemEvent) {
        match event {
            ProblemEvent::ProblemOpened { problem } if self.is_about_problem(problem) => {
                self.told_by.insert(problem.id.to_string());
                self.about.insert(problem.id.to_string());
            }
            ProblemEvent::ProblemAttachmentAdded { problem, attachment } => {
                self.attached.insert((problem.to_string(), attachment.hash));
            }
            _ => {}
        }
    }

    fn learn_event(&mut self, event: &CiEvent) {
        match event {
            CiEvent::CiCreated { ci, name, .. } if self.cis.contains(ci) => drop(self.scrub.common.insert(name.clone())),
            CiEvent::CiRenamed { ci, before, after } if self.cis.contains(ci) => {
                self.scrub.common.extend([before.clone(), after.clone()]);
            }
            CiEvent::AttributesChanged { ci, changes } if self.cis.contains(ci) => {
                for change in changes {
                    change.after.iter().for_each(|attribute| self.learn_attribute(&change.name, attribute));
                }
            }
            CiEvent::SectionChanged { ci, before, after, .. } if self.cis.contains(ci) => self.contents.extend(before.iter().chain(after)),
            CiEvent::FeedIdentified { key, ci, .. } | CiEvent::FeedDelivered { key, ci, .. } if self.cis.contains(ci) => {
                self.scrub.learn(key);
            }
            CiEvent::ReportParked { parked } if serde_json::to_value(parked).is_ok_and(|text| self.scrub.names(&text)) => {
                self.scrub.ids.insert(parked.id.to_string());
                self.contents.extend(parked.report.sections.iter().filter_map(|entry| entry.hash));
            }
            _ => {}
        }
    }

    /// What is left of a record.
    #[must_use]
    pub fn redact(&self, record: &Record) -> Redaction {
        // Most records do not name it in any way: the text tells that faster than its parts.
        if !serde_json::to_string(record).is_ok_and(|text| self.occurs_in(&text)) {
            return Redaction::Kept;
        }
        if attachment_of(&record.event).is_some_and(|subject| self.about.contains(&subject)) {
            return Redaction::Erased;
        }
        let Ok(mut value) = serde_json::to_value(record) else { return Redaction::Kept };
        let before = value.clone();
        self.anonymise(record, &mut value);
        let tells = self.told_by.iter().any(|id| scrub::mentions(&before, id));
        // What another item is called and has is its own, even where two of them say the same.
        let is_of_another = matches!(&record.event, Event::Ci(CiEvent::AttributesChanged { ci, .. } | CiEvent::CiCreated { ci, .. } | CiEvent::AttributeLocked { ci, .. }) if !self.cis.contains(ci));
        let words = match (tells, is_of_another) {
            (_, true) => scrub::Words::None,
            (true, false) => scrub::Words::All,
            (false, false) => scrub::Words::Distinct,
        };
        if self.scrub.scrub(&mut value, words) == Verdict::About {
            return Redaction::Erased;
        }
        if value == before {
            return Redaction::Kept;
        }
        serde_json::from_value(value).map_or(Redaction::Erased, |record| Redaction::Rewritten(Box::new(record)))
    }

    fn occurs_in(&self, json: &str) -> bool {
        let json = json.to_lowercase();
        let is_there = |word: &String| json.contains(&scrub::in_json(word));
        self.told_by.iter().chain(&self.scrub.ids).chain(&self.scrub.words).any(is_there)
    }

    /// An agent that is no more may have found out what others know as well.
    fn anonymise(&self, record: &Record, value: &mut serde_json::Value) {
        if matches!(&record.actor, Actor::Agent { id } if self.agents.contains(id)) {
            value["actor"] = serde_json::json!({"kind": "feed", "name": scrub::ERASED_SOURCE});
        }
    }
}

/// Incidents and problems that have attachments, with these.
fn attached_to(world: &World) -> impl Iterator<Item = (String, &Vec<Attachment>)> {
    let incidents = world.incidents.incidents.values().filter(|incident| !incident.attachments.is_empty());
    let problems = world.problems.problems.values().filter(|problem| !problem.attachments.is_empty());
    let incidents = incidents.map(|incident| (incident.id.to_string(), &incident.attachments));
    incidents.chain(problems.map(|problem| (problem.id.to_string(), &problem.attachments)))
}

/// The incident or problem to which an event attaches something, or from which it takes something away.
fn attachment_of(event: &Event) -> Option<String> {
    match event {
        Event::Incident(IncidentEvent::AttachmentAdded { incident, .. } | IncidentEvent::AttachmentRemoved { incident, .. }) => {
            Some(incident.to_string())
        }
        Event::Problem(ProblemEvent::ProblemAttachmentAdded { problem, .. } | ProblemEvent::ProblemAttachmentRemoved { problem, .. }) => {
            Some(problem.to_string())
        }
        _ => None,
    }
}

/// The empty record that takes the place of one that was about an erased item.
#[must_use]
pub fn emptied(record: &Record, by: u64) -> Record {
    let event = Event::Ci(CiEvent::RecordErased { by });
    Record { revision: record.revision, at: record.at, actor: Actor::System, request_id: None, idempotency_key: None, event }
}

#[cfg(test)]
mod tests;
