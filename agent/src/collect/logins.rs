//! Last log-ins: wtmpdb, lastlog and wtmp.

use super::{Failure, Scope};
use rollcall_shared::section::Login;

/// Collects the section.
pub(crate) fn collect(_scope: &Scope<'_>) -> Result<Vec<Login>, Failure> {
    Err(Failure::Skipped("this release does not collect it".to_owned()))
}
