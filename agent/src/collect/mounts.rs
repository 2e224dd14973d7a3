//! The mount table, `/proc/self/mountinfo`, and which mounts are worth a word.
//!
//! Left out: pseudo file systems, bind mounts, overlays other than the root, per-login tmpfs, and what container runtimes and snaps
//! mount: people have no use for them, and peers' users complain about them. What the operator excluded is left out too.

use super::udev::unescaped;
use super::{Failure, Scope};
use std::collections::BTreeSet;

/// One line of the table.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Mount {
    /// `major:minor`.
    pub(crate) device_number: String,
    /// Directory of the file system that is mounted.
    pub(crate) root: String,
    pub(crate) mount_point: String,
    /// Options of the mount and of the file system, sorted.
    pub(crate) options: Vec<String>,
    pub(crate) read_only: bool,
    /// The file system itself, not only this mount of it: what an error on the disk makes of it.
    pub(crate) is_read_only_as_a_whole: bool,
    pub(crate) fs_type: String,
    pub(crate) source: String,
    /// The way to it leads through a file system that may keep whoever goes there waiting.
    is_behind_remote: bool,
}

impl Mount {
    /// Whether asking it for its size may wait for another machine.
    pub(crate) fn is_remote(&self) -> bool {
        const REMOTE: [&str; 22] = [
            "nfs", "nfs4", "cifs", "smb3", "smbfs", "ncpfs", "ceph", "9p", "afs", "coda", "glusterfs", "lustre", "beegfs", "gpfs", "orangefs",
            "ocfs2", "gfs2", "davfs", "acfs", "virtiofs", "pvfs2", "mvfs",
        ];
        // A user-space file system answers when its process pleases.
        let is_in_user_space = self.fs_type == "fuse" || self.fs_type == "fuseblk" || self.fs_type.starts_with("fuse.");
        self.is_behind_remote || is_in_user_space || REMOTE.contains(&self.fs_type.as_str())
    }

    /// Whether it is an image: read-only and full by nature.
    pub(crate) fn is_image(&self) -> bool {
        matches!(self.fs_type.as_str(), "squashfs" | "iso9660" | "erofs" | "udf" | "cramfs" | "romfs")
    }

    fn is_worth_a_word(&self) -> bool {
        !is_pseudo(&self.fs_type) && (self.fs_type != "overlay" || self.mount_point == "/") && !is_in_noise(self)
    }
}

/// Mounts read; a container host has some 10,000.
const MOUNTS: usize = 50_000;

/// The mounts of this machine that are worth a word, one of each file system.
pub(crate) fn read(scope: &Scope<'_>) -> Result<Vec<Mount>, Failure> {
    let exclude = &scope.options().exclude;
    let mut mounts = table(scope, Mount::is_worth_a_word)?;
    mark_behind_remote(&mut mounts);
    let mut mounts = without_binds(mounts);
    mounts.retain(|mount| !exclude.has_path(&mount.mount_point));
    Ok(mounts)
}

/// The mounts of this machine that `keep` wants, in the order of the table: later ones hide earlier ones.
pub(crate) fn table(scope: &Scope<'_>, keep: impl Fn(&Mount) -> bool) -> Result<Vec<Mount>, Failure> {
    let mut found = false;
    // Process 1 sees the machine; the agent may live in a mount namespace of its own.
    for path in ["/proc/1/mountinfo", "/proc/self/mountinfo"] {
        let mut mounts = Vec::new();
        let mut lines = 0_usize;
        let result = scope.lines(path, |number, line| {
            let mount = parse(line).ok_or_else(|| Failure::malformed(path, number, "not a mount"))?;
            lines = number;
            if keep(&mount) {
                mounts.push(mount);
            }
            if mounts.len() >= MOUNTS {
                scope.problem(format_args!("{path}: mounts beyond {MOUNTS} were left out"));
            }
            Ok(mounts.len() < MOUNTS)
        });
        match result {
            Err(Failure::Read(error)) if error.is_denied() => {}
            Err(failure) => return Err(failure),
            Ok(exists) => {
                found |= exists;
                if lines > 0 {
                    return Ok(mounts);
                }
            }
        }
    }
    if found { Ok(Vec::new()) } else { Err(Failure::Skipped("there is no mount table in /proc".to_owned())) }
}

