use super::*;
use crate::collect::testing::plant;
use crate::root::Root;
use proptest::prelude::*;

#[test]
fn devices_without_a_disk_are_noise() {
    let noise = ["loop0", "ram1", "zram0", "dm-3", "md127", "md_d0", "sr0", "bcache0", "mmcblk0boot1", "mmcblk0rpmb", "nvme0c1n1", "mtdblock0"];
    for name in noise {
        assert!(is_noise(name), "{name}");
    }
    for name in ["sda", "sdmd", "vda", "nvme0n1", "mmcblk0", "xvda", "pmem0", "dasda"] {
        assert!(!is_noise(name), "{name}");
    }
}

#[track_caller]
fn check_path(path: &str, expected: (Option<&str>, Option<&str>)) {
    assert_eq!((attached(path), controller(path).as_deref()), expected);
}

#[test]
fn the_device_path_tells_how_a_disk_is_attached() {
    let pci = "pci0000:00/0000:00:1f.2";
    check_path(&format!("../devices/{pci}/ata1/host0/target0:0:0/0:0:0:0/block/sda"), (Some("sata"), Some(pci)));
    check_path(&format!("../devices/{pci}/virtio1/block/vda"), (Some("virtio"), Some(pci)));
    check_path(&format!("../devices/{pci}/virtio1/host2/target2:0:0/2:0:0:0/block/sda"), (Some("virtio"), Some(pci)));
    check_path(&format!("../devices/{pci}/host0/port-0:0/end_device-0:0/target0:0:0/0:0:0:0/block/sda"), (Some("sas"), Some(pci)));
    check_path(&format!("../devices/{pci}/host7/rport-7:0-1/target7:0:0/7:0:0:0/block/sdc"), (Some("fibre_channel"), Some(pci)));
    check_path(&format!("../devices/{pci}/usb2/2-1/2-1:1.0/host6/target6:0:0/6:0:0:0/block/sdd"), (Some("usb"), Some(pci)));
    check_path("../devices/platform/host3/session1/target3:0:0/3:0:0:0/block/sdb", (Some("iscsi"), None));
    check_path("../devices/vbd-51712/block/xvda", (Some("xen"), None));
    check_path("../devices/platform/soc/fe340000.mmc/mmc_host/mmc0/mmc0:aaaa/block/mmcblk0", (Some("mmc"), None));
    check_path("../devices/LNXSYSTM:00/LNXSYBUS:00/ACPI0012:00/ndbus0/region0/namespace0.0/block/pmem0", (Some("nvdimm"), None));
    check_path("", (None, None));
}

/// The disks of a tree, each as one line.
#[track_caller]
fn check(tree: &str, expected: &[&str]) {
    let tree = plant(tree);
    let root = Root::new(tree.path());
    let scope = Scope::new(&root);
    let disks = collect(&scope).expect("collected");
    let line = |disk: &Disk| {
        let texts = [&disk.model, &disk.vendor, &disk.serial, &disk.wwn, &disk.firmware, &disk.interface, &disk.controller];
        let size = disk.size_bytes.map_or("-".to_owned(), |bytes| bytes.to_string());
        let texts: Vec<&str> = texts.into_iter().map(|text| text.as_deref().unwrap_or("-")).collect();
        format!("{} | {size} | {}", disk.name, texts.join(" | "))
    };
    assert_eq!(disks.iter().map(line).collect::<Vec<_>>(), expected);
    assert_eq!(scope.problems(), None);
}

#[test]
fn a_laptops_nvme_disk_is_read_from_sysfs_alone() {
    check(
        "=== /sys/block/nvme0n1 -> ../devices/pci0000:00/0000:00:1d.0/0000:3d:00.0/nvme/nvme0/nvme0n1
=== /sys/devices/pci0000:00/0000:00:1d.0/0000:3d:00.0/nvme/nvme0/nvme0n1/size
1000215216
=== /sys/devices/pci0000:00/0000:00:1d.0/0000:3d:00.0/nvme/nvme0/nvme0n1/wwid
eui.0025385b71b0a1c2
=== /sys/devices/pci0000:00/0000:00:1d.0/0000:3d:00.0/nvme/nvme0/nvme0n1/device -> ../../nvme0
=== /sys/devices/pci0000:00/0000:00:1d.0/0000:3d:00.0/nvme/nvme0/model
SAMSUNG MZVLB512HBJQ-000L7              
=== /sys/devices/pci0000:00/0000:00:1d.0/0000:3d:00.0/nvme/nvme0/serial
S4ENNX0M123456      
=== /sys/devices/pci0000:00/0000:00:1d.0/0000:3d:00.0/nvme/nvme0/firmware_rev
5M2QEXF7
=== /sys/devices/pci0000:00/0000:00:1d.0/0000:3d:00.0/nvme/nvme0/nvme0n1/queue/logical_block_size
512
",
        &["nvme0n1 | 512110190592 | SAMSUNG MZVLB512HBJQ-000L7 | - | S4ENNX0M123456 | eui.0025385b71b0a1c2 | 5M2QEXF7 | nvme | pci0000:00/0000:00:1d.0/0000:3d:00.0"],
    );
}

