//! What incidents remember. Total: what refers to something unknown changes nothing.

use super::{
    Fields, HoldReason, Incident, IncidentEvent, IncidentState, Incidents, Note, Party, Step, Surroundings, description, ending, storm,
};
use crate::actor::Actor;
use crate::ci::Class;
use crate::id::{AlertId, CiId, IncidentId};
use crate::records::Records;
use crate::{Record, World};
use rollcall_shared::Timestamp;

/// Notes that the machine adds to one incident; what it would say after that stays in the log.
const MACHINE_NOTES: usize = 500;

/// Remembers an event; links alerts to their incidents.
pub fn apply(world: &mut World, record: &Record, event: &IncidentEvent) {
    match event {
        IncidentEvent::IncidentOpened { incident } => open(world, record, incident),
        IncidentEvent::AssignmentRuleSet { rule } => world.incidents.assignment.set(record, rule),
        IncidentEvent::AssignmentRuleDeleted { rule } => world.incidents.assignment.delete(*rule),
        IncidentEvent::IncidentMerged { incident, into } => merge(world, record, *incident, *into),
        IncidentEvent::IncidentParentChanged { incident, before, after } => {
            alter(world, record, *incident, |incident| incident.parent = *after);
            before.iter().for_each(|parent| leave(world, record, *parent, *incident));
            after.iter().for_each(|parent| join(world, record, *parent, &[*incident]));
        }
        IncidentEvent::IncidentsRolledUp { incident: parent, children } => {
            for child in children {
                alter(world, record, *child, |incident| incident.parent = Some(*parent));
            }
            join(world, record, *parent, children);
        }
        _ => {
            if let Some(id) = id(event) {
                alter(world, record, id, |incident| change(incident, record, event));
            }
        }
    }
}

/// What the indexes depend on.
#[derive(PartialEq)]
struct Indexed {
    state: IncidentState,
    resolved_at: Option<Timestamp>,
    primary_ci: Option<CiId>,
    keys: Vec<String>,
}

impl Indexed {
    fn of(incident: &Incident) -> Self {
        let resolved_at = incident.resolved.as_ref().map(|(at, _)| *at);
        let Incident { state, primary_ci, .. } = *incident;
        Self { state, resolved_at, primary_ci, keys: incident.keys().cloned().collect() }
    }
}

/// Changes one incident and what depends on it.
fn alter(world: &mut World, record: &Record, id: IncidentId, change: impl FnOnce(&mut Incident)) {
    let Some(incident) = world.incidents.incidents.get_mut(&id) else { return };
    let before = Indexed::of(incident);
    change(incident);
    incident.updated_at = record.at;
    incident.revision = record.revision;
    incident.history.push(record.revision);
    let now = Indexed::of(incident);
    if now == before {
        return;
    }
    let class = class_of(world, now.primary_ci);
    world.incidents.reindex(id, &before, &now);
    world.incidents.resettle(id, (before.state, now.state), class);
}

fn class_of(world: &World, ci: Option<CiId>) -> Option<Class> {
    ci.and_then(|ci| world.cmdb.cis.get(&ci)).map(|ci| ci.class)
}

impl Incidents {
    fn reindex(&mut self, id: IncidentId, before: &Indexed, now: &Indexed) {
        if let (IncidentState::Resolved, Some(at)) = (before.state, before.resolved_at) {
            self.resolved.remove(&(at, id));
        }
        if let (IncidentState::Resolved, Some(at)) = (now.state, now.resolved_at) {
            self.resolved.insert((at, id));
        }
        if before.primary_ci != now.primary_ci {
            if let Some(ids) = before.primary_ci.and_then(|ci| self.by_ci.get_mut(&ci)) {
                ids.retain(|other| *other != id);
            }
            if let Some(ci) = now.primary_ci {
                self.by_ci.entry(ci).or_default().push(id);
            }
        }
        if let Some(ids) = before.primary_ci.and_then(|ci| self.open.get_mut(&ci)) {
            ids.remove(&id);
        }
        if let Some(ci) = now.primary_ci.filter(|_| now.state.is_open()) {
            self.open.entry(ci).or_default().insert(id);
        }
        if let Some(ci) = before.primary_ci.filter(|ci| self.open.get(ci).is_some_and(std::collections::BTreeSet::is_empty)) {
            self.open.remove(&ci);
        }
        for key in &before.keys {
            if self.live.get(key) == Some(&id) {
                self.live.remove(key);
            }
        }
        if now.state.is_open() {
            self.live.extend(now.keys.iter().map(|key| (key.clone(), id)));
        }
    }

