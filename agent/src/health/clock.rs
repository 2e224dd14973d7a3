//! Whether the clock is kept right, as the kernel's clock discipline sees it.

use super::Raw;
use crate::collect::Scope;
use crate::kernel;

/// Reads the series; of a captured tree nothing is known.
pub(super) fn read(scope: &Scope<'_>) -> Vec<Raw> {
    if !scope.root().is_live() {
        return Vec::new();
    }
    let state = kernel::clock_discipline();
    let synchronized = state.map(|state| if state.synchronized { 1.0 } else { 0.0 });
    vec![
        Raw::gauge("system.clock.synchronized", &[], "1", synchronized),
        Raw::gauge("system.clock.offset_ms", &[], "ms", state.map(|state| state.offset_ms)),
        Raw::gauge("system.clock.max_error_ms", &[], "ms", state.map(|state| state.max_error_ms)),
    ]
}
