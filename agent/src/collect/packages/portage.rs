//! Portage: `/var/db/pkg/CATEGORY/NAME-VERSION/`, a file a fact.

use super::super::text::tidy;
use super::super::{Failure, Scope};
use super::owned::Owned;
use super::purl::{Distribution, Purl};
use rollcall_shared::limits::SECTION_ROWS;
use rollcall_shared::section::Package;

const FOLDER: &str = "/var/db/pkg";

/// Adds the installed packages.
pub(super) fn read(scope: &Scope<'_>, _distribution: &Distribution, owned: &mut Owned, packages: &mut Vec<Package>) -> Result<(), Failure> {
    for category in scope.list(FOLDER) {
        // `-MERGING-…` is a package that is being installed; other hidden entries are locks and caches.
        for entry in scope.list(&format!("{FOLDER}/{category}")).iter().filter(|entry| !entry.starts_with(['-', '.'])) {
            if packages.len() > SECTION_ROWS {
                return Ok(());
            }
            let folder = format!("{FOLDER}/{category}/{entry}");
            match split(entry) {
                Some((name, version)) => {
                    packages.push(package(scope, &folder, &category, (name, version)));
                    note_files(scope, &folder, owned)?;
                }
                None => scope.problem(format_args!("{folder}: not a package's name and version")),
            }
        }
    }
    Ok(())
}

/// `obj PATH CHECKSUM TIME` lines.
fn note_files(scope: &Scope<'_>, folder: &str, owned: &mut Owned) -> Result<(), Failure> {
    if owned.is_empty() {
        return Ok(());
    }
    scope.lines(&format!("{folder}/CONTENTS"), |_, line| {
        if let Some(path) = line.strip_prefix("obj ").and_then(|rest| rest.rsplitn(3, ' ').nth(2)) {
            owned.note(path);
        }
        Ok(true)
    })?;
    Ok(())
}

fn package(scope: &Scope<'_>, folder: &str, category: &str, (name, version): (&str, &str)) -> Package {
    let fact = |file: &str| scope.attribute(&format!("{folder}/{file}"));
    Package {
        name: format!("{category}/{name}"),
        version: version.to_owned(),
        architecture: fact("CHOST").and_then(|host| host.split('-').next().and_then(tidy)),
        manager: "portage".to_owned(),
        size_bytes: scope.number(&format!("{folder}/SIZE")),
        installed_at: scope.root().facts(&format!("{folder}/CONTENTS")).map(|facts| facts.modified),
        licence: fact("LICENSE"),
        purl: Some(Purl::new("ebuild", name, version).namespace(Some(category)).text()),
        origin: fact("repository"),
        ..Package::default()
    }
}

/// Splits at the first hyphen behind which there is nothing but a version.
fn split(entry: &str) -> Option<(&str, &str)> {
    let places = entry.match_indices('-').map(|(at, _)| (&entry[..at], &entry[at + 1..]));
    places.filter(|(name, _)| !name.is_empty()).find(|(_, version)| is_version(version))
}

/// `1.2.3b_rc1_p2-r3`, as the package manager's specification has it.
fn is_version(text: &str) -> bool {
    let digits = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    let text = match text.rsplit_once("-r") {
        Some((version, revision)) if digits(revision) => version,
        _ => text,
    };
    let mut parts = text.split('_');
    let numbers = parts.next().unwrap_or_default();
    let numbers = numbers.strip_suffix(|last: char| last.is_ascii_lowercase()).unwrap_or(numbers);
    let is_suffix = |part: &str| {
        let word = part.trim_end_matches(|digit: char| digit.is_ascii_digit());
        matches!(word, "alpha" | "beta" | "pre" | "rc" | "p")
    };
    numbers.split('.').all(digits) && parts.all(is_suffix)
}

#[cfg(test)]
mod tests {
    use super::super::super::testing::plant;
    use super::*;
    use crate::root::Root;
    use proptest::prelude::*;

    #[test]
    fn names_and_versions_are_told_apart() {
        for (entry, expected) in [
            ("bash-5.2_p21-r2", Some(("bash", "5.2_p21-r2"))),
            ("gtk+-3.24.41-r1", Some(("gtk+", "3.24.41-r1"))),
            ("font-adobe-100dpi-1.0.4", Some(("font-adobe-100dpi", "1.0.4"))),
            ("openssl-1.0.2u_rc1", Some(("openssl", "1.0.2u_rc1"))),
            ("gentoo-sources-6.6.13", Some(("gentoo-sources", "6.6.13"))),
            ("git-9999", Some(("git", "9999"))),
            ("bash", None),
            ("-1", None),
        ] {
            assert_eq!(split(entry), expected, "{entry}");
        }
    }

    #[test]
    fn a_tree_is_read() {
        let tree = plant(
            "=== /var/db/pkg/app-shells/bash-5.2_p21-r2/CONTENTS\nobj /bin/bash\n=== /var/db/pkg/app-shells/bash-5.2_p21-r2/SIZE\n9000\n\
             === /var/db/pkg/app-shells/bash-5.2_p21-r2/LICENSE\nGPL-3+\n=== /var/db/pkg/app-shells/bash-5.2_p21-r2/repository\ngentoo\n\
             === /var/db/pkg/app-shells/bash-5.2_p21-r2/CHOST\nx86_64-pc-linux-gnu\n=== /var/db/pkg/app-shells/-MERGING-zsh-5/CONTENTS\n",
        );
        let (root, mut packages) = (Root::new(tree.path()), Vec::new());
        read(&Scope::new(&root), &Distribution::default(), &mut Owned::default(), &mut packages).expect("read");
        assert_eq!(packages.len(), 1);
        let package = &packages[0];
        assert_eq!((package.name.as_str(), package.version.as_str()), ("app-shells/bash", "5.2_p21-r2"));
        assert_eq!((package.size_bytes, package.architecture.as_deref(), package.origin.as_deref()), (Some(9000), Some("x86_64"), Some("gentoo")));
        assert_eq!(package.purl.as_deref(), Some("pkg:ebuild/app-shells/bash@5.2_p21-r2"));
        assert!(package.installed_at.is_some());
    }

    proptest! {
        #[test]
        fn no_name_panics(entry in "[a-z0-9_.+-]{0,24}") {
            let rejoined = split(&entry).map(|(name, version)| [name, version].join("-"));
            prop_assert!(rejoined.is_none_or(|rejoined| rejoined == entry));
        }
    }
}
