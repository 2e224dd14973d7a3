//! snap: snapd's state, which only root may read, else the links that snapd keeps to the current revisions.
//!
//! The state names revisions and channels; versions are in the snaps themselves, which are mounted while snapd runs. Where they are
//! not, in a captured tree, the revision stands for the version.

use super::super::text::{bounded, tidy};
use super::super::{Failure, Scope};
use super::owned::Owned;
use super::purl::{Distribution, Purl};
use rollcall_shared::section::Package;
use serde::Deserialize;
use std::collections::BTreeMap;

const STATE: &str = "/var/lib/snapd/state.json";

/// Bytes of the state, which holds all recent changes too; 2 MiB are usual.
const STATE_BYTES: usize = 64 << 20;

/// Where snaps are mounted: the usual place, and that of distributions that refuse a new folder in `/`.
const MOUNTS: [&str; 2] = ["/snap", "/var/lib/snapd/snap"];

/// Bytes of a snap's description.
const DESCRIPTION_BYTES: usize = 1 << 20;

/// Snaps that are looked at; a desktop has some 50.
const SNAPS: usize = 10_000;

#[derive(Deserialize)]
struct State {
    data: Content,
}

#[derive(Deserialize)]
struct Content {
    #[serde(default)]
    snaps: BTreeMap<String, Snap>,
}

#[derive(Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
struct Snap {
    #[serde(default)]
    current: Option<String>,
    #[serde(default)]
    channel: Option<String>,
}

/// Adds the installed snaps.
pub(super) fn read(scope: &Scope<'_>, _distribution: &Distribution, _owned: &mut Owned, packages: &mut Vec<Package>) -> Result<(), Failure> {
    let snaps = match scope.bytes(STATE, STATE_BYTES) {
        Ok(Some(state)) => from_state(&state)?,
        Ok(None) => return Ok(()),
        Err(error) => {
            let linked = from_links(scope);
            // Without the state the channels are unknown: that much is missing.
            scope.problem(error);
            linked
        }
    };
    packages.extend(snaps.into_iter().take(SNAPS).filter_map(|(name, snap)| package(scope, &name, snap)));
    Ok(())
}

fn from_state(state: &[u8]) -> Result<BTreeMap<String, Snap>, Failure> {
    let state: State = serde_json::from_slice(state).map_err(|error| Failure::malformed(STATE, error.line(), error.to_string()))?;
    Ok(state.data.snaps)
}

fn from_links(scope: &Scope<'_>) -> BTreeMap<String, Snap> {
    let mut snaps = BTreeMap::new();
    for mount in MOUNTS {
        for name in scope.list(mount) {
            if let Some(current) = scope.root().link(&format!("{mount}/{name}/current")) {
                snaps.insert(name, Snap { current: Some(current), channel: None });
            }
        }
    }
    snaps
}

fn package(scope: &Scope<'_>, name: &str, snap: Snap) -> Option<Package> {
    let name = tidy(name)?;
    let revision = tidy(&snap.current?)?;
    let read = |mount: &str| scope.bytes(&format!("{mount}/{name}/{revision}/meta/snap.yaml"), DESCRIPTION_BYTES).ok().flatten();
    let description = MOUNTS.iter().find_map(|mount| read(mount)).unwrap_or_default();
    let description = Description::parse(&String::from_utf8_lossy(&description));
    let file = scope.root().facts(&format!("/var/lib/snapd/snaps/{name}_{revision}.snap"));
    let version = description.version.unwrap_or(revision);
    let purl = Purl::new("snap", &name, &version).architecture(description.architecture.as_deref()).text();
    Some(Package {
        purl: Some(purl),
        architecture: description.architecture,
        manager: "snap".to_owned(),
        size_bytes: file.map(|facts| facts.size),
        installed_at: file.map(|facts| facts.modified),
        licence: description.licence,
        origin: snap.channel.and_then(|channel| tidy(&channel)),
        name,
        version,
        ..Package::default()
    })
}

/// The few keys of `snap.yaml` that are of use; they stand at the beginning of a line.
#[derive(Debug, Default, PartialEq, Eq)]
struct Description {
    version: Option<String>,
    architecture: Option<String>,
    licence: Option<String>,
}

