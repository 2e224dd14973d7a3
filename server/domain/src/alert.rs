//! Alert instances: one rule on one CI with one set of attributes, and the state machine they live by.
//!
//! `inactive → pending → firing → recovering → resolved`, and from anywhere `unknown` (no data) and back.
//! Missing data never resolves.

pub mod machine;
pub mod observe;
#[cfg(test)]
pub(crate) mod scenario;
pub mod silence;
pub mod telemetry;
pub mod wording;

use crate::id::{AlertId, CiId, IncidentId, RuleId};
use crate::rule::Severity;
use rollcall_shared::Timestamp;
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};

/// Where an alert instance is. An inactive one is not kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum AlertState {
    /// Not breached.
    Inactive,
    /// Breached, not yet for long enough.
    Pending,
    /// Breached.
    Firing,
    /// Clear, not yet for long enough.
    Recovering,
    /// Clear.
    Resolved,
    /// No data: neither breached nor clear can be said.
    Unknown,
}

/// What an alert instance is of. The dedup key of its incident.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct AlertKey {
    /// Rule.
    pub rule: RuleId,
    /// CI.
    pub ci: CiId,
    /// Attributes of the series, such as the mount point.
    pub attributes: BTreeMap<String, String>,
}

/// An alert instance.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Alert {
    /// Its id.
    pub id: AlertId,
    /// What it is of.
    pub key: AlertKey,
    /// Where it is.
    pub state: AlertState,
    /// Where it was before it became unknown.
    pub before_unknown: Option<AlertState>,
    /// How bad, while pending, firing or recovering.
    pub severity: Option<Severity>,
    /// The value at the last transition.
    pub value: Option<f64>,
    /// Since when it is where it is.
    pub since: Timestamp,
    /// When it last began to fire.
    pub fired_at: Option<Timestamp>,
    /// When it last resolved.
    pub resolved_at: Option<Timestamp>,
    /// How often it fired.
    pub times_fired: u32,
    /// Its live or last incident.
    pub incident: Option<IncidentId>,
    /// Why it is where it is, for people.
    pub reason: String,
    /// Log revision of the last change.
    pub revision: u64,
}

/// What happened to an alert instance.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum AlertEvent {
    /// It went from one state to another, or changed its severity while firing.
    AlertTransitioned {
        /// Which.
        alert: AlertId,
        /// What it is of.
        key: AlertKey,
        /// Before.
        before: AlertState,
        /// After.
        after: AlertState,
        /// How bad.
        severity: Option<Severity>,
        /// The value that decided it.
        value: Option<f64>,
        /// When the value was measured, by the server's clock.
        at: Timestamp,
        /// Why, for people: value, threshold, window.
        reason: String,
    },
}

/// All alert instances that were ever more than pending, and those pending.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Alerts {
    /// By id.
    pub alerts: BTreeMap<AlertId, Alert>,
    /// By what they are of.
    #[serde(with = "crate::world::pairs")]
    pub keys: BTreeMap<AlertKey, AlertId>,
    /// By CI.
    #[serde(default)]
    pub by_ci: BTreeMap<CiId, CiAlerts>,
    /// Those that are pending, firing, recovering or unknown.
    #[serde(default)]
    pub live: BTreeSet<AlertId>,
}

/// The alert instances of one CI.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct CiAlerts {
    /// Log revision of the last change to any of them.
    pub revision: u64,
    /// Which.
    pub alerts: BTreeSet<AlertId>,
}

impl AlertKey {
    /// The key as text, one live incident each: `rule/ci/name=value,name=value`. Separators within names and values are escaped, so
    /// that two keys never have one text.
    #[must_use]
    pub fn dedup_key(&self) -> String {
        let escape = |text: &str| text.replace('\\', "\\\\").replace(',', "\\,").replace('=', "\\=");
        let attributes: Vec<String> = self.attributes.iter().map(|(name, value)| format!("{}={}", escape(name), escape(value))).collect();
        format!("{}/{}/{}", self.rule, self.ci, attributes.join(","))
    }
}
