//! Package URLs (<https://github.com/package-url/purl-spec>): one name for a package across tools.

use rollcall_shared::section::Os;
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
pub(super) struct Purl<'a> {
    /// `deb`, `rpm` or `apk`.
    pub(super) kind: &'a str,
    pub(super) name: &'a str,
    pub(super) version: &'a str,
    pub(super) architecture: Option<&'a str>,
    pub(super) epoch: Option<&'a str>,
}

impl Purl<'_> {
    /// The text form; none while the distribution, and with it the namespace, is unknown.
    pub(super) fn of(&self, distribution: &Distribution) -> Option<String> {
        let namespace = distribution.id.as_deref()?.to_ascii_lowercase();
        let mut text = String::with_capacity(96);
        write!(text, "pkg:{}/", self.kind).ok()?;
        encode(&namespace, &mut text);
        text.push('/');
        // The names of deb and apk packages are lower-case by definition.
        if self.kind == "rpm" { encode(self.name, &mut text) } else { encode(&self.name.to_ascii_lowercase(), &mut text) }
        text.push('@');
        encode(self.version, &mut text);
        let qualifiers = [("arch", self.architecture), ("distro", distribution.release.as_deref()), ("epoch", self.epoch)];
        let known = qualifiers.iter().filter_map(|(key, value)| value.map(|value| (key, value)));
        for (position, (key, value)) in known.enumerate() {
            text.push(if position == 0 { '?' } else { '&' });
            text.push_str(key);
            text.push('=');
            encode(value, &mut text);
        }
        Some(text)
    }
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
    fn check(kind: &str, id: &str, version: Option<&str>, package: (&str, &str), epoch: Option<&str>, expected: &str) {
        let distribution = Distribution::from(Os { id: Some(id.into()), version: version.map(Into::into), ..Os::default() });
        let purl = Purl { kind, name: package.0, version: package.1, architecture: Some("amd64"), epoch };
        assert_eq!(purl.of(&distribution).as_deref(), Some(expected));
    }

    #[test]
    fn the_forms_of_the_specification_are_written() {
        check("deb", "debian", Some("12"), ("libstdc++6", "1:2.0~rc1+b1"), None, "pkg:deb/debian/libstdc%2B%2B6@1:2.0~rc1%2Bb1?arch=amd64&distro=debian-12");
        check("rpm", "fedora", Some("25"), ("Curl", "7.50.3-1.fc25"), Some("1"), "pkg:rpm/fedora/Curl@7.50.3-1.fc25?arch=amd64&distro=fedora-25&epoch=1");
        check("apk", "alpine", None, ("busybox", "1.36.1-r2"), None, "pkg:apk/alpine/busybox@1.36.1-r2?arch=amd64&distro=alpine");
    }
}
