//! Whole disks: `/sys/block`, SCSI's vital product data, NVMe's and MMC's attributes, and udev's database for what sysfs does not show.
//!
//! Loop, RAM and device-mapper devices, RAID arrays, boot areas of memory cards and single paths of NVMe subsystems are no disks.
//! What the kernel says comes before what udev made of it, so that a disk has one name with and without udev.

pub(crate) mod node;
pub(crate) mod nvme;
mod vital;

use super::udev::Properties;
use super::{Failure, Scope, disk_health, virtualisation};
use rollcall_shared::section::Disk;

/// Disks looked at.
const DISKS: usize = 10_000;

/// Collects the section.
pub(crate) fn collect(scope: &Scope<'_>) -> Result<Vec<Disk>, Failure> {
    if virtualisation::container(scope).is_some() {
        return Err(Failure::Skipped("in a container: the disks are the host's".to_owned()));
    }
    let Some(names) = scope.root().list("/sys/block")? else {
        return Err(Failure::Skipped("this machine shows no block devices in /sys/block".to_owned()));
    };
    Ok(names.into_iter().filter(|name| !is_noise(name)).take(DISKS).filter_map(|name| disk(scope, name)).collect())
}

/// Block devices that are no disks.
pub(crate) fn is_noise(name: &str) -> bool {
    const PREFIXES: [&str; 14] =
        ["loop", "ram", "zram", "dm-", "md", "sr", "fd", "nbd", "drbd", "zd", "bcache", "nullb", "mtdblock", "ubiblock"];
    let numbered = |prefix: &str| name.strip_prefix(prefix).is_some_and(|rest| rest.starts_with(|c: char| c.is_ascii_digit()));
    let part_of_a_card = name.starts_with("mmcblk") && (name.contains("boot") || name.ends_with("rpmb"));
    // `md_d0` and `md_NAME` are arrays under names of their own.
    PREFIXES.iter().any(|prefix| numbered(prefix)) || name.starts_with("md_") || part_of_a_card || nvme::is_path(name)
}

fn disk(scope: &Scope<'_>, name: String) -> Option<Disk> {
    let folder = format!("/sys/block/{name}");
    let read = |attribute: &str| scope.attribute(&format!("{folder}/{attribute}"));
    let sectors: u64 = scope.number(&format!("{folder}/size"))?;
    // A card reader's slot without a card, a removed medium; a device that the kernel keeps to itself.
    if sectors == 0 && read("removable").as_deref() == Some("1") || read("hidden").as_deref() == Some("1") {
        return None;
    }
    let path = scope.root().link(&folder).unwrap_or_default();
    let flag = |attribute| {
        read(attribute).and_then(|flag| match flag.as_str() {
            "0" => Some(false),
            "1" => Some(true),
            _ => None,
        })
    };
    let bytes = |attribute: &str| scope.number::<u32>(&format!("{folder}/queue/{attribute}")).filter(|&bytes| bytes > 0);
    let names = names(scope, &name);
    Some(Disk {
        logical_sector_bytes: bytes("logical_block_size"),
        physical_sector_bytes: bytes("physical_block_size"),
        health: health(scope, &name),
        model: names.model,
        vendor: vendor(read("device/vendor")),
        serial: names.serial,
        wwn: names.wwn,
        firmware: names.firmware,
        size_bytes: sectors.checked_mul(512).filter(|&size| size > 0),
        interface: interface(scope, &name, &path).map(str::to_owned),
        rotational: flag("queue/rotational"),
        removable: flag("removable"),
        controller: controller(&path).or_else(|| controller_of_subsystem(scope, &name)),
        name,
    })
}

/// What tells a disk from others.
struct Names {
    model: Option<String>,
    serial: Option<String>,
    wwn: Option<String>,
    firmware: Option<String>,
}

