//! Storage above the disks: volumes and file systems.

use crate::section::{Row, Texts};
use serde::{Deserialize, Serialize};

rows! {
    /// One logical volume, array, pool or other layer between disks and file systems.
    Volume {
        /// `lvm_pv`, `lvm_vg`, `lvm_lv`, `md`, `multipath`, `crypt`, `zfs_pool`, `btrfs`, `bcache`, `dm`.
        kind: String,
        /// Name, such as `vg0`, `vg0/root`, `md127`.
        name: String,
        /// UUID of this layer.
        uuid: Option<String>,
        /// Kernel name of its block device, such as `dm-3`.
        device: Option<String>,
        /// Size.
        size_bytes: Option<u64>,
        /// RAID level, segment type or scheme in its maker's words, such as `raid1`, `linear`, `thin-pool`, `luks2`.
        level: Option<String>,
        /// `active`, `inactive`, `degraded`, `suspended`, `failed`, …; of a volume group `complete`, `partial` or `exported`: the steady
        /// state, never the progress of a rebuild.
        state: Option<String>,
        /// Volume group or pool that it belongs to.
        group: Option<String>,
        /// Kernel names of the devices directly below, sorted; members of an array or paths that are not in order with
        /// their state, such as `sdb1 (faulty)`.
        #[serde(default)]
        members: Vec<String>,
    } key(row) { format!("{}/{}", row.kind, row.uuid.as_ref().unwrap_or(&row.name)) }

    /// One mounted file system.
    Filesystem {
        /// Mount point.
        mount_point: String,
        /// Source device or remote.
        device: Option<String>,
        /// `ext4`, `xfs`, ….
        fs_type: String,
        /// Total size.
        size_bytes: Option<u64>,
        /// Label.
        label: Option<String>,
        /// UUID.
        uuid: Option<String>,
        /// Mount options, sorted.
        #[serde(default)]
        options: Vec<String>,
        /// Mounted read-only; not every source tells it.
        read_only: Option<bool>,
        /// On an encrypted device.
        encrypted: Option<bool>,
    } key(row) { row.mount_point.clone() }

    /// How one well-known directory is mounted, for hardening checks.
    MountOption {
        /// Directory, such as `/tmp`.
        path: String,
        /// It is a file system of its own.
        separate: bool,
        /// `nodev`; none when it is not separate.
        nodev: Option<bool>,
        /// `nosuid`.
        nosuid: Option<bool>,
        /// `noexec`.
        noexec: Option<bool>,
        /// `ro`.
        read_only: Option<bool>,
        /// All options of the mount, sorted, such as `hidepid=invisible` of `/proc`; none when it is not separate.
        #[serde(default)]
        options: Vec<String>,
    } key(row) { row.path.clone() }
}
