//! What happens to incidents, as far as it changes who is to be told: they come into groups, are attended, end.

use super::group::{NotificationGroup, Progress, Standing, Timers};
use super::route::{self, Route, STORM_WAIT, Subject, TICKET_WAIT};
use super::{NotificationEvent, Notifications, catch_up, fold, watch};
use crate::alert::{AlertEvent, AlertState, Suppression};
use crate::delivery::DeliveryEvent;
use crate::id::{AlertId, IncidentId, NotificationGroupId, RouteId, RuleId};
use crate::incident::{self, Incident, IncidentEvent, IncidentState};
use crate::rule::Tier;
use crate::{Context, Event, World};
use rollcall_shared::Timestamp;
use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

/// Alerts that are looked through for those about to fire: whether a storm comes shows in the first of them.
const LOOKED_THROUGH: usize = 5_000;

/// How long it takes until it is said that a part of a group is acknowledged: one press of a button is an event for each incident.
const NOTICE_WAIT: Duration = Duration::from_secs(10);

/// Other hosts about to breach the same rule from which on a storm is expected.
const STORM: usize = 2;

/// What follows from an event that has just been applied.
#[must_use]
pub fn react(world: &World, event: &Event, context: &mut Context<'_>) -> Vec<Event> {
    let news = match event {
        Event::Incident(event) => watch::react(world, event, context.now).map(Event::Notification),
        _ => None,
    };
    if world.notifications.routes.is_empty() && world.notifications.groups.is_empty() {
        return news.into_iter().collect();
    }
    let events = match event {
        Event::Incident(event) => on_incident(world, event, context),
        Event::Alert(AlertEvent::AlertSuppressed { alert, reason: None, .. }) => wake(world, *alert, context.now),
        Event::Notification(event) => catch_up::react(world, event, context),
        Event::Delivery(DeliveryEvent::ChannelSet { channel, .. }) => catch_up::works_again(world, channel.id, context.now),
        _ => Vec::new(),
    };
    events.into_iter().map(Event::Notification).chain(news).collect()
}

fn on_incident(world: &World, event: &IncidentEvent, context: &mut Context<'_>) -> Vec<NotificationEvent> {
    if matches!(event, IncidentEvent::IncidentNoted { .. } | IncidentEvent::AlertAttached { .. } | IncidentEvent::IncidentLinked { .. }) {
        return Vec::new();
    }
    let Some(incident) = incident::fold::id(event).and_then(|id| world.incidents.incidents.get(&id)) else { return Vec::new() };
    let wanted = wanted(incident);
    let groups = world.notifications.by_incident.get(&incident.id).into_iter().flatten();
    let groups = groups.filter_map(|id| world.notifications.groups.get(id));
    let mut events: Vec<NotificationEvent> = if matches!(event, IncidentEvent::IncidentAcknowledged { .. }) {
        groups.filter_map(|group| acknowledged(world, group, incident, wanted, context.now)).collect()
    } else {
        groups.filter_map(|group| moved(world, group, incident, wanted, context.now)).collect()
    };
    if wanted == Standing::Waiting && !is_told_elsewhere(world, incident) {
        events.extend(joined(world, incident, context));
    }
    let storm = world.incidents.storm_of(incident);
    if let Some(storm) = storm.filter(|_| matches!(event, IncidentEvent::IncidentOpened { .. })) {
        events.extend(grew(world, storm, context.now));
    }
    // What is part of a storm may make the whole of it louder, and so a matter of other routes.
    let storm = storm.filter(|_| matches!(event, IncidentEvent::IncidentPrioritised { .. }));
    if let Some(storm) = storm.filter(|storm| self::wanted(storm) == Standing::Waiting && !is_told_elsewhere(world, storm)) {
        events.extend(joined(world, storm, context));
    }
    events
}

