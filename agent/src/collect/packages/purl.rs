//! Package URLs (<https://github.com/package-url/purl-spec>): one name for a package across tools.
//!
//! What a type's definition says of case and spelling is applied here, so that two sources of one package agree. `snap`, `flatpak`,
//! `nix` and `ebuild` are not defined yet; they are written as other tools write them.

use super::super::text::bounded;
use rollcall_shared::section::Os;
use std::borrow::Cow;
use std::fmt::Write;

/// What a package URL says of where the package comes from.
#[derive(Clone, Debug, Default)]
pub(super) struct Distribution {
    /// `ID` of os-release; the namespace.
    id: Option<String>,
    /// `debian-12`: the qualifier `distro`.
    release: Option<String>,
}

impl From<Os> for Distribution {
    fn from(os: Os) -> Self {
        let release = os.id.as_ref().map(|id| match &os.version {
            Some(version) => format!("{id}-{version}"),
            None => id.clone(),
        });
        Self { id: os.id, release }
    }
}

/// One package URL: `pkg:type/namespace/name@version?arch=…&distro=…&epoch=…`.
#[derive(Clone, Copy)]
pub(super) struct Purl<'a> {
    kind: &'static str,
    name: &'a str,
    version: &'a str,
    namespace: Option<&'a str>,
    architecture: Option<&'a str>,
    epoch: Option<&'a str>,
}

impl<'a> Purl<'a> {
    /// Without namespace and qualifiers. An empty version is none.
    pub(super) fn new(kind: &'static str, name: &'a str, version: &'a str) -> Self {
        Self { kind, name, version, namespace: None, architecture: None, epoch: None }
    }

    /// With what comes before the name; segments are separated by `/`.
    pub(super) fn namespace(self, namespace: Option<&'a str>) -> Self {
        Self { namespace, ..self }
    }

    /// With the qualifier `arch`.
    pub(super) fn architecture(self, architecture: Option<&'a str>) -> Self {
        Self { architecture, ..self }
    }

    /// With the qualifier `epoch`.
    pub(super) fn epoch(self, epoch: Option<&'a str>) -> Self {
        Self { epoch, ..self }
    }

    /// The text form for a package of a distribution; none while the distribution, and with it the namespace, is unknown.
    pub(super) fn of(self, distribution: &'a Distribution) -> Option<String> {
        let namespace = distribution.id.as_deref()?;
        Some(Self { namespace: Some(namespace), ..self }.written(distribution.release.as_deref()))
    }

    /// The text form for a package that belongs to no distribution.
    pub(super) fn text(self) -> String {
        self.written(None)
    }

    fn written(self, distro: Option<&str>) -> String {
        let mut text = String::with_capacity(96);
        text.push_str("pkg:");
        text.push_str(self.kind);
        for segment in self.namespace.unwrap_or_default().split('/').filter(|segment| !segment.is_empty()) {
            text.push('/');
            let lower = matches!(self.kind, "deb" | "rpm" | "apk" | "alpm" | "npm" | "golang");
            encode(&if lower { lowered(segment) } else { Cow::Borrowed(segment) }, &mut text);
        }
        text.push('/');
        encode(&normal_name(self.kind, self.name), &mut text);
        if !self.version.is_empty() {
            text.push('@');
            encode(self.version, &mut text);
        }
        let qualifiers = [("arch", self.architecture), ("distro", distro), ("epoch", self.epoch)];
        let known = qualifiers.iter().filter_map(|(key, value)| value.map(|value| (key, value)));
        for (position, (key, value)) in known.enumerate() {
            text.push(if position == 0 { '?' } else { '&' });
            text.push_str(key);
            text.push('=');
            encode(value, &mut text);
        }
        bounded(text)
    }
}

/// The name as its type's definition spells it.
fn normal_name<'a>(kind: &str, name: &'a str) -> Cow<'a, str> {
    match kind {
        "deb" | "apk" | "alpm" | "npm" | "golang" => lowered(name),
        "pypi" => Cow::Owned(normal_python_name(name)),
        _ => Cow::Borrowed(name),
    }
}

