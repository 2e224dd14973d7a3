//! Kernel settings that matter for security: `/proc/sys`.

use super::{Failure, Scope};
use rollcall_shared::section::Sysctl;

/// Collects the section.
pub(crate) fn collect(_scope: &Scope<'_>) -> Result<Vec<Sysctl>, Failure> {
    Err(Failure::Skipped("this release does not collect it".to_owned()))
}
