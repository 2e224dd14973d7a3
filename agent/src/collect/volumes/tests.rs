use super::*;
use crate::collect::testing::plant;
use crate::root::Root;
use std::collections::{BTreeMap, BTreeSet};

fn line(row: &Volume) -> String {
    let text = |text: &Option<String>| text.clone().unwrap_or_else(|| "-".to_owned());
    let size = row.size_bytes.map_or("-".to_owned(), |bytes| bytes.to_string());
    let texts = [&row.uuid, &row.device, &row.level, &row.state, &row.group].map(text);
    format!("{} {} | {} | {size} | {}", row.kind, row.name, texts.join(" | "), row.members.join(", "))
}

/// The rows of a tree, and its problems.
#[track_caller]
fn check(tree: &str, expected: &[&str], problems: Option<&str>) {
    let tree = plant(tree);
    let root = Root::new(tree.path());
    let scope = Scope::new(&root);
    let mut rows = collect(&scope).expect("collected");
    rows.sort();
    assert_eq!(rows.iter().map(line).collect::<Vec<_>>(), expected);
    assert_eq!(scope.problems().as_deref(), problems);
}

#[test]
fn a_mirror_with_a_faulty_member_is_degraded() {
    let tree = "=== /sys/block/md0/size
2097024
=== /sys/block/md0/dev
9:0
=== /sys/block/md0/md/array_state
clean
=== /sys/block/md0/md/level
raid1
=== /sys/block/md0/md/raid_disks
2 (1)
=== /sys/block/md0/md/degraded
1
=== /sys/block/md0/md/sync_action
recover
=== /sys/block/md0/md/dev-sdb1/state
faulty
=== /sys/block/md0/md/dev-sda1/state
in_sync,write_mostly
=== /sys/block/md0/md/dev-sdc1/state
spare
=== /sys/block/md0/slaves/sda1 -> x
=== /run/udev/data/b9:0
E:MD_UUID=f1b5a1c0:11223344:55667788:99aabbcc
";
    let row = "md md0 | f1b5a1c0:11223344:55667788:99aabbcc | md0 | raid1 | degraded | - | 1073676288 | \
               sda1 (write_mostly), sdb1 (faulty), sdc1 (spare)";
    check(tree, &[row], None);
    let planted = plant(tree);
    let root = Root::new(planted.path());
    let [array] = &arrays(&Scope::new(&root)).expect("arrays")[..] else { panic!("one array") };
    assert_eq!((array.members_expected, array.members_active, array.degraded), (Some(2), Some(1), Some(1)));
    assert_eq!(array.sync_action.as_deref(), Some("recover"));
}

#[test]
fn without_sysfs_the_kernels_table_of_arrays_is_read() {
    let table = "=== /proc/mdstat\nPersonalities : [raid1]\nmd0 : active raid1 sdb1[1](F) sda1[0]\n      1048512 blocks super 1.2 [2/1] [U_]\n";
    check(table, &["md md0 | - | md0 | raid1 | degraded | - | 1073676288 | sda1, sdb1 (faulty)"], None);
    check("=== /proc/mdstat\nmd0 active\n", &[], Some("/proc/mdstat:1: not an array"));
}

/// LUKS on a partition, LVM in it, without privileges: names from the device mapper, physical volumes from udev.
const ENCRYPTED: &str = "=== /sys/block/dm-0/dm/name
sda3_crypt
=== /sys/block/dm-0/dm/uuid
CRYPT-LUKS2-0123456789abcdef0123456789abcdef-sda3_crypt
=== /sys/block/dm-0/dm/suspended
0
=== /sys/block/dm-0/size
4096
=== /sys/block/dm-0/slaves/sda3 -> x
=== /sys/block/dm-1/dm/name
data--vg-root
=== /sys/block/dm-1/dm/uuid
LVM-8jOtjsqJ8rJDXHfPogVSaxJNgCeTgXQfAAAAAAbbbbccccddddeeeeffffgggggg
=== /sys/block/dm-1/dm/suspended
1
=== /sys/block/dm-1/size
2048
=== /sys/block/dm-1/slaves/dm-0 -> x
=== /sys/class/block/dm-0/dev
253:0
=== /sys/class/block/dm-0/dm/name
sda3_crypt
=== /run/udev/data/b253:0
E:ID_FS_TYPE=LVM2_member
E:ID_FS_UUID=mdknUs-8zp3-zHcd-bZVl-Ldt5-UNFD-pNJkn6
";

