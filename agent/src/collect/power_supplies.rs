//! Power supplies: SMBIOS type 39.

use super::{Failure, Scope};
use rollcall_shared::section::PowerSupply;

/// Collects the section.
pub(crate) fn collect(_scope: &Scope<'_>) -> Result<Vec<PowerSupply>, Failure> {
    Err(Failure::Skipped("this release does not collect it".to_owned()))
}
