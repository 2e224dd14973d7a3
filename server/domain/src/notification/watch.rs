//! Watchers: who asked to know what becomes of an incident is told so, through methods of their own.
//!
//! What happens to an incident within [`GATHERED`] is one message. Invariants: nobody is told at an address at which a route has told of
//! the incident meanwhile, unless there is a comment, which routes do not tell; an outbox that is full is left to what routes tell; what was
//! told to watchers, and what could not be, is in the history with the rest.

use super::escalation::Address;
use super::message;
use super::route::{self, Subject};
use super::{Cause, Fate, News, Notification, NotificationEvent, Standing, ToldAs, fold, react, tell};
use crate::delivery::message::severity_of_priority;
use crate::delivery::{DeliveryEvent, DeliveryState, Message, MessageStatus, WAITING, queue};
use crate::id::{ChannelId, ContactId, DeliveryId, IncidentId, NotificationId};
use crate::incident::compose::cut;
use crate::incident::{Incident, IncidentEvent, IncidentState, Party, display_number};
use crate::{Context, Event, World};
use rollcall_shared::Timestamp;
use std::collections::BTreeSet;
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
    let (mut notifications, mut queued) = (Vec::new(), Vec::new());
    if let Some(incident) = world.incidents.incidents.get(&id) {
        let known = if news.comment { BTreeSet::new() } else { told_by_routes(world, id, news.since) };
        let Watched { mut reached, missed } = watched(world, incident);
        reached.retain(|address| !known.contains(&(address.channel, address.recipient.clone())));
        let message = compose(world, incident, news);
        for ((channel, _), addresses) in tell::by_channel(&reached) {
            let recipients = addresses.iter().filter_map(|address| address.recipient.clone()).collect();
            let message = Message { recipients, ..message.clone() };
            // Two contacts may have one address.
            let is_told = |other: &&Address| other.channel == channel && addresses.iter().any(|one| one.recipient == other.recipient);
            let contacts = reached.iter().filter(is_told).filter_map(|address| address.contact).collect();
            let mut told = notification(&message, (channel, contacts), news, context);
            let sent = send(world, channel, message, context);
            told.delivery = sent.iter().find_map(delivery);
            if told.delivery.is_none() {
                told.fate = Fate::NotSent { reason: tell::FULL.into() };
            }
            notifications.push(told);
            queued.extend(sent);
        }
        for (Address { channel, recipient, contact }, reason) in missed {
            let message = Message { recipients: recipient.into_iter().collect(), ..message.clone() };
            let told = notification(&message, (channel, contact.into_iter().collect()), news, context);
            notifications.push(Notification { fate: Fate::NotSent { reason }, ..told });
        }
    }
    let told = Event::Notification(NotificationEvent::WatchersTold { incident: id, notifications });
    std::iter::once(told).chain(queued).collect()
}

/// What puts a message into an outbox; nothing where that is full.
fn send(world: &World, channel: ChannelId, message: Message, context: &mut Context<'_>) -> Vec<Event> {
    if world.delivery.of(channel, DeliveryState::Waiting).count() >= WAITING {
        return Vec::new();
    }
    queue::notify(world, channel, message, context)
}

fn delivery(event: &Event) -> Option<DeliveryId> {
    match event {
        Event::Delivery(DeliveryEvent::DeliveryQueued { delivery }) => Some(delivery.id),
        _ => None,
    }
}

/// What is remembered of a message to watchers.
fn notification(
    message: &Message,
    (channel, contacts): (ChannelId, BTreeSet<ContactId>),
    news: News,
    context: &mut Context<'_>,
) -> Notification {
    let is_over = message.status == MessageStatus::Resolved && !news.comment;
    Notification {
        id: NotificationId(context.ids.next_bits()),
        at: context.now,
        group: None,
        route: None,
        told_as: Some(ToldAs::Watcher),
        cause: if is_over { Cause::Resolved } else { Cause::Changed },
        status: message.status,
        step: 0,
        channel,
        recipients: message.recipients.clone(),
        contacts: contacts.into_iter().collect(),
        title: message.title.clone(),
        incidents: message.incidents.iter().map(|incident| incident.id).collect(),
        omitted: 0,
        delivery: None,
        revision: 0,
        fate: Fate::Waiting,
    }
}

/// Where watchers are reached by what they say of themselves.
#[derive(Default)]
struct Watched {
    reached: BTreeSet<Address>,
    /// Where they would be, and why they are not.
    missed: Vec<(Address, String)>,
}

/// Who only uses the API has no address.
fn watched(world: &World, incident: &Incident) -> Watched {
    let contacts = incident.watchers.iter().filter_map(|watcher| match watcher {
        Party::Contact { contact, .. } => Some(*contact),
        _ => None,
    });
    let known = contacts.filter_map(|id| Some((&world.contacts.contacts.get(&id)?.contact, world.notifications.methods.get(&id)?)));
    let mut watched = Watched::default();
    for (contact, method) in known.flat_map(|(contact, known)| known.methods.iter().map(move |method| (contact, method))) {
        match method.reach(world, contact) {
            Ok(address) => drop(watched.reached.insert(address)),
            Err(reason) => {
                let address = Address { channel: method.channel, recipient: method.address.clone(), contact: Some(contact.id) };
                watched.missed.push((address, reason));
            }
        }
    }
    watched
}

/// Why nothing would reach a watcher as things are now, in words; `None` when something would.
#[must_use]
pub fn unreached(world: &World, watcher: &Party) -> Option<String> {
    let Party::Contact { contact: id, name } = watcher else {
        return Some("is no contact and has no address; contacts are told, by methods of their own".into());
    };
    let Some(known) = world.contacts.contacts.get(id) else { return Some(format!("{name} is no contact any more")) };
    let name = &known.contact.name;
    let methods = world.notifications.methods.get(id).map(|known| known.methods.as_slice()).unwrap_or_default();
    if methods.is_empty() {
        return Some(format!("{name} has no notification method; PUT /api/v1/contacts/{id}/methods gives them one"));
    }
    let missed: Result<Vec<String>, ()> = methods.iter().map(|method| method.reach(world, &known.contact).err().ok_or(())).collect();
    missed.ok().map(|reasons| reasons.join(", "))
}

/// Addresses at which routes have told of an incident since a moment.
fn told_by_routes(world: &World, incident: IncidentId, since: Timestamp) -> BTreeSet<(ChannelId, Option<String>)> {
    let by_routes = world.notifications.of_incident(incident).filter(|told| told.route.is_some());
    let told = by_routes.filter(|told| told.at >= since && told.delivery.is_some());
    told.flat_map(fold::addresses).map(|address| (address.channel, address.recipient)).collect()
}

/// Composes a message for nobody in particular yet.
fn compose(world: &World, incident: &Incident, news: News) -> Message {
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
    let is_commented = !comments.is_empty();
    let text = if comments.is_empty() { format!("It is {state} and has priority {}.", incident.priority) } else { comments };
    let mut message = Message {
        group: incident.id.to_string(),
        labels: Subject::of(world, incident).labels(),
        status,
        severity: route::severity(world, incident).unwrap_or_else(|| severity_of_priority(incident.priority)),
        tier: route::tier(world, incident),
        title: cut(&title, CHARACTERS.0),
        text: cut(&text, CHARACTERS.1),
        route: "Watchers".into(),
        step: 1,
        recipients: Vec::new(),
        incidents: vec![message::entry(world, incident)],
        omitted: 0,
    };
    if !is_commented {
        message.text.insert_str(0, &message::taken_notice(&message));
    }
    message
}