/// A local file system that is mounted on a directory of a remote one is as far away. A root that is remote is no reason: where it
/// hangs, everything does.
fn mark_behind_remote(mounts: &mut [Mount]) {
    let remote: BTreeSet<String> =
        mounts.iter().filter(|mount| mount.mount_point != "/" && mount.is_remote()).map(|mount| mount.mount_point.clone()).collect();
    for mount in mounts {
        let above = mount.mount_point.match_indices('/').skip(1).map(|(at, _)| &mount.mount_point[..at]);
        mount.is_behind_remote = above.into_iter().any(|directory| remote.contains(directory));
    }
}

/// `36 35 98:0 /mnt1 /mnt2 rw,noatime master:1 - ext3 /dev/root rw,errors=continue`, proc(5).
pub(crate) fn parse(line: &str) -> Option<Mount> {
    let (left, right) = line.split_once(" - ")?;
    let mut left = left.split(' ').skip(2);
    let (device_number, root, mount_point, options) = (left.next()?, left.next()?, left.next()?, left.next()?);
    let mut right = right.split(' ');
    let (fs_type, source, super_options) = (right.next()?, right.next()?, right.next().unwrap_or_default());
    let mut all: Vec<String> = options.split(',').chain(super_options.split(',')).filter(|option| !option.is_empty()).map(unescaped).collect();
    let read_only = all.iter().any(|option| option == "ro");
    all.retain(|option| option != if read_only { "rw" } else { "ro" });
    all.sort_unstable();
    all.dedup();
    Some(Mount {
        device_number: device_number.to_owned(),
        root: unescaped(root),
        mount_point: unescaped(mount_point),
        options: all,
        read_only,
        is_read_only_as_a_whole: super_options.split(',').any(|option| option == "ro"),
        fs_type: fs_type.to_owned(),
        source: unescaped(source),
        is_behind_remote: false,
    })
}

/// A directory of a file system that is mounted elsewhere too is a bind mount; of equals the first in path order stays. Later mounts
/// on one directory hide the earlier ones.
fn without_binds(mounts: Vec<Mount>) -> Vec<Mount> {
    let mut visible: Vec<Mount> = Vec::with_capacity(mounts.len());
    let mut taken = BTreeSet::new();
    for mount in mounts.into_iter().rev() {
        if taken.insert(mount.mount_point.clone()) {
            visible.push(mount);
        }
    }
    visible.sort_by(|a, b| (a.root.len(), &a.mount_point).cmp(&(b.root.len(), &b.mount_point)));
    let mut seen = BTreeSet::new();
    visible.retain(|mount| seen.insert((mount.device_number.clone(), subvolume(mount).unwrap_or_default().to_owned())));
    visible.sort_by(|a, b| a.mount_point.cmp(&b.mount_point));
    visible
}

/// Subvolumes of btrfs are mounts of their own, told apart by their number: a directory of one is a bind mount of that one.
fn subvolume(mount: &Mount) -> Option<&str> {
    if mount.fs_type != "btrfs" {
        return None;
    }
    let numbered = mount.options.iter().map(String::as_str).find(|option| option.starts_with("subvolid="));
    Some(numbered.unwrap_or(&mount.root))
}

fn is_pseudo(fs_type: &str) -> bool {
    const PSEUDO: [&str; 31] = [
        "autofs", "bdev", "binder", "binfmt_misc", "bpf", "cgroup", "cgroup2", "configfs", "cpuset", "debugfs", "devpts", "devtmpfs", "efivarfs",
        "fuse.gvfsd-fuse", "fuse.lxcfs", "fuse.portal", "fusectl", "hugetlbfs", "mqueue", "nfsd", "none", "nsfs", "pipefs", "proc", "pstore",
        "ramfs", "rpc_pipefs", "securityfs", "selinuxfs", "sysfs", "tracefs",
    ];
    PSEUDO.contains(&fs_type)
}

