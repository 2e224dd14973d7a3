//! Firmware: SMBIOS type 0, EFI variables, the TPM, and the processors' microcode.

use super::{Failure, Scope};
use rollcall_shared::section::Firmware;

/// Collects the section.
pub(crate) fn collect(_scope: &Scope<'_>) -> Result<Vec<Firmware>, Failure> {
    Err(Failure::Skipped("this release does not collect it".to_owned()))
}