    /// Counts the open children of its parent, and keeps how it was resolved for those to come.
    fn resettle(&mut self, id: IncidentId, (before, now): (IncidentState, IncidentState), class: Option<Class>) {
        if before == now {
            return;
        }
        let Some(incident) = self.incidents.get(&id) else { return };
        if now == IncidentState::Resolved {
            self.solved.add(incident, class);
        } else if before == IncidentState::Resolved && now.is_open() {
            self.solved.remove(incident);
        }
        let Some(parent) = incident.parent.and_then(|parent| self.incidents.get_mut(&parent)) else { return };
        match (before.is_open(), now.is_open()) {
            (true, false) => parent.open_children = parent.open_children.saturating_sub(1),
            (false, true) => parent.open_children = parent.open_children.saturating_add(1),
            _ => {}
        }
    }
}

fn open(world: &mut World, record: &Record, incident: &Incident) {
    let course = vec![Step { at: record.at, state: incident.state, hold_reason: incident.hold_reason }];
    let incident = Incident { revision: record.revision, history: vec![record.revision], course, ..incident.clone() };
    if let Some(alert) = incident.breach.as_ref().and_then(|breach| world.alerts.alerts.get_mut(&breach.alert)) {
        alert.incident = Some(incident.id);
    }
    if let Some(alert) = incident.dedup_key.as_ref().and_then(|key| world.alerts.external.alerts.get_mut(key)) {
        alert.incident = Some(incident.id);
    }
    let (id, parent) = (incident.id, incident.parent);
    let alarm = storm::alarm(world, &incident).filter(|_| parent.is_none());
    let incidents = &mut world.incidents;
    incidents.count = incidents.count.max(incident.number);
    incidents.numbers.insert(incident.number, id);
    if let Some(alarm) = alarm {
        storm::note(incidents, alarm, record.at, id);
    }
    world.problems.watch.note(&incident);
    let nothing = Indexed { state: IncidentState::Cancelled, resolved_at: None, primary_ci: None, keys: Vec::new() };
    incidents.reindex(id, &nothing, &Indexed::of(&incident));
    if let Some(earlier) = incident.follows.and_then(|earlier| incidents.incidents.get_mut(&earlier)) {
        earlier.followed_by.push(id);
    }
    incidents.incidents.insert(id, incident);
    if let Some(parent) = parent {
        join(world, record, parent, &[id]);
    }
}

/// What an incident that takes in another one must know of it.
type Child = (IncidentId, bool, Option<CiId>);

fn children_of(incidents: &Records<IncidentId, Incident>, children: &[IncidentId]) -> Vec<Child> {
    let known = children.iter().filter_map(|id| incidents.get(id));
    known.map(|one| (one.id, one.state.is_open(), one.primary_ci)).collect()
}

fn join(world: &mut World, record: &Record, parent: IncidentId, children: &[IncidentId]) {
    let joined = children_of(&world.incidents.incidents, children);
    alter(world, record, parent, |incident| take_in(incident, record, joined));
}

/// Children become part of an incident; one that stands for a storm affects what they affect, and says so.
fn take_in(incident: &mut Incident, record: &Record, joined: Vec<Child>) {
    for (child, is_open, ci) in joined {
        incident.children.push(child);
        incident.open_children = incident.open_children.saturating_add(u32::from(is_open));
        if let Some(ci) = ci.filter(|ci| incident.storm.is_some() && !incident.affected_cis.contains(ci)) {
            incident.affected_cis.push(ci);
        }
    }
    let (items, parts) = (incident.affected_cis.len(), incident.children.len());
    if let Some(storm) = &mut incident.storm {
        storm.latest_at = record.at;
        incident.title = storm::title(storm, items, parts);
    }
}

fn leave(world: &mut World, record: &Record, parent: IncidentId, child: IncidentId) {
    let was_open = world.incidents.incidents.get(&child).is_some_and(|child| child.state.is_open());
    alter(world, record, parent, |incident| {
        incident.children.retain(|other| *other != child);
        incident.open_children = incident.open_children.saturating_sub(u32::from(was_open));
    });
}

