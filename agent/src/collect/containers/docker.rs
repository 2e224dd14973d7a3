//! Docker: what its daemon answers (Podman answers the same), and what it keeps in `/var/lib/docker` for when it cannot be asked.

use super::super::text::tidy;
use super::super::{Failure, Scope};
use super::{CONTAINERS, labels, seconds_of, socket, whole_seconds};
use crate::collect::trace::Found;
use rollcall_shared::Timestamp;
use rollcall_shared::section::{Container, Image, PublishedPort};
use serde::Deserialize;
use serde::de::DeserializeOwned;
use std::collections::BTreeMap;

const CONTAINER_LIST: &str = "/containers/json?all=1";
const IMAGE_LIST: &str = "/images/json";

const FOLDER: &str = "/var/lib/docker";

/// Bytes of one container's or image's description; usual are 5 KiB.
const DESCRIPTION_BYTES: usize = 2 << 20;

/// Bytes of the list of tags of all images.
const REPOSITORIES_BYTES: usize = 16 << 20;

/// What a daemon says of its containers.
pub(super) fn ask(scope: &Scope<'_>, runtime: &str, path: &str) -> Result<Vec<Container>, Failure> {
    let listed: Vec<Listed> = get(scope, path, CONTAINER_LIST)?;
    Ok(listed.into_iter().take(CONTAINERS).filter_map(|listed| container(listed, runtime)).collect())
}

/// What a daemon says of its images.
pub(super) fn ask_images(scope: &Scope<'_>, runtime: &str, path: &str) -> Result<Vec<Image>, Failure> {
    let listed: Vec<ListedImage> = get(scope, path, IMAGE_LIST)?;
    Ok(listed.into_iter().take(CONTAINERS).filter_map(|listed| image(listed, runtime)).collect())
}

fn get<T: DeserializeOwned>(scope: &Scope<'_>, path: &str, target: &str) -> Result<T, Failure> {
    let source = format!("{path} {target}");
    let answer = socket::get(path, target).and_then(|body| {
        scope.count(body.len());
        scope.asked(&source, Found::Read(body.len()));
        serde_json::from_slice(&body).map_err(|error| format!("not the list that was asked for: {error}"))
    });
    answer.map_err(|what| {
        scope.asked(&source, Found::Failed(what.clone()));
        Failure::source(path, what)
    })
}

/// A row of the list of containers, as far as it is of use.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Listed {
    id: String,
    #[serde(default)]
    names: Option<Vec<String>>,
    #[serde(default)]
    image: Option<String>,
    #[serde(default, rename = "ImageID")]
    image_id: Option<String>,
    #[serde(default)]
    created: Option<i64>,
    #[serde(default)]
    state: Option<String>,
    #[serde(default)]
    ports: Option<Vec<ListedPort>>,
    #[serde(default)]
    labels: Option<BTreeMap<String, String>>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct ListedPort {
    private_port: u16,
    #[serde(default)]
    public_port: Option<u16>,
    #[serde(default)]
    r#type: Option<String>,
}

fn container(listed: Listed, runtime: &str) -> Option<Container> {
    let ports = listed.ports.into_iter().flatten().map(|port| PublishedPort {
        container_port: port.private_port,
        host_port: port.public_port.filter(|&port| port > 0),
        protocol: port.r#type.as_deref().and_then(tidy).unwrap_or_else(|| "tcp".to_owned()),
    });
    Some(Container {
        runtime: runtime.to_owned(),
        id: tidy(&listed.id)?,
        name: listed.names.iter().flatten().next().and_then(|name| tidy(name.trim_start_matches('/'))),
        image: listed.image.as_deref().and_then(tidy),
        image_digest: listed.image_id.as_deref().and_then(tidy),
        state: listed.state.as_deref().and_then(tidy).map(|state| state.to_ascii_lowercase()),
        created_at: listed.created.and_then(whole_seconds),
        ports: sorted(ports),
        labels: labels(listed.labels),
    })
}

