//! What is said of a group: which incidents, in which order, in which words.

use super::Cause;
use super::group::NotificationGroup;
use super::react::is_suppressed;
use super::route::{self, Route, Subject};
use super::template::{self, Template};
use crate::World;
use crate::actor::Actor;
use crate::delivery::message::{NAMED, severity_of_priority};
use crate::delivery::{Message, MessageIncident, MessageStatus};
use crate::id::IncidentId;
use crate::incident::compose::cut;
use crate::incident::{Incident, display_number};
use crate::rule::{Severity, Tier};
use rollcall_shared::Timestamp;
use std::collections::{BTreeMap, BTreeSet};

/// Characters of a title.
const TITLE_CHARACTERS: usize = 300;

/// Characters of a text: what every receiver takes.
const TEXT_CHARACTERS: usize = 8_000;

/// Characters of the description of one incident, of which a message may have fifty.
const DESCRIPTION_CHARACTERS: usize = 2_000;

/// Names in a title: more are read in the text.
const NAMES: usize = 3;

/// Characters of a name in a title.
const NAME_CHARACTERS: usize = 60;

/// What a group is told as.
#[derive(Clone, Copy, Debug)]
pub(super) struct Telling<'a> {
    /// The group.
    pub(super) group: &'a NotificationGroup,
    /// Its route.
    pub(super) route: &'a Route,
    /// How the group stands.
    pub(super) status: MessageStatus,
    /// When it is told.
    pub(super) now: Timestamp,
}

/// Composes a message for nobody in particular yet.
pub(super) fn compose(world: &World, telling: Telling<'_>) -> Message {
    let Telling { group, route, status, now } = telling;
    let of = |id: IncidentId| world.incidents.incidents.get(&id);
    let open: Vec<&Incident> = group.open().filter_map(of).filter(|incident| !is_suppressed(world, incident)).collect();
    let mut told = if open.is_empty() { group.ended.iter().copied().filter_map(of).collect() } else { open };
    let more = if group.is_open() { 0 } else { usize::try_from(group.ended_count).unwrap_or(0).saturating_sub(told.len()) };
    let storms: BTreeSet<IncidentId> = told.iter().filter(|incident| incident.storm.is_some()).map(|incident| incident.id).collect();
    // What is part of a storm is told with it.
    told.retain(|incident| incident.parent.is_none_or(|parent| !storms.contains(&parent)));
    told.sort_by_key(|incident| (incident.acknowledged.is_some(), incident.priority, incident.number));
    let severity = told.iter().filter_map(|incident| route::severity(world, incident)).max();
    let omitted = told.len().saturating_sub(NAMED) + more;
    let mut message = Message {
        group: group.id.to_string(),
        labels: shared(world, &told),
        status,
        // What people open has no severity of a rule: its priority says how bad it is.
        severity: severity.unwrap_or_else(|| severity_of_priority(told.first().map_or(3, |incident| incident.priority))),
        tier: group.tier,
        title: String::new(),
        text: String::new(),
        route: route.name.clone(),
        step: 1,
        recipients: Vec::new(),
        incidents: told.iter().take(NAMED).map(|incident| entry(world, incident)).collect(),
        omitted: u32::try_from(omitted).unwrap_or(u32::MAX),
    };
    // The key is shared whatever the incidents are by now.
    let key = group.key.iter().filter(|(name, value)| !value.is_empty() && *name != route::ALONE);
    message.labels.extend(key.map(|(name, value)| (name.clone(), value.clone())));
    word(&mut message, route, what(world, &told).as_deref());
    if status == MessageStatus::Resolved && group.is_open() {
        leave(&mut message, now);
    }
    message
}

/// Says that nothing more comes of what is still open: receivers are to close what they opened.
fn leave(message: &mut Message, now: Timestamp) {
    let open = template::lines(message);
    let text = format!("The route {} was deleted: nothing more is told through it. Still open:\n{open}", message.route);
    message.text = cut(&text, TEXT_CHARACTERS);
    for incident in &mut message.incidents {
        (incident.open, incident.resolved_at) = (false, incident.resolved_at.or(Some(now)));
    }
}

/// What all incidents are, where they are one thing: the title of their rule, or the name of another system's alerts.
fn what(world: &World, incidents: &[&Incident]) -> Option<String> {
    let of = |incident: &&Incident| match incident.rule() {
        Some(rule) => world.rules.rules.get(rule).map(|known| known.rule.title.clone()),
        None => world.alerts.external.of(incident).and_then(|_| incident.category.clone()),
    };
    let mut all = incidents.iter().map(of);
    let first = all.next()??;
    all.all(|other| other.as_ref() == Some(&first)).then_some(first)
}

/// Puts a message into words, by the route's templates or by the built-in ones; with what all its incidents are.
pub(super) fn word(message: &mut Message, route: &Route, what: Option<&str>) {
    let render = |template: &Option<String>, limit| {
        let template = Template::parse(template.as_deref()?).ok()?;
        Some(template.render(message, limit))
    };
    let title = render(&route.title, TITLE_CHARACTERS).filter(|title| !title.trim().is_empty());
    let text = render(&route.text, TEXT_CHARACTERS);
    message.title = title.unwrap_or_else(|| title_of(message, what));
    message.text = text.unwrap_or_else(|| text_of(message));
}

