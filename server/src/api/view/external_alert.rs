//! Alerts of other systems.

use super::Time;
use super::alert::{Acknowledgement, suppressed};
use super::word::{ExternalState, Severity, Tier};
use rollcall_domain::alert::external as domain;
use rollcall_shared::Timestamp;
use serde::Serialize;
use std::collections::BTreeMap;
use utoipa::ToSchema;

/// An alert of another system.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct ExternalAlert {
    /// Its id.
    #[schema(example = "alert_00000000000000000000000001")]
    pub id: String,
    /// The feed that tells of it.
    pub source: String,
    /// What the source tells it apart by.
    pub fingerprint: String,
    /// What the source said last.
    pub state: ExternalState,
    /// How bad; null for what is but for information and opens no incident.
    pub severity: Option<Severity>,
    /// How loud: what is critical pages, a warning is a ticket, information is kept for correlation.
    pub tier: Tier,
    /// A line.
    pub title: String,
    /// More, for people.
    pub description: String,
    /// What it is of, in the source's words.
    pub labels: BTreeMap<String, String>,
    /// Where to read on at the source.
    pub link: Option<String>,
    /// What to do about it.
    pub runbook: Option<String>,
    /// The configuration item that the labels mean; null when none or several fit.
    pub ci: Option<String>,
    /// How the item was found, or why none was.
    pub placed: String,
    /// When the episode began, as the source says.
    pub began_at: Time,
    /// When it ended; null while it fires.
    pub ended_at: Option<Time>,
    /// When the source's word last changed something here.
    pub changed_at: Time,
    /// When it was called firing though it is over, with the begin of the episode that ended: by a late copy, unless that is said again a
    /// minute later or more. Null when it was not, or fires.
    pub doubted_at: Option<Time>,
    /// How often it began to fire.
    pub times_fired: u32,
    /// Why it is not told about, by axis: `maintenance`, `silence`, `freeze`, `dependency`.
    pub suppressed: BTreeMap<String, String>,
    /// The incident that tells of it instead of one of its own, while what its item stands on is down.
    pub told_by: Option<String>,
    /// Who looks after it now.
    pub acknowledged: Option<Acknowledgement>,
    /// Its live or last incident.
    pub incident: Option<String>,
    /// Revision of the last change; also its entity tag.
    pub revision: u64,
}

impl ExternalAlert {
    /// As it is at a moment.
    pub fn new(alert: &domain::ExternalAlert, now: Timestamp) -> Self {
        Self {
            id: alert.id.to_string(),
            source: alert.source.clone(),
            fingerprint: alert.fingerprint.clone(),
            state: alert.state.into(),
            severity: alert.severity.map(Into::into),
            tier: alert.tier().into(),
            title: alert.title.clone(),
            description: alert.description.clone(),
            labels: alert.labels.clone(),
            link: alert.link.clone(),
            runbook: alert.runbook.clone(),
            ci: alert.ci.map(|ci| ci.to_string()),
            placed: alert.placed.clone(),
            began_at: Time(alert.began_at),
            ended_at: alert.ended_at.map(Time),
            changed_at: Time(alert.changed_at),
            doubted_at: alert.doubted_at().map(Time),
            times_fired: alert.times_fired,
            suppressed: suppressed(&alert.suppressed),
            told_by: alert.told_by.map(|id| id.to_string()),
            acknowledged: alert.acknowledgement(now).map(Acknowledgement::from),
            incident: alert.incident.map(|id| id.to_string()),
            revision: alert.revision,
        }
    }
}
