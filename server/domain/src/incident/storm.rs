//! Storms: when one rule opens many incidents within a minute, they become parts of one incident, which is the one that people are
//! told of.
//!
//! Each child stays an incident of its own and resolves by itself; the storm resolves when all of them have. An incident of the same
//! rule that opens a minute after the last child is no part of the storm, unless there are as many again.

use super::react::RECOVERED;
use super::{Channel, Incident, IncidentEvent, IncidentState, Incidents, Party, Storm, compose, priority};
use crate::actor::Actor;
use crate::id::{IncidentId, RuleId};
use crate::rule::Rule;
use crate::{Context, World};
use rollcall_shared::Timestamp;
use std::time::Duration;

/// Incidents of one rule within [`WITHIN`] that are told of one by one; one more makes a storm. A rack has about as many hosts.
pub const ALONE: usize = 10;

/// How close together.
pub const WITHIN: Duration = Duration::from_secs(60);

/// The events by which an incident opens: by itself, or as part of a storm.
pub(super) fn opened(world: &World, mut incident: Incident, rule: &Rule, context: &mut Context<'_>) -> Vec<IncidentEvent> {
    let crowd = crowd(&world.incidents, &rule.id, context.now);
    let live = world.incidents.live.get(&key(&rule.id)).and_then(|id| world.incidents.incidents.get(id));
    let goes_on = live.and_then(|parent| parent.storm.as_ref()).is_some_and(|storm| context.now.since(storm.latest_at) <= WITHIN);
    if crowd.len() < ALONE && !goes_on {
        return vec![IncidentEvent::IncidentOpened { incident: Box::new(incident) }];
    }
    let mut events = Vec::new();
    let (parent, impact, urgency) = match live {
        Some(parent) => (parent.id, parent.impact, parent.urgency),
        None => {
            let parent = begun(world, rule, &incident, context);
            incident.number = parent.number + 1;
            let found = (parent.id, parent.impact, parent.urgency);
            events.push(IncidentEvent::IncidentOpened { incident: Box::new(parent) });
            found
        }
    };
    if !crowd.is_empty() {
        events.push(IncidentEvent::IncidentsRolledUp { incident: parent, children: crowd });
    }
    let (worse_impact, worse_urgency) = (impact.max(incident.impact), urgency.max(incident.urgency));
    if (worse_impact, worse_urgency) != (impact, urgency) && live.is_none_or(|parent| !parent.graded_by_hand) {
        events.push(IncidentEvent::IncidentPrioritised {
            incident: parent,
            impact: worse_impact,
            urgency: worse_urgency,
            priority: priority(worse_impact, worse_urgency),
            reason: "a worse incident is part of it".into(),
            by_hand: false,
        });
    }
    incident.parent = Some(parent);
    events.push(IncidentEvent::IncidentOpened { incident: Box::new(incident) });
    events
}

/// How many incidents the live storm of a rule has.
pub(crate) fn size(incidents: &Incidents, rule: &RuleId) -> usize {
    let live = incidents.live.get(&key(rule)).and_then(|id| incidents.incidents.get(id));
    live.filter(|parent| parent.storm.is_some()).map_or(0, |parent| parent.children.len())
}

/// Incidents of a rule that opened within the last minute and are part of nothing.
fn crowd(incidents: &Incidents, rule: &RuleId, now: Timestamp) -> Vec<IncidentId> {
    let recent = incidents.bursts.get(rule).into_iter().flatten().filter(|(at, _)| now.since(*at) <= WITHIN);
    let alone = |id: &IncidentId| incidents.incidents.get(id).is_some_and(|one| one.parent.is_none() && one.children.is_empty());
    recent.map(|(_, id)| *id).filter(alone).collect()
}

/// Remembers that an incident of a rule opened.
pub(super) fn note(incidents: &mut Incidents, rule: &RuleId, at: Timestamp, incident: IncidentId) {
    let recent = incidents.bursts.entry(rule.clone()).or_default();
    recent.push_back((at, incident));
    while recent.len() > ALONE || recent.front().is_some_and(|(then, _)| at.since(*then) > WITHIN) {
        recent.pop_front();
    }
}

/// A storm of which no part is open any more is over.
pub(super) fn calms(parent: &Incident) -> Option<IncidentEvent> {
    let is_over = parent.storm.is_some() && parent.state.is_open() && parent.open_children == 0;
    is_over.then(|| IncidentEvent::IncidentStateChanged {
        incident: parent.id,
        before: parent.state,
        after: IncidentState::Resolved,
        hold_reason: None,
        close_code: Some(RECOVERED.to_owned()),
        notes: Some(format!("All {} incidents of the storm are over.", parent.children.len())),
    })
}

/// The title of a storm, which grows with it.
pub(super) fn title(storm: &Storm, items: usize) -> String {
    compose::cut(&format!("Storm: {} on {items} items", storm.title), compose::TITLE_CHARS)
}

fn key(rule: &RuleId) -> String {
    format!("storm/{rule}")
}

fn begun(world: &World, rule: &Rule, first: &Incident, context: &mut Context<'_>) -> Incident {
    let actor = Actor::Rule { id: rule.id.clone() };
    let storm = Storm { rule: rule.id.clone(), title: rule.title.clone(), latest_at: context.now };
    Incident {
        title: title(&storm, ALONE + 1),
        description: format!(
            "More than {ALONE} incidents of one rule opened within a minute. Each is part of this one and resolves by itself; this one \
             resolves when all of them have.\n\nWhat they have in common is most likely what is wrong: look at what they share before you \
             look at one of them.\n\nWhat to do: {}",
            rule.description
        ),
        category: Some(rule.id.to_string()),
        channel: Channel::Monitoring,
        caller: Party::Actor { actor: actor.clone() },
        group: first.group.clone(),
        suggested_group: first.suggested_group.clone(),
        service: first.service,
        dedup_key: Some(key(&rule.id)),
        impact_reason: first.impact_reason.clone(),
        storm: Some(storm),
        ..compose::blank(world, (first.impact, first.urgency), actor, context)
    }
}

#[cfg(test)]
mod tests;
