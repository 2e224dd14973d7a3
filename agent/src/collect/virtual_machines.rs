//! Virtual machines that this host has: libvirt's definitions.

use super::{Failure, Scope};
use rollcall_shared::section::VirtualMachine;

/// Collects the section.
pub(crate) fn collect(_scope: &Scope<'_>) -> Result<Vec<VirtualMachine>, Failure> {
    Err(Failure::Skipped("this release does not collect it".to_owned()))
}
