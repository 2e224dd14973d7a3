//! Loaded kernel modules: `/proc/modules`.

use super::{Failure, Scope};
use rollcall_shared::section::KernelModule;

/// Collects the section.
pub(crate) fn collect(_scope: &Scope<'_>) -> Result<Vec<KernelModule>, Failure> {
    Err(Failure::Skipped("this release does not collect it".to_owned()))
}