#[test]
fn a_namespace_of_two_controllers_is_one_disk() {
    check(
        "=== /sys/block/nvme0n1 -> ../devices/virtual/nvme-subsystem/nvme-subsys0/nvme0n1
=== /sys/block/nvme0c0n1 -> ../devices/pci0000:00/0000:3d:00.0/nvme/nvme0/nvme0c0n1
=== /sys/devices/virtual/nvme-subsystem/nvme-subsys0/nvme0n1/size
2048
=== /sys/devices/virtual/nvme-subsystem/nvme-subsys0/nvme0n1/nguid
00000000-0000-0000-0000-000000000000
=== /sys/devices/virtual/nvme-subsystem/nvme-subsys0/nvme0n1/eui
00 25 38 5b 71 b0 A1 c2
=== /sys/devices/virtual/nvme-subsystem/nvme-subsys0/nvme0n1/device -> ../../nvme-subsys0
=== /sys/devices/virtual/nvme-subsystem/nvme-subsys0/nvme0 -> ../../../pci0000:00/0000:3d:00.0/nvme/nvme0
=== /sys/devices/virtual/nvme-subsystem/nvme-subsys0/nvme1 -> ../../../pci0000:00/0000:3e:00.0/nvme/nvme1
=== /sys/devices/virtual/nvme-subsystem/nvme-subsys0/serial
S1
=== /sys/devices/virtual/nvme-subsystem/nvme-subsys0/model
Model
=== /sys/class/nvme/nvme0 -> ../../devices/pci0000:00/0000:3d:00.0/nvme/nvme0
=== /sys/devices/pci0000:00/0000:3d:00.0/nvme/nvme0/transport
pcie
=== /sys/devices/pci0000:00/0000:3d:00.0/nvme/nvme0/nvme0c0n1/size
2048
=== /sys/devices/pci0000:00/0000:3d:00.0/nvme/nvme0/nvme0c0n1/hidden
1
",
        &["nvme0n1 | 1048576 | Model | - | S1 | eui.0025385b71b0a1c2 | - | nvme | pci0000:00/0000:3d:00.0"],
    );
}

/// Two paths to one SAS disk, and a SATA disk at the same controller.
const SAS_SERVER: &str = "=== /sys/block/sda -> ../devices/pci0000:80/0000:80:02.0/0000:81:00.0/host0/port-0:0/end_device-0:0/target0:0:0/0:0:0:0/block/sda
=== /sys/block/sdb -> ../devices/pci0000:80/0000:80:02.0/0000:81:00.0/host0/port-0:1/end_device-0:1/target0:0:1/0:0:1:0/block/sdb
=== /sys/block/sdc -> ../devices/pci0000:80/0000:80:02.0/0000:81:00.0/host0/port-0:2/end_device-0:2/target0:0:2/0:0:2:0/block/sdc
=== /sys/block/sda/size
7814037168
=== /sys/block/sda/device/model
ST4000NM0025    
=== /sys/block/sda/device/vendor
SEAGATE 
=== /sys/block/sda/device/rev
N004
=== /sys/block/sda/device/wwid
naa.5000c5009b2f3a4b
=== /sys/block/sda/device/vpd_pg80 (hex)
00 80 00 08 5a 43 31 38 4a 4b 4c 4d
=== /sys/block/sdb/size
7814037168
=== /sys/block/sdb/dev
8:16
=== /sys/block/sdb/device/model
ST4000NM0025    
=== /sys/block/sdb/device/vpd_pg83 (hex)
00 83 00 18 01 93 00 08 50 00 c5 00 9b 2f 3a 4a 01 03 00 08 50 00 c5 00 9b 2f 3a 4b
=== /run/udev/data/b8:16
E:ID_SERIAL_SHORT=5000c5009b2f3a4b
E:SCSI_IDENT_SERIAL=ZC18JKLM
E:ID_WWN=0x5000c5009b2f3a4b
=== /sys/block/sdc/size
0
=== /sys/block/sdc/dev
8:32
=== /sys/block/sdc/device/vendor
ATA     
=== /sys/block/sdc/device/model
INTEL SSDSC2KB48
=== /sys/block/sdc/device/wwid
t10.ATA     INTEL SSDSC2KB480G8                     BTYF123
=== /run/udev/data/b8:32
E:ID_MODEL_ENC=INTEL\\x20SSDSC2KB480G8\\x20\\x20\\x20
E:ID_REVISION=XCV10132
E:ID_SERIAL_SHORT=BTYF123
E:ID_WWN=0x55CD2E4150000001
E:ID_WWN_WITH_EXTENSION=0x55CD2E4150000001
";

