//! Watchers: who asked to know what becomes of an incident is told so, through methods of their own.
//!
//! What happens to an incident within [`GATHERED`] is one message. Invariants: nobody is told at an address at which a route has told of
//! the incident meanwhile, unless there is a comment, which routes do not tell; an outbox that is full is left to what routes tell.

use super::escalation::Address;
use super::message;
use super::route::{self, Subject};
use super::{News, NotificationEvent, Standing, fold, react};
use crate::delivery::message::severity_of_priority;
use crate::delivery::{DeliveryState, Message, MessageStatus, WAITING, queue};
use crate::id::{ChannelId, IncidentId};
use crate::incident::compose::cut;
use crate::incident::{Incident, IncidentEvent, IncidentState, Party, display_number};
use crate::{Context, Event, World};
use rollcall_shared::Timestamp;
use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

/// How long what happens to an incident is gathered before its watchers are told: somebody who takes an incident sets its state, its
/// priority and a comment in one go.
pub const GATHERED: Duration = Duration::from_secs(60);

/// Incidents whose watchers are told in one decision: the others follow within a second.
const AT_ONCE: usize = 100;

/// Characters of a title, and of a comment.
const CHARACTERS: (usize, usize) = (300, 2_000);

/// What an event that has just been applied is to watchers: news, if it is one of those that they are told of.
#[must_use]
pub(super) fn react(world: &World, event: &IncidentEvent, now: Timestamp) -> Option<NotificationEvent> {
    let (id, comment) = match event {
        // That a resolved one is closed in the end is no news.
        IncidentEvent::IncidentStateChanged { before: IncidentState::Resolved, after: IncidentState::Closed, .. } => return None,
        IncidentEvent::IncidentStateChanged { incident, .. }
        | IncidentEvent::IncidentPrioritised { incident, .. }
        | IncidentEvent::IncidentEdited { incident, surroundings: Some(_), .. }
        | IncidentEvent::IncidentMerged { incident, .. } => (*incident, false),
        IncidentEvent::IncidentNoted { incident, public: true, .. } => (*incident, true),
        _ => return None,
    };
    let incident = world.incidents.incidents.get(&id)?;
    let is_watched = incident.watchers.iter().any(|watcher| matches!(watcher, Party::Contact { .. }));
    let known = world.notifications.news.get(&id).copied();
    let news = News { since: known.map_or(now, |known| known.since), comment: comment || known.is_some_and(|known| known.comment) };
    (is_watched && known != Some(news)).then_some(NotificationEvent::WatchersToTell { incident: id, news })
}

/// Tells watchers of what has been gathered for long enough.
#[must_use]
pub(super) fn settle(world: &World, context: &mut Context<'_>) -> Vec<Event> {
    let now = context.now;
    let due = world.notifications.news.iter().filter(|(_, news)| news.since.plus(GATHERED) <= now).take(AT_ONCE);
    due.flat_map(|(id, news)| tell(world, *id, *news, context)).collect()
}

fn tell(world: &World, id: IncidentId, news: News, context: &mut Context<'_>) -> Vec<Event> {
    let mut events = vec![Event::Notification(NotificationEvent::WatchersTold { incident: id })];
    let Some(incident) = world.incidents.incidents.get(&id) else { return events };
    let known = if news.comment { BTreeSet::new() } else { told_by_routes(world, id, news.since) };
    let mut to: BTreeMap<ChannelId, BTreeSet<Option<String>>> = BTreeMap::new();
    for Address { channel, recipient, .. } in addresses(world, incident) {
        if !known.contains(&(channel, recipient.clone())) {
            to.entry(channel).or_default().insert(recipient);
        }
    }
    for (channel, recipients) in to {
        if world.delivery.of(channel, DeliveryState::Waiting).count() >= WAITING {
            continue;
        }
        let (people, whole): (Vec<_>, Vec<_>) = recipients.into_iter().partition(Option::is_some);
        for recipients in [people, whole].into_iter().filter(|recipients| !recipients.is_empty()) {
            let message = compose(world, incident, news, recipients.into_iter().flatten().collect());
            events.extend(queue::notify(world, channel, message, context));
        }
    }
    events
}

/// Where watchers are reached by what they say of themselves. Who only uses the API has no address.
fn addresses(world: &World, incident: &Incident) -> Vec<Address> {
    let contacts = incident.watchers.iter().filter_map(|watcher| match watcher {
        Party::Contact { contact, .. } => Some(*contact),
        _ => None,
    });
    let known = contacts.filter_map(|id| Some((&world.contacts.contacts.get(&id)?.contact, world.notifications.methods.get(&id)?)));
    known.flat_map(|(contact, known)| known.methods.iter().filter_map(|method| method.reach(world, contact).ok())).collect()
}

/// Addresses at which routes have told of an incident since a moment.
fn told_by_routes(world: &World, incident: IncidentId, since: Timestamp) -> BTreeSet<(ChannelId, Option<String>)> {
    let told = world.notifications.of_incident(incident).filter(|told| told.at >= since && told.delivery.is_some());
    told.flat_map(fold::addresses).map(|address| (address.channel, address.recipient)).collect()
}

fn compose(world: &World, incident: &Incident, news: News, recipients: Vec<String>) -> Message {
    let status = match react::wanted(incident) {
        Standing::Waiting | Standing::Told => MessageStatus::Firing,
        Standing::Attended if incident.acknowledged.is_some() => MessageStatus::Acknowledged,
        Standing::Attended => MessageStatus::Firing,
        Standing::Ended => MessageStatus::Resolved,
    };
    let state = incident.state.as_str().replace('_', " ");
    let title = format!("{} {}: {state}, priority {}", display_number(incident.number), incident.title, incident.priority);
    let comments = incident.notes.iter().filter(|note| note.public && note.at >= news.since).map(|note| note.text.as_str());
    let comments = comments.collect::<Vec<_>>().join("\n\n");
    let text = if comments.is_empty() { format!("It is {state} and has priority {}.", incident.priority) } else { comments };
    Message {
        group: incident.id.to_string(),
        labels: Subject::of(world, incident).labels(),
        status,
        severity: route::severity(world, incident).unwrap_or_else(|| severity_of_priority(incident.priority)),
        tier: route::tier(world, incident),
        title: cut(&title, CHARACTERS.0),
        text: cut(&text, CHARACTERS.1),
        route: "Watchers".into(),
        step: 1,
        recipients,
        incidents: vec![message::entry(world, incident)],
        omitted: 0,
    }
}
