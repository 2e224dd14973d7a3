//! Flatpak: applications and runtimes that are deployed for the whole system or in a person's home.
//!
//! `TYPE/ID/ARCHITECTURE/BRANCH/active` leads to the deployment, whose file `deploy` is a GVariant `(ssasta{sv})`: origin, commit,
//! subpaths, size, and facts of which one is the version that the application states. Runtimes state none: there the branch counts.

use super::super::text::tidy;
use super::super::{Failure, Scope};
use super::owned::Owned;
use super::purl::{Distribution, Purl};
use rollcall_shared::section::Package;

/// The installation for everyone.
const SYSTEM: &str = "/var/lib/flatpak";

/// Below a home.
const PERSONAL: &str = ".local/share/flatpak";

/// Bytes of a `deploy` file; some KiB are usual.
const DEPLOY_BYTES: usize = 1 << 20;

/// Deployments that are looked at; a desktop has some 100.
const DEPLOYMENTS: usize = 10_000;

/// Adds what is deployed.
pub(super) fn read(scope: &Scope<'_>, _distribution: &Distribution, _owned: &mut Owned, packages: &mut Vec<Package>) -> Result<(), Failure> {
    let homes = scope.list("/home").into_iter().map(|name| format!("/home/{name}")).chain(["/root".to_owned()]);
    let personal = homes.map(|home| format!("{home}/{PERSONAL}"));
    for installation in [SYSTEM.to_owned()].into_iter().chain(personal) {
        // Homes of others may not be seen: what people install for themselves is then unknown to an agent without privileges.
        if scope.options().exclude.has_path(&installation) || !scope.root().exists(&installation) {
            continue;
        }
        for folder in ["app", "runtime"].map(|kind| format!("{installation}/{kind}")) {
            deployments(scope, &folder, packages);
        }
    }
    Ok(())
}

fn deployments(scope: &Scope<'_>, folder: &str, packages: &mut Vec<Package>) {
    let mut left = DEPLOYMENTS;
    for id in scope.list(folder) {
        for architecture in scope.list(&format!("{folder}/{id}")).iter().filter(|name| *name != "current") {
            for branch in scope.list(&format!("{folder}/{id}/{architecture}")) {
                let path = format!("{folder}/{id}/{architecture}/{branch}");
                if left == 0 {
                    return scope.problem(format_args!("{folder}: more than {DEPLOYMENTS} deployments"));
                }
                left -= 1;
                packages.extend(package(scope, path, &id, architecture, &branch));
            }
        }
    }
}

fn package(scope: &Scope<'_>, path: String, id: &str, architecture: &str, branch: &str) -> Option<Package> {
    let active = format!("{path}/active");
    let facts = scope.root().facts(&format!("{active}/deploy"))?;
    let deploy = scope.bytes(&format!("{active}/deploy"), DEPLOY_BYTES);
    let deploy = deploy.unwrap_or_else(|error| {
        scope.problem(error);
        None
    })?;
    let (name, architecture) = (tidy(id)?, tidy(architecture)?);
    let version = fact(&deploy, "appdata-version").or_else(|| tidy(branch))?;
    Some(Package {
        purl: Some(Purl::new("flatpak", &name, &version).architecture(Some(&architecture)).text()),
        architecture: Some(architecture),
        manager: "flatpak".to_owned(),
        installed_at: Some(facts.modified),
        licence: fact(&deploy, "appdata-license"),
        origin: deploy.split(|&byte| byte == 0).next().and_then(|origin| tidy(&String::from_utf8_lossy(origin))),
        location: Some(path),
        name,
        version,
        ..Package::default()
    })
}

/// A text among the facts: behind its key and the padding of a variant, up to NUL.
fn fact(deploy: &[u8], key: &str) -> Option<String> {
    let marked = [b"\0", key.as_bytes(), b"\0"].concat();
    let at = deploy.windows(marked.len()).position(|window| window == marked)?;
    let value = &deploy[at + marked.len()..];
    let value = &value[value.iter().position(|&byte| byte != 0)?..];
    let end = value.iter().position(|&byte| byte == 0)?;
    // Behind the text, its end and a divider stands the type, `s`: otherwise this is no text, or an empty one was skipped.
    (value.get(end + 1..end + 3) == Some(b"\0s")).then(|| tidy(&String::from_utf8_lossy(&value[..end])))?
}

#[cfg(test)]
mod tests {
    use super::super::super::testing::plant;
    use super::*;
    use crate::root::Root;
    use proptest::prelude::*;

    const DEPLOY: &str = "flathub\\0abc123\\0\\0\\0\\0\\0\\0\\0\\0appdata-version\\0\\0\\0\\01.2.3\\0\\0s\\0\\0appdata-license\\0\\0MIT\\0\\0s";

    #[test]
    fn applications_and_runtimes_are_read_from_system_and_homes() {
        let tree = plant(&format!(
            "=== /var/lib/flatpak/app/org.x.App/current -> x86_64/stable\n=== /var/lib/flatpak/app/org.x.App/x86_64/stable/active -> c1\n\
             === /var/lib/flatpak/app/org.x.App/x86_64/stable/c1/deploy\n{DEPLOY}\n\
             === /home/ann/.local/share/flatpak/runtime/org.x.Platform/x86_64/23.08/active -> c2\n\
             === /home/ann/.local/share/flatpak/runtime/org.x.Platform/x86_64/23.08/c2/deploy\nfedora\\0\n"
        ));
        let (root, mut packages) = (Root::new(tree.path()), Vec::new());
        read(&Scope::new(&root), &Distribution::default(), &mut Owned::default(), &mut packages).expect("read");
        let short: Vec<_> = packages.iter().map(|p| (p.name.as_str(), p.version.as_str(), p.origin.as_deref(), p.licence.as_deref())).collect();
        assert_eq!(short, [("org.x.App", "1.2.3", Some("flathub"), Some("MIT")), ("org.x.Platform", "23.08", Some("fedora"), None)]);
        assert_eq!(packages[0].purl.as_deref(), Some("pkg:flatpak/org.x.App@1.2.3?arch=x86_64"));
        assert_eq!(packages[1].location.as_deref(), Some("/home/ann/.local/share/flatpak/runtime/org.x.Platform/x86_64/23.08"));
    }

    #[test]
    fn a_fact_that_is_no_text_is_none() {
        assert_eq!(fact(b"\0appdata-version\0\0\0\x01\0\0b", "appdata-version"), None);
        assert_eq!(fact(b"\0appdata-version\0", "appdata-version"), None);
    }

    proptest! {
        #[test]
        fn no_deploy_file_panics(before in proptest::collection::vec(0_u8..4, 0..8), after in proptest::collection::vec(any::<u8>(), 0..20)) {
            let _ = fact(&[&before[..], b"\0appdata-version\0", &after].concat(), "appdata-version");
        }
    }
}
