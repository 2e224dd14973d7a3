//! Routes: rtnetlink, else `/proc/net/route`.

use super::{Failure, Scope};
use rollcall_shared::section::Route;

/// Collects the section.
pub(crate) fn collect(_scope: &Scope<'_>) -> Result<Vec<Route>, Failure> {
    Err(Failure::Skipped("this release does not collect it".to_owned()))
}
