//! Alerts open, update and resolve incidents.
//!
//! One live incident per dedup key. An episode (from beginning to fire until resolved) opens an incident when its tier is ticket
//! or page, at once or when it gets worse than people were told. What a person resolved while the alert fires stays resolved as long as it
//! gets no worse. No data adds a note and resolves nothing. What two incidents stand for after a merge resolves when the alerts of both have. A clone of an agent opens an incident of its own kind, which people resolve.

use super::compose::{self, word};
use super::{Incident, IncidentEvent, description, ending, printed, priority, storm};
use crate::alert::dropped::Dropped;
use crate::alert::{Alert, AlertEvent, AlertState, Suppression, mute, suppress};
use crate::ci::CiEvent;
use crate::rule::select::effective;
use crate::rule::{Condition, Rule, Severity, Tier};
use crate::trust::TrustEvent;
use crate::{Context, Event, World};
use rollcall_shared::{AgentId, SectionName};
use std::borrow::Cow;

/// Category of incidents about machines that share an identity.
pub const DUPLICATE_IDENTITY: &str = "duplicate_identity";

/// How an incident is closed whose alert is over. Those whose alert was dropped say why: [`Dropped::close_code`].
pub const RECOVERED: &str = "recovered_by_itself";

/// Come-backs of one incident that are written down: a value that trembles for a month says no more than this.
pub(super) const FLAPS: u32 = 1_000;

/// What follows from an event that has just been applied.
#[must_use]
pub fn react(world: &World, event: &Event, context: &mut Context<'_>) -> Vec<Event> {
    if let Event::Trust(TrustEvent::CloneDetected { agent, evidence }) = event {
        return cloned(world, *agent, evidence, context).into_iter().map(Event::Incident).collect();
    }
    if let Event::Incident(event) = event {
        return ended(world, event).into_iter().map(Event::Incident).collect();
    }
    if let Event::Ci(CiEvent::SectionChanged { ci, section: SectionName::Checks, feed: None, .. }) = event {
        return printed::told(world, *ci, context).into_iter().map(Event::Incident).collect();
    }
    let Event::Alert(event) = event else { return Vec::new() };
    if let AlertEvent::AlertSuppressed { alert, axis, reason, .. } = event {
        return match world.alerts.external.by_id(*alert) {
            Some(alert) => super::external::suppressed(world, alert, (*axis, reason.as_deref()), context),
            None => suppressed(world, *alert, (*axis, reason.as_deref()), context),
        };
    }
    if let AlertEvent::ExternalAlertChanged { change, alert } = event {
        return super::external::react(world, *change, alert, context);
    }
    if let Some(events) = super::outage::react(world, event, context) {
        return events.into_iter().map(Event::Incident).collect();
    }
    let AlertEvent::AlertTransitioned { alert, before, after, reason, .. } = event else { return Vec::new() };
    let Some(alert) = world.alerts.alerts.get(alert) else { return Vec::new() };
    let Some(rule) = rule_of(world, alert) else { return Vec::new() };
    let rule = &*rule;
    let live = world.incidents.live.get(&alert.key.dedup_key()).and_then(|id| world.incidents.incidents.get(id));
    if matches!((after, live), (AlertState::Firing, None)) && is_quiet(world, alert, context) {
        return hushed(world, alert, context);
    }
    let events = match (after, live) {
        (AlertState::Firing, Some(incident)) if !is_own(incident, alert) => also(world, incident, (alert, rule), event),
        (AlertState::Firing, Some(incident)) => fires_on(world, incident, (alert, rule), event),
        (AlertState::Firing, None) => fires(world, alert, rule, event, context),
        (AlertState::Resolved, Some(_)) if alert.flaps() => Vec::new(),
        (AlertState::Resolved, Some(incident)) => resolves(world, incident, rule, reason, context),
        (AlertState::Unknown, Some(incident)) => {
            vec![note(incident, format!("Unknown since {}: {reason}. The incident stays open.", alert.since))]
        }
        // A suspicion that was dropped, or a recovery not yet sure: nothing for people.
        (AlertState::Resolved | AlertState::Unknown, None) | (AlertState::Inactive | AlertState::Pending | AlertState::Recovering, _) => {
            if matches!((before, after), (AlertState::Unknown, AlertState::Recovering)) {
                live.map(|incident| note(incident, format!("Measured again and clear: {reason}."))).into_iter().collect()
            } else {
                Vec::new()
            }
        }
    };
    events.into_iter().map(Event::Incident).collect()
}

