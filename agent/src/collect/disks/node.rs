//! Device nodes of the running machine, for what no file says: health logs, labels of volumes, superblocks.
//!
//! Only ever opened for reading, only after the node's number was compared with sysfs's, and never below a captured tree. Whoever
//! reads data must first ask [`is_local`]: a device that lies on another machine may keep the reader waiting for ever.

use crate::collect::Scope;
use crate::collect::trace::Found;
use rustix::fs::{CWD, FileType, Mode, OFlags};
use std::collections::BTreeSet;
use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;

/// Devices looked at below another; partition on RAID on LVM on LUKS has four, a volume over many disks some tens.
pub(crate) const DEVICES_BELOW: usize = 256;

/// Opens a block device by its kernel name; none when there is no such node or the tree is a captured one.
///
/// # Errors
/// What the kernel said.
pub(crate) fn open(scope: &Scope<'_>, name: &str) -> io::Result<Option<File>> {
    // The kernel writes the slash of names such as `cciss/c0d0` as an exclamation mark.
    let path = format!("/dev/{}", name.replace('!', "/"));
    if !scope.root().is_live() || name.contains("..") || name.contains('/') {
        return Ok(None);
    }
    let Some(number) = scope.attribute(&format!("/sys/class/block/{name}/dev")) else { return Ok(None) };
    let result = open_numbered(&path, &number);
    scope.asked(
        &path,
        match &result {
            Ok(Some(_)) => Found::Read(0),
            Ok(None) => Found::Absent,
            Err(error) if error.kind() == io::ErrorKind::PermissionDenied => Found::Denied,
            Err(error) => Found::Failed(error.to_string()),
        },
    );
    result
}

fn open_numbered(path: &str, number: &str) -> io::Result<Option<File>> {
    // Without waiting for a medium, and without becoming a terminal's process.
    let flags = OFlags::RDONLY | OFlags::NONBLOCK | OFlags::NOCTTY | OFlags::CLOEXEC;
    let file = match rustix::fs::openat(CWD, path, flags, Mode::empty()) {
        Ok(file) => File::from(file),
        Err(rustix::io::Errno::NOENT | rustix::io::Errno::NOMEDIUM | rustix::io::Errno::NXIO) => return Ok(None),
        Err(error) => return Err(error.into()),
    };
    let facts = rustix::fs::fstat(&file)?;
    let found = format!("{}:{}", rustix::fs::major(facts.st_rdev), rustix::fs::minor(facts.st_rdev));
    Ok((FileType::from_raw_mode(facts.st_mode) == FileType::BlockDevice && found == number).then_some(file))
}

/// Bytes of an open device; what lies beyond its end is missing.
///
/// # Errors
/// What the kernel said.
pub(crate) fn read_at(scope: &Scope<'_>, file: &File, offset: u64, length: usize) -> io::Result<Vec<u8>> {
    let mut bytes = vec![0; length];
    let mut filled = 0;
    while filled < length {
        match file.read_at(&mut bytes[filled..], offset.saturating_add(filled as u64)) {
            Ok(0) => break,
            Ok(read) => filled += read,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    bytes.truncate(filled);
    scope.count(filled);
    Ok(bytes)
}

/// Whether a device and all below it are on this machine, and answer or fail within the kernel's time limits. A multipath device
/// may be told to wait for a path for ever.
pub(crate) fn is_local(scope: &Scope<'_>, name: &str) -> bool {
    const ELSEWHERE: [&str; 7] = ["/session", "/rport-", "/nvme-fabrics/", "/nvme-subsystem/", "/rbd", "/nbd", "/drbd"];
    devices_below(scope, name).iter().all(|name| {
        let folder = format!("/sys/class/block/{name}");
        let path = scope.root().link(&folder).unwrap_or_default();
        !ELSEWHERE.iter().any(|mark| path.contains(mark))
            && !scope.attribute(&format!("{folder}/dm/uuid")).is_some_and(|uuid| uuid.contains("mpath-"))
    })
}

/// A device and all that it is made of, by kernel name: through device mapper and RAID down to partitions and disks.
pub(crate) fn devices_below(scope: &Scope<'_>, name: &str) -> BTreeSet<String> {
    let mut seen = BTreeSet::from([name.to_owned()]);
    let mut waiting = vec![name.to_owned()];
    while let Some(name) = waiting.pop() {
        let folder = format!("/sys/class/block/{name}");
        // A partition's disk is the directory above its own.
        let disk = scope.attribute(&format!("{folder}/partition")).and_then(|_| scope.root().link(&folder));
        let disk = disk.and_then(|path| path.rsplit('/').nth(1).map(str::to_owned));
        for below in scope.list(&format!("{folder}/slaves")).into_iter().chain(disk).take(DEVICES_BELOW.saturating_sub(seen.len())) {
            if seen.insert(below.clone()) {
                waiting.push(below);
            }
        }
    }
    seen
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::collect::testing::plant;
    use crate::root::Root;

    #[test]
    fn what_a_device_is_made_of_is_followed_down_and_a_loop_ends() {
        let tree = plant(
            "=== /sys/class/block/dm-1/slaves/dm-0 -> ../dm-0\n=== /sys/class/block/dm-0/slaves/sda1 -> ../sda1\n\
             === /sys/class/block/dm-0/slaves/dm-1 -> ../dm-1\n\
             === /sys/class/block/sda1 -> ../../devices/x/block/sda/sda1\n=== /sys/devices/x/block/sda/sda1/partition\n1\n",
        );
        let root = Root::new(tree.path());
        let below = devices_below(&Scope::new(&root), "dm-1");
        assert_eq!(below.into_iter().collect::<Vec<_>>(), ["dm-0", "dm-1", "sda", "sda1"]);
    }

    #[test]
    fn a_disk_of_another_machine_is_not_local() {
        let tree = plant(
            "=== /sys/class/block/sda -> ../../devices/pci0000:00/0000:00:1f.2/ata1/host0/target0:0:0/0:0:0:0/block/sda\n\
             === /sys/class/block/sdb -> ../../devices/platform/host3/session1/target3:0:0/3:0:0:0/block/sdb\n\
             === /sys/class/block/md0/slaves/sda -> x\n=== /sys/class/block/md0/slaves/sdb -> x\n\
             === /sys/class/block/dm-0/dm/uuid\nmpath-3600\n",
        );
        let root = Root::new(tree.path());
        let local = |name| is_local(&Scope::new(&root), name);
        assert_eq!([local("sda"), local("sdb"), local("md0"), local("dm-0")], [true, false, false, false]);
    }

    #[test]
    fn no_device_is_opened_below_a_captured_tree() {
        let tree = plant("=== /sys/class/block/sda/dev\n8:0\n");
        let root = Root::new(tree.path());
        assert!(open(&Scope::new(&root), "sda").expect("no error").is_none());
        assert!(open(&Scope::new(&Root::live()), "../etc/passwd").expect("no error").is_none());
    }
}
