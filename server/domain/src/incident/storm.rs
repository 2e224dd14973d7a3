//! Storms: when one rule, or another system by one name of its alerts, opens many incidents within a minute, they become parts of one
//! incident, which is the one that people are told of.
//!
//! Each child stays an incident of its own and resolves by itself; the storm resolves when all of them have. An incident of the same
//! alarm that opens a minute after the last child is no part of the storm, unless there are as many again.

use super::react::RECOVERED;
use super::{Alarm, Channel, Incident, IncidentEvent, IncidentState, Incidents, Party, Storm, compose, priority};
use crate::actor::Actor;
use crate::alert::external::ExternalAlert;
use crate::id::IncidentId;
use crate::rule::Rule;
use crate::{Context, World};
use rollcall_shared::Timestamp;
use std::time::Duration;

/// Incidents of one alarm within [`WITHIN`] that are told of one by one; one more makes a storm. A rack has about as many hosts.
pub const ALONE: usize = 10;

/// How close together.
pub const WITHIN: Duration = Duration::from_secs(60);

/// Alarms whose incidents are remembered before those of more than a minute ago are dropped: other systems have as many names as they like.
const BURSTS: usize = 1_000;

/// What incidents of one alarm have in common.
pub(super) struct Origin {
    alarm: Alarm,
    title: String,
    guidance: String,
    actor: Actor,
}

impl Origin {
    /// That of a rule's incidents.
    pub(super) fn of_rule(rule: &Rule) -> Self {
        let alarm = Alarm::Rule { rule: rule.id.clone() };
        let guidance = format!("\n\nWhat to do: {}", rule.description);
        Self { alarm, title: rule.title.clone(), guidance, actor: Actor::Rule { id: rule.id.clone() } }
    }

    /// That of another system's alerts of one name.
    pub(super) fn of_external(alert: &ExternalAlert) -> Self {
        let (source, name) = (alert.source.clone(), alert.name().to_owned());
        let runbook = alert.runbook.as_ref().map(|link| format!("\n\nWhat to do: {link}")).unwrap_or_default();
        let actor = Actor::Feed { name: source.clone() };
        Self { title: name.clone(), guidance: format!("\n\nTold by {source}.{runbook}"), actor, alarm: Alarm::External { source, name } }
    }
}

/// What raised the alarm that an incident was opened for.
pub(super) fn alarm(world: &World, incident: &Incident) -> Option<Alarm> {
    if let Some(breach) = &incident.breach {
        return Some(Alarm::Rule { rule: breach.key.rule.clone() });
    }
    let alert = world.alerts.external.of(incident)?;
    Some(Alarm::External { source: alert.source.clone(), name: alert.name().to_owned() })
}

/// The events by which an incident opens: by itself, or as part of a storm.
pub(super) fn opened(world: &World, mut incident: Incident, origin: &Origin, context: &mut Context<'_>) -> Vec<IncidentEvent> {
    let crowd = crowd(&world.incidents, &origin.alarm, context.now);
    let live = world.incidents.live.get(&key(&origin.alarm)).and_then(|id| world.incidents.incidents.get(id));
    let goes_on = live.and_then(|parent| parent.storm.as_ref()).is_some_and(|storm| context.now.since(storm.latest_at) <= WITHIN);
    if crowd.len() < ALONE && !goes_on {
        return vec![IncidentEvent::IncidentOpened { incident: Box::new(incident) }];
    }
    let mut events = Vec::new();
    let (parent, impact, urgency) = match live {
        Some(parent) => (parent.id, parent.impact, parent.urgency),
        None => {
            let parent = begun(world, origin, &incident, context);
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

/// Incidents of an alarm that opened within the last minute and are part of nothing.
fn crowd(incidents: &Incidents, alarm: &Alarm, now: Timestamp) -> Vec<IncidentId> {
    let recent = incidents.bursts.get(alarm).into_iter().flatten().filter(|(at, _)| now.since(*at) <= WITHIN);
    let alone = |id: &IncidentId| incidents.incidents.get(id).is_some_and(|one| one.parent.is_none() && one.children.is_empty());
    recent.map(|(_, id)| *id).filter(alone).collect()
}

/// Remembers that an incident of an alarm opened.
pub(super) fn note(incidents: &mut Incidents, alarm: Alarm, at: Timestamp, incident: IncidentId) {
    if incidents.bursts.len() >= BURSTS {
        incidents.bursts.retain(|_, recent| recent.back().is_some_and(|(then, _)| at.since(*then) <= WITHIN));
    }
    let recent = incidents.bursts.entry(alarm).or_default();
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

/// The title of a storm, which grows with it: how many items it is on; of another system's alerts, which need not mean items, how many.
pub(super) fn title(storm: &Storm, items: usize, parts: usize) -> String {
    let title = match &storm.alarm {
        Alarm::Rule { .. } => format!("Storm: {} on {items} items", storm.title),
        Alarm::External { source, .. } => format!("Storm: {}, {parts} alerts of {source}", storm.title),
    };
    compose::cut(&title, compose::TITLE_CHARS)
}

fn key(alarm: &Alarm) -> String {
    match alarm {
        Alarm::Rule { rule } => format!("storm/{rule}"),
        Alarm::External { source, name } => format!("storm/external/{source}/{name}"),
    }
}

fn begun(world: &World, origin: &Origin, first: &Incident, context: &mut Context<'_>) -> Incident {
    let Origin { alarm, title, guidance, actor } = origin;
    let actor = actor.clone();
    let storm = Storm { alarm: alarm.clone(), title: title.clone(), latest_at: context.now };
    let of = match alarm {
        Alarm::Rule { .. } => "of one rule",
        Alarm::External { .. } => "of one kind of alert",
    };
    Incident {
        title: self::title(&storm, ALONE + 1, ALONE + 1),
        description: format!(
            "More than {ALONE} incidents {of} opened within a minute. Each is part of this one and resolves by itself; this one \
             resolves when all of them have.\n\nWhat they have in common is most likely what is wrong: look at what they share before you \
             look at one of them.{guidance}"
        ),
        category: first.category.clone(),
        channel: Channel::Monitoring,
        caller: Party::Actor { actor: actor.clone() },
        group: first.group.clone(),
        suggested_group: first.suggested_group.clone(),
        service: first.service,
        dedup_key: Some(key(alarm)),
        impact_reason: first.impact_reason.clone(),
        storm: Some(storm),
        ..compose::blank(world, (first.impact, first.urgency), actor, context)
    }
}

#[cfg(test)]
mod tests;
