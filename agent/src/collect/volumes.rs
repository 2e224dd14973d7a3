//! Volumes between disks and file systems: LVM, md arrays, multipath, dm-crypt, ZFS and btrfs pools, bcache.
//!
//! Each layer is a row that names the devices directly below it, so that the rows together are the tree from file system to disk.
//! States are those that last; the progress of a rebuild is no inventory.

mod arrays;
pub(crate) mod lvm;
mod mapped;
mod pools;

use super::text::bounded;
use super::{Failure, Scope, virtualisation};
use rollcall_shared::section::Volume;

pub(crate) use arrays::{Array, arrays};
pub(crate) use mapped::encryption;

/// Collects the section.
pub(crate) fn collect(scope: &Scope<'_>) -> Result<Vec<Volume>, Failure> {
    if virtualisation::container(scope).is_some() {
        return Err(Failure::Skipped("in a container: the volumes are the host's".to_owned()));
    }
    let names = scope.root().list("/sys/block")?;
    if names.is_none() && !scope.root().exists("/proc/mdstat") {
        return Err(Failure::Skipped("this machine shows no block devices in /sys/block".to_owned()));
    }
    let names = names.unwrap_or_default();
    let mapped = mapped::read(scope, &names);
    let mut rows = lvm::rows(scope, &mapped);
    rows.extend(mapped.iter().filter(|one| !one.uuid.starts_with("LVM-")).map(|one| one.row(scope)));
    rows.extend(pools::zfs(scope));
    rows.extend(pools::btrfs(scope));
    rows.extend(pools::bcache(scope, &names));
    match arrays(scope) {
        Ok(arrays) => rows.extend(arrays.into_iter().map(Array::into_row)),
        Err(failure) => scope.problem(failure),
    }
    for row in &mut rows {
        row.name = bounded(std::mem::take(&mut row.name));
    }
    Ok(rows)
}

/// Bytes of a block device; the kernel counts in sectors of 512 whatever the device's own are.
fn size_of(scope: &Scope<'_>, device: &str) -> Option<u64> {
    // Whole devices stand in both places, and old captures have the first one only.
    let sectors = ["/sys/block", "/sys/class/block"].into_iter().find_map(|folder| scope.number::<u64>(&format!("{folder}/{device}/size")))?;
    sectors.checked_mul(512).filter(|&size| size > 0)
}

/// The tree of util-linux's tests, where the test data has it and `tar` knows its compression (minimal systems have no xz).
#[cfg(test)]
pub(crate) fn unpacked_lsblk_tree() -> Option<tempfile::TempDir> {
    let archive = std::path::Path::new(&std::env::var_os("ROLLCALL_TEST_DATA")?).join("lsblk/simple-lvm.tar.xz");
    let directory = tempfile::tempdir().expect("a temporary directory");
    let unpacked = std::process::Command::new("tar").arg("xJf").arg(archive).arg("-C").arg(directory.path()).status();
    unpacked.is_ok_and(|status| status.success()).then_some(directory)
}

#[cfg(test)]
mod tests;
