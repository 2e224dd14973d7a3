//! Packet filters: nftables over netlink, and the front ends' own files.

use super::{Failure, Scope};
use rollcall_shared::section::Firewall;

/// Collects the section.
pub(crate) fn collect(_scope: &Scope<'_>) -> Result<Vec<Firewall>, Failure> {
    Err(Failure::Skipped("this release does not collect it".to_owned()))
}
