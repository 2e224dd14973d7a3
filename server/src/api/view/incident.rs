//! Incidents.

use super::word::{Channel, Grade, HoldReason, IncidentState, Severity};
use super::{Actor, Stamp, Time, texts};
use rollcall_domain::incident as domain;
use serde::Serialize;
use std::collections::BTreeMap;
use utoipa::ToSchema;

/// A note.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct Note {
    /// When.
    pub at: Time,
    /// Who.
    pub by: Actor,
    /// What.
    pub text: String,
    /// Whether the caller may read it.
    pub public: bool,
}

impl From<&domain::Note> for Note {
    fn from(note: &domain::Note) -> Self {
        Self { at: Time(note.at), by: (&note.by).into(), text: note.text.clone(), public: note.public }
    }
}

/// What the breach was.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct Breach {
    /// Alert instance.
    pub alert: String,
    /// Rule.
    pub rule: String,
    /// Attributes of the series, such as the mount point.
    pub attributes: BTreeMap<String, String>,
    /// How bad at the last update.
    pub severity: Severity,
    /// Value that raised it; null when unknown.
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

/// A change on the configuration item shortly before the incident.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct RecentChange {
    /// Log revision of the change.
    pub revision: u64,
    /// When.
    pub at: Time,
    /// In words.
    pub summary: String,
}

/// An incident.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct Incident {
    /// Its id.
    #[schema(example = "inc_00000000000000000000000001")]
    pub id: String,
    /// Its number for people.
    #[schema(example = "INC0000001")]
    pub number: String,
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
    /// The configuration item.
    pub primary_ci: Option<String>,
    /// Others affected.
    pub affected_cis: Vec<String>,
    /// The rule's id for monitoring.
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
    pub opened_at: Time,
    /// Who opened it.
    pub opened_by: Actor,
    /// When somebody took notice, and who.
    pub acknowledged: Option<Stamp>,
    /// When it was resolved, and by whom.
    pub resolved: Option<Stamp>,
    /// When it was closed, and by whom.
    pub closed: Option<Stamp>,
    /// When it last changed.
    pub updated_at: Time,
    /// How often it was reopened.
    pub reopen_count: u32,
    /// How often it changed hands.
    pub reassignment_count: u32,
    /// How often its alert came back while it was open.
    pub flap_count: u32,
    /// How it was resolved, such as `fixed` or `recovered_by_itself`.
    pub close_code: Option<String>,
    /// How it was resolved, in words.
    pub close_notes: Option<String>,
    /// One live incident per key.
    pub dedup_key: Option<String>,
    /// The breach.
    pub breach: Option<Breach>,
    /// What changed on the configuration item in the 72 hours before.
    pub recent_changes: Vec<RecentChange>,
    /// Open incidents on the same configuration item when it opened.
    pub related: Vec<String>,
    /// Its problem.
    pub problem: Option<String>,
    /// The incident that this one follows.
    pub follows: Option<String>,
    /// Notes, oldest first.
    pub notes: Vec<Note>,
    /// Revision of the last change; also its entity tag.
    pub revision: u64,
}

impl From<&domain::Breach> for Breach {
    fn from(breach: &domain::Breach) -> Self {
        Self {
            alert: breach.alert.to_string(),
            rule: breach.key.rule.to_string(),
            attributes: breach.key.attributes.clone(),
            severity: breach.severity.into(),
            value: breach.value,
            reason: breach.reason.clone(),
            guidance: breach.guidance.clone(),
            runbook: breach.runbook.clone(),
            metric: breach.metric.clone(),
        }
    }
}

impl From<&domain::RecentChange> for RecentChange {
    fn from(change: &domain::RecentChange) -> Self {
        Self { revision: change.revision, at: Time(change.at), summary: change.summary.clone() }
    }
}

impl From<&domain::Incident> for Incident {
    fn from(incident: &domain::Incident) -> Self {
        Self {
            id: incident.id.to_string(),
            number: format!("INC{:07}", incident.number),
            title: incident.title.clone(),
            description: incident.description.clone(),
            state: incident.state.into(),
            hold_reason: incident.hold_reason.map(Into::into),
            impact: incident.impact.into(),
            urgency: incident.urgency.into(),
            priority: incident.priority,
            primary_ci: incident.primary_ci.map(|id| id.to_string()),
            affected_cis: texts(&incident.affected_cis),
            category: incident.category.clone(),
            channel: incident.channel.into(),
            caller: (&incident.caller).into(),
            group: incident.group.clone(),
            assignee: incident.assignee.clone(),
            opened_at: Time(incident.opened_at),
            opened_by: (&incident.opened_by).into(),
            acknowledged: incident.acknowledged.as_ref().map(Into::into),
            resolved: incident.resolved.as_ref().map(Into::into),
            closed: incident.closed.as_ref().map(Into::into),
            updated_at: Time(incident.updated_at),
            reopen_count: incident.reopen_count,
            reassignment_count: incident.reassignment_count,
            flap_count: incident.flap_count,
            close_code: incident.close_code.clone(),
            close_notes: incident.close_notes.clone(),
            dedup_key: incident.dedup_key.clone(),
            breach: incident.breach.as_ref().map(Into::into),
            recent_changes: incident.recent_changes.iter().map(Into::into).collect(),
            related: texts(&incident.related),
            problem: incident.problem.map(|id| id.to_string()),
            follows: incident.follows.map(|id| id.to_string()),
            notes: incident.notes.iter().map(Into::into).collect(),
            revision: incident.revision,
        }
    }
}
