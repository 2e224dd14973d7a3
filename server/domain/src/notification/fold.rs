//! What notification leaves behind in the state. Total: what refers to something unknown changes nothing.

use super::escalation::{Address, KnownMethods, KnownPolicy};
use super::group::{NotificationGroup, Standing, Timers};
use super::route::KnownRoute;
use super::schedule::KnownSchedule;
use super::{Fate, HISTORY, Notification, NotificationEvent, Notifications};
use crate::Record;
use crate::delivery::{DeliveryEvent, MessageStatus};
use crate::id::{ChannelId, DeliveryId, IncidentId, NotificationGroupId};
use std::collections::{BTreeMap, BTreeSet};

impl Notifications {
    /// Remembers an event. Total.
    pub fn apply(&mut self, record: &Record, event: &NotificationEvent) {
        use NotificationEvent as E;
        let revision = record.revision;
        match event {
            E::RouteSet { route } => drop(self.routes.insert(route.id, KnownRoute { route: (**route).clone(), revision })),
            E::RouteDeleted { route } => drop(self.routes.remove(route)),
            E::ScheduleSet { schedule } => {
                self.schedules.insert(schedule.id, KnownSchedule { schedule: (**schedule).clone(), revision });
            }
            E::ScheduleDeleted { schedule } => drop(self.schedules.remove(schedule)),
            E::PolicySet { policy } => drop(self.policies.insert(policy.id, KnownPolicy { policy: (**policy).clone(), revision })),
            E::PolicyDeleted { policy } => drop(self.policies.remove(policy)),
            E::MethodsSet { contact, methods } if methods.is_empty() => drop(self.methods.remove(contact)),
            E::MethodsSet { contact, methods } => {
                self.methods.insert(*contact, KnownMethods { methods: methods.clone(), revision });
            }
            E::GroupOpened { group } => self.open(group),
            E::GroupMemberMoved { group: id, incident, to, priority, tier, timers } => {
                let Some(group) = self.groups.get_mut(id) else { return };
                group.put(*incident, *to, *priority);
                group.tier = *tier;
                self.belong(*id, *incident, *to);
                self.set_timers(*id, *timers);
            }
            E::GroupTimed { group, timers, held } => {
                if let Some(group) = self.groups.get_mut(group) {
                    group.held = *held;
                }
                self.set_timers(*group, *timers);
            }
            E::GroupTold { .. } => self.tell(record, event),
            E::GroupEnded { group } => self.end(*group),
            E::WatchersToTell { incident, news } => drop(self.news.insert(*incident, *news)),
            E::WatchersTold { incident, notifications } => {
                self.news.remove(incident);
                self.remember(record.revision, notifications);
            }
        }
    }

    /// Remembers what became of a delivery. Total.
    pub fn follow(&mut self, record: &Record, event: &DeliveryEvent) {
        let (delivery, fate) = match event {
            DeliveryEvent::ChannelDeleted { channel } => return self.forget(*channel),
            DeliveryEvent::DeliveriesSuperseded { deliveries, .. } => return deliveries.iter().for_each(|one| self.supersede(*one)),
            DeliveryEvent::DeliveryConfirmed { delivery, .. } => (*delivery, Fate::Delivered { at: record.at }),
            DeliveryEvent::DeliveryDied { delivery, .. } => {
                (delivery.id, Fate::Dead { reason: delivery.last_error.clone().unwrap_or_default() })
            }
            DeliveryEvent::DeliveryQueued { delivery } => (delivery.id, Fate::Waiting),
            _ => return,
        };
        let (begins, ends) = (fate == Fate::Waiting, matches!(fate, Fate::Delivered { .. }));
        let Some(notification) = self.sent.get(&delivery).and_then(|id| self.history.get_mut(id)) else { return };
        notification.fate = fate;
        if begins {
            notification.revision = record.revision;
        }
        if let Some(group) = notification.group.and_then(|id| self.groups.get_mut(&id)) {
            group.note_missed(notification);
        }
        if ends {
            self.sent.remove(&delivery);
        }
    }

    /// What need not be sent any more, as something newer is.
    fn supersede(&mut self, delivery: DeliveryId) {
        let told = self.sent.get(&delivery).and_then(|id| self.history.get_mut(id)).filter(|told| told.fate == Fate::Waiting);
        if let Some(told) = told {
            told.fate = Fate::NotSent { reason: "something newer was to be told by then".into() };
        }
    }

    /// What waited for a channel that is no more is never sent.
    fn forget(&mut self, channel: ChannelId) {
        let Self { sent, history, .. } = self;
        sent.retain(|_, id| {
            let Some(told) = history.get_mut(id).filter(|told| told.channel == channel) else { return true };
            if told.fate == Fate::Waiting {
                told.fate = Fate::NotSent { reason: "the channel was deleted".into() };
            }
            false
        });
    }

