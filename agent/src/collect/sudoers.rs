//! Rules of sudo: `/etc/sudoers` and what it includes.

use super::{Failure, Scope};
use rollcall_shared::section::Sudoer;

/// Collects the section.
pub(crate) fn collect(_scope: &Scope<'_>) -> Result<Vec<Sudoer>, Failure> {
    Err(Failure::Skipped("this release does not collect it".to_owned()))
}