/// Two machines live with one identity: an incident of the host that the agent is at home in, or a note when one is open.
fn cloned(world: &World, agent: AgentId, evidence: &str, context: &mut Context<'_>) -> Vec<IncidentEvent> {
    let key = format!("{DUPLICATE_IDENTITY}/{agent}");
    let live = world.incidents.live.get(&key).and_then(|id| world.incidents.incidents.get(id));
    match live {
        Some(incident) => vec![note(incident, format!("Again: {evidence}."))],
        None => vec![IncidentEvent::IncidentOpened { incident: Box::new(compose::clone_found(world, (agent, key), evidence, context)) }],
    }
}

/// An alert that is muted opens no incident; when that is over and it still fires, it does. One that flaps keeps its incident open, and
/// when that is over what is told is how it is now.
fn suppressed(
    world: &World,
    alert: crate::id::AlertId,
    (axis, reason): (Suppression, Option<&str>),
    context: &mut Context<'_>,
) -> Vec<Event> {
    let Some(alert) = world.alerts.alerts.get(&alert) else { return Vec::new() };
    let Some(rule) = rule_of(world, alert) else { return Vec::new() };
    let live = world.incidents.live.get(&alert.key.dedup_key()).and_then(|id| world.incidents.incidents.get(id));
    let is_free = reason.is_none() && axis != Suppression::Flapping && live.is_none() && alert.state == AlertState::Firing;
    if is_free && is_quiet(world, alert, context) {
        // Another reason has come meanwhile.
        return hushed(world, alert, context);
    }
    let events = told_of(world, (alert, &rule, live), (axis, reason), context);
    events.into_iter().map(Event::Incident).collect()
}

fn told_of(
    world: &World,
    (alert, rule, live): (&Alert, &Rule, Option<&Incident>),
    (axis, reason): (Suppression, Option<&str>),
    context: &mut Context<'_>,
) -> Vec<IncidentEvent> {
    let attached = told_elsewhere(world, alert);
    match (live, reason) {
        (live, Some(reason)) => quieted(live, attached, reason),
        (Some(incident), None) if axis == Suppression::Flapping && alert.state == AlertState::Resolved => {
            let cleared = || format!("it flaps no more, and is clear: {}", alert.reason);
            let reason = Dropped::said(&alert.reason).map_or_else(cleared, |_| alert.reason.clone());
            resolves(world, incident, rule, &reason, context)
        }
        // It opened as this ended: nothing was kept back from its readers.
        (Some(incident), None) if axis != Suppression::Flapping && incident.opened_at == context.now => Vec::new(),
        (Some(incident), None) => {
            let what = if axis == Suppression::Flapping { "It flaps no more" } else { "It is told about again" };
            vec![note(incident, format!("{what}; {}.", standing(alert)))]
        }
        (None, None) if axis != Suppression::Flapping && alert.state == AlertState::Firing => {
            let severity = alert.severity.unwrap_or(Severity::Critical);
            if tier(rule, severity) < Tier::Ticket {
                return Vec::new();
            }
            storm::opened(world, compose::opened(world, alert, rule, severity, context), &storm::Origin::of_rule(rule), context)
        }
        (None, _) => Vec::new(),
    }
}

/// How an alert is by now. Its reason is of its last change: the value may be another one since.
fn standing(alert: &Alert) -> String {
    let (since, reason) = (alert.since, &alert.reason);
    let severity = alert.severity.map_or("firing", word);
    match alert.state {
        AlertState::Firing => format!("it fires since {since}, and when it last changed it was {severity}: {reason}"),
        AlertState::Unknown => format!("nothing is known of it since {since}, before that it was {severity}: {reason}"),
        AlertState::Recovering => format!("it is clear since {since}, and over when it stays so: {reason}"),
        AlertState::Inactive | AlertState::Pending | AlertState::Resolved => format!("it is clear since {since}: {reason}"),
    }
}

/// What is said when an alert begins to be quiet: in its own incident, and where it is told instead.
pub(super) fn quieted(live: Option<&Incident>, attached: Option<(&Incident, IncidentEvent)>, reason: &str) -> Vec<IncidentEvent> {
    let text = match &attached {
        Some((other, _)) => format!("Told about in {} for now: {reason}.", super::display_number(other.number)),
        None => format!("Not told about for now: {reason}."),
    };
    attached.map(|(_, event)| event).into_iter().chain(live.map(|incident| note(incident, text))).collect()
}

