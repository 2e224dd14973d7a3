//! Volumes between disks and file systems: LVM, md arrays, multipath, dm-crypt, ZFS and btrfs pools.

use super::{Failure, Scope};
use rollcall_shared::section::Volume;

/// Collects the section.
pub(crate) fn collect(_scope: &Scope<'_>) -> Result<Vec<Volume>, Failure> {
    Err(Failure::Skipped("this release does not collect it".to_owned()))
}

/// The tree of util-linux's tests, where the test data has it and `tar` knows its compression (minimal systems have no xz).
#[cfg(test)]
pub(crate) fn unpacked_lsblk_tree() -> Option<tempfile::TempDir> {
    let archive = std::path::Path::new(&std::env::var_os("ROLLCALL_TEST_DATA")?).join("lsblk/simple-lvm.tar.xz");
    let directory = tempfile::tempdir().expect("a temporary directory");
    let unpacked = std::process::Command::new("tar").arg("xJf").arg(archive).arg("-C").arg(directory.path()).status();
    unpacked.is_ok_and(|status| status.success()).then_some(directory)
}
