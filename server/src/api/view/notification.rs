//! Who is told of which incidents: routes, what was told, and how that stands.
//!
//! Conditions and quiet hours have the domain's form.

use super::Time;
use super::on_call::WeeklyHours;
use super::rule::Selector;
use super::word::{GroupBy, IncidentChannel, MessageStatus, NotificationCause, Severity, Tier, ToldAs};
use rollcall_domain::World;
use rollcall_domain::id::PolicyId;
use rollcall_domain::notification::group::NotificationGroup as DomainGroup;
use rollcall_domain::notification::route as domain;
use rollcall_domain::notification::standing;
use rollcall_domain::notification::{Fate, Notification as DomainNotification};
use rollcall_shared::Timestamp;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use utoipa::ToSchema;

/// Which incidents a route is for: those that fulfil all that is given.
#[derive(ToSchema)]
#[schema(as = NotificationWhen)]
#[expect(dead_code, reason = "described here; read and written in the domain's form")]
pub struct When {
    /// This loud; only pages unless said. What people open is a page at priority 1, and a ticket otherwise.
    tiers: Option<Vec<Tier>>,
    /// This bad.
    severities: Option<Vec<Severity>>,
    /// With these priorities, 1 to 5.
    priorities: Option<Vec<u8>>,
    /// Opened by these rules.
    rules: Option<Vec<String>>,
    /// Of these categories: the names of rules, `alertname` of another system's alerts, or what people write.
    categories: Option<Vec<String>>,
    /// Of these support groups: names or ids of teams, once there are teams.
    groups: Option<Vec<String>>,
    /// Whose item serves one of these, or of which one of these business services suffers.
    services: Option<Vec<String>>,
    /// Which came this way.
    origins: Option<Vec<IncidentChannel>>,
    /// Told by one of these feeds.
    sources: Option<Vec<String>>,
    /// With all of these labels of another system's alert.
    #[schema(example = json!({"alertname": "HostDown"}))]
    labels: Option<BTreeMap<String, String>>,
    /// Whose item is one of these.
    selector: Option<Selector>,
    /// Whose item this query finds.
    #[schema(example = "class:server tag:prod")]
    query: Option<String>,
}

/// When nothing is told that can wait. What was held is told as one message at the end, if it is still open.
#[derive(ToSchema)]
#[expect(dead_code, reason = "described here; read and written in the domain's form")]
pub struct QuietHours {
    /// IANA name.
    #[schema(example = "Europe/Berlin")]
    time_zone: String,
    /// When.
    hours: Vec<WeeklyHours>,
    /// Whether pages are held too; they pass unless said.
    hold_pages: Option<bool>,
}

/// A route as people write it.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({"name": "Pages of production", "when": {"tiers": ["page"], "query": "tag:prod"}, "channels": ["chan_00000000000000000000000001"]}))]
pub struct NotificationRouteInput {
    /// What people call it; no two routes have one name.
    pub name: String,
    /// Lower ones are looked at first; 100 unless given.
    pub position: Option<u32>,
    /// Whether it counts; it does unless said.
    pub enabled: Option<bool>,
    /// For which incidents; all pages unless given.
    #[serde(default)]
    #[schema(value_type = Option<When>)]
    pub when: domain::When,
    /// Whether those after it are looked at as well; not unless said.
    pub continues: Option<bool>,
    /// Ids of the channels through which it is told.
    #[serde(default)]
    pub channels: Vec<String>,
    /// Id of the policy that says who is told, and who next when nobody takes notice.
    pub escalation: Option<String>,
    /// What incidents must share to be told together; their rule unless given, nothing when empty.
    pub group_by: Option<Vec<GroupBy>>,
    /// How long a new group waits for others, ms. Unless given, a page that comes alone is told at once, one that does not waits
    /// ten seconds for the others, and tickets wait half a minute.
    pub group_wait_ms: Option<u64>,
    /// Between two messages about what changed in a group, ms; a minute unless given.
    pub group_interval_ms: Option<u64>,
    /// When the same is told again as nobody took notice, ms; four hours unless given, never when 0.
    pub repeat_interval_ms: Option<u64>,
    /// When nothing is told that can wait.
    #[schema(value_type = Option<QuietHours>)]
    pub quiet_hours: Option<domain::QuietHours>,
    /// Whether it is told that all of a group have ended; it is unless said.
    pub tell_resolved: Option<bool>,
    /// Whether it is told that somebody took notice; it is unless said.
    pub tell_acknowledged: Option<bool>,
    /// Template of the title, such as `{severity}: {incident.title}`; a built-in one unless given.
    pub title: Option<String>,
    /// Template of the text.
    pub text: Option<String>,
}

