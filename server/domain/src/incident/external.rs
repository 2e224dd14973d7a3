//! Incidents of other systems' alerts.
//!
//! An episode opens one incident, when it is more than information; its end resolves it, unless the alert flaps: then the incident waits until
//! it does no more, or another alert that the incident is about by now goes on ([`ending`]). What people resolved while the alert fires stays
//! resolved. What a person opened, and such an incident was merged into, is theirs to resolve. As with our own alerts, one that is
//! muted or told about elsewhere opens none until that is over, and many of one name at once are a storm.

use super::compose::{self, cut, cut_bytes, word};
use super::react::{FLAPS, note, quieted};
use super::{Channel, Incident, IncidentEvent, IncidentState, description, ending, priority, storm};
use crate::actor::Actor;
use crate::alert::Suppression;
use crate::alert::external::{ExternalAlert, ExternalChange, suppress};
use crate::rule::{Grade, Severity};
use crate::{Context, Event, World};

/// Bytes of a description.
const TEXT_BYTES: usize = 32 << 10;

/// What follows from a change that has just been applied. What keeps an alert quiet is written down at once: when that is over before
/// time is looked at again, it is told about all the same.
pub(super) fn react(world: &World, change: ExternalChange, alert: &ExternalAlert, context: &mut Context<'_>) -> Vec<Event> {
    let Some(alert) = world.alerts.external.alerts.get(&alert.dedup_key()) else { return Vec::new() };
    let live = world.incidents.live.get(&alert.dedup_key()).and_then(|id| world.incidents.incidents.get(id));
    if change == ExternalChange::Doubted {
        return doubted(world, alert).map(Event::Incident).into_iter().collect();
    }
    let opens = matches!(change, ExternalChange::Began | ExternalChange::Graded { before: None }) && alert.severity.is_some();
    if opens && live.is_none() {
        let quiet = suppress::quiet(world, alert, context.now);
        if !quiet.is_empty() {
            return suppress::differences(alert, &quiet, context.now);
        }
    }
    events(world, change, (alert, live), context).into_iter().map(Event::Incident).collect()
}

/// Who looks at the incident sees that it may not be over.
fn doubted(world: &World, alert: &ExternalAlert) -> Option<IncidentEvent> {
    let last = world.incidents.incidents.get(&alert.incident?)?;
    let is_there = last.state.is_open() || last.state == IncidentState::Resolved;
    is_there.then(|| alert.doubt()).flatten().map(|doubt| note(last, format!("{}: {doubt}.", alert.source)))
}

/// What follows when one begins or ceases to be quiet on an axis.
pub(super) fn suppressed(
    world: &World,
    alert: &ExternalAlert,
    (axis, reason): (Suppression, Option<&str>),
    context: &mut Context<'_>,
) -> Vec<Event> {
    let live = world.incidents.live.get(&alert.dedup_key()).and_then(|id| world.incidents.incidents.get(id));
    if reason.is_none() && axis != Suppression::Flapping && live.is_none() && alert.fires() {
        let quiet = suppress::quiet(world, alert, context.now);
        if !quiet.is_empty() {
            // Another reason has come meanwhile.
            return suppress::differences(alert, &quiet, context.now);
        }
    }
    told_of(world, (alert, live), (axis, reason), context).into_iter().map(Event::Incident).collect()
}

fn told_of(
    world: &World,
    (alert, live): (&ExternalAlert, Option<&Incident>),
    (axis, reason): (Suppression, Option<&str>),
    context: &mut Context<'_>,
) -> Vec<IncidentEvent> {
    let attached = told_elsewhere(world, alert);
    match (live, reason) {
        (live, Some(reason)) => quieted(live, attached, reason),
        (Some(incident), None) if axis == Suppression::Flapping && !alert.fires() => ended(world, incident, alert),
        (Some(incident), None) if axis != Suppression::Flapping && incident.opened_at == context.now => Vec::new(),
        (Some(incident), None) if alert.fires() => {
            let what = if axis == Suppression::Flapping { "It flaps no more" } else { "It is told about again" };
            vec![note(incident, format!("{what}; it fires."))]
        }
        (None, None) if axis != Suppression::Flapping && alert.fires() => {
            alert.severity.map(|severity| open(world, alert, severity, context)).unwrap_or_default()
        }
        (_, None) => Vec::new(),
    }
}

/// The open incident that tells of an alert instead of its own, and that the alert is attached there, when it is not yet.
fn told_elsewhere<'a>(world: &'a World, alert: &ExternalAlert) -> Option<(&'a Incident, IncidentEvent)> {
    let other = world.incidents.incidents.get(&alert.told_by?).filter(|one| one.state.is_open())?;
    let reason = alert.suppressed.get(&Suppression::Dependency)?.clone();
    let is_new = !other.alerts.contains(&alert.id);
    is_new.then_some((other, IncidentEvent::AlertAttached { incident: other.id, alert: alert.id, ci: alert.ci?, reason }))
}

fn open(world: &World, alert: &ExternalAlert, severity: Severity, context: &mut Context<'_>) -> Vec<IncidentEvent> {
    storm::opened(world, opened(world, alert, severity, context), &storm::Origin::of_external(alert), context)
}

