//! PCI devices: sysfs, with names from the host's own copy of the PCI id database.
//!
//! Without that file the names stay unknown: the ids say the same, and the server may have a newer copy. Where several places have
//! one, the first is taken.

use super::text::tidy;
use super::{Failure, Scope, virtualisation};
use rollcall_shared::section::PciDevice;

pub(super) mod ids;

use ids::{Names, Wanted};

/// Devices looked at; a bus has 256, a large host some hundred, its virtual functions some thousand.
const DEVICES: usize = 16_384;

const FOLDER: &str = "/sys/bus/pci/devices";

/// Where distributions keep the database.
const DATABASES: [&str; 3] = ["/usr/share/hwdata/pci.ids", "/usr/share/misc/pci.ids", "/usr/share/pci.ids"];

/// Collects the section.
pub(crate) fn collect(scope: &Scope<'_>) -> Result<Vec<PciDevice>, Failure> {
    virtualisation::outside_containers(scope, "PCI devices")?;
    let mut rows = unnamed(scope, |_| true)?;
    name(scope, &mut rows);
    Ok(rows)
}

/// The devices whose class (four digits) is asked for, without names.
pub(super) fn unnamed(scope: &Scope<'_>, is_wanted: impl Fn(&str) -> bool) -> Result<Vec<PciDevice>, Failure> {
    if !scope.root().exists(FOLDER) {
        return without(scope, "/sys/bus", "PCI bus");
    }
    let rows = scope.list(FOLDER).into_iter().take(DEVICES).map(|address| device(scope, address));
    Ok(rows.filter(|row| is_wanted(row.class.as_deref().unwrap_or_default())).collect())
}

/// No rows where sysfs is there and knows no such thing; not tried where there is no sysfs.
pub(super) fn without<R>(scope: &Scope<'_>, parent: &str, what: &str) -> Result<Vec<R>, Failure> {
    if scope.root().exists(parent) { Ok(Vec::new()) } else { Err(Failure::Skipped(format!("there is no {parent}, so no {what} is known"))) }
}

/// The kernel's summary of a device has all ids in one file.
fn device(scope: &Scope<'_>, address: String) -> PciDevice {
    let folder = format!("{FOLDER}/{address}");
    let summary = scope.text_or_problem(&format!("{folder}/uevent")).unwrap_or_default();
    let said = |key: &str| summary.lines().find_map(|line| line.strip_prefix(key)?.strip_prefix('='));
    let pair = |key: &str| said(key).and_then(|ids| ids.split_once(':'));
    let (vendor_id, device_id) = pair("PCI_ID").map_or((None, None), |(vendor, device)| (digits(vendor, 4), digits(device, 4)));
    let subsystem = pair("PCI_SUBSYS_ID").filter(|ids| *ids != ("0000", "0000"));
    PciDevice {
        class: said("PCI_CLASS").and_then(|class| digits(class, 6)).map(|class| class[..4].to_owned()),
        vendor_id,
        device_id,
        subsystem_vendor_id: subsystem.and_then(|(vendor, _)| digits(vendor, 4)),
        subsystem_device_id: subsystem.and_then(|(_, device)| digits(device, 4)),
        revision: scope.attribute(&format!("{folder}/revision")).and_then(|text| digits(text.trim_start_matches("0x"), 2)),
        driver: said("DRIVER").and_then(tidy),
        address,
        ..PciDevice::default()
    }
}

/// The number in lower-case hexadecimal digits, filled up to a length; the kernel leaves zeros in front of a class out.
fn digits(text: &str, length: usize) -> Option<String> {
    let number = u32::from_str_radix(text, 16).ok()?;
    Some(format!("{number:0length$x}")).filter(|text| text.len() == length)
}