/// A route: which incidents are told to whom, together with which others, and when.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct NotificationRoute {
    /// Its id for ever.
    #[schema(example = "route_00000000000000000000000001")]
    pub id: String,
    /// What people call it.
    pub name: String,
    /// Lower ones are looked at first.
    pub position: u32,
    /// Whether it counts.
    pub enabled: bool,
    /// For which incidents.
    #[schema(value_type = When)]
    pub when: domain::When,
    /// Whether those after it are looked at as well.
    pub continues: bool,
    /// Channels through which it is told.
    pub channels: Vec<String>,
    /// Who is told, and who next.
    pub escalation: Option<String>,
    /// What incidents must share to be told together.
    pub group_by: Vec<GroupBy>,
    /// How long a new group waits for others, ms; null for the built-in rule.
    pub group_wait_ms: Option<u64>,
    /// Between two messages about what changed in a group, ms.
    pub group_interval_ms: u64,
    /// When the same is told again, ms; 0 for never.
    pub repeat_interval_ms: u64,
    /// When nothing is told that can wait.
    #[schema(value_type = Option<QuietHours>)]
    pub quiet_hours: Option<domain::QuietHours>,
    /// Whether it is told that all of a group have ended.
    pub tell_resolved: bool,
    /// Whether it is told that somebody took notice.
    pub tell_acknowledged: bool,
    /// Template of the title.
    pub title: Option<String>,
    /// Template of the text.
    pub text: Option<String>,
    /// Revision of the last change; also its entity tag.
    pub revision: u64,
    /// What people should know about it, such as that it waits for a category that nothing has brought so far; left out of lists, and when there
    /// is nothing.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub warnings: Vec<String>,
}

impl NotificationRoute {
    /// As it stands in the world, with what people should know about it.
    pub fn new(known: &domain::KnownRoute, world: &World) -> Self {
        Self { warnings: known.route.when.warnings(world), ..Self::plain(known, world) }
    }

    /// As it stands in the world; teams as they are called now.
    pub fn plain(known: &domain::KnownRoute, world: &World) -> Self {
        let mut route = known.route.clone();
        route.when.groups = route.when.groups.iter().map(|group| world.contacts.called(group)).collect();
        Self {
            id: route.id.to_string(),
            name: route.name,
            position: route.position,
            enabled: route.enabled,
            when: route.when,
            continues: route.continues,
            channels: super::texts(route.channels),
            escalation: route.escalation.as_ref().map(PolicyId::to_string),
            group_by: route.group_by.into_iter().map(Into::into).collect(),
            group_wait_ms: route.group_wait_ms,
            group_interval_ms: route.group_interval_ms,
            repeat_interval_ms: route.repeat_interval_ms.unwrap_or(0),
            quiet_hours: route.quiet_hours,
            tell_resolved: route.tell_resolved,
            tell_acknowledged: route.tell_acknowledged,
            title: route.title,
            text: route.text,
            revision: known.revision,
            warnings: Vec::new(),
        }
    }
}

/// Something that was told to somebody.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct Notification {
    /// Its id for ever.
    #[schema(example = "ntf_00000000000000000000000001")]
    pub id: String,
    /// When it was decided.
    pub at: Time,
    /// As what they were told: by the channels of a route, by a step of escalation, or as watchers of the incident.
    pub told_as: ToldAs,
    /// Of which group of incidents; null to watchers, who are told of one incident.
    pub group: Option<String>,
    /// Through which route; null to watchers.
    pub route: Option<String>,
    /// Why.
    pub cause: NotificationCause,
    /// How the group stood, or the incident that is watched.
    pub status: MessageStatus,
    /// Step of escalation, from 1; 0 for the route's own channels, and to watchers.
    pub step: u32,
    /// Through which channel.
    pub channel: String,
    /// To whom on it; empty for all that it reaches.
    pub recipients: Vec<String>,
    /// Ids of the contacts whose addresses those are.
    pub contacts: Vec<String>,
    /// What was said.
    pub title: String,
    /// Incidents that it named.
    pub incidents: Vec<String>,
    /// How many more there were.
    pub omitted: u32,
    /// `waiting`, `delivered`, `dead` (see its delivery, which can be sent again) or `not_sent`.
    #[schema(example = "delivered")]
    pub state: String,
    /// When its receiver confirmed it.
    pub delivered_at: Option<Time>,
    /// Why it was given up or not sent, or how the last attempt failed.
    pub reason: Option<String>,
    /// Requests that failed so far.
    pub attempts: u32,
    /// Its delivery.
    pub delivery: Option<String>,
}