#[test]
fn layers_are_told_without_lvms_metadata() {
    check(
        ENCRYPTED,
        &[
            "crypt sda3_crypt | 01234567-89ab-cdef-0123-456789abcdef | dm-0 | luks2 | active | - | 2097152 | sda3",
            "lvm_lv data-vg/root | AAAAAA-bbbb-cccc-dddd-eeee-ffff-gggggg | dm-1 | - | suspended | data-vg | 1048576 | dm-0",
            "lvm_pv /dev/mapper/sda3_crypt | mdknUs-8zp3-zHcd-bZVl-Ldt5-UNFD-pNJkn6 | dm-0 | - | - | data-vg | - | dm-0",
            "lvm_vg data-vg | 8jOtjs-qJ8r-JDXH-fPog-VSax-JNgC-eTgXQf | - | - | - | - | - | dm-0",
        ],
        None,
    );
}

const BACKUP: &str = r#"=== /etc/lvm/backup/data-vg
data-vg {
	id = "8jOtjs-qJ8r-JDXH-fPog-VSax-JNgC-eTgXQf"
	seqno = 7
	status = ["RESIZEABLE", "READ", "WRITE"]
	extent_size = 2048
	physical_volumes {
		pv0 { id = "mdknUs-8zp3-zHcd-bZVl-Ldt5-UNFD-pNJkn6" device = "/dev/mapper/old" pe_count = 3 }
		pv1 { id = "Lg3pXr-VglN-ljBX-anZm-3T3V-Qm9C-fUEp33" device = "/dev/sdz" pe_count = 4 }
	}
	logical_volumes {
		root {
			id = "AAAAAA-bbbb-cccc-dddd-eeee-ffff-gggggg"
			status = ["READ", "WRITE", "VISIBLE"]
			segment1 { extent_count = 1 type = "striped" stripe_count = 1 stripes = ["pv0", 0] }
		}
		still {
			id = "BBBBBB-bbbb-cccc-dddd-eeee-ffff-gggggg"
			status = ["READ", "WRITE", "VISIBLE"]
			segment1 { extent_count = 2 type = "thin-pool" stripes = ["pv0", 0] }
		}
		inside { id = "CCCCCC-bbbb-cccc-dddd-eeee-ffff-gggggg" status = ["READ"] }
	}
}
"#;

#[test]
fn a_backup_completes_what_runs() {
    check(
        &format!("{ENCRYPTED}{BACKUP}"),
        &[
            "crypt sda3_crypt | 01234567-89ab-cdef-0123-456789abcdef | dm-0 | luks2 | active | - | 2097152 | sda3",
            "lvm_lv data-vg/root | AAAAAA-bbbb-cccc-dddd-eeee-ffff-gggggg | dm-1 | linear | suspended | data-vg | 1048576 | dm-0",
            "lvm_lv data-vg/still | BBBBBB-bbbb-cccc-dddd-eeee-ffff-gggggg | - | thin-pool | inactive | data-vg | 2097152 | dm-0",
            "lvm_pv /dev/mapper/sda3_crypt | mdknUs-8zp3-zHcd-bZVl-Ldt5-UNFD-pNJkn6 | dm-0 | - | - | data-vg | 3145728 | dm-0",
            "lvm_pv /dev/sdz | Lg3pXr-VglN-ljBX-anZm-3T3V-Qm9C-fUEp33 | - | - | missing | data-vg | 4194304 | ",
            "lvm_vg data-vg | 8jOtjs-qJ8r-JDXH-fPog-VSax-JNgC-eTgXQf | - | - | partial | - | 7340032 | dm-0",
        ],
        None,
    );
}

