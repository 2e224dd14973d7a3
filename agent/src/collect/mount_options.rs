//! How well-known directories are mounted: what hardening guides ask of `/tmp`, `/var/log`, `/dev/shm` and the like.
//!
//! A directory that is not there has no row; one that is part of the file system above has a row that says so.

use super::mounts;
use super::text::bounded;
use super::{Failure, Scope};
use crate::root::Kind;
use rollcall_shared::section::MountOption;
use std::collections::BTreeMap;

/// Those that the CIS and DISA guides for Linux name, and `/proc`, whose `hidepid` they discuss.
const DIRECTORIES: [&str; 14] = [
    "/boot",
    "/boot/efi",
    "/dev/shm",
    "/home",
    "/opt",
    "/proc",
    "/run",
    "/srv",
    "/tmp",
    "/usr",
    "/var",
    "/var/log",
    "/var/log/audit",
    "/var/tmp",
];

/// Collects the section.
pub(crate) fn collect(scope: &Scope<'_>) -> Result<Vec<MountOption>, Failure> {
    // A bind mount counts: its flags are its own. The last one on a directory is the one that is seen.
    let mounts = mounts::table(scope, |mount| DIRECTORIES.contains(&mount.mount_point.as_str()))?;
    let mut options: BTreeMap<String, Vec<String>> = mounts.into_iter().map(|mount| (mount.mount_point, mount.options)).collect();
    let exclude = &scope.options().exclude;
    let row = |path: &str| {
        let is_there = || scope.root().facts(path).is_some_and(|facts| facts.kind == Kind::Directory);
        let mounted = options.remove(path);
        (mounted.is_some() || is_there()).then(|| row(path, mounted))
    };
    Ok(DIRECTORIES.into_iter().filter(|path| !exclude.has_path(path)).filter_map(row).collect())
}

fn row(path: &str, mounted: Option<Vec<String>>) -> MountOption {
    let has = |option: &str| mounted.as_ref().map(|options| options.iter().any(|known| known == option));
    MountOption {
        path: path.to_owned(),
        separate: mounted.is_some(),
        nodev: has("nodev"),
        nosuid: has("nosuid"),
        noexec: has("noexec"),
        read_only: has("ro"),
        options: mounted.unwrap_or_default().into_iter().map(bounded).collect(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::collect::testing::plant;
    use crate::root::Root;

    #[test]
    fn directories_are_separate_or_part_of_the_one_above() {
        let tree = plant(
            "=== /proc/1/mountinfo
1 0 8:1 / / rw,relatime - ext4 /dev/sda1 rw
2 1 0:5 / /proc rw,nosuid,nodev,noexec - proc proc rw,hidepid=invisible
3 1 0:30 / /tmp rw - tmpfs tmpfs rw
4 1 0:31 / /tmp rw,nosuid,nodev,noexec - tmpfs tmpfs rw,size=1000k
5 1 8:1 /var/log /var/log ro,nodev - ext4 /dev/sda1 rw
6 1 8:2 / /srv/data rw - ext4 /dev/sda2 rw
=== /home/
=== /var/tmp/
=== /usr
a file
",
        );
        let root = Root::new(tree.path());
        let rows = collect(&Scope::new(&root)).expect("collected");
        let short: Vec<_> = rows.iter().map(|row| (row.path.as_str(), row.separate, row.nodev, row.nosuid, row.noexec, row.read_only)).collect();
        let (yes, no) = (Some(true), Some(false));
        assert_eq!(
            short,
            [
                ("/home", false, None, None, None, None),
                ("/proc", true, yes, yes, yes, no),
                ("/tmp", true, yes, yes, yes, no),
                ("/var", false, None, None, None, None),
                ("/var/log", true, yes, no, no, yes),
                ("/var/tmp", false, None, None, None, None),
            ]
        );
        assert_eq!(rows[1].options, ["hidepid=invisible", "nodev", "noexec", "nosuid", "rw"]);
    }

    #[test]
    fn a_malformed_table_is_a_failure_that_names_its_line() {
        let tree = plant("=== /proc/1/mountinfo\n1 0 8:1 / / rw - ext4 /dev/sda1 rw\nnonsense\n");
        let root = Root::new(tree.path());
        let failure = collect(&Scope::new(&root)).expect_err("malformed");
        assert_eq!(failure.to_string(), "/proc/1/mountinfo:2: not a mount");
    }
}
