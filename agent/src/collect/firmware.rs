//! Firmware: the system's own (with how the machine was started and whether Secure Boot is on), the embedded controller's, TPMs and
//! the processors' microcode.
//!
//! The kernel's copy of SMBIOS type 0 needs no privileges and is asked before the table itself. A container and WSL show their host's.

use super::cpus::CPUINFO_BYTES;
use super::pci_devices::without;
use super::text::tidy;
use super::{Failure, Scope, smbios, virtualisation};
use rollcall_shared::section::Firmware;

const DMI: &str = "/sys/class/dmi/id";

const EFI: &str = "/sys/firmware/efi";

/// UEFI's global variables, 3.3 of the specification.
const GLOBAL_VARIABLE: &str = "8be4df61-93ca-11d2-aa0d-00e098032b8c";

/// TPMs looked at; a board has one, a chip of its own may be a second.
const TPMS: usize = 16;

/// Collects the section.
pub(crate) fn collect(scope: &Scope<'_>) -> Result<Vec<Firmware>, Failure> {
    if let Some((_, technology)) = virtualisation::guest(scope) {
        return Err(Failure::Skipped(format!("in {technology}: the firmware is the host's")));
    }
    let mut rows: Vec<Firmware> = system(scope).into_iter().collect();
    rows.extend(embedded_controller(scope));
    rows.extend(tpms(scope));
    rows.extend(microcode(scope));
    if rows.is_empty() { without(scope, "/sys/class", "firmware") } else { Ok(rows) }
}

fn system(scope: &Scope<'_>) -> Option<Firmware> {
    let mut row = from_kernel(scope).or_else(|| from_table(scope));
    let is_efi = scope.root().exists(EFI);
    if let Some(row) = &mut row {
        // Who has SMBIOS and no EFI was started by a BIOS, where the kernel's folder is there to tell.
        row.mode = scope.root().exists("/sys/firmware").then(|| if is_efi { "efi" } else { "bios" }.to_owned());
    }
    let mut row = row.or_else(|| from_device_tree(scope)).or_else(|| is_efi.then(Firmware::default))?;
    if is_efi {
        row.mode = Some("efi".to_owned());
        row.secure_boot = secure_boot(scope);
    }
    row.component = "system".to_owned();
    Some(row)
}

fn from_kernel(scope: &Scope<'_>) -> Option<Firmware> {
    let read = |name: &str| scope.attribute(&format!("{DMI}/bios_{name}"));
    let row = Firmware { vendor: read("vendor"), version: read("version"), date: read("date"), ..Firmware::default() };
    (row != Firmware::default()).then_some(row)
}

fn from_table(scope: &Scope<'_>) -> Option<Firmware> {
    let table = smbios::read(scope).unwrap_or_else(|error| {
        scope.problem(error);
        None
    });
    let bios = table?.bios?;
    Some(Firmware { vendor: bios.vendor, version: bios.version, date: bios.date, ..Firmware::default() })
}

/// Where boards' boot loaders, OPAL and Open Firmware write their version.
fn from_device_tree(scope: &Scope<'_>) -> Option<Firmware> {
    const PLACES: [(&str, Option<&str>); 4] = [
        ("chosen/u-boot,version", Some("U-Boot")),
        ("chosen/bootloader/version", Some("Raspberry Pi")),
        ("ibm,opal/firmware/version", Some("OPAL")),
        ("openprom/ibm,fw-vernum_encoded", Some("IBM")),
    ];
    let read = |(place, vendor): &(&str, Option<&str>)| {
        let version = scope.attribute(&format!("/proc/device-tree/{place}"))?;
        Some(Firmware { vendor: vendor.map(str::to_owned), version: Some(version), ..Firmware::default() })
    };
    PLACES.iter().find_map(read)
}

/// Four bytes of attributes, then the value; none where the variables are not mounted.
fn secure_boot(scope: &Scope<'_>) -> Option<bool> {
    const VARIABLE_BYTES: usize = 64;
    let path = format!("{EFI}/efivars/SecureBoot-{GLOBAL_VARIABLE}");
    match scope.bytes(&path, VARIABLE_BYTES) {
        Ok(bytes) => match bytes?.as_slice() {
            [_, _, _, _, 0] => Some(false),
            [_, _, _, _, 1] => Some(true),
            bytes => {
                scope.problem(Failure::malformed(&path, bytes.len().min(4), format!("{} bytes that are no switch", bytes.len())));
                None
            }
        },
        Err(error) => {
            scope.problem(error);
            None
        }
    }
}