/// The open incident that tells of an alert instead of its own, and that the alert is attached there, when it is not yet.
fn told_elsewhere<'a>(world: &'a World, alert: &Alert) -> Option<(&'a Incident, IncidentEvent)> {
    let other = world.incidents.incidents.get(&alert.told_by?).filter(|one| one.state.is_open())?;
    let reason = alert.suppressed.get(&Suppression::Dependency)?.clone();
    let is_new = !other.alerts.contains(&alert.id);
    is_new.then_some((other, IncidentEvent::AlertAttached { incident: other.id, alert: alert.id, ci: alert.key.ci, reason }))
}

/// Whether people said beforehand that the alert is no matter now, or it is told about elsewhere or may yet be.
fn is_quiet(world: &World, alert: &Alert, context: &Context<'_>) -> bool {
    !mute::mutes(world, alert, context.now).is_empty() || suppress::behind(world, alert, context.now).is_some()
}

/// What keeps an alert quiet is written down at once: when that is over before time is looked at again, it is told about all the same.
fn hushed(world: &World, alert: &Alert, context: &Context<'_>) -> Vec<Event> {
    let muted = mute::mutes(world, alert, context.now).into_iter().map(|(axis, reason)| (axis, reason, None));
    let behind = suppress::behind(world, alert, context.now).map(|behind| (Suppression::Dependency, behind.reason, behind.incident));
    let new = muted.chain(behind).filter(|(axis, reason, incident)| {
        alert.suppressed.get(axis) != Some(reason) || (*axis == Suppression::Dependency && alert.told_by != *incident)
    });
    let event =
        |(axis, reason, incident)| AlertEvent::AlertSuppressed { alert: alert.id, axis, reason: Some(reason), incident, at: context.now };
    new.map(event).map(Event::Alert).collect()
}

/// The rule of an alert as it counts for its item; as it is written when it no longer applies there.
fn rule_of<'a>(world: &'a World, alert: &Alert) -> Option<Cow<'a, Rule>> {
    let rule = &world.rules.rules.get(&alert.key.rule)?.rule;
    Some(effective(rule, world, world.cmdb.cis.get(&alert.key.ci)).unwrap_or(Cow::Borrowed(rule)))
}

/// How loud a rule is at a severity.
#[must_use]
pub fn tier(rule: &Rule, severity: Severity) -> Tier {
    match severity {
        Severity::Critical => rule.tier,
        Severity::Warning => rule.warning_tier.unwrap_or(rule.tier),
    }
}

fn fires(world: &World, alert: &Alert, rule: &Rule, event: &AlertEvent, context: &mut Context<'_>) -> Vec<IncidentEvent> {
    let AlertEvent::AlertTransitioned { before, severity, at, .. } = event else { return Vec::new() };
    let Some(severity) = *severity else { return Vec::new() };
    let loud = tier(rule, severity);
    let begins = alert.fired_at == Some(*at) && *before != AlertState::Firing;
    // People were told nothing yet: it was quiet when it began, or a warning that was not loud enough. Or it is worse than what they were
    // told and have ended.
    let is_news = told_as(world, alert).is_none_or(|told| severity == Severity::Critical && told < Some(Severity::Critical));
    if loud < Tier::Ticket || !(begins || is_news) {
        return Vec::new();
    }
    if let Some(incident) = of_same_value(world, alert, rule) {
        return joins(world, incident, (alert, rule), event);
    }
    storm::opened(world, compose::opened(world, alert, rule, severity, context), &storm::Origin::of_rule(rule), context)
}

/// How bad an alert was at most, as incidents of its item have told of it since it began to fire; `None` inside for one that a person opened.
fn told_as(world: &World, alert: &Alert) -> Option<Option<Severity>> {
    let latest = world.incidents.by_ci.get(&alert.key.ci).into_iter().flat_map(|ids| ids.iter().rev().take(OF_ITEM));
    let told = latest.filter_map(|id| world.incidents.incidents.get(id)).filter(|incident| incident.alerts.contains(&alert.id));
    // One that ended by itself ended with an episode before, or with that of something else. The moment alone would not tell: values come late.
    let by_itself =
        |incident: &&Incident| incident.ended_at().is_some() && incident.close_code.as_deref().is_some_and(ending::is_of_machine);
    let told = told.filter(|incident| !by_itself(incident));
    let in_this_episode = told.filter(|incident| incident.ended_at().is_none_or(|at| alert.fired_at.is_none_or(|fired| at >= fired)));
    in_this_episode.map(|incident| incident.breach.as_ref().map(|breach| breach.severity)).max()
}