#[test]
fn a_backup_of_disks_that_are_gone_is_no_volume_group() {
    let elsewhere = BACKUP.replace("mdknUs", "XYXYXY").replace("8jOtjs", "YYYYYY");
    let tree = format!("{ENCRYPTED}{elsewhere}");
    let planted = plant(&tree);
    let root = Root::new(planted.path());
    let rows = collect(&Scope::new(&root)).expect("collected");
    assert_eq!(rows.iter().filter(|row| row.kind == "lvm_vg").count(), 1);
    assert!(!rows.iter().any(|row| row.name == "data-vg/still"));
}

#[test]
fn a_malformed_backup_is_a_problem_that_names_its_line() {
    let tree = plant(&format!("{ENCRYPTED}=== /etc/lvm/backup/broken\nbroken {{\n  id = \"x\n"));
    let root = Root::new(tree.path());
    let scope = Scope::new(&root);
    collect(&scope).expect("collected");
    assert_eq!(scope.problems().as_deref(), Some("/etc/lvm/backup/broken:3: a text without end"));
}

#[test]
fn multipath_pools_and_caches_are_read() {
    check(
        "=== /sys/block/dm-0/dm/name
mpatha
=== /sys/block/dm-0/dm/uuid
mpath-35000c5009b2f3a4b
=== /sys/block/dm-0/slaves/sda -> x
=== /sys/block/dm-0/slaves/sdb -> x
=== /sys/class/block/sda/device/state
running
=== /sys/class/block/sdb/device/state
offline
=== /sys/block/dm-1/dm/name
mpatha1
=== /sys/block/dm-1/dm/uuid
part1-mpath-35000c5009b2f3a4b
=== /sys/block/dm-1/slaves/dm-0 -> x
=== /sys/block/bcache0/bcache/state
dirty
=== /sys/block/bcache0/bcache/cache_mode
writethrough [writeback] writearound none
=== /sys/block/bcache0/bcache/cache -> ../../../fs/bcache/0b1d
=== /sys/block/bcache0/slaves/sdc -> x
=== /proc/spl/kstat/zfs/tank/state
ONLINE
=== /proc/spl/kstat/zfs/dbgmsg
x
=== /sys/fs/btrfs/features/raid1
1
=== /sys/fs/btrfs/5f0f1a2b-3c4d-4e5f-8a9b-0c1d2e3f4a5b/label
data
=== /sys/fs/btrfs/5f0f1a2b-3c4d-4e5f-8a9b-0c1d2e3f4a5b/devices/sdd -> x
=== /sys/fs/btrfs/5f0f1a2b-3c4d-4e5f-8a9b-0c1d2e3f4a5b/devices/sde -> x
=== /sys/fs/btrfs/5f0f1a2b-3c4d-4e5f-8a9b-0c1d2e3f4a5b/allocation/data/raid1/total_bytes
5
=== /sys/fs/btrfs/5f0f1a2b-3c4d-4e5f-8a9b-0c1d2e3f4a5b/allocation/data/disk_used
5
=== /sys/fs/btrfs/5f0f1a2b-3c4d-4e5f-8a9b-0c1d2e3f4a5b/devinfo/1/missing
1
=== /sys/block/sdd/size
8
=== /sys/block/sde/size
8
",
        &[
            "bcache bcache0 | - | bcache0 | writeback | active | 0b1d | - | sdc",
            "btrfs data | 5f0f1a2b-3c4d-4e5f-8a9b-0c1d2e3f4a5b | - | raid1 | degraded | - | 8192 | sdd, sde",
            "dm mpatha1 | part1-mpath-35000c5009b2f3a4b | dm-1 | partition | - | - | - | dm-0",
            "multipath mpatha | 35000c5009b2f3a4b | dm-0 | multipath | - | - | - | sda, sdb (offline)",
            "zfs_pool tank | - | - | - | online | - | - | ",
        ],
        None,
    );
}

#[test]
fn a_machine_without_volumes_has_none_and_a_tree_without_sysfs_is_skipped() {
    check("=== /sys/block/sda/size\n8\n", &[], None);
    let tree = plant("=== /etc/x\n");
    assert!(matches!(collect(&Scope::new(&Root::new(tree.path()))), Err(Failure::Skipped(_))));
}

/// Cells of a row by column.
type Cells = BTreeMap<String, String>;

