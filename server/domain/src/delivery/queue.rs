//! Notifications that wait: what is sent next, and what need not be sent at all.
//!
//! While a receiver is away, several notifications of one group may gather. Whoever comes back to them wants to know how the group
//! stands, not how it stood: of those for the same people the latest alone is sent, the others say what took their place. So what
//! is told of one group is in order, whatever becomes of single requests.

use super::decide::{buried, make_room, waiting};
use super::{Content, Deliveries, Delivery, DeliveryEvent, DeliveryState, KEEP_DELIVERED, Message, MessageStatus, WAITING};
use crate::id::{ChannelId, DeliveryId, NotificationGroupId};
use crate::notification::{Fate, Notification};
use crate::{Context, Event, World};
use rollcall_shared::Timestamp;
use std::collections::{BTreeMap, BTreeSet};

/// What a notification is one of: a group, told to some people.
type Thread<'a> = (&'a str, &'a [String]);

impl Delivery {
    fn thread(&self) -> Option<Thread<'_>> {
        match &self.content {
            Content::Notification { message } => Some((&message.group, &message.recipients)),
            Content::Test | Content::Records { .. } => None,
        }
    }
}

/// Whether whoever is told a newer message need not be told an older one: it goes to all whom the older one was for.
fn covers(newer: &[String], older: &[String]) -> bool {
    newer == older || (!older.is_empty() && older.iter().all(|one| newer.contains(one)))
}

/// What waits for one channel, by whether it still says how its group stands.
#[derive(Default)]
struct Sorted<'a> {
    /// Oldest first.
    current: Vec<&'a Delivery>,
    /// Oldest first, with what is newer and waits, or was delivered.
    needless: Vec<(DeliveryId, DeliveryId)>,
}

/// Sorts what waits for one channel; of deliveries, oldest first, that wait for it or were delivered through it.
fn sort(deliveries: Vec<&Delivery>) -> Sorted<'_> {
    let (mut sorted, mut newer) = (Sorted::default(), BTreeMap::<&str, Vec<(&[String], DeliveryId)>>::new());
    for delivery in deliveries.into_iter().rev() {
        let waits = delivery.state == DeliveryState::Waiting;
        if let Some((group, recipients)) = delivery.thread() {
            let known = newer.entry(group).or_default();
            if let Some((_, by)) = known.iter().find(|(newer, _)| covers(newer, recipients)) {
                sorted.needless.extend(waits.then_some((delivery.id, *by)));
                continue;
            }
            known.push((recipients, delivery.id));
        }
        sorted.current.extend(waits.then_some(delivery));
    }
    sorted.current.reverse();
    sorted.needless.reverse();
    sorted
}

/// Oldest first, as the log has them: ids follow the clock, which may be set back.
fn in_order<'a>(deliveries: impl Iterator<Item = &'a Delivery>) -> Vec<&'a Delivery> {
    let mut deliveries: Vec<&Delivery> = deliveries.collect();
    deliveries.sort_by_key(|delivery| (delivery.queued, delivery.id));
    deliveries
}

fn waits_or_was_delivered(delivery: &Delivery) -> bool {
    matches!(delivery.state, DeliveryState::Waiting | DeliveryState::Delivered)
}

impl Deliveries {
    /// The message that is sent through a channel next, and when it is due. Notifications heed that a receiver is away; a test is
    /// to find out. What is older than something delivered to the same people of the same group is never sent.
    #[must_use]
    pub fn next_message(&self, channel: ChannelId) -> Option<(&Delivery, Timestamp)> {
        let paused_until = self.channels.get(&channel).and_then(|known| known.health.paused_until);
        let due = self.sorted(channel).current.into_iter().filter_map(|delivery| {
            let due = delivery.next_attempt_at?;
            let pause = paused_until.filter(|_| delivery.content != Content::Test);
            Some((delivery, pause.map_or(due, |pause| pause.max(due))))
        });
        due.min_by_key(|(delivery, due)| (*due, delivery.id))
    }

