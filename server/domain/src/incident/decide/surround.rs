//! Looking up anew what is known of an incident's item, when people say that it is another one.
//!
//! What people decided stays: impact and priority by hand, a service that they chose, a group or a person who has it. Invariant: the
//! event carries all that was looked up, so that a replay looks up nothing.

use super::{IncidentAction, edit};
use crate::id::CiId;
use crate::incident::{Edit, Fields, Incident, IncidentEvent, Surroundings, compose, fold, priority};
use crate::rule::Grade;
use crate::{Rejection, World};
use std::collections::BTreeSet;

/// The events of an edit that names another item, or none.
pub(super) fn events(world: &World, incident: &Incident, (edit, fields): (&Edit, &Fields)) -> Result<Vec<IncidentEvent>, Rejection> {
    let mut after = looked_up(world, incident, (edit, fields));
    let graded = edit::graded(&after, edit)?;
    let assigned = assigned(world, incident, &mut after, graded.as_ref());
    let (fields, surroundings) = (Box::new(Fields::of(&after)), Some(Box::new(Surroundings::of(&after))));
    let edited = IncidentEvent::IncidentEdited { incident: incident.id, fields, surroundings };
    Ok(std::iter::once(edited).chain(graded).chain(assigned).collect())
}

fn looked_up(world: &World, incident: &Incident, (edit, fields): (&Edit, &Fields)) -> Incident {
    let mut after = incident.clone();
    fold::edit(&mut after, fields);
    if edit.affected_cis.is_none() {
        let told = told(world, incident);
        let derived: BTreeSet<CiId> = incident.reach.iter().map(|one| one.ci).filter(|ci| !told.contains(ci)).collect();
        after.affected_cis.retain(|ci| !derived.contains(ci));
    }
    match edit.service {
        Some(service) => after.service_by_hand = service.is_some(),
        None if !after.service_by_hand => after.service = None,
        None => {}
    }
    if !after.graded_by_hand {
        (after.impact, after.impact_reason) = (Grade::Medium, compose::UNKNOWN.to_owned());
        after.priority = priority(after.impact, after.urgency);
    }
    (after.reach, after.reaches_further) = (Vec::new(), false);
    (after.recent_changes, after.related) = (Vec::new(), Vec::new());
    compose::surround(world, &mut after, incident.opened_at);
    // What changed later did not cause it, and it is not related to itself.
    after.recent_changes.retain(|change| change.at <= incident.opened_at);
    after.related.retain(|related| related.incident != incident.id);
    after.similar.retain(|similar| similar.incident != incident.id);
    after
}

/// Items that alerts and merged incidents brought: they are affected whatever the item is.
fn told(world: &World, incident: &Incident) -> BTreeSet<CiId> {
    let of_alert = incident.alerts.iter().filter_map(|id| world.alerts.alerts.get(id)).map(|alert| alert.key.ci);
    let merged = incident.merged.iter().filter_map(|id| world.incidents.incidents.get(id));
    let of_merged = merged.flat_map(|one| one.primary_ci.into_iter().chain(one.affected_cis.iter().copied()));
    of_alert.chain(of_merged).collect()
}

/// Suggests a group as the item and the priority are now, and gives it to one when nobody has it.
fn assigned(world: &World, incident: &Incident, after: &mut Incident, graded: Option<&IncidentEvent>) -> Vec<IncidentEvent> {
    if !incident.state.is_open() {
        return Vec::new();
    }
    let computed = after.priority;
    if let Some(IncidentEvent::IncidentPrioritised { priority, .. }) = graded {
        after.priority = *priority;
    }
    compose::assign(world, after, None);
    after.priority = computed;
    if (&after.group, &after.assignee) == (&incident.group, &incident.assignee) {
        return Vec::new();
    }
    let given = IncidentAction::Assign { group: Some(after.group.clone()), assignee: Some(after.assignee.clone()) };
    super::events(incident, &given, after.state)
}
