//! Alert instances.

use super::Time;
use super::word::{AlertState, Severity};
use rollcall_domain::alert as domain;
use rollcall_shared::Timestamp;
use serde::Serialize;
use std::collections::BTreeMap;
use utoipa::ToSchema;

/// One rule on one configuration item with one set of attributes.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct Alert {
    /// Its id.
    #[schema(example = "alert_00000000000000000000000001")]
    pub id: String,
    /// Rule.
    pub rule: String,
    /// Configuration item.
    pub ci: String,
    /// Attributes of the series, such as the mount point.
    pub attributes: BTreeMap<String, String>,
    /// Where it is.
    pub state: AlertState,
    /// How bad, while pending, firing or recovering.
    pub severity: Option<Severity>,
    /// The value at the last transition; null when unknown.
    pub value: Option<f64>,
    /// Why it is where it is.
    pub reason: String,
    /// Since when.
    pub since: Time,
    /// When it last began to fire.
    pub fired_at: Option<Time>,
    /// When it last resolved.
    pub resolved_at: Option<Time>,
    /// How often it fired.
    pub times_fired: u32,
    /// Why it is not told about, by axis: `maintenance`, `silence`, `freeze`, `dependency`, `flapping`.
    pub suppressed: BTreeMap<String, String>,
    /// The incident that tells of it instead of one of its own, while what it depends on is down.
    pub told_by: Option<String>,
    /// Who looks after it now.
    pub acknowledged: Option<Acknowledgement>,
    /// Its live or last incident.
    pub incident: Option<String>,
    /// Revision of the last change; also its entity tag.
    pub revision: u64,
}

/// Somebody looks after an alert.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct Acknowledgement {
    /// Who.
    pub by: String,
    /// Since when.
    pub at: Time,
    /// Until when; until the alert is clear when null.
    pub until: Option<Time>,
}

impl Alert {
    /// As it is at a moment.
    pub fn new(alert: &domain::Alert, now: Timestamp) -> Self {
        Self {
            id: alert.id.to_string(),
            rule: alert.key.rule.to_string(),
            ci: alert.key.ci.to_string(),
            attributes: alert.key.attributes.clone(),
            state: alert.state.into(),
            severity: alert.severity.map(Into::into),
            value: alert.value,
            reason: alert.reason.clone(),
            since: Time(alert.since),
            fired_at: alert.fired_at.map(Time),
            resolved_at: alert.resolved_at.map(Time),
            times_fired: alert.times_fired,
            suppressed: suppressed(&alert.suppressed),
            told_by: alert.told_by.map(|id| id.to_string()),
            acknowledged: alert.acknowledgement(now).map(Acknowledgement::from),
            incident: alert.incident.map(|id| id.to_string()),
            revision: alert.revision,
        }
    }
}

impl From<&domain::Acknowledgement> for Acknowledgement {
    fn from(one: &domain::Acknowledgement) -> Self {
        Self { by: one.by.clone(), at: Time(one.at), until: one.until.map(Time) }
    }
}

/// Reasons by the names of their axes.
pub fn suppressed(reasons: &BTreeMap<domain::Suppression, String>) -> BTreeMap<String, String> {
    reasons.iter().map(|(axis, reason)| (axis_name(*axis), reason.clone())).collect()
}

fn axis_name(axis: domain::Suppression) -> String {
    match axis {
        domain::Suppression::Maintenance => "maintenance",
        domain::Suppression::Silence => "silence",
        domain::Suppression::Dependency => "dependency",
        domain::Suppression::Flapping => "flapping",
        domain::Suppression::Freeze => "freeze",
    }
    .to_owned()
}
