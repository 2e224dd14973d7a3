//! X.509 certificates in configured paths and in files that servers' configurations name.

use super::{Failure, Scope};
use rollcall_shared::section::Certificate;

/// Collects the section.
pub(crate) fn collect(_scope: &Scope<'_>) -> Result<Vec<Certificate>, Failure> {
    Err(Failure::Skipped("this release does not collect it".to_owned()))
}