/// The duplicate closes; what it had goes on in the other one.
fn merge(world: &mut World, record: &Record, duplicate: IncidentId, into: IncidentId) {
    if !world.incidents.incidents.contains_key(&into) {
        return;
    }
    let Some(gone) = world.incidents.incidents.get(&duplicate).cloned() else { return };
    alter(world, record, duplicate, |incident| end_as_duplicate(incident, record, into));
    for id in &gone.alerts {
        if let Some(alert) = world.alerts.alerts.get_mut(id).filter(|alert| alert.incident == Some(duplicate)) {
            alert.incident = Some(into);
        }
        world.alerts.external.merged(*id, (duplicate, into));
    }
    alter(world, record, into, |incident| take_over(incident, &gone));
}

fn end_as_duplicate(incident: &mut Incident, record: &Record, into: IncidentId) {
    incident.duplicate_of = Some(into);
    incident.close_code = Some(super::decide::DUPLICATE.to_owned());
    incident.closed = Some((record.at, record.actor.clone()));
    step(incident, record.at, (IncidentState::Closed, None));
}

fn take_over(incident: &mut Incident, gone: &Incident) {
    incident.merged.push(gone.id);
    incident.merged_keys.extend(gone.keys().cloned());
    incident.service = incident.service.or(gone.service);
    gone.alerts.iter().for_each(|alert| attach(incident, *alert, None));
    gone.primary_ci.iter().chain(&gone.affected_cis).for_each(|ci| affect(incident, *ci));
    gone.watchers.iter().chain(Some(&gone.caller).filter(|caller| can_watch(caller))).for_each(|who| watch(incident, who));
}

/// What a record of its history makes of an incident where only that one is folded: of others that the record names, `others` are as they
/// are by now. How many children are open, and what is found by indexes, is not remembered.
pub(super) fn alone(incident: &mut Incident, record: &Record, event: &IncidentEvent, others: &Records<IncidentId, Incident>) {
    let own = incident.id;
    match event {
        IncidentEvent::IncidentOpened { incident: child } => take_in(incident, record, children_of(others, &[child.id])),
        IncidentEvent::IncidentMerged { incident: duplicate, into } if *duplicate == own => end_as_duplicate(incident, record, *into),
        IncidentEvent::IncidentMerged { incident: duplicate, .. } => {
            others.get(duplicate).into_iter().for_each(|gone| take_over(incident, gone));
        }
        IncidentEvent::IncidentParentChanged { incident: child, after, .. } if *child == own => incident.parent = *after,
        IncidentEvent::IncidentParentChanged { incident: child, before, .. } if *before == Some(own) => {
            incident.children.retain(|other| other != child);
        }
        IncidentEvent::IncidentParentChanged { incident: child, .. } => take_in(incident, record, children_of(others, &[*child])),
        IncidentEvent::IncidentsRolledUp { incident: parent, children } if *parent == own => {
            take_in(incident, record, children_of(others, children));
        }
        IncidentEvent::IncidentsRolledUp { incident: parent, .. } => incident.parent = Some(*parent),
        _ => change(incident, record, event),
    }
}

/// Machines do not want to know, and who is but a name cannot be told.
fn can_watch(party: &Party) -> bool {
    matches!(party, Party::Contact { .. } | Party::Actor { actor: Actor::Token { .. } | Actor::Local })
}

fn watch(incident: &mut Incident, watcher: &Party) {
    if !incident.watchers.iter().any(|other| other.is_same(watcher)) {
        incident.watchers.push(watcher.clone());
    }
}

/// Which incident an event is about; none when it is about who gets incidents.
#[must_use]
pub fn id(event: &IncidentEvent) -> Option<IncidentId> {
    match event {
        IncidentEvent::IncidentOpened { incident } => Some(incident.id),
        IncidentEvent::IncidentStateChanged { incident, .. }
        | IncidentEvent::IncidentAcknowledged { incident }
        | IncidentEvent::IncidentAssigned { incident, .. }
        | IncidentEvent::IncidentPrioritised { incident, .. }
        | IncidentEvent::IncidentUpdated { incident, .. }
        | IncidentEvent::IncidentNoted { incident, .. }
        | IncidentEvent::AlertAttached { incident, .. }
        | IncidentEvent::AlertJoined { incident, .. }
        | IncidentEvent::IncidentUnlinked { incident, .. }
        | IncidentEvent::IncidentEdited { incident, .. }
        | IncidentEvent::IncidentParentChanged { incident, .. }
        | IncidentEvent::IncidentsRolledUp { incident, .. }
        | IncidentEvent::IncidentMerged { incident, .. }
        | IncidentEvent::WatcherAdded { incident, .. }
        | IncidentEvent::WatcherRemoved { incident, .. }
        | IncidentEvent::AttachmentAdded { incident, .. }
        | IncidentEvent::AttachmentRemoved { incident, .. }
        | IncidentEvent::IncidentLinked { incident, .. } => Some(*incident),
        IncidentEvent::AssignmentRuleSet { .. } | IncidentEvent::AssignmentRuleDeleted { .. } => None,
    }
}