impl Description {
    fn parse(text: &str) -> Self {
        let mut description = Self::default();
        let mut lines = text.lines().peekable();
        while let Some(line) = lines.next() {
            let Some((key, value)) = line.split_once(':') else { continue };
            match key {
                "version" => description.version = plain(value),
                "license" => description.licence = plain(value),
                // A list on this line, or its items on the following ones; the first counts, for mostly there is one.
                "architectures" => {
                    let below = lines.peek().and_then(|line| line.trim_start().strip_prefix('-')).unwrap_or_default();
                    let listed = if value.trim().is_empty() { below } else { value.trim().trim_matches(['[', ']']) };
                    description.architecture = plain(listed.split(',').next().unwrap_or_default());
                }
                _ => {}
            }
        }
        description
    }
}

fn plain(value: &str) -> Option<String> {
    tidy(value.trim().trim_matches(['"', '\''])).map(bounded)
}

#[cfg(test)]
mod tests {
    use super::super::super::testing::plant;
    use super::*;
    use crate::root::Root;
    use proptest::prelude::*;

    fn read_tree(tree: &str) -> (Vec<Package>, Option<String>) {
        let tree = plant(tree);
        let (root, mut packages) = (Root::new(tree.path()), Vec::new());
        let scope = Scope::new(&root);
        read(&scope, &Distribution::default(), &mut Owned::default(), &mut packages).unwrap_or_else(|failure| scope.problem(failure));
        (packages, scope.problems())
    }

    #[test]
    fn state_and_snap_together_are_a_package() {
        let (packages, problems) = read_tree(
            "=== /var/lib/snapd/state.json\n{\"data\":{\"auth\":{},\"snaps\":{\"core22\":{\"type\":\"base\",\"sequence\":[{\"name\":\"core22\",\"revision\":\"1380\"}],\
             \"active\":true,\"current\":\"1380\",\"channel\":\"latest/stable\"},\"lxd\":{\"current\":\"x1\"}}},\"changes\":{}}\n\
             === /snap/core22/1380/meta/snap.yaml\nname: core22\nversion: '20240408'\narchitectures:\n- amd64\nlicense: GPL-3.0\n\
             === /var/lib/snapd/snaps/core22_1380.snap\nhsqs\n",
        );
        let short: Vec<_> = packages.iter().map(|p| (p.name.as_str(), p.version.as_str(), p.purl.as_deref())).collect();
        assert_eq!(short, [("core22", "20240408", Some("pkg:snap/core22@20240408?arch=amd64")), ("lxd", "x1", Some("pkg:snap/lxd@x1"))]);
        assert_eq!((packages[0].origin.as_deref(), packages[0].size_bytes, problems), (Some("latest/stable"), Some(5), None));
    }

    #[test]
    fn a_state_that_cannot_be_read_is_a_problem_and_the_links_count() {
        let (packages, problems) = read_tree("=== /var/lib/snapd/state.json/\n=== /snap/lxd/current -> 24322\n=== /snap/README\nx\n");
        assert_eq!(packages.iter().map(|p| (p.name.as_str(), p.version.as_str())).collect::<Vec<_>>(), [("lxd", "24322")]);
        assert!(problems.is_some_and(|problems| problems.contains(STATE)));
    }

    #[test]
    fn a_state_that_is_none_is_named() {
        let (packages, problems) = read_tree("=== /var/lib/snapd/state.json\n{\n\"data\": 3}\n");
        assert!(packages.is_empty() && problems.is_some_and(|problems| problems.starts_with("/var/lib/snapd/state.json:2")));
    }

    #[test]
    fn lists_of_architectures_have_two_forms() {
        let of = |text: &str| Description::parse(text).architecture;
        assert_eq!(of("architectures: [amd64, i386]\n").as_deref(), Some("amd64"));
        assert_eq!(of("architectures:\n  - all\n").as_deref(), Some("all"));
        assert_eq!(of("architectures:\n").as_deref(), None);
    }

    proptest! {
        #[test]
        fn no_description_panics(text in "((version|architectures|license):?[ -~]{0,10}\n|- [a-z]*\n){0,8}") {
            let _ = Description::parse(&text);
        }
    }
}
