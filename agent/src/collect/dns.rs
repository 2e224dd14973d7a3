//! Resolver configuration: `resolv.conf` and systemd-resolved's files.

use super::{Failure, Scope};
use rollcall_shared::section::Dns;

/// Collects the section.
pub(crate) fn collect(_scope: &Scope<'_>) -> Result<Vec<Dns>, Failure> {
    Err(Failure::Skipped("this release does not collect it".to_owned()))
}