fn is_in_noise(mount: &Mount) -> bool {
    const BELOW: [&str; 14] = [
        "/proc/", "/sys/", "/run/user/", "/run/credentials/", "/run/docker/", "/run/containerd/", "/run/netns/", "/run/snapd/", "/snap/",
        "/var/lib/docker/", "/var/lib/containers/", "/var/lib/containerd/", "/var/lib/kubelet/pods/", "/var/snap/",
    ];
    // What runtimes bind into every container.
    const BOUND: [&str; 4] = ["/dev/termination-log", "/etc/hostname", "/etc/hosts", "/etc/resolv.conf"];
    BOUND.contains(&mount.mount_point.as_str()) || BELOW.iter().any(|folder| mount.mount_point.starts_with(folder))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[track_caller]
    fn check(lines: &[&str], expected: &[&str]) {
        let mounts = lines.iter().map(|line| parse(line).expect("a mount")).filter(Mount::is_worth_a_word).collect();
        let kept: Vec<String> = without_binds(mounts).into_iter().map(|mount| mount.mount_point).collect();
        assert_eq!(kept, expected);
    }

    #[test]
    fn bind_mounts_and_pseudo_file_systems_are_left_out() {
        check(
            &[
                "21 1 8:1 / / rw,relatime shared:1 - ext4 /dev/sda1 rw",
                "22 21 0:5 / /proc rw - proc proc rw",
                "23 21 8:1 /srv/www /var/www rw - ext4 /dev/sda1 rw",
                "24 21 8:2 / /home rw - ext4 /dev/sda2 rw",
                "25 21 0:30 / /run/user/1000 rw - tmpfs tmpfs rw",
                "26 21 0:31 / /var/lib/docker/overlay2/x/merged rw - overlay overlay rw",
                "27 21 7:1 / /snap/core/1 ro - squashfs /dev/loop1 ro",
            ],
            &["/", "/home"],
        );
    }

    #[test]
    fn subvolumes_of_btrfs_are_mounts_of_their_own() {
        check(
            &["1 0 0:20 /@ / rw - btrfs /dev/sda1 rw,subvol=/@", "2 1 0:20 /@home /home rw - btrfs /dev/sda1 rw,subvol=/@home"],
            &["/", "/home"],
        );
        let directory = "2 1 0:20 /@/srv/www /var/www rw - btrfs /dev/sda1 rw,subvolid=256,subvol=/@/srv/www";
        check(&["1 0 0:20 /@ / rw - btrfs /dev/sda1 rw,subvolid=256,subvol=/@", directory], &["/"]);
    }

    #[test]
    fn a_later_mount_hides_an_earlier_one() {
        let lines = ["1 0 0:1 / /data rw - ext4 /dev/a rw", "2 0 0:2 / /data rw - xfs /dev/b rw"];
        let kept = without_binds(lines.iter().filter_map(|line| parse(line)).collect());
        assert_eq!(kept.iter().map(|mount| mount.fs_type.as_str()).collect::<Vec<_>>(), ["xfs"]);
    }

    #[test]
    fn escapes_and_optional_fields_are_read() {
        let mount = parse("36 35 98:0 / /mnt/my\\040disk ro,noatime master:1 shared:2 - ext3 /dev/root rw,errors=continue").expect("a mount");
        assert_eq!((mount.mount_point.as_str(), mount.read_only), ("/mnt/my disk", true));
        assert_eq!(mount.options, ["errors=continue", "noatime", "ro"]);
        assert_eq!(parse("garbage"), None);
    }

    #[test]
    fn what_lies_behind_a_remote_file_system_is_remote() {
        let lines = ["1 0 0:1 / / rw - nfs nas:/root rw", "2 1 0:2 / /net/nas rw - nfs4 nas:/x rw", "3 2 8:1 / /net/nas/local rw - ext4 /dev/a rw", "4 1 8:2 / /net/nasty rw - xfs /dev/b rw", "5 1 8:3 / /mnt rw - fuseblk /dev/c rw"];
        let mut mounts: Vec<Mount> = lines.iter().filter_map(|line| parse(line)).collect();
        mark_behind_remote(&mut mounts);
        assert_eq!(mounts.iter().map(Mount::is_remote).collect::<Vec<_>>(), [true, true, true, false, true]);
    }

    proptest! {
        #[test]
        fn no_line_panics(line in "[ -~]{0,80}( - )?[ -~]{0,40}") {
            let _ = parse(&line);
        }
    }
}
