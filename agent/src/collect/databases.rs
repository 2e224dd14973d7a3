//! Database instances, recognised from processes, listeners and configuration files.

use super::{Failure, Scope};
use rollcall_shared::section::Database;

/// Collects the section.
pub(crate) fn collect(_scope: &Scope<'_>) -> Result<Vec<Database>, Failure> {
    Err(Failure::Skipped("this release does not collect it".to_owned()))
}