/// Docker lists a published port once for each family of addresses.
fn sorted(ports: impl Iterator<Item = PublishedPort>) -> Vec<PublishedPort> {
    let mut ports: Vec<PublishedPort> = ports.collect();
    ports.sort_unstable();
    ports.dedup();
    ports
}

/// A row of the list of images.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct ListedImage {
    id: String,
    #[serde(default)]
    repo_tags: Option<Vec<String>>,
    #[serde(default)]
    repo_digests: Option<Vec<String>>,
    #[serde(default)]
    created: Option<i64>,
    #[serde(default)]
    size: Option<i64>,
}

fn image(listed: ListedImage, runtime: &str) -> Option<Image> {
    // `<none>:<none>` is how an image without a tag is listed.
    let texts = |texts: Option<Vec<String>>| {
        let mut texts: Vec<String> = texts.iter().flatten().filter(|text| !text.contains("<none>")).filter_map(|text| tidy(text)).collect();
        texts.sort_unstable();
        texts.dedup();
        texts
    };
    Some(Image {
        runtime: runtime.to_owned(),
        id: tidy(&listed.id)?,
        tags: texts(listed.repo_tags),
        digests: texts(listed.repo_digests),
        size_bytes: listed.size.and_then(|size| u64::try_from(size).ok()).filter(|&size| size > 0),
        created_at: listed.created.and_then(whole_seconds),
    })
}

/// `config.v2.json` of a container. Its environment is not among what is read.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Kept {
    #[serde(rename = "ID")]
    id: String,
    #[serde(default)]
    name: Option<String>,
    #[serde(default)]
    image: Option<String>,
    #[serde(default)]
    created: Option<String>,
    #[serde(default)]
    state: KeptState,
    #[serde(default)]
    config: KeptConfig,
    #[serde(default)]
    network_settings: KeptNetwork,
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
struct KeptState {
    running: bool,
    paused: bool,
    restarting: bool,
    dead: bool,
    started_at: Option<String>,
}