fn change(incident: &mut Incident, record: &Record, event: &IncidentEvent) {
    match event {
        IncidentEvent::IncidentStateChanged { .. } => change_state(incident, record, event),
        IncidentEvent::IncidentAcknowledged { .. } => incident.acknowledged = Some((record.at, record.actor.clone())),
        IncidentEvent::IncidentAssigned { group, assignee, .. } => {
            let had = incident.group.is_some() || incident.assignee.is_some();
            if had && (incident.group != *group || incident.assignee != *assignee) {
                incident.reassignment_count = incident.reassignment_count.saturating_add(1);
            }
            incident.group.clone_from(group);
            incident.assignee.clone_from(assignee);
        }
        IncidentEvent::IncidentPrioritised { impact, urgency, priority, reason, by_hand, .. } => {
            if incident.impact != *impact {
                incident.impact_reason.clone_from(reason);
            }
            (incident.impact, incident.urgency, incident.priority) = (*impact, *urgency, *priority);
            if *by_hand {
                incident.graded_by_hand = true;
                incident.impact_reason.clone_from(reason);
                note(incident, record, &format!("Priority {priority}: {reason}"), false);
            }
        }
        IncidentEvent::IncidentUpdated { severity, value, reason, flapped, measured, title, measured_at, .. } => {
            let worse_or_better = incident.breach.as_ref().is_none_or(|breach| breach.severity != *severity);
            if let Some(breach) = &mut incident.breach {
                (breach.severity, breach.value) = (*severity, *value);
                let now = measured.as_deref().zip(*measured_at);
                let described = now.and_then(|now| description::measured_again(&incident.description, &breach.reason, now));
                described.into_iter().for_each(|described| incident.description = described);
                measured.iter().for_each(|measured| breach.reason.clone_from(measured));
            }
            title.iter().for_each(|title| incident.title.clone_from(title));
            if *flapped {
                incident.flap_count = incident.flap_count.saturating_add(1);
            }
            // A flap of the same severity moves the counter and adds no note.
            if worse_or_better || !flapped {
                note(incident, record, reason, false);
            }
        }
        IncidentEvent::IncidentNoted { text, public, .. } => note(incident, record, text, *public),
        IncidentEvent::AlertJoined { alert, key, reason, .. } => {
            attach(incident, *alert, None);
            if incident.keys().all(|known| known != key) {
                incident.merged_keys.push(key.clone());
            }
            note(incident, record, reason, false);
        }
        IncidentEvent::AlertAttached { alert, ci, .. } => attach(incident, *alert, Some(*ci)),
        IncidentEvent::IncidentUnlinked { problem, .. } => incident.problem = incident.problem.filter(|known| known != problem),
        IncidentEvent::IncidentLinked { problem, .. } => incident.problem = Some(*problem),
        IncidentEvent::IncidentEdited { fields, surroundings, .. } => {
            edit(incident, fields);
            surroundings.iter().for_each(|surroundings| surround(incident, surroundings));
        }
        IncidentEvent::WatcherAdded { watcher, .. } => watch(incident, watcher),
        IncidentEvent::WatcherRemoved { watcher, .. } => incident.watchers.retain(|other| !other.is_same(watcher)),
        IncidentEvent::AttachmentAdded { attachment, .. } => incident.attachments.push(attachment.clone()),
        IncidentEvent::AttachmentRemoved { attachment, .. } => incident.attachments.retain(|other| other.id != *attachment),
        // These change more than one incident: see `apply`.
        IncidentEvent::IncidentOpened { .. }
        | IncidentEvent::IncidentParentChanged { .. }
        | IncidentEvent::IncidentsRolledUp { .. }
        | IncidentEvent::IncidentMerged { .. }
        | IncidentEvent::AssignmentRuleSet { .. }
        | IncidentEvent::AssignmentRuleDeleted { .. } => {}
    }
}

