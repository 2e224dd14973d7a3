//! Peers on the link that stay: LLDP, gateways and permanent entries.

use super::{Failure, Scope};
use rollcall_shared::section::Neighbour;

/// Collects the section.
pub(crate) fn collect(_scope: &Scope<'_>) -> Result<Vec<Neighbour>, Failure> {
    Err(Failure::Skipped("this release does not collect it".to_owned()))
}
