//! What would be told of an incident, to whom and when, with the reasons: for people who write routes.

use super::escalation::Reached;
use super::route::{Route, Subject};
use super::standing::is_usable;
use super::{Standing, message, react};
use crate::World;
use crate::delivery::{Message, MessageIncident, MessageStatus};
use crate::id::{ChannelId, CiId, IncidentId, RouteId};
use crate::incident::Incident;
use crate::query::Scope;
use crate::rule::{Severity, Tier};
use rollcall_shared::Timestamp;
use std::collections::BTreeMap;
use std::time::Duration;

/// How a route takes an incident, or why it does not.
#[derive(Clone, Debug, PartialEq)]
pub struct Verdict {
    /// Which route.
    pub route: RouteId,
    /// How it is called.
    pub name: String,
    /// What came of it.
    pub outcome: Outcome,
}

/// What comes of holding a route against an incident.
#[derive(Clone, Debug, PartialEq)]
pub enum Outcome {
    /// It was not looked at: another one had taken the incident, or it does not count.
    Skipped(String),
    /// It does not take the incident.
    Mismatch(String),
    /// It takes the incident.
    Taken(Box<Plan>),
}

/// What would be told.
#[derive(Clone, Debug, PartialEq)]
pub struct Plan {
    /// When it would be told first, or was; `None` when it is not told now.
    pub tell_at: Option<Timestamp>,
    /// Why then, or why not, in words.
    pub because: String,
    /// What it would be told together with: those that share this.
    pub key: BTreeMap<String, String>,
    /// The route's own channels.
    pub channels: Vec<ChannelId>,
    /// Whom each step of escalation would reach, and when, as schedules are now.
    pub steps: Vec<PlannedStep>,
    /// What would be said.
    pub message: Message,
    /// Whether anybody would be told, or was: through a channel that works, or by a step of escalation.
    pub reaches: bool,
}

/// A step of escalation as it would be.
#[derive(Clone, Debug, PartialEq)]
pub struct PlannedStep {
    /// From 1.
    pub step: u32,
    /// When, if nobody takes notice.
    pub at: Timestamp,
    /// Whom.
    pub reached: Reached,
}

/// Holds all routes against an incident, or one that might be. `incident` is what a message would say of it.
#[must_use]
pub fn explain(world: &World, subject: &Subject<'_>, incident: &MessageIncident, now: Timestamp) -> Vec<Verdict> {
    let scope = Scope { world, groups: &world.groups, now };
    let mut taken_by: Option<String> = None;
    let mut verdicts = Vec::new();
    for route in world.notifications.in_order() {
        let outcome = match (&taken_by, route.when.mismatch(subject, &scope)) {
            (Some(other), _) => Outcome::Skipped(format!("{other} has taken it and does not continue")),
            (None, _) if !route.enabled => Outcome::Skipped("it is disabled".into()),
            (None, Some(reason)) => Outcome::Mismatch(reason),
            (None, None) => {
                taken_by = (!route.continues).then(|| route.name.clone());
                Outcome::Taken(Box::new(plan(world, route, subject, incident, now)))
            }
        };
        verdicts.push(Verdict { route: route.id, name: route.name.clone(), outcome });
    }
    verdicts
}

fn plan(world: &World, route: &Route, subject: &Subject<'_>, incident: &MessageIncident, now: Timestamp) -> Plan {
    let quiet = route.quiet_until(subject.tier, now);
    let (wait, _) = react::first_wait(world, route, subject);
    let (tell_at, because) = match quiet {
        Some(until) => (until, "it comes in quiet hours, at whose end it is told with all that was held".to_owned()),
        None if wait.is_zero() => (now, "it is told at once if it comes alone".to_owned()),
        None => (now.plus(wait), format!("its group waits {} s for others", wait.as_secs())),
    };
    let key = if quiet.is_some() { BTreeMap::new() } else { route.key(subject, &incident.id.to_string()) };
    let message = sample(route, subject, incident);
    let steps = steps(world, route, tell_at);
    let reaches = route.channels.iter().any(|id| is_usable(world, *id)) || steps.iter().any(|step| !step.reached.addresses.is_empty());
    let channels = route.channels.iter().copied().collect();
    if let Some(known) = world.incidents.incidents.get(&incident.id) {
        let Course { tell_at, because, key, is_told } = course(world, route, known, key);
        return Plan { tell_at, because, key, channels, steps, message, reaches: is_told.unwrap_or(reaches) };
    }
    let because =
        if reaches { because } else { "nobody is told: none of its channels works, and no step of escalation reaches anybody".into() };
    Plan { tell_at: Some(tell_at), because, key, channels, steps, message, reaches }
}

/// What comes, or came, of an incident that is there.
struct Course {
    tell_at: Option<Timestamp>,
    because: String,
    key: BTreeMap<String, String>,
    /// Whether somebody is told; as the ways of the route are when `None`.
    is_told: Option<bool>,
}

