//! What the clock starts: crontabs, anacron, at and systemd timers.

use super::{Failure, Scope};
use rollcall_shared::section::ScheduledTask;

/// Collects the section.
pub(crate) fn collect(_scope: &Scope<'_>) -> Result<Vec<ScheduledTask>, Failure> {
    Err(Failure::Skipped("this release does not collect it".to_owned()))
}
