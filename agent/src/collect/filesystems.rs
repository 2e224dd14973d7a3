//! Mounted file systems: the mount table, sizes by `statvfs`, labels from udev, its links, the kernel or the superblock, encryption
//! from the device mapper.
//!
//! Remote and user-space file systems, and what is mounted behind them, are never asked for their size: one that hangs would hang
//! the agent.

mod superblock;

use super::disks::node::{self, DEVICES_BELOW};
use super::mounts::{self, Mount};
use super::text::{bounded, tidy};
use super::trace::Found;
use super::udev::{Properties, unescaped};
use super::{Failure, Scope, secrets, volumes};
use crate::kernel;
use rollcall_shared::section::Filesystem;
use rustix::fs::{CWD, Mode, OFlags};
use std::collections::BTreeSet;
use std::os::fd::OwnedFd;
use superblock::Identity;

/// Collects the section.
pub(crate) fn collect(scope: &Scope<'_>) -> Result<Vec<Filesystem>, Failure> {
    let links = Links::read(scope);
    Ok(mounts::read(scope)?.into_iter().map(|mount| row(scope, &links, mount)).collect())
}

fn row(scope: &Scope<'_>, links: &Links, mount: Mount) -> Filesystem {
    let number = block_device(scope, &mount);
    let name = number.as_deref().and_then(|number| name_of(scope, number));
    let identity = number.as_deref().map(|number| identity(scope, links, &mount, number, name.as_deref())).unwrap_or_default();
    Filesystem {
        size_bytes: size(scope, &mount),
        label: identity.label,
        uuid: identity.uuid,
        encrypted: number.as_deref().map(|number| is_encrypted(scope, number)),
        device: device(scope, &mount, name.as_deref()),
        options: options(&mount),
        mount_point: bounded(mount.mount_point),
        fs_type: mount.fs_type,
        read_only: Some(mount.read_only),
    }
}

/// Of remote file systems without what would let others in.
fn options(mount: &Mount) -> Vec<String> {
    let clean = |option: &String| if mount.is_remote() { secrets::redacted([option.as_str()].into_iter()) } else { Some(bounded(option.clone())) };
    mount.options.iter().filter_map(clean).collect()
}

/// The source as people know it: the real device behind `/dev/root`, the name of a mapped device instead of its number, and no
/// password in a remote's address.
fn device(scope: &Scope<'_>, mount: &Mount, name: Option<&str>) -> Option<String> {
    let source = Some(mount.source.as_str()).filter(|source| !source.is_empty() && *source != "none" && *source != mount.fs_type)?;
    let named = match (source, name) {
        ("/dev/root", Some(name)) => Some(format!("/dev/{}", name.replace('!', "/"))),
        (_, Some(name)) if source.starts_with("/dev/dm-") => {
            scope.attribute(&format!("/sys/class/block/{name}/dm/name")).map(|name| format!("/dev/mapper/{name}"))
        }
        _ if source.contains("://") => secrets::redacted([source].into_iter()),
        _ => None,
    };
    Some(bounded(named.unwrap_or_else(|| source.to_owned())))
}

fn size(scope: &Scope<'_>, mount: &Mount) -> Option<u64> {
    let directory = open_mount(scope, mount, OFlags::PATH)?;
    let facts = rustix::fs::fstatvfs(&directory).ok()?;
    facts.f_blocks.checked_mul(facts.f_frsize).filter(|&size| size > 0)
}