/// An incident that is there was taken when it opened, or when the route was made: what is true of its group is said.
fn course(world: &World, route: &Route, incident: &Incident, key: BTreeMap<String, String>) -> Course {
    let not = |because: &str, key| Course { tell_at: None, because: format!("nobody is told: {because}"), key, is_told: Some(false) };
    let wanted = react::wanted(incident);
    if let Some(group) = react::group_of(world, incident.id, route.id) {
        let key = group.key.clone();
        let is_muted = react::is_suppressed(world, incident);
        return match (group.standing(incident.id), group.told_at) {
            (Some(Standing::Told | Standing::Attended), Some(at)) if !group.told_to.is_empty() => {
                Course { tell_at: Some(at), because: "it was told through this route".into(), key, is_told: Some(true) }
            }
            (Some(Standing::Told), Some(_)) => not("when it was to be told, no way worked", key),
            (Some(Standing::Waiting), _) if is_muted => not("it is suppressed, or another incident tells of it", key),
            (Some(Standing::Waiting), _) => {
                Course { tell_at: group.timers.tell_at, because: "its group is to be told then".into(), key, is_told: None }
            }
            _ => not("somebody took notice before it was told", key),
        };
    }
    match wanted {
        Standing::Ended => not("it is over", key),
        Standing::Attended => not("somebody acknowledged it, works on it or lets it wait", key),
        _ if react::is_told_elsewhere(world, incident) => not("another incident tells of it", key),
        _ => not("the route did not take it when it opened; it is told when the route or the incident changes", key),
    }
}

fn steps(world: &World, route: &Route, tell_at: Timestamp) -> Vec<PlannedStep> {
    let Some(known) = route.escalation.and_then(|id| world.notifications.policies.get(&id)) else { return Vec::new() };
    let (mut at, mut reached_somebody) = (tell_at, true);
    let steps = known.policy.steps.iter().enumerate().map(|(position, step)| {
        // What reaches nobody holds nothing up: the next one follows at once.
        if reached_somebody {
            at = at.plus(Duration::from_millis(step.after_ms));
        }
        let number = u32::try_from(position + 1).unwrap_or(u32::MAX);
        let reached = known.policy.reach(world, position, at);
        reached_somebody = !reached.addresses.is_empty();
        PlannedStep { step: number, at, reached }
    });
    steps.collect()
}

/// The message of one incident alone.
fn sample(route: &Route, subject: &Subject<'_>, incident: &MessageIncident) -> Message {
    let mut message = Message {
        group: "ngrp_00000000000000000000000000".into(),
        labels: subject.labels(),
        status: MessageStatus::Firing,
        severity: subject.severity.unwrap_or(Severity::Critical),
        tier: subject.tier,
        title: String::new(),
        text: String::new(),
        route: route.name.clone(),
        step: 1,
        recipients: Vec::new(),
        incidents: vec![incident.clone()],
        omitted: 0,
    };
    message::word(&mut message, route, None);
    message
}

/// What a message says of an incident that is there.
#[must_use]
pub fn told(world: &World, incident: &crate::incident::Incident) -> MessageIncident {
    message::entry(world, incident)
}

/// What a message would say of an incident that might be.
#[must_use]
pub fn imagined(subject: &Subject<'_>, now: Timestamp) -> MessageIncident {
    let ci: Option<CiId> = subject.ci.map(|ci| ci.id);
    let name = subject.ci.map_or("web-1", |ci| ci.name.as_str());
    MessageIncident {
        id: IncidentId(0),
        number: crate::incident::display_number(0),
        title: format!("Filesystem space critical on {name}: /var 98.4 %"),
        description: "An example of an incident.".into(),
        open: true,
        priority: subject.priority,
        severity: subject.severity,
        ci,
        ci_name: Some(name.to_owned()),
        labels: subject.labels(),
        opened_at: now,
        acknowledged_by: None,
        resolved_at: None,
        runbook: Some("https://runbooks.example/filesystem_space".into()),
    }
}

/// A message about several incidents that might be, to look at templates.
#[must_use]
pub fn example(now: Timestamp) -> Message {
    let subject = Subject {
        ci: None,
        rule: "filesystem_space".parse().ok(),
        tier: Tier::Page,
        severity: Some(Severity::Critical),
        priority: 2,
        category: Some("filesystem_space".into()),
        group: Some("Web team".into()),
        service: None,
        origin: crate::incident::Channel::Monitoring,
        source: None,
        alert_labels: None,
    };
    let mut labels = subject.labels();
    labels.extend([("class", "server"), ("location", "Berlin"), ("service", "Shop")].map(|(name, value)| (name.into(), value.into())));
    let incident = |n: u64| MessageIncident {
        id: IncidentId(n.into()),
        number: crate::incident::display_number(n),
        title: format!("Filesystem space critical on web-{n}: /var 98.4 %"),
        ci_name: Some(format!("web-{n}")),
        labels: labels.clone(),
        ..imagined(&subject, now)
    };
    Message {
        group: "ngrp_00000000000000000000000000".into(),
        labels: labels.clone(),
        status: MessageStatus::Firing,
        severity: Severity::Critical,
        tier: Tier::Page,
        title: String::new(),
        text: String::new(),
        route: "Example".into(),
        step: 1,
        recipients: Vec::new(),
        incidents: (1..=3).map(incident).collect(),
        omitted: 0,
    }
}