    fn sorted(&self, channel: ChannelId) -> Sorted<'_> {
        sort(in_order(self.deliveries.values().filter(|delivery| delivery.channel == channel && waits_or_was_delivered(delivery))))
    }
}

/// What makes a message that waits needless, if something does.
pub(super) fn newer_than(world: &World, delivery: &Delivery) -> Option<DeliveryId> {
    let needless = world.delivery.sorted(delivery.channel).needless;
    needless.into_iter().find(|(id, _)| *id == delivery.id).map(|(_, by)| by)
}

/// What the same people were told of the same group, or are to be told, after a message that was given up. Deliveries are soon
/// forgotten; the history of notifications knows them longer.
pub(crate) fn told_after(world: &World, delivery: &Delivery) -> Option<DeliveryId> {
    let (group, recipients) = delivery.thread()?;
    let is_newer = |other: &&Delivery| {
        let is_of_group = other.thread().is_some_and(|(of, to)| of == group && covers(to, recipients));
        other.queued > delivery.queued && other.channel == delivery.channel && waits_or_was_delivered(other) && is_of_group
    };
    if let Some(other) = world.delivery.deliveries.values().filter(is_newer).max_by_key(|other| other.queued) {
        return Some(other.id);
    }
    let notifications = &world.notifications;
    let id = notifications.sent.get(&delivery.id)?;
    let told = notifications.history.get(id)?;
    // Of what watchers are told, the incident is the group.
    let is_of_group = |other: &Notification| other.group == told.group && (told.group.is_some() || other.incidents == told.incidents);
    // What was remembered without a revision is older, and in the order of its ids.
    let age = |one: &Notification| (one.revision, one.id);
    let is_newer = |other: &&Notification| {
        let is_delivered = matches!(other.fate, Fate::Delivered { .. });
        age(other) > age(told)
            && other.channel == told.channel
            && is_delivered
            && is_of_group(other)
            && covers(&other.recipients, recipients)
    };
    notifications.history.values().filter(is_newer).max_by_key(|other| age(other))?.delivery
}

/// Messages begin to wait, and what they make needless does not wait any more: whatever becomes of single requests, what is older
/// is not sent after what is newer.
#[must_use]
pub(crate) fn put(world: &World, new: &[Delivery], context: &Context<'_>) -> Vec<DeliveryEvent> {
    let queued = new.iter().map(|delivery| DeliveryEvent::DeliveryQueued { delivery: Box::new(delivery.clone()) });
    let channels: BTreeSet<ChannelId> = new.iter().map(|delivery| delivery.channel).collect();
    let superseded = channels.into_iter().flat_map(|channel| {
        let new = new.iter().filter(|delivery| delivery.channel == channel);
        let mut all = in_order(world.delivery.of(channel, DeliveryState::Waiting));
        all.extend(new);
        superseded(sort(all).needless, context)
    });
    queued.chain(superseded).collect()
}

