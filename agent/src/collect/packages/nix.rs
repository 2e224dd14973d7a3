//! Nix: what the profiles of system and users hold. A profile lists its elements in `manifest.json`, or it is a tree of links into
//! the store, where the name of each directory tells package and version.
//!
//! Only what a profile shows is installed in the sense of other package managers; the rest of the store is what that depends on,
//! and older generations. What has no version in its name (generated scripts, profiles) is no package.

use super::super::text::tidy;
use super::super::{Failure, Scope};
use super::owned::Owned;
use super::purl::{Distribution, Purl};
use rollcall_shared::section::Package;
use serde::Deserialize;
use std::collections::{BTreeMap, BTreeSet};

const PROFILES: &str = "/nix/var/nix/profiles";

/// Bytes of a manifest; one element has some 500.
const MANIFEST_BYTES: usize = 16 << 20;

/// Links that are looked at in one profile; `bin` of a NixOS desktop has some 3,000.
const LINKS: usize = 50_000;

/// Folders of a profile whose links lead to packages.
const FOLDERS: [&str; 5] = ["bin", "sbin", "lib", "libexec", "share"];

/// Parts of one package that the store keeps apart from it.
const OUTPUTS: [&str; 9] = ["-bin", "-dev", "-doc", "-man", "-info", "-lib", "-out", "-static", "-devdoc"];

/// Adds what the profiles hold.
pub(super) fn read(scope: &Scope<'_>, _distribution: &Distribution, _owned: &mut Owned, packages: &mut Vec<Package>) -> Result<(), Failure> {
    let users = format!("{PROFILES}/per-user");
    let personal = scope.list(&users).into_iter().map(|user| format!("{users}/{user}/profile"));
    let system = [format!("{PROFILES}/system/sw"), format!("{PROFILES}/default")];
    for profile in system.into_iter().chain(personal).filter(|profile| !scope.options().exclude.has_path(profile)) {
        let store = match scope.bytes(&format!("{profile}/manifest.json"), MANIFEST_BYTES)? {
            Some(manifest) => match from_manifest(&manifest) {
                Ok(store) => store,
                Err(error) => {
                    scope.problem(Failure::malformed(&format!("{profile}/manifest.json"), error.line(), error.to_string()));
                    continue;
                }
            },
            None => from_links(scope, &profile),
        };
        let found: BTreeSet<_> = store.iter().filter_map(|path| name_and_version(path)).collect();
        packages.extend(found.into_iter().filter_map(|(name, version)| package(name, version, &profile)));
    }
    Ok(())
}

#[derive(Deserialize)]
struct Manifest {
    elements: Elements,
}

/// A list up to the second version of the format, named since the third.
#[derive(Deserialize)]
#[serde(untagged)]
enum Elements {
    List(Vec<Element>),
    Named(BTreeMap<String, Element>),
}

#[derive(Deserialize)]
struct Element {
    #[serde(rename = "storePaths", default)]
    store_paths: Vec<String>,
}

fn from_manifest(manifest: &[u8]) -> Result<Vec<String>, serde_json::Error> {
    let manifest: Manifest = serde_json::from_slice(manifest)?;
    let elements: Vec<Element> = match manifest.elements {
        Elements::List(list) => list,
        Elements::Named(named) => named.into_values().collect(),
    };
    Ok(elements.into_iter().flat_map(|element| element.store_paths).collect())
}

/// A folder that one package alone fills is itself a link; else its entries are.
fn from_links(scope: &Scope<'_>, profile: &str) -> Vec<String> {
    let mut targets = Vec::new();
    for folder in FOLDERS.map(|folder| format!("{profile}/{folder}")) {
        if let Some(target) = scope.root().link(&folder) {
            targets.push(target);
            continue;
        }
        let Some(directory) = scope.root().directory(&folder) else { continue };
        let names = scope.list(&folder);
        targets.extend(names.iter().filter_map(|name| directory.link(name)).take(LINKS.saturating_sub(targets.len())));
    }
    targets
}

