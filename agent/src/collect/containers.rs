//! Containers: Docker and Podman over their sockets and else from what they keep, Podman's and CRI-O's storage, containerd's tasks,
//! LXC, LXD, Incus and systemd-nspawn from their folders.
//!
//! A socket is asked for one list, with a time limit and a bound; nothing else is ever sent. A Docker that is stopped is not started by
//! being asked. Status texts ("Up 3 hours") are not kept, since they change while nothing happens, and neither are environments, which
//! are full of secrets. Containers of users other than root are known as far as their runtime has a socket in `/run/user`.

use super::text::tidy;
use super::{Failure, Scope};
use rollcall_shared::Timestamp;
use rollcall_shared::section::{Container, Image};
use serde::de::DeserializeOwned;
use std::collections::BTreeMap;

mod docker;
mod machines;
mod socket;
mod storage;
mod tasks;

pub(crate) use socket::{Deadline, connect};

/// Containers or images of one runtime; a large host has some 500.
const CONTAINERS: usize = 20_000;

/// Labels of one container; Kubernetes gives some 20.
const LABELS: usize = 256;

/// Users whose runtimes are asked.
const USERS: usize = 100;

/// Collects the section.
pub(crate) fn collect(scope: &Scope<'_>) -> Result<Vec<Container>, Failure> {
    let (mut containers, mut found) = if scope.root().is_live() { asked(scope, docker::ask) } else { Default::default() };
    let mut read = |runtime: &str, read: &dyn Fn(&Scope<'_>) -> Option<Vec<Container>>| {
        if let Some(more) = (!found.contains(&runtime.to_owned())).then(|| read(scope)).flatten() {
            containers.extend(more);
            found.push(runtime.to_owned());
        }
    };
    read("docker", &docker::kept);
    // CRI-O's containers are in the storage whoever answers for Podman's.
    read("", &storage::containers);
    read("containerd", &tasks::containers);
    read("lxc", &machines::lxc);
    read("systemd-nspawn", &machines::nspawn);
    if found.is_empty() && !scope.root().is_live() {
        return Err(Failure::Skipped("a captured tree has no container sockets to ask, and no runtime left containers in this one".to_owned()));
    }
    Ok(each_once(containers, |container| (container.runtime.clone(), container.id.clone())))
}

/// Container images of the same runtimes.
pub(crate) fn images(scope: &Scope<'_>) -> Result<Vec<Image>, Failure> {
    let (mut images, mut found) = if scope.root().is_live() { asked(scope, docker::ask_images) } else { Default::default() };
    let mut read = |runtime: &str, read: &dyn Fn(&Scope<'_>) -> Option<Vec<Image>>| {
        if let Some(more) = (!found.contains(&runtime.to_owned())).then(|| read(scope)).flatten() {
            images.extend(more);
            found.push(runtime.to_owned());
        }
    };
    read("docker", &docker::kept_images);
    read("podman", &storage::images);
    if found.is_empty() && !scope.root().is_live() {
        return Err(Failure::Skipped("a captured tree has no container sockets to ask, and no runtime left images in this one".to_owned()));
    }
    let mut images = each_once(images, |image| (image.runtime.clone(), image.id.clone()));
    for image in &mut images {
        image.tags.sort_unstable();
        image.digests.sort_unstable();
    }
    Ok(images)
}

/// The first of what several sources tell of counts: a daemon knows more than its files.
fn each_once<T>(found: Vec<T>, key: impl Fn(&T) -> (String, String)) -> Vec<T> {
    let mut once: BTreeMap<(String, String), T> = BTreeMap::new();
    for one in found {
        once.entry(key(&one)).or_insert(one);
    }
    once.into_values().collect()
}

/// What the daemons that run answer, and which runtimes did. A daemon that does not answer is a problem.
fn asked<T>(scope: &Scope<'_>, ask: impl Fn(&Scope<'_>, &str, &str) -> Result<Vec<T>, Failure>) -> (Vec<T>, Vec<String>) {
    let (mut found, mut answered): (Vec<T>, Vec<String>) = Default::default();
    for (runtime, path) in sockets(scope) {
        match ask(scope, runtime, &path) {
            Ok(more) => {
                found.extend(more);
                answered.push(runtime.to_owned());
            }
            Err(failure) => scope.problem(failure),
        }
    }
    (found, answered)
}