fn embedded_controller(scope: &Scope<'_>) -> Option<Firmware> {
    let version = scope.attribute(&format!("{DMI}/ec_firmware_release"))?;
    Some(Firmware { component: "embedded_controller".to_owned(), version: Some(version), ..Firmware::default() })
}

fn tpms(scope: &Scope<'_>) -> Vec<Firmware> {
    const FOLDER: &str = "/sys/class/tpm";
    let names = scope.root().list(FOLDER).ok().flatten().unwrap_or_default();
    names.into_iter().filter(|name| name.starts_with("tpm")).take(TPMS).map(|name| tpm(scope, &format!("{FOLDER}/{name}"), &name)).collect()
}

fn tpm(scope: &Scope<'_>, folder: &str, name: &str) -> Firmware {
    // Only chips of 1.2 describe themselves here, in the device's folder or above it by the kernel's age.
    let places = ["caps", "device/caps"];
    let capabilities = places.iter().find_map(|place| scope.text_or_problem(&format!("{folder}/{place}"))).unwrap_or_default();
    let said = |key: &str| capabilities.lines().find_map(|line| line.strip_prefix(key)?.strip_prefix(": ")).and_then(tidy);
    let major = scope.attribute(&format!("{folder}/tpm_version_major"));
    let version = match major.as_deref() {
        Some("1") => Some("1.2".to_owned()),
        Some("2") => Some("2.0".to_owned()),
        _ => said("TCG version"),
    };
    // The first is the machine's; it keeps its name when a second comes.
    let component = if name == "tpm0" { "tpm" } else { name };
    Firmware { component: component.to_owned(), vendor: said("Manufacturer").as_deref().and_then(letters), version, ..Firmware::default() }
}

/// `0x49465800` is `IFX` in ASCII.
fn letters(number: &str) -> Option<String> {
    let bytes = u32::from_str_radix(number.strip_prefix("0x")?, 16).ok()?.to_be_bytes();
    let printable = bytes.iter().filter(|byte| byte.is_ascii_graphic()).map(|&byte| char::from(byte)).collect::<String>();
    tidy(&printable)
}

/// Different revisions that are told apart: one a socket at most.
const REVISIONS: usize = 16;

/// Of all processors; several revisions stand side by side where sockets differ.
fn microcode(scope: &Scope<'_>) -> Option<Firmware> {
    let mut vendor = None;
    let mut revisions: Vec<String> = Vec::new();
    let mut bytes = 0;
    let read = scope.lines("/proc/cpuinfo", |_, line| {
        bytes += line.len() + 1;
        if let Some((key, value)) = line.split_once(':') {
            match key.trim_end() {
                "vendor_id" if vendor.is_none() => vendor = maker(value.trim()),
                "microcode" => revisions.extend(tidy(value).filter(|revision| !revisions.contains(revision))),
                _ => {}
            }
        }
        Ok(bytes < CPUINFO_BYTES && revisions.len() < REVISIONS)
    });
    if let Err(error) = read {
        scope.problem(error);
    }
    revisions.sort_unstable();
    let version = tidy(&revisions.join(" + "))?;
    Some(Firmware { component: "microcode".to_owned(), vendor, version: Some(version), ..Firmware::default() })
}