impl KeptState {
    /// As the daemon calls it.
    fn name(&self) -> &'static str {
        const NEVER: &str = "0001-01-01";
        match self {
            Self { paused: true, running: true, .. } => "paused",
            Self { restarting: true, .. } => "restarting",
            Self { running: true, .. } => "running",
            Self { dead: true, .. } => "dead",
            Self { started_at: Some(at), .. } if at.starts_with(NEVER) => "created",
            _ => "exited",
        }
    }
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
struct KeptConfig {
    image: Option<String>,
    labels: Option<BTreeMap<String, String>>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
struct KeptNetwork {
    ports: Option<BTreeMap<String, Option<Vec<KeptBinding>>>>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
struct KeptBinding {
    host_port: Option<String>,
}

/// What is left of containers in files; none where there is no such folder.
pub(super) fn kept(scope: &Scope<'_>) -> Option<Vec<Container>> {
    let folder = format!("{FOLDER}/containers");
    scope.root().exists(&folder).then(|| {
        let ids = scope.list(&folder).into_iter().take(CONTAINERS);
        ids.filter_map(|id| {
            let kept: Kept = description(scope, &format!("{folder}/{id}/config.v2.json"))?;
            kept_container(kept)
        })
        .collect()
    })
}

fn kept_container(kept: Kept) -> Option<Container> {
    let ports = kept.network_settings.ports.into_iter().flatten().flat_map(|(port, bindings)| {
        let (number, protocol) = port.split_once('/').map_or((port.clone(), "tcp".to_owned()), |(number, protocol)| (number.to_owned(), protocol.to_owned()));
        let container_port: Option<u16> = number.parse().ok();
        let hosts: Vec<Option<u16>> = match bindings {
            Some(bindings) if !bindings.is_empty() => bindings.iter().map(|binding| binding.host_port.as_deref()?.parse().ok()).collect(),
            _ => vec![None],
        };
        let protocol = tidy(&protocol).unwrap_or_else(|| "tcp".to_owned());
        let port = move |host_port| Some(PublishedPort { container_port: container_port?, host_port, protocol: protocol.clone() });
        hosts.into_iter().filter_map(port).collect::<Vec<_>>()
    });
    let ports = sorted(ports);
    Some(Container {
        runtime: "docker".to_owned(),
        id: tidy(&kept.id)?,
        name: kept.name.and_then(|name| tidy(name.trim_start_matches('/'))),
        image: kept.config.image.as_deref().and_then(tidy),
        image_digest: kept.image.as_deref().and_then(tidy),
        state: Some(kept.state.name().to_owned()),
        created_at: kept.created.as_deref().and_then(seconds_of),
        ports,
        labels: labels(kept.config.labels),
    })
}

/// A description that is not one is a problem.
fn description<T: DeserializeOwned>(scope: &Scope<'_>, path: &str) -> Option<T> {
    super::document(scope, path, DESCRIPTION_BYTES)
}

/// `repositories.json`: the names of each image.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Repositories {
    #[serde(default)]
    repositories: BTreeMap<String, BTreeMap<String, String>>,
}

#[derive(Debug, Deserialize)]
struct ImageConfiguration {
    created: Option<String>,
}

/// What is left of images in files; none where there is no such folder.
pub(super) fn kept_images(scope: &Scope<'_>) -> Option<Vec<Image>> {
    let folder = format!("{FOLDER}/image");
    scope.root().exists(&folder).then(|| {
        let drivers = scope.list(&folder);
        drivers.iter().take(8).flat_map(|driver| kept_images_of(scope, &format!("{folder}/{driver}"))).collect()
    })
}

fn kept_images_of(scope: &Scope<'_>, folder: &str) -> Vec<Image> {
    let names: Option<Repositories> = super::document(scope, &format!("{folder}/repositories.json"), REPOSITORIES_BYTES);
    let mut images: BTreeMap<String, Image> = BTreeMap::new();
    let content = format!("{folder}/imagedb/content/sha256");
    for digest in scope.list(&content).into_iter().take(CONTAINERS) {
        let id = format!("sha256:{digest}");
        let created: Option<Timestamp> =
            description::<ImageConfiguration>(scope, &format!("{content}/{digest}")).and_then(|image| seconds_of(&image.created?));
        images.insert(id.clone(), Image { runtime: "docker".to_owned(), id, created_at: created, ..Image::default() });
    }
    for (name, id) in names.into_iter().flat_map(|names| names.repositories.into_values().flatten()) {
        let (Some(image), Some(name)) = (images.get_mut(&id), tidy(&name)) else { continue };
        if name.contains('@') { image.digests.push(name) } else { image.tags.push(name) }
    }
    images.into_values().collect()
}

/// Rows of either list.
#[cfg(any(test, feature = "fuzzing"))]
pub(super) fn fuzz(body: &[u8]) -> usize {
    let containers = serde_json::from_slice::<Vec<Listed>>(body).unwrap_or_default();
    let images = serde_json::from_slice::<Vec<ListedImage>>(body).unwrap_or_default();
    let containers = containers.into_iter().filter_map(|listed| container(listed, "own"));
    let images = images.into_iter().filter_map(|listed| image(listed, "own"));
    crate::fuzz::examined_rows(containers) + crate::fuzz::examined_rows(images)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::collect::testing::plant;
    use crate::root::Root;
    use proptest::prelude::*;

    fn parse(body: &[u8], runtime: &str) -> Result<Vec<Container>, String> {
        let listed: Vec<Listed> = serde_json::from_slice(body).map_err(|error| error.to_string())?;
        Ok(listed.into_iter().filter_map(|listed| container(listed, runtime)).collect())
    }

    #[test]
    fn dockers_list_is_read() {
        let body = br#"[{"Id":"8dfa","Names":["/web"],"Image":"nginx:1","ImageID":"sha256:12","Created":1367854155,"State":"Running",
            "Status":"Up 3 hours","Ports":[{"IP":"::","PrivatePort":80,"PublicPort":8080,"Type":"tcp"},{"IP":"0.0.0.0","PrivatePort":80,"PublicPort":8080,"Type":"tcp"}],
            "Labels":{"b":"2","a":"1"},"NetworkSettings":{}}]"#;
        let containers = parse(body, "docker").expect("parsed");
        let one = &containers[0];
        assert_eq!((one.name.as_deref(), one.state.as_deref(), one.created_at), (Some("web"), Some("running"), Some(Timestamp(1_367_854_155_000))));
        assert_eq!(one.ports, [PublishedPort { container_port: 80, host_port: Some(8080), protocol: "tcp".into() }]);
        assert_eq!(one.labels[0].0, "a");
    }

    #[test]
    fn another_answer_is_an_error() {
        assert!(parse(br#"{"message":"no"}"#, "docker").is_err());
    }

    #[test]
    fn what_docker_keeps_is_read_without_the_environment() {
        let directory = plant(
            "=== /var/lib/docker/containers/8dfa/config.v2.json\n{\"ID\":\"8dfa\",\"Name\":\"/web\",\"Image\":\"sha256:12\",\"Created\":\"2024-01-02T03:04:05.678Z\",\
             \"State\":{\"Running\":true,\"Paused\":true},\"Config\":{\"Image\":\"nginx:1\",\"Env\":[\"PASSWORD=hunter2\"],\"Labels\":{\"a\":\"1\"}},\
             \"NetworkSettings\":{\"Ports\":{\"80/tcp\":[{\"HostIp\":\"::\",\"HostPort\":\"8080\"}],\"53/udp\":null}}}\n\
             === /var/lib/docker/containers/bad/config.v2.json\n{\n\
             === /var/lib/docker/image/overlay2/repositories.json\n{\"Repositories\":{\"nginx\":{\"nginx:1\":\"sha256:12\",\"nginx@sha256:99\":\"sha256:12\"}}}\n\
             === /var/lib/docker/image/overlay2/imagedb/content/sha256/12\n{\"created\":\"2024-01-01T00:00:00Z\",\"config\":{\"Env\":[\"X=hunter2\"]}}\n",
        );
        let root = Root::new(directory.path());
        let scope = Scope::new(&root);
        let containers = kept(&scope).expect("a folder");
        assert_eq!(containers.len(), 1);
        assert!(scope.problems().is_some_and(|problems| problems.contains("/var/lib/docker/containers/bad/config.v2.json")));
        let one = &containers[0];
        assert_eq!((one.name.as_deref(), one.state.as_deref(), one.image.as_deref()), (Some("web"), Some("paused"), Some("nginx:1")));
        assert_eq!(one.created_at, Some(Timestamp(1_704_164_645_000)));
        let ports: Vec<_> = one.ports.iter().map(|port| (port.container_port, port.host_port, port.protocol.as_str())).collect();
        assert_eq!(ports, [(53, None, "udp"), (80, Some(8080), "tcp")]);
        let images = kept_images(&scope).expect("a folder");
        assert_eq!((images[0].tags.as_slice(), images[0].digests.as_slice()), (&["nginx:1".to_owned()][..], &["nginx@sha256:99".to_owned()][..]));
        assert!(!format!("{containers:?}{images:?}").contains("hunter2"));
    }

    #[test]
    fn an_image_without_a_name_has_no_tags() {
        let listed = br#"{"Id":"sha256:1","RepoTags":["<none>:<none>"],"RepoDigests":null,"Created":5,"Size":7}"#;
        let image = image(serde_json::from_slice(listed).expect("parsed"), "podman").expect("an image");
        assert_eq!((image.tags.len(), image.size_bytes, image.created_at), (0, Some(7), Some(Timestamp(5000))));
    }

    proptest! {
        #[test]
        fn no_body_panics(body in proptest::collection::vec(any::<u8>(), 0..200)) {
            let _ = parse(&body, "docker");
        }

        #[test]
        fn no_port_panics(port in "[0-9]{0,6}/?[a-z]{0,4}", host in "[0-9]{0,6}") {
            let text = format!(r#"{{"ID":"x","NetworkSettings":{{"Ports":{{"{port}":[{{"HostPort":"{host}"}}]}}}}}}"#);
            let _ = serde_json::from_str(&text).ok().and_then(kept_container);
        }
    }
}
