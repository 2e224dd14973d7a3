//! What changed an incident, record by record: who gave it to whom, when its priority moved and why, how it was resolved before it was
//! reopened.
//!
//! An incident is folded anew from its own records, by the functions that made it what it is. Invariant: behind the last of its records
//! stands what the state has.

use super::fold::{alone, voice};
use super::{Incident, IncidentEvent, IncidentState};
use crate::field_change::{FieldChange, FieldValue as V, Fields, Step, differences};
use crate::id::IncidentId;
use crate::records::Records;
use crate::{Event, Record};

/// What each of these records did to an incident, from a revision on. They are its history from the first to any later one, oldest first;
/// `others` are all incidents as they are by now.
#[must_use]
pub fn steps(id: IncidentId, records: &[Record], since: u64, others: &Records<IncidentId, Incident>) -> Vec<Step> {
    let mut steps = Vec::new();
    let mut now: Option<Incident> = None;
    let mut shown: Option<Fields> = None;
    for record in records {
        let Event::Incident(event) = &record.event else { continue };
        let is_told = record.revision >= since;
        if is_told && shown.is_none() {
            shown = now.as_ref().map(fields);
        }
        remember(&mut now, id, (record, event), others);
        if let Some(incident) = now.as_ref().filter(|_| is_told) {
            let after = fields(incident);
            let mut changes = differences(shown.take(), &after);
            changes.extend(noted(event));
            steps.push(Step { revision: record.revision, by: by(incident, record), reason: reason(event), changes });
            shown = Some(after);
        }
    }
    steps
}

fn remember(
    now: &mut Option<Incident>,
    id: IncidentId,
    (record, event): (&Record, &IncidentEvent),
    others: &Records<IncidentId, Incident>,
) {
    match (now, event) {
        (Some(incident), _) => alone(incident, record, event, others),
        (now, IncidentEvent::IncidentOpened { incident }) if incident.id == id => *now = Some((**incident).clone()),
        (None, _) => {}
    }
}

fn by(incident: &Incident, record: &Record) -> crate::Actor {
    match &record.event {
        Event::Incident(IncidentEvent::IncidentOpened { incident: opened }) if opened.id == incident.id => incident.opened_by.clone(),
        _ => voice(incident, record),
    }
}

/// Notes are many, and none of them ever changes.
fn noted(event: &IncidentEvent) -> Option<FieldChange> {
    let IncidentEvent::IncidentNoted { text, public, .. } = event else { return None };
    let note = V::Note { text: text.clone(), public: *public };
    Some(FieldChange { field: "notes", before: V::Several(Vec::new()), after: V::Several(vec![note]) })
}

/// Why, in words, where that is not among the fields.
fn reason(event: &IncidentEvent) -> Option<String> {
    match event {
        IncidentEvent::IncidentStateChanged { after: IncidentState::Resolved, .. } => None,
        IncidentEvent::IncidentStateChanged { notes, .. } => notes.clone(),
        IncidentEvent::IncidentPrioritised { reason, .. }
        | IncidentEvent::IncidentUpdated { reason, .. }
        | IncidentEvent::AlertAttached { reason, .. }
        | IncidentEvent::AlertJoined { reason, .. }
        | IncidentEvent::AttachmentRemoved { reason, .. } => Some(reason.clone()),
        _ => None,
    }
}

/// All that is told of an incident. What was looked up when it opened, such as similar incidents, is no change of it.
fn fields(incident: &Incident) -> Fields {
    let breach = incident.breach.as_ref();
    vec![
        ("title", V::Text(incident.title.clone())),
        ("description", V::Text(incident.description.clone())),
        ("state", V::word(Some(incident.state))),
        ("hold_reason", V::word(incident.hold_reason)),
        ("priority", V::Count(incident.priority.into())),
        ("impact", V::word(Some(incident.impact))),
        ("impact_reason", V::Text(incident.impact_reason.clone())),
        ("urgency", V::word(Some(incident.urgency))),
        ("graded_by_hand", V::Flag(incident.graded_by_hand)),
        ("severity", V::word(breach.map(|breach| breach.severity))),
        ("value", breach.and_then(|breach| breach.value).map_or(V::Nothing, V::Number)),
        ("group", V::text(incident.group.as_ref())),
        ("assignee", V::text(incident.assignee.as_ref())),
        ("acknowledged", V::stamp(incident.acknowledged.as_ref())),
        ("resolved", V::stamp(incident.resolved.as_ref())),
        ("close_code", V::text(incident.close_code.as_ref())),
        ("close_notes", V::text(incident.close_notes.as_ref())),
        ("closed", V::stamp(incident.closed.as_ref())),
        ("reopen_count", V::Count(incident.reopen_count.into())),
        ("flap_count", V::Count(incident.flap_count.into())),
        ("parent", incident.parent.map_or(V::Nothing, V::Incident)),
        ("children", V::several(&incident.children, |id| V::Incident(*id))),
        ("duplicate_of", incident.duplicate_of.map_or(V::Nothing, V::Incident)),
        ("merged", V::several(&incident.merged, |id| V::Incident(*id))),
        ("problem", incident.problem.map_or(V::Nothing, V::Problem)),
        ("change", V::text(incident.change.as_ref())),
        ("caused_by_change", V::text(incident.caused_by_change.as_ref())),
        ("primary_ci", incident.primary_ci.map_or(V::Nothing, V::Ci)),
        ("affected_cis", V::several(&incident.affected_cis, |ci| V::Ci(*ci))),
        ("service", incident.service.map_or(V::Nothing, V::Ci)),
        ("category", V::text(incident.category.as_ref())),
        ("channel", V::word(Some(incident.channel))),
        ("caller", V::Party(incident.caller.clone())),
        ("follows", incident.follows.map_or(V::Nothing, V::Incident)),
        ("alerts", V::several(&incident.alerts, |id| V::Alert(*id))),
        ("knowledge", V::several(&incident.knowledge, |article| V::Text(article.clone()))),
        ("watchers", V::several(&incident.watchers, |watcher| V::Party(watcher.clone()))),
        ("attachments", V::several(&incident.attachments, |file| V::Text(file.name.clone()))),
    ]
}

#[cfg(test)]
pub(crate) mod tests;
