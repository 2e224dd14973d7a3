//! containerd: the bundle of each task it runs, `config.json` of the OCI runtime specification with Kubernetes' annotations.

use super::super::Scope;
use super::super::text::tidy;
use super::{CONTAINERS, document};
use rollcall_shared::section::Container;
use serde::Deserialize;
use std::collections::BTreeMap;

/// Bundles of containerd, and of the one inside k3s.
const FOLDERS: [&str; 2] = ["/run/containerd/io.containerd.runtime.v2.task", "/run/k3s/containerd/io.containerd.runtime.v2.task"];

/// Docker's namespace: those containers are Docker's to tell of.
const DOCKERS: &str = "moby";

/// Bytes of one specification; usual are 20 KiB.
const SPECIFICATION_BYTES: usize = 4 << 20;

/// Namespaces looked at: usual are `k8s.io`, `default` and `moby`.
const NAMESPACES: usize = 100;

/// The specification without the process and its environment.
#[derive(Debug, Default, Deserialize)]
struct Specification {
    #[serde(default)]
    annotations: Option<BTreeMap<String, String>>,
}

/// Kubernetes' annotations that become labels, by the names that its own runtimes give them.
const LABELS: [(&str, &str); 3] = [
    ("io.kubernetes.cri.container-name", "io.kubernetes.container.name"),
    ("io.kubernetes.cri.sandbox-name", "io.kubernetes.pod.name"),
    ("io.kubernetes.cri.sandbox-namespace", "io.kubernetes.pod.namespace"),
];

/// All tasks; none where containerd does not run.
pub(super) fn containers(scope: &Scope<'_>) -> Option<Vec<Container>> {
    let folders: Vec<&str> = FOLDERS.into_iter().filter(|folder| scope.root().exists(folder)).collect();
    if folders.is_empty() {
        return None;
    }
    let namespaces = folders.iter().flat_map(|folder| scope.list(folder).into_iter().take(NAMESPACES).map(move |name| (folder, name)));
    let bundles = namespaces.filter(|(_, namespace)| namespace != DOCKERS).flat_map(|(folder, namespace)| {
        let bundles = format!("{folder}/{namespace}");
        scope.list(&bundles).into_iter().map(move |id| (bundles.clone(), id))
    });
    Some(bundles.take(CONTAINERS).filter_map(|(bundles, id)| container(scope, &bundles, &id)).collect())
}

fn container(scope: &Scope<'_>, bundles: &str, id: &str) -> Option<Container> {
    let path = format!("{bundles}/{id}/config.json");
    let specification: Specification = document(scope, &path, SPECIFICATION_BYTES)?;
    let annotations = specification.annotations.unwrap_or_default();
    let annotation = |name: &str| annotations.get(name).and_then(|value| tidy(value));
    // What holds a pod's namespaces open is no container of anybody's.
    if annotations.get("io.kubernetes.cri.container-type").is_some_and(|kind| kind == "sandbox") {
        return None;
    }
    let pid: Option<u32> = scope.text(&format!("{bundles}/{id}/init.pid")).ok().flatten().and_then(|text| text.trim().parse().ok());
    let state = pid.map(|pid| if scope.root().exists(&format!("/proc/{pid}")) { "running" } else { "exited" });
    let mut labels: Vec<(String, String)> = LABELS.iter().filter_map(|(from, to)| Some(((*to).to_owned(), annotation(from)?))).collect();
    labels.sort_unstable();
    Some(Container {
        runtime: "containerd".to_owned(),
        id: tidy(id)?,
        name: annotation("io.kubernetes.cri.container-name").or_else(|| annotation("nerdctl/name")),
        image: annotation("io.kubernetes.cri.image-name"),
        state: state.map(str::to_owned),
        created_at: scope.root().facts(&path).map(|facts| facts.modified),
        labels,
        ..Container::default()
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::collect::testing::plant;
    use crate::root::Root;

    #[test]
    fn tasks_of_pods_are_read_and_sandboxes_left_out() {
        let directory = plant(
            "=== /run/containerd/io.containerd.runtime.v2.task/k8s.io/aa/config.json\n{\"process\":{\"env\":[\"PASSWORD=hunter2\"]},\"annotations\":{\
             \"io.kubernetes.cri.container-type\":\"container\",\"io.kubernetes.cri.container-name\":\"web\",\"io.kubernetes.cri.image-name\":\"nginx:1\",\"io.kubernetes.cri.sandbox-name\":\"web-0\"}}\n\
             === /run/containerd/io.containerd.runtime.v2.task/k8s.io/aa/init.pid\n77\n=== /proc/77/stat\n\
             === /run/containerd/io.containerd.runtime.v2.task/k8s.io/bb/config.json\n{\"annotations\":{\"io.kubernetes.cri.container-type\":\"sandbox\"}}\n\
             === /run/containerd/io.containerd.runtime.v2.task/moby/cc/config.json\n{}\n\
             === /run/containerd/io.containerd.runtime.v2.task/default/dd/config.json\n{}\n",
        );
        let root = Root::new(directory.path());
        let found = containers(&Scope::new(&root)).expect("containerd");
        let short: Vec<_> = found.iter().map(|one| (one.id.as_str(), one.name.as_deref(), one.image.as_deref(), one.state.as_deref())).collect();
        assert_eq!(short, [("dd", None, None, None), ("aa", Some("web"), Some("nginx:1"), Some("running"))]);
        assert_eq!(found[1].labels, [("io.kubernetes.container.name".into(), "web".into()), ("io.kubernetes.pod.name".into(), "web-0".into())]);
    }
}