/// A storm that is much larger than was told is told again, with its groups as they are then, after their interval.
fn grew(world: &World, storm: &Incident, now: Timestamp) -> Vec<NotificationEvent> {
    let groups = world.notifications.by_incident.get(&storm.id).into_iter().flatten();
    let groups = groups.filter_map(|id| world.notifications.groups.get(id)).filter(|group| group.has_outgrown(storm));
    let sooner = groups.filter_map(|group| {
        let repeat_at = earliest(group.timers.repeat_at, next_telling(world, group, now));
        let timers = Timers { repeat_at, ..group.timers };
        (timers != group.timers).then_some(NotificationEvent::GroupTimed { group: group.id, timers, held: group.held })
    });
    sooner.collect()
}

/// Where an incident belongs by itself: ended, attended, or waiting to be told.
#[must_use]
pub(super) fn wanted(incident: &Incident) -> Standing {
    match incident.state {
        IncidentState::Resolved | IncidentState::Closed | IncidentState::Cancelled => Standing::Ended,
        // Nobody is called about what somebody works on or lets wait; whether that was acknowledged is told by itself.
        IncidentState::InProgress | IncidentState::OnHold => Standing::Attended,
        IncidentState::New | IncidentState::Assigned if incident.acknowledged.is_some() => Standing::Attended,
        IncidentState::New | IncidentState::Assigned => Standing::Waiting,
    }
}

fn moved(world: &World, group: &NotificationGroup, incident: &Incident, wanted: Standing, now: Timestamp) -> Option<NotificationEvent> {
    let standing = group.standing(incident.id)?;
    let worse = group.told.get(&incident.id).is_some_and(|told| incident.priority < *told);
    let to = match (standing, wanted) {
        (Standing::Told, Standing::Waiting) if worse => Standing::Waiting,
        (Standing::Told | Standing::Waiting, Standing::Waiting) => return None,
        (before, after) if before == after => return None,
        (_, after) => after,
    };
    let mut timers = group.timers;
    if to == Standing::Waiting {
        timers.tell_at = earliest(timers.tell_at, next_telling(world, group, now));
    } else if group.unattended().all(|one| one == incident.id) {
        // Nobody is left to be told about: how the group stands now is said at once, and nothing else.
        timers = Timers { tell_at: Some(now), ..Timers::default() };
    }
    let tier = group.tier.max(route::tier(world, incident));
    Some(NotificationEvent::GroupMemberMoved { group: group.id, incident: incident.id, to, priority: incident.priority, tier, timers })
}

/// What was put on hold before anybody acknowledged it is attended already: that somebody has by now is still to be said. Of a part of a
/// group it is said soon, with what else is acknowledged by then; of all of it at once.
fn acknowledged(
    world: &World,
    group: &NotificationGroup,
    incident: &Incident,
    wanted: Standing,
    now: Timestamp,
) -> Option<NotificationEvent> {
    let standing = group.standing(incident.id);
    if group.unattended().any(|one| one != incident.id) {
        let is_heard = matches!(standing, Some(Standing::Told | Standing::Attended)) && !group.told_to.is_empty();
        let route = world.notifications.routes.get(&group.route).map(|known| &known.route);
        if !is_heard || wanted != Standing::Attended || !route.is_some_and(|route| route.tell_acknowledged) {
            return moved(world, group, incident, wanted, now);
        }
        let timers = Timers { notice_at: earliest(group.timers.notice_at, now.plus(NOTICE_WAIT)), ..group.timers };
        let (incident, priority) = (incident.id, incident.priority);
        let (group, tier) = (group.id, group.tier);
        return Some(NotificationEvent::GroupMemberMoved { group, incident, to: Standing::Attended, priority, tier, timers });
    }
    if standing != Some(Standing::Attended) {
        return moved(world, group, incident, wanted, now);
    }
    let timers = Timers { tell_at: Some(now), ..group.timers };
    Some(NotificationEvent::GroupTimed { group: group.id, timers, held: group.held })
}

/// Groups that an incident comes into by the routes that take it.
fn joined(world: &World, incident: &Incident, context: &mut Context<'_>) -> Vec<NotificationEvent> {
    let subject = Subject::of(world, incident);
    let routes = route::matching(world, &subject, context.now);
    let new = routes.into_iter().filter(|route| group_of(world, incident.id, route.id).is_none());
    new.flat_map(|route| join(world, route, &subject, incident, context)).collect()
}