/// Takes over what people edited.
pub(super) fn edit(incident: &mut Incident, fields: &Fields) {
    let Fields { title, description, primary_ci, affected_cis, service, category, channel, caller, change, caused_by_change, knowledge } =
        fields.clone();
    incident.titled_by_hand |= incident.title != title;
    if incident.service != service {
        incident.service_by_hand = service.is_some();
    }
    (incident.title, incident.description, incident.primary_ci) = (title, description, primary_ci);
    (incident.affected_cis, incident.service, incident.category) = (affected_cis, service, category);
    (incident.channel, incident.caller, incident.knowledge) = (channel, caller, knowledge);
    (incident.change, incident.caused_by_change) = (change, caused_by_change);
}

/// Says of another item what is known of it.
fn surround(incident: &mut Incident, surroundings: &Surroundings) {
    let known = surroundings.clone();
    (incident.impact, incident.impact_reason, incident.priority) = (known.impact, known.impact_reason, known.priority);
    (incident.reach, incident.reaches_further) = (known.reach, known.reaches_further);
    (incident.service_by_hand, incident.suggested_group) = (known.service_by_hand, known.suggested_group);
    (incident.recent_changes, incident.related) = (known.recent_changes, known.related);
    (incident.similar, incident.known_errors) = (known.similar, known.known_errors);
}

/// Comes to a state, and remembers when.
fn step(incident: &mut Incident, at: Timestamp, (state, hold_reason): (IncidentState, Option<HoldReason>)) {
    (incident.state, incident.hold_reason) = (state, hold_reason);
    incident.course.push(Step { at, state, hold_reason });
}

/// What is attached needs no note each: a switch may have hundreds of hosts behind it.
fn attach(incident: &mut Incident, alert: AlertId, ci: Option<CiId>) {
    if !incident.alerts.contains(&alert) {
        incident.alerts.push(alert);
    }
    ci.iter().for_each(|ci| affect(incident, *ci));
}

fn affect(incident: &mut Incident, ci: CiId) {
    if incident.primary_ci != Some(ci) && !incident.affected_cis.contains(&ci) {
        incident.affected_cis.push(ci);
    }
}

fn change_state(incident: &mut Incident, record: &Record, event: &IncidentEvent) {
    let IncidentEvent::IncidentStateChanged { after, hold_reason, close_code, notes, .. } = event else { return };
    let reopened = !incident.state.is_open() && after.is_open();
    step(incident, record.at, (*after, *hold_reason));
    if reopened {
        incident.reopen_count = incident.reopen_count.saturating_add(1);
        (incident.resolved, incident.close_code, incident.close_notes) = (None, None, None);
    }
    match after {
        IncidentState::Resolved => {
            let machine = close_code.as_deref().is_some_and(ending::is_of_machine);
            let by = if machine { voice(incident, record) } else { record.actor.clone() };
            incident.resolved = Some((record.at, by));
            incident.close_code.clone_from(close_code);
            incident.close_notes.clone_from(notes);
        }
        IncidentState::Closed => incident.closed = Some((record.at, record.actor.clone())),
        IncidentState::New | IncidentState::Assigned | IncidentState::InProgress | IncidentState::OnHold | IncidentState::Cancelled => {}
    }
    if let Some(notes) = notes.as_ref().filter(|_| *after != IncidentState::Resolved) {
        note(incident, record, notes, false);
    }
}

fn note(incident: &mut Incident, record: &Record, text: &str, public: bool) {
    let by = voice(incident, record);
    if matches!(by, Actor::Rule { .. }) && incident.notes.len() >= MACHINE_NOTES {
        return;
    }
    incident.notes.push(Note { at: record.at, by, text: text.to_owned(), public });
}

/// Who speaks: what follows from a push or a tick is the rule's doing, not that of the agent that brought the sample.
pub(super) fn voice(incident: &Incident, record: &Record) -> Actor {
    match (&record.actor, incident.rule()) {
        (Actor::Agent { .. } | Actor::System, Some(rule)) => Actor::Rule { id: rule.clone() },
        (actor, _) => actor.clone(),
    }
}