impl Notification {
    /// What was told, joined with its delivery while that is known.
    pub fn new(world: &World, told: &DomainNotification) -> Self {
        let delivery = told.delivery.and_then(|id| world.delivery.deliveries.get(&id));
        let (state, delivered_at, reason) = match &told.fate {
            Fate::Waiting => ("waiting", None, delivery.and_then(|delivery| delivery.last_error.clone())),
            Fate::Delivered { at } => ("delivered", Some(Time(*at)), None),
            Fate::Dead { reason } => ("dead", None, Some(reason.clone())),
            Fate::NotSent { reason } => ("not_sent", None, Some(reason.clone())),
        };
        Self {
            id: told.id.to_string(),
            at: Time(told.at),
            told_as: told.told_as().into(),
            group: told.group.map(|id| id.to_string()),
            route: told.route.map(|id| id.to_string()),
            cause: told.cause.into(),
            status: told.status.into(),
            step: told.step,
            channel: told.channel.to_string(),
            recipients: told.recipients.clone(),
            contacts: super::texts(told.contacts.iter()),
            title: told.title.clone(),
            incidents: super::texts(told.incidents.iter()),
            omitted: told.omitted,
            state: state.to_owned(),
            delivered_at,
            reason,
            attempts: delivery.map_or(0, |delivery| delivery.attempts),
            delivery: told.delivery.map(|id| id.to_string()),
        }
    }
}

/// Incidents that are told together.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct NotificationGroup {
    /// Its id, by which receivers join messages.
    #[schema(example = "ngrp_00000000000000000000000001")]
    pub id: String,
    /// Through which route.
    pub route: String,
    /// What its incidents share, by the route.
    pub key: BTreeMap<String, String>,
    /// Whether it gathers what came in quiet hours.
    pub digest: bool,
    /// What was told last; null before it was told.
    pub status: Option<MessageStatus>,
    /// Open incidents that are to be told.
    pub waiting: usize,
    /// Open incidents that were told and nobody has taken notice of.
    pub told: usize,
    /// Open incidents that somebody has taken notice of.
    pub attended: usize,
    /// Incidents that have ended.
    pub ended: u32,
    /// Steps of escalation done in this round.
    pub step: u32,
    /// When it was last told.
    pub told_at: Option<Time>,
    /// When something is to be done about it next.
    pub next_at: Option<Time>,
    /// When it began.
    pub opened_at: Time,
}

impl From<&DomainGroup> for NotificationGroup {
    fn from(group: &DomainGroup) -> Self {
        Self {
            id: group.id.to_string(),
            route: group.route.to_string(),
            key: group.key.clone(),
            digest: group.digest,
            status: group.status.map(Into::into),
            waiting: group.waiting.len(),
            told: group.told.len(),
            attended: group.attended.len(),
            ended: group.ended_count,
            step: group.progress.step,
            told_at: group.told_at.map(Time),
            next_at: group.timers.next().map(Time),
            opened_at: Time(group.opened_at),
        }
    }
}

/// Whether anybody would be told of anything.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct NotificationStatus {
    /// Whether a page could reach somebody: a route that takes pages counts and leads to a channel that works, its own or one
    /// of whom escalation would tell now. One through which nothing has got for five minutes does not.
    pub works: bool,
    /// Whether a ticket could reach somebody in the same way. Routes take only pages unless they say more.
    pub tells_tickets: bool,
    /// Routes that count.
    pub routes: usize,
    /// Groups of incidents that are not over.
    pub groups: usize,
    /// Open incidents that are to be told.
    pub waiting: usize,
    /// Notifications that wait in outboxes.
    pub outbox: usize,
    /// What stands in the way, in words.
    #[schema(example = json!(["no route counts: nobody is told of anything; POST /api/v1/notification_routes makes one"]))]
    pub problems: Vec<String>,
}

impl NotificationStatus {
    /// How notification stands.
    pub fn new(world: &World, now: Timestamp) -> Self {
        let notifications = &world.notifications;
        let standing::Standing { works, tells_tickets, problems } = standing::standing(world, now);
        Self {
            works,
            tells_tickets,
            routes: notifications.in_order().filter(|route| route.enabled).count(),
            groups: notifications.groups.len(),
            waiting: notifications.groups.values().map(|group| group.waiting.len()).sum(),
            outbox: notifications.history.values().filter(|told| told.fate == Fate::Waiting).count(),
            problems,
        }
    }
}