/// The group in which a route has an incident.
pub(super) fn group_of(world: &World, incident: IncidentId, route: RouteId) -> Option<&NotificationGroup> {
    let mut groups = world.notifications.by_incident.get(&incident).into_iter().flatten();
    groups.find_map(|id| world.notifications.groups.get(id).filter(|group| group.route == route))
}

/// The group of what shares these, whatever the team that works on it was called when the group began.
pub(super) fn known<'a>(world: &'a World, route: &Route, labels: &BTreeMap<String, String>, digest: bool) -> Option<&'a NotificationGroup> {
    let Notifications { groups, by_key, .. } = &world.notifications;
    let of = |labels: &BTreeMap<String, String>| groups.get(by_key.get(&fold::key(route.id, labels, digest))?);
    let team = || world.contacts.find(labels.get("group")?).map(|known| &known.contact);
    let called = |name: &str| {
        let mut labels = labels.clone();
        labels.insert("group".into(), name.to_owned());
        labels
    };
    of(labels).or_else(|| team()?.names().find_map(|name| of(&called(name))))
}

pub(super) fn join(
    world: &World,
    route: &Route,
    subject: &Subject<'_>,
    incident: &Incident,
    context: &mut Context<'_>,
) -> Vec<NotificationEvent> {
    let (now, tier) = (context.now, subject.tier);
    let quiet = route.quiet_until(tier, now);
    let labels = if quiet.is_some() { BTreeMap::new() } else { route.key(subject, &incident.id.to_string()) };
    if let Some(group) = known(world, route, &labels, quiet.is_some()) {
        let begins = group.is_told_over();
        let (wait, held) = if begins { first_wait(world, route, subject) } else { (Duration::ZERO, group.held) };
        let due = quiet.unwrap_or_else(|| if begins { now.plus(wait) } else { next_telling(world, group, now) });
        let timers = Timers { tell_at: earliest(group.timers.tell_at, due), end_at: None, ..group.timers };
        let tier = group.tier.max(tier);
        let waits = (held != group.held).then_some(NotificationEvent::GroupTimed { group: group.id, timers, held });
        let (group, incident, priority) = (group.id, incident.id, incident.priority);
        let moved = NotificationEvent::GroupMemberMoved { group, incident, to: Standing::Waiting, priority, tier, timers };
        return std::iter::once(moved).chain(waits).collect();
    }
    let place = Place { labels, quiet, digest: quiet.is_some() };
    let group = begun(world, route, place, (subject, BTreeMap::from([(incident.id, incident.priority)])), context);
    vec![NotificationEvent::GroupOpened { group: Box::new(group) }]
}

/// Where an incident is told with others.
pub(super) struct Place {
    /// What they share.
    pub(super) labels: BTreeMap<String, String>,
    /// Until when they are held.
    pub(super) quiet: Option<Timestamp>,
    /// Whether all are told together, whatever they share.
    pub(super) digest: bool,
}

