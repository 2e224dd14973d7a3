//! OSV's ecosystems: whose packages an advisory means, under which name, in which order of versions, on which release.

use crate::catalogue::standing::{manager_of, same_manager};
use crate::ci::Ci;
use crate::ci::software::{Known, Scheme};

/// A world of package names.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Kind {
    /// Source packages of Debian and its relatives.
    Debian,
    /// Binary packages of Red Hat Enterprise Linux and AlmaLinux.
    Rpm,
    /// Source packages of Rocky Linux.
    RpmSource,
    /// Source packages of Alpine.
    Alpine,
    /// Python.
    Python,
    /// Node.js.
    Npm,
    /// Go modules.
    Go,
    /// Rust.
    Cargo,
    /// Java: `group:artifact`.
    Maven,
    /// Ruby.
    Gem,
}

/// An ecosystem with the release that it means, if any.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Ecosystem<'a> {
    /// Whose names.
    pub kind: Kind,
    /// `ID` of os-release and the release, for distributions.
    pub distribution: Option<(&'static str, Option<&'a str>)>,
}

impl<'a> Ecosystem<'a> {
    /// Reads OSV's text form; `None` for those that hosts are not matched by. Fixes that only paying customers get (`Ubuntu:Pro`,
    /// Red Hat's extended support) are among them: they would name a version as fixed that a host cannot have.
    #[must_use]
    pub fn read(text: &'a str) -> Option<Self> {
        let (base, rest) = text.split_once(':').map_or((text, None), |(base, rest)| (base, Some(rest)));
        let language = |kind| Some(Self { kind, distribution: None });
        let distribution = |kind, id, release| Some(Self { kind, distribution: Some((id, release)) });
        match base {
            "Debian" => distribution(Kind::Debian, "debian", rest),
            "Ubuntu" => match rest.map(|rest| rest.split(':').next().unwrap_or(rest)) {
                Some("Pro") => None,
                release => distribution(Kind::Debian, "ubuntu", release),
            },
            "Alpine" => distribution(Kind::Alpine, "alpine", rest.map(|release| release.strip_prefix('v').unwrap_or(release))),
            "Red Hat" => {
                let release = rest?.strip_prefix("enterprise_linux:")?;
                distribution(Kind::Rpm, "rhel", Some(release.split(':').next().unwrap_or(release)))
            }
            "Rocky Linux" => distribution(Kind::RpmSource, "rocky", rest),
            "AlmaLinux" => distribution(Kind::Rpm, "almalinux", rest),
            "PyPI" => language(Kind::Python),
            "npm" => language(Kind::Npm),
            "Go" => language(Kind::Go),
            "crates.io" => language(Kind::Cargo),
            "Maven" => language(Kind::Maven),
            "RubyGems" => language(Kind::Gem),
            _ => None,
        }
    }

    /// Whether a host with this system is meant. Without a distribution every host is.
    #[must_use]
    pub fn is_on(&self, os_id: &str, os_version: &str) -> bool {
        let Some((id, release)) = self.distribution else { return true };
        // `12` means 12.5 too, `3.18` means 3.18.4: the release is where the version begins.
        let covers = |release: &str| os_version.strip_prefix(release).is_some_and(|rest| rest.is_empty() || rest.starts_with('.'));
        id == os_id && release.is_none_or(covers)
    }
}

impl Kind {
    /// The order of versions.
    #[must_use]
    pub fn scheme(self) -> Scheme {
        match self {
            Self::Debian => Scheme::Debian,
            Self::Rpm | Self::RpmSource => Scheme::Rpm,
            Self::Alpine => Scheme::Alpine,
            Self::Python => Scheme::Python,
            Self::Npm | Self::Go | Self::Cargo => Scheme::Semantic,
            Self::Maven => Scheme::Generic,
            Self::Gem => Scheme::Gem,
        }
    }

    /// The version as advisories write it: those of Go's own library come as `go1.21.3`.
    #[must_use]
    pub fn plain_version(self, version: &str) -> &str {
        if self == Self::Go { version.strip_prefix("go").unwrap_or(version) } else { version }
    }

