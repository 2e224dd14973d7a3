//! What channels and deliveries leave behind in the state.

use super::{Channel, Deliveries, Delivery, DeliveryEvent, DeliveryState, Health, KnownChannel, Secret};
use crate::Record;
use crate::id::{ChannelId, DeliveryId};
use rollcall_shared::Timestamp;

impl Deliveries {
    /// Remembers an event. Total.
    pub fn apply(&mut self, record: &Record, event: &DeliveryEvent) {
        match event {
            DeliveryEvent::ChannelSet { channel, cursor } => self.set(record, channel, *cursor),
            DeliveryEvent::ChannelDeleted { channel } => {
                self.channels.remove(channel);
                self.deliveries.retain(|_, delivery| delivery.channel != *channel);
            }
            DeliveryEvent::ChannelSecretRotated { channel, secret } => self.change(*channel, |known| {
                known.secret = *secret;
                (known.updated_at, known.revision) = (record.at, record.revision);
            }),
            DeliveryEvent::ChannelSuspended { channel, reason } => self.change(*channel, |known| {
                known.health.suspended = Some(reason.clone());
                known.health.failed(record.at, reason);
            }),
            DeliveryEvent::DeliveryAdvanced { channel, cursor, records } => self.change(*channel, |known| {
                known.cursor = *cursor;
                known.health.delivered = known.health.delivered.saturating_add(*records);
                known.health.settle();
                if *records > 0 {
                    known.health.last_success_at = Some(record.at);
                }
            }),
            DeliveryEvent::DeliveryFailed { channel, delivery, reason, next_attempt_at, paused_until } => {
                self.change(*channel, |known| known.health.failed(record.at, reason));
                match delivery {
                    None => self.change(*channel, |known| known.health.wait(record.at, *next_attempt_at)),
                    Some(id) => {
                        self.change(*channel, |known| known.health.pause(record.at, *paused_until));
                        self.wait(*id, record, reason, *next_attempt_at);
                    }
                }
            }
            DeliveryEvent::DeliveryQueued { delivery } => self.hold(record, delivery),
            DeliveryEvent::DeliveryConfirmed { delivery, expires_at, problem } => {
                self.confirm(*delivery, record, *expires_at, problem.as_deref());
            }
            DeliveryEvent::DeliveriesSuperseded { deliveries, by, expires_at } => {
                deliveries.iter().for_each(|id| self.supersede(*id, *by, record, *expires_at));
            }
            DeliveryEvent::DeliveryDied { delivery, cursor } => self.bury(record, delivery, *cursor),
            DeliveryEvent::DeliveriesExpired { deliveries } => self.deliveries.retain(|id, _| !deliveries.contains(id)),
        }
    }

    fn change(&mut self, channel: ChannelId, change: impl FnOnce(&mut KnownChannel)) {
        if let Some(known) = self.channels.get_mut(&channel) {
            change(known);
        }
    }

    fn set(&mut self, record: &Record, channel: &Channel, cursor: u64) {
        match self.channels.get_mut(&channel.id) {
            Some(known) => {
                known.channel.clone_from(channel);
                known.cursor = known.cursor.max(cursor);
                known.health.suspended = None;
                // Whoever changes a channel wants to see at once whether it works now.
                known.health.next_attempt_at = known.health.next_attempt_at.map(|_| record.at);
                known.health.paused_until = None;
                (known.updated_at, known.revision) = (record.at, record.revision);
                let ours = self.deliveries.values_mut().filter(|delivery| delivery.channel == channel.id);
                ours.for_each(|delivery| delivery.next_attempt_at = delivery.next_attempt_at.map(|due| due.min(record.at)));
            }
            None => {
                let (secret, at) = (Secret { generation: 1, previous_until: None }, record.at);
                let (channel, health, revision) = (channel.clone(), Health::default(), record.revision);
                self.channels
                    .insert(channel.id, KnownChannel { channel, secret, cursor, health, created_at: at, updated_at: at, revision });
            }
        }
    }

    fn hold(&mut self, record: &Record, delivery: &Delivery) {
        if self.channels.contains_key(&delivery.channel) {
            let queued = if delivery.queued == 0 { record.revision } else { delivery.queued };
            self.deliveries.insert(delivery.id, Delivery { revision: record.revision, queued, ..delivery.clone() });
        }
    }

    fn wait(&mut self, id: DeliveryId, record: &Record, reason: &str, next_attempt_at: Timestamp) {
        let Some(delivery) = self.deliveries.get_mut(&id) else { return };
        delivery.attempts = delivery.attempts.saturating_add(1);
        delivery.failing_since.get_or_insert(record.at);
        delivery.next_attempt_at = Some(next_attempt_at);
        delivery.last_error = Some(reason.to_owned());
        delivery.revision = record.revision;
    }

    fn confirm(&mut self, id: DeliveryId, record: &Record, expires_at: Timestamp, problem: Option<&str>) {
        let Some(delivery) = self.deliveries.get_mut(&id) else { return };
        (delivery.state, delivery.next_attempt_at) = (DeliveryState::Delivered, None);
        (delivery.expires_at, delivery.revision) = (Some(expires_at), record.revision);
        delivery.last_error = problem.map(str::to_owned);
        let channel = delivery.channel;
        self.change(channel, |known| {
            known.health.delivered = known.health.delivered.saturating_add(1);
            known.health.last_success_at = Some(record.at);
            (known.health.messages_failing_since, known.health.paused_until) = (None, None);
            if let Some(problem) = problem {
                known.health.failed(record.at, problem);
            }
        });
    }

    fn supersede(&mut self, id: DeliveryId, by: DeliveryId, record: &Record, expires_at: Timestamp) {
        let Some(delivery) = self.deliveries.get_mut(&id) else { return };
        (delivery.state, delivery.next_attempt_at) = (DeliveryState::Superseded, None);
        (delivery.expires_at, delivery.revision) = (Some(expires_at), record.revision);
        delivery.last_error = Some(format!("not sent: {by} tells something newer of the same group"));
    }

    fn bury(&mut self, record: &Record, delivery: &Delivery, cursor: Option<u64>) {
        self.hold(record, delivery);
        self.change(delivery.channel, |known| {
            known.health.died = known.health.died.saturating_add(1);
            known.health.failed(record.at, delivery.last_error.as_deref().unwrap_or_default());
            if cursor.is_none() {
                known.health.pause(record.at, None);
            }
            if let Some(cursor) = cursor {
                known.cursor = cursor;
                known.health.settle();
            }
        });
    }
}

impl Health {
    /// Takes note of a request that failed.
    fn failed(&mut self, at: Timestamp, reason: &str) {
        self.failures = self.failures.saturating_add(1);
        self.last_error = Some((at, reason.to_owned()));
    }

    /// The feed waits to be tried again.
    fn wait(&mut self, at: Timestamp, next_attempt_at: Timestamp) {
        self.attempts = self.attempts.saturating_add(1);
        self.failing_since.get_or_insert(at);
        self.next_attempt_at = Some(next_attempt_at);
    }

    /// A message of its own did not get through.
    fn pause(&mut self, at: Timestamp, until: Option<Timestamp>) {
        self.messages_failing_since.get_or_insert(at);
        self.paused_until = until.or(self.paused_until);
    }

    /// The feed goes on.
    fn settle(&mut self) {
        (self.attempts, self.failing_since, self.next_attempt_at) = (0, None, None);
    }
}
