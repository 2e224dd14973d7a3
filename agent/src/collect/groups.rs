//! Local groups: `/etc/group`.

use super::{Failure, Scope};
use rollcall_shared::section::Group;

/// Collects the section.
pub(crate) fn collect(_scope: &Scope<'_>) -> Result<Vec<Group>, Failure> {
    Err(Failure::Skipped("this release does not collect it".to_owned()))
}
