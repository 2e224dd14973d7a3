//! Notification: who is told of which incidents, together with which others, when, and who next.
//!
//! [`route`]s take incidents that open, [`group`]s gather those that are told together, [`escalation`] tells the next one when
//! nobody takes notice, `catch_up` tells what was open before anybody was to be told of it, [`schedule`]s know who is on call, [`watch`] tells those who asked to know. What is told becomes a [`crate::delivery::Message`] that waits in the
//! outbox of [`crate::delivery`]; how it leaves the server is not known here.
//!
//! Telling is decided once for all inputs that were decided together ([`crate::World::settle`]), so that what comes together is told
//! together, and what comes alone leaves at once.
//!
//! Invariants: a page on a route that counts is told, unless it is over before its turn or somebody has taken notice; once somebody has, only
//! how the group stands is told; nothing is told twice without somebody having asked for repetition; a receiver that is slow or gone holds up
//! neither ingest nor others.

mod catch_up;
pub mod decide;
pub mod escalation;
pub mod explain;
pub mod fold;
pub mod group;
pub mod message;
pub mod react;
pub mod route;
pub mod schedule;
pub mod standing;
pub mod tell;
pub mod template;
pub mod watch;
pub mod weekly;

use crate::delivery::MessageStatus;
use crate::id::{
    ChannelId, ContactId, DeliveryId, IncidentId, NotificationGroupId, NotificationId, OverrideId, PolicyId, RouteId, ScheduleId,
};
use crate::rule::Tier;
use escalation::{KnownMethods, KnownPolicy, Method, Policy};
use group::{NotificationGroup, Progress, Standing, Timers};
use rollcall_shared::Timestamp;
use route::{KnownRoute, Route};
use schedule::{KnownSchedule, Schedule};
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};

/// Notifications remembered: what a night with a storm leaves behind. The log keeps all of them.
pub const HISTORY: usize = 5_000;

/// Why something was told.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Cause {
    /// A group began, or began again after somebody had taken notice.
    Opened,
    /// More incidents, or worse ones; to watchers, that something happened to what they watch.
    Changed,
    /// Nobody has taken notice.
    Repeated,
    /// Nobody has taken notice: the next one is told.
    Escalated,
    /// Somebody has taken notice.
    Acknowledged,
    /// All are over.
    Resolved,
}

/// As what somebody is told.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ToldAs {
    /// What a route's own channels reach.
    Route,
    /// Whom a step of escalation reaches.
    Escalation,
    /// Who watches the incident.
    Watcher,
}

/// What happened to an incident that its watchers have not been told of yet.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct News {
    /// When the first of it happened.
    pub since: Timestamp,
    /// Whether there is a comment, which routes do not tell.
    pub comment: bool,
}

/// What became of a notification.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "state", rename_all = "snake_case")]
pub enum Fate {
    /// It waits in the outbox.
    Waiting,
    /// Its receiver confirmed it.
    Delivered {
        /// When. It is written beside the fields of its notification, which has an `at` of its own.
        #[serde(rename = "delivered_at")]
        at: Timestamp,
    },
    /// It was given up; it can be sent again.
    Dead {
        /// How it failed.
        reason: String,
    },
    /// It was not sent.
    NotSent {
        /// Why.
        reason: String,
    },
}

/// Something that was told to somebody.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Notification {
    /// Its id for ever.
    pub id: NotificationId,
    /// When it was decided.
    pub at: Timestamp,
    /// Of which group; `None` to watchers, who are told of one incident.
    #[serde(default)]
    pub group: Option<NotificationGroupId>,
    /// Through which route; `None` to watchers.
    #[serde(default)]
    pub route: Option<RouteId>,
    /// As what; `None` where that was not written down yet, see [`Notification::told_as`].
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub told_as: Option<ToldAs>,
    /// Why.
    pub cause: Cause,
    /// How the group stood, or the incident.
    pub status: MessageStatus,
    /// Step of escalation, from 1; 0 for the route's own channels.
    pub step: u32,
    /// Through which channel.
    pub channel: ChannelId,
    /// To whom on it; empty for all that it reaches.
    pub recipients: Vec<String>,
    /// Whose addresses those are.
    pub contacts: Vec<ContactId>,
    /// What was said.
    pub title: String,
    /// Incidents that it named.
    pub incidents: Vec<IncidentId>,
    /// How many more there were.
    pub omitted: u32,
    /// The delivery, when it was sent.
    pub delivery: Option<DeliveryId>,
    /// Log revision at which it was decided, or its delivery last began to wait: what is newer is not a matter of clocks. 0 before that, and in
    /// states that were stored before it was remembered.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub revision: u64,
    /// What became of it.
    #[serde(flatten)]
    pub fate: Fate,
}

