//! What firmware says of the machine: SMBIOS with privileges, the kernel's copy of it without, the device tree, a mainframe's
//! system information.

use super::super::smbios::{self, Smbios};
use super::super::text::tidy;
use super::super::Scope;
use rollcall_shared::section::System;

/// The fields that firmware tells.
pub(super) fn read(scope: &Scope<'_>) -> System {
    match smbios::read(scope) {
        Ok(Some(table)) => from_smbios(table),
        Ok(None) => from_sysfs(scope).or_else(|| from_device_tree(scope)).or_else(|| from_sysinfo(scope)).unwrap_or_default(),
        Err(error) => {
            scope.problem(error);
            from_sysfs(scope).unwrap_or_default()
        }
    }
}

fn from_smbios(table: Smbios) -> System {
    let (bios, system) = (table.bios.unwrap_or_default(), table.system.unwrap_or_default());
    let (board, chassis) = (table.board.unwrap_or_default(), table.chassis.unwrap_or_default());
    let memory: u64 = table.memory.iter().filter_map(|device| device.volatile_bytes).fold(0, u64::saturating_add);
    let arrays = || table.memory_arrays.iter().filter(|array| array.is_working_memory());
    let slots = arrays().filter_map(|array| array.devices).map(u32::from).fold(0, u32::saturating_add);
    let maximum = arrays().filter_map(|array| array.maximum_bytes).fold(0, u64::saturating_add);
    System {
        manufacturer: system.manufacturer,
        product: system.product,
        version: system.version,
        sku: system.sku,
        family: system.family,
        serial: system.serial,
        uuid: system.uuid,
        chassis_type: chassis.kind,
        chassis_manufacturer: chassis.manufacturer,
        chassis_serial: chassis.serial,
        chassis_asset_tag: chassis.asset_tag,
        board_manufacturer: board.manufacturer,
        board_product: board.product,
        board_version: board.version,
        board_serial: board.serial,
        bios_vendor: bios.vendor,
        bios_version: bios.version,
        bios_date: bios.date,
        memory_bytes: Some(memory).filter(|&memory| memory > 0),
        memory_slots: Some(slots).filter(|&slots| slots > 0),
        memory_maximum_bytes: Some(maximum).filter(|&maximum| maximum > 0),
        ..System::default()
    }
}

/// What the kernel copied from SMBIOS; serials and the UUID need privileges here too.
fn from_sysfs(scope: &Scope<'_>) -> Option<System> {
    const FOLDER: &str = "/sys/class/dmi/id";
    scope.root().facts(FOLDER)?;
    let read = |name: &str| scope.attribute(&format!("{FOLDER}/{name}"));
    Some(System {
        manufacturer: read("sys_vendor"),
        product: read("product_name"),
        version: read("product_version"),
        sku: read("product_sku"),
        family: read("product_family"),
        serial: read("product_serial"),
        uuid: read("product_uuid").map(|uuid| uuid.to_ascii_lowercase()),
        chassis_type: read("chassis_type").and_then(|code| smbios::chassis_type(code.parse().ok()?)).map(str::to_owned),
        chassis_manufacturer: read("chassis_vendor"),
        chassis_serial: read("chassis_serial"),
        chassis_asset_tag: read("chassis_asset_tag"),
        board_manufacturer: read("board_vendor"),
        board_product: read("board_name"),
        board_version: read("board_version"),
        board_serial: read("board_serial"),
        bios_vendor: read("bios_vendor"),
        bios_version: read("bios_version"),
        bios_date: read("bios_date"),
        ..System::default()
    })
}

/// ARM, POWER and RISC-V: the `compatible` list begins with `vendor,board`.
fn from_device_tree(scope: &Scope<'_>) -> Option<System> {
    let folder = ["/proc/device-tree", "/sys/firmware/devicetree/base"].into_iter().find(|folder| scope.root().exists(folder))?;
    let read = |name: &str| scope.attribute(&format!("{folder}/{name}"));
    let compatible = scope.text_or_problem(&format!("{folder}/compatible"));
    let vendor = compatible.as_deref().and_then(|list| list.split('\0').next()?.split_once(',')).and_then(|(vendor, _)| tidy(vendor));
    // A partition of a POWER machine shows the serial of the whole machine, as its neighbours do.
    let is_partition = scope.root().exists(&format!("{folder}/ibm,partition-name"));
    let serial = if is_partition { None } else { read("serial-number").or_else(|| read("system-id")) };
    Some(System {
        manufacturer: read("vendor").or(vendor),
        product: read("model"),
        serial,
        uuid: read("vm,uuid").or_else(|| read("ibm,partition-uuid")).map(|uuid| uuid.to_ascii_lowercase()),
        chassis_type: read("chassis-type").map(|word| chassis_type(&word).to_owned()),
        ..System::default()
    })
}

