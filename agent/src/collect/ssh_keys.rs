//! SSH keys that can log in and that name this host, by fingerprint.

use super::{Failure, Scope};
use rollcall_shared::section::SshKey;

/// Collects the section.
pub(crate) fn collect(_scope: &Scope<'_>) -> Result<Vec<SshKey>, Failure> {
    Err(Failure::Skipped("this release does not collect it".to_owned()))
}