fn names(scope: &Scope<'_>, name: &str) -> Names {
    let folder = format!("/sys/block/{name}");
    let read = |attribute: &str| scope.attribute(&format!("{folder}/{attribute}"));
    let page = |number: &str| scope.bytes(&format!("{folder}/device/vpd_pg{number}"), vital::PAGE_BYTES).ok().flatten();
    let properties = read("dev").map(|number| Properties::of_block(scope, &number)).unwrap_or_default();
    let property = |key: &str| properties.get(key);
    let identity = page("89").and_then(|page| vital::identity(&page)).unwrap_or_default();
    Names {
        // udev has a SATA disk's whole model, the inquiry 16 characters of it; `name` is a memory card's.
        model: identity.model.or_else(|| property("ID_MODEL_ENC")).or_else(|| read("device/model")).or_else(|| read("device/name")),
        // udev's short serial of a SAS disk is its world-wide name.
        serial: (property("SCSI_IDENT_SERIAL").or_else(|| property("ID_SCSI_SERIAL")).or(identity.serial))
            .or_else(|| page("80").and_then(|page| vital::unit_serial(&page)))
            .or_else(|| read("device/serial"))
            .or_else(|| read("serial"))
            .or_else(|| property("ID_SERIAL_SHORT")),
        wwn: (read("wwid").or_else(|| read("device/wwid")).filter(|wwid| is_name_of_its_own(wwid)))
            .or_else(|| nvme::identifier(scope, name))
            .or_else(|| page("83").and_then(|page| vital::world_wide_name(&page)))
            .or_else(|| property("ID_WWN_WITH_EXTENSION").or_else(|| property("ID_WWN")).map(as_the_kernel_writes_it)),
        firmware: (identity.firmware.or_else(|| read("device/firmware_rev")).or_else(|| property("ID_REVISION")))
            .or_else(|| read("device/rev"))
            .or_else(|| read("device/fwrev")),
    }
}

/// `t10.` identifiers repeat vendor, model and serial in one text.
fn is_name_of_its_own(wwid: &str) -> bool {
    !wwid.starts_with("t10.")
}

/// udev writes `0x5000…` what the kernel writes `naa.5000…`.
fn as_the_kernel_writes_it(name: String) -> String {
    name.strip_prefix("0x").map(|digits| format!("naa.{}", digits.to_lowercase())).unwrap_or(name)
}

/// The disk's judgement on itself; that it cannot be had is a problem, that it has none is not.
fn health(scope: &Scope<'_>, name: &str) -> Option<String> {
    let health = disk_health::read(scope, name).unwrap_or_else(|reason| {
        scope.problem(reason);
        None
    });
    // That a disk passes is health: a row that said so would change when the disk goes to sleep, and it is not woken to say it.
    (!health?.passed?).then(|| "failing".to_owned())
}

/// libata says `ATA` for every disk, virtio a number: neither is a vendor.
fn vendor(said: Option<String>) -> Option<String> {
    said.filter(|vendor| vendor != "ATA" && !vendor.starts_with("0x"))
}

/// How it is attached.
fn interface(scope: &Scope<'_>, name: &str, path: &str) -> Option<&'static str> {
    if name.starts_with("nvme") {
        return Some(nvme::interface(scope, name));
    }
    match attached(path)? {
        // A SATA disk at a SAS controller.
        "sas" if scope.attribute(&format!("/sys/block/{name}/device/vendor")).as_deref() == Some("ATA") => Some("sata"),
        interface => Some(interface),
    }
}

/// How it is attached, from its place among the devices.
fn attached(path: &str) -> Option<&'static str> {
    const MARKS: [(&str, &str); 14] = [
        ("/usb", "usb"),
        ("/virtio", "virtio"),
        ("/ata", "sata"),
        ("/end_device-", "sas"),
        ("/session", "iscsi"),
        ("/rport-", "fibre_channel"),
        ("/mmc", "mmc"),
        ("/vbd-", "xen"),
        ("/VMBUS", "vmbus"),
        ("/MSFT1000", "vmbus"),
        ("/pmem", "nvdimm"),
        ("/dasd", "dasd"),
        ("/rbd", "rbd"),
        ("/host", "scsi"),
    ];
    MARKS.iter().find(|(mark, _)| path.contains(mark)).map(|(_, name)| *name)
}

/// The device path up to the last PCI address.
fn controller(path: &str) -> Option<String> {
    let parts: Vec<&str> = path.split('/').skip_while(|part| matches!(*part, ".." | "devices" | "sys" | "")).collect();
    let last = parts.iter().rposition(|part| is_pci_address(part))?;
    Some(parts[..=last].join("/"))
}

/// A namespace of a subsystem lies below no controller; the first one that leads to it stands for all.
fn controller_of_subsystem(scope: &Scope<'_>, name: &str) -> Option<String> {
    let first = nvme::controllers(scope, name).into_iter().next()?;
    controller(&scope.root().link(&format!("/sys/class/nvme/{first}"))?)
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
mod tests;