/// Opens the directory of a local mount. In a mount namespace of its own the agent may see another file system at the same place,
/// which has another device number (btrfs gives each subvolume its own, so there it proves nothing).
fn open_mount(scope: &Scope<'_>, mount: &Mount, access: OFlags) -> Option<OwnedFd> {
    if !scope.root().is_live() || mount.is_remote() {
        return None;
    }
    let flags = access | OFlags::NONBLOCK | OFlags::NOCTTY | OFlags::CLOEXEC;
    let directory = rustix::fs::openat(CWD, mount.mount_point.as_str(), flags, Mode::empty()).ok()?;
    let device = rustix::fs::fstat(&directory).ok()?.st_dev;
    let number = format!("{}:{}", rustix::fs::major(device), rustix::fs::minor(device));
    (number == mount.device_number || mount.fs_type == "btrfs").then_some(directory)
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

/// Kernel name of a block device.
fn name_of(scope: &Scope<'_>, number: &str) -> Option<String> {
    scope.root().link(&format!("/sys/dev/block/{number}"))?.rsplit('/').next().map(str::to_owned)
}

/// Label and uuid from udev's database; where it does not run, from links that were left, from the kernel, else from the superblock.
fn identity(scope: &Scope<'_>, links: &Links, mount: &Mount, number: &str, name: Option<&str>) -> Identity {
    let properties = Properties::of_block(scope, number);
    let found = Identity {
        uuid: properties.get("ID_FS_UUID").or_else(|| Links::find(&links.by_uuid, name?)),
        label: properties.get("ID_FS_LABEL_ENC").or_else(|| properties.get("ID_FS_LABEL")).or_else(|| Links::find(&links.by_label, name?)),
    };
    if found.uuid.is_some() {
        return found;
    }
    let Some(name) = name else { return found };
    let told = if mount.fs_type == "btrfs" { of_btrfs(scope, name) } else { ask_kernel(scope, mount) };
    let told = told.or_else(|| read_superblock(scope, name, &mount.fs_type)).unwrap_or_default();
    Identity { uuid: told.uuid, label: found.label.or(told.label) }
}

/// btrfs shows its mounted file systems in sysfs, with their devices.
fn of_btrfs(scope: &Scope<'_>, name: &str) -> Option<Identity> {
    const FOLDER: &str = "/sys/fs/btrfs";
    let uuid = scope.list(FOLDER).into_iter().find(|uuid| scope.root().exists(&format!("{FOLDER}/{uuid}/devices/{name}")))?;
    Some(Identity { label: scope.attribute(&format!("{FOLDER}/{uuid}/label")), uuid: Some(uuid) })
}

/// Newer kernels tell everybody.
fn ask_kernel(scope: &Scope<'_>, mount: &Mount) -> Option<Identity> {
    let directory = open_mount(scope, mount, OFlags::RDONLY | OFlags::DIRECTORY)?;
    let uuid = kernel::filesystem_uuid(&directory);
    scope.asked(&format!("uuid and label of {}", mount.mount_point), uuid.map_or(Found::Absent, |uuid| Found::Read(uuid.len())));
    Some(Identity {
        // A file system without uuid has zeros, and then there is nothing to look for elsewhere.
        uuid: superblock::dashed(&uuid?),
        label: kernel::filesystem_label(&directory).and_then(|label| tidy(&String::from_utf8_lossy(&label))),
    })
}

fn read_superblock(scope: &Scope<'_>, name: &str, fs_type: &str) -> Option<Identity> {
    let (offset, length) = superblock::place(fs_type)?;
    if !scope.root().is_live() || !node::is_local(scope, name) {
        return None;
    }
    let read = node::open(scope, name).and_then(|device| device.map(|device| node::read_at(scope, &device, offset, length)).transpose());
    match read {
        Ok(block) => superblock::parse(fs_type, &block?),
        Err(error) => {
            scope.problem(format_args!("/dev/{name}: {error}; uuid and label of its file system are unknown"));
            None
        }
    }
}

/// Links that udev makes, each a text and the kernel name that it leads to.
#[derive(Debug, Default)]
struct Links {
    by_uuid: Vec<(String, String)>,
    by_label: Vec<(String, String)>,
}

impl Links {
    fn read(scope: &Scope<'_>) -> Self {
        let links = |folder: &str| {
            let names = scope.root().list(folder).ok().flatten().unwrap_or_default();
            let link = |name: String| {
                let target = scope.root().link(&format!("{folder}/{name}"))?;
                Some((tidy(&unescaped(&name))?, target.rsplit('/').next()?.to_owned()))
            };
            names.into_iter().filter_map(link).collect()
        };
        Self { by_uuid: links("/dev/disk/by-uuid"), by_label: links("/dev/disk/by-label") }
    }

    fn find(links: &[(String, String)], name: &str) -> Option<String> {
        links.iter().find(|(_, known)| known == name).map(|(text, _)| text.clone())
    }
}

/// Whether a device or one below it is encrypted by the device mapper.
fn is_encrypted(scope: &Scope<'_>, number: &str) -> bool {
    let mut seen = BTreeSet::from([number.to_owned()]);
    let mut waiting = vec![number.to_owned()];
    while let Some(number) = waiting.pop() {
        let folder = format!("/sys/dev/block/{number}");
        if scope.attribute(&format!("{folder}/dm/uuid")).is_some_and(|uuid| volumes::encryption(&uuid).is_some()) {
            return true;
        }
        let below = scope.list(&format!("{folder}/slaves"));
        // A partition lies in the directory of its disk, which may be an array or a mapped device.
        let disk = scope.attribute(&format!("{folder}/partition")).and_then(|_| scope.attribute(&format!("{folder}/../dev")));
        let numbers = below.iter().filter_map(|name| scope.attribute(&format!("/sys/class/block/{name}/dev"))).chain(disk);
        for number in numbers.take(DEVICES_BELOW.saturating_sub(seen.len())) {
            if seen.insert(number.clone()) {
                waiting.push(number);
            }
        }
    }
    false
}

/// The superblock of each type that is read.
#[cfg(any(test, feature = "fuzzing"))]
pub(crate) fn fuzz(bytes: &[u8]) -> usize {
    let types = ["ext4", "xfs", "btrfs", "vfat"];
    types.iter().filter_map(|fs_type| superblock::parse(fs_type, bytes)).filter(|identity| *identity != Identity::default()).count()
}

#[cfg(test)]
mod tests;