/// Incidents of one item that are asked whether they are about the same value, newest first.
const OF_ITEM: usize = 50;

/// The open incident of a rule that looks at the same thing in another way: a file system that fills up and then is full, an agent and
/// then its host that say nothing, are one thing.
fn of_same_value<'a>(world: &'a World, alert: &Alert, rule: &Rule) -> Option<&'a Incident> {
    let subject = subject(&rule.condition)?;
    let latest = world.incidents.by_ci.get(&alert.key.ci)?.iter().rev().take(OF_ITEM);
    let mut open = latest.filter_map(|id| world.incidents.incidents.get(id)).filter(|incident| incident.state.is_open());
    open.find(|incident| {
        let Some(breach) = &incident.breach else { return false };
        let is_same = breach.key.ci == alert.key.ci && breach.key.attributes == alert.key.attributes;
        let condition = world.rules.rules.get(&breach.key.rule).map(|known| &known.rule.condition);
        // Two lines on one value are two rules on purpose.
        let is_other = condition.is_some_and(|condition| std::mem::discriminant(condition) != std::mem::discriminant(&rule.condition));
        is_same && is_other && condition.and_then(self::subject) == Some(subject)
    })
}

/// What a rule looks at, for the kinds that look at one thing in two ways.
fn subject(condition: &Condition) -> Option<&str> {
    match condition {
        Condition::Threshold { metric, .. } | Condition::Forecast { metric, .. } => Some(metric),
        Condition::AgentSilent { .. } | Condition::HostSilent { .. } => Some("silence"),
        _ => None,
    }
}

fn joins(world: &World, incident: &Incident, (alert, rule): (&Alert, &Rule), event: &AlertEvent) -> Vec<IncidentEvent> {
    let AlertEvent::AlertTransitioned { reason, .. } = event else { return Vec::new() };
    let reason = format!("{} tells of the same thing: {reason}.", rule.title);
    let joined = IncidentEvent::AlertJoined { incident: incident.id, alert: alert.id, key: alert.key.dedup_key(), reason };
    std::iter::once(joined).chain(worse(world, incident, (alert, rule), event)).collect()
}

/// What a joined or merged alert changes: only for the worse, for the incident's own alert says when it is better.
fn worse(world: &World, incident: &Incident, of: (&Alert, &Rule), event: &AlertEvent) -> Vec<IncidentEvent> {
    let AlertEvent::AlertTransitioned { severity: Some(severity), .. } = event else { return Vec::new() };
    let is_worse = incident.breach.as_ref().is_some_and(|breach| *severity > breach.severity);
    if is_worse { fires_on(world, incident, of, event) } else { Vec::new() }
}

fn fires_on(world: &World, incident: &Incident, (alert, rule): (&Alert, &Rule), event: &AlertEvent) -> Vec<IncidentEvent> {
    let AlertEvent::AlertTransitioned { before, severity, value, reason, at, .. } = event else { return Vec::new() };
    let Some(severity) = *severity else { return Vec::new() };
    let known = incident.breach.as_ref().map_or(severity, |breach| breach.severity);
    let flapped = !matches!(before, AlertState::Firing | AlertState::Unknown);
    if flapped && known == severity && incident.flap_count >= FLAPS {
        return Vec::new();
    }
    let text = match (severity.cmp(&known), flapped) {
        (std::cmp::Ordering::Greater, _) => format!("Worse, now {}: {reason}.", word(severity)),
        (std::cmp::Ordering::Less, _) => format!("Better, now {}: {reason}.", word(severity)),
        (std::cmp::Ordering::Equal, true) => format!("Back: {reason}."),
        (std::cmp::Ordering::Equal, false) => format!("Measured again and still {}: {reason}.", word(severity)),
    };
    let (value, measured) = (*value, Some(reason.clone()));
    let title = is_titled_by_alert(incident).then(|| description::title(alert, rule, severity, world.cmdb.cis.get(&alert.key.ci)));
    let title = title.filter(|title| *title != incident.title);
    let (id, measured_at) = (incident.id, Some(*at));
    let updated = IncidentEvent::IncidentUpdated { incident: id, severity, value, reason: text, flapped, measured, title, measured_at };
    let urgency = compose::urgency(severity);
    if urgency == incident.urgency || incident.graded_by_hand {
        return vec![updated];
    }
    let (impact, reason) = (incident.impact, format!("the alert is {}", word(severity)));
    let priority = priority(impact, urgency);
    vec![updated, IncidentEvent::IncidentPrioritised { incident: incident.id, impact, urgency, priority, reason, by_hand: false }]
}