/// Adds the names; the database is read once, for these devices only.
pub(super) fn name(scope: &Scope<'_>, rows: &mut [PciDevice]) {
    let number = |text: &Option<String>| text.as_deref().and_then(|text| u16::from_str_radix(text, 16).ok());
    let mut wanted = Wanted::default();
    for row in &*rows {
        wanted.add(number(&row.vendor_id), number(&row.device_id), number(&row.class));
    }
    let names = Names::read(scope, &DATABASES, &wanted);
    for row in rows {
        let (vendor, device) = (number(&row.vendor_id), number(&row.device_id));
        row.vendor = vendor.and_then(|vendor| names.vendor(vendor));
        row.product = vendor.zip(device).and_then(|(vendor, device)| names.product(vendor, device));
        row.class_name = number(&row.class).and_then(|class| names.class(class));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::collect::testing::plant;
    use crate::root::Root;
    use proptest::prelude::*;

    const TREE: &str = "=== /sys/bus/pci/devices/0000:00:1f.2/uevent
DRIVER=ahci
PCI_CLASS=10601
PCI_ID=8086:1E03
PCI_SUBSYS_ID=17AA:21FA
PCI_SLOT_NAME=0000:00:1f.2
=== /sys/bus/pci/devices/0000:00:1f.2/revision
0x04
=== /sys/bus/pci/devices/0000:00:02.0/uevent
PCI_CLASS=ZZ
PCI_ID=nonsense
PCI_SUBSYS_ID=0000:0000
=== /usr/share/misc/pci.ids
8086  Intel Corporation
\t1e03  7 Series SATA Controller
C 01  Mass storage controller
\t06  SATA controller
\t\t01  AHCI 1.0";

    #[test]
    fn a_device_has_ids_and_the_hosts_names() {
        let directory = plant(TREE);
        let root = Root::new(directory.path());
        let rows = collect(&Scope::new(&root)).expect("collected");
        assert_eq!(rows[0], PciDevice { address: "0000:00:02.0".to_owned(), ..PciDevice::default() });
        let text = |text: &str| Some(text.to_owned());
        let expected = PciDevice {
            address: "0000:00:1f.2".to_owned(),
            class: text("0106"),
            class_name: text("SATA controller"),
            vendor_id: text("8086"),
            device_id: text("1e03"),
            vendor: text("Intel Corporation"),
            product: text("7 Series SATA Controller"),
            subsystem_vendor_id: text("17aa"),
            subsystem_device_id: text("21fa"),
            revision: text("04"),
            driver: text("ahci"),
        };
        assert_eq!(rows[1], expected);
    }

    #[test]
    fn a_machine_without_the_bus_has_no_devices_and_a_tree_without_sysfs_does_not_know() {
        let directory = plant("=== /sys/bus/cpu/\n");
        assert_eq!(collect(&Scope::new(&Root::new(directory.path()))).expect("collected"), []);
        let directory = plant("=== /etc/hostname\nx");
        assert!(matches!(collect(&Scope::new(&Root::new(directory.path()))), Err(Failure::Skipped(_))));
    }

    #[test]
    fn this_machine_reads_as_lspci_reads_it() {
        let Ok(said) = std::process::Command::new("lspci").args(["-Dvmmnnk"]).output() else { return };
        let said = String::from_utf8_lossy(&said.stdout).into_owned();
        let root = Root::live();
        let Ok(rows) = collect(&Scope::new(&root)) else { return };
        for (row, block) in rows.iter().zip(said.split("\n\n")) {
            let said = |key: &str| block.lines().find_map(|line| line.strip_prefix(key)?.strip_prefix(':')).map(str::trim);
            assert_eq!(said("Slot"), Some(row.address.as_str()));
            // `Name [id]`; without the database the id alone.
            let in_brackets = |key: &str| said(key).and_then(|text| text.rsplit('[').next()?.strip_suffix(']'));
            assert_eq!((in_brackets("Class"), in_brackets("Vendor")), (row.class.as_deref(), row.vendor_id.as_deref()));
            assert_eq!((in_brackets("Device"), said("Driver")), (row.device_id.as_deref(), row.driver.as_deref()));
            assert_eq!(said("Rev").unwrap_or("00"), row.revision.as_deref().unwrap_or("00"));
            if let Some(vendor) = &row.vendor {
                assert!(said("Vendor").is_some_and(|text| text.starts_with(vendor.as_str())), "{vendor}");
            }
        }
    }

    proptest! {
        #[test]
        fn no_text_panics(text in any::<String>(), length in 0_usize..9) {
            let _ = digits(&text, length);
        }
    }
}
