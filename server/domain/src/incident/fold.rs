//! What incidents remember. Total: what refers to something unknown changes nothing.

use super::react::{NOT_JUDGED, RECOVERED};
use super::{Incident, IncidentEvent, IncidentState, Incidents, Note, RecentChange};
use crate::actor::Actor;
use crate::ci::{AttributeChange, AttributeValue, CiEvent, Cmdb, PackageChange, PackageChangeKind};
use crate::id::{AlertId, CiId, IncidentId};
use crate::{Record, World};
use rollcall_shared::SectionName;

/// Changes remembered of each CI: what a person reads before looking at the whole history.
pub const CHANGES: usize = 20;

/// Notes that the machine adds to one incident; what it would say after that stays in the log.
const MACHINE_NOTES: usize = 500;

/// Changes named in one summary.
const NAMED: usize = 3;

/// Remembers an event; links alerts to their incidents.
pub fn apply(world: &mut World, record: &Record, event: &IncidentEvent) {
    if let IncidentEvent::IncidentOpened { incident } = event {
        open(world, record, incident);
        return;
    }
    let incidents = &mut world.incidents;
    let Some(incident) = incidents.incidents.get_mut(&id(event)) else { return };
    let before = (incident.state, incident.resolved.as_ref().map(|(at, _)| *at));
    change(incident, record, event);
    incident.updated_at = record.at;
    incident.revision = record.revision;
    incident.history.push(record.revision);
    let incident = incident.clone_index();
    incidents.reindex(before, incident);
}

/// What the indexes depend on.
struct Indexed {
    id: IncidentId,
    state: IncidentState,
    resolved_at: Option<rollcall_shared::Timestamp>,
    dedup_key: Option<String>,
}

impl Incident {
    fn clone_index(&self) -> Indexed {
        let resolved_at = self.resolved.as_ref().map(|(at, _)| *at);
        Indexed { id: self.id, state: self.state, resolved_at, dedup_key: self.dedup_key.clone() }
    }
}

impl Incidents {
    fn reindex(&mut self, before: (IncidentState, Option<rollcall_shared::Timestamp>), now: Indexed) {
        if let (IncidentState::Resolved, Some(at)) = before {
            self.resolved.remove(&(at, now.id));
        }
        if let (IncidentState::Resolved, Some(at)) = (now.state, now.resolved_at) {
            self.resolved.insert((at, now.id));
        }
        let Some(key) = now.dedup_key else { return };
        if now.state.is_open() {
            self.live.insert(key, now.id);
        } else if self.live.get(&key) == Some(&now.id) {
            self.live.remove(&key);
        }
    }
}

fn open(world: &mut World, record: &Record, incident: &Incident) {
    let incident = Incident { revision: record.revision, history: vec![record.revision], ..incident.clone() };
    if let Some(alert) = incident.breach.as_ref().and_then(|breach| world.alerts.alerts.get_mut(&breach.alert)) {
        alert.incident = Some(incident.id);
    }
    let incidents = &mut world.incidents;
    incidents.count = incidents.count.max(incident.number);
    if let Some(ci) = incident.primary_ci {
        incidents.by_ci.entry(ci).or_default().push(incident.id);
    }
    incidents.reindex((IncidentState::New, None), incident.clone_index());
    incidents.incidents.insert(incident.id, incident);
}

/// Which incident an event is about.
#[must_use]
pub fn id(event: &IncidentEvent) -> IncidentId {
    match event {
        IncidentEvent::IncidentOpened { incident } => incident.id,
        IncidentEvent::IncidentStateChanged { incident, .. }
        | IncidentEvent::IncidentAcknowledged { incident }
        | IncidentEvent::IncidentAssigned { incident, .. }
        | IncidentEvent::IncidentPrioritised { incident, .. }
        | IncidentEvent::IncidentUpdated { incident, .. }
        | IncidentEvent::IncidentNoted { incident, .. }
        | IncidentEvent::AlertAttached { incident, .. }
        | IncidentEvent::IncidentUnlinked { incident, .. }
        | IncidentEvent::IncidentLinked { incident, .. } => *incident,
    }
}

fn change(incident: &mut Incident, record: &Record, event: &IncidentEvent) {
    match event {
        IncidentEvent::IncidentOpened { .. } => {}
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
        IncidentEvent::IncidentPrioritised { impact, urgency, priority, .. } => {
            (incident.impact, incident.urgency, incident.priority) = (*impact, *urgency, *priority);
        }
        IncidentEvent::IncidentUpdated { severity, value, reason, flapped, .. } => {
            let worse_or_better = incident.breach.as_ref().is_none_or(|breach| breach.severity != *severity);
            if let Some(breach) = &mut incident.breach {
                (breach.severity, breach.value) = (*severity, *value);
            }
            if *flapped {
                incident.flap_count = incident.flap_count.saturating_add(1);
            }
            // A flap of the same severity moves the counter and adds no note.
            if worse_or_better || !flapped {
                note(incident, record, reason, false);
            }
        }
        IncidentEvent::IncidentNoted { text, public, .. } => note(incident, record, text, *public),
        IncidentEvent::AlertAttached { alert, ci, .. } => attach(incident, *alert, *ci),
        IncidentEvent::IncidentUnlinked { problem, .. } => incident.problem = incident.problem.filter(|known| known != problem),
        IncidentEvent::IncidentLinked { problem, .. } => incident.problem = Some(*problem),
    }
}

