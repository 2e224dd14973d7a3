//! What an incident is: all that is written down of one, and the set of all of them with what is found quickly in it.
//!
//! Invariants: one open incident of each dedup key; a parent has no parent of its own; the number of open children is that of the
//! children that are open.

use super::assignment::AssignmentRules;
use super::chart::Chart;
use super::similar::Solved;
use super::{Alarm, Party};
use crate::actor::Actor;
use crate::alert::AlertKey;
use crate::attachment::Attachment;
use crate::ci::impact;
use crate::id::{AlertId, CiId, IncidentId, ProblemId, RuleId};
use crate::records::Records;
use crate::rule::{Grade, Severity};
use rollcall_shared::Timestamp;
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet, VecDeque};

/// Where an incident is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum IncidentState {
    /// Nobody has it.
    New,
    /// Somebody has it.
    Assigned,
    /// Somebody works on it.
    InProgress,
    /// It waits; see the hold reason.
    OnHold,
    /// It is over; may be reopened within 5 days.
    Resolved,
    /// It is over for ever.
    Closed,
    /// It never was one.
    Cancelled,
}

impl IncidentState {
    /// Whether work remains.
    #[must_use]
    pub fn is_open(self) -> bool {
        matches!(self, Self::New | Self::Assigned | Self::InProgress | Self::OnHold)
    }
}

/// What an incident waits for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum HoldReason {
    /// The caller.
    Caller,
    /// A vendor.
    Vendor,
    /// A change.
    Change,
    /// A problem.
    Problem,
    /// Parts.
    Parts,
}

/// How it came.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Channel {
    /// A rule opened it; nobody else can say so.
    Monitoring,
    /// The API.
    Api,
    /// A portal in which people help themselves.
    Portal,
    /// A mail.
    Mail,
}

/// A note. Host and people's text is stored verbatim and shown as text.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Note {
    /// When.
    pub at: Timestamp,
    /// Who.
    pub by: Actor,
    /// What.
    pub text: String,
    /// Whether the caller may read it.
    pub public: bool,
}

/// What the breach is: severity, value and reason of the last update, the rest as it was when the incident opened.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Breach {
    /// Alert instance.
    pub alert: AlertId,
    /// What it is of.
    pub key: AlertKey,
    /// How bad at the last update.
    pub severity: Severity,
    /// Value at the last update.
    pub value: Option<f64>,
    /// In words: value, threshold, window, at the last update.
    pub reason: String,
    /// What to do next, from the rule.
    pub guidance: String,
    /// Runbook link.
    pub runbook: Option<String>,
    /// The metric that the rule names first; the value may be another than its own.
    pub metric: Option<String>,
    /// The chart, where the rule looks at samples.
    #[serde(default)]
    pub chart: Option<Chart>,
}

/// A change on the CI shortly before the incident.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RecentChange {
    /// Log revision of the change.
    pub revision: u64,
    /// When.
    pub at: Timestamp,
    /// In words.
    pub summary: String,
    /// How many other items went through the same on that day.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub also_on: u32,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde hands over a reference")]
fn is_zero(count: &u32) -> bool {
    *count == 0
}

/// An open incident nearby.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Related {
    /// Which.
    pub incident: IncidentId,
    /// Of which item.
    pub ci: CiId,
    /// How one gets there from the item of this incident; empty for the item itself.
    pub path: Vec<impact::Step>,
}

/// An item that the failure affects.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Reach {
    /// Which.
    pub ci: CiId,
    /// The relations that lead to it.
    pub path: Vec<impact::Step>,
}

/// A resolved incident like this one, with what helped then.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Similar {
    /// Which.
    pub incident: IncidentId,
    /// How similar, 0 to 100.
    pub percent: u8,
    /// How it was resolved.
    pub close_code: Option<String>,
    /// How it was resolved, in words; cut.
    pub close_notes: Option<String>,
    /// Group that resolved it.
    pub group: Option<String>,
}

/// A problem whose cause is known.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct KnownError {
    /// Which.
    pub problem: ProblemId,
    /// Its line.
    pub title: String,
    /// What helps until it is fixed; cut.
    pub workaround: Option<String>,
    /// Why it may be this one.
    pub because: String,
}

/// Who ought to have an incident.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Suggestion {
    /// Group.
    pub group: String,
    /// Why.
    pub because: String,
}

/// A storm: many incidents of one alarm at once, told of as one.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Storm {
    /// What raised it.
    pub alarm: Alarm,
    /// What that was called when the storm began.
    pub title: String,
    /// When the latest child joined.
    pub latest_at: Timestamp,
}

