//! Security controls and their states.

use super::{Failure, Scope};
use rollcall_shared::section::Security;

/// Collects the section.
pub(crate) fn collect(_scope: &Scope<'_>) -> Result<Vec<Security>, Failure> {
    Err(Failure::Skipped("this release does not collect it".to_owned()))
}
