//! How many units have failed, as systemd counts them.

use super::Raw;
use crate::collect::{Scope, bus};

/// Reads the series; there is none where systemd does not run, and no value where it does not answer.
pub(super) fn read(scope: &Scope<'_>) -> Vec<Raw> {
    if !scope.root().is_live() || !scope.root().exists("/run/systemd/system") {
        return Vec::new();
    }
    let failed = bus::failed_units().ok().map(f64::from);
    vec![Raw::gauge("system.systemd.units.failed", &[], "{unit}", failed)]
}