fn maker(vendor: &str) -> Option<String> {
    match vendor {
        "GenuineIntel" => Some("Intel".to_owned()),
        "AuthenticAMD" => Some("AMD".to_owned()),
        "HygonGenuine" => Some("Hygon".to_owned()),
        vendor => tidy(vendor),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::collect::testing::plant;
    use crate::root::Root;
    use proptest::prelude::*;

    #[track_caller]
    fn check(tree: &str, expected: &[Firmware], problem: Option<&str>) {
        let directory = plant(tree);
        let root = Root::new(directory.path());
        let scope = Scope::new(&root);
        assert_eq!(collect(&scope).expect("collected"), expected);
        assert_eq!(scope.problems().as_deref(), problem);
    }

    fn row(component: &str, vendor: Option<&str>, version: Option<&str>) -> Firmware {
        let text = |text: Option<&str>| text.map(str::to_owned);
        Firmware { component: component.to_owned(), vendor: text(vendor), version: text(version), ..Firmware::default() }
    }

    const BIOS: &str = "=== /sys/class/dmi/id/bios_vendor
Dell Inc.
=== /sys/class/dmi/id/bios_version
2.3.4
=== /sys/class/dmi/id/bios_date
11/08/2016
";

    fn bios(mode: &str, secure_boot: Option<bool>) -> Firmware {
        Firmware { date: Some("11/08/2016".to_owned()), mode: Some(mode.to_owned()), secure_boot, ..row("system", Some("Dell Inc."), Some("2.3.4")) }
    }

    const VARIABLE: &str = "=== /sys/firmware/efi/efivars/SecureBoot-8be4df61-93ca-11d2-aa0d-00e098032b8c (hex)\n";

    #[test]
    fn the_system_is_started_by_bios_or_efi() {
        check(&format!("{BIOS}=== /sys/firmware/acpi/\n"), &[bios("bios", None)], None);
        check(BIOS, &[Firmware { mode: None, ..bios("", None) }], None);
        check(&format!("{BIOS}=== /sys/firmware/efi/\n"), &[bios("efi", None)], None);
        check(&format!("{BIOS}{VARIABLE}0600000001"), &[bios("efi", Some(true))], None);
        check(&format!("{BIOS}{VARIABLE}0600000000"), &[bios("efi", Some(false))], None);
        let path = "/sys/firmware/efi/efivars/SecureBoot-8be4df61-93ca-11d2-aa0d-00e098032b8c";
        check(&format!("{BIOS}{VARIABLE}06000000"), &[bios("efi", None)], Some(&format!("{path}:4: 4 bytes that are no switch")));
        check(&format!("{BIOS}{VARIABLE}0600000007"), &[bios("efi", None)], Some(&format!("{path}:4: 5 bytes that are no switch")));
    }

    #[test]
    fn the_table_and_the_device_tree_tell_it_too() {
        let table = "=== /sys/firmware/dmi/tables/DMI (hex)\n00090000010200f000 4d616b657200 312e3000 00 7f04ffff0000";
        check(table, &[Firmware { mode: Some("bios".to_owned()), ..row("system", Some("Maker"), Some("1.0")) }], None);
        let board = "=== /proc/device-tree/chosen/u-boot,version\n2024.01\\0";
        check(board, &[row("system", Some("U-Boot"), Some("2024.01"))], None);
    }

    #[test]
    fn a_tpm_tells_the_specification_that_it_follows() {
        check("=== /sys/class/tpm/tpm0/tpm_version_major\n2", &[row("tpm", None, Some("2.0"))], None);
        let old = "=== /sys/class/tpm/tpm0/device/caps\nManufacturer: 0x49465800\nTCG version: 1.2\nFirmware version: 6.40";
        check(old, &[row("tpm", Some("IFX"), Some("1.2"))], None);
    }

    #[test]
    fn microcode_is_that_of_all_processors() {
        let cpuinfo = "=== /proc/cpuinfo\nvendor_id\t: GenuineIntel\nmicrocode\t: 0x49\n\nvendor_id\t: GenuineIntel\nmicrocode\t: 0x48\n\nmicrocode\t: 0x49";
        check(cpuinfo, &[row("microcode", Some("Intel"), Some("0x48 + 0x49"))], None);
    }

    #[test]
    fn a_container_has_none_and_a_machine_may_show_none() {
        let directory = plant(&format!("=== /run/.containerenv\n\n{BIOS}"));
        let said = collect(&Scope::new(&Root::new(directory.path())));
        assert!(matches!(said, Err(Failure::Skipped(reason)) if reason == "in podman: the firmware is the host's"));
        check("=== /sys/class/net/\n", &[], None);
    }

    proptest! {
        #[test]
        fn no_number_panics(text in any::<String>()) {
            let _ = (letters(&text), letters(&format!("0x{text}")));
        }
    }
}