/// What lsblk printed: rows by kernel name with their columns, and the parents of each, from the tree that it draws.
fn printed(table: &str) -> (BTreeMap<String, Cells>, BTreeMap<String, BTreeSet<String>>) {
    let data = std::env::var_os("ROLLCALL_TEST_DATA").expect("test data");
    let path = std::path::Path::new(&data).join(format!("lsblk/simple-lvm-{table}.expected.txt"));
    let text = std::fs::read_to_string(path).expect("a table");
    let (head, body) = text.split_once('\n').expect("a head");
    let columns: Vec<&str> = head.split_whitespace().collect();
    let (mut rows, mut parents) = (BTreeMap::new(), BTreeMap::<String, BTreeSet<String>>::new());
    let mut above = String::new();
    for line in body.lines() {
        let is_child = line.starts_with(['|', '`']);
        let cells = line.trim_start_matches(['|', '`', '-']).split_whitespace().map(str::to_owned);
        let row: Cells = columns.iter().map(|column| (*column).to_owned()).zip(cells).collect();
        let name = row["NAME"].clone();
        if is_child { parents.entry(name.clone()).or_default().insert(above.clone()); } else { above.clone_from(&name) }
        rows.insert(name, row);
    }
    (rows, parents)
}

/// `223.6G` as lsblk rounds it.
fn as_lsblk(bytes: u64) -> String {
    let (unit, exponent) = [("G", 30), ("M", 20), ("K", 10)].into_iter().find(|(_, exponent)| bytes >> exponent > 0).unwrap_or(("B", 0));
    #[expect(clippy::cast_precision_loss, reason = "sizes of test disks")]
    let rounded = format!("{:.1}", bytes as f64 / f64::from(1_u32 << exponent));
    format!("{}{unit}", rounded.strip_suffix(".0").unwrap_or(&rounded))
}

#[test]
fn the_lvm_tree_is_the_one_of_lsblk() {
    let Some(directory) = unpacked_lsblk_tree() else { return };
    let root = Root::new(directory.path().join("simple-lvm"));
    let scope = Scope::new(&root);
    let rows = collect(&scope).expect("collected");
    let disks = crate::collect::disks::collect(&scope).expect("collected");
    let (basic, parents) = printed("basic");
    let (state, _) = printed("state");
    let (topology, _) = printed("topo");

    let volumes: Vec<&String> = basic.iter().filter(|(_, row)| row["TYPE"] == "lvm").map(|(name, _)| name).collect();
    assert_eq!(rows.iter().filter(|row| row.kind == "lvm_lv").count(), volumes.len());
    for name in volumes {
        let row = rows.iter().find(|row| row.device.as_deref() == Some(&basic[name]["KNAME"])).expect("a row");
        assert_eq!(row.name.replace('/', "-"), *name);
        assert_eq!(row.size_bytes.map(as_lsblk).as_deref(), Some(basic[name]["SIZE"].as_str()));
        assert_eq!(row.members.iter().cloned().collect::<BTreeSet<_>>(), parents[name]);
        assert_eq!((row.state.as_deref(), state[name]["STATE"].as_str()), (Some("active"), "running"));
    }
    let listed: Vec<&str> = basic.iter().filter(|(_, row)| row["TYPE"] == "disk").map(|(name, _)| name.as_str()).collect();
    assert_eq!(disks.iter().map(|disk| disk.name.as_str()).collect::<Vec<_>>(), listed);
    for disk in disks {
        assert_eq!(disk.size_bytes.map(as_lsblk).as_deref(), Some(basic[&disk.name]["SIZE"].as_str()));
        assert_eq!(disk.removable, Some(basic[&disk.name]["RM"] == "1"));
        assert_eq!(disk.rotational, Some(state[&disk.name]["ROTA"] == "1"));
        assert_eq!(disk.logical_sector_bytes.map(|bytes| bytes.to_string()).as_deref(), Some(topology[&disk.name]["LOG-SEC"].as_str()));
        assert_eq!(disk.physical_sector_bytes.map(|bytes| bytes.to_string()).as_deref(), Some(topology[&disk.name]["PHY-SEC"].as_str()));
    }
    assert_eq!(scope.problems(), None);
}
