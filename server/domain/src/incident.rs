//! Incidents: opened from the CI by a rule, or by people; worked on by people; resolved by either.

pub mod compose;
pub mod decide;
pub mod fold;
mod outage;
pub mod react;

use crate::actor::Actor;
use crate::alert::AlertKey;
use crate::id::{AlertId, CiId, IncidentId, ProblemId};
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
    /// A rule opened it.
    Monitoring,
    /// The API.
    Api,
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

/// What the breach was, frozen when the incident opened.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Breach {
    /// Alert instance.
    pub alert: AlertId,
    /// What it is of.
    pub key: AlertKey,
    /// How bad at the last update.
    pub severity: Severity,
    /// Value that raised it.
    pub value: Option<f64>,
    /// In words: value, threshold, window.
    pub reason: String,
    /// What to do next, from the rule.
    pub guidance: String,
    /// Runbook link.
    pub runbook: Option<String>,
    /// Metric, for the chart.
    pub metric: Option<String>,
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
    /// Already filled in.
    pub description: String,
    /// Where it is.
    pub state: IncidentState,
    /// What it waits for.
    pub hold_reason: Option<HoldReason>,
    /// How far it reaches.
    pub impact: Grade,
    /// How fast it must be dealt with.
    pub urgency: Grade,
    /// 1 (highest) to 5: impact × urgency.
    pub priority: u8,
    /// The CI.
    pub primary_ci: Option<CiId>,
    /// Others affected.
    pub affected_cis: Vec<CiId>,
    /// Such as `cpu`, `storage`; the rule's id for monitoring.
    pub category: Option<String>,
    /// How it came.
    pub channel: Channel,
    /// Who reported it.
    pub caller: Actor,
    /// Group that has it.
    pub group: Option<String>,
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
    /// Open incidents on the same CI when it opened.
    pub related: Vec<IncidentId>,
    /// Its problem.
    pub problem: Option<ProblemId>,
    /// The incident that this one follows, when that one could not be reopened.
    pub follows: Option<IncidentId>,
    /// Work notes and comments, oldest first.
    pub notes: Vec<Note>,
    /// Log revision of the last change; its ETag.
    pub revision: u64,
    /// Revisions that changed it, oldest first.
    pub history: Vec<u64>,
}

/// What happened to an incident.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum IncidentEvent {
    /// It opened.
    IncidentOpened {
        /// As it is; revision and history are filled in by the fold.
        incident: Box<Incident>,
    },
    /// It went from one state to another.
    IncidentStateChanged {
        /// Which.
        incident: IncidentId,
        /// Before.
        before: IncidentState,
        /// After.
        after: IncidentState,
        /// What it waits for, when on hold.
        hold_reason: Option<HoldReason>,
        /// How it was resolved.
        close_code: Option<String>,
        /// In words.
        notes: Option<String>,
    },
    /// Somebody took notice.
    IncidentAcknowledged {
        /// Which.
        incident: IncidentId,
    },
    /// It changed hands.
    IncidentAssigned {
        /// Which.
        incident: IncidentId,
        /// Group.
        group: Option<String>,
        /// Person.
        assignee: Option<String>,
    },
    /// Impact, urgency and so priority changed.
    IncidentPrioritised {
        /// Which.
        incident: IncidentId,
        /// Impact.
        impact: Grade,
        /// Urgency.
        urgency: Grade,
        /// Their product.
        priority: u8,
        /// Why.
        reason: String,
    },
    /// Its alert changed: worse, better, back again.
    IncidentUpdated {
        /// Which.
        incident: IncidentId,
        /// How bad now.
        severity: Severity,
        /// Value now.
        value: Option<f64>,
        /// In words.
        reason: String,
        /// Whether this is a come-back while open.
        flapped: bool,
    },
    /// A note.
    IncidentNoted {
        /// Which.
        incident: IncidentId,
        /// What.
        text: String,
        /// Whether the caller may read it.
        public: bool,
    },
    /// An alert of its own item or of one behind it is told about here, and opens nothing.
    AlertAttached {
        /// To which.
        incident: IncidentId,
        /// Which.
        alert: AlertId,
        /// Of which item, now among the affected ones.
        ci: CiId,
        /// Why, in words.
        reason: String,
    },
    /// It does not belong to a problem after all.
    IncidentUnlinked {
        /// Which.
        incident: IncidentId,
        /// From what.
        problem: ProblemId,
    },
    /// It belongs to a problem.
    IncidentLinked {
        /// Which.
        incident: IncidentId,
        /// To what.
        problem: ProblemId,
    },
}

/// What people ask of incidents.
#[derive(Clone, Debug, PartialEq)]
pub enum IncidentAction {
    /// Take notice.
    Acknowledge,
    /// Give it to a group, a person or both; at least one.
    Assign {
        /// Group.
        group: Option<String>,
        /// Person.
        assignee: Option<String>,
    },
    /// Write something down.
    Note {
        /// What.
        text: String,
        /// Whether the caller may read it.
        public: bool,
    },
    /// Let it wait.
    Hold {
        /// For what.
        reason: HoldReason,
        /// In words.
        note: Option<String>,
    },
    /// Go on.
    Resume,
    /// It is over.
    Resolve {
        /// How.
        close_code: String,
        /// In words.
        notes: String,
    },
    /// It is not over.
    Reopen {
        /// Why.
        reason: String,
    },
    /// It is over for ever.
    Close {
        /// In words.
        notes: Option<String>,
    },
    /// It never was one.
    Cancel {
        /// Why.
        reason: String,
    },
}

/// What people ask about incidents.
#[derive(Clone, Debug, PartialEq)]
pub enum IncidentCommand {
    /// Open one by hand.
    Open {
        /// A line.
        title: String,
        /// More.
        description: String,
        /// The CI.
        primary_ci: Option<CiId>,
        /// How far it reaches.
        impact: Grade,
        /// How fast it must be dealt with.
        urgency: Grade,
        /// Group.
        group: Option<String>,
    },
    /// Work on one.
    Act {
        /// Which.
        incident: IncidentId,
        /// What.
        action: IncidentAction,
        /// Revision that the person saw.
        expected: Option<u64>,
    },
}

/// All incidents.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Incidents {
    /// By id.
    pub incidents: BTreeMap<IncidentId, Incident>,
    /// The one open incident of each dedup key.
    pub live: BTreeMap<String, IncidentId>,
    /// Incidents of each CI, oldest first.
    pub by_ci: BTreeMap<CiId, Vec<IncidentId>>,
    /// Opened so far.
    pub count: u64,
    /// Resolved and not yet closed, in the order in which they resolved.
    #[serde(default)]
    pub resolved: BTreeSet<(Timestamp, IncidentId)>,
    /// The latest changes of each CI, oldest first, at most [`fold::CHANGES`].
    #[serde(default)]
    pub changes: BTreeMap<CiId, VecDeque<RecentChange>>,
}

/// Priority of impact and urgency: 1 (highest) to 5.
#[must_use]
pub fn priority(impact: Grade, urgency: Grade) -> u8 {
    use Grade::{High, Low, Medium};
    match (impact, urgency) {
        (High, High) => 1,
        (High, Medium) | (Medium, High) => 2,
        (High, Low) | (Medium, Medium) | (Low, High) => 3,
        (Medium, Low) | (Low, Medium) => 4,
        (Low, Low) => 5,
    }
}

/// The number as people say it.
#[must_use]
pub fn display_number(number: u64) -> String {
    format!("INC{number:07}")
}
