//! Whole disks: `/sys/block`, SCSI's vital product data, and udev's database for what sysfs does not show.
//!
//! Loop, RAM and device-mapper devices and RAID arrays are no disks.

use super::text::tidy;
use super::udev::Properties;
use super::{Failure, Scope};
use rollcall_shared::section::Disk;

/// Disks looked at.
const DISKS: usize = 10_000;

/// A page of vital product data has at most 64 KiB.
const PAGE_BYTES: usize = 1 << 16;

/// Collects the section.
pub(crate) fn collect(scope: &Scope<'_>) -> Result<Vec<Disk>, Failure> {
    let Some(names) = scope.root().list("/sys/block")? else {
        return Err(Failure::Skipped("this machine shows no block devices in /sys/block".to_owned()));
    };
    Ok(names.into_iter().filter(|name| !is_noise(name)).take(DISKS).filter_map(|name| disk(scope, name)).collect())
}

/// Block devices that are no disks.
pub(crate) fn is_noise(name: &str) -> bool {
    const PREFIXES: [&str; 10] = ["loop", "ram", "zram", "dm-", "md", "sr", "fd", "nbd", "drbd", "zd"];
    let numbered = |prefix: &str| name.strip_prefix(prefix).is_some_and(|rest| rest.starts_with(|c: char| c.is_ascii_digit()));
    PREFIXES.iter().any(|prefix| numbered(prefix))
}

fn disk(scope: &Scope<'_>, name: String) -> Option<Disk> {
    let folder = format!("/sys/block/{name}");
    let read = |attribute: &str| scope.attribute(&format!("{folder}/{attribute}"));
    let sectors: u64 = scope.number(&format!("{folder}/size"))?;
    // A card reader's slot without a card, a removed medium.
    if sectors == 0 && read("removable").as_deref() == Some("1") {
        return None;
    }
    let path = scope.root().link(&folder).unwrap_or_default();
    // One path of several to a namespace that has a disk of its own.
    if path.contains("/nvme-subsystem/") && name.contains('c') {
        return None;
    }
    let properties = read("dev").map(|number| Properties::of_block(scope, &number)).unwrap_or_default();
    let flag = |attribute| read(attribute).and_then(|flag| match flag.as_str() { "0" => Some(false), "1" => Some(true), _ => None });
    let page = |number: &str| scope.bytes(&format!("{folder}/device/vpd_pg{number}"), PAGE_BYTES).ok().flatten();
    let serial = || page("80").and_then(|page| unit_serial(&page));
    let designator = || page("83").and_then(|page| world_wide_name(&page));
    Some(Disk {
        logical_sector_bytes: None,
        physical_sector_bytes: None,
        health: None,
        model: read("device/model").or_else(|| properties.get("ID_MODEL_ENC")).or_else(|| properties.get("ID_MODEL")),
        vendor: vendor(read("device/vendor")),
        serial: properties.get("ID_SERIAL_SHORT").or_else(serial).or_else(|| read("device/serial")).or_else(|| read("serial")),
        wwn: read("wwid").or_else(|| read("device/wwid")).and_then(usable_wwid).or_else(designator).or_else(|| properties.get("ID_WWN")),
        firmware: read("device/firmware_rev").or_else(|| read("device/rev")).or_else(|| properties.get("ID_REVISION")),
        size_bytes: sectors.checked_mul(512).filter(|&size| size > 0),
        interface: interface(&name, &path).map(str::to_owned),
        rotational: flag("queue/rotational"),
        removable: flag("removable"),
        controller: controller(&path),
        name,
    })
}

/// libata says `ATA` for every disk, virtio a number: neither is a vendor.
fn vendor(said: Option<String>) -> Option<String> {
    said.filter(|vendor| vendor != "ATA" && !vendor.starts_with("0x"))
}

/// `t10.` identifiers repeat vendor, model and serial in one text: no name of its own.
fn usable_wwid(wwid: String) -> Option<String> {
    Some(wwid).filter(|wwid| !wwid.starts_with("t10."))
}

/// Page 0x80: code at 1, length at 2, then the serial.
fn unit_serial(page: &[u8]) -> Option<String> {
    let length = usize::from(u16::from_be_bytes([*page.get(2)?, *page.get(3)?]));
    tidy(&String::from_utf8_lossy(page.get(4..4 + length)?)).filter(|_| page.get(1) == Some(&0x80))
}

/// Page 0x83: designators of code set, type, length and value; the NAA one of the unit itself is the world-wide name.
fn world_wide_name(page: &[u8]) -> Option<String> {
    const NAA: u8 = 3;
    const OF_UNIT: u8 = 0;
    if page.get(1) != Some(&0x83) {
        return None;
    }
    let mut rest = page.get(4..)?;
    while let [_, kind, _, length, tail @ ..] = rest {
        let (value, next) = tail.split_at_checked(usize::from(*length))?;
        if kind & 0x0f == NAA && kind >> 4 & 3 == OF_UNIT && !value.is_empty() {
            return Some(value.iter().fold("naa.".to_owned(), |text, byte| text + &format!("{byte:02x}")));
        }
        rest = next;
    }
    None
}

