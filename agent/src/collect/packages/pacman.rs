//! pacman: one directory a package, in it a file `desc` of `%KEY%` lines, values below.

use super::super::text::tidy;
use super::super::{Failure, Scope};
use super::owned::Owned;
use super::purl::{Distribution, Purl};
use rollcall_shared::Timestamp;
use rollcall_shared::limits::SECTION_ROWS;
use rollcall_shared::section::Package;

const FOLDER: &str = "/var/lib/pacman/local";

/// Bytes of one description; the longest, of TeX collections, have some 20 KiB.
const DESCRIPTION_BYTES: usize = 1 << 20;

/// Adds the installed packages.
pub(super) fn read(scope: &Scope<'_>, distribution: &Distribution, owned: &mut Owned, packages: &mut Vec<Package>) -> Result<(), Failure> {
    for name in scope.list(FOLDER).iter().take(SECTION_ROWS) {
        let path = format!("{FOLDER}/{name}/desc");
        // Beside the packages lies a file that names the version of the format.
        let Some(text) = scope.bytes(&path, DESCRIPTION_BYTES)? else { continue };
        match parse(&String::from_utf8_lossy(&text), distribution) {
            Ok(package) => packages.push(package),
            Err((line, what)) => scope.problem(Failure::malformed(&path, line, what)),
        }
        if !owned.is_empty() {
            // Paths without the first `/`, between lines of other kinds.
            scope.lines(&format!("{FOLDER}/{name}/files"), |_, line| {
                owned.note(&format!("/{line}"));
                Ok(true)
            })?;
        }
    }
    Ok(())
}

fn parse(text: &str, distribution: &Distribution) -> Result<Package, (usize, String)> {
    let mut package = Package { manager: "pacman".to_owned(), ..Package::default() };
    let mut licences: Vec<&str> = Vec::new();
    let mut key = "";
    for (number, line) in text.lines().enumerate().map(|(at, line)| (at + 1, line.trim())) {
        if line.is_empty() {
            key = "";
            continue;
        }
        if let Some(name) = line.strip_prefix('%').and_then(|line| line.strip_suffix('%')) {
            key = name;
            continue;
        }
        let whole = || line.parse::<u64>().map_err(|_| (number, format!("{key} is not a number")));
        match key {
            "NAME" => package.name = tidy(line).unwrap_or_default(),
            "VERSION" => package.version = tidy(line).unwrap_or_default(),
            "BASE" => package.source = tidy(line),
            "ARCH" => package.architecture = tidy(line),
            "PACKAGER" => package.vendor = tidy(line).filter(|packager| packager != "Unknown Packager"),
            "SIZE" => package.size_bytes = Some(whole()?),
            "INSTALLDATE" => package.installed_at = i64::try_from(whole()?).ok().and_then(|seconds| seconds.checked_mul(1000)).map(Timestamp),
            "LICENSE" => licences.push(line),
            _ => {}
        }
    }
    if package.name.is_empty() || package.version.is_empty() {
        return Err((1, "a package without name or version".to_owned()));
    }
    package.licence = tidy(&licences.join(", "));
    package.purl = Purl::new("alpm", &package.name, &package.version).architecture(package.architecture.as_deref()).of(distribution);
    Ok(package)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn check(text: &str) -> Result<Package, (usize, String)> {
        parse(text, &Distribution::default())
    }

    #[test]
    fn a_description_is_a_package() {
        let text = "%NAME%\nbash\n\n%VERSION%\n5.2.037-1\n\n%BASE%\nbash\n\n%DESC%\nThe shell\n\n%ARCH%\nx86_64\n\n%INSTALLDATE%\n1729000000\n\n\
                    %PACKAGER%\nA Person <a@archlinux.org>\n\n%SIZE%\n9430000\n\n%LICENSE%\nGPL-3.0-or-later\nMIT\n\n%DEPENDS%\nreadline\n";
        let package = check(text).expect("a package");
        assert_eq!((package.name.as_str(), package.version.as_str(), package.source.as_deref()), ("bash", "5.2.037-1", Some("bash")));
        assert_eq!((package.size_bytes, package.installed_at), (Some(9_430_000), Some(Timestamp(1_729_000_000_000))));
        assert_eq!(package.licence.as_deref(), Some("GPL-3.0-or-later, MIT"));
    }

    #[test]
    fn damage_is_named_by_its_line() {
        assert_eq!(check("%NAME%\na\n\n%SIZE%\nbig\n"), Err((5, "SIZE is not a number".to_owned())));
        assert!(check("%NAME%\na\n").is_err());
    }

    proptest! {
        #[test]
        fn no_description_panics(text in "(%(NAME|VERSION|SIZE|INSTALLDATE)%\n|[ -~]{0,12}\n|\n){0,12}") {
            let _ = check(&text);
        }
    }
}
