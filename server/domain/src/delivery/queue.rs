//! Notifications that wait: what is sent next, and what need not be sent at all.
//!
//! While a receiver is away, several notifications of one group may gather. Whoever comes back to them wants to know how the group
//! stands, not how it stood: of those for the same people the latest alone is sent, the others say what took their place. So what
//! is told of one group is in order, whatever becomes of single requests.

use super::decide::{buried, make_room, waiting};
use super::{Content, Deliveries, Delivery, DeliveryEvent, DeliveryState, KEEP_DELIVERED, Message, WAITING};
use crate::id::{ChannelId, DeliveryId};
use crate::{Context, Event, World};
use rollcall_shared::Timestamp;
use std::collections::{BTreeMap, BTreeSet};

/// What a notification is one of: the same group, told to the same people.
type Thread<'a> = (&'a str, &'a [String]);

impl Delivery {
    fn thread(&self) -> Option<Thread<'_>> {
        match &self.content {
            Content::Notification { message } => Some((&message.group, &message.recipients)),
            Content::Test | Content::Records { .. } => None,
        }
    }
}

impl Deliveries {
    /// The message that is sent through a channel next, and when it is due. Notifications heed that a receiver is away; a test is
    /// to find out.
    #[must_use]
    pub fn next_message(&self, channel: ChannelId) -> Option<(&Delivery, Timestamp)> {
        let paused_until = self.channels.get(&channel).and_then(|known| known.health.paused_until);
        let mut newer = BTreeSet::new();
        let current = self.of(channel, DeliveryState::Waiting).rev().filter(|one| one.thread().is_none_or(|thread| newer.insert(thread)));
        let due = current.filter_map(|delivery| {
            let due = delivery.next_attempt_at?;
            let pause = paused_until.filter(|_| delivery.content != Content::Test);
            Some((delivery, pause.map_or(due, |pause| pause.max(due))))
        });
        due.min_by_key(|(delivery, due)| (*due, delivery.id))
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
    let thread: Thread<'_> = (&message.group, &message.recipients);
    let older = world.delivery.of(channel, DeliveryState::Waiting).filter(|waiting| waiting.thread() == Some(thread));
    let deliveries: Vec<DeliveryId> = older.map(|delivery| delivery.id).collect();
    let by = DeliveryId(context.ids.next_bits());
    let queued = waiting(by, channel, Content::Notification { message: Box::new(message) }, context);
    let superseded = DeliveryEvent::DeliveriesSuperseded { deliveries, by, expires_at: context.now.plus(KEEP_DELIVERED) };
    let is_needed = matches!(&superseded, DeliveryEvent::DeliveriesSuperseded { deliveries, .. } if !deliveries.is_empty());
    let queued = DeliveryEvent::DeliveryQueued { delivery: Box::new(queued) };
    [Some(queued), is_needed.then_some(superseded)].into_iter().flatten().map(Event::Delivery).collect()
}

/// Sets aside what need not be sent, and gives up the oldest of what is too much.
pub fn tidy(world: &World, context: &Context<'_>) -> Vec<DeliveryEvent> {
    let mut waiting: BTreeMap<ChannelId, Vec<&Delivery>> = BTreeMap::new();
    for delivery in world.delivery.deliveries.values().filter(|delivery| delivery.state == DeliveryState::Waiting) {
        waiting.entry(delivery.channel).or_default().push(delivery);
    }
    let each = waiting.into_iter().flat_map(|(channel, waiting)| {
        let (mut events, left) = superseded(&waiting, context);
        events.extend(overflowing(world, channel, &left, context));
        events
    });
    each.collect()
}

/// What is superseded, and what is left; both oldest first.
fn superseded<'a>(waiting: &[&'a Delivery], context: &Context<'_>) -> (Vec<DeliveryEvent>, Vec<&'a Delivery>) {
    let (mut latest, mut older, mut left) = (BTreeMap::new(), BTreeMap::<DeliveryId, Vec<DeliveryId>>::new(), Vec::new());
    for delivery in waiting.iter().rev() {
        match delivery.thread().and_then(|thread| latest.get(&thread).copied()) {
            Some(by) => older.entry(by).or_default().push(delivery.id),
            None => {
                left.push(*delivery);
                delivery.thread().map(|thread| latest.insert(thread, delivery.id));
            }
        }
    }
    left.reverse();
    let expires_at = context.now.plus(KEEP_DELIVERED);
    let events = older.into_iter().map(|(by, deliveries)| DeliveryEvent::DeliveriesSuperseded { deliveries, by, expires_at });
    (events.collect(), left)
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
