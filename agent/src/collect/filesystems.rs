//! Mounted file systems: the mount table, sizes by `statvfs`, labels from udev, encryption from the device mapper.
//!
//! Remote and user-space file systems are never asked for their size: one that hangs would hang the agent.

use super::mounts::{self, Mount};
use super::text::bounded;
use super::udev::Properties;
use super::{Failure, Scope};
use rollcall_shared::section::Filesystem;
use std::collections::BTreeSet;

/// Devices looked at below a file system; partition on RAID on LVM on LUKS has four, a volume over many disks some tens.
const DEVICES_BELOW: usize = 256;

/// Collects the section.
pub(crate) fn collect(scope: &Scope<'_>) -> Result<Vec<Filesystem>, Failure> {
    Ok(mounts::read(scope)?.into_iter().map(|mount| row(scope, mount)).collect())
}

fn row(scope: &Scope<'_>, mount: Mount) -> Filesystem {
    let number = block_device(scope, &mount);
    let properties = number.as_deref().map(|number| Properties::of_block(scope, number)).unwrap_or_default();
    let label = properties.get("ID_FS_LABEL_ENC").or_else(|| properties.get("ID_FS_LABEL"));
    let by_link = || number.as_deref().and_then(|number| uuid_by_link(scope, number));
    Filesystem {
        size_bytes: size(scope, &mount),
        label,
        uuid: properties.get("ID_FS_UUID").or_else(by_link),
        encrypted: number.as_deref().map(|number| is_encrypted(scope, number)),
        device: Some(mount.source).filter(|source| !source.is_empty() && source != "none" && *source != mount.fs_type).map(bounded),
        mount_point: bounded(mount.mount_point),
        fs_type: mount.fs_type,
        options: mount.options.into_iter().map(bounded).collect(),
        read_only: mount.read_only,
    }
}

fn size(scope: &Scope<'_>, mount: &Mount) -> Option<u64> {
    if !scope.root().is_live() || mount.is_remote() {
        return None;
    }
    let facts = rustix::fs::statvfs(mount.mount_point.as_str()).ok()?;
    facts.f_blocks.checked_mul(facts.f_frsize).filter(|&size| size > 0)
}

/// `major:minor` of the block device below; btrfs and others have an anonymous number, so their source is looked up by name.
fn block_device(scope: &Scope<'_>, mount: &Mount) -> Option<String> {
    if scope.root().exists(&format!("/sys/dev/block/{}", mount.device_number)) {
        return Some(mount.device_number.clone());
    }
    let name = mount.source.strip_prefix("/dev/")?;
    let linked = scope.root().link(&mount.source);
    let name = linked.as_deref().and_then(|target| target.rsplit('/').next()).unwrap_or(name);
    scope.attribute(&format!("/sys/class/block/{}/dev", name.replace('/', "!")))
}

/// Without udev's database, its links are often still there.
fn uuid_by_link(scope: &Scope<'_>, number: &str) -> Option<String> {
    const FOLDER: &str = "/dev/disk/by-uuid";
    let device = scope.root().link(&format!("/sys/dev/block/{number}"))?;
    let name = device.rsplit('/').next()?;
    let links = scope.root().list(FOLDER).ok()??;
    links.into_iter().find(|uuid| scope.root().link(&format!("{FOLDER}/{uuid}")).is_some_and(|target| target.rsplit('/').next() == Some(name)))
}

/// Whether a device or one below it is a dm-crypt target.
fn is_encrypted(scope: &Scope<'_>, number: &str) -> bool {
    let mut seen = BTreeSet::from([number.to_owned()]);
    let mut waiting = vec![number.to_owned()];
    while let Some(number) = waiting.pop() {
        let folder = format!("/sys/dev/block/{number}");
        if scope.attribute(&format!("{folder}/dm/uuid")).is_some_and(|uuid| uuid.starts_with("CRYPT-")) {
            return true;
        }
        let below = scope.list(&format!("{folder}/slaves"));
        let numbers = below.iter().filter_map(|name| scope.attribute(&format!("/sys/class/block/{name}/dev")));
        for number in numbers.take(DEVICES_BELOW.saturating_sub(seen.len())) {
            if seen.insert(number.clone()) {
                waiting.push(number);
            }
        }
    }
    false
}
