//! Which paths lead to another machine, so that no collector ever waits for one: an unreachable file server holds whoever looks at it
//! for minutes, and a look at an automounter's folder mounts it.
//!
//! A path is followed by its names and links alone, and never beyond the mount point of a remote file system.

use crate::collect::{Scope, mounts};
use std::collections::BTreeMap;

/// Links followed in one path, as many as Linux does (path_resolution(7)).
const LINKS: usize = 40;

/// Mounts looked at; a container host has some 10,000.
const MOUNTS: usize = 50_000;

/// Where a path leads.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Place {
    /// To this path of this machine, all links followed. Whether there is something is not known.
    Here(String),
    /// Into the remote file system with this mount point.
    Remote(String),
    /// Round and round.
    Loop,
}

/// The mount points of file systems that live elsewhere.
#[derive(Debug, Default)]
pub(crate) struct RemoteMounts(BTreeMap<String, bool>);

impl RemoteMounts {
    /// Reads the mount table. Without one every path is here.
    pub(crate) fn read(scope: &Scope<'_>) -> Self {
        let mut points = BTreeMap::new();
        let read = scope.lines("/proc/self/mountinfo", |_, line| {
            if let Some(mount) = mounts::parse(line) {
                // The last mount on a directory is the one that is seen: an automounter's own is covered by what it mounted.
                let is_elsewhere = mount.is_remote() || mount.fs_type == "autofs";
                points.insert(mount.mount_point, is_elsewhere);
            }
            Ok(points.len() < MOUNTS)
        });
        if let Err(failure) = read {
            scope.problem(failure);
        }
        points.retain(|_, is_elsewhere| *is_elsewhere);
        Self(points)
    }

    /// Follows a path; a relative one counts from `/`.
    pub(crate) fn place(&self, scope: &Scope<'_>, path: &str) -> Place {
        let mut resolved = String::new();
        let mut pending: Vec<String> = path.rsplit('/').map(str::to_owned).collect();
        let mut links = 0;
        while let Some(name) = pending.pop() {
            match name.as_str() {
                "" | "." => continue,
                ".." => {
                    resolved.truncate(resolved.rfind('/').unwrap_or(0));
                    continue;
                }
                _ => {}
            }
            let candidate = format!("{resolved}/{name}");
            if self.0.contains_key(&candidate) {
                return Place::Remote(candidate);
            }
            let Some(target) = scope.root().link(&candidate) else {
                resolved = candidate;
                continue;
            };
            links += 1;
            if links > LINKS {
                return Place::Loop;
            }
            if target.starts_with('/') {
                resolved.clear();
            }
            pending.extend(target.rsplit('/').map(str::to_owned));
        }
        Place::Here(if resolved.is_empty() { "/".to_owned() } else { resolved })
    }

    /// The mount point of the remote file system that a path leads into, if it does. Costs nothing on a machine without any.
    pub(crate) fn holds(&self, scope: &Scope<'_>, path: &str) -> Option<String> {
        if self.0.is_empty() {
            return None;
        }
        match self.place(scope, path) {
            Place::Remote(point) => Some(point),
            Place::Here(_) | Place::Loop => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::collect::testing::plant;
    use crate::root::Root;

    #[test]
    fn a_path_is_followed_up_to_a_remote_mount() {
        let tree = plant(
            "=== /proc/self/mountinfo\n1 0 8:1 / / rw - ext4 /dev/a rw\n2 1 0:40 / /net/homes rw - nfs4 nas:/homes rw\n\
             3 1 0:41 / /auto rw - autofs systemd-1 rw\n4 1 0:42 / /data rw - autofs systemd-1 rw\n5 4 8:2 / /data rw - xfs /dev/b rw\n\
             === /home -> net/homes\n=== /loop -> /loop\n=== /srv/ann -> ../data/./x/../ann\n",
        );
        let root = Root::new(tree.path());
        let scope = Scope::new(&root);
        let mounts = RemoteMounts::read(&scope);
        assert_eq!(mounts.place(&scope, "/home/ann"), Place::Remote("/net/homes".into()));
        assert_eq!(mounts.place(&scope, "/auto/x"), Place::Remote("/auto".into()));
        assert_eq!(mounts.place(&scope, "/srv/ann/.ssh"), Place::Here("/data/ann/.ssh".into()));
        assert_eq!(mounts.place(&scope, "/loop/x"), Place::Loop);
        assert_eq!(mounts.place(&scope, "/../.."), Place::Here("/".into()));
        assert_eq!((mounts.holds(&scope, "/home"), mounts.holds(&scope, "/etc")), (Some("/net/homes".into()), None));
    }
}
