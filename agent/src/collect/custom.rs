//! What local extension files declare: JSON that the operator's own tools drop; read, never executed.

use super::{Failure, Scope};
use rollcall_shared::section::Custom;

/// Collects the section.
pub(crate) fn collect(_scope: &Scope<'_>) -> Result<Vec<Custom>, Failure> {
    Err(Failure::Skipped("this release does not collect it".to_owned()))
}