    /// The name as it is compared.
    #[must_use]
    pub fn plain_name(self, name: &str) -> Box<str> {
        match self {
            Self::Python => python_name(name),
            Self::Npm | Self::Go => name.to_lowercase().into(),
            _ => name.into(),
        }
    }
}

/// PEP 503: lower case, each run of `-`, `_` and `.` one `-`.
fn python_name(name: &str) -> Box<str> {
    let mut plain = String::with_capacity(name.len());
    for character in name.chars() {
        if !matches!(character, '-' | '_' | '.') {
            plain.extend(character.to_lowercase());
        } else if !plain.ends_with('-') {
            plain.push('-');
        }
    }
    plain.into()
}

/// Names under which an advisory can mean a pair, each with the version that it speaks of.
#[must_use]
pub fn names_of<'a>(product: &'a Ci, pair: &Known<'a>) -> Vec<(Kind, Box<str>, &'a str)> {
    let manager = manager_of(product);
    let is = |other: &str| same_manager(manager, other);
    let own = |kind: Kind| vec![(kind, kind.plain_name(&product.name), pair.version)];
    let source = |kind: Kind| {
        let name = pair.details.source.as_deref().unwrap_or(&product.name);
        vec![(kind, kind.plain_name(name), pair.details.source_version.as_deref().unwrap_or(pair.version))]
    };
    match () {
        () if is("dpkg") => source(Kind::Debian),
        () if is("rpm") => [own(Kind::Rpm), source(Kind::RpmSource)].concat(),
        () if is("apk") => source(Kind::Alpine),
        () if is("python") => own(Kind::Python),
        () if is("npm") => own(Kind::Npm),
        () if is("go") => own(Kind::Go),
        () if is("cargo") => own(Kind::Cargo),
        () if is("maven") => own(Kind::Maven),
        () if is("gem") => own(Kind::Gem),
        () => Vec::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(text: &str, on: &[(&str, &str)], not_on: &[(&str, &str)]) {
        let ecosystem = Ecosystem::read(text).expect(text);
        for (id, version) in on {
            assert!(ecosystem.is_on(id, version), "{text} is on {id} {version}");
        }
        for (id, version) in not_on {
            assert!(!ecosystem.is_on(id, version), "{text} is not on {id} {version}");
        }
    }

    #[test]
    fn an_ecosystem_means_releases() {
        check(
            "Debian:12",
            &[("debian", "12"), ("debian", "12.5")],
            &[("debian", "11"), ("debian", "121"), ("ubuntu", "12"), ("debian", "")],
        );
        check("Debian", &[("debian", "11")], &[("raspbian", "11")]);
        check("Ubuntu:22.04:LTS", &[("ubuntu", "22.04")], &[("ubuntu", "22.10"), ("debian", "22.04")]);
        check("Alpine:v3.18", &[("alpine", "3.18.4")], &[("alpine", "3.19.0"), ("alpine", "3.180")]);
        check("Red Hat:enterprise_linux:9::baseos", &[("rhel", "9.4")], &[("rhel", "8.9"), ("centos", "9")]);
        check("Rocky Linux:8", &[("rocky", "8.10")], &[("rhel", "8.10")]);
        check("AlmaLinux:9", &[("almalinux", "9.3")], &[]);
        check("PyPI", &[("debian", "12"), ("", "")], &[]);
    }

    #[test]
    fn others_are_not_matched() {
        for text in ["", "GIT", "Ubuntu:Pro:22.04:LTS", "Red Hat:rhel_eus:9.2::baseos", "Red Hat", "Android", "debian:12"] {
            assert_eq!(Ecosystem::read(text), None, "{text}");
        }
    }

    #[test]
    fn names_are_compared_in_one_spelling() {
        assert_eq!(&*Kind::Python.plain_name("Zope..Interface_X"), "zope-interface-x");
        assert_eq!(&*Kind::Maven.plain_name("org.A:b"), "org.A:b");
        assert_eq!(Kind::Go.plain_version("go1.21.3"), "1.21.3");
    }
}