/// What happened to notification.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum NotificationEvent {
    /// A route was made or changed; carried whole.
    RouteSet {
        /// As it is now.
        route: Box<Route>,
    },
    /// A route is no more.
    RouteDeleted {
        /// Which.
        route: RouteId,
    },
    /// A schedule or its overrides were made or changed; carried whole.
    ScheduleSet {
        /// As it is now.
        schedule: Box<Schedule>,
    },
    /// A schedule is no more.
    ScheduleDeleted {
        /// Which.
        schedule: ScheduleId,
    },
    /// An escalation policy was made or changed; carried whole.
    PolicySet {
        /// As it is now.
        policy: Box<Policy>,
    },
    /// An escalation policy is no more.
    PolicyDeleted {
        /// Which.
        policy: PolicyId,
    },
    /// It was said how a contact is reached.
    MethodsSet {
        /// Which contact.
        contact: ContactId,
        /// All of them; none for its mail address.
        methods: Vec<Method>,
    },
    /// Incidents began to be told together; carried whole.
    GroupOpened {
        /// As it is.
        group: Box<NotificationGroup>,
    },
    /// An incident came into a group, or stands otherwise in it.
    GroupMemberMoved {
        /// Which group.
        group: NotificationGroupId,
        /// Which incident.
        incident: IncidentId,
        /// Where it is now.
        to: Standing,
        /// Its priority.
        priority: u8,
        /// How loud the group is now.
        tier: Tier,
        /// When something is to be done next.
        timers: Timers,
    },
    /// A group is to be looked at another time.
    GroupTimed {
        /// Which.
        group: NotificationGroupId,
        /// When.
        timers: Timers,
        /// Whether it has waited for others that were on their way.
        held: bool,
    },
    /// A group was told.
    GroupTold {
        /// Which.
        group: NotificationGroupId,
        /// How it stood.
        status: MessageStatus,
        /// What was told to whom.
        notifications: Vec<Notification>,
        /// Incidents that still wait, as they are not to be told about for now; all others have been told.
        waiting: BTreeSet<IncidentId>,
        /// How many parts the storms among its incidents have.
        #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
        sizes: BTreeMap<IncidentId, u32>,
        /// How far escalation has come.
        progress: Progress,
        /// When something is to be done next.
        timers: Timers,
    },
    /// A group is over.
    GroupEnded {
        /// Which.
        group: NotificationGroupId,
    },
    /// Something happened to an incident of which its watchers are to be told.
    WatchersToTell {
        /// Which incident.
        incident: IncidentId,
        /// All that is to be told by now.
        news: News,
    },
    /// Watchers were told of all that was to be told: as messages in outboxes, or through a route.
    WatchersTold {
        /// Of which incident.
        incident: IncidentId,
        /// What was told to whom of them; nothing where a route had told it.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        notifications: Vec<Notification>,
    },
}