#[test]
fn both_paths_to_a_sas_disk_have_its_names() {
    let controller = "pci0000:80/0000:80:02.0/0000:81:00.0";
    let tree = SAS_SERVER
        .replace("=== /sys/block/sda/", "=== /sys/devices/pci0000:80/0000:80:02.0/0000:81:00.0/host0/port-0:0/end_device-0:0/target0:0:0/0:0:0:0/block/sda/")
        .replace("=== /sys/block/sdb/", "=== /sys/devices/pci0000:80/0000:80:02.0/0000:81:00.0/host0/port-0:1/end_device-0:1/target0:0:1/0:0:1:0/block/sdb/")
        .replace("=== /sys/block/sdc/", "=== /sys/devices/pci0000:80/0000:80:02.0/0000:81:00.0/host0/port-0:2/end_device-0:2/target0:0:2/0:0:2:0/block/sdc/");
    check(
        &tree,
        &[
            &format!("sda | 4000787030016 | ST4000NM0025 | SEAGATE | ZC18JKLM | naa.5000c5009b2f3a4b | N004 | sas | {controller}"),
            &format!("sdb | 4000787030016 | ST4000NM0025 | - | ZC18JKLM | naa.5000c5009b2f3a4b | - | sas | {controller}"),
            &format!("sdc | - | INTEL SSDSC2KB480G8 | - | BTYF123 | naa.55cd2e4150000001 | XCV10132 | sata | {controller}"),
        ],
    );
}

#[test]
fn cards_and_paravirtual_disks_are_read() {
    check(
        "=== /sys/block/mmcblk0 -> ../devices/platform/fe340000.mmc/mmc_host/mmc0/mmc0:aaaa/block/mmcblk0
=== /sys/devices/platform/fe340000.mmc/mmc_host/mmc0/mmc0:aaaa/block/mmcblk0/size
60620800
=== /sys/devices/platform/fe340000.mmc/mmc_host/mmc0/mmc0:aaaa/block/mmcblk0/device -> ../../../mmc0:aaaa
=== /sys/devices/platform/fe340000.mmc/mmc_host/mmc0/mmc0:aaaa/name
SD32G
=== /sys/devices/platform/fe340000.mmc/mmc_host/mmc0/mmc0:aaaa/serial
0x1a2b3c4d
=== /sys/block/mmcblk0boot0/size
8192
=== /sys/block/sr0/size
0
=== /sys/block/vda -> ../devices/pci0000:00/0000:00:02.0/virtio1/block/vda
=== /sys/devices/pci0000:00/0000:00:02.0/virtio1/block/vda/size
2048
=== /sys/devices/pci0000:00/0000:00:02.0/virtio1/block/vda/serial
vol-0a1b
=== /sys/devices/pci0000:00/0000:00:02.0/virtio1/block/vda/device/vendor
0x1af4
=== /sys/block/sde/size
0
=== /sys/block/sde/removable
1
",
        &["mmcblk0 | 31037849600 | SD32G | - | 0x1a2b3c4d | - | - | mmc | -", "vda | 1048576 | - | - | vol-0a1b | - | - | virtio | pci0000:00/0000:00:02.0"],
    );
}