fn lowered(text: &str) -> Cow<'_, str> {
    if text.bytes().any(|byte| byte.is_ascii_uppercase()) { Cow::Owned(text.to_ascii_lowercase()) } else { Cow::Borrowed(text) }
}

/// PEP 503: lower case, each run of `-`, `_` and `.` one `-`.
fn normal_python_name(name: &str) -> String {
    let mut normal = String::with_capacity(name.len());
    for character in name.chars() {
        if !matches!(character, '-' | '_' | '.') {
            normal.push(character.to_ascii_lowercase());
        } else if !normal.ends_with('-') {
            normal.push('-');
        }
    }
    normal
}

/// Percent-encodes all but unreserved characters and the colon, as the specification has it.
fn encode(part: &str, text: &mut String) {
    for &byte in part.as_bytes() {
        if byte.is_ascii_alphanumeric() || b".-_~:".contains(&byte) {
            text.push(char::from(byte));
        } else {
            // Writing to a String cannot fail.
            let _ = write!(text, "%{byte:02X}");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(kind: &'static str, id: &str, version: Option<&str>, package: (&str, &str), epoch: Option<&str>, expected: &str) {
        let distribution = Distribution::from(Os { id: Some(id.into()), version: version.map(Into::into), ..Os::default() });
        let purl = Purl::new(kind, package.0, package.1).architecture(Some("amd64")).epoch(epoch);
        assert_eq!(purl.of(&distribution).as_deref(), Some(expected));
    }

    #[test]
    fn the_forms_of_the_specification_are_written() {
        check("deb", "debian", Some("12"), ("libstdc++6", "1:2.0~rc1+b1"), None, "pkg:deb/debian/libstdc%2B%2B6@1:2.0~rc1%2Bb1?arch=amd64&distro=debian-12");
        check("rpm", "fedora", Some("25"), ("Curl", "7.50.3-1.fc25"), Some("1"), "pkg:rpm/fedora/Curl@7.50.3-1.fc25?arch=amd64&distro=fedora-25&epoch=1");
        check("apk", "alpine", None, ("busybox", "1.36.1-r2"), None, "pkg:apk/alpine/busybox@1.36.1-r2?arch=amd64&distro=alpine");
        check("alpm", "arch", None, ("pacman", "1:6.0.1-1"), None, "pkg:alpm/arch/pacman@1:6.0.1-1?arch=amd64&distro=arch");
    }

    #[track_caller]
    fn check_plain(kind: &'static str, namespace: Option<&str>, name: &str, version: &str, expected: &str) {
        assert_eq!(Purl::new(kind, name, version).namespace(namespace).text(), expected);
    }

    #[test]
    fn language_packages_have_the_names_of_their_types() {
        check_plain("pypi", None, "Django_All..Auth", "12.23", "pkg:pypi/django-all-auth@12.23");
        check_plain("npm", Some("@angular"), "animation", "12.3.1", "pkg:npm/%40angular/animation@12.3.1");
        check_plain("maven", Some("org.apache.xmlgraphics"), "batik-Anim", "1.9.1", "pkg:maven/org.apache.xmlgraphics/batik-Anim@1.9.1");
        check_plain("golang", Some("github.com/Masterminds"), "sprig", "v2.0.0+incompatible", "pkg:golang/github.com/masterminds/sprig@v2.0.0%2Bincompatible");
        check_plain("gem", None, "jruby-launcher", "1.1.2", "pkg:gem/jruby-launcher@1.1.2");
        check_plain("cargo", None, "clap_derive", "4.0.1+x", "pkg:cargo/clap_derive@4.0.1%2Bx");
        check_plain("golang", None, "stdlib", "", "pkg:golang/stdlib");
    }

    #[test]
    fn without_a_distribution_there_is_no_namespace_and_no_url() {
        assert_eq!(Purl::new("deb", "a", "1").of(&Distribution::default()), None);
    }
}
