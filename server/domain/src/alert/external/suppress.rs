//! Why alerts of other systems are not told about: people muted them, or what their item stands on is down.
//!
//! Invariant: what opens an incident is what would for an alert of our own: while one is quiet it opens none, and when that is over and it
//! still fires, it does.

use super::ExternalAlert;
use crate::alert::dependency::{Behind, Outlook};
use crate::alert::mute::{self, Mute};
use crate::alert::{AlertEvent, Suppression};
use crate::id::IncidentId;
use crate::{Event, World};
use rollcall_shared::Timestamp;
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};

/// Axes on which an alert of another system can be quiet.
const AXES: [Suppression; 4] = [Suppression::Maintenance, Suppression::Silence, Suppression::Freeze, Suppression::Dependency];

/// Which alerts of other systems are meant: those that fulfil all that is given.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ExternalSelector {
    /// Told by one of these feeds.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub sources: BTreeSet<String>,
    /// With one of these fingerprints.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub fingerprints: BTreeSet<String>,
    /// With all of these labels.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub labels: BTreeMap<String, String>,
}

impl ExternalSelector {
    /// Whether it means all.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }

    /// Whether it means an alert.
    #[must_use]
    pub fn means(&self, alert: &ExternalAlert) -> bool {
        (self.sources.is_empty() || self.sources.contains(&alert.source))
            && (self.fingerprints.is_empty() || self.fingerprints.contains(&alert.fingerprint))
            && self.labels.iter().all(|(name, value)| alert.labels.get(name) == Some(value))
    }
}

/// Why an alert is not told about, by axis, and which incident tells of it instead.
pub type Quiet = BTreeMap<Suppression, (String, Option<IncidentId>)>;

/// Why one that fires is not told about at a moment; empty when it is.
#[must_use]
pub fn quiet(world: &World, alert: &ExternalAlert, now: Timestamp) -> Quiet {
    let holding: Vec<&Mute> = world.alerts.mutes.values().filter(|mute| mute.schedule.covers(now)).collect();
    with(world, alert, &holding, &mut Outlook::new(world, now))
}

fn with(world: &World, alert: &ExternalAlert, holding: &[&Mute], outlook: &mut Outlook<'_>) -> Quiet {
    let muted = holding.iter().filter(|mute| mute.means_external(world, alert)).map(|mute| (mute.axis(), (mute::said(mute), None)));
    let mut quiet: Quiet = muted.collect();
    let behind = alert.ci.and_then(|ci| outlook.behind(ci));
    quiet.extend(behind.map(|Behind { reason, incident }| (Suppression::Dependency, (reason, incident))));
    quiet
}

/// The events that bring an alert in line with why it is not told about.
#[must_use]
pub fn differences(alert: &ExternalAlert, quiet: &Quiet, at: Timestamp) -> Vec<Event> {
    let differs = |axis: &Suppression| {
        let (reason, incident) = quiet.get(axis).map_or((None, None), |(reason, incident)| (Some(reason), *incident));
        alert.suppressed.get(axis) != reason || (*axis == Suppression::Dependency && alert.told_by != incident)
    };
    let event = |axis: Suppression| {
        let (reason, incident) = quiet.get(&axis).cloned().map_or((None, None), |(reason, incident)| (Some(reason), incident));
        Event::Alert(AlertEvent::AlertSuppressed { alert: alert.id, axis, reason, incident, at })
    };
    AXES.into_iter().filter(differs).map(event).collect()
}

/// The events by which one that is over is quiet no more.
pub(super) fn ends(alert: &ExternalAlert, at: Timestamp) -> Vec<Event> {
    differences(alert, &Quiet::new(), at)
}

/// What begins and ends to be quiet with the passing of time.
pub(in crate::alert) fn tick(world: &World, now: Timestamp) -> Vec<Event> {
    let alerts = &world.alerts.external.alerts;
    if alerts.is_empty() {
        return Vec::new();
    }
    let holding: Vec<&Mute> = world.alerts.mutes.values().filter(|mute| mute.schedule.covers(now)).collect();
    let mut outlook = Outlook::new(world, now);
    let mut events = Vec::new();
    for alert in alerts.values().filter(|alert| alert.fires() || !alert.suppressed.is_empty()) {
        let quiet = if alert.fires() { with(world, alert, &holding, &mut outlook) } else { Quiet::new() };
        events.extend(differences(alert, &quiet, now));
    }
    events
}

#[cfg(test)]
mod tests;
