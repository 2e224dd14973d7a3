//! Disks, volumes and file systems.

use super::{Reading, Table, needed};
use crate::inventory_format::document::Row;
use crate::inventory_format::units;
use rollcall_shared::Section;
use rollcall_shared::section::{Disk, Filesystem, Volume};
use std::collections::BTreeMap;

/// Block devices of the kernel's own making.
const NO_DISKS: [&str; 3] = ["loop", "ram", "zram"];

pub(super) fn read(reading: &mut Reading<'_>) {
    if let Some(rows) = reading.rows("storages") {
        let table = Table::of(rows, disk);
        reading.put(table, Section::Disks);
    }
    if let Some(rows) = reading.rows("drives") {
        let table = Table::of(rows, filesystem);
        reading.put(table, Section::Filesystems);
    }
    volumes(reading);
}

fn disk(row: &Row) -> super::Read<Disk> {
    let interface = row.text_of(&["interface", "description"]).map(|word| word.to_lowercase());
    let kind = row.text("type").map(|word| word.to_lowercase());
    // Optical drives and card readers are no disks until something is in them.
    if kind.as_deref().is_some_and(|kind| kind.contains("cd") || kind.contains("dvd") || kind.contains("rom")) {
        return Ok(None);
    }
    let name = needed(row.text_of(&["name", "model"]), "a disk without a name")?;
    if NO_DISKS.iter().any(|prefix| name.strip_prefix(prefix).is_some_and(|rest| rest.bytes().all(|byte| byte.is_ascii_digit()))) {
        return Ok(None);
    }
    Ok(Some(Disk {
        name,
        model: row.text("model"),
        vendor: row.text("manufacturer"),
        serial: row.text_of(&["serial", "serialnumber"]),
        wwn: row.text("wwn"),
        firmware: row.text("firmware"),
        size_bytes: row.text("disksize").and_then(|size| units::megabytes(&size)),
        interface,
        removable: kind.filter(|kind| kind.contains("removable")).map(|_| true),
        ..Disk::default()
    }))
}

fn filesystem(row: &Row) -> super::Read<Filesystem> {
    // Unix has the mount point in `type`; Windows has a letter, and the kind of drive there.
    let mount_point = row.text("letter").or_else(|| row.text("type"));
    let encrypted = row.text("encrypt_status").and_then(|status| match status.to_lowercase().as_str() {
        "yes" => Some(true),
        "no" => Some(false),
        _ => None,
    });
    Ok(Some(Filesystem {
        mount_point: needed(mount_point, "a file system without a mount point")?,
        device: row.text("volumn"),
        fs_type: needed(row.text("filesystem"), "a file system without a type")?,
        size_bytes: row.number("total").and_then(units::mebibytes),
        label: row.text("label"),
        uuid: row.text("serial"),
        encrypted,
        ..Filesystem::default()
    }))
}

fn volumes(reading: &mut Reading<'_>) {
    let categories = ["physical_volumes", "volume_groups", "logical_volumes"];
    if categories.iter().all(|category| reading.rows(category).is_none()) {
        return;
    }
    let rows = |category: &str| reading.rows(category).unwrap_or_default();
    let group = |row: &Row| Some((row.text("vg_uuid")?, row.text("vg_name")?));
    let groups: BTreeMap<String, String> = rows("volume_groups").iter().filter_map(group).collect();
    let group_of = |row: &Row| row.text("vg_name").or_else(|| groups.get(&row.text("vg_uuid")?).cloned());
    let size = |row: &Row| row.text("size").and_then(|size| units::megabytes(&size));
    let mut table = Table::default();
    for row in rows("physical_volumes") {
        let name = needed(row.text("device"), "a physical volume without a device");
        let volume = |name| Volume {
            kind: "lvm_pv".into(),
            name,
            uuid: row.text("pv_uuid"),
            size_bytes: size(row),
            group: group_of(row),
            ..Volume::default()
        };
        table.take(name.map(|name| Some(volume(name))));
    }
    for row in rows("volume_groups") {
        let name = needed(row.text("vg_name"), "a volume group without a name");
        let volume = |name| Volume { kind: "lvm_vg".into(), name, uuid: row.text("vg_uuid"), size_bytes: size(row), ..Volume::default() };
        table.take(name.map(|name| Some(volume(name))));
    }
    for row in rows("logical_volumes") {
        let group = group_of(row);
        let name = needed(row.text("lv_name"), "a logical volume without a name");
        let full = |name: String| group.as_ref().map_or_else(|| name.clone(), |group| format!("{group}/{name}"));
        let volume = |name| Volume {
            kind: "lvm_lv".into(),
            name: full(name),
            uuid: row.text("lv_uuid"),
            size_bytes: size(row),
            group: group.clone(),
            ..Volume::default()
        };
        table.take(name.map(|name| Some(volume(name))));
    }
    // Arrays, pools and encryption are not in this format.
    reading.put_with(table, Some("volumes of LVM alone"), Section::Volumes);
}