#[test]
fn the_helpers_word_is_the_disks_health() {
    let known: crate::probe::Privileged =
        serde_json::from_str(r#"{"files":{},"disk_health":{"sda":{"passed":false},"sdb":{"passed":true},"sdc":{}},"socket_owners":{}}"#).expect("parses");
    let tree = plant("=== /sys/block/sda/size\n8\n=== /sys/block/sdb/size\n8\n=== /sys/block/sdc/size\n8\n");
    let root = Root::new(tree.path());
    let scope = Scope::with(&root, crate::collect::options::Options::default_ref(), &known);
    let healths: Vec<_> = collect(&scope).expect("collected").into_iter().map(|disk| disk.health).collect();
    assert_eq!(healths, [Some("failing".to_owned()), None, None]);
}

#[test]
fn a_container_has_no_disks_of_its_own() {
    let tree = plant("=== /run/.containerenv\n=== /sys/block/sda/size\n8\n");
    assert!(matches!(collect(&Scope::new(&Root::new(tree.path()))), Err(Failure::Skipped(_))));
}

#[test]
fn a_size_that_is_no_number_is_a_problem() {
    let tree = plant("=== /sys/block/sda/size\nmany\n");
    let root = Root::new(tree.path());
    let scope = Scope::new(&root);
    assert_eq!(collect(&scope).expect("collected"), []);
    assert!(scope.problems().is_some_and(|problems| problems.contains("/sys/block/sda/size")));
}

/// The rows of `lsblk`, whole disks alone.
fn lsblk() -> Option<Vec<serde_json::Value>> {
    let output = std::process::Command::new("lsblk").args(["-J", "-b", "-d", "-O"]).output().ok()?;
    let listed: serde_json::Value = serde_json::from_slice(&output.stdout).ok()?;
    let is_disk = |device: &&serde_json::Value| device["type"] == "disk" && !is_noise(device["name"].as_str().unwrap_or_default());
    Some(listed["blockdevices"].as_array()?.iter().filter(is_disk).cloned().collect())
}

/// What lsblk calls the ways a disk is attached that we call otherwise.
fn transport(interface: &str) -> &str {
    match interface {
        "fibre_channel" => "fc",
        interface => interface,
    }
}

#[test]
fn the_disks_of_this_machine_are_those_of_lsblk_in_every_field() {
    let Some(listed) = lsblk() else { return };
    // In a container lsblk shows the host's.
    let Ok(disks) = collect(&Scope::new(&Root::live())) else { return };
    let names = |disks: &[&str]| disks.iter().map(|&name| name.to_owned()).collect::<std::collections::BTreeSet<String>>();
    let of_lsblk: Vec<&str> = listed.iter().filter_map(|device| device["name"].as_str()).collect();
    assert_eq!(names(&disks.iter().map(|disk| disk.name.as_str()).collect::<Vec<_>>()), names(&of_lsblk));
    for disk in &disks {
        let device = listed.iter().find(|device| device["name"] == disk.name.as_str()).expect("it was listed");
        let number = |key: &str| device[key].as_u64().filter(|&number| number > 0);
        let flag = |key: &str| device[key].as_bool().or_else(|| Some(device[key].as_str()? == "1"));
        let numbers = (disk.size_bytes, disk.logical_sector_bytes.map(u64::from), disk.physical_sector_bytes.map(u64::from));
        assert_eq!(numbers, (number("size"), number("log-sec"), number("phy-sec")), "{disk:?}");
        assert_eq!((disk.rotational, disk.removable), (flag("rota"), flag("rm")), "{disk:?}");
        // Without udev lsblk knows fewer of the texts: those that it knows are the same.
        let text = |key: &str| device[key].as_str().map(str::trim).filter(|text| !text.is_empty());
        let same = |key: &str, ours: Option<&str>| {
            if let Some(theirs) = text(key) {
                assert_eq!(ours, Some(theirs), "{key} of {disk:?}");
            }
        };
        same("model", disk.model.as_deref());
        same("serial", disk.serial.as_deref());
        same("rev", disk.firmware.as_deref());
        same("tran", disk.interface.as_deref().map(transport));
        let wwn = disk.wwn.as_deref().map(|wwn| wwn.strip_prefix("naa.").map_or_else(|| wwn.to_owned(), |digits| format!("0x{digits}")));
        same("wwn", wwn.as_deref());
        assert_eq!(disk.vendor, vendor(text("vendor").map(str::to_owned)), "vendor of {disk:?}");
    }
}

#[test]
fn a_real_tree_reads_as_lsblk_reads_it() {
    let Some(directory) = crate::collect::volumes::unpacked_lsblk_tree() else { return };
    let root = Root::new(directory.path().join("simple-lvm"));
    let disks = collect(&Scope::new(&root)).expect("collected");
    let short: Vec<_> = disks.iter().map(|disk| (disk.name.as_str(), disk.model.as_deref(), disk.interface.as_deref(), disk.rotational)).collect();
    let expected = [
        ("nvme0n1", Some("KINGSTON SKC1000240G"), Some("nvme"), Some(false)),
        ("sda", Some("KINGSTON SH103S3"), Some("sata"), Some(false)),
        ("sdb", Some("WDC WD800JD-00MS"), Some("sata"), Some(true)),
    ];
    assert_eq!(short, expected);
    assert_eq!(disks.iter().map(|disk| disk.firmware.as_deref()).collect::<Vec<_>>()[1..], [Some("BBF0"), Some("1E01")]);
    assert!(disks.iter().all(|disk| (disk.logical_sector_bytes, disk.physical_sector_bytes) == (Some(512), Some(512))));
}

proptest! {
    #[test]
    fn no_path_panics(path in "[ -~]{0,60}") {
        let _ = (attached(&path), controller(&path), is_noise(&path), nvme::is_path(&path));
    }
}
