//! Batteries: `/sys/class/power_supply`.

use super::{Failure, Scope};
use rollcall_shared::section::Battery;

/// Collects the section.
pub(crate) fn collect(_scope: &Scope<'_>) -> Result<Vec<Battery>, Failure> {
    Err(Failure::Skipped("this release does not collect it".to_owned()))
}