fn events(
    world: &World,
    change: ExternalChange,
    (alert, live): (&ExternalAlert, Option<&Incident>),
    context: &mut Context<'_>,
) -> Vec<IncidentEvent> {
    match (change, live, alert.severity) {
        (ExternalChange::Began | ExternalChange::Graded { before: None }, None, Some(severity)) => open(world, alert, severity, context),
        (ExternalChange::Began, Some(incident), Some(severity))
            if incident.flap_count >= FLAPS && compose::urgency(severity) == incident.urgency =>
        {
            Vec::new()
        }
        (ExternalChange::Began, Some(incident), Some(severity)) => graded(incident, severity, format!("Back: {}.", alert.title), true),
        (ExternalChange::Graded { before }, Some(incident), Some(severity)) if before != Some(severity) => {
            let way = if Some(severity) > before { "Worse" } else { "Better" };
            graded(incident, severity, format!("{way}, now {}, says {}: {}.", word(severity), alert.source, alert.title), false)
        }
        (ExternalChange::Graded { before: Some(_) }, Some(incident), None) => {
            vec![note(incident, format!("{} calls it information now. The incident stays open until it ends.", alert.source))]
        }
        (ExternalChange::Ended, Some(_), _) if alert.stays_open() => Vec::new(),
        (ExternalChange::Ended, Some(incident), _) => ended(world, incident, alert),
        _ => Vec::new(),
    }
}

fn opened(world: &World, alert: &ExternalAlert, severity: Severity, context: &mut Context<'_>) -> Incident {
    let ci = alert.ci.and_then(|ci| world.cmdb.record(ci));
    let name = ci.map(|ci| format!(" on {}", ci.name)).unwrap_or_default();
    let actor = Actor::Feed { name: alert.source.clone() };
    let mut incident = Incident {
        title: cut(&format!("{}{name}", alert.title), compose::TITLE_CHARS),
        primary_ci: ci.map(|ci| ci.id),
        category: Some(cut(alert.labels.get("alertname").map_or("external", String::as_str), compose::TITLE_CHARS)),
        channel: Channel::Monitoring,
        dedup_key: Some(alert.dedup_key()),
        alerts: vec![alert.id],
        follows: compose::follows(world, alert.incident, alert.changed_at),
        knowledge: alert.runbook.iter().cloned().collect(),
        ..compose::blank(world, (Grade::Medium, compose::urgency(severity)), actor, context)
    };
    compose::surround(world, &mut incident, context.now);
    compose::assign(world, &mut incident, None);
    incident.description = description(world, &incident, alert);
    incident
}

/// As of a rule's incident, with what the other system says in the place of the rule's words. What would not fit is cut from the labels.
fn description(world: &World, incident: &Incident, alert: &ExternalAlert) -> String {
    let earlier = incident.follows.and_then(|id| world.incidents.incidents.get(&id));
    let follows = earlier.map(|earlier| format!("It follows {}.", super::display_number(earlier.number)));
    let labels: Vec<String> = alert.labels.iter().map(|(name, value)| format!("- {name}: {value}")).collect();
    let item = match alert.ci.and_then(|ci| world.cmdb.record(ci)) {
        Some(ci) => format!("Item, by {}: {}", alert.placed, description::host_line(world, ci)),
        None => format!("No item: {}.", alert.placed),
    };
    let link = alert.link.iter().map(|link| format!("Source: {link}"));
    let runbook = alert.runbook.iter().map(|link| format!("What to do: {link}"));
    let told = format!("Told by {}, firing since {}.", alert.source, alert.began_at);
    let parts = Some(alert.description.clone())
        .filter(|text| !text.is_empty())
        .into_iter()
        .chain([told, item])
        .chain(follows)
        .chain(link)
        .chain(runbook);
    let around = description::known(incident).into_iter().chain(description::nearby(world, incident)).collect::<Vec<_>>().join("\n");
    let around = Some(around.trim().to_owned()).filter(|text| !text.is_empty());
    let text = parts.chain(around).chain([format!("Labels:\n{}", labels.join("\n"))]).collect::<Vec<_>>().join("\n\n");
    cut_bytes(text, TEXT_BYTES)
}

fn graded(incident: &Incident, severity: Severity, reason: String, flapped: bool) -> Vec<IncidentEvent> {
    let id = incident.id;
    let (value, measured, title, measured_at) = (None, None, None, None);
    let updated = IncidentEvent::IncidentUpdated { incident: id, severity, value, reason, flapped, measured, title, measured_at };
    let (impact, urgency) = (incident.impact, compose::urgency(severity));
    if urgency == incident.urgency || incident.graded_by_hand {
        return vec![updated];
    }
    let (priority, reason) = (priority(impact, urgency), format!("the alert is {}", word(severity)));
    vec![updated, IncidentEvent::IncidentPrioritised { incident: incident.id, impact, urgency, priority, reason, by_hand: false }]
}

fn ended(world: &World, incident: &Incident, alert: &ExternalAlert) -> Vec<IncidentEvent> {
    let at = alert.ended_at.unwrap_or(alert.changed_at);
    let text = format!("{} says that the alert ended at {at}.", alert.source);
    let rule = incident.breach.as_ref().and_then(|breach| world.rules.rules.get(&breach.key.rule)).map(|known| &known.rule);
    ending::ended(world, incident, ending::Ending { rule, dropped: None }, text)
}
