//! Python: the core metadata of an installed distribution, headers as in mail (PEP 376, PEP 566).

use super::super::super::Scope;
use super::super::super::text::tidy;
use super::super::purl::Purl;
use super::{Result, package};
use rollcall_shared::section::Package;

/// Lines of headers; a few hundred are usual where there are many classifiers.
const LINES: usize = 10_000;

pub(super) fn read(scope: &Scope<'_>, path: &str, packages: &mut Vec<Package>) -> Result {
    let mut metadata = Metadata::default();
    // Behind the headers comes the description, which may be a book.
    scope.lines(path, |number, line| Ok(metadata.takes(line.trim_end_matches('\r')) && number < LINES))?;
    packages.extend(metadata.finish(path));
    Ok(())
}

#[derive(Debug, Default)]
struct Metadata {
    name: Option<String>,
    version: Option<String>,
    licence: Option<String>,
    expression: Option<String>,
}

impl Metadata {
    /// Takes a line; false at the end of the headers.
    fn takes(&mut self, line: &str) -> bool {
        if line.is_empty() {
            return false;
        }
        if let Some((key, value)) = line.split_once(": ") {
            let value = || tidy(value).filter(|value| value != "UNKNOWN");
            match key {
                "Name" => self.name = value(),
                "Version" => self.version = value(),
                "License" => self.licence = value(),
                "License-Expression" => self.expression = value(),
                _ => {}
            }
        }
        true
    }

    /// The package, at the folder of the installation: there is one version of a package in it.
    fn finish(self, path: &str) -> Option<Package> {
        let (name, version) = (self.name?, self.version?);
        let end = ["/site-packages/", "/dist-packages/"].iter().find_map(|mark| path.rfind(mark).map(|at| at + mark.len() - 1));
        let purl = Purl::new("pypi", &name, &version.to_ascii_lowercase()).text();
        let location = end.and_then(|end| path.get(..end)).unwrap_or(path);
        Some(Package { licence: self.expression.or(self.licence), ..package("python", name, version, location, purl) })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(text: &str, path: &str) -> Option<Package> {
        let mut metadata = Metadata::default();
        let _ = text.lines().all(|line| metadata.takes(line));
        metadata.finish(path)
    }

    #[test]
    fn headers_are_a_package_and_the_description_is_not_read() {
        let path = "/opt/app/lib/python3.11/site-packages/Foo_Bar-1.0.dist-info/METADATA";
        let package = parse("Metadata-Version: 2.1\nName: Foo_Bar\nVersion: 1.0RC1\nLicense: UNKNOWN\n\nVersion: 2\n", path).expect("a package");
        assert_eq!((package.name.as_str(), package.version.as_str(), package.licence), ("Foo_Bar", "1.0RC1", None));
        assert_eq!(package.location.as_deref(), Some("/opt/app/lib/python3.11/site-packages"));
        assert_eq!(package.purl.as_deref(), Some("pkg:pypi/foo-bar@1.0rc1"));
    }

    #[test]
    fn without_a_version_there_is_no_package() {
        assert_eq!(parse("Name: foo\n", "/x"), None);
    }
}