/// The sockets of runtimes that speak Docker's interface: root's and users' own.
fn sockets(scope: &Scope<'_>) -> Vec<(&'static str, String)> {
    const USERS_FOLDER: &str = "/run/user";
    let docker = ["/run/docker.sock", "/var/run/docker.sock"].into_iter().find(|path| scope.root().exists(path)).filter(|_| !is_stopped(scope));
    let mut sockets: Vec<(&str, String)> = docker.map(|path| ("docker", path.to_owned())).into_iter().collect();
    sockets.push(("podman", "/run/podman/podman.sock".to_owned()));
    for user in scope.list(USERS_FOLDER).into_iter().take(USERS) {
        sockets.push(("docker", format!("{USERS_FOLDER}/{user}/docker.sock")));
        sockets.push(("podman", format!("{USERS_FOLDER}/{user}/podman/podman.sock")));
    }
    sockets.retain(|(_, path)| scope.root().exists(path));
    sockets
}

/// Whether systemd holds Docker's socket for a daemon that does not run: connecting would start it.
fn is_stopped(scope: &Scope<'_>) -> bool {
    let runs = |unit: &str| scope.root().link(&format!("/run/systemd/units/invocation:{unit}")).is_some();
    runs("docker.socket") && !runs("docker.service") && !scope.root().exists("/run/docker.pid")
}

/// A JSON document; one that is malformed is a problem.
fn document<T: DeserializeOwned>(scope: &Scope<'_>, path: &str, limit: usize) -> Option<T> {
    let bytes = scope.bytes(path, limit).unwrap_or_else(|error| {
        scope.problem(error);
        None
    })?;
    match serde_json::from_slice(&bytes) {
        Ok(document) => Some(document),
        Err(error) => {
            scope.problem(Failure::malformed(path, error.line(), error.to_string()));
            None
        }
    }
}

/// Seconds since 1970, which none is before.
fn whole_seconds(seconds: i64) -> Option<Timestamp> {
    (seconds > 0).then(|| Timestamp(seconds.saturating_mul(1000)))
}

/// The whole second of an RFC 3339 text: the daemons' lists have no finer times.
fn seconds_of(text: &str) -> Option<Timestamp> {
    let moment: Timestamp = text.parse().ok()?;
    whole_seconds(moment.0.div_euclid(1000))
}

fn labels(labels: Option<BTreeMap<String, String>>) -> Vec<(String, String)> {
    let labels = labels.into_iter().flatten().take(LABELS);
    labels.filter_map(|(key, value)| Some((tidy(&key)?, tidy(&value).unwrap_or_default()))).collect()
}

/// The answer of an engine, as a list of containers and of images.
#[cfg(any(test, feature = "fuzzing"))]
pub(crate) fn fuzz(bytes: &[u8]) -> usize {
    socket::body(bytes).map_or(0, |body| docker::fuzz(&body))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::collect::testing::plant;
    use crate::root::Root;

    #[test]
    fn a_tree_without_a_runtime_is_skipped_and_one_with_lxc_is_not() {
        let check = |tree: &str, expected: Option<usize>| {
            let directory = plant(tree);
            let root = Root::new(directory.path());
            assert_eq!(collect(&Scope::new(&root)).ok().map(|rows| rows.len()), expected);
        };
        check("=== /etc/hostname\n", None);
        check("=== /var/lib/lxc/a/config\n", Some(1));
    }

    #[test]
    fn a_docker_that_is_stopped_is_not_asked() {
        let check = |tree: &str, expected: bool| {
            let directory = plant(tree);
            let root = Root::new(directory.path());
            assert_eq!(is_stopped(&Scope::new(&root)), expected);
        };
        check("=== /run/systemd/units/invocation:docker.socket -> x\n", true);
        check("=== /run/systemd/units/invocation:docker.socket -> x\n=== /run/docker.pid\n1\n", false);
        check("=== /run/docker.sock\n", false);
    }
}
