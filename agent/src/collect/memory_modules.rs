//! Memory modules: SMBIOS types 16 and 17, which need privileges.

use super::{Failure, Scope, smbios, virtualisation};
use rollcall_shared::section::MemoryModule;

/// Collects the section; a machine without SMBIOS has no slots that could be known.
pub(crate) fn collect(scope: &Scope<'_>) -> Result<Vec<MemoryModule>, Failure> {
    if virtualisation::container(scope).is_some() {
        return Err(Failure::Skipped("in a container: the memory modules are the host's".to_owned()));
    }
    let table = match smbios::read(scope) {
        Ok(Some(table)) => table,
        Ok(None) => return Err(Failure::Skipped("this machine has no SMBIOS".to_owned())),
        Err(Failure::Read(error)) if error.is_denied() => return Err(Failure::Skipped(format!("needs privileges: {error}"))),
        Err(failure) => return Err(failure),
    };
    if table.truncated {
        scope.problem("/sys/firmware/dmi/tables/DMI: the table ends before its end marker");
    }
    Ok(table.memory.into_iter().enumerate().map(|(at, device)| row(at, device)).collect())
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
