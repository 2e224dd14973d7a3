use super::*;
use crate::collect::options::{Exclude, Options};
use crate::collect::testing::plant;
use crate::probe::Privileged;
use crate::root::Root;
use std::collections::BTreeMap;

/// The rows of a tree, each as one line: mount point, device, uuid, label, whether encrypted.
#[track_caller]
fn check(tree: &str, expected: &[&str]) {
    let tree = plant(tree);
    let root = Root::new(tree.path());
    let scope = Scope::new(&root);
    let line = |row: &Filesystem| {
        let text = |text: &Option<String>| text.clone().unwrap_or_else(|| "-".to_owned());
        let texts = [&row.device, &row.uuid, &row.label].map(text).join(" | ");
        format!("{} | {texts} | {:?}", row.mount_point, row.encrypted)
    };
    assert_eq!(collect(&scope).expect("collected").iter().map(line).collect::<Vec<_>>(), expected);
    assert_eq!(scope.problems(), None);
}

#[test]
fn luks_and_lvm_below_are_encryption_and_verity_is_not() {
    check(
        "=== /proc/1/mountinfo
1 0 253:1 / / rw - ext4 /dev/dm-1 rw
2 1 253:2 / /usr ro - squashfs /dev/mapper/usr ro
3 1 9:1 / /srv rw - xfs /dev/md0p1 rw
4 1 0:50 / /mnt/dav rw - davfs https://me:geheim@dav.example/x rw
=== /sys/dev/block/253:1 -> ../../devices/virtual/block/dm-1
=== /sys/devices/virtual/block/dm-1/slaves/dm-0 -> x
=== /sys/devices/virtual/block/dm-1/dm/name
vg-root
=== /sys/class/block/dm-1 -> ../../devices/virtual/block/dm-1
=== /sys/class/block/dm-0/dev
253:0
=== /sys/dev/block/253:0/dm/uuid
CRYPT-LUKS2-0123456789abcdef0123456789abcdef-x
=== /sys/dev/block/253:2 -> ../../devices/virtual/block/dm-2
=== /sys/devices/virtual/block/dm-2/dm/uuid
CRYPT-VERITY-0123456789abcdef0123456789abcdef-usr
=== /sys/dev/block/9:1 -> ../../devices/virtual/block/md0/md0p1
=== /sys/devices/virtual/block/md0/md0p1/partition
1
=== /sys/devices/virtual/block/md0/dev
9:0
=== /sys/dev/block/9:0 -> ../../devices/virtual/block/md0
=== /sys/devices/virtual/block/md0/slaves/dm-0 -> x
",
        &[
            "/ | /dev/mapper/vg-root | - | - | Some(true)",
            "/mnt/dav | https://me:[redacted]@dav.example/x | - | - | None",
            "/srv | /dev/md0p1 | - | - | Some(true)",
            "/usr | /dev/mapper/usr | - | - | Some(false)",
        ],
    );
}

#[test]
fn options_of_remote_file_systems_hold_no_secret() {
    let tree = plant("=== /proc/1/mountinfo\n1 0 0:50 / /mnt rw - cifs //nas/x rw,username=me,password=geheim\n");
    let root = Root::new(tree.path());
    let rows = collect(&Scope::new(&root)).expect("collected");
    assert_eq!(rows[0].options, ["password=[redacted]", "rw", "username=me"]);
}

#[test]
fn without_udevs_database_links_and_sysfs_name_a_file_system() {
    check(
        "=== /proc/1/mountinfo
1 0 8:1 / / rw - ext4 /dev/root rw
2 0 0:31 /@home /home rw - btrfs /dev/sdb rw
=== /sys/class/block/sdb/dev
8:16
=== /sys/dev/block/8:16 -> ../../devices/x/block/sdb
=== /sys/fs/btrfs/features/raid1
0
=== /sys/fs/btrfs/11111111-2222-3333-4444-555555555555/label
data
=== /sys/devices/x/block/sdb/size
8
=== /sys/fs/btrfs/11111111-2222-3333-4444-555555555555/devices/sdb
=== /sys/dev/block/8:1 -> ../../devices/x/block/sda/sda1
=== /sys/devices/x/block/sda/sda1/dev
8:1
=== /dev/disk/by-uuid/5f0f1a2b-3c4d-4e5f-8a9b-0c1d2e3f4a5b -> ../../sda1
=== /dev/disk/by-label/root\\x20disk -> ../../sda1
",
        &[
            "/ | /dev/sda1 | 5f0f1a2b-3c4d-4e5f-8a9b-0c1d2e3f4a5b | root disk | Some(false)",
            "/home | /dev/sdb | 11111111-2222-3333-4444-555555555555 | data | Some(false)",
        ],
    );
}

#[test]
fn what_the_operator_excluded_is_left_out() {
    let tree = plant("=== /proc/1/mountinfo\n1 0 8:1 / / rw - ext4 /dev/a rw\n2 1 8:2 / /srv/x/scratch rw - ext4 /dev/b rw\n");
    let root = Root::new(tree.path());
    let exclude = Exclude { paths: vec!["/srv/*/scratch".to_owned()], ..Exclude::default() };
    let options = Options { exclude, ..Options::default() };
    let rows = collect(&Scope::with(&root, &options, Privileged::none_ref())).expect("collected");
    assert_eq!(rows.iter().map(|row| row.mount_point.as_str()).collect::<Vec<_>>(), ["/"]);
}