/// What people ask of notification. Ids in what is to be set are those of new ones where they are created.
#[derive(Clone, Debug, PartialEq)]
pub enum NotificationCommand {
    /// Make a route, or say anew what it is.
    SetRoute {
        /// Which; a new one when absent.
        id: Option<RouteId>,
        /// What it is to be.
        route: Box<Route>,
        /// Revision that the person saw.
        expected: Option<u64>,
    },
    /// End a route. Who was told through it is told `resolved`, though the incidents stay as they are; then nothing more.
    DeleteRoute {
        /// Which.
        id: RouteId,
        /// Revision that the person saw.
        expected: Option<u64>,
    },
    /// Make a schedule, or say anew what it is; overrides stay.
    SetSchedule {
        /// Which; a new one when absent.
        id: Option<ScheduleId>,
        /// What it is to be.
        schedule: Box<Schedule>,
        /// Revision that the person saw.
        expected: Option<u64>,
    },
    /// End a schedule.
    DeleteSchedule {
        /// Which.
        id: ScheduleId,
        /// Revision that the person saw.
        expected: Option<u64>,
    },
    /// Let somebody stand in.
    AddOverride {
        /// In which schedule.
        id: ScheduleId,
        /// Begin.
        from: Timestamp,
        /// End.
        to: Timestamp,
        /// Id or name of the contact.
        contact: String,
        /// Revision that the person saw.
        expected: Option<u64>,
    },
    /// Take an override back.
    DeleteOverride {
        /// In which schedule.
        id: ScheduleId,
        /// Which.
        standing_in: OverrideId,
        /// Revision that the person saw.
        expected: Option<u64>,
    },
    /// Make an escalation policy, or say anew what it is.
    SetPolicy {
        /// Which; a new one when absent.
        id: Option<PolicyId>,
        /// What it is to be.
        policy: Box<Policy>,
        /// Revision that the person saw.
        expected: Option<u64>,
    },
    /// End an escalation policy.
    DeletePolicy {
        /// Which.
        id: PolicyId,
        /// Revision that the person saw.
        expected: Option<u64>,
    },
    /// Say how a contact is reached.
    SetMethods {
        /// Which contact.
        contact: ContactId,
        /// All of them.
        methods: Vec<Method>,
        /// Revision that the person saw.
        expected: Option<u64>,
    },
    /// Take notice of all open incidents of a group.
    AcknowledgeGroup {
        /// Which, as [`crate::delivery::Message::group`] names it.
        group: NotificationGroupId,
    },
}

/// All that is known of notification.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Notifications {
    /// By id.
    pub routes: BTreeMap<RouteId, KnownRoute>,
    /// By id.
    pub schedules: BTreeMap<ScheduleId, KnownSchedule>,
    /// By id.
    pub policies: BTreeMap<PolicyId, KnownPolicy>,
    /// How contacts are reached.
    pub methods: BTreeMap<ContactId, KnownMethods>,
    /// Groups that are not over.
    pub groups: BTreeMap<NotificationGroupId, NotificationGroup>,
    /// The latest notifications.
    pub history: BTreeMap<NotificationId, Notification>,
    /// The notification of each delivery in the history that has no end yet.
    pub sent: BTreeMap<DeliveryId, NotificationId>,
    /// Groups of each incident that is open.
    pub by_incident: BTreeMap<IncidentId, BTreeSet<NotificationGroupId>>,
    /// Groups by route and what their incidents share.
    pub by_key: BTreeMap<String, NotificationGroupId>,
    /// Groups in the order in which something is to be done.
    pub due: BTreeSet<(Timestamp, NotificationGroupId)>,
    /// What watchers of incidents are to be told of.
    #[serde(default)]
    pub news: BTreeMap<IncidentId, News>,
}

#[allow(clippy::trivially_copy_pass_by_ref, reason = "serde asks for it")]
fn is_zero(revision: &u64) -> bool {
    *revision == 0
}

impl Notification {
    /// As what whoever it went to was told.
    #[must_use]
    pub fn told_as(&self) -> ToldAs {
        let by_step = if self.step == 0 { ToldAs::Route } else { ToldAs::Escalation };
        self.told_as.unwrap_or(if self.group.is_none() { ToldAs::Watcher } else { by_step })
    }
}

impl Notifications {
    /// Routes in the order in which they are looked at.
    pub fn in_order(&self) -> impl Iterator<Item = &Route> {
        let mut routes: Vec<&Route> = self.routes.values().map(|known| &known.route).collect();
        routes.sort_by_key(|route| (route.position, route.id));
        routes.into_iter()
    }

    /// Whether anything of a group has arrived through a channel, as far as it is remembered.
    #[must_use]
    pub fn was_delivered(&self, group: NotificationGroupId, channel: ChannelId) -> bool {
        let is_delivered = |told: &Notification| matches!(told.fate, Fate::Delivered { .. });
        self.history.values().any(|told| told.group == Some(group) && told.channel == channel && is_delivered(told))
    }

    /// What was told of an incident, oldest first: where it was named, and where its group had too many to name all.
    pub fn of_incident(&self, incident: IncidentId) -> impl Iterator<Item = &Notification> {
        let groups = self.by_incident.get(&incident);
        self.history.values().filter(move |told| {
            let is_of_its_group = |group: NotificationGroupId| groups.is_some_and(|groups| groups.contains(&group));
            let among_others = told.omitted > 0 && told.group.is_some_and(is_of_its_group);
            told.incidents.contains(&incident) || among_others
        })
    }
}

#[cfg(test)]
mod tests;
