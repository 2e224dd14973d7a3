//! Units that have failed, and services that systemd starts over and over: as systemd says over D-Bus.

use super::Raw;
use crate::collect::{Scope, services};

/// Reads the series; there is none where systemd does not run, and no value where it does not answer.
pub(super) fn read(scope: &Scope<'_>) -> Vec<Raw> {
    let Some(trouble) = services::trouble(scope) else { return Vec::new() };
    let trouble = trouble.ok();
    let count =
        |metric, units: Option<&Vec<String>>| Raw::gauge(metric, &[], "{unit}", units.map(|units| super::float(units.len() as u64)));
    let failed = count("system.systemd.units.failed", trouble.as_ref().map(|trouble| &trouble.failed));
    // A service that ends soon after each start spends most of its time waiting for the next one.
    let restarting = count("system.systemd.units.restarting", trouble.as_ref().map(|trouble| &trouble.restarting));
    // Without systemd's answer, its services do not even have names; those that were known stay in the table without values.
    let restarts = services::restarts(scope).and_then(Result::ok).unwrap_or_default();
    // Most services are never restarted: a series of zeros for each would push out those that are.
    let counts = restarts.iter().filter(|(_, count)| **count > 0);
    let growths =
        counts.map(|(unit, count)| Raw::growth("system.systemd.unit.restarts", &[("unit", unit)], "{restart}", u64::from(*count)));
    [failed, restarting].into_iter().chain(growths).collect()
}
