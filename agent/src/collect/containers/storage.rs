//! The storage that Podman and CRI-O share, `/var/lib/containers/storage`: containers and images of root without asking anybody.

use super::super::Scope;
use super::super::text::tidy;
use super::{CONTAINERS, document, seconds_of};
use rollcall_shared::section::{Container, Image};
use serde::Deserialize;

const FOLDER: &str = "/var/lib/containers/storage";

/// Storage drivers that keep their lists in folders of their own.
const DRIVERS: [&str; 4] = ["overlay", "vfs", "btrfs", "zfs"];

/// Bytes of one list; a container or image takes 1 KiB.
const LIST_BYTES: usize = 32 << 20;

#[derive(Debug, Deserialize)]
struct Listed {
    id: String,
    #[serde(default)]
    names: Option<Vec<String>>,
    #[serde(default)]
    image: Option<String>,
    #[serde(default)]
    digest: Option<String>,
    #[serde(default)]
    metadata: Option<String>,
    #[serde(default)]
    created: Option<String>,
}

/// The JSON within `metadata` of a container.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "kebab-case", default)]
struct Metadata {
    image_name: Option<String>,
    name: Option<String>,
    pod_name: Option<String>,
}

fn lists<'a>(scope: &'a Scope<'_>, what: &'static str) -> impl Iterator<Item = Vec<Listed>> + 'a {
    DRIVERS.iter().filter_map(move |driver| document(scope, &format!("{FOLDER}/{driver}-{what}/{what}.json"), LIST_BYTES))
}

/// All containers in it, and whose they are; none where there is no such storage.
pub(super) fn containers(scope: &Scope<'_>) -> Option<Vec<Container>> {
    scope.root().exists(FOLDER).then(|| lists(scope, "containers").flatten().take(CONTAINERS).filter_map(|listed| container(scope, listed)).collect())
}

fn container(scope: &Scope<'_>, listed: Listed) -> Option<Container> {
    let metadata: Metadata = listed.metadata.as_deref().and_then(|text| serde_json::from_str(text).ok()).unwrap_or_default();
    let id = tidy(&listed.id)?;
    Some(Container {
        // Only CRI-O's containers belong to pods of Kubernetes by their metadata.
        runtime: if metadata.pod_name.is_some() { "cri-o" } else { "podman" }.to_owned(),
        name: metadata.name.as_deref().and_then(tidy).or_else(|| listed.names.iter().flatten().next().and_then(|name| tidy(name))),
        image: metadata.image_name.as_deref().and_then(tidy),
        image_digest: listed.image.as_deref().and_then(tidy),
        state: state(scope, &id).map(str::to_owned),
        created_at: listed.created.as_deref().and_then(seconds_of),
        id,
        ..Container::default()
    })
}

/// The OCI runtimes keep a folder for each container that runs; unknown where `/run` is not part of what is looked at.
fn state(scope: &Scope<'_>, id: &str) -> Option<&'static str> {
    const RUNTIMES: [&str; 3] = ["/run/crun", "/run/runc", "/run/runsc"];
    if RUNTIMES.iter().any(|runtime| scope.root().exists(&format!("{runtime}/{id}"))) {
        return Some("running");
    }
    scope.root().exists("/run/containers").then_some("exited")
}

/// All images in it; none where there is no such storage.
pub(super) fn images(scope: &Scope<'_>) -> Option<Vec<Image>> {
    scope.root().exists(FOLDER).then(|| {
        let listed = lists(scope, "images").flatten().take(CONTAINERS);
        listed.filter_map(image).collect()
    })
}

fn image(listed: Listed) -> Option<Image> {
    let mut tags: Vec<String> = listed.names.iter().flatten().filter(|name| !name.contains('@')).filter_map(|name| tidy(name)).collect();
    tags.sort_unstable();
    tags.dedup();
    // A digest is of a repository, as in what the daemons list.
    let digest = listed.digest.as_deref().and_then(tidy);
    let repository = |tag: &String| tag.rsplit_once(':').filter(|(_, tag)| !tag.contains('/')).map_or_else(|| tag.clone(), |(repository, _)| repository.to_owned());
    let mut digests: Vec<String> = digest.iter().flat_map(|digest| tags.iter().map(move |tag| format!("{}@{digest}", repository(tag)))).collect();
    digests.sort_unstable();
    digests.dedup();
    Some(Image {
        runtime: "podman".to_owned(),
        id: tidy(&listed.id)?,
        tags,
        digests,
        size_bytes: None,
        created_at: listed.created.as_deref().and_then(seconds_of),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::collect::testing::plant;
    use crate::root::Root;

    #[test]
    fn podmans_and_cri_os_containers_are_told_apart() {
        let directory = plant(
            "=== /var/lib/containers/storage/overlay-containers/containers.json\n\
             [{\"id\":\"aa\",\"names\":[\"web\"],\"image\":\"12\",\"metadata\":\"{\\\"image-name\\\":\\\"docker.io/library/nginx:1\\\",\\\"name\\\":\\\"web\\\"}\",\"created\":\"2024-01-02T03:04:05.6Z\"},\
             {\"id\":\"bb\",\"metadata\":\"{\\\"pod-name\\\":\\\"p\\\",\\\"name\\\":\\\"c\\\"}\"},{\"id\":\"cc\",\"metadata\":\"nonsense\"}]\n\
             === /var/lib/containers/storage/overlay-images/images.json\n[{\"id\":\"12\",\"digest\":\"sha256:99\",\"names\":[\"localhost:5000/x\",\"docker.io/library/nginx:1\"]}]\n\
             === /run/crun/aa/status\n{}\n=== /run/containers/\n",
        );
        let root = Root::new(directory.path());
        let scope = Scope::new(&root);
        let short: Vec<_> = containers(&scope).expect("a storage").iter().map(|one| (one.runtime.clone(), one.name.clone(), one.state.clone())).collect();
        let text = |text: &str| Some(text.to_owned());
        let expected = [("podman".to_owned(), text("web"), text("running")), ("cri-o".to_owned(), text("c"), text("exited")), ("podman".to_owned(), None, text("exited"))];
        assert_eq!(short, expected);
        let images = images(&scope).expect("a storage");
        assert_eq!(images[0].digests, ["docker.io/library/nginx@sha256:99", "localhost:5000/x@sha256:99"]);
    }
}