/// `/nix/store/HASH-NAME-VERSION/…`: the version begins behind the first hyphen that no letter follows.
fn name_and_version(path: &str) -> Option<(&str, &str)> {
    const HASH: usize = 32;
    let entry = path.strip_prefix("/nix/store/")?.split('/').next()?;
    let entry = entry.get(HASH..)?.strip_prefix('-')?;
    let (at, _) = entry.match_indices('-').find(|&(at, _)| entry[at + 1..].starts_with(|next: char| next.is_ascii_digit()))?;
    let (name, version) = (&entry[..at], &entry[at + 1..]);
    let version = OUTPUTS.iter().find_map(|output| version.strip_suffix(output)).unwrap_or(version);
    (!name.is_empty() && !version.is_empty()).then_some((name, version))
}

fn package(name: &str, version: &str, profile: &str) -> Option<Package> {
    let (name, version) = (tidy(name)?, tidy(version)?);
    Some(Package {
        purl: Some(Purl::new("nix", &name, &version).text()),
        manager: "nix".to_owned(),
        location: Some(profile.to_owned()),
        name,
        version,
        ..Package::default()
    })
}

#[cfg(test)]
mod tests {
    use super::super::super::testing::plant;
    use super::*;
    use crate::root::Root;
    use proptest::prelude::*;

    const HASH: &str = "0123456789abcdfghijklmnpqrsvwxyz";

    #[test]
    fn the_store_tells_names_and_versions() {
        for (entry, expected) in [
            ("bash-interactive-5.2-p15", Some(("bash-interactive", "5.2-p15"))),
            ("git-2.42.0-doc", Some(("git", "2.42.0"))),
            ("nixos-rebuild", None),
            ("x", None),
        ] {
            assert_eq!(name_and_version(&format!("/nix/store/{HASH}-{entry}/bin/x")), expected, "{entry}");
        }
        assert_eq!(name_and_version("/nix/store/short"), None);
        assert_eq!(name_and_version("/usr/bin/x"), None);
    }

    #[test]
    fn manifests_of_all_versions_and_trees_of_links_are_read() {
        let tree = plant(&format!(
            "=== /nix/var/nix/profiles/default/manifest.json\n{{\"version\":2,\"elements\":[{{\"storePaths\":[\"/nix/store/{HASH}-hello-2.12\"]}}]}}\n\
             === /nix/var/nix/profiles/per-user/ann/profile/manifest.json\n{{\"version\":3,\"elements\":{{\"jq\":{{\"active\":true,\"storePaths\":[\"/nix/store/{HASH}-jq-1.7-bin\",\"/nix/store/{HASH}-jq-1.7-man\"]}}}}}}\n\
             === /nix/var/nix/profiles/system/sw/bin/git -> /nix/store/{HASH}-git-2.42.0/bin/git\n\
             === /nix/var/nix/profiles/system/sw/sbin -> /nix/store/{HASH}-iproute2-6.5.0/sbin\n\
             === /nix/var/nix/profiles/system/sw/bin/git-log -> /nix/store/{HASH}-git-2.42.0/bin/git-log\n"
        ));
        let (root, mut packages) = (Root::new(tree.path()), Vec::new());
        read(&Scope::new(&root), &Distribution::default(), &mut Owned::default(), &mut packages).expect("read");
        let short: Vec<_> = packages.iter().filter_map(|p| Some((p.purl.as_deref()?, p.location.as_deref()?))).collect();
        let expected = [
            ("pkg:nix/git@2.42.0", "/nix/var/nix/profiles/system/sw"),
            ("pkg:nix/iproute2@6.5.0", "/nix/var/nix/profiles/system/sw"),
            ("pkg:nix/hello@2.12", "/nix/var/nix/profiles/default"),
            ("pkg:nix/jq@1.7", "/nix/var/nix/profiles/per-user/ann/profile"),
        ];
        assert_eq!(short, expected);
    }

    proptest! {
        #[test]
        fn no_path_panics(entry in "\\PC{0,50}") {
            let _ = (name_and_version(&entry), name_and_version(&format!("/nix/store/{HASH}{entry}")));
        }
    }
}