/// A state that an incident came to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Step {
    /// When.
    pub at: Timestamp,
    /// Which.
    pub state: IncidentState,
    /// What it waited for, on hold.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub hold_reason: Option<HoldReason>,
}

/// An incident.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Incident {
    /// Its id.
    pub id: IncidentId,
    /// Its number for people: 1, 2, …; shown as INC0000001.
    pub number: u64,
    /// A line.
    pub title: String,
    /// Whether people wrote the title: then the machine leaves it alone.
    #[serde(default)]
    pub titled_by_hand: bool,
    /// Already filled in.
    pub description: String,
    /// Where it is.
    pub state: IncidentState,
    /// What it waits for.
    pub hold_reason: Option<HoldReason>,
    /// How far it reaches.
    pub impact: Grade,
    /// Why so far, in words.
    #[serde(default)]
    pub impact_reason: String,
    /// How fast it must be dealt with.
    pub urgency: Grade,
    /// Whether people decided impact or urgency, so that no alert moves them any more.
    #[serde(default)]
    pub graded_by_hand: bool,
    /// 1 (highest) to 5: impact × urgency.
    pub priority: u8,
    /// The CI.
    pub primary_ci: Option<CiId>,
    /// Others affected: those that depend on it when it opened, and those whose alerts were attached.
    pub affected_cis: Vec<CiId>,
    /// How the failure gets to them; see [`Reach`].
    #[serde(default)]
    pub reach: Vec<Reach>,
    /// Whether more is affected than is named here.
    #[serde(default)]
    pub reaches_further: bool,
    /// Such as `cpu`, `storage`; the rule's id for monitoring.
    pub category: Option<String>,
    /// How it came.
    pub channel: Channel,
    /// Who reported it.
    pub caller: Party,
    /// The business service that suffers, the most critical when there are several.
    #[serde(default)]
    pub service: Option<CiId>,
    /// Whether people chose the service, so that it stays when the item is another one.
    #[serde(default)]
    pub service_by_hand: bool,
    /// Group that has it.
    pub group: Option<String>,
    /// Group that ought to have it, when it opened, and why.
    #[serde(default)]
    pub suggested_group: Option<Suggestion>,
    /// Person who has it.
    pub assignee: Option<String>,
    /// When it opened.
    pub opened_at: Timestamp,
    /// Who opened it.
    pub opened_by: Actor,
    /// When somebody took notice, and who.
    pub acknowledged: Option<(Timestamp, Actor)>,
    /// When it was resolved, and by whom.
    pub resolved: Option<(Timestamp, Actor)>,
    /// When it was closed, and by whom.
    pub closed: Option<(Timestamp, Actor)>,
    /// When it last changed.
    pub updated_at: Timestamp,
    /// How often it was reopened.
    pub reopen_count: u32,
    /// How often it changed hands.
    pub reassignment_count: u32,
    /// How often its alert came back while it was open.
    pub flap_count: u32,
    /// How it was resolved, such as `fixed`, `recovered_by_itself`, `not_reproducible`.
    pub close_code: Option<String>,
    /// How it was resolved, in words.
    pub close_notes: Option<String>,
    /// One live incident per key: rule, CI and attributes, as text.
    pub dedup_key: Option<String>,
    /// The breach.
    pub breach: Option<Breach>,
    /// Alert instances that it stands for: the one that opened it, and those that were attached to it because what they depend
    /// on is what this is about.
    #[serde(default)]
    pub alerts: Vec<AlertId>,
    /// What changed on the CI in the 72 hours before.
    pub recent_changes: Vec<RecentChange>,
    /// Open incidents on the same CI and on those around it when it opened.
    pub related: Vec<Related>,
    /// Resolved incidents like this one when it opened, the most similar first.
    #[serde(default)]
    pub similar: Vec<Similar>,
    /// Problems whose cause is known and which this may be due to, when it opened.
    #[serde(default)]
    pub known_errors: Vec<KnownError>,
    /// Its problem.
    pub problem: Option<ProblemId>,
    /// The change that resolves it, such as `CHG0000042`.
    #[serde(default)]
    pub change: Option<String>,
    /// The change that caused it.
    #[serde(default)]
    pub caused_by_change: Option<String>,
    /// Articles that help: addresses or numbers such as `KB0000007`.
    #[serde(default)]
    pub knowledge: Vec<String>,
    /// The incident that this one is part of.
    #[serde(default)]
    pub parent: Option<IncidentId>,
    /// The incidents that are part of this one, in the order in which they joined.
    #[serde(default)]
    pub children: Vec<IncidentId>,
    /// How many of them are open.
    #[serde(default)]
    pub open_children: u32,
    /// What it rolls up, when it stands for a storm.
    #[serde(default)]
    pub storm: Option<Storm>,
    /// The incident that it turned out to be the same as.
    #[serde(default)]
    pub duplicate_of: Option<IncidentId>,
    /// The incidents that turned out to be this one.
    #[serde(default)]
    pub merged: Vec<IncidentId>,
    /// Dedup keys of those, which lead here now.
    #[serde(default)]
    pub merged_keys: Vec<String>,
    /// Who wants to know what becomes of it.
    #[serde(default)]
    pub watchers: Vec<Party>,
    /// Its states with the moments in which they began, the first when it opened: what service levels are measured by.
    #[serde(default)]
    pub course: Vec<Step>,
    /// The incident that this one follows, when that one could not be reopened.
    pub follows: Option<IncidentId>,
    /// The incidents that follow this one, oldest first.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub followed_by: Vec<IncidentId>,
    /// Work notes and comments, oldest first.
    pub notes: Vec<Note>,
    /// Files that are attached to it, oldest first.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub attachments: Vec<Attachment>,
    /// Log revision of the last change; its ETag.
    pub revision: u64,
    /// Revisions that changed it, oldest first.
    pub history: Vec<u64>,
}