    fn open(&mut self, group: &NotificationGroup) {
        let id = group.id;
        self.by_key.insert(key_of(group), id);
        group.open().for_each(|incident| self.belong(id, incident, Standing::Waiting));
        self.groups.insert(id, group.clone());
        self.set_timers(id, group.timers);
    }

    fn belong(&mut self, group: NotificationGroupId, incident: IncidentId, to: Standing) {
        if to != Standing::Ended {
            self.by_incident.entry(incident).or_default().insert(group);
            return;
        }
        if let Some(groups) = self.by_incident.get_mut(&incident) {
            groups.remove(&group);
            if groups.is_empty() {
                self.by_incident.remove(&incident);
            }
        }
    }

    fn set_timers(&mut self, id: NotificationGroupId, timers: Timers) {
        let Some(group) = self.groups.get_mut(&id) else { return };
        // The first setting finds nothing to take out.
        if let Some(before) = group.timers.next() {
            self.due.remove(&(before, id));
        }
        group.timers = timers;
        self.due.extend(timers.next().map(|at| (at, id)));
    }

    fn tell(&mut self, record: &Record, event: &NotificationEvent) {
        let NotificationEvent::GroupTold { group: id, status, notifications, waiting, sizes, progress, timers } = event else { return };
        if let Some(group) = self.groups.get_mut(id) {
            if *status == MessageStatus::Firing && group.begins() {
                group.missed.clear();
            }
            notifications.iter().for_each(|told| group.note_missed(told));
            let (still, told): (BTreeMap<_, _>, _) =
                std::mem::take(&mut group.waiting).into_iter().partition(|(incident, _)| waiting.contains(incident));
            group.waiting = still;
            group.told.extend::<BTreeMap<IncidentId, u8>>(told);
            group.sizes.extend(sizes);
            if timers.notice_at.is_none() {
                group.unsaid.clear();
            }
            // What is told to be over waits anew for others when it begins again.
            group.held &= *status != MessageStatus::Resolved;
            (group.status, group.told_at, group.progress) = (Some(*status), Some(record.at), *progress);
            group.told_to.extend(notifications.iter().filter(|told| told.delivery.is_some()).flat_map(addresses));
        }
        self.set_timers(*id, *timers);
        self.remember(record.revision, notifications);
    }

    /// Keeps the latest.
    fn remember(&mut self, revision: u64, notifications: &[Notification]) {
        for notification in notifications {
            self.sent.extend(notification.delivery.map(|delivery| (delivery, notification.id)));
            self.history.insert(notification.id, Notification { revision, ..notification.clone() });
        }
        while self.history.len() > HISTORY {
            let Some((_, oldest)) = self.history.pop_first() else { break };
            if let Some(delivery) = oldest.delivery {
                self.sent.remove(&delivery);
            }
        }
    }

    fn end(&mut self, id: NotificationGroupId) {
        let Some(group) = self.groups.remove(&id) else { return };
        if let Some(at) = group.timers.next() {
            self.due.remove(&(at, id));
        }
        let key = key_of(&group);
        if self.by_key.get(&key) == Some(&id) {
            self.by_key.remove(&key);
        }
        group.open().collect::<BTreeSet<_>>().into_iter().for_each(|incident| self.belong(id, incident, Standing::Ended));
    }
}

impl NotificationGroup {
    /// Whom a notification has not reached, and whom it may reach after all.
    fn note_missed(&mut self, told: &Notification) {
        for address in addresses(told) {
            match told.fate {
                Fate::NotSent { .. } | Fate::Dead { .. } => drop(self.missed.insert(address)),
                Fate::Waiting | Fate::Delivered { .. } => drop(self.missed.remove(&address)),
            }
        }
    }
}

/// The addresses of one notification.
pub(super) fn addresses(told: &Notification) -> Vec<Address> {
    if told.recipients.is_empty() && told.contacts.is_empty() {
        return vec![Address::channel(told.channel)];
    }
    let contacts = told.contacts.iter().map(|contact| Some(*contact)).chain(std::iter::repeat(None));
    if told.recipients.is_empty() {
        return contacts.take(told.contacts.len()).map(|contact| Address { channel: told.channel, recipient: None, contact }).collect();
    }
    let recipients = told.recipients.iter().cloned().map(Some);
    recipients.zip(contacts).map(|(recipient, contact)| Address { channel: told.channel, recipient, contact }).collect()
}

fn key_of(group: &NotificationGroup) -> String {
    key(group.route, &group.key, group.digest)
}

/// Route and what the incidents share as one text: no two keys have the same.
#[must_use]
pub(super) fn key(route: crate::id::RouteId, labels: &BTreeMap<String, String>, digest: bool) -> String {
    let escape = |text: &str| text.replace('\\', "\\\\").replace(',', "\\,").replace('=', "\\=");
    let labels: Vec<String> = labels.iter().map(|(name, value)| format!("{name}={}", escape(value))).collect();
    format!("{route}/{}/{}", if digest { "digest" } else { "group" }, labels.join(","))
}
