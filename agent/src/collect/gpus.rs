//! Graphics processors: PCI class 03 and platform devices.

use super::{Failure, Scope};
use rollcall_shared::section::Gpu;

/// Collects the section.
pub(crate) fn collect(_scope: &Scope<'_>) -> Result<Vec<Gpu>, Failure> {
    Err(Failure::Skipped("this release does not collect it".to_owned()))
}
