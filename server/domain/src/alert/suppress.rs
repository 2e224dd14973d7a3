//! The axis of dependencies: alerts that are told about elsewhere, or held for a moment to see whether they are.
//!
//! Invariant: an alert's incident opens at most once for one reason to tell: while it is held or told about elsewhere it opens none, and
//! one that is open already is noted and stays its own; when the reason is over and it still fires, it is told about.

use super::dependency::{Behind, Outlook};
use super::{Alert, AlertEvent, AlertState, Suppression, outage};
use crate::{Event, World};
use rollcall_shared::Timestamp;

/// Why an alert is not told about at a moment by way of what its item depends on or shares.
#[must_use]
pub fn behind(world: &World, alert: &Alert, now: Timestamp) -> Option<Behind> {
    with(world, alert, &mut Outlook::new(world, now))
}

fn with(world: &World, alert: &Alert, outlook: &mut Outlook<'_>) -> Option<Behind> {
    outlook.behind(alert.key.ci).or_else(|| outage::behind(world, alert))
}

/// What begins and ends to be suppressed with the passing of time.
pub(super) fn tick(world: &World, now: Timestamp) -> Vec<Event> {
    let alerts = &world.alerts;
    if alerts.live.is_empty() && alerts.suppressed.is_empty() && alerts.outages.is_empty() {
        return Vec::new();
    }
    let (mut events, fresh) = outage::tick(world, now);
    let mut outlook = Outlook::new(world, now);
    let axis = Suppression::Dependency;
    for alert in alerts.live.union(&alerts.suppressed).filter_map(|id| alerts.alerts.get(id)).filter(|alert| !fresh.contains(&alert.id)) {
        let told = matches!(alert.state, AlertState::Firing | AlertState::Recovering | AlertState::Unknown);
        let behind = if told { with(world, alert, &mut outlook) } else { None };
        let (reason, incident) = behind.map_or((None, None), |behind| (Some(behind.reason), behind.incident));
        if alert.suppressed.get(&axis) != reason.as_ref() || alert.told_by != incident {
            events.push(Event::Alert(AlertEvent::AlertSuppressed { alert: alert.id, axis, reason, incident, at: now }));
        }
    }
    events
}

#[cfg(test)]
mod tests;
