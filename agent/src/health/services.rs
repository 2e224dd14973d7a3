//! Units that have failed, and services that systemd starts over and over: as systemd says over D-Bus.

use super::Raw;
use crate::collect::{Scope, bus};

/// Reads the series; there is none where systemd does not run, and no value where it does not answer.
pub(super) fn read(scope: &Scope<'_>) -> Vec<Raw> {
    if !scope.root().is_live() || !scope.root().exists("/run/systemd/system") {
        return Vec::new();
    }
    let count = |metric, number: Option<u64>| Raw::gauge(metric, &[], "{unit}", number.map(super::float));
    let failed = bus::failed_units().ok().map(u64::from);
    vec![count("system.systemd.units.failed", failed), count("system.systemd.units.restarting", restarting())]
}

/// A service that ends soon after each start spends most of its time waiting for the next one.
fn restarting() -> Option<u64> {
    let units = bus::units().ok()?;
    Some(units.iter().filter(|unit| unit.sub_state.starts_with("auto-restart")).count() as u64)
}