/// How it is attached, from its place among the devices.
fn interface(name: &str, path: &str) -> Option<&'static str> {
    if name.starts_with("nvme") {
        return Some("nvme");
    }
    const MARKS: [(&str, &str); 11] = [
        ("/usb", "usb"),
        ("/virtio", "virtio"),
        ("/ata", "sata"),
        ("/end_device-", "sas"),
        ("/session", "iscsi"),
        ("/rport-", "fibre_channel"),
        ("/mmc", "mmc"),
        ("/vbd-", "xen"),
        ("/VMBUS", "vmbus"),
        ("/pmem", "nvdimm"),
        ("/host", "scsi"),
    ];
    MARKS.iter().find(|(mark, _)| path.contains(mark)).map(|(_, name)| *name)
}

/// The device path up to the last PCI address.
fn controller(path: &str) -> Option<String> {
    let inside = path.split_once("devices/")?.1;
    let parts: Vec<&str> = inside.split('/').collect();
    let last = parts.iter().rposition(|part| is_pci_address(part))?;
    Some(parts[..=last].join("/"))
}

/// `0000:00:1f.2`; domains have four digits or more.
pub(crate) fn is_pci_address(part: &str) -> bool {
    let hexadecimal = |text: &str, length: usize| text.len() == length && text.bytes().all(|byte| byte.is_ascii_hexdigit());
    let mut fields = part.splitn(3, ':');
    let (Some(domain), Some(bus), Some(device)) = (fields.next(), fields.next(), fields.next()) else { return false };
    let Some((slot, function)) = device.split_once('.') else { return false };
    hexadecimal(domain, domain.len().max(4)) && hexadecimal(bus, 2) && hexadecimal(slot, 2) && hexadecimal(function, 1)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn devices_without_a_disk_are_noise() {
        for name in ["loop0", "ram1", "zram0", "dm-3", "md127", "sr0"] {
            assert!(is_noise(name), "{name}");
        }
        for name in ["sda", "vda", "nvme0n1", "mmcblk0", "xvda"] {
            assert!(!is_noise(name), "{name}");
        }
    }

    #[track_caller]
    fn check(name: &str, path: &str, expected: (Option<&str>, Option<&str>)) {
        assert_eq!((interface(name, path), controller(path).as_deref()), expected);
    }

    #[test]
    fn the_device_path_tells_how_a_disk_is_attached() {
        let sata = "../devices/pci0000:00/0000:00:1f.2/ata1/host0/target0:0:0/0:0:0:0/block/sda";
        check("sda", sata, (Some("sata"), Some("pci0000:00/0000:00:1f.2")));
        check("vda", "../devices/pci0000:00/0000:00:02.0/virtio1/block/vda", (Some("virtio"), Some("pci0000:00/0000:00:02.0")));
        check("nvme0n1", "../devices/pci0000:00/0000:00:1d.0/0000:3d:00.0/nvme/nvme0/nvme0n1", (Some("nvme"), Some("pci0000:00/0000:00:1d.0/0000:3d:00.0")));
        check("x", "", (None, None));
    }

    #[test]
    fn vital_product_data_names_the_unit() {
        assert_eq!(unit_serial(b"\0\x80\0\x04S123").as_deref(), Some("S123"));
        let page = [&[0, 0x83, 0, 0][..], &[1, 0x93, 0, 1, 9], &[1, 3, 0, 2, 0x50, 0x0a]].concat();
        assert_eq!(world_wide_name(&page).as_deref(), Some("naa.500a"));
    }

    #[test]
    fn a_real_tree_reads_as_lsblk_reads_it() {
        let Some(data) = std::env::var_os("ROLLCALL_TEST_DATA") else { return };
        let directory = tempfile::tempdir().expect("a temporary directory");
        let archive = std::path::Path::new(&data).join("lsblk/simple-lvm.tar.xz");
        let unpacked = std::process::Command::new("tar").arg("xJf").arg(archive).arg("-C").arg(directory.path()).status();
        // Minimal systems have tar without xz.
        if !unpacked.is_ok_and(|status| status.success()) {
            return;
        }
        let root = crate::root::Root::new(directory.path().join("simple-lvm"));
        let disks = collect(&Scope::new(&root)).expect("collected");
        let short: Vec<_> = disks.iter().map(|disk| (disk.name.as_str(), disk.model.as_deref(), disk.interface.as_deref())).collect();
        let expected = [
            ("nvme0n1", Some("KINGSTON SKC1000240G"), Some("nvme")),
            ("sda", Some("KINGSTON SH103S3"), Some("sata")),
            ("sdb", Some("WDC WD800JD-00MS"), Some("sata")),
        ];
        assert_eq!(short, expected);
        assert_eq!(disks[1].firmware.as_deref(), Some("BBF0"));
    }

    proptest! {
        #[test]
        fn no_page_panics(page in proptest::collection::vec(any::<u8>(), 0..60), path in "[ -~]{0,40}") {
            let _ = (unit_serial(&page), world_wide_name(&page), controller(&path));
        }
    }
}
