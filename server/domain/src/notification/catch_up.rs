//! What is open already when people say who is to be told: it is told as if it opened now.
//!
//! A route that is made, or takes more than before, takes what is open and waits for somebody, unless it has told of it. What is in no group at
//! all, as when its route is deleted, is taken by the routes that are left. Whom a group did not reach is told how it stands once its
//! channel takes something again. Invariants: nothing is told twice through one route; a change of
//! a route begins a bounded number of groups, so that what was open in an outage is a few notifications.

use super::group::{NotificationGroup, Timers};
use super::react::{self, Place};
use super::route::{self, Route, Subject};
use super::standing::is_usable;
use super::{NotificationEvent, Standing, fold};
use crate::id::{ChannelId, IncidentId, RouteId};
use crate::incident::Incident;
use crate::{Context, World};
use rollcall_shared::Timestamp;
use std::collections::BTreeMap;

/// What one change of a route may begin or add to: with more, all are told together.
const APART: usize = 20;

/// Incidents that one change of a route takes, the worst first: ten thousand are one event of some hundred kilobytes.
const INCIDENTS: usize = 10_000;

/// An incident with what routes see of it.
type Seen<'a> = (&'a Incident, Subject<'a>);

/// What follows for incidents from an event that has just been applied.
#[must_use]
pub(super) fn react(world: &World, event: &NotificationEvent, context: &mut Context<'_>) -> Vec<NotificationEvent> {
    let changed = match event {
        NotificationEvent::RouteSet { route } => Some(route.id),
        NotificationEvent::RouteDeleted { .. } => None,
        NotificationEvent::PolicySet { .. } | NotificationEvent::MethodsSet { .. } | NotificationEvent::ScheduleSet { .. } => {
            return untold(world, context.now);
        }
        _ => return Vec::new(),
    };
    let mut open: Vec<&Incident> = world.incidents.incidents.values().filter(|incident| waits(world, incident)).collect();
    open.sort_by_key(|incident| (incident.priority, incident.number));
    open.truncate(INCIDENTS);
    let mut taken = BTreeMap::<RouteId, (&Route, Vec<Seen<'_>>)>::new();
    for incident in open {
        let subject = Subject::of(world, incident);
        let is_told_of = world.notifications.by_incident.contains_key(&incident.id);
        let routes = route::matching(world, &subject, context.now).into_iter();
        for route in routes.filter(|route| !is_told_of || Some(route.id) == changed) {
            if react::group_of(world, incident.id, route.id).is_none() {
                taken.entry(route.id).or_insert_with(|| (route, Vec::new())).1.push((incident, subject.clone()));
            }
        }
    }
    let mut events = untold(world, context.now);
    events.extend(taken.into_values().flat_map(|(route, seen)| enter(world, route, &seen, context)));
    events
}

/// What follows when a channel takes something again, or may: whom groups did not reach through it is told how they stand.
pub(super) fn works_again(world: &World, channel: ChannelId, now: Timestamp) -> Vec<NotificationEvent> {
    let is_missed = |group: &&NotificationGroup| group.missed.iter().any(|address| address.channel == channel);
    let groups = world.notifications.groups.values().filter(|_| is_usable(world, channel));
    groups.filter(|group| group.is_open()).filter(is_missed).map(|group| soon(group, now)).collect()
}

/// Groups of which nobody could be told: somebody may be reached now.
fn untold(world: &World, now: Timestamp) -> Vec<NotificationEvent> {
    let is_untold = |group: &&NotificationGroup| group.told_at.is_some() && group.told_to.is_empty() && group.unattended().next().is_some();
    world.notifications.groups.values().filter(is_untold).map(|group| soon(group, now)).collect()
}

/// A group is looked at at once.
fn soon(group: &NotificationGroup, now: Timestamp) -> NotificationEvent {
    let timers = Timers { tell_at: react::earliest(group.timers.tell_at, now), ..group.timers };
    NotificationEvent::GroupTimed { group: group.id, timers, held: group.held }
}

fn waits(world: &World, incident: &Incident) -> bool {
    react::wanted(incident) == Standing::Waiting && !react::is_told_elsewhere(world, incident)
}

/// Brings incidents into the groups of a route, new ones all at once.
fn enter(world: &World, route: &Route, seen: &[Seen<'_>], context: &mut Context<'_>) -> Vec<NotificationEvent> {
    let (mut joined, mut new) = (Vec::new(), BTreeMap::<String, (Place, Vec<&Seen<'_>>)>::new());
    for one in seen {
        let place = place(route, one, context);
        if react::known(world, route, &place.labels, place.digest).is_some() {
            joined.push(one);
        } else {
            new.entry(fold::key(route.id, &place.labels, place.digest)).or_insert_with(|| (place, Vec::new())).1.push(one);
        }
    }
    if joined.len() + new.len() > APART {
        let all: Vec<&Seen<'_>> = seen.iter().collect();
        let quiet = loudest(&all).and_then(|(_, subject)| route.quiet_until(subject.tier, context.now));
        return begin(world, route, Place { labels: BTreeMap::new(), quiet, digest: true }, &all, context).into_iter().collect();
    }
    // The tier and the timers of the last one stay.
    joined.sort_by_key(|(_, subject)| subject.tier);
    let mut events: Vec<NotificationEvent> =
        joined.into_iter().flat_map(|(incident, subject)| react::join(world, route, subject, incident, context)).collect();
    for (place, incidents) in new.into_values() {
        events.extend(begin(world, route, place, &incidents, context));
    }
    events
}

fn place(route: &Route, (incident, subject): &Seen<'_>, context: &Context<'_>) -> Place {
    let quiet = route.quiet_until(subject.tier, context.now);
    let labels = if quiet.is_some() { BTreeMap::new() } else { route.key(subject, &incident.id.to_string()) };
    Place { labels, quiet, digest: quiet.is_some() }
}

fn begin(world: &World, route: &Route, place: Place, incidents: &[&Seen<'_>], context: &mut Context<'_>) -> Option<NotificationEvent> {
    let (_, subject) = loudest(incidents)?;
    let waiting: BTreeMap<IncidentId, u8> = incidents.iter().map(|(incident, _)| (incident.id, incident.priority)).collect();
    let group = react::begun(world, route, place, (subject, waiting), context);
    Some(NotificationEvent::GroupOpened { group: Box::new(group) })
}

fn loudest<'a, 'b>(incidents: &[&'b Seen<'a>]) -> Option<&'b Seen<'a>> {
    incidents.iter().copied().max_by_key(|(_, subject)| subject.tier)
}
