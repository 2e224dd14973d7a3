//! What the clock starts: cron, anacron, at, systemd's timers.
//!
//! Commands come without their secrets; the jobs of `at` hold whole environments and are never opened. When something runs next
//! follows from its schedule and is no field: it would change all the time.

use super::{Failure, Scope};
use rollcall_shared::section::ScheduledTask;

mod at;
mod cron;
mod timer;

/// Tasks kept of one origin; a shared host with a crontab an account has some thousands.
const TASKS: usize = 50_000;

/// Collects the section.
pub(crate) fn collect(scope: &Scope<'_>) -> Result<Vec<ScheduledTask>, Failure> {
    if !scope.root().exists("/etc") {
        return Err(Failure::Skipped("there is no /etc that could name tasks".to_owned()));
    }
    let mut tasks = cron::read(scope);
    tasks.extend(at::read(scope));
    tasks.extend(timer::read(scope));
    Ok(tasks)
}

#[cfg(test)]
mod tests;
