//! Memory modules: SMBIOS types 16 and 17, which need privileges.

use super::{Failure, Scope, smbios};
use rollcall_shared::section::MemoryModule;

/// Collects the section; a machine without SMBIOS has no slots that could be known.
pub(crate) fn collect(scope: &Scope<'_>) -> Result<Vec<MemoryModule>, Failure> {
    let table = smbios::required(scope, "memory modules")?;
    smbios::note(scope, &table.memory_defects);
    Ok(table.memory.into_iter().enumerate().map(|(at, device)| row(at + 1, device)).collect())
}

fn row(at: usize, device: smbios::MemoryDevice) -> MemoryModule {
    MemoryModule {
        slot: device.slot.unwrap_or_else(|| format!("slot {at}")),
        bank: device.bank,
        size_bytes: device.size_bytes,
        memory_type: device.memory_type,
        form_factor: device.form_factor,
        speed_mts: device.speed_mts,
        configured_speed_mts: device.configured_speed_mts,
        manufacturer: device.manufacturer,
        part_number: device.part_number,
        serial: device.serial,
        ecc: device.ecc,
    }
}
