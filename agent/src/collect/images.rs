//! Container images.

use super::{Failure, Scope};
use rollcall_shared::section::Image;

/// Collects the section.
pub(crate) fn collect(_scope: &Scope<'_>) -> Result<Vec<Image>, Failure> {
    Err(Failure::Skipped("this release does not collect it".to_owned()))
}
