//! dpkg: the stanzas of `/var/lib/dpkg/status`, and of the files in `status.d` that images without dpkg have.

use super::super::text::tidy;
use super::super::{Failure, Scope};
use super::owned::Owned;
use super::purl::{Distribution, Purl};
use super::room::Room;
use crate::root::Directory;
use rollcall_shared::limits::SECTION_ROWS;
use rollcall_shared::section::Package;

const STATUS: &str = "/var/lib/dpkg/status";
const PARTS: &str = "/var/lib/dpkg/status.d";
const LISTS: &str = "/var/lib/dpkg/info";

/// Adds the installed packages.
pub(super) fn read(scope: &Scope<'_>, distribution: &Distribution, owned: &mut Owned, packages: &mut Vec<Package>) -> Result<(), Failure> {
    let lists = scope.root().directory(LISTS);
    let mut room = Room::default();
    let mut keep = |package: Option<Package>| {
        package.iter().try_for_each(|package| room.take(package))?;
        packages.extend(package);
        if packages.len() > SECTION_ROWS { Err(format!("packages beyond {SECTION_ROWS} are left out")) } else { Ok(()) }
    };
    read_file(scope, STATUS, |stanza| keep(package(stanza, distribution, lists.as_ref())?))?;
    for name in scope.list(PARTS).iter().filter(|name| !name.ends_with(".md5sums")) {
        let path = format!("{PARTS}/{name}");
        // Such a file describes an installed package without saying so.
        read_file(scope, &path, |stanza| {
            stanza.installed = true;
            keep(package(stanza, distribution, None)?)
        })?;
    }
    if owned.is_empty() { Ok(()) } else { note_files(scope, owned) }
}

/// Looks for language packages in the file lists; some thousand files, so only when there is something to look for.
fn note_files(scope: &Scope<'_>, owned: &mut Owned) -> Result<(), Failure> {
    for name in scope.list(LISTS).iter().filter(|name| name.ends_with(".list")) {
        scope.lines(&format!("{LISTS}/{name}"), |_, path| {
            owned.note(path);
            Ok(true)
        })?;
    }
    Ok(())
}

/// The fields that are of use; of the others nothing is kept.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Stanza {
    line: usize,
    installed: bool,
    same: bool,
    package: Option<String>,
    version: Option<String>,
    architecture: Option<String>,
    source: Option<String>,
    maintainer: Option<String>,
    installed_kib: Option<u64>,
}

fn read_file(scope: &Scope<'_>, path: &str, mut each: impl FnMut(&mut Stanza) -> Result<(), String>) -> Result<(), Failure> {
    let mut stanza = Stanza::default();
    let mut finish = |stanza: &mut Stanza| {
        let line = stanza.line;
        let result = if stanza.is_empty() { Ok(()) } else { each(stanza).map_err(|what| Failure::malformed(path, line, what)) };
        *stanza = Stanza::default();
        result
    };
    scope.lines(path, |number, line| {
        if line.is_empty() {
            finish(&mut stanza)?;
        } else {
            stanza.field(number, line).map_err(|what| Failure::malformed(path, number, what))?;
        }
        Ok(true)
    })?;
    finish(&mut stanza)
}

impl Stanza {
    fn is_empty(&self) -> bool {
        self.line == 0
    }

    /// Takes one line; continuation lines belong to fields that are of no use here.
    fn field(&mut self, number: usize, line: &str) -> Result<(), String> {
        if self.line == 0 {
            self.line = number;
        }
        if line.starts_with([' ', '\t']) {
            return Ok(());
        }
        let (key, value) = line.split_once(':').ok_or("neither a field nor its continuation")?;
        let value = value.trim();
        match key {
            "Package" => self.package = tidy(value),
            "Version" => self.version = tidy(value),
            "Architecture" => self.architecture = tidy(value),
            "Source" => self.source = tidy(value),
            "Maintainer" => self.maintainer = tidy(value),
            "Multi-Arch" => self.same = value == "same",
            "Installed-Size" => self.installed_kib = Some(value.parse().map_err(|_| "Installed-Size is not a number")?),
            "Status" => self.installed = is_installed(value),
            _ => {}
        }
        Ok(())
    }
}

/// `install ok installed`: the third word counts. Half-way states have files on the disk, `config-files` has only configuration.
fn is_installed(status: &str) -> bool {
    !matches!(status.split_whitespace().nth(2), None | Some("not-installed" | "config-files" | "half-installed"))
}

/// The row of an installed package.
fn package(stanza: &mut Stanza, distribution: &Distribution, lists: Option<&Directory>) -> Result<Option<Package>, String> {
    if !stanza.installed {
        return Ok(None);
    }
    let stanza = std::mem::take(stanza);
    let name = stanza.package.ok_or("a stanza without Package")?;
    let version = stanza.version.ok_or_else(|| format!("package {name} without Version"))?;
    let (source, source_version) = source(stanza.source.as_deref(), &name, &version);
    let architecture = stanza.architecture;
    let listed = |name: &str| lists?.modified(name);
    let with_architecture = || architecture.as_ref().filter(|_| stanza.same).and_then(|architecture| listed(&format!("{name}:{architecture}.list")));
    let purl = Purl::new("deb", &name, &version).architecture(architecture.as_deref()).of(distribution);
    Ok(Some(Package {
        origin: None,
        location: None,
        installed_at: with_architecture().or_else(|| listed(&format!("{name}.list"))),
        purl,
        manager: "dpkg".to_owned(),
        source: Some(source),
        source_version,
        vendor: stanza.maintainer,
        size_bytes: stanza.installed_kib.and_then(|kibibytes| kibibytes.checked_mul(1024)),
        licence: None,
        architecture,
        name,
        version,
    }))
}