#[test]
fn the_file_systems_of_this_machine_are_those_of_findmnt() {
    let namespace = |process: &str| std::fs::read_link(format!("/proc/{process}/ns/mnt")).ok();
    let output = std::process::Command::new("findmnt").args(["-J", "-b", "-l", "-o", "TARGET,SOURCE,FSTYPE,SIZE,OPTIONS"]).output();
    let Ok(output) = output else { return };
    let Ok(listed) = serde_json::from_slice::<serde_json::Value>(&output.stdout) else { return };
    // Process 1 may see other mounts than a test does.
    if namespace("1").is_some_and(|one| Some(one) != namespace("self")) {
        return;
    }
    let rows = collect(&Scope::new(&Root::live())).expect("collected");
    // Later mounts hide earlier ones on the same directory.
    let listed: BTreeMap<&str, &serde_json::Value> =
        listed["filesystems"].as_array().expect("mounts").iter().map(|one| (one["target"].as_str().expect("a directory"), one)).collect();
    for row in &rows {
        let known = listed[row.mount_point.as_str()];
        assert_eq!(known["fstype"], row.fs_type, "{}", row.mount_point);
        let mut options: Vec<&str> = known["options"].as_str().expect("options").split(',').collect();
        options.sort_unstable();
        assert_eq!(options, row.options, "{}", row.mount_point);
        if let Some(size) = row.size_bytes {
            assert_eq!(known["size"].as_u64(), Some(size), "{}", row.mount_point);
        }
        if let Some(device) = row.device.as_deref().filter(|device| device.starts_with("/dev/")) {
            assert!(known["source"].as_str().is_some_and(|source| source.split('[').next() == Some(device)), "{}", row.mount_point);
        }
    }
    let has_row = |target: &str| rows.iter().any(|row| row.mount_point == target);
    let on_disk = ["ext4", "xfs", "btrfs", "vfat"];
    let bind = |one: &serde_json::Value| one["source"].as_str().is_some_and(|source| source.contains('['));
    for (target, one) in listed {
        let counts = on_disk.contains(&one["fstype"].as_str().unwrap_or_default()) && !bind(one);
        let is_second = rows.iter().any(|row| row.device.as_deref() == one["source"].as_str());
        assert!(!counts || has_row(target) || is_second, "{target} is missing");
    }
}

#[test]
fn uuid_and_label_are_those_of_lsblk() {
    let Ok(output) = std::process::Command::new("lsblk").args(["-J", "-b", "-l", "-o", "PATH,FSTYPE,UUID,LABEL"]).output() else { return };
    let Ok(listed) = serde_json::from_slice::<serde_json::Value>(&output.stdout) else { return };
    let listed = listed["blockdevices"].as_array().expect("devices");
    for row in collect(&Scope::new(&Root::live())).expect("collected") {
        let Some(known) = listed.iter().find(|one| one["path"].as_str() == row.device.as_deref()) else { continue };
        // Without udev and without privileges neither knows it.
        if let Some(uuid) = known["uuid"].as_str() {
            assert_eq!((row.uuid.as_deref(), row.label.as_deref()), (Some(uuid), known["label"].as_str()), "{}", row.mount_point);
        }
    }
}

/// Every device of `lsblk` with what is on it, in the order of its tree.
fn devices(listed: &serde_json::Value) -> Vec<serde_json::Value> {
    let mut found = Vec::new();
    for device in listed.as_array().into_iter().flatten() {
        found.push(device.clone());
        found.extend(devices(&device["children"]));
    }
    found
}

#[test]
fn what_is_mounted_on_this_machines_devices_is_what_lsblk_says_in_every_field() {
    let Ok(output) = std::process::Command::new("lsblk").args(["-J", "-b", "-O"]).output() else { return };
    let Ok(listed) = serde_json::from_slice::<serde_json::Value>(&output.stdout) else { return };
    let rows = collect(&Scope::new(&Root::live())).expect("collected");
    for device in devices(&listed["blockdevices"]) {
        let mounted: Vec<&str> = device["mountpoints"].as_array().into_iter().flatten().filter_map(serde_json::Value::as_str).collect();
        let of_device: Vec<&Filesystem> = rows.iter().filter(|row| mounted.contains(&row.mount_point.as_str())).collect();
        // A device's other mounts are binds of its first; what is used for swapping is mounted nowhere.
        let is_noise = mounted.iter().all(|point| *point == "[SWAP]") || device["type"] == "loop";
        assert!(is_noise || !of_device.is_empty(), "{device}");
        for row in of_device {
            let same = |key: &str, ours: Option<&str>| {
                if let Some(theirs) = device[key].as_str() {
                    assert_eq!(ours, Some(theirs), "{key} of {row:?}");
                }
            };
            same("path", row.device.as_deref());
            same("fstype", Some(row.fs_type.as_str()));
            same("label", row.label.as_deref());
            same("uuid", row.uuid.as_deref());
            let size = device["fssize"].as_u64().or_else(|| device["fssize"].as_str()?.parse().ok());
            assert!(size.is_none() || row.size_bytes == size, "{row:?} {device}");
            assert!(device["ro"] != true || row.read_only == Some(true), "{row:?} {device}");
        }
    }
}
