//! Containers: Docker and Podman over their sockets, LXC from its folder.
//!
//! The sockets are asked for one list, with a time limit and a bound; nothing else is ever sent. Status texts ("Up 3 hours") are not
//! kept: they change while nothing happens.

use super::text::tidy;
use super::{Failure, Scope};
use rollcall_shared::Timestamp;
use rollcall_shared::section::{Container, PublishedPort};
use serde::Deserialize;
use std::collections::BTreeMap;

mod socket;

pub(crate) use socket::{Deadline, connect};

/// Runtimes that speak Docker's interface, and where they listen.
const SOCKETS: [(&str, &str); 3] =
    [("docker", "/run/docker.sock"), ("docker", "/var/run/docker.sock"), ("podman", "/run/podman/podman.sock")];

/// The same list from both.
const LIST: &str = "/containers/json?all=1";

const LXC: &str = "/var/lib/lxc";

/// Runtimes that are there and not read yet: without them the list is not all there is.
const UNREAD: [(&str, &str); 2] = [("containerd", "/run/containerd/containerd.sock"), ("CRI-O", "/run/crio/crio.sock")];

/// Collects the section.
pub(crate) fn collect(scope: &Scope<'_>) -> Result<Vec<Container>, Failure> {
    let mut containers = lxc(scope);
    if !scope.root().is_live() {
        if containers.is_empty() {
            return Err(Failure::Skipped("a captured tree has no container sockets to ask".to_owned()));
        }
        scope.problem("a captured tree has no container sockets to ask: only LXC is known");
        return Ok(containers);
    }
    let mut asked: Vec<&str> = Vec::new();
    for (runtime, path) in SOCKETS {
        // /var/run is /run almost everywhere.
        if asked.contains(&runtime) || !scope.root().exists(path) {
            continue;
        }
        asked.push(runtime);
        let answer = socket::get(path, LIST).map_err(|what| Failure::source(path, what));
        match answer.and_then(|body| { scope.count(body.len()); parse(&body, runtime).map_err(|what| Failure::source(path, what)) }) {
            Ok(found) => containers.extend(found),
            Err(failure) => scope.problem(failure),
        }
    }
    let unread = UNREAD.iter().filter(|(_, path)| !asked.contains(&"docker") && scope.root().exists(path));
    unread.for_each(|(name, _)| scope.problem(format_args!("containers of {name} are not read yet")));
    Ok(containers)
}

/// A row of Docker's list, as far as it is of use.
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

fn parse(body: &[u8], runtime: &str) -> Result<Vec<Container>, String> {
    let listed: Vec<Listed> = serde_json::from_slice(body).map_err(|error| format!("not a list of containers: {error}"))?;
    Ok(listed.into_iter().filter_map(|listed| container(listed, runtime)).collect())
}

fn container(listed: Listed, runtime: &str) -> Option<Container> {
    let mut ports: Vec<PublishedPort> = listed
        .ports
        .into_iter()
        .flatten()
        .map(|port| PublishedPort {
            container_port: port.private_port,
            host_port: port.public_port.filter(|&port| port > 0),
            protocol: port.r#type.as_deref().and_then(tidy).unwrap_or_else(|| "tcp".to_owned()),
        })
        .collect();
    ports.sort_unstable();
    ports.dedup();
    Some(Container {
        runtime: runtime.to_owned(),
        id: tidy(&listed.id)?,
        name: listed.names.iter().flatten().next().and_then(|name| tidy(name.trim_start_matches('/'))),
        image: listed.image.as_deref().and_then(tidy),
        image_digest: listed.image_id.as_deref().and_then(tidy),
        state: listed.state.as_deref().and_then(tidy).map(|state| state.to_ascii_lowercase()),
        created_at: listed.created.filter(|&created| created > 0).map(|seconds| Timestamp(seconds.saturating_mul(1000))),
        ports,
        labels: listed.labels.into_iter().flatten().filter_map(|(key, value)| Some((tidy(&key)?, tidy(&value).unwrap_or_default()))).collect(),
    })
}

/// A folder with a `config` is a container; its state is known to its runtime only.
fn lxc(scope: &Scope<'_>) -> Vec<Container> {
    let names = match scope.root().list(LXC) {
        Ok(names) => names.unwrap_or_default(),
        Err(error) => {
            scope.problem(error);
            Vec::new()
        }
    };
    let is_container = |name: &String| scope.root().exists(&format!("{LXC}/{name}/config"));
    names.into_iter().filter(is_container).map(|name| Container { runtime: "lxc".to_owned(), id: name.clone(), name: Some(name), ..Container::default() }).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

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

    proptest! {
        #[test]
        fn no_body_panics(body in proptest::collection::vec(any::<u8>(), 0..200)) {
            let _ = parse(&body, "docker");
        }
    }
}