/// A new group of these incidents, of which `subject` is the loudest.
pub(super) fn begun(
    world: &World,
    route: &Route,
    place: Place,
    (subject, waiting): (&Subject<'_>, BTreeMap<IncidentId, u8>),
    context: &mut Context<'_>,
) -> NotificationGroup {
    let now = context.now;
    let (wait, held) = first_wait(world, route, subject);
    let tell_at = Some(place.quiet.unwrap_or_else(|| now.plus(wait)));
    NotificationGroup {
        id: NotificationGroupId(context.ids.next_bits()),
        route: route.id,
        key: place.labels,
        digest: place.digest,
        tier: subject.tier,
        waiting,
        told: BTreeMap::new(),
        attended: BTreeSet::new(),
        unsaid: BTreeSet::new(),
        ended: Vec::new(),
        ended_count: 0,
        status: None,
        told_at: None,
        told_to: BTreeSet::new(),
        missed: BTreeSet::new(),
        sizes: BTreeMap::new(),
        progress: Progress::default(),
        held,
        timers: Timers { tell_at, ..Timers::default() },
        opened_at: now,
    }
}

/// When a known group may say more: when it meant to, if it has not been told yet; else an interval after it was.
fn next_telling(world: &World, group: &NotificationGroup, now: Timestamp) -> Timestamp {
    let route = world.notifications.routes.get(&group.route);
    let interval = route.map_or(0, |known| known.route.group_interval_ms);
    match group.told_at {
        Some(told) => now.max(told.plus(Duration::from_millis(interval))),
        None => group.timers.tell_at.unwrap_or(now),
    }
}

pub(super) fn earliest(known: Option<Timestamp>, other: Timestamp) -> Option<Timestamp> {
    Some(known.map_or(other, |known| known.min(other)))
}

/// How long a new group waits for others, and whether that is the wait for a storm.
pub(super) fn first_wait(world: &World, route: &Route, subject: &Subject<'_>) -> (Duration, bool) {
    match (route.group_wait_ms, subject.tier) {
        (Some(ms), _) => (Duration::from_millis(ms), true),
        (None, Tier::Page) if subject.rule.as_ref().is_some_and(|rule| storm_comes(world, route, rule)) => (STORM_WAIT, true),
        (None, Tier::Page) => (Duration::ZERO, false),
        (None, Tier::Ticket | Tier::RecordOnly) => (TICKET_WAIT, true),
    }
}

/// Whether other hosts are about to breach a rule, and would be told together.
fn storm_comes(world: &World, route: &Route, rule: &RuleId) -> bool {
    if route.group_by.contains(&route::GroupBy::Ci) {
        return false;
    }
    let live = world.alerts.live.iter().take(LOOKED_THROUGH).filter_map(|id| world.alerts.alerts.get(id));
    live.filter(|alert| alert.key.rule == *rule && alert.state == AlertState::Pending).take(STORM).count() == STORM
}

/// Whether an incident is not to be told about for now. What flaps has been told, or is told when it opens.
#[must_use]
pub(super) fn is_suppressed(world: &World, incident: &Incident) -> bool {
    let own = incident.breach.as_ref().and_then(|breach| world.alerts.alerts.get(&breach.alert)).map(|alert| &alert.suppressed);
    let suppressed = own.or_else(|| world.alerts.external.of(incident).map(|alert| &alert.suppressed));
    let is_muted = suppressed.is_some_and(|suppressed| suppressed.keys().any(|axis| *axis != Suppression::Flapping));
    is_muted || is_told_elsewhere(world, incident)
}

/// Whether another open incident tells of it: the storm that it is one of, or what its item depends on.
pub(super) fn is_told_elsewhere(world: &World, incident: &Incident) -> bool {
    let is_open = |id: IncidentId| id != incident.id && world.incidents.incidents.get(&id).is_some_and(|other| other.state.is_open());
    let own = incident.breach.as_ref().and_then(|breach| world.alerts.alerts.get(&breach.alert)).map(|alert| alert.told_by);
    let told_by = own.or_else(|| world.alerts.external.of(incident).map(|alert| alert.told_by)).flatten();
    told_by.is_some_and(is_open) || world.incidents.storm_of(incident).is_some_and(|storm| storm.state.is_open())
}

/// An alert may be told about again: what waits for that is looked at now.
fn wake(world: &World, alert: AlertId, now: Timestamp) -> Vec<NotificationEvent> {
    let own = world.alerts.alerts.get(&alert).map(|alert| alert.incident);
    let incident = own.or_else(|| world.alerts.external.by_id(alert).map(|alert| alert.incident)).flatten();
    let Some(incident) = incident else { return Vec::new() };
    let waits = |group: &&NotificationGroup| group.unattended().any(|id: IncidentId| id == incident);
    let groups = world.notifications.by_incident.get(&incident).into_iter().flatten();
    let groups = groups.filter_map(|id| world.notifications.groups.get(id)).filter(waits);
    groups
        .map(|group| {
            let tell_at = earliest(group.timers.tell_at, next_telling(world, group, now));
            NotificationEvent::GroupTimed { group: group.id, timers: Timers { tell_at, ..group.timers }, held: group.held }
        })
        .collect()
}