/// What people should know who end an incident whose alerts are not over.
pub(crate) fn still_fires(world: &World, incident: &Incident) -> Option<IncidentEvent> {
    let own = incident.alerts.iter().filter_map(|id| world.alerts.alerts.get(id));
    let firing: Vec<&Alert> = own.filter(|alert| alert.state == AlertState::Firing).collect();
    if let Some(alert) = firing.first() {
        // As bad as it was told of, none of them is told of anew.
        let is_told = incident.breach.as_ref().is_some_and(|breach| breach.severity == Severity::Critical);
        let may_worsen = !is_told && firing.iter().any(|alert| alert.severity == Some(Severity::Warning));
        let until = match (may_worsen, firing.len()) {
            (true, 1) => "until the alert is critical, or is over and begins again",
            (true, _) => "until an alert of it that is a warning is critical, or one is over and begins again",
            (false, _) => "until an alert of it is over and begins again",
        };
        return Some(note(incident, format!("It still fires: {}. Nothing more is told {until}.", alert.reason)));
    }
    let alert = incident.keys().filter_map(|key| world.alerts.external.alerts.get(key)).find(|alert| alert.fires())?;
    let text = format!("It still fires, says {}: {}. Nothing more is told until it has ended and begins again.", alert.source, alert.title);
    Some(note(incident, text))
}

/// Whether the title says how an alert is, and is not people's.
fn is_titled_by_alert(incident: &Incident) -> bool {
    let of_own_breach = incident.breach.as_ref().is_some_and(|breach| incident.dedup_key.as_ref() == Some(&breach.key.dedup_key()));
    of_own_breach && !incident.titled_by_hand
}

/// When the last open child ends or leaves, its storm ends.
fn ended(world: &World, event: &IncidentEvent) -> Vec<IncidentEvent> {
    let incident = |id| world.incidents.incidents.get(id);
    let parent = match event {
        IncidentEvent::IncidentStateChanged { incident: child, after, .. } if !after.is_open() => {
            incident(child).and_then(|one| one.parent)
        }
        IncidentEvent::IncidentMerged { incident: child, .. } => incident(child).and_then(|one| one.parent),
        IncidentEvent::IncidentParentChanged { before, .. } => *before,
        _ => None,
    };
    parent.as_ref().and_then(incident).and_then(storm::calms).into_iter().collect()
}

/// Whether an alert is what the incident was opened for, not what was merged into it.
fn is_own(incident: &Incident, alert: &Alert) -> bool {
    incident.breach.as_ref().is_some_and(|breach| breach.key == alert.key)
}

/// An alert whose incident was merged into this one speaks up.
fn also(world: &World, incident: &Incident, of: (&Alert, &Rule), event: &AlertEvent) -> Vec<IncidentEvent> {
    let AlertEvent::AlertTransitioned { severity, reason, .. } = event else { return Vec::new() };
    let severity = severity.map_or("firing", word);
    let text = format!("Another alert that it tells of is {severity}: {reason}.");
    std::iter::once(note(incident, text)).chain(worse(world, incident, of, event)).collect()
}

fn resolves(world: &World, incident: &Incident, rule: &Rule, reason: &str, context: &Context<'_>) -> Vec<IncidentEvent> {
    let dropped = Dropped::said(reason);
    let what = if dropped.is_some() { "was dropped" } else { "resolved" };
    let text = format!("The alert {what} at {}: {}.", context.now, reason.trim_end_matches('.'));
    ending::ended(world, incident, ending::Ending { rule: Some(rule), dropped }, text)
}

pub(super) fn note(incident: &Incident, text: String) -> IncidentEvent {
    IncidentEvent::IncidentNoted { incident: incident.id, text, public: false }
}

#[cfg(test)]
mod tests;
