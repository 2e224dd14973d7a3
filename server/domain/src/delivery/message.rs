//! What people are told of incidents, before it has the form of any channel.
//!
//! A message is frozen when it is made: what a receiver gets after a night of retries is what was to be said then. Each channel
//! gives it the form that its receiver knows; texts come from hosts and people and are escaped there.

use crate::id::{CiId, IncidentId};
use crate::rule::{Severity, Tier};
use rollcall_shared::Timestamp;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// Incidents that one message names; of more their number is told.
pub const NAMED: usize = 50;

/// How a group of incidents stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum MessageStatus {
    /// At least one is open and nobody has taken notice.
    Firing,
    /// Somebody has taken notice of all that are open.
    Acknowledged,
    /// None is open any more.
    Resolved,
}

impl MessageStatus {
    /// The name in JSON.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Firing => "firing",
            Self::Acknowledged => "acknowledged",
            Self::Resolved => "resolved",
        }
    }
}

/// One notification.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Message {
    /// The same for everything that is told of one group through one route: receivers join messages by it.
    pub group: String,
    /// Labels that all its incidents share, such as `rule` and `site`.
    pub labels: BTreeMap<String, String>,
    /// How the group stands.
    pub status: MessageStatus,
    /// The worst of its open incidents, or of all when none is open.
    pub severity: Severity,
    /// The loudest.
    pub tier: Tier,
    /// A line that says what it is about; how that stands is said by `status` alone.
    pub title: String,
    /// More, as plain text.
    pub text: String,
    /// Which route made it.
    pub route: String,
    /// Which step of escalation, from 1.
    pub step: u32,
    /// Whom it is for, such as mail addresses, on channels that reach people one by one; empty for all that the channel reaches.
    pub recipients: Vec<String>,
    /// The incidents, the worst first; at most [`NAMED`].
    pub incidents: Vec<MessageIncident>,
    /// How many more there are.
    pub omitted: u32,
}

/// An incident as a message tells it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct MessageIncident {
    /// Which.
    pub id: IncidentId,
    /// As people say it, such as `INC0000017`.
    pub number: String,
    /// A line.
    pub title: String,
    /// More.
    pub description: String,
    /// Whether it is open.
    pub open: bool,
    /// 1 (highest) to 5.
    pub priority: u8,
    /// How bad, for those that a rule opened.
    pub severity: Option<Severity>,
    /// Its item.
    pub ci: Option<CiId>,
    /// How that is called.
    pub ci_name: Option<String>,
    /// Labels of its own, such as `class`, `location`, `service`, `rule`.
    pub labels: BTreeMap<String, String>,
    /// When it opened.
    pub opened_at: Timestamp,
    /// Who has acknowledged it, for people.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub acknowledged_by: Option<String>,
    /// When it ended.
    pub resolved_at: Option<Timestamp>,
    /// What to do next, or where that is written.
    pub runbook: Option<String>,
}

/// How bad a priority says that something is, of which no rule says it.
#[must_use]
pub fn severity_of_priority(priority: u8) -> Severity {
    if priority <= 2 { Severity::Critical } else { Severity::Warning }
}

impl MessageIncident {
    /// How bad it is: as its rule says, or else its priority.
    #[must_use]
    pub fn how_bad(&self) -> Severity {
        self.severity.unwrap_or_else(|| severity_of_priority(self.priority))
    }

    /// Who looks after it while it is open.
    #[must_use]
    pub fn looked_after_by(&self) -> Option<&str> {
        self.acknowledged_by.as_deref().filter(|_| self.open)
    }
}
