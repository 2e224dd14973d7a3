//! Alert instances: one rule on one CI with one set of attributes, and the state machine they live by.
//!
//! `inactive → pending → firing → recovering → resolved`, and from anywhere `unknown` (no data) and back.
//! Missing data never resolves.

#[cfg(test)]
mod bad_input;
pub mod collected;
pub mod decide;
pub mod dependency;
pub mod dropped;
pub mod external;
pub mod flapping;
pub mod inventory;
pub mod machine;
#[cfg(test)]
mod model;
pub mod mute;
pub mod observe;
pub mod outage;
pub(crate) mod output;
pub mod replay;
#[cfg(test)]
pub(crate) mod scenario;
pub mod silence;
pub mod suppress;
pub mod target;
pub mod telemetry;
pub mod wording;

use crate::id::{AlertId, CiId, IncidentId, MuteId, RuleId};
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

/// Why an alert is not told about. An axis of its own: it says nothing about whether the alert fires.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Suppression {
    /// A maintenance window.
    Maintenance,
    /// A silence.
    Silence,
    /// What it depends on is down.
    Dependency,
    /// It changes its mind too often.
    Flapping,
    /// A change freeze.
    Freeze,
}

/// Somebody looks after an alert.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Acknowledgement {
    /// Who.
    pub by: String,
    /// Since when.
    pub at: Timestamp,
    /// Until when; until the alert is clear unless given.
    pub until: Option<Timestamp>,
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
    /// Since when it has been beyond the critical line, while it is not known yet whether that lasts.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub worse_since: Option<Timestamp>,
    /// The value at the last transition.
    pub value: Option<f64>,
    /// Since when it is where it is.
    pub since: Timestamp,
    /// When the first bad value was measured of what it last went through, pending included; what flaps goes through one thing.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub began_at: Option<Timestamp>,
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
    /// Why it is not told about, by axis.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub suppressed: BTreeMap<Suppression, String>,
    /// The incident that tells of it instead, while what it depends on is down.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub told_by: Option<IncidentId>,
    /// Who looks after it. See [`Alert::acknowledgement`].
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub acknowledged: Option<Acknowledgement>,
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
        /// Since when it has been beyond the critical line, while it is not known yet whether that lasts.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        worse_since: Option<Timestamp>,
        /// The value that decided it.
        value: Option<f64>,
        /// When the value was measured, by the server's clock.
        at: Timestamp,
        /// Why, for people: value, threshold, window.
        reason: String,
    },
    /// It came or went beyond the critical line for a time too short to be critical.
    AlertWorsening {
        /// Which.
        alert: AlertId,
        /// What it is of.
        key: AlertKey,
        /// Since when it has been there; `None` when it is there no more.
        since: Option<Timestamp>,
        /// When the value was measured, by the server's clock.
        at: Timestamp,
    },
    /// It began or ceased to be suppressed on an axis.
    AlertSuppressed {
        /// Which.
        alert: AlertId,
        /// The axis.
        axis: Suppression,
        /// Why; `None` when it is over.
        reason: Option<String>,
        /// The incident that tells of it instead.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        incident: Option<IncidentId>,
        /// When.
        at: Timestamp,
    },
    /// Hosts that share something fell silent together.
    OutageBegan {
        /// As it is.
        outage: Box<outage::Outage>,
    },
    /// More of them did, or by a louder rule.
    OutageGrew {
        /// Which, by the key of its incident.
        outage: String,
        /// Their silence alerts, each with its host.
        #[serde(with = "crate::world::pairs")]
        alerts: BTreeMap<AlertId, CiId>,
    },
    /// Some of them are back, or silent again.
    OutageShrank {
        /// Which, by the key of its incident.
        outage: String,
        /// All that are back.
        returned: BTreeSet<CiId>,
        /// When.
        at: Timestamp,
    },
    /// None of them is silent any more.
    OutageEnded {
        /// Which, by the key of its incident.
        outage: String,
        /// When.
        at: Timestamp,
    },
    /// Somebody began or ceased to look after it.
    AlertAcknowledged {
        /// Which.
        alert: AlertId,
        /// Who, until when; `None` when it is over.
        acknowledgement: Option<Acknowledgement>,
    },
    /// A maintenance window or silence was made.
    MuteSet {
        /// As it is now.
        mute: Box<mute::Mute>,
    },
    /// A maintenance window, freeze or silence is another one from now on: when, for what, or why.
    MuteChanged {
        /// As it is now.
        mute: Box<mute::Mute>,
    },
    /// A maintenance window or silence is over.
    MuteEnded {
        /// Which.
        mute: MuteId,
    },
    /// An alert of another system began, changed or ended.
    ExternalAlertChanged {
        /// What changed.
        change: external::ExternalChange,
        /// As it is now; carried whole.
        alert: Box<external::ExternalAlert>,
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
    /// Those that are suppressed on some axis.
    #[serde(default)]
    pub suppressed: BTreeSet<AlertId>,
    /// What hosts share that fell silent together, by the key of its incident.
    #[serde(default)]
    pub outages: BTreeMap<String, outage::Outage>,
    /// Maintenance windows, silences and freezes.
    #[serde(default)]
    pub mutes: BTreeMap<MuteId, mute::Mute>,
    /// Alerts of other systems.
    #[serde(default)]
    pub external: external::Externals,
}

/// The alert instances of one CI.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct CiAlerts {
    /// Log revision of the last change to any of them.
    pub revision: u64,
    /// Which.
    pub alerts: BTreeSet<AlertId>,
}

impl Alert {
    /// Whether it changes its mind too often.
    #[must_use]
    pub fn flaps(&self) -> bool {
        self.suppressed.contains_key(&Suppression::Flapping)
    }

    /// Who looks after it at a moment.
    #[must_use]
    pub fn acknowledgement(&self, now: Timestamp) -> Option<&Acknowledgement> {
        self.acknowledged.as_ref().filter(|one| one.until.is_none_or(|until| now < until))
    }
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
