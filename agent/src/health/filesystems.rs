//! Space, inodes and writability of file systems.
//!
//! Remote and user-space file systems are skipped: `statvfs` on one that hangs would hang the agent. Images (squashfs, iso9660, …) are
//! full and read-only by nature and skipped too.

use super::{Raw, float};
use crate::collect::Scope;
use crate::collect::mounts::{self, Mount};

/// File systems measured, five series each; when other sources leave no room for all, whole file systems are left out.
const FILESYSTEMS: usize = 256;

/// Reads the series.
pub(super) fn read(scope: &Scope<'_>) -> Vec<Raw> {
    let mounts = mounts::read(scope).unwrap_or_default();
    let exclude = &scope.options().exclude;
    let is_measured = |mount: &Mount| !mount.is_remote() && !mount.is_image() && !exclude.has_path(&mount.mount_point);
    let measured = mounts.into_iter().filter(is_measured);
    measured.take(FILESYSTEMS).flat_map(|mount| measure(scope, &mount)).collect()
}

fn measure(scope: &Scope<'_>, mount: &Mount) -> Vec<Raw> {
    let attributes = [("mountpoint", mount.mount_point.as_str())];
    let read_only = if mount.is_read_only_as_a_whole { 1.0 } else { 0.0 };
    let mut raw = vec![Raw::gauge("system.filesystem.read_only", &attributes, "1", Some(read_only))];
    if !scope.root().is_live() {
        return raw;
    }
    let Ok(facts) = rustix::fs::statvfs(mount.mount_point.as_str()) else { return raw };
    if facts.f_blocks > 0 {
        let used = facts.f_blocks.saturating_sub(facts.f_bfree);
        // As df counts: what is reserved for root is neither used nor to be had.
        raw.push(Raw::ratio("system.filesystem.utilization", &attributes, used, used.saturating_add(facts.f_bavail)));
        let bytes = |blocks: u64| Some(float(blocks.saturating_mul(facts.f_frsize)));
        raw.push(Raw::gauge("system.filesystem.available", &attributes, "By", bytes(facts.f_bavail)));
        raw.push(Raw::gauge("system.filesystem.limit", &attributes, "By", bytes(facts.f_blocks)));
    }
    // btrfs and others make inodes as they go and count none.
    if facts.f_files > 0 {
        let used = facts.f_files.saturating_sub(facts.f_ffree);
        raw.push(Raw::ratio("system.filesystem.inodes.utilization", &attributes, used, facts.f_files));
    }
    raw
}
