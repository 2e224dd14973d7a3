//! What happens to incidents, as the log tells it.

use super::Party;
use super::assignment::AssignmentRule;
use super::model::{Channel, HoldReason, Incident, IncidentState, KnownError, Reach, RecentChange, Related, Similar, Suggestion};
use crate::attachment::Attachment;
use crate::id::{AlertId, AssignmentRuleId, AttachmentId, CiId, IncidentId, ProblemId};
use crate::rule::{Grade, Severity};
use rollcall_shared::Timestamp;
use serde::{Deserialize, Serialize};

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
        /// Whether people decided so.
        #[serde(default)]
        by_hand: bool,
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
        /// The alert's reason, in words: what the breach is by now.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        measured: Option<String>,
        /// The title that says how it is now; none where people wrote it, or it says nothing of that.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        title: Option<String>,
        /// When `measured` was; the description says it where it still begins as the machine wrote it.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        measured_at: Option<Timestamp>,
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
    /// Another rule tells of the same thing: its alert is told about here, and opens nothing.
    AlertJoined {
        /// To which.
        incident: IncidentId,
        /// Which.
        alert: AlertId,
        /// Its dedup key, which leads here while the incident is open.
        key: String,
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
    /// What is written down of it changed.
    IncidentEdited {
        /// Which.
        incident: IncidentId,
        /// All that people may edit, as it is now.
        fields: Box<Fields>,
        /// What is known of its item, when that is another one now.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        surroundings: Option<Box<Surroundings>>,
    },
    /// It became part of another one, or is part of it no more.
    IncidentParentChanged {
        /// Which.
        incident: IncidentId,
        /// Before.
        before: Option<IncidentId>,
        /// After.
        after: Option<IncidentId>,
    },
    /// A storm takes in incidents that opened before it was seen to be one.
    IncidentsRolledUp {
        /// The incident that stands for the storm.
        incident: IncidentId,
        /// Those that it takes in.
        children: Vec<IncidentId>,
    },
    /// It turned out to be the same as another one, which takes over what it had; it is closed.
    IncidentMerged {
        /// The duplicate.
        incident: IncidentId,
        /// The one that goes on.
        into: IncidentId,
    },
    /// Somebody wants to know what becomes of it.
    WatcherAdded {
        /// Of which.
        incident: IncidentId,
        /// Who.
        watcher: Party,
    },
    /// Somebody does not want to know any more.
    WatcherRemoved {
        /// Of which.
        incident: IncidentId,
        /// Who.
        watcher: Party,
    },
    /// A file was attached; its content is in the store.
    AttachmentAdded {
        /// To which.
        incident: IncidentId,
        /// The file.
        attachment: Attachment,
    },
    /// A file that was attached is no more; its content goes too unless another attachment has the same.
    AttachmentRemoved {
        /// From which.
        incident: IncidentId,
        /// Which.
        attachment: AttachmentId,
        /// Why.
        reason: String,
    },
    /// A rule that says who gets incidents was made or changed; carried whole.
    AssignmentRuleSet {
        /// As it is now.
        rule: Box<AssignmentRule>,
    },
    /// Such a rule is no more.
    AssignmentRuleDeleted {
        /// Which.
        rule: AssignmentRuleId,
    },
}

/// What people may edit of an incident.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Fields {
    /// A line.
    pub title: String,
    /// More.
    pub description: String,
    /// The CI.
    pub primary_ci: Option<CiId>,
    /// Others affected.
    pub affected_cis: Vec<CiId>,
    /// The business service that suffers.
    pub service: Option<CiId>,
    /// What kind it is of.
    pub category: Option<String>,
    /// How it came.
    pub channel: Channel,
    /// Who reported it.
    pub caller: Party,
    /// The change that resolves it.
    pub change: Option<String>,
    /// The change that caused it.
    pub caused_by_change: Option<String>,
    /// Articles that help.
    pub knowledge: Vec<String>,
}

impl Fields {
    /// As they are.
    #[must_use]
    pub fn of(incident: &Incident) -> Self {
        Self {
            title: incident.title.clone(),
            description: incident.description.clone(),
            primary_ci: incident.primary_ci,
            affected_cis: incident.affected_cis.clone(),
            service: incident.service,
            category: incident.category.clone(),
            channel: incident.channel,
            caller: incident.caller.clone(),
            change: incident.change.clone(),
            caused_by_change: incident.caused_by_change.clone(),
            knowledge: incident.knowledge.clone(),
        }
    }
}

/// What an incident says of its item and what is around it, looked up when the item is another one.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Surroundings {
    /// How far it reaches.
    pub impact: Grade,
    /// Why so far, in words.
    pub impact_reason: String,
    /// Impact × urgency.
    pub priority: u8,
    /// How the failure gets to what it affects.
    pub reach: Vec<Reach>,
    /// Whether more is affected than is named.
    pub reaches_further: bool,
    /// Whether people chose the service.
    pub service_by_hand: bool,
    /// Group that ought to have it, and why.
    pub suggested_group: Option<Suggestion>,
    /// What changed on the item before the incident.
    pub recent_changes: Vec<RecentChange>,
    /// Open incidents on the item and around it.
    pub related: Vec<Related>,
    /// Resolved incidents like this one.
    pub similar: Vec<Similar>,
    /// Problems that it may be due to.
    pub known_errors: Vec<KnownError>,
}

impl Surroundings {
    /// As they are.
    #[must_use]
    pub fn of(incident: &Incident) -> Self {
        Self {
            impact: incident.impact,
            impact_reason: incident.impact_reason.clone(),
            priority: incident.priority,
            reach: incident.reach.clone(),
            reaches_further: incident.reaches_further,
            service_by_hand: incident.service_by_hand,
            suggested_group: incident.suggested_group.clone(),
            recent_changes: incident.recent_changes.clone(),
            related: incident.related.clone(),
            similar: incident.similar.clone(),
            known_errors: incident.known_errors.clone(),
        }
    }
}