/// `Source: name (version)`; without the field source and package have one name, without the version one version.
fn source(field: Option<&str>, name: &str, version: &str) -> (String, Option<String>) {
    let Some(field) = field else { return (name.to_owned(), None) };
    match field.split_once(" (") {
        Some((source, rest)) => (source.to_owned(), tidy(rest.trim_end_matches(')')).filter(|other| other != version)),
        None => (field.to_owned(), None),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::root::Root;
    use proptest::prelude::*;

    fn read_text(text: &str) -> Result<Vec<Package>, String> {
        let directory = tempfile::tempdir().expect("a temporary directory");
        std::fs::create_dir_all(directory.path().join("var/lib/dpkg")).expect("a folder");
        std::fs::write(directory.path().join("var/lib/dpkg/status"), text).expect("a status file");
        let root = Root::new(directory.path());
        let mut packages = Vec::new();
        read(&Scope::new(&root), &Distribution::default(), &mut Owned::default(), &mut packages).map_err(|failure| failure.to_string())?;
        Ok(packages)
    }

    #[track_caller]
    fn check(text: &str, expected: Result<&[(&str, &str)], &str>) {
        let read = read_text(text);
        let names = read.as_ref().map(|packages| packages.iter().map(|p| (p.name.as_str(), p.version.as_str())).collect::<Vec<_>>());
        assert_eq!(names.as_deref().map_err(|error| error.as_str()), expected);
    }

    #[test]
    fn only_installed_packages_count() {
        check(
            "Package: a\nStatus: install ok installed\nVersion: 1\n\nPackage: b\nStatus: deinstall ok config-files\nVersion: 2\n\n\nPackage: c\nStatus: install ok triggers-pending\nVersion: 3\n",
            Ok(&[("a", "1"), ("c", "3")]),
        );
    }

    #[test]
    fn a_broken_stanza_is_named_by_file_and_line() {
        check("Package: a\nStatus: install ok installed\n\n", Err("/var/lib/dpkg/status:1: package a without Version"));
        check("\nPackage: a\n!!\n", Err("/var/lib/dpkg/status:3: neither a field nor its continuation"));
        check("Package: a\nInstalled-Size: big\n", Err("/var/lib/dpkg/status:2: Installed-Size is not a number"));
    }

    #[test]
    fn a_source_version_is_kept_when_it_differs() {
        assert_eq!(source(Some("gcc (12.2.0-14)"), "libgcc", "12.2.0-14+b1"), ("gcc".into(), Some("12.2.0-14".into())));
        assert_eq!(source(Some("gcc"), "libgcc", "1"), ("gcc".into(), None));
        assert_eq!(source(None, "gcc", "1"), ("gcc".into(), None));
    }

    #[test]
    fn a_description_without_end_is_not_kept_and_a_line_without_end_is_named() {
        let description = " the same again\n".repeat(2_000_000);
        check(&format!("Package: a\nStatus: install ok installed\nDescription: x\n{description}Version: 1\n"), Ok(&[("a", "1")]));
        check(&format!("Package: a\nDescription: {}\n", "x".repeat(3 << 20)), Err("/var/lib/dpkg/status:3: neither a field nor its continuation"));
    }

    #[test]
    fn this_machine_has_the_packages_that_dpkg_names() {
        let format = "${Package}\t${Version}\t${Architecture}\t${db:Status-Status}\n";
        // Other machines may have no dpkg.
        let Ok(said) = std::process::Command::new("dpkg-query").args(["-W", "-f", format]).output() else { return };
        let said = String::from_utf8(said.stdout).expect("text");
        let absent = ["not-installed", "config-files", "half-installed"];
        let split = said.lines().filter_map(|line| line.rsplit_once('\t'));
        let mut expected: Vec<String> = split.filter(|(_, status)| !absent.contains(status)).map(|(row, _)| row.to_owned()).collect();
        let (root, mut packages) = (Root::live(), Vec::new());
        read(&Scope::new(&root), &Distribution::default(), &mut Owned::default(), &mut packages).expect("read");
        let row = |package: Package| [package.name, package.version, package.architecture.unwrap_or_default()].join("\t");
        let mut found: Vec<String> = packages.into_iter().map(row).collect();
        expected.sort();
        found.sort();
        assert_eq!(found, expected);
    }

    proptest! {
        #[test]
        fn no_status_file_panics(text in "((Package|Version|Status|Source|Installed-Size): ?[ -~]{0,20}\n|\n| [a-z]*\n){0,12}") {
            let _ = read_text(&text);
        }
    }
}
