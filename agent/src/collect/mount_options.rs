//! How well-known directories are mounted.

use super::{Failure, Scope};
use rollcall_shared::section::MountOption;

/// Collects the section.
pub(crate) fn collect(_scope: &Scope<'_>) -> Result<Vec<MountOption>, Failure> {
    Err(Failure::Skipped("this release does not collect it".to_owned()))
}