/// All incidents.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Incidents {
    /// By id.
    pub incidents: Records<IncidentId, Incident>,
    /// The one open incident of each dedup key.
    pub live: BTreeMap<String, IncidentId>,
    /// Incidents of each CI, oldest first.
    pub by_ci: BTreeMap<CiId, Vec<IncidentId>>,
    /// Open incidents of each CI that has some.
    #[serde(default)]
    pub open: BTreeMap<CiId, BTreeSet<IncidentId>>,
    /// By number.
    #[serde(default)]
    pub numbers: BTreeMap<u64, IncidentId>,
    /// Opened so far.
    pub count: u64,
    /// Resolved and not yet closed, in the order in which they resolved.
    #[serde(default)]
    pub resolved: BTreeSet<(Timestamp, IncidentId)>,
    /// How incidents of each kind were resolved lately.
    #[serde(default)]
    pub solved: Solved,
    /// Incidents of each alarm that opened within the last minute, oldest first.
    #[serde(default, with = "crate::world::pairs")]
    pub bursts: BTreeMap<Alarm, VecDeque<(Timestamp, IncidentId)>>,
    /// The latest changes of each CI, oldest first, at most [`super::history::CHANGES`].
    #[serde(default)]
    pub changes: BTreeMap<CiId, VecDeque<RecentChange>>,
    /// On how many CIs the same change was seen, by day since 1970 in UTC.
    #[serde(default)]
    pub same_changes: BTreeMap<i64, BTreeMap<String, u32>>,
    /// Who gets which incidents.
    #[serde(default)]
    pub assignment: AssignmentRules,
}

impl IncidentState {
    /// The name in JSON and in words.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::New => "new",
            Self::Assigned => "assigned",
            Self::InProgress => "in_progress",
            Self::OnHold => "on_hold",
            Self::Resolved => "resolved",
            Self::Closed => "closed",
            Self::Cancelled => "cancelled",
        }
    }
}

impl Incident {
    /// Its dedup key and those of the incidents that were merged into it.
    pub fn keys(&self) -> impl Iterator<Item = &String> {
        self.dedup_key.iter().chain(&self.merged_keys)
    }

    /// When it was resolved, or cancelled or closed without that; `None` while it is open.
    #[must_use]
    pub fn ended_at(&self) -> Option<Timestamp> {
        let last = || self.course.last().filter(|step| !step.state.is_open()).map(|step| step.at);
        self.resolved.as_ref().map(|(at, _)| *at).or_else(last)
    }

    /// The rule that opened it, or that its storm is of.
    #[must_use]
    pub fn rule(&self) -> Option<&RuleId> {
        let of_storm = || self.storm.as_ref().and_then(|storm| storm.alarm.rule());
        self.breach.as_ref().map(|breach| &breach.key.rule).or_else(of_storm)
    }
}

impl Incidents {
    /// The storm that an incident is part of: who told of the storm told of it.
    #[must_use]
    pub fn storm_of(&self, incident: &Incident) -> Option<&Incident> {
        self.incidents.get(&incident.parent?).filter(|parent| parent.storm.is_some())
    }
}
