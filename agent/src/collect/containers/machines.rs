//! Containers that are whole systems: LXC, LXD and Incus by their folders, systemd-nspawn by its own.

use super::super::Scope;
use super::super::text::{assignments, tidy};
use super::CONTAINERS;
use rollcall_shared::section::Container;
use std::collections::BTreeSet;

/// Runtimes built on LXC, and where they have a folder for each container.
const FOLDERS: [(&str, &str); 4] = [
    ("lxc", "/var/lib/lxc"),
    ("lxd", "/var/snap/lxd/common/lxd/containers"),
    ("lxd", "/var/lib/lxd/containers"),
    ("incus", "/var/lib/incus/containers"),
];

/// Control groups of the containers' payloads, version 2 and two hierarchies of version 1.
const CGROUPS: [&str; 3] = ["/sys/fs/cgroup", "/sys/fs/cgroup/systemd", "/sys/fs/cgroup/pids"];

/// The containers of LXC and what is built on it; none where none of these is installed.
pub(super) fn lxc(scope: &Scope<'_>) -> Option<Vec<Container>> {
    let folders: Vec<_> = FOLDERS.into_iter().filter(|(_, folder)| scope.root().exists(folder)).collect();
    (!folders.is_empty()).then(|| {
        let names = folders.into_iter().flat_map(|(runtime, folder)| scope.list(folder).into_iter().map(move |name| (runtime, folder, name)));
        // Of LXC itself a folder with a `config` is a container.
        let is_container = |(runtime, folder, name): &(&str, &str, String)| *runtime != "lxc" || scope.root().exists(&format!("{folder}/{name}/config"));
        names.filter(is_container).take(CONTAINERS).filter_map(|(runtime, _, name)| named(runtime, &name, lxc_state(scope, &name))).collect()
    })
}

fn named(runtime: &str, name: &str, state: Option<&str>) -> Option<Container> {
    let name = tidy(name)?;
    Some(Container { runtime: runtime.to_owned(), id: name.clone(), name: Some(name), state: state.map(str::to_owned), ..Container::default() })
}

fn lxc_state(scope: &Scope<'_>, name: &str) -> Option<&'static str> {
    let runs = CGROUPS.iter().any(|cgroup| [format!("{cgroup}/lxc.payload.{name}"), format!("{cgroup}/lxc/{name}")].iter().any(|path| scope.root().exists(path)));
    if runs {
        return Some("running");
    }
    // Without control groups to look at nobody knows.
    scope.root().exists(CGROUPS[0]).then_some("stopped")
}

/// The machines of systemd-nspawn; none where there is neither an image nor one that runs.
pub(super) fn nspawn(scope: &Scope<'_>) -> Option<Vec<Container>> {
    const IMAGES: &str = "/var/lib/machines";
    const RUNNING: &str = "/run/systemd/machines";
    let running: BTreeSet<String> = scope.list(RUNNING).into_iter().filter(|name| is_nspawn(scope, &format!("{RUNNING}/{name}"))).take(CONTAINERS).collect();
    let images = scope.list(IMAGES).into_iter().filter(|name| !name.starts_with('.') && !name.ends_with(".nspawn"));
    let names: BTreeSet<String> = images.map(|name| name.strip_suffix(".raw").map_or(name.clone(), str::to_owned)).chain(running.iter().cloned()).take(CONTAINERS).collect();
    let is_known = scope.root().exists(RUNNING);
    let state = |name: &String| if running.contains(name) { Some("running") } else { is_known.then_some("stopped") };
    (!names.is_empty()).then(|| names.iter().filter_map(|name| named("systemd-nspawn", name, state(name))).collect())
}

/// Machines of other managers are registered too: libvirt's virtual machines, LXC's containers. Second names are links to them.
fn is_nspawn(scope: &Scope<'_>, path: &str) -> bool {
    let text = scope.text(path).ok().flatten().unwrap_or_default();
    scope.root().link(path).is_none() && assignments(&text).any(|(key, value)| key == "SERVICE" && value == "systemd-nspawn")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::collect::testing::plant;
    use crate::root::Root;

    #[test]
    fn whole_systems_are_found_with_their_states() {
        let directory = plant(
            "=== /var/lib/lxc/build/config\n=== /var/lib/lxc/cache/\n=== /sys/fs/cgroup/lxc.payload.build/\n=== /var/lib/incus/containers/web/\n\
             === /var/lib/machines/box.raw\n=== /var/lib/machines/.hidden/\n=== /run/systemd/machines/box\nNAME=box\nSERVICE=systemd-nspawn\n\
             === /run/systemd/machines/qemu-1-vm\nSERVICE=libvirt-qemu\n=== /run/systemd/machines/unit:systemd-nspawn@box.service -> box\n",
        );
        let root = Root::new(directory.path());
        let scope = Scope::new(&root);
        let short = |found: Option<Vec<Container>>| -> Vec<(String, String, Option<String>)> {
            found.into_iter().flatten().map(|one| (one.runtime, one.id, one.state)).collect()
        };
        let text = str::to_owned;
        assert_eq!(short(lxc(&scope)), [(text("lxc"), text("build"), Some(text("running"))), (text("incus"), text("web"), Some(text("stopped")))]);
        assert_eq!(short(nspawn(&scope)), [(text("systemd-nspawn"), text("box"), Some(text("running")))]);
    }
}