/// What is attached needs no note each: a switch may have hundreds of hosts behind it.
fn attach(incident: &mut Incident, alert: AlertId, ci: CiId) {
    if !incident.alerts.contains(&alert) {
        incident.alerts.push(alert);
    }
    if incident.primary_ci != Some(ci) && !incident.affected_cis.contains(&ci) {
        incident.affected_cis.push(ci);
    }
}

fn change_state(incident: &mut Incident, record: &Record, event: &IncidentEvent) {
    let IncidentEvent::IncidentStateChanged { after, hold_reason, close_code, notes, .. } = event else { return };
    let reopened = !incident.state.is_open() && after.is_open();
    incident.state = *after;
    incident.hold_reason = *hold_reason;
    if reopened {
        incident.reopen_count = incident.reopen_count.saturating_add(1);
        (incident.resolved, incident.close_code, incident.close_notes) = (None, None, None);
    }
    match after {
        IncidentState::Resolved => {
            let machine = matches!(close_code.as_deref(), Some(RECOVERED | NOT_JUDGED));
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
fn voice(incident: &Incident, record: &Record) -> Actor {
    match (&record.actor, &incident.breach) {
        (Actor::Agent { .. } | Actor::System, Some(breach)) => Actor::Rule { id: breach.key.rule.clone() },
        (actor, _) => actor.clone(),
    }
}

impl IncidentState {
    /// The name in JSON and in words.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::New => "new",
            Self::Assigned => "assigned",
            Self::InProgress => "in_progress",
            Self::OnHold => "on_hold",
            Self::Resolved => "resolved",
            Self::Closed => "closed",
            Self::Cancelled => "cancelled",
        }
    }
}

/// Remembers what changed on a CI, for the incidents to come. A first inventory is no change; processes and the series table
/// change all the time and explain nothing.
pub fn note_change(incidents: &mut Incidents, cmdb: &Cmdb, record: &Record, event: &CiEvent) {
    let Some((ci, summary)) = summary(event) else { return };
    if cmdb.cis.get(&ci).is_none_or(|ci| ci.created_at == record.at) {
        return;
    }
    let changes = incidents.changes.entry(ci).or_default();
    changes.push_back(RecentChange { revision: record.revision, at: record.at, summary });
    if changes.len() > CHANGES {
        changes.pop_front();
    }
}

fn summary(event: &CiEvent) -> Option<(CiId, String)> {
    match event {
        CiEvent::SoftwareChanged { ci, changes } if !changes.is_empty() => Some((*ci, named(changes, package))),
        CiEvent::AttributesChanged { ci, changes } if !changes.is_empty() => Some((*ci, named(changes, attribute))),
        CiEvent::AttributeLocked { ci, attribute, before, lock } => {
            Some((*ci, format!("{attribute} locked: {} → {}", shown(before.as_ref()), shown(Some(&lock.value)))))
        }
        CiEvent::AttributeUnlocked { ci, attribute, before, after, .. } => {
            Some((*ci, format!("{attribute} unlocked: {} → {}", shown(Some(before)), shown(after.as_ref()))))
        }
        CiEvent::SectionChanged { ci, section, before: Some(before), after: Some(after), added, removed, changed, .. }
            if before != after && tells_of_a_change(*section) =>
        {
            Some((*ci, format!("{section}: {added} added, {removed} removed, {changed} changed")))
        }
        CiEvent::CiReclassified { ci, before, after } => Some((*ci, format!("class {} → {}", before.as_str(), after.as_str()))),
        CiEvent::IdentityExplained { ci, reason, .. } => Some((*ci, super::compose::cut(reason, 200))),
        CiEvent::CiMoved { ci, .. } => Some((*ci, "moved to another host".into())),
        _ => None,
    }
}

/// Sections whose changes somebody made. What runs, who talks to whom and who logged in changes by itself; packages are told by name.
fn tells_of_a_change(section: SectionName) -> bool {
    use SectionName as S;
    !matches!(section, S::Processes | S::Connections | S::Logins | S::Series | S::Checks | S::Packages)
}

fn named<T>(changes: &[T], name: impl Fn(&T) -> String) -> String {
    let mut parts: Vec<String> = changes.iter().take(NAMED).map(|change| super::compose::cut(&name(change), 200)).collect();
    if changes.len() > NAMED {
        parts.push(format!("and {} more", changes.len() - NAMED));
    }
    parts.join(", ")
}

fn package(change: &PackageChange) -> String {
    match (&change.before, &change.after) {
        (Some(before), Some(after)) if change.kind == PackageChangeKind::Downgraded => {
            format!("{} {before} → {after} (a downgrade)", change.name)
        }
        (Some(before), Some(after)) => format!("{} {before} → {after}", change.name),
        (None, Some(after)) => format!("{} {after} installed", change.name),
        (Some(before), None) => format!("{} {before} removed", change.name),
        (None, None) => change.name.clone(),
    }
}

fn attribute(change: &AttributeChange) -> String {
    let after = change.after.as_ref().map(|attribute| attribute.value());
    format!("{} {} → {}", change.name, shown(change.before.as_ref()), shown(after))
}

fn shown(value: Option<&AttributeValue>) -> String {
    match value {
        None => "nothing".into(),
        Some(AttributeValue::Boolean(value)) => value.to_string(),
        Some(AttributeValue::Integer(value)) => value.to_string(),
        Some(AttributeValue::Number(value)) => value.to_string(),
        Some(AttributeValue::Text(value)) => super::compose::cut(value, 80),
        Some(AttributeValue::List(values)) => super::compose::cut(&values.join(", "), 80),
    }
}