/// The device tree's word for a form of chassis as SMBIOS has it, where the two differ.
fn chassis_type(word: &str) -> &str {
    match word {
        "server" => "main_server_chassis",
        "embedded" => "embedded_pc",
        "handset" | "watch" => "hand_held",
        word => word,
    }
}

/// Mainframes. What runs there is a partition at least: the sequence code is the whole machine's and no serial of it.
fn from_sysinfo(scope: &Scope<'_>) -> Option<System> {
    let text = scope.text_or_problem("/proc/sysinfo")?;
    let said = |key: &str| text.lines().find_map(|line| line.strip_prefix(key)?.strip_prefix(':')).and_then(tidy);
    let uuid = said("VM00 UUID").or_else(|| said("LPAR UUID")).map(|uuid| uuid.to_ascii_lowercase());
    Some(System { manufacturer: said("Manufacturer"), product: said("Type"), version: said("Model"), uuid, ..System::default() })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::collect::testing::plant;
    use crate::root::Root;

    #[track_caller]
    fn check(tree: &str, expected: &System) {
        let directory = plant(tree);
        assert_eq!(&read(&Scope::new(&Root::new(directory.path()))), expected);
    }

    fn text(text: &str) -> Option<String> {
        Some(text.to_owned())
    }

    #[test]
    fn a_board_names_itself_in_the_device_tree() {
        let tree = "=== /proc/device-tree/model
Raspberry Pi 4 Model B Rev 1.4\0
=== /proc/device-tree/compatible
raspberrypi,4-model-b\0brcm,bcm2711\0
=== /proc/device-tree/serial-number
100000001a2b3c4d\0
=== /proc/device-tree/chassis-type
embedded\0";
        let expected = System {
            manufacturer: text("raspberrypi"),
            product: text("Raspberry Pi 4 Model B Rev 1.4"),
            serial: text("100000001a2b3c4d"),
            chassis_type: text("embedded_pc"),
            ..System::default()
        };
        check(tree, &expected);
    }

    #[test]
    fn a_partition_does_not_show_the_serial_of_the_whole_machine() {
        let tree = "=== /proc/device-tree/model
IBM,9009-42A\0
=== /proc/device-tree/compatible
IBM,9009-42A\0
=== /proc/device-tree/system-id
IBM,0278ABCDE\0
=== /proc/device-tree/ibm,partition-uuid
5F2C0D1E-0000-4000-8000-000000000001\0
=== /proc/device-tree/ibm,partition-name
lpar7\0";
        let uuid = text("5f2c0d1e-0000-4000-8000-000000000001");
        check(tree, &System { manufacturer: text("IBM"), product: text("IBM,9009-42A"), uuid, ..System::default() });
        let whole = "=== /proc/device-tree/model\n8335-GTH\0\n=== /proc/device-tree/vendor\nIBM\0\n=== /proc/device-tree/system-id\n78ABCDE\0";
        check(whole, &System { manufacturer: text("IBM"), product: text("8335-GTH"), serial: text("78ABCDE"), ..System::default() });
    }

    #[test]
    fn a_mainframe_guest_has_a_uuid_and_no_serial() {
        let tree = "=== /proc/sysinfo
Manufacturer:         IBM
Type:                 8561
Model:                701              T01
Sequence Code:        00000000000A1B2C
VM00 UUID:            4A3F0D1E-0000-4000-8000-000000000002";
        let expected = System {
            manufacturer: text("IBM"),
            product: text("8561"),
            version: text("701              T01"),
            uuid: text("4a3f0d1e-0000-4000-8000-000000000002"),
            ..System::default()
        };
        check(tree, &expected);
    }
}