/// What it is about, and where. How that stands is the status, which each form puts where its receiver looks for it.
fn title_of(message: &Message, what: Option<&str>) -> String {
    let count = message.incidents.len() + message.omitted as usize;
    let title = match (message.incidents.first(), what) {
        (Some(worst), _) if count == 1 => worst.title.clone(),
        (Some(worst), None) => format!("{} and {} more", worst.title, count - 1),
        (Some(_), Some(what)) => format!("{count} incidents: {what}{}", places(message)),
        (None, _) => format!("{count} incidents"),
    };
    cut(&title, TITLE_CHARACTERS)
}

/// Such as ` on db1, db2, db3 and 4 more`.
fn places(message: &Message) -> String {
    let mut names: Vec<&str> = Vec::new();
    for name in message.incidents.iter().filter_map(|incident| incident.ci_name.as_deref()) {
        if !names.contains(&name) {
            names.push(name);
        }
    }
    if names.is_empty() { String::new() } else { format!(" on {}", listed(&names, message.omitted as usize)) }
}

/// The first names, and how many more there are besides those that are not named at all.
fn listed(names: &[&str], unnamed: usize) -> String {
    let first: Vec<String> = names.iter().take(NAMES).map(|name| cut(name, NAME_CHARACTERS)).collect();
    let more = names.len().saturating_sub(NAMES) + unnamed;
    if more == 0 { first.join(", ") } else { format!("{} and {more} more", first.join(", ")) }
}

fn text_of(message: &Message) -> String {
    let text = match message.incidents.as_slice() {
        [only] if message.omitted == 0 && only.open => only.description.clone(),
        _ => template::lines(message),
    };
    cut(&(taken_notice(message) + &text), TEXT_CHARACTERS)
}

/// Who has taken notice, where that is what is told.
pub(super) fn taken_notice(message: &Message) -> String {
    if message.status != MessageStatus::Acknowledged {
        return String::new();
    }
    let by: BTreeSet<&str> = message.incidents.iter().filter_map(MessageIncident::looked_after_by).collect();
    let by: Vec<&str> = by.into_iter().collect();
    if by.is_empty() { String::new() } else { format!("Acknowledged by {}.\n\n", listed(&by, 0)) }
}

/// Says first that a part of what is told is acknowledged, and by whom; in the title too where nothing else is told.
pub(super) fn head(message: &mut Message, acknowledged: &[&Incident], cause: Cause) {
    let by: BTreeSet<String> =
        acknowledged.iter().filter_map(|incident| incident.acknowledged.as_ref()).map(|(_, by)| called(by)).collect();
    if by.is_empty() {
        return;
    }
    let by = listed(&by.iter().map(String::as_str).collect::<Vec<&str>>(), 0);
    let which = |incident: &&Incident| format!("{} {}", display_number(incident.number), incident.title);
    let named: Vec<String> = acknowledged.iter().take(NAMES).map(which).collect();
    let more = acknowledged.len().saturating_sub(NAMES);
    let more = if more == 0 { String::new() } else { format!("\nand {more} more") };
    let text = format!("Acknowledged by {by}:\n{}{more}\n\nAll that is open:\n{}", named.join("\n"), message.text);
    message.text = cut(&text, TEXT_CHARACTERS);
    if cause == Cause::Acknowledged {
        message.title = cut(&format!("Acknowledged in part by {by}: {}", message.title), TITLE_CHARACTERS);
    }
}

/// What people call who did something.
#[must_use]
pub fn called(actor: &Actor) -> String {
    match actor {
        Actor::Token { name, .. } | Actor::Feed { name } => name.clone(),
        Actor::Link { name, sent_to, .. } if sent_to.is_empty() => format!("somebody on {name}"),
        Actor::Link { sent_to, .. } => sent_to.clone(),
        Actor::Local => "the operator at the server".into(),
        Actor::Agent { id } => id.to_string(),
        Actor::Rule { id } => format!("rule {id}"),
        Actor::System => "the server".into(),
        Actor::Anonymous => "somebody".into(),
    }
}

/// Labels that all incidents have with the same value.
fn shared(world: &World, incidents: &[&Incident]) -> BTreeMap<String, String> {
    let mut labels = incidents.iter().map(|incident| Subject::of(world, incident).labels());
    let Some(mut shared) = labels.next() else { return BTreeMap::new() };
    for other in labels {
        shared.retain(|name, value| other.get(name) == Some(value));
    }
    shared
}

pub(super) fn entry(world: &World, incident: &Incident) -> MessageIncident {
    let external = || world.alerts.external.of(incident).and_then(|alert| alert.runbook.as_ref());
    let runbook = incident.breach.as_ref().map_or_else(external, |breach| breach.runbook.as_ref());
    MessageIncident {
        id: incident.id,
        number: display_number(incident.number),
        title: incident.title.clone(),
        description: cut(&incident.description, DESCRIPTION_CHARACTERS),
        open: incident.state.is_open(),
        priority: incident.priority,
        severity: route::severity(world, incident),
        ci: incident.primary_ci,
        ci_name: incident.primary_ci.and_then(|id| world.cmdb.record(id)).map(|ci| ci.name.clone()),
        labels: Subject::of(world, incident).labels(),
        opened_at: incident.opened_at,
        acknowledged_by: incident.acknowledged.as_ref().map(|(_, by)| called(by)),
        resolved_at: incident.resolved.as_ref().map(|(at, _)| *at),
        runbook: runbook.cloned(),
    }
}

/// The name of a severity.
pub(super) fn severity(severity: Severity) -> &'static str {
    match severity {
        Severity::Warning => "warning",
        Severity::Critical => "critical",
    }
}

/// The name of a tier.
pub(super) fn tier(tier: Tier) -> &'static str {
    match tier {
        Tier::RecordOnly => "record_only",
        Tier::Ticket => "ticket",
        Tier::Page => "page",
    }
}