/// What becomes of what waits, and of what was given up, when a channel that was disabled or suspended is taken up again: what is over
/// is not told to be wrong, and that it is over is told to whom it had told that something is wrong. How groups that are open stand they say
/// themselves.
pub(super) fn taken_up(world: &World, channel: ChannelId, context: &Context<'_>) -> Vec<DeliveryEvent> {
    let is_over = |group| world.notifications.groups.get(&group).is_none_or(|group| !group.is_open());
    let is_stale =
        |delivery: &&Delivery| told_of(delivery).is_some_and(|(group, status)| status != MessageStatus::Resolved && is_over(group));
    let reason = "it was over before the channel was taken up again";
    let stale: Vec<&Delivery> = world.delivery.of(channel, DeliveryState::Waiting).filter(is_stale).collect();
    let died = stale.iter().map(|delivery| {
        let dead = buried((*delivery).clone(), reason, context);
        DeliveryEvent::DeliveryDied { delivery: Box::new(dead), cursor: None }
    });
    let room = WAITING.saturating_sub(world.delivery.of(channel, DeliveryState::Waiting).count());
    let is_owed = |delivery: &&Delivery| {
        let end = told_of(delivery).filter(|(group, status)| *status == MessageStatus::Resolved && is_over(*group));
        end.is_some_and(|(group, _)| world.notifications.was_delivered(group, channel)) && told_after(world, delivery).is_none()
    };
    let dead = in_order(world.delivery.of(channel, DeliveryState::Dead).filter(is_owed));
    let again: Vec<Delivery> = dead
        .into_iter()
        .take(room)
        .map(|dead| Delivery { created_at: dead.created_at, ..waiting(dead.id, channel, dead.content.clone(), context) })
        .collect();
    make_room(world, channel, stale.len()).into_iter().chain(died).chain(put(world, &again, context)).collect()
}

/// Of which group a notification tells, and how that stood; nothing for what watchers are told.
fn told_of(delivery: &Delivery) -> Option<(NotificationGroupId, MessageStatus)> {
    match &delivery.content {
        Content::Notification { message } => Some((message.group.parse().ok()?, message.status)),
        Content::Test | Content::Records { .. } => None,
    }
}

/// What follows when people are to be told something through a channel: it waits, and what it makes needless does not. Nothing if
/// the channel is disabled or takes no notifications.
#[must_use]
pub fn notify(world: &World, channel: ChannelId, message: Message, context: &mut Context<'_>) -> Vec<Event> {
    let takes = world.delivery.channels.get(&channel).is_some_and(|known| known.channel.enabled && known.channel.takes_notifications());
    if !takes {
        return Vec::new();
    }
    let id = DeliveryId(context.ids.next_bits());
    let new = waiting(id, channel, Content::Notification { message: Box::new(message) }, context);
    put(world, &[new], context).into_iter().map(Event::Delivery).collect()
}

/// Sets aside what need not be sent, and gives up the oldest of what is too much.
pub fn tidy(world: &World, context: &Context<'_>) -> Vec<DeliveryEvent> {
    let mut all: BTreeMap<ChannelId, Vec<&Delivery>> = BTreeMap::new();
    for delivery in world.delivery.deliveries.values().filter(|delivery| waits_or_was_delivered(delivery)) {
        all.entry(delivery.channel).or_default().push(delivery);
    }
    let each = all.into_iter().flat_map(|(channel, all)| {
        let Sorted { current, needless } = sort(in_order(all.into_iter()));
        let mut events = superseded(needless, context);
        events.extend(overflowing(world, channel, &current, context));
        events
    });
    each.collect()
}

pub(super) fn superseded(needless: Vec<(DeliveryId, DeliveryId)>, context: &Context<'_>) -> Vec<DeliveryEvent> {
    let mut older = BTreeMap::<DeliveryId, Vec<DeliveryId>>::new();
    for (delivery, by) in needless {
        older.entry(by).or_default().push(delivery);
    }
    let expires_at = context.now.plus(KEEP_DELIVERED);
    older.into_iter().map(|(by, deliveries)| DeliveryEvent::DeliveriesSuperseded { deliveries, by, expires_at }).collect()
}

fn overflowing(world: &World, channel: ChannelId, left: &[&Delivery], context: &Context<'_>) -> Vec<DeliveryEvent> {
    let excess = left.len().saturating_sub(WAITING);
    let reason = format!("more than {WAITING} messages waited");
    let died = left.iter().take(excess).map(|delivery| {
        let dead = buried((*delivery).clone(), &reason, context);
        DeliveryEvent::DeliveryDied { delivery: Box::new(dead), cursor: None }
    });
    if excess == 0 { Vec::new() } else { make_room(world, channel, excess).into_iter().chain(died).collect() }
}

#[cfg(test)]
mod tests;
